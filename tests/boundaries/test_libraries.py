"""Looking for a shared library at replay starts no process, and finds what the original finds."""

from __future__ import annotations

import ctypes.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import replay
from replay.boundaries import libraries
from tests.recordings import record

CACHED = pytest.mark.skipif(not Path(libraries._CACHE).exists(), reason="this system's loader has no cache")


@replay.capture
def looks_up(name: str) -> str | None:
    """Looks for a library."""
    return ctypes.util.find_library(name)


@CACHED
@pytest.mark.parametrize("name", ["c", "pthread", "m", "there-is-no-such-library", "(("])
def test_no_process_is_started(tmp_path: Path, name: str) -> None:
    """The same answer, and nothing is refused."""
    (recording,) = record(tmp_path, lambda: looks_up(name))
    verdict = replay.run(recording)
    assert (verdict.status, verdict.divergences) == ("reproduced", ())


def test_the_original_answers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a replay, and where there is no cache."""
    asked: list[str] = []
    util: Callable[..., object] = type(sys)("util")
    util.find_library = asked.append  # type: ignore[attr-defined]
    libraries._tap(lambda: bool(asked), util)  # type: ignore[arg-type]
    util.find_library("a")  # type: ignore[attr-defined]
    monkeypatch.setattr(libraries, "_CACHE", "/nowhere")
    util.find_library("b")  # type: ignore[attr-defined]
    assert asked == ["a", "b"]
