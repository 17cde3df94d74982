"""With production's key, what the code asks and says with data of its own is redacted as production's was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import Recording
from replay.store.bundle import write_bundle
from replay.surfaces import cli
from tests.boundaries.http.server import Server
from tests.recordings import record

KEY = "k" * 32
MINE: dict[str, Any] = {}
BEFORE: dict[str, Any] = {
    "mail": "jane.doe@acme.example", "phone": "+49 170 1234567", "number": 491701234567, "born": "1980-05-17",
}  # fmt: skip


@replay.boundary
def model(prompt: str) -> str:
    """An answer that names nobody."""
    return f"{len(prompt)} characters"


@replay.boundary
def book(of: str, *, phone: str) -> dict[str, str]:
    """An answer that repeats what it was asked with."""
    return {"manager": of, "phone": phone}


@replay.boundary
def enter(row: dict[str, Any]) -> bool:
    """A row of a table."""
    return bool(row)


@replay.capture
def answer(text: str, url: str) -> dict[str, Any]:
    """What it asks and says holds data of its own: alone, in prose, in JSON, in a query and in a header."""
    mail, phone = MINE["mail"], MINE["phone"]
    said = model(f"In doubt write to {mail}, or call {phone}. {text}")
    found = book(mail, phone=phone)
    enter({"email": mail, "phone": MINE["number"], "dob": MINE["born"]})
    note = {"email": mail, "note": f"ask {mail}."}
    httpx.post(url, json=note, params={"email": mail}, headers={"From": mail})
    if text == "fail":
        raise ValueError(f"no answer for {mail}")
    return {"contact": mail, "text": f"{said}: {phone} or {mail}", "found": found}


@pytest.fixture
def mine() -> Iterator[None]:
    """The data of the code's own are what they were in production."""
    MINE.update(BEFORE)
    yield
    MINE.clear()


@pytest.fixture
def recordings(tmp_path: Path, mine: None) -> list[Recording]:
    """One that ended well, one that failed."""
    server = Server()
    url = f"{server.url}/json?n=1"

    def work() -> None:
        answer("hello", url)
        answer("fail", url)

    found = sorted(record(tmp_path, work, redaction_key=KEY), key=lambda one: one.started_at)
    server.stop()
    assert [one.status for one in found] == ["ok", "error"]
    assert all(BEFORE["mail"] not in one.context.text + one.outcome.payload.text for one in found)
    return found


def test_with_the_key_it_is_reproduced(recordings: list[Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pseudonym is what production's key makes of the code's own, and is shown as known noise."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    for recording in recordings:
        verdict = replay.run(recording)
        assert (verdict.status, verdict.unanswered) == ("reproduced", 0), verdict
        assert all(str(each.note).startswith("known noise: redacted") for each in verdict.difference)


@pytest.mark.parametrize("key", [None, "another key of 16"])
def test_without_it_the_reason_says_what_to_set(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """No key, or another one: nothing is taken for what it may not be."""
    if key is None:
        monkeypatch.delenv("REPLAY_REDACTION_KEY", raising=False)
    else:
        monkeypatch.setenv("REPLAY_REDACTION_KEY", key)
    verdict = replay.run(recordings[0])
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.kind) == ("diverged", "redaction-altered")
    id = recordings[0].context.tree["redaction"]["key"]
    assert f"(this one's id is {id}), set REPLAY_REDACTION_KEY to it" in str(verdict.reason)


@pytest.mark.parametrize(
    ("name", "other", "at"),
    [
        ("mail", "john.doe@acme.example", 0),
        ("mail", "jane.doe@acme.example.org", 0),
        ("phone", "+49 170 1234568", 0),
        ("number", 491701234568, 2),
        ("born", "1980-05-18", 2),
    ],
)
def test_any_other_is_a_divergence(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch, name: str, other: Any, at: int
) -> None:
    """Somebody else's datum is not production's."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    MINE[name] = other
    verdict = replay.run(recordings[0])
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.seq) == ("diverged", at)
    assert "set REPLAY_REDACTION_KEY" not in str(verdict.reason)


def test_what_stands_around_it_counts(recordings: list[Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a text only the datum is another."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    MINE["mail"] = f"{BEFORE['mail']} now"
    assert replay.run(recordings[0]).status == "diverged"


SERVICE = """
import os
import replay

@replay.boundary
def model(prompt): return "fine"

@replay.capture
def answer(text):
    model(f"In doubt write to jane.doe@acme.example. {text}")
    return os.environ.get("REPLAY_REDACTION_KEY", "no key")[:4] != "evil"
"""


@pytest.mark.parametrize("more", [(), ("--isolation", "hard"), ("--in-process",)])
def test_the_command_takes_it_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    """In a fresh process too, whatever a bundle says of that variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"keyed_{len(more)}{''.join(more)[-4:]}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(SERVICE)
    service = import_module(name)

    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    monkeypatch.setenv("OTHER", "1")
    (recording,) = record(tmp_path, lambda: service.answer("hello"), environ=["OTHER"])
    context = {**recording.context.decode(), "environ": {"REPLAY_REDACTION_KEY": "evil" * 8}}
    bundle = tmp_path / "one.replay.db"
    write_bundle([msgspec.structs.replace(recording, context=encode(context))], bundle)
    assert cli.main(["run", str(bundle), "--json", *more]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["status"] == "reproduced"
