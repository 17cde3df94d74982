"""What the code has of its own in the place of a pseudonym is excused; what it says around it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay.core.noise import cover, known
from tests.core.redaction.test_redactor import REDACTOR, answer, http, recording

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


URL = "postgres://app:{}@db.example:{}/shop"


@pytest.mark.parametrize("said", [{"dsn_of": "{}"}, "{}", {"text": "at {} since"}], ids=["member", "all", "prose"])
def test_of_a_url_only_the_credentials_may_differ(said: Any) -> None:
    """Its user and password are the code's own; host, port and path are not."""

    def made(password: str, port: int) -> Any:
        text = URL.format(password, port)
        return said.format(text) if isinstance(said, str) else {name: at.format(text) for name, at in said.items()}

    found = REDACTOR.redact(recording(outcome=made("hunter2-correct", 5432)))
    recorded, noise = found.outcome.payload.decode(), known(found).outcome
    assert "hunter2" not in str(recorded)
    same, noted = cover(recorded, made("another-one", 5432), noise)
    assert (recorded, 1) == (same, len(noted))
    other = made("another-one", 5433)
    assert (other, []) == cover(recorded, other, noise)


ADDRESSES = {
    "parts": ("{first}.{last}@corp.example", "{last}.{first}@corp.example"),
    "lower case": ("{first}.{last}@corp.example", "{first}@corp.example"),
    "initial": ("{first[0]}{last[0]}.{last}@corp.example", "{last[0]}{first[0]}.{last}@corp.example"),
    "number": ("ticket-{number}@in.corp.example", "ticket-{last}@in.corp.example"),
    "role": ("noreply@corp.example", "no-reply@corp.example"),
}


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("said", [{"to": "{}"}, "{}", {"log": ["sent to {}."]}], ids=["member", "all", "prose"])
def test_an_address_that_is_made_of_the_input_is_told_from_any_other(name: str, said: Any) -> None:
    """It is masked, and yet only the very same one is noise: not another one made of the same words."""
    given = {"first": "Johnny", "last": "Doeman", "number": 48213}

    def made(form: str) -> Any:
        text = form.format(**given)
        text = text.lower() if name == "lower case" else text
        return json.loads(json.dumps(said).replace("{}", text))

    form, wrong = ADDRESSES[name]
    found = REDACTOR.redact(recording(input=given, outcome=made(form)))
    recorded, noise = found.outcome.payload.decode(), known(found).outcome
    assert form.format(**given).lower() not in found.outcome.payload.text.lower()
    same, noted = cover(recorded, made(form), noise)
    assert (recorded, 1) == (same, len(noted))
    assert (made(wrong), []) == cover(recorded, made(wrong), noise)


def test_two_addresses_are_not_taken_for_one_another() -> None:
    """Each stands for its own pseudonym."""
    given = {"one": "Johnny", "two": "Clarah"}
    to, sender = (f"{name}@corp.example" for name in given.values())
    found = REDACTOR.redact(recording(input=given, outcome={"to": to, "from": sender}))
    noise = known(found).outcome
    assert len(cover(found.outcome.payload.decode(), {"to": to, "from": sender}, noise)[1]) == 2
    assert cover(found.outcome.payload.decode(), {"to": sender, "from": to}, noise)[1] == []


def test_of_an_address_whose_words_nobody_gave_nothing_is_kept() -> None:
    """A digest of it would tell who has guessed it."""
    found = REDACTOR.redact(recording(input={"first": "Johnny"}, outcome={"to": "Johnny.Smithers@corp.example"}))
    assert found.context.tree["redaction"]["made"] == []
    assert cover(found.outcome.payload.decode(), {"to": "Johnny.Smithers@corp.example"}, known(found).outcome)[1] == []


@pytest.mark.parametrize("end", ["", ".", ", ok", ".\n", "?", "!"])
def test_an_address_ends_where_the_sentence_goes_on(end: str) -> None:
    """A full stop behind it is no part of a domain."""
    found = REDACTOR.redact(recording(outcome=f"sent to bob.smithers@mail.shop.example{end}"))
    said = found.outcome.payload.decode()
    assert ("smithers" in said, said.partition("@")[2]) == (False, f"mail.shop.example{end}")


@pytest.mark.parametrize(("given", "made"), [({"n": 1}, 1), ({"to": "support@shop.example"}, 0)])
def test_an_address_that_the_server_repeats_is_the_codes_own(given: Any, made: int) -> None:
    """The code had it before it was told; where it was given, what stands for it is all that may be asked."""
    body = b'{"to": "support@shop.example"}'
    before = recording(given, requests=[http(body=body)], answers=[answer(b'{"sent": ' + body + b"}")])
    found = REDACTOR.redact(before)
    assert b"support" not in found.interactions[0].request.decode()["body"]
    assert len(found.context.tree["redaction"]["made"]) == made
