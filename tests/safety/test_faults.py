"""A fault inside each of our functions on the path of a request: the application's outcome stays, and a count rises."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec
import pytest

import replay
from replay.core.world import dropped
from replay.engine import recorder
from replay.store.spool import Spool
from replay.surfaces import init
from tests.safety import units
from tests.safety.faults import PACKAGE, Fault, watched, with_fault
from tests.safety.ways import WAYS

GUARDS = {
    "here": "one read of a variable",
    "is_free": "one read of a variable",
    "timeline_here": "one read of a variable",
    "safely": "a guard",
    "_plain.<locals>.captured": "called in the place of what the application has",
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
    "_stepped": "a guard around the end of a step",
    "go_live": "a statement before the application's call",
    "_threw": "goes around the application's generator",
    "_failed": "a guard around the end of a request",
    "_replaced": "a guard around the start of a thread",
    "Answer.__next__": "goes around the application's pieces",
    "Answer._state": "a guard around the end",
    "SizedAnswer._state": "a guard around the end",
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
    "TeeFP.__iter__": "goes around the client's read",
    "TeeFP.__next__": "goes around the client's read",
    "TeeFP.readline": "goes around the client's read",
    "TeeFP._into": "goes around the client's read",
    "TeeContent._failed": "a guard",
    "_tee_writer": "a guard",
    "patch.<locals>._request": "goes around the client's request",
    "given_up": "a guard",
    "_of_the_work": "a guard",
    "Block.__enter__": "a guard around the beginning",
    "Block.__exit__": "a guard around the end",
    "Exchange.told": "a guard",
    "Exchange.note": "a guard",
    "Exchange.end": "a guard",
    "Exchange.raised": "a guard",
    "Exchange._end": "a guard",
    "Input._noted": "a guard",
    "_carried": "a guard",
    "_tap.<locals>.in_order": "a guard",
    "_as_watched": "goes around the application's coroutine",
    "_watched": "goes around the application's coroutine",
    "_is_apart": "a guard",
    "_tap_start.<locals>.start": "goes around the application's start",
    "_is_pooled": "a guard",
    "_Carried._enter": "a guard",
    "_Carried.__call__": "goes around the application's function",
    "_function.<locals>.call": "goes around the application's function",
    "_leave": "a guard",
}
"""Not our work but the edge around it: a fault as one of these is called (no stack, no memory) is one of the call."""


UNITS = {**units.UNITS, **WAYS}
TIGHT: dict[str, Any] = {"most_bytes": 3_000, "most_interactions": 3, "most_copying_ns": 1, "most_logs": 0}
"""Budgets that every unit meets."""
pytestmark = [
    pytest.mark.usefixtures("api"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture
def captured(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> Iterator[list[recorder.Captured]]:
    """Capture is on, as `replay.init` turns it on, and keeps everything in memory."""
    caplog.set_level(logging.CRITICAL, logger="replay")
    replay.init(service="faults", spool=tmp_path, keep=replay.always() | replay.score_below(0.5), environ=["HOME"],
                on_sigterm=False, redact=False)  # fmt: skip
    found: list[recorder.Captured] = []
    assert recorder.active is not None
    recorder.configure(msgspec.structs.replace(recorder.active, sink=found.append))
    yield found
    recorder.configure(None)
    dropped.clear()  # our own faults are none of the tests after these


def shown(code: CodeType) -> str:
    return f"{code.co_filename.removeprefix(PACKAGE + '/')}:{code.co_qualname}"


def is_edge(code: CodeType) -> bool:
    return code.co_qualname in GUARDS


def is_of_the_end(code: CodeType) -> bool:
    """Of the spool, and of what it asks of a recording."""
    return code.co_filename.removeprefix(PACKAGE + "/").startswith(("store/", "engine/"))


def noticed(captured: list[recorder.Captured], before: int) -> bool:
    """A count rose, or what was lost is named in the recording."""
    if sum(dropped.values()) > before:
        return True
    return any(each.settle().gaps for each in captured)


def campaign(
    name: str, captured: list[recorder.Captured], error: type[BaseException], at: int
) -> tuple[int, list[str]]:
    unit = UNITS[name]
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


@pytest.fixture
def _no_descriptors_left() -> Iterator[None]:
    """Connections that a fault left in a cycle: hundreds, which later tests would have open."""
    yield
    gc.collect()


@pytest.mark.usefixtures("_no_descriptors_left")
@pytest.mark.parametrize("name", UNITS)
def test_a_fault_in_each_function(name: str, captured: list[recorder.Captured]) -> None:
    """At its first call."""
    number, wrong = campaign(name, captured, Fault, 1)
    assert wrong == []
    assert number > 10


@pytest.mark.parametrize("name", ["function", "raising", "httpx", "wsgi"])
def test_a_fault_where_budgets_are_met(name: str, captured: list[recorder.Captured]) -> None:
    """What cuts, counts and leaves out fails."""
    assert recorder.active is not None
    recorder.configure(msgspec.structs.replace(recorder.active, **TIGHT))
    assert campaign(name, captured, Fault, 1)[1] == []


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("name", ["function", "raising"])
def test_a_fault_beside_numpy(
    name: str, loaded: bool, captured: list[recorder.Captured], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where NumPy is loaded, values are copied in another way."""
    pytest.importorskip("numpy")
    if not loaded:
        monkeypatch.delitem(sys.modules, "numpy")
    assert campaign(name, captured, Fault, 1)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("error", [Fault, MemoryError, RecursionError])
@pytest.mark.parametrize("name", UNITS)
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
            codes = watched(lambda unit=unit: units.outcome(unit, 3))
            here = [code for code in codes if is_of_the_end(code) and not is_edge(code)]
            assert len(here) > 8
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
