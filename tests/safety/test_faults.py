"""A fault inside each of our functions on the path of a request: the application's outcome stays, and a count rises."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import CodeType
from typing import Any

import pytest

import replay
from replay.core.world import dropped
from replay.engine import recorder
from replay.store.spool import Spool
from replay.surfaces import init
from tests.safety import units
from tests.safety.faults import PACKAGE, Fault, watched, with_fault

GUARDS = {
    "here": "one read of a variable",
    "is_free": "one read of a variable",
    "timeline_here": "one read of a variable",
    "safely": "a guard",
    "failed": "what a guard does",
    "drawn": "a guard around the generator",
    "leave": "a guard around the end",
    "end": "a guard around the end",
    "_raised": "a guard around the end of a call",
    "_returned": "a guard around the end of a call",
    "lost": "what a guard does",
    "put_back": "what a guard does",
    "_put_back": "the two statements of a `finally`",
    "_ended": "a guard around the end of a step",
    "_closed": "closes the application's generator",
    "_not_sent": "a guard around the end of a request",
    "_is_again": "a guard around the end of a request",
    "_not_started": "the statements of an `except`",
    "_begun": "a guard around the beginning",
    "_Seam.begun": "a guard around the beginning",
    "_Seam.begun_async": "a guard around the beginning",
    "_tell": "a guard around the end of a crossing",
    "ASGI._begun": "a guard around the beginning",
    "WSGI._begun": "a guard around the beginning",
    "WSGI._answered": "a guard around the answer",
    "Answer._ended": "a guard around the end",
    "Stream.told": "a guard",
    "Steps.told": "a guard",
    "Steps.begin": "a guard around the beginning",
    "_async_generator.<locals>.begin": "a guard around the beginning",
    "recorded": "goes around the application's generator",
    "Stream.step": "goes around the application's generator",
    "Steps.step": "goes around the application's generator",
    "Steps.follow": "goes around the application's generator",
    "Steps._stepped": "goes around the application's generator",
    "Exchange._note_route": "a guard",
    "Steps.enter": "calls the application's generator function",
    "Recorder.sleep": "goes around the application's sleep",
    "cross": "goes around the application's value",
    "flag.<locals>.<lambda>": "the application's value",
    "_flush": "a guard",
    "_Seam.open": "asks safely",
    "_connect_noted": "goes around the client's connect",
    "TeeFP._passed": "goes around the client's read",
    "TeeContent._noted": "goes around the client's read",
    "Exchange.told": "a guard",
    "Exchange.note": "a guard",
    "Exchange.end": "a guard",
    "Exchange.raised": "a guard",
    "Exchange._end": "a guard",
    "Input._noted": "a guard",
    "_carried": "a guard",
    "_is_pooled": "a guard",
    "_Carried._enter": "a guard",
    "_leave": "a guard",
}
"""Not our work but the edge around it: a fault as one of these is called (no stack, no memory) is one of the call."""


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2000")
        self.end_headers()
        self.wfile.write(b"x" * 2000)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """An API on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as running:
        running.daemon_threads = True
        thread = Thread(target=running.serve_forever)
        thread.start()
        units.address = f"http://127.0.0.1:{running.server_port}"
        yield
        running.shutdown()
        thread.join()


@pytest.fixture
def captured(caplog: pytest.LogCaptureFixture) -> Iterator[list[recorder.Captured]]:
    """Capture is on, as `replay.init` turns it on, and keeps everything in memory."""
    caplog.set_level(logging.CRITICAL, logger="replay")
    init.install()
    init._log_handler.attach()
    found: list[recorder.Captured] = []
    recorder.configure(recorder.Settings(service="faults", keep=replay.always(), sink=found.append))
    yield found
    recorder.configure(None)
    dropped.clear()  # our own faults are none of the tests after these


def shown(code: CodeType) -> str:
    return f"{code.co_filename.removeprefix(PACKAGE + '/')}:{code.co_qualname}"


def is_edge(code: CodeType) -> bool:
    return code.co_qualname in GUARDS


def noticed(captured: list[recorder.Captured], before: int) -> bool:
    """A count rose, or what was lost is named in the recording."""
    if sum(dropped.values()) > before:
        return True
    return any(each.settle().gaps for each in captured)


def campaign(
    name: str, captured: list[recorder.Captured], error: type[BaseException], at: int
) -> tuple[int, list[str]]:
    unit = units.UNITS[name]
    recorder_settings = recorder.active
    recorder.configure(None)
    expected = repr(units.outcome(unit, 3))
    recorder.configure(recorder_settings)
    assert repr(units.outcome(unit, 3)) == expected
    wrong, number = [], 0
    for code in watched(lambda: units.outcome(unit, 3)):
        if is_edge(code):
            continue
        captured.clear()
        before = sum(dropped.values())
        ended, hits = with_fault(lambda: units.outcome(unit, 3), code, error, at)
        number += hits
        if hits and repr(ended) != expected:
            wrong.append(f"{shown(code)} changed the outcome")
        elif hits and not noticed(captured, before):
            wrong.append(f"{shown(code)} was not noticed")
        gc.collect(0)
    assert repr(units.outcome(unit, 3)) == expected
    return number, wrong


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", units.UNITS)
def test_a_fault_in_each_function(name: str, captured: list[recorder.Captured]) -> None:
    """At its first call."""
    number, wrong = campaign(name, captured, Fault, 1)
    assert wrong == []
    assert number > 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["function", "raising"])
def test_a_fault_beside_numpy(name: str, captured: list[recorder.Captured]) -> None:
    """Where NumPy is loaded, values are copied in another way."""
    pytest.importorskip("numpy")
    assert campaign(name, captured, Fault, 1)[1] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [Fault, MemoryError, RecursionError])
@pytest.mark.parametrize("name", units.UNITS)
def test_a_fault_in_each_call(name: str, error: type[BaseException], captured: list[recorder.Captured]) -> None:
    """At later calls too, and as the interpreter's own errors."""
    for at in (1, 2, 3, 5):
        assert campaign(name, captured, error, at)[1] == []


def test_a_fault_in_the_spool(tmp_path: Path) -> None:
    """Handing over fails inside the spool: the application's outcome stays, a count rises, and it goes on."""
    replay.init(service="faults", spool=tmp_path, keep=replay.always(), on_sigterm=False)
    spool = init._spool
    assert isinstance(spool, Spool)
    try:
        for unit in (units.UNITS["function"], units.UNITS["raising"]):
            expected = repr(units.outcome(unit, 3))
            here = [code for code in watched(lambda unit=unit: units.outcome(unit, 3)) if "/store/" in code.co_filename]
            assert len(here) > 4
            for code in here:
                assert replay.flush(20)
                before = sum(replay.stats()["dropped"].values())
                ended, hits = with_fault(lambda unit=unit: units.outcome(unit, 3), code, Fault)
                assert repr(ended) == expected
                assert replay.flush(20)
                assert not hits or sum(replay.stats()["dropped"].values()) > before, shown(code)
        before = replay.stats()["written"]
        units.outcome(units.UNITS["function"], 3)
        assert replay.flush(20)
        assert replay.stats()["written"] == before + 1
    finally:
        recorder.configure(None)
