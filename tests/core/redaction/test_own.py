"""What the code has of its own in the place of a pseudonym is excused; what it says around it is not."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from replay.core.codec import encode
from replay.core.covering import cover
from replay.core.noise import known
from replay.core.plain import Plainly
from tests.core.redaction.test_redactor import KEY, REDACTOR, answer, http, recording

TOKEN = "8f14e45fceea167a5a36dedd4bea2543"
OTHER = "c9f0f895fb98ab9159f51fd0297e236d"

SAID: dict[str, Any] = {
    "prose": lambda token, total: f"token={token} total={total}",
    "JSON in bytes": lambda token, total: json.dumps({"access_token": token, "total": total}).encode(),
    "page": lambda token, total: f'<script>var password = "{token}";</script><p>{total}'.encode(),
    "cookie": lambda token, total: [["Set-Cookie", f"session={token}; Path=/{total}"], ["X", "y"]],
    "option of one letter": lambda token, total: f"mysqldump -uroot -p{token} -P{total} shop",
    "argv in words": lambda token, total: (
        f"Command '['sshpass', '-p{token}', 'ssh', '{total}']' failed: sshpass -p{token}"
    ),
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


def test_of_the_words_of_a_command_only_the_password_may_differ() -> None:
    """It stands in one word with its option."""
    found = REDACTOR.redact(recording(outcome=["mysqldump", "-hdb5", f"-p{TOKEN}", "shop"]))
    recorded, noise = found.outcome.payload.decode(), known(found).outcome
    assert recorded[2][:2] == "-p"
    assert TOKEN not in found.outcome.payload.text
    for host in ("-hdb5", "-hdb6"):
        made, _ = cover(recorded, ["mysqldump", host, f"-p{OTHER}", "shop"], noise)
        assert made == [recorded[0], host, *recorded[2:]]
    other = ["mysqldump", "-hdb5", f"-P{OTHER}", "shop"]
    assert (other, []) == cover(recorded, other, noise)


@pytest.mark.parametrize("around", ["{}", "at {} since", '{{"url": "{}"}}'])
def test_of_a_bots_address_only_its_token_may_differ(around: str) -> None:
    """Telegram's have it behind three letters. What is called of it is not its own."""
    said = "https://api.telegram.org/bot{}/{}"
    mine, other = "7312345678:AAF3kq9Zt1mVb7xRw2Lc8Ns4Jd6Yh0Ue5Po", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"
    found = REDACTOR.redact(recording(outcome={"said": around.format(said.format(mine, "sendMessage"))}))
    recorded, noise = found.outcome.payload.decode(), known(found).outcome
    assert "AAF3kq9" not in found.outcome.payload.text
    for token in (mine, other):
        same, noted = cover(recorded, {"said": around.format(said.format(token, "sendMessage"))}, noise)
        assert (recorded, 1) == (same, len(noted))
        called = {"said": around.format(said.format(token, "deleteMessage"))}
        assert (called, []) == cover(recorded, called, noise)


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


@pytest.mark.parametrize(
    ("digest", "other"),
    [
        ("8f14e45fceea167a", "order not found!"),
        ("8f14e45fceea167a", "1234567890123456"),
        ("a1B2c3D4e5F6g7H8i9J0kL", "order_not_found_at_all"),
    ],
)
def test_in_the_place_of_a_digest_stands_a_digest(digest: str, other: str) -> None:
    """A word or a number of the same length is none."""
    found = REDACTOR.redact(recording(input={"password": "hunter2-correct"}, outcome={"id": digest}))
    again = digest.translate(str.maketrans("14", "41"))
    assert cover({"id": digest}, {"id": again}, known(found).outcome)[0] == {"id": digest}
    assert cover({"id": digest}, {"id": other}, known(found).outcome) == ({"id": other}, [])


def test_a_number_is_no_digest() -> None:
    """An order's number that the code made is compared."""
    found = REDACTOR.redact(recording(input={"password": "hunter2-correct"}, outcome={"id": "1234567890123456"}))
    assert known(found).outcome == ()


MAIL = "jane.doe@acme.example"
SPELT: dict[str, Callable[[str], Any]] = {
    "set": lambda mail: {mail, "x"},
    "key": lambda mail: {"sent": {mail: {"ok": True}}},
    "keys": lambda mail: {mail: 1, f"cc.{mail}": 2},
    "Base64": lambda mail: {"x": b64encode(f"id={mail}".encode()).decode()},
    "hex": lambda mail: {"x": f"mail {mail}".encode().hex(), "mail": mail},
    "quoted": lambda mail: {"x": quote(f"mailto:{mail}?x=1", safe="")},
    "markup": lambda mail: {"x": f"&lt;{mail.replace('@', '&#64;')}&gt;", "mail": mail},
    "events": lambda mail: f"data: {mail}\n\ndata: 5\n\n".encode(),
    "JSON": lambda mail: {"x": json.dumps({"to": [mail]})},
    "hex in prose": lambda mail: {"x": f"see {f'mail {mail}'.encode().hex()} and {mail} for more"},
    "Base64 in prose": lambda mail: {"x": f"id {b64encode(f'id={mail}'.encode()).decode()}, as ever"},
    "hundreds in prose": lambda mail: {
        "x": f"{mail}, " + ", ".join(f"{mail.partition('.')[0]}.{n}@x.example" for n in range(150))
    },
    "thousands": lambda mail: {"x": f"{mail} " + " ".join(f"{n}.{mail[:4]}@x.example" for n in range(1500))},
    "JSON with escapes": lambda mail: {"x": f'{{"to": "J\\u0061ne <{mail}>", "at": "caf\\u00e9 \\/ x"}}'},
}


@pytest.mark.parametrize("name", SPELT)
def test_with_the_key_that_very_datum_is_noise_in_other_spellings(name: str) -> None:
    """Another one is not; and without the key none is."""
    said = SPELT[name]
    found = REDACTOR.redact(recording(outcome=said(MAIL)))
    recorded = _plain(found.outcome.payload.decode())
    assert MAIL not in str(recorded)
    keyed, without = known(found, KEY).outcome, known(found).outcome
    assert cover(recorded, _plain(said(MAIL)), keyed)[0] == recorded
    assert cover(recorded, _plain(said("john.doe@acme.example")), keyed)[0] != recorded
    assert cover(recorded, _plain(said(MAIL)), without)[0] != recorded


@pytest.mark.parametrize("name", ["hex in prose", "Base64 in prose"])
def test_what_stands_around_an_encoded_datum_counts(name: str) -> None:
    """Word for word."""
    said = SPELT[name](MAIL)["x"]
    found = REDACTOR.redact(recording(outcome={"x": said}))
    recorded = _plain(found.outcome.payload.decode())
    for other in (f"{said}!", f"S{said[1:]}", f"{said[:-1]}_"):
        assert cover(recorded, _plain({"x": other}), known(found, KEY).outcome)[0] != recorded


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ('"at": "caf\\u00e9 \\/ x"', '"at": "caf\u00e9 \\/ x"'),
        ('"at": "caf\\u00e9', '"at":"caf\\u00e9'),
        ("J\\u0061ne", "J\\u0061net"),
    ],
)
def test_json_that_is_written_otherwise_is_another(one: str, two: str) -> None:
    """Of what is no datum each byte counts."""
    said = SPELT["JSON with escapes"](MAIL)["x"]
    found = REDACTOR.redact(recording(outcome={"x": said}))
    recorded = _plain(found.outcome.payload.decode())
    other = said.replace(one, two)
    assert other != said
    assert cover(recorded, _plain({"x": other}), known(found, KEY).outcome)[0] != recorded


PEOPLE = [
    {"session_token": TOKEN, "email": "ann@x.example", "iban": "DE89370400440532013000", "pin": "4711"},
    {"session_token": OTHER, "email": "bob@y.example", "iban": "DE02120300000000202051", "pin": "4712"},
]


@pytest.mark.parametrize("name", PEOPLE[0])
@pytest.mark.parametrize("own", ["", "token=k3y0FtH3s3rv1c3 "], ids=["given", "beside its own"])
def test_what_stands_beside_a_credential_is_that_of_the_same_person(name: str, own: str) -> None:
    """Only the credential that the code has of its own may be another."""

    def said(person: Any, own: str) -> Any:
        return {"x": f"{own}{person['session_token']} of {person['email']}, {person['iban']}, {person['pin']}"}

    found = REDACTOR.redact(recording(input=PEOPLE, outcome=said(PEOPLE[0], own)))
    (one, two), recorded, noise = found.input.decode(), found.outcome.payload.decode(), known(found).outcome
    other = own.replace("k3y", "0th")
    assert cover(recorded, said(one, other), noise)[0] == recorded
    wrong = said({**one, name: two[name]}, other)
    assert cover(recorded, wrong, noise) == (wrong, [])


def test_what_the_code_was_given_is_no_credential_of_its_own() -> None:
    """A customer's PIN, masked, where production had the code's own."""
    found = REDACTOR.redact(recording(input=PEOPLE, outcome={"x": "with token=k3y0FtH3s3rv1c3 now"}))
    recorded, noise = found.outcome.payload.decode(), known(found).outcome
    assert "k3y0F" not in str(recorded)
    assert cover(recorded, {"x": "with token=0th0FtH3s3rv1c3 now"}, noise)[0] == recorded
    given = {"x": f"with token={found.input.decode()[1]['pin']} now"}
    assert cover(recorded, given, noise) == (given, [])


@pytest.mark.parametrize("beside", ["", "token=k3y0FtH3s3rv1c3, "])
@pytest.mark.parametrize(
    ("said", "mine", "other"),
    [("iban: {}", "DE89370400440532013000", "DE02120300000000202051"), ("email={}", MAIL, "eve@x.example"),
     ("to {}", MAIL, "eve@x.example")],
)  # fmt: skip
def test_personal_data_in_prose_is_no_credential(beside: str, said: str, mine: str, other: str) -> None:
    """Whatever names it there, and whatever stands beside it: with the key that very one, without it none."""
    said = beside + said
    own = REDACTOR.redact(recording(outcome={"x": said.format(mine), "iban": mine, "email": mine}))
    recorded: Any = own.outcome.payload.decode()
    for who, same in ((mine, True), (other, False)):
        now = {"x": said.replace("k3y", "0th").format(who), "iban": mine, "email": mine}
        assert (cover(recorded, now, known(own, KEY).outcome)[0]["x"] == recorded["x"]) is same
        assert cover(recorded, now, known(own).outcome)[0]["x"] != recorded["x"]


def test_in_another_spelling_it_is_no_credential() -> None:
    """Any text may stand for a credential of the code's own, and none for a mail address."""
    said = SPELT["markup"]
    found = REDACTOR.redact(recording(outcome=said(MAIL)))
    recorded: Any = found.outcome.payload.decode()
    other = {**recorded, "x": said("john.doe@acme.example")["x"]}
    assert cover(recorded, other, known(found).outcome) == (other, [])


def _plain(value: Any) -> Any:
    return Plainly().of(encode(value).decode())
