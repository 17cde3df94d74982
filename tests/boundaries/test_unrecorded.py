"""Libraries that ask by native code: a recording says that they were called, a replay refuses it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import replay
from replay.boundaries import unrecorded
from replay.boundaries.http import wire_pools
from replay.core.world import UNRECORDED
from tests.boundaries import native_app
from tests.recordings import record


def _judged(work: Callable[[], Any], folder: Path) -> tuple[list[str], list[tuple[str, str, str]], str]:
    """The gaps of a recording of `work`; what its replay was refused, and the reason."""
    (recording,) = record(folder, work)
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    refused = [(each.kind, each.boundary, each.target) for each in verdict.divergences]
    return [gap.type for gap in recording.gaps if gap.reason == "unrecorded"], refused, verdict.reason or ""


def test_each_library_is_told_of() -> None:
    """What is patched is what a verdict has a reason for."""
    assert {library for library, _ in unrecorded._CALLS.values()} == set(UNRECORDED)


def test_a_class_of_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be put into it, so its module has one of ours in its place, and who imported it by name before."""
    library = ModuleType("native_library")
    library.deque = deque  # type: ignore[attr-defined]
    monkeypatch.setattr(native_app, "deque", deque)
    monkeypatch.setattr(unrecorded, "rebind", lambda taps: vars(native_app).update(deque=taps["deque"][1]))
    unrecorded._tap("pycurl", {"deque": ("append",), "Missing": ("perform",)}, library)
    assert native_app.deque is library.deque is not deque
    assert (native_app.deque.__module__, native_app.deque.__qualname__) == ("collections", "deque")
    assert native_app.deque([1]) == deque([1])
    gaps, refused, reason = _judged(native_app.appends, tmp_path)
    assert gaps == ["pycurl deque.append"]
    assert refused == [("refused", "pycurl", "deque.append")]
    assert "calls of pycurl are in no recording (deque.append)" in reason


@pytest.mark.parametrize("work", [native_app.connects, native_app.connects_later], ids=["called", "awaited"])
def test_a_database(tmp_path: Path, work: Callable[[], Any]) -> None:
    """Psycopg's libpq connects by itself. Its replay does not, though the code hides that it was refused."""
    pytest.importorskip("psycopg")
    with native_app.listener() as heard:
        gaps, refused, reason = _judged(work, tmp_path)
        assert gaps == ["psycopg connect"]
        assert refused == [("refused", "psycopg", "connect")]
        assert "@replay.boundary" in reason
    assert len(heard) == 1


def test_under_a_boundary(tmp_path: Path) -> None:
    """It is the boundary's answer: no gap, and nothing is asked at replay."""
    pytest.importorskip("psycopg")
    with native_app.listener() as heard:
        (recording,) = record(tmp_path, native_app.asks_a_boundary)
        assert recording.gaps == ()
        assert replay.run(recording).status == "reproduced"
    assert len(heard) == 1


@pytest.mark.parametrize("work", [native_app.curls, native_app.curls_many], ids=["easy", "multi"])
def test_pycurl(tmp_path: Path, work: Callable[[], Any]) -> None:
    """Where it is installed."""
    pytest.importorskip("pycurl")
    with native_app.listener() as heard:
        gaps, refused, _ = _judged(work, tmp_path)
        name = "Curl.perform" if work is native_app.curls else "CurlMulti.add_handle"
        assert gaps == [f"pycurl {name}"]
        assert refused == [("refused", "pycurl", name)]
    assert len(heard) == 1


def test_what_goes_by_the_name_of_urllib3(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3-future takes its place, with connections of its own, of which half was recorded."""
    connection = type("HTTPConnection", (), {"request": list, "connect": list})
    pool = type("HTTPConnectionPool", (), {"urlopen": list, "_make_request": list, "_prepare_proxy": list})
    module = ModuleType("urllib3.connection")
    vars(module).update(HTTPConnection=connection, HTTPSConnection=connection)
    vars(module).update(HTTPConnectionPool=pool, HTTPSConnectionPool=pool)
    monkeypatch.setitem(sys.modules, "urllib3.backend", ModuleType("urllib3.backend"))
    wire_pools._patch_connection(module)
    wire_pools._patch_pool(module)
    assert vars(connection)["request"] is vars(connection)["connect"] is vars(pool)["urlopen"] is list
    monkeypatch.delitem(sys.modules, "urllib3.backend")
    wire_pools._patch_connection(module)
    wire_pools._patch_pool(module)
    assert list not in (vars(connection)["request"], vars(connection)["connect"], vars(pool)["urlopen"])
