"""Looking for a shared library at replay starts no process, and finds what the original finds."""

from __future__ import annotations

import ctypes.util
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest

import replay
from replay.boundaries import libraries
from replay.core.world import current
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


class LinuxDistribution:
    """As that of `distro`."""

    @cached_property
    def _lsb_release_info(self) -> dict[str, str]:
        try:
            return {"said": subprocess.check_output([sys.executable, "-c", "print(1)"]).decode()}
        except OSError:
            return {}

    @cached_property
    def _uname_info(self) -> dict[str, str]:
        return self._lsb_release_info


@replay.capture
def tells_of_the_machine() -> str:
    """As posthog does with each event."""
    return str(sorted(LinuxDistribution()._uname_info) and "told")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they are asked")
def test_distro_asks_no_process(tmp_path: Path) -> None:
    """It has nothing of one at a replay, as where `lsb_release` is not installed."""
    distro = type(sys)("distro.distro")
    distro.LinuxDistribution = LinuxDistribution  # type: ignore[attr-defined]
    libraries._tap_distro(lambda: current.get() is not None and not getattr(current.get(), "live", True), distro)
    (recording,) = record(tmp_path, tells_of_the_machine)
    verdict = replay.run(recording)
    assert (recording.outcome.value, verdict.divergences) == ("told", ())
    assert verdict.status == "changed"  # what it makes of it is compared
