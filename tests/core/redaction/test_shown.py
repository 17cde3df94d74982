"""What the code shows of a secret is noise where it shows the same of the pseudonym; anything else is a difference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.covering import cover
from replay.core.noise import Excuse, known
from replay.core.plain import Plainly
from replay.core.redaction.checks import luhn
from replay.core.redaction.marks import digest_of
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.shown import put_back, words_of
from tests.core.redaction.test_redactor import REDACTOR, answer, http, recording
from tests.recordings import record

GIVEN = {
    "card_number": "5425 2334 3010 9903", "email": "ann.smith@mail.example", "phone": "+1 (415) 555-0133",
    "iban": "DE89370400440532013000", "token": "tkn_9Zx8Yc7Wv6Ub5Ta4",
}  # fmt: skip
SHOWS: dict[str, Callable[[dict[str, str]], Any]] = {
    "last digits": lambda given: {"last4": given["card_number"][-4:]},
    "as a number": lambda given: {"last": int("7" + given["card_number"][-4:]) - 70000},
    "among stars": lambda given: f"paid with **** {given['card_number'][-4:]}, thank you",
    "bytes": lambda given: f"ending {given['phone'][-4:]}".encode(),
    "area": lambda given: [given["phone"][4:7]],
    "name": lambda given: f"Hello {given['email'].partition('.')[0].title()}, welcome",
    "first name": lambda given: {"user": given["email"].partition(".")[0].upper()},
    "first letters": lambda given: f"to {given['email'][:2]}***{given['email'][given['email'].index('@') :]}, ok",
    "account": lambda given: f"...{given['iban'][-4:]}",
    "start of a token": lambda given: f"token {given['token'][:6]}... refused",
    "end of a token": lambda given: f"token ...{given['token'][-5:]} refused",
    "error": lambda given: ValueError(f"no card {given['card_number'][-4:]}", {"of": given["phone"][-4:]}),
    "served": lambda given: {"status": 200, "body": json.dumps({"last4": given["card_number"][-4:]}).encode()},
}


@pytest.mark.parametrize("name", SHOWS)
def test_the_same_part_of_the_pseudonym_is_noise(name: str) -> None:
    """Production's own part is, too, if the code has it of its own; a part of something else is not."""
    show = SHOWS[name]
    found = REDACTOR.redact(recording(input=GIVEN, outcome=show(GIVEN)))
    recorded, noise = _plain(found.outcome.payload.decode()), known(found).outcome
    given = found.input.decode()
    assert given["card_number"] != GIVEN["card_number"]
    same, noted = cover(recorded, _plain(show(given)), noise)
    assert same == recorded
    assert {each.note for each in noted} == {"known noise: redacted, a part"}
    assert cover(recorded, _plain(show(GIVEN)), noise) == (recorded, [])
    other = _plain(show({each: text.replace("0133", "0134").translate(_OTHER) for each, text in given.items()}))
    assert other != recorded
    assert cover(recorded, other, noise)[0] != recorded


_OTHER = str.maketrans("0123456789abcdefghijklmnopqrstuvwxyz", "1234567890bcdefghijklmnopqrstuvwxyza")


def _plain(value: Any) -> Any:
    return Plainly().of(value)


def test_parts_in_requests_are_noise() -> None:
    """In a query, in JSON of a body, in a prompt."""
    asked = http("https://sms.example/send?last=9903", body=json.dumps({"text": "your card ending in 9903"}).encode())
    found = REDACTOR.redact(recording(input=GIVEN, requests=[asked], answers=[answer(b"{}")]))
    noise = known(found).requests[0]
    last = found.input.decode()["card_number"][-4:]
    assert {(each.path, each.words) for each in noise if hasattr(each, "words")} == {
        ("$.query.last", (("9903", last),)),
        ("$.body.text", (("9903", last),)),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "correct-horse-battery"}, "the horse is correct"),
        ({"token": "statement-of-account-88"}, "your account statement"),
        ({"email": "li@mail.example"}, "li"),
        ({"card_number": "5425 2334 3010 9903"}, "5425 is a year, 2334 too"),
        ({"email": "may.price@mail.example"}, "the price in may"),
        ({"phone": "+1 (415) 555-2024"}, "since 2024-05-01, of 2024"),
    ],
)
def test_a_word_that_stands_there_by_chance_says_nothing_of_a_secret(given: dict[str, str], said: str) -> None:
    """Of credentials only what is written as a part of something is noted, of short names, of words of small letters in
    a sentence and of years nothing."""
    found = REDACTOR.redact(recording(input=given, outcome=said))
    assert "parts" not in found.context.tree["redaction"]
    assert found.outcome.payload.decode() == said


def test_parts_of_forms_of_texts_and_of_what_is_left_are_noise() -> None:
    """Each in the field where it stands."""
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    asked = [http(body=b"last4=9903&total=1250", headers=form), http("https://a.example/9903", b"<last>9903</last>")]
    left = {"left": {"args": [{"note": "card ending in 9903"}], "kwargs": {}}}
    found = REDACTOR.redact(recording(input=GIVEN, requests=asked, answers=[answer(), answer()], context=left))
    last, noise = found.input.decode()["card_number"][-4:], known(found)
    words = [[(each.path, each.words) for each in here if isinstance(each, Excuse)] for here in noise.requests.values()]
    assert words == [[("$.body.last4", (("9903", last),))], [("$.body", (("9903", last),))]]
    kept = {"args": [{"note": f"card ending in {last}"}], "kwargs": {}}
    assert cover(left["left"], kept, noise.left)[0] == left["left"]
    assert cover(left["left"], {**kept, "kwargs": {"x": 1}}, noise.left)[0] != left["left"]


def test_two_may_have_the_same_part() -> None:
    """Two people of one name, two cards that end in the same digits."""
    people = [{"email": "ann.smith@mail.example"}, {"email": "ann.miller@mail.example"}]
    found = REDACTOR.redact(recording(input=people, outcome=["Ann", "Ann"]))
    names = [each["email"].partition(".")[0].title() for each in found.input.decode()]
    assert len(set(names)) == 2
    assert cover(["Ann", "Ann"], names, known(found).outcome)[0] == ["Ann", "Ann"]
    assert cover(["Ann", "Ann"], [names[0], "Eve"], known(found).outcome)[0] == ["Ann", "Eve"]


@pytest.mark.parametrize(
    ("recorded", "actual"),
    [
        ("approved", "declined"),
        (200, 500),
        (b"approved", b"declined"),
        (frozenset({"approved"}), frozenset({"declined"})),
    ],
    ids=["text", "number", "bytes", "set"],
)
def test_marks_of_a_stranger_do_not_cover_all_of_an_outcome(recorded: Any, actual: Any) -> None:
    """As no stored noise may: they would say that any end is the recorded one."""
    digest = digest_of("approved")
    marks = {
        "parts": [["outcome", "$", [["approved", "declined"], ["200", "500"]]]], "own": [["outcome", "$", "token"]],
        "pseudonyms": [digest], "made": [digest_of("approved\ndeclined")],
    }  # fmt: skip
    for own in ("token", "email"):
        marks["own"] = [["outcome", "$", own]]
        found = msgspec.structs.replace(recording(outcome=recorded, context={"redaction": marks}), redacted=True)
        assert cover(recorded, actual, known(found).outcome) == (actual, [])


@pytest.mark.parametrize(
    "stored",
    [None, 3, "x", [1], [["outcome"]], [["outcome", "$", 1]], [["outcome", 1, [["a", "b"]]]],
     [["outcome", "$", [["", "b"]]]], [["outcome", "$", [["paid", "failed"]]]], [["outcome", "$", [["paid", "1234"]]]],
     [["outcome", "$", [["ok", "no"]]]], [["outcome", "$", [["a"], [1, 2], "ab"]]], {"outcome": 1}],
)  # fmt: skip
def test_malformed_marks_excuse_nothing(stored: Any) -> None:
    """A bundle may hold anything."""
    assert list(words_of({"parts": stored})) == []
    found = recording(outcome="a", context={"redaction": {"parts": stored}})
    assert known(msgspec.structs.replace(found, redacted=True)).outcome == ()


def test_only_in_its_place() -> None:
    """Where production had no part of a secret, none may stand."""
    words = [("4242", "9018")]
    assert put_back("4242 of 100", "9018 of 100", words) == "4242 of 100"
    assert put_back("4242 of 100", "9018 of 101", words) == "4242 of 101"
    assert put_back("100 of 4242", "9018 of 100", words) == "9018 of 100"
    assert put_back(4242, 9018, words) == 4242
    assert put_back(4243, 9018, words) == 9018
    assert put_back(4242, 18, [("4242", "0018")]) == 4242
    assert put_back("4242 of it", "9018", words) == "9018"
    assert put_back(4242, "9018", words) == "9018"


def test_redacted_again_it_stays_noted() -> None:
    """`replay scrub` keeps what the first redaction noted."""
    first = REDACTOR.redact(recording(input=GIVEN, outcome="card 9903"))
    more = msgspec.structs.replace(first, logs=(), outcome=msgspec.structs.replace(
        first.outcome, payload=encode({"said": "card 9903", "password": "hunter2-correct"})))  # fmt: skip
    again = REDACTOR.redact(more)
    assert first.context.tree["redaction"]["parts"] == again.context.tree["redaction"]["parts"]


@replay.capture
def receipt(card_number: str, email: str) -> str:
    """Shows parts of both, and branches on what is no card's number."""
    digits = card_number.replace(" ", "")
    if not luhn(digits):
        raise ValueError(f"no card: {digits[-4:]}")
    return f"Dear {email.partition('.')[0].title()}, we charged the card ending in {digits[-4:]}."


@pytest.mark.parametrize("card", ["5425 2334 3010 9903", "5425 2334 3010 9904"])
def test_a_service_that_shows_parts_is_reproduced(tmp_path: Path, card: str) -> None:
    """Also where the number is wrong: its pseudonym is wrong, too."""
    (found,) = record(tmp_path, lambda: receipt(card, "ann.smith@mail.example"))
    assert card not in found.input.text
    verdict = replay.run(found)
    assert verdict.status == "reproduced", verdict
    assert {each.note for each in verdict.difference} == {"known noise: redacted, a part"}


NUMBERS = Pseudonyms(b"a key of the tests, 32 bytes long")


def _valid_iban(text: str) -> bool:
    bare = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def _fails(text: str) -> str:
    try:
        datetime.strptime(text, "%Y-%m-%d" if text[4] == "-" else "%d.%m.%Y")
    except ValueError as error:
        return re.sub(r"'.*'|\d+", "", str(error))
    return ""


def test_what_is_wrong_stays_wrong() -> None:
    """Of a hundred each: cards and accounts whose check is wrong, days that are none; and those that are right."""
    for number in range(100):
        card = f"54252334301{number:05}"
        assert luhn(NUMBERS.of(card)) == luhn(card)
        assert luhn(str(NUMBERS.number(int(card)))) == luhn(card)
        account = f"DE{number:02}3704004405320130{number % 7:02}"
        assert _valid_iban(NUMBERS.of(account)) == _valid_iban(account), account
    made = set()
    for month in (0, 1, 2, 4, 12, 13, 45, 99):
        for day in (0, 1, 28, 29, 30, 31, 32, 77):
            for text in (f"1990-{month:02}-{day:02}", f"2000-{month:02}-{day:02}"):
                became = NUMBERS.of(text)
                assert _fails(became) == _fails(text), (text, became)
                made.add(became)
    assert len(made) == 8 * 8 * 2
    for year in (1999, 2000):
        days = [date(year, 1, 1) + timedelta(days=number) for number in range(366 if year == 2000 else 365)]
        for form in ("%d.%m.%Y", "%m/%d/%Y"):
            written = [day.strftime(form) for day in days]
            became = [NUMBERS.of(text) for text in written]
            assert sorted(became) == sorted(written)  # each is another day's
            assert [int(text[:2]) > 12 for text in became] == [int(text[:2]) > 12 for text in written]
    for text in ("31.02.1990", "30.02.2000", "25.13.1990", "29.02.1991"):
        assert _fails(NUMBERS.of(text)), text
