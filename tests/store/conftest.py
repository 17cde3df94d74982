"""Recordings built by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replay.core.codec import Gap, Value
from replay.core.recording import Interaction, Log, ModelCall, Outcome, Prediction, Recording
from replay.store.bundle import write_bundle

Make = Callable[..., Recording]


def make_recording(id: str = "rec-1", **fields: Any) -> Recording:
    """A recording that uses every table and every kind of column."""
    gap = Gap(path="$.args[0].session", reason="opaque", type="requests.sessions.Session")
    call = Interaction(
        seq=0, lane="0", boundary="call", target="shop.app:lookup", request=Value(text='{"args":["é€🙂"]}'),
        answer=Value(text='{"name":"Ada"}', gaps=(gap,)), state="returned", offset_ns=10, duration_ns=20,
    )  # fmt: skip
    model = Interaction(
        seq=1, lane="0.1", boundary="model", target="fraud-v3", request=Value(text='{"args":[1]}'),
        answer=Value(text='"' + "long " * 2000 + '"'), state="unfinished", offset_ns=30, duration_ns=40,
    )  # fmt: skip
    settings: dict[str, Any] = {
        "id": id,
        "kind": "function",
        "entrypoint": "shop.app:triage",
        "started_at": 1_789_000_000_123_456_789,
        "duration_ns": 1234,
        "input": Value(text='{"args":[{"ticket":7}],"kwargs":{}}', gaps=(gap,)),
        "outcome": Outcome("returned", Value(text='{"label":"refund"}')),
        "context": Value(text='{"zone":"UTC"}'),
        "interactions": (call, model),
        "model_calls": (
            ModelCall(seq=1, operation_name="chat", provider_name="openai", input_tokens=7, finish_reasons=("stop",)),
        ),
        "predictions": (Prediction(seq=1, name="fraud-v3", score=-0.0, threshold=0.5, decision="review"),),
        "logs": (Log(offset_ns=5, level="WARNING", logger="shop", message="odd\0text\n"),),
        "gaps": (Gap(path="input.args[0].session", reason="opaque", type="requests.sessions.Session"),),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "http_response_status_code": 200,
        "edits": Value(text="[]"),
        "redacted": True,
    }
    return Recording(**settings | fields)


@pytest.fixture
def make() -> Make:
    return make_recording


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle of three recordings."""
    return write_bundle([make_recording(f"rec-{n}", duration_ns=n) for n in range(3)], tmp_path / "x.replay.db")
