"""A verdict that is not green says what else than the code may be the reason."""

from __future__ import annotations

import platform
import re
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.recording import Recording
from tests.recordings import record

WORDS = {"sender": "clara.oswald@corp.example"}


@replay.capture
def code() -> dict[str, int]:
    """A one-time code, of three bytes."""
    return {"code": secrets.randbelow(10**6) + 10**6}


@replay.capture
def job() -> dict[str, str]:
    """An identifier that is made of the moment."""
    made = uuid.uuid5(uuid.NAMESPACE_URL, str(time.time_ns()))
    return {"job": str(made), "text": f"job {made} is made"}


@replay.capture
def order() -> str:
    """A word of four bytes, which stands there as it was drawn."""
    return f"order-{secrets.token_hex(4)}"


@replay.capture
def sender() -> dict[str, str]:
    """A mail address of the code's own."""
    return {"from": WORDS["sender"]}


@replay.capture
def senders() -> dict[Any, Any]:
    """Mail addresses of the code's own as keys: alone, in a text, in a tuple."""
    word = WORDS["sender"]
    return {"by": {word: 1}, "named": {f"Clara <{word}>": 2}, "pairs": {(word, 2): 3}}


@replay.capture
def fewer() -> dict[str, int]:
    """A key of the code's own, which is gone later."""
    return {"total": 3, **({WORDS["sender"]: 3} if WORDS.get("all", "yes") == "yes" else {})}


@replay.capture
def checked(email: str = "ann.smith@corp.example") -> int:
    """A checksum of what it was given, and more."""
    return crc32(b"salt" + email.encode())


def given() -> int:
    """What it is given is masked in the recording."""
    return checked("ann.smith@corp.example")


@replay.capture
def refused(email: str) -> str:
    """A failure that is mended later."""
    if WORDS.get("mended") != "yes":
        raise ValueError(f"no account of {email}")
    return "none"


@replay.capture
def timed() -> dict[str, Any]:
    """How long it took, which no recording has."""
    began = time.perf_counter()
    while time.perf_counter() - began < 0.001:
        pass
    took = time.perf_counter() - began
    return {"took_ms": took * 1000, "steps": {"latency": took}, "count": 3}


def recorded(folder: Path, work: Callable[[], Any]) -> Recording:
    """The one recording that it made."""
    return record(folder, work)[0]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (code, "short draws: the code drew less than 8 bytes"),
        (sender, "redacted: what production had at $.from"),
        (given, "redacted: the code was given something else than in production (email)."),
        (
            timed,
            "durations: it ended as in production but for how long something took, at $.steps.latency, $.took_ms. ",
        ),
        (job, "identifiers: it ended as in production but for UUIDs, at $.job, $.text. "),
    ],
)
def test_the_reason_names_what_no_recording_holds(tmp_path: Path, work: Callable[[], Any], said: str) -> None:
    """A short draw is another at replay, a masked address cannot be compared."""
    verdict = replay.run(recorded(tmp_path, work))
    assert (verdict.status, str(verdict.reason)[: len(said)]) == ("changed", said)


def test_the_reason_names_masked_keys(tmp_path: Path) -> None:
    """A mail address of the code's own as a key is another one in the recording."""
    verdict = replay.run(recorded(tmp_path, senders))
    reason = str(verdict.reason)
    assert verdict.status == "changed"
    assert [reason.count(part) for part in ("$.by['", "$.named['Clara <", "$.pairs[", "is masked")] == [1, 1, 1, 1]


def test_a_masked_key_that_is_gone_is_the_codes_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stands in its place: that is no question of what was masked."""
    found = recorded(tmp_path, fewer)
    monkeypatch.setitem(WORDS, "all", "no")
    verdict = replay.run(found)
    assert (verdict.status, verdict.reason) == ("changed", None)


def test_what_is_repeated_leaves_no_doubt(tmp_path: Path) -> None:
    """Four bytes that were written out are written out again."""
    verdict = replay.run(recorded(tmp_path, order))
    assert (verdict.status, verdict.reason) == ("reproduced", None)


@replay.capture
def worded() -> int:
    """An error whose words are the interpreter's."""
    raise TypeError(WORDS["sender"])


@pytest.mark.parametrize(
    ("python", "words", "status", "begins"),
    [
        ("2.7.18", "f() takes 1 argument ('x')", "reproduced", "None"),
        ("2.7.18", "f() takes 2 arguments", "changed", "another Python: recorded under 2.7.18"),
        ("", "f() takes 1 argument ('x')", "changed", "None"),
    ],
)
def test_another_python_words_its_errors_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, words: str, status: str, begins: str
) -> None:
    """Of the same names and numbers that is expected; else the reason says so. Under one Python it is a change."""
    monkeypatch.setitem(WORDS, "sender", words)
    found = recorded(tmp_path, worded)
    text = re.sub(r'"python":"[^"]*"', f'"python":"{python or platform.python_version()}"', found.context.text)
    found = msgspec.structs.replace(found, context=Value(text))
    monkeypatch.setitem(WORDS, "sender", "f() is given 1 argument, 'x'")
    verdict = replay.run(found)
    assert (verdict.status, str(verdict.reason)[: len(begins)]) == (status, begins)


def test_a_failure_that_is_gone_has_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That what it was given is masked did not mend it."""
    found = recorded(tmp_path, lambda: refused("ann.smith@corp.example"))
    assert found.redacted
    monkeypatch.setitem(WORDS, "mended", "yes")
    verdict = replay.run(found)
    assert (verdict.status, verdict.reason) == ("changed", None)
