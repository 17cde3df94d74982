"""A verdict that is not green says what else than the code may be the reason."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.recordings import record

WORDS = {"sender": "clara.oswald@corp.example"}


@replay.capture
def code() -> dict[str, int]:
    """A one-time code, of three bytes."""
    return {"code": secrets.randbelow(10**6) + 10**6}


@replay.capture
def order() -> str:
    """A word of four bytes, which stands there as it was drawn."""
    return f"order-{secrets.token_hex(4)}"


@replay.capture
def sender() -> dict[str, str]:
    """A mail address of the code's own."""
    return {"from": WORDS["sender"]}


def recorded(folder: Path, work: Callable[[], Any]) -> Recording:
    """The one recording that it made."""
    return record(folder, work)[0]


@pytest.mark.parametrize(
    ("work", "said"),
    [(code, "short draws: the code drew less than 8 bytes"), (sender, "redacted: what production had at $.from")],
)
def test_the_reason_names_what_no_recording_holds(tmp_path: Path, work: Callable[[], Any], said: str) -> None:
    """A short draw is another at replay, a masked address cannot be compared."""
    verdict = replay.run(recorded(tmp_path, work))
    assert (verdict.status, str(verdict.reason)[: len(said)]) == ("changed", said)


def test_what_is_repeated_leaves_no_doubt(tmp_path: Path) -> None:
    """Four bytes that were written out are written out again."""
    verdict = replay.run(recorded(tmp_path, order))
    assert (verdict.status, verdict.reason) == ("reproduced", None)
