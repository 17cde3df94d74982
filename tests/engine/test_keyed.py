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
from replay.core.redaction.marks import digest_of
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


@replay.boundary
def talk(number: int) -> Iterator[Any]:
    """Is told something between its pieces."""
    told = yield number
    yield f"heard {len(told)}"


@replay.capture
def send(more: int) -> list[Any]:
    """Sends data of its own into a generator."""
    told = talk(1)
    return [next(told), told.send({"to": f"mail {MINE['mail']} now", "n": more, "at": MINE["number"]})]


@pytest.mark.parametrize("name", ["mail", "number"])
def test_with_the_key_what_is_sent_into_a_generator_is_the_same(
    tmp_path: Path, mine: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Somebody else's is not, nor is what stands around it; without the key the reason says what to set."""
    (found,) = record(tmp_path, lambda: send(3), redaction_key=KEY)
    assert BEFORE["mail"] not in found.interactions[0].answer.text
    monkeypatch.delenv("REPLAY_REDACTION_KEY", raising=False)
    assert replay.run(found).status == "diverged"
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    assert replay.run(found).status == "reproduced"
    MINE[name] = {"mail": "john.doe@acme.example", "number": 491701234568}[name]
    assert replay.run(found).status == "diverged"


def test_what_else_is_sent_counts(tmp_path: Path, mine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key and the very same data."""
    (found,) = record(tmp_path, lambda: send(3), redaction_key=KEY)
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    context = found.input.decode()
    other = msgspec.structs.replace(found, input=encode({**context, "args": (4,)}))
    assert replay.run(other).status == "diverged"


@replay.capture
def invite(number: int) -> str:
    """Asks with hundreds of addresses of its own."""
    local, _, domain = MINE["mail"].partition("@")
    return model("Invite " + ", ".join(f"{local}{n}@{domain}" for n in range(number)))


@pytest.mark.parametrize("number", [30, 300, 3000])
def test_with_the_key_hundreds_of_addresses_are_the_same(
    tmp_path: Path, mine: None, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """In one text, though what stands for them is drawn of all at once; one other makes it another text."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    (found,) = record(tmp_path, lambda: invite(number), redaction_key=KEY)
    assert BEFORE["mail"].partition("@")[0] not in found.interactions[0].request.text
    assert replay.run(found).status == "reproduced"
    MINE["mail"] = "jane.doe@acme.exampla"
    assert replay.run(found).status == "diverged"
    MINE["mail"] = "john.doe@acme.example"
    assert replay.run(found).status == "diverged"


HOOK = "xW3kQ8vN1rT6yB2mD5hJ7fLs"


@replay.capture
def tell(url: str, order: dict[str, Any]) -> set[str]:
    """Asks with data of its own in paths and in bodies that are no JSON, and leaves some in what it was given."""
    mail = MINE["mail"]
    httpx.get(f"{url}/users/{mail}/orders")
    httpx.get(f"{url}/users/{mail.replace('@', '%40')}/{MINE.get('part', 'orders')}")
    for kind in ("text/plain", "application/xml"):
        httpx.post(url, content=f"<email>{mail}</email>", headers={"Content-Type": kind})
    httpx.post(url, files={"file": ("a.txt", f"ask {mail}".encode())}, data={"email": mail})
    order["contact"] = mail
    return {mail, "x"}


@pytest.fixture
def told(tmp_path: Path, mine: None) -> Recording:
    """What `tell` asked and left."""
    server = Server()
    (found,) = record(tmp_path, lambda: tell(server.url, {"id": 7}), redaction_key=KEY)
    server.stop()
    assert not any(BEFORE["mail"] in each.target + each.request.text for each in found.interactions)
    return found


def test_with_the_key_paths_texts_and_what_is_left_are_reproduced(
    told: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With somebody else's address none of them is."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    verdict = replay.run(told)
    assert (verdict.status, verdict.served) == ("reproduced", 5), verdict
    assert {each.path.partition(" ")[2] or each.path for each in verdict.difference} >= {"$.path", "$.body", "$"}
    MINE["mail"] = "john.doe@acme.example"
    verdict = replay.run(told)
    assert (verdict.status, verdict.served) == ("diverged", 0)


def test_of_a_path_the_rest_counts(told: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another resource of the same person is another request."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", KEY)
    MINE["part"] = "cards1"
    verdict = replay.run(told)
    assert verdict.divergence is not None
    assert (verdict.divergence.seq, verdict.divergence.differences[0].path) == (1, "path")


@replay.capture
def give() -> set[str]:
    """Nothing but a set."""
    return {MINE["mail"], "x"}


def test_without_the_key_a_set_is_changed(tmp_path: Path, mine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs at the root of an outcome has no steps."""
    monkeypatch.delenv("REPLAY_REDACTION_KEY", raising=False)
    (found,) = record(tmp_path, give, redaction_key=KEY)
    assert replay.run(found).status == "changed"


@replay.capture
def hook(url: str) -> int:
    """Its address is a secret of its own."""
    return httpx.post(f"{url}/{MINE['team']}/hooks/{MINE['hook']}", json={"text": "hello"}).status_code


def test_a_hook_of_its_own_is_known_noise(tmp_path: Path, mine: None) -> None:
    """As any credential is; what stands around it in the path is not."""
    server = Server()
    MINE.update(hook=HOOK, team="sales")
    (found,) = record(tmp_path, lambda: hook(server.url))
    server.stop()
    assert HOOK not in found.interactions[0].target
    MINE["hook"] = HOOK.swapcase()
    verdict = replay.run(found)
    assert (verdict.status, [each.path for each in verdict.difference]) == (
        "reproduced",
        ["interaction[0].request $.path"],
    )
    MINE["team"] = "legal"
    assert replay.run(found).status == "diverged"


@pytest.mark.parametrize("kind", ["token", "email"])
def test_a_bundle_names_no_word_of_a_path_as_a_pseudonym(tmp_path: Path, mine: None, kind: str) -> None:
    """Else one that comes from somewhere else could say that `refund` was asked, not `cancel`."""
    server = Server()
    MINE.update(hook="orders", team="cancel")
    (found,) = record(tmp_path, lambda: hook(server.url))
    server.stop()
    place = ["interaction[0].request", "$.path"]
    marks = {
        "own": [[*place, kind]], "pseudonyms": [digest_of("cancel")], "made": [digest_of("cancel\nrefund")],
        "parts": [[*place, [["cancel", "refund"]]]],
    }  # fmt: skip
    context = encode({**found.context.decode(), "redaction": marks})
    MINE["team"] = "refund"
    assert replay.run(msgspec.structs.replace(found, context=context, redacted=True)).status == "diverged"


def test_a_key_may_be_any_bytes(tmp_path: Path, mine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a variable of the environment, too."""
    monkeypatch.setenv("REPLAY_REDACTION_KEY", bytes(range(128, 160)).decode("utf-8", "surrogateescape"))
    (found,) = record(tmp_path, give)
    assert BEFORE["mail"] not in found.outcome.payload.text
    assert replay.run(found).status == "reproduced"


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
