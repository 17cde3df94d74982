"""Services as processes of their own, each with a spool, as the servers of this world run them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from replay.core.recording import Recording
from replay.store.bundle import open_bundle

ROOT = Path(__file__).parents[2]

WEB = """
import os
import replay

replay.init(service="web", spool=os.environ["SPOOL"], keep=replay.always())


@replay.capture(name="web:answer")
def answer(path):
    if path == "/fail":
        raise ValueError(path)
    return {"path": path, "pid": os.getpid()}


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        return [str(answer(environ["PATH_INFO"])["pid"]).encode()]
    except ValueError:
        return [b"failed"]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = str(answer(scope["path"])["pid"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours first on the path, then the folder's modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "PYTHONDONTWRITEBYTECODE": "1",
            "SPOOL": str(folder / "spool"), **more}  # fmt: skip


def run(code: str, folder: Path, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """A script, to its end."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True,
                          timeout=timeout, check=False)  # fmt: skip


@contextmanager
def running(command: list[str], folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A server; what it says is in `said`. Killed at the end, with its children."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder, **more), stdout=said, stderr=said,
                                   text=True, start_new_session=True)  # fmt: skip
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(20)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def get(url: str) -> str:
    """The body of an answer."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def wait_for(url: str, process: subprocess.Popen[str], said: Path, seconds: float = 30.0) -> None:
    """Until the server answers."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(urllib.error.URLError, OSError):
            get(url)
            return
        time.sleep(0.05)
    raise AssertionError(f"it never answered:\n{said.read_text()}")


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def recordings(folder: Path) -> list[Recording]:
    """All that was written, in no order."""
    return [recording for path in (folder / "spool").glob("*.replay.db") for recording in open_bundle(path)]
