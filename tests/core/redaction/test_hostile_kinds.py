"""40 KB of what services log, export and send, full of secrets: none is left, in a time that a service can spare."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from collections.abc import Callable
from random import Random
from string import ascii_letters, digits
from typing import Any
from urllib.parse import quote

import pytest

from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.redactor import Redactor
from replay.core.redaction.rules import Redaction, Rules
from tests.core.redaction.test_redactor import REDACTOR, everything, recording

SIZE = 40_000
NAMES = ("Ann", "Bob", "Cy", "Dora", "Emil", "Fay")


def _word(number: int) -> str:
    """A secret of its own: letters and digits, none of them a word."""
    return "".join(Random(number).choices(ascii_letters, k=8)) + "7q" + Random(number).choice(digits)


def _mail(number: int) -> str:
    return f"{NAMES[number % 6].lower()}{number}x@mail{number % 5}.example"


def _line(number: int) -> str:
    return f"password={_word(number)} of user {number}"


def _encoded(number: int) -> str:
    return b64encode(json.dumps({"n": number, "api_key": _word(number)}).encode()).decode()


def _log(number: int) -> str:
    return json.dumps({"at": number, "user": f"u{number}", "token": _word(number), "by": _mail(number)})


def _fields(number: int) -> str:
    word = _word(number)
    return (
        f"n={number}&password={word[:3]}%{ord(word[3]):02X}{word[4:]}&mail=a{number}%40x.example&to={NAMES[number % 6]}"
    )


def _shapes(number: int) -> str:
    shapes = ({"at": number, "token": _word(number)}, {"at": number, "by": {"pin": _word(number)}},
              {"level": "info", "to": _mail(number), "secret": _word(number)})  # fmt: skip
    return json.dumps(shapes[number % 3])


def _person(number: int) -> str:
    return f"{number},{NAMES[number % 6]},{_mail(number)},+1 415 555 {number:04},19{number % 90 + 10}-03-17,Rome"


def _statement(number: int) -> str:
    return f"INSERT INTO users (id, email, password) VALUES ({number}, '{_mail(number)}', '{_word(number)}');"


def _said(number: int) -> str:
    to = NAMES[number % 5]
    return f"[12:{number % 60:02}] <{_mail(number)}>: hi {to}, my token is {_word(number)} (in (this) box)"


def _query(number: int) -> str:
    return f"https://h.example/p/{number}?token={_word(number)}&mail={quote(_mail(number), safe='')}&n={number}"


def _where(number: int) -> str:
    return f"WHERE token IN ('{_word(number)}', 'b') OR n IN ('it', 'abcd') AND secret LIKE '%{_word(number)}%'"


def _packed(number: int) -> str:
    return b64encode(gzip.compress(_line(number).encode(), mtime=0)).decode()


def _nested(number: int) -> str:
    return json.dumps({"n": number, "body": json.dumps({"api_key": _word(number), "by": {"id": number}})})


def _part(number: int) -> str:
    return f'--b0und\r\nContent-Disposition: form-data; name="password{number}"\r\n\r\n{_word(number)}'


def _envelope(number: int) -> str:
    name = f"<ns:Username>u{number}</ns:Username>"
    return f'<ns:Login xmlns:ns="urn:x">{name}<ns:Password Type="Text">{_word(number)}</ns:Password></ns:Login>'


def _trace(number: int) -> str:
    return f'  File "/srv/app/views.py", line {number}, in handler\n    client = Client(api_key="{_word(number)}")'


def _tuple(number: int) -> str:
    return (
        f"({number}, 'O''{NAMES[number % 6]}', '{_mail(number)}', '+1 415 555 {number:04}', '{_word(number)}', NOW())"
    )


def _card(number: int) -> str:
    return f"BEGIN:VCARD\r\nN:{NAMES[number % 6]};;;;\r\nEMAIL;TYPE=WORK:{_mail(number)}\r\nEND:VCARD"


ROWS: dict[str, tuple[Callable[[int], str], str]] = {
    "Base64": (lambda n: b64encode(_line(n).encode()).decode(), "\n"),
    "hexadecimal digits": (lambda n: _line(n).encode().hex(), " "),
    "JSON in Base64": (_encoded, " "),
    "lines of JSON": (_log, "\n"),
    "events": (lambda n: f"data: {json.dumps({'delta': {'content': f'token={_word(n)}. '}})}\n", "\n"),
    "persons": (_person, "\n"),
    "statements": (_statement, "\n"),
    "chat": (_said, "\n"),
    "cookies": (lambda n: f"theme=dark; session={_word(n)}; u={n}", "\n"),
    "addresses": (_query, "\n"),
    "one address": (lambda n: f"token{n}={_word(n)}", "&"),
    "settings": (lambda n: f"SERVICE_{n}_SECRET={_word(n)}", "\n"),
    "entities": (lambda n: f"&quot;password&quot;: &quot;{_word(n)}&quot;,", " "),
    "percent": (lambda n: quote(json.dumps({"password": _word(n), "n": n}), safe=""), "%2C"),
    "escapes": (lambda n: "".join(f"\\u{ord(char):04x}" for char in f"token={_word(n)} "), ""),
    "lists of SQL": (_where, "\n"),
    "gzip in Base64": (_packed, "\n"),
    "JSON in lines of JSON": (_nested, "\n"),
    "parts of a form": (_part, "\r\n"),
    "envelopes": (_envelope, "\n"),
    "YAML": (lambda n: f"svc{n}:\n  password: {_word(n)}\n  replicas: {n}", "\n"),
    "stack traces": (_trace, "\n"),
    "rows of SQL": (_tuple, ",\n"),
    "address cards": (_card, "\r\n"),
    "data: URLs": (lambda n: f"data:text/plain;base64,{b64encode(_line(n).encode()).decode()}", "\n"),
    "elements in entities": (lambda n: f"<x>&lt;password&gt;{_word(n)}&lt;/password&gt; a &amp; b</x>", ""),
    "a key again and again": (lambda n: f"token={_word(n)}&user=u{n}", "&"),
    "encoded fields": (_fields, "&"),
    "lines of JSON of three shapes": (_shapes, "\n"),
    "JSON in lines of Base64": (
        lambda n: b64encode(json.dumps({"of": NAMES[n % 6], "pin": _word(n)}).encode()).decode(),
        "\n",
    ),
    "percent-encoded forms": (lambda n: quote(f"password={_word(n)}&email={_mail(n)}", safe=""), "\n"),
}
"""A row, and what stands between two."""
HEADS = {
    "persons": "id,name,email,phone,dob,city\n",
    "one address": "https://h.example/?",
    "rows of SQL": "INSERT INTO persons (id, name, email, phone, password, seen) VALUES\n",
}
SECRETS = {"persons": _mail, "address cards": _mail}
"""Those of most are `_word`."""


@pytest.mark.parametrize("name", ROWS)
def test_hundreds_of_rows(name: str) -> None:
    """Each secret is masked in its encoding, and the same elsewhere; redacting again changes nothing; the time is a
    bound number of times what prose takes."""
    (row, between), head, secret = ROWS[name], HEADS.get(name, ""), SECRETS.get(name, _word)
    rows: list[str] = []
    while sum(map(len, rows)) + len(rows) * len(between) < SIZE:
        rows.append(row(len(rows)))
    text = head + between.join(rows)
    plain = recording({"text": text})
    before = recording({"text": text, "again": [secret(3), secret(len(rows) - 1)]})
    after = REDACTOR.redact(before)
    left = everything(after)
    assert [number for number in range(len(rows)) if secret(number) in left] == []
    held = after.input.decode()
    if name != "gzip in Base64":
        assert len(held["text"]) == len(text)
    assert REDACTOR.redact(after) == after
    prose = recording({"text": "no secret at all, " * (SIZE // 18)})
    spent: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(6):
        redactor = Redactor(Rules(Redaction()), Pseudonyms(bytes([turn // 2]) * 32))
        started = time.thread_time()
        redactor.redact((plain, prose)[turn % 2])
        spent[turn % 2].append(time.thread_time() - started)
    assert min(spent[0]) < 30 * min(spent[1])


OWN: dict[str, Callable[[int], Any]] = {
    "URLs with passwords": lambda n: f"https://{NAMES[n % 6]}:{_word(n)}@h{n % 9}.example/",
    "URLs with queries": lambda n: f"https://h{n % 9}.example/a?token={_word(n)}&n={n}",
    "forms": lambda n: f"token={_word(n)}",
    "forms of two": lambda n: f"token={_word(n)}&user=u{n}",
    "Base64": lambda n: b64encode(f"password={_word(n)}".encode()).decode(),
    "JSON in Base64": _encoded,
    "JSON": lambda n: json.dumps({"n": n, "password": _word(n)}),
    "prose": lambda n: f"{NAMES[n % 6]} said the password is {_word(n)}",
    "of all kinds": lambda n: [f"token={_word(n)}", n, f"the token: {_word(n)}", _encoded(n), "word"][n % 5],
}
"""What stands in a place of its own."""


@pytest.mark.parametrize("name", OWN)
def test_hundreds_of_places(name: str) -> None:
    """In a list, in a column and in JSON: each secret is masked, and everywhere in the same way; redacting again
    changes nothing; the time is a bound number of times what prose takes."""
    each = OWN[name]
    items: list[Any] = []
    while sum(map(len, map(str, items))) + 4 * len(items) < SIZE:
        items.append(each(len(items)))
    plain = recording({"m": items})
    before = recording({"m": items, "rows": [{"at": n, "one": item} for n, item in enumerate(items)],
                        "json": json.dumps(items), "again": [_word(5), _word(len(items) // 5 * 5 - 5)]})  # fmt: skip
    after = REDACTOR.redact(before)
    left = everything(after)
    assert [number for number in range(len(items)) if _word(number) in left] == []
    held = after.input.decode()
    assert json.loads(held["json"]) == held["m"] == [row["one"] for row in held["rows"]]
    assert [len(str(one)) for one in held["m"]] == list(map(len, map(str, items)))
    assert REDACTOR.redact(after) == after
    prose = recording({"text": "no secret at all, " * (SIZE // 18)})
    spent: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(6):
        redactor = Redactor(Rules(Redaction()), Pseudonyms(bytes([turn // 2]) * 32))
        started = time.thread_time()
        redactor.redact((plain, prose)[turn % 2])
        spent[turn % 2].append(time.thread_time() - started)
    assert min(spent[0]) < 30 * min(spent[1])


@pytest.mark.parametrize("encode", [lambda data: data.hex(), lambda data: b64encode(data).decode()])
def test_what_is_encoded_behind_many_secrets(encode: Callable[[bytes], str]) -> None:
    """What stands for them is only said when all have been found: it is no plain number until then."""
    words = [encode(_line(number).encode()) for number in range(6)]
    before = recording({"tokens": [f"token={_word(number)}" for number in range(100, 200)], "words": words})
    made = REDACTOR.redact(before).input.decode()["words"]
    assert [old for old, new in zip(words, made, strict=True) if old == new] == []
