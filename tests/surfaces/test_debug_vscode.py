"""A replay under debugpy, driven by a client that speaks the Debug Adapter Protocol as VS Code does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.surfaces import debugged, projects
from tests.surfaces.test_debug import COMMAND, debug, desk, recorded

__all__ = ["desk", "recorded"]  # fixtures

HAS_DEBUGPY = find_spec("debugpy") is not None
needs_debugpy = pytest.mark.skipif(not HAS_DEBUGPY, reason="debugpy is not installed")
PATIENCE = 40.0
"""Seconds that anything may take."""


class Client:
    """The editor's side of one session."""

    def __init__(self, port: int) -> None:
        self._number = 0
        self._events: list[dict[str, Any]] = []
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                break
            except OSError:
                assert time.monotonic() < end, "nobody listens"
                time.sleep(0.1)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> int:
        """Ask for something; returns the request's number."""
        self._number += 1
        request = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._number

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The body of the reply, or the whole reply where there is none."""
        number = self.send(command, **arguments)
        while True:
            message = self._read()
            if message["type"] == "response" and message["request_seq"] == number:
                body: dict[str, Any] = message.get("body") or message
                return body
            self._events.append(message)

    def event(self, *names: str) -> dict[str, Any]:
        """The next event of one of these names."""
        while True:
            message = self._events.pop(0) if self._events else self._read()
            if message["type"] == "event" and message["event"] in names:
                return message

    def _read(self) -> dict[str, Any]:
        size = 0
        while (line := self._file.readline()) != b"\r\n":
            assert line, "the debugger hung up"
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(self._file.read(size))
        return message

    def attach(self, breakpoint: tuple[Path, int] | None = None) -> None:
        """Say hello, set a breakpoint, go."""
        self.call("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        self.send("attach", justMyCode=True)
        self.event("initialized")
        if breakpoint is not None:
            file, line = breakpoint
            self.call("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        self.call("configurationDone")

    def stopped(self) -> tuple[tuple[int, str], int, int]:
        """Where it stops next: line and function, the frame's and the thread's number."""
        thread = self.event("stopped")["body"]["threadId"]
        frame = self.call("stackTrace", threadId=thread)["stackFrames"][0]
        return (frame["line"], frame["name"]), frame["id"], thread

    def evaluate(self, expression: str, frame: int) -> str:
        """What the debug console answers."""
        reply = self.call("evaluate", expression=expression, frameId=frame, context="repl")
        return str(reply.get("result", reply.get("message")))


@contextmanager
def session(command: list[str], port: int) -> Iterator[tuple[Client, subprocess.Popen[str]]]:
    """`command` in a process of its own, and a client of it."""
    process = subprocess.Popen(
        command,
        env={**projects.environment(), "PYTHONWARNINGS": "default", "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    client = None
    try:
        client = Client(port)
        yield client, process
    finally:
        if client is not None:
            client.close()
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@needs_debugpy
@pytest.mark.parametrize(
    ("bundle", "options", "place", "look"),
    [
        ("triage", [], ("RAISES", "label"), ("customer", "{'name': 'ann', 'plan': 'pro'}")),
        ("triage", ["--at", "2"], ("ASKS", "triage"), ("name", "'eve'")),
        ("triage", ["--until", "len(found) == 3"], (None, "triage"), ("found", "['PRO', 'none', 'PRO']")),
        ("threaded", ["--at", "1"], ("WORKS", "work"), ("name", "'eve'")),
        ("rate", [], ("RATES", "one"), ("points", "4")),
    ],
)
def test_listen(
    desk: Path, bundle: str, options: list[str], place: tuple[str | None, str], look: tuple[str, str]
) -> None:
    """An editor attaches and is at the line; the clock stands, the console is sealed, the run ends as recorded."""
    port = free_port()
    with session([*COMMAND, f"captures/{bundle}.replay.db", *options, "--listen", str(port)], port) as (client, run):
        client.attach()
        (line, function), frame, thread = client.stopped()
        mark, name = place
        assert (name, True) == (function, mark is None or line == debugged.line(mark))
        assert look[1] == client.evaluate(look[0], frame)
        before = client.evaluate("__import__('time').time()", frame)
        time.sleep(1.5)
        assert before == client.evaluate("__import__('time').time()", frame)
        assert "at the prompt the world is not asked" in client.evaluate("lookup('ann')", frame)
        client.call("setBreakpoints", source={"path": str(desk / "desk.py")}, breakpoints=[])
        client.call("continue", threadId=thread)
        client.event("terminated")
        client.send("disconnect")
        client.close()  # debugpy's own process ends with its client
        out, err = run.communicate(timeout=PATIENCE)
        assert "The replay has ended: reproduced" in out
        assert (run.returncode, err) == (0, "")


@needs_debugpy
def test_the_launch_of_an_editor(desk: Path) -> None:
    """Started by debugpy as the printed configuration says: its own breakpoints hold, and ours at the error."""
    printed = json.loads(debug("captures/triage.replay.db", "--vscode", typed="").stdout)
    (configuration,) = printed["configurations"]
    port = free_port()
    command = [sys.executable, "-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client"]
    command += ["--configure-subProcess", "False", "-m", configuration["module"], *configuration["args"]]
    with session(command, port) as (client, run):
        client.attach((desk / "desk.py", debugged.line("ASKS")))
        place, frame, thread = client.stopped()
        assert (debugged.line("ASKS"), "triage") == place
        assert client.evaluate("name", frame) == "'ann'"
        client.call("continue", threadId=thread)
        assert (debugged.line("RAISES"), "label") == client.stopped()[0]
        client.call("disconnect", terminateDebuggee=True)
        run.wait(PATIENCE)


def test_listening_without_debugpy(desk: Path) -> None:
    """Said how to install it, exit 4."""
    (desk / "without").mkdir(exist_ok=True)
    (desk / "without" / "sitecustomize.py").write_text(
        "import sys\n\n\nclass Hide:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'debugpy':\n            raise ModuleNotFoundError(name)\n\n\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    path = os.pathsep.join([str(desk / "without"), projects.environment()["PYTHONPATH"]])
    done = debug("captures/triage.replay.db", "--listen", str(free_port()), typed="", PYTHONPATH=path)
    assert (done.returncode, "pip install debugpy" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize("arguments", [["--listen", "0"], ["--listen", "70000"], ["--listen", "5678", "--steps"]])
def test_what_cannot_listen(desk: Path, arguments: list[str]) -> None:
    """No port, or the wrong verb: usage."""
    assert debug("captures/triage.replay.db", *arguments, typed="").returncode == 2
