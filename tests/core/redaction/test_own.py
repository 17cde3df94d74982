"""What the code has of its own in the place of a pseudonym is excused; what it says around it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay.core.noise import cover, known
from tests.core.redaction.test_redactor import REDACTOR, recording

TOKEN = "8f14e45fceea167a5a36dedd4bea2543"
OTHER = "c9f0f895fb98ab9159f51fd0297e236d"

SAID: dict[str, Any] = {
    "prose": lambda token, total: f"token={token} total={total}",
    "JSON in bytes": lambda token, total: json.dumps({"access_token": token, "total": total}).encode(),
    "page": lambda token, total: f'<script>var password = "{token}";</script><p>{total}'.encode(),
    "cookie": lambda token, total: [["Set-Cookie", f"session={token}; Path=/{total}"], ["X", "y"]],
    "twice": lambda token, total: f"token={token} total={total} secret: {token}",
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
def test_only_the_secret_may_differ(said: Any) -> None:
    """Another token is noise; another number beside it is a difference, with the same token or another."""
    found = REDACTOR.redact(recording(outcome={"said": said(TOKEN, 5)}))
    recorded = found.outcome.payload.decode()
    assert TOKEN not in found.outcome.payload.text
    noise = known(found).outcome
    for token in (TOKEN, OTHER):
        same, noted = cover(recorded, {"said": said(token, 5)}, noise)
        assert (recorded, 1) == (same, len(noted))
        other = {"said": said(token, 6)}
        assert (other, []) == cover(recorded, other, noise)


@pytest.mark.parametrize("own", ["", "two words", 'a"b', "<b>"])
def test_what_is_no_single_word_is_no_secret(own: str) -> None:
    """In its place stands one word."""
    found = REDACTOR.redact(recording(outcome={"said": f"token={TOKEN} total=5"}))
    other = {"said": f"token={own} total=5"}
    assert (other, []) == cover(found.outcome.payload.decode(), other, known(found).outcome)
