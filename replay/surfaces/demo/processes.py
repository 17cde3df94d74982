"""The demo's two child processes: the third parties, and the service under uvicorn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from replay.errors import ReplayError

START_SECONDS = 30.0
STOP_SECONDS = 30.0


@contextmanager
def third_parties() -> Iterator[dict[str, int]]:
    """Run the servers; gives their ports by name. When left, they are stopped and their ports refuse."""
    command = [sys.executable, "-m", "replay.surfaces.demo.servers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise ReplayError("The demo's servers did not start; what they said is above.", slug="demo-start")
            ports = {name: port for name, port in json.loads(line).items() if isinstance(port, int)}
            yield ports
        finally:
            process.stdin.close()
            _wait(process)
    open_ports = [name for name, port in ports.items() if not refuses(port)]
    if open_ports:
        raise ReplayError(f"Still answering after they were stopped: {', '.join(open_ports)}.", slug="demo-stop")


@contextmanager
def service(folder: Path, work: Path, ports: dict[str, int]) -> Iterator[int]:
    """Run the service, recording into `folder`; gives its port. When left, it was shut down in order (SIGTERM)."""
    port = free_port()
    environ = os.environ | {
        "PORT": str(port),
        "REPLAY_SPOOL": str(folder),
        "TRIAGE_DATABASE": str(work / "triage.sqlite3"),
        "CRM_URL": f"http://127.0.0.1:{ports['crm']}",
        "BILLING_URL": f"http://127.0.0.1:{ports['billing']}",
        "MODEL_URL": f"http://127.0.0.1:{ports['model']}/v1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    log = work / "service.log"
    command = [sys.executable, "-m", "replay.surfaces.demo.service"]
    with log.open("wb") as out, subprocess.Popen(command, env=environ, stdout=out, stderr=out) as process:
        try:
            await_start(process, port, log)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            _wait(process)


def refuses(port: int) -> bool:
    """Whether nobody listens on that port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_start(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until it listens. Raises ReplayError, with the end of its log, if it does not."""
    end = monotonic() + START_SECONDS
    while refuses(port):
        if process.poll() is not None or monotonic() > end:
            tail = log.read_text(errors="replace")[-2_000:]
            raise ReplayError(f"The demo's service did not start ({log}):\n{tail}", slug="demo-start")
        sleep(0.05)


def _wait(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
