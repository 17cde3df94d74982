"""gRPC: calls that no boundary takes are told of and refused, the errors of those that one does are given back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.recording import Recording
from tests.recordings import record

pytest.importorskip("grpc")
from tests.boundaries import grpc_app


def _record(folder: Path, work: Callable[[], Any]) -> Recording:
    with grpc_app.server():
        (recording,) = record(folder, work)
    return recording


@pytest.mark.parametrize("work", [grpc_app.handles, grpc_app.handles_later], ids=["called", "awaited"])
@pytest.mark.parametrize("name", ["a", "nobody"])
def test_an_error_has_its_status(tmp_path: Path, work: Callable[[str], Any], name: str) -> None:
    """Code, details and metadata, as the caller asks for them."""
    recording = _record(tmp_path, lambda: work(name))
    if name == "nobody":
        assert recording.outcome.value == ["NOT_FOUND", True, "no such customer", [["retry", "never"]]]
        assert recording.interactions[0].answer.tree["$error"]["message"] == "NOT_FOUND: no such customer"
    assert recording.gaps == ()
    assert replay.run(recording).status == "reproduced"


def test_a_stream_that_breaks(tmp_path: Path) -> None:
    """Its error is the call itself."""
    recording = _record(tmp_path, grpc_app.lists)
    assert recording.outcome.value == [b"one", "RESOURCE_EXHAUSTED", False, "no more", []]
    assert replay.run(recording).status == "reproduced"


def test_an_incident_of_it(tmp_path: Path) -> None:
    """Its status is compared."""
    recording = _record(tmp_path, lambda: grpc_app.fails("nobody"))
    assert recording.error_type == "grpc._channel._InactiveRpcError"
    assert replay.run(recording).status == "reproduced"
    (one,) = recording.interactions
    other = msgspec.structs.replace(one, answer=Value(one.answer.text.replace("NOT_FOUND", "UNAVAILABLE")))
    assert replay.run(msgspec.structs.replace(recording, interactions=(other,))).status == "changed"


@pytest.mark.parametrize("work", [grpc_app.forgets, grpc_app.forgets_later], ids=["called", "awaited"])
def test_a_call_that_no_boundary_takes(tmp_path: Path, work: Callable[[str], Any]) -> None:
    """The recording says that it was made; a replay refuses it, and says what to do, though the code hides that."""
    with grpc_app.server():
        (recording,) = record(tmp_path, lambda: work("a"))
        assert [(gap.path, gap.reason, gap.type) for gap in recording.gaps] == [
            ("interaction", "unrecorded", "grpc /crm.Crm/Get")
        ]
        verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert [(each.kind, each.boundary, each.target) for each in verdict.divergences] == [
        ("refused", "grpc", "/crm.Crm/Get")
    ]
    assert verdict.divergences[0].where[-1].function in ("get", "get_later")
    assert "@replay.boundary" in (verdict.reason or "")
