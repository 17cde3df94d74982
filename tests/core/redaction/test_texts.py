"""Secrets inside texts: in JSON that is cut or in prose, in XML, in lines of Base64, in URLs, in what streams make."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode, b64encode, encodebytes
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
import zstandard

from replay.core.recording import Recording
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Redaction, Rules
from replay.core.redaction.structure import harm
from replay.core.redaction.sweep import Sweep
from tests.core.redaction.test_redactor import CANARY, REDACTOR, answer, everything, http, recording, shapes

C = CANARY
TOKEN = json.dumps({"accessToken": C, "n": 1})
PIN = json.dumps({"pin": C, "rest": "x" * 30})
PEM = "-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 16 + "\n-----END PRIVATE KEY-----\n"


def body(data: bytes | str, kind: str = "application/json", encoding: str = "", *, known: bool = False) -> Recording:
    """One answer; `known`: the secret stands elsewhere under its name, too."""
    headers = [("content-type", kind), ("content-encoding", encoding)]
    given = {"token": C} if known else None
    sent = data.encode() if isinstance(data, str) else data
    found: Recording = recording(given, requests=[http()], answers=[answer(sent, headers, 3)])
    return found


def events(*parts: str) -> str:
    """An event stream of a model's deltas."""
    return "".join(f"data: {json.dumps({'delta': part})}\n\n" for part in parts)


def streamed(*pieces: object) -> Recording:
    """A generator's answer, and its secret elsewhere."""
    numbered = [[at, piece] for at, piece in enumerate(pieces)]
    made = {"pieces": numbered, "returned": None, "error": None}
    found: Recording = recording({"token": C}, requests=[{"args": []}], answers=[made])
    return found


def folded(text: str) -> str:
    """As mail has it."""
    return encodebytes(text.encode()).decode()


PLACES: dict[str, Callable[[], Recording]] = {
    "json in prose": lambda: recording({"text": f"the CRM said: {TOKEN}"}),
    "json in prose, short name": lambda: recording({"text": f"the CRM said: {PIN}"}),
    "repr in prose": lambda: recording({"text": f"the CRM said: {{'clientSecret': '{C}'}}"}),
    "json in json in prose": lambda: recording({"text": "said " + json.dumps({"inner": TOKEN})}),
    "name of one word in prose": lambda: recording({"text": f"login ok accessToken={C} n=1"}),
    "environment in prose": lambda: recording({"text": f"PGPASSWORD={C} psql"}),
    "secret key in prose": lambda: recording({"text": f"SECRET_KEY = '{C}'"}),
    "pass of the environment": lambda: recording({"text": f"DB_PASS={C}"}),
    "a sentence": lambda: recording({"text": f"My password is {C}. Help me with {C}"}),
    "end of a sentence": lambda: recording({"text": f"password: {C}. Then it used {C} again"}),
    "cut json": lambda: body(TOKEN[:-9]),
    "json cut in a secret": lambda: body(f'{{"user": 1, "pin": "{C}'),
    "json cut in a number": lambda: body(f'[{{"pin": "{C}", "price": 12.'),
    "cut json of many lines": lambda: body(json.dumps({"pin": C, "rest": [1, "x"]}, indent=1)[:-6]),
    "cut gzip": lambda: body(gzip.compress(PIN.encode())[:-9], encoding="gzip"),
    "json lines": lambda: body(f'{{"a": 1}}\n{{"pin": "{C}"}}\n'),
    "documents in a row": lambda: body(f'{{"a": 1}}{{"refreshToken": "{C}"}}'),
    "document of an error": lambda: recording(outcome=json.JSONDecodeError("x", TOKEN[:-3], 3)),
    "json in a stream's text": lambda: body(events('{"pi', 'n":', f'"{C[:5]}', f'{C[5:]}"}}'), "text/event-stream"),
    "bytes of a generator": lambda: streamed(C[:5].encode(), C[5:].encode()),
    "bytes of a generator, no text": lambda: streamed(b"\xff\0" + C[:5].encode(), C[5:].encode() + b"\xff\0"),
    "base64 in lines": lambda: recording({"text": folded("y" * 44 + f' "pin": "{C}" ' + "z" * 60)}),
    "known in base64 lines": lambda: recording({"token": C, "x": folded("y" * 44 + C + "z" * 60)}),
    "xml": lambda: body(f"<r><Password>{C}</Password></r>", "text/xml"),
    "soap": lambda: body(f'<s:B><wsse:Password Type="#Text">{C}</wsse:Password></s:B>', "text/xml"),
    "form in html": lambda: body(f'<input name="csrf_token" type="hidden" value="{C}">', "text/html"),
    "entities": lambda: recording({"token": C + "&<", "text": f"<p>{C}&amp;&lt;</p>"}),
    "url encoded twice": lambda: recording({"x": "https://a.example/?d=" + quote(quote(f'{{"clientSecret":"{C}"}}'))}),
    "password with an at in prose": lambda: recording({"text": f"no postgres://app:S3c@{C}@db/shop today"}),
    "password with a hash": lambda: recording({"url": f"postgres://app:{C}#1@db/shop"}),
    "password like a mail address": lambda: recording({"password": f"Summer@{C}.Rome"}),
    "encoded password": lambda: recording({"url": f"postgres://app:p%40{C}@db/x", "text": f"used p@{C} there"}),
    "encoded cookie": lambda: recording({"headers": [["cookie", f"sid=s%3A{C}"]], "body": [], "text": f"s:{C}"}),
    "basic of other letters": lambda: recording(
        {"headers": [["authorization", "Basic " + b64encode(f"jörg:ü{C}".encode()).decode()]], "text": f"of ü{C}"}
    ),
    "name of a header": lambda: recording({"token": C}, requests=[http(headers=[(f"X-{C}", "1")])], answers=[answer()]),
    "first of two": lambda: recording({"rows": [[f"mail.of.{C}@example.com", "Ada"]]}),
    "zlib": lambda: recording({"blob": zlib.compress(TOKEN.encode())}),
    "zlib in base64": lambda: recording({"blob": b64encode(zlib.compress(TOKEN.encode())).decode()}),
    "zstd": lambda: recording({"blob": zstandard.ZstdCompressor().compress((TOKEN * 9).encode())}),
    "utf-16 without a mark": lambda: recording({"blob": TOKEN.encode("utf-16-le")}),
    "other letters in no text": lambda: recording({"password": "ä" + C, "x": b"\xff\0\1ab" + ("ä" + C).encode()}),
    "multipart without quotes": lambda: recording(
        {"headers": [["content-type", "multipart/form-data; boundary=b"]],
         "body": [f"--b\r\nContent-Disposition: form-data; name=pin\r\n\r\n{C}\r\n--b--".encode()]}),
    "id of a session": lambda: recording({"session": {"id": C, "plan": "Team"}}),
    "a very long name": lambda: recording({"x" * 300 + "_token": C}),
    "passcode": lambda: recording({"passcode": C}),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_is_nowhere(place: str) -> None:
    """Nothing of it is left however it is unpacked, what changed has its shape, and redacting again changes nothing."""
    before = PLACES[place]()
    after = REDACTOR.redact(before)
    text = _unpacked(everything(after))
    assert [shape for shape in shapes(CANARY) if shape in text] == []
    assert [gap for gap in harm(before, after).gaps if gap.reason == "redaction"] == []
    assert REDACTOR.redact(after) == after
    assert [found.text for found in REDACTOR.find(after)] == []


def _unpacked(text: str) -> str:
    """With what is in zlib, in lines of Base64, and encoded twice."""
    found = [text, unquote(unquote(text)), text.replace("\\n", "")]
    for word in text.split('"'):
        try:
            data = b64decode(word.replace("\\n", ""))
            found.append(data.decode("latin-1"))
            found.append(zlib.decompress(data).decode("latin-1"))
        except (ValueError, zlib.error):
            pass
    return "\n".join(found)


def test_card_numbers_that_are_numbers() -> None:
    """As text or not: of the same length, and a card's number still; other long numbers stay."""
    after = REDACTOR.redact(recording({"number": 4539148803436467, "id": 1234567890123456, "at": 1764413545000000000}))
    held = after.input.decode()
    assert held["number"] != 4539148803436467
    assert len(str(held["number"])) == 16
    assert (held["id"], held["at"]) == (1234567890123456, 1764413545000000000)
    assert REDACTOR.redact(after) == after


def test_numbers_with_a_point() -> None:
    """A table turns whole numbers into such; fractions are no secrets."""
    held = REDACTOR.redact(recording({"pin": 4711.0, "cvv": 0.5})).input.decode()
    assert held["pin"] != 4711.0
    assert held["pin"].is_integer()
    assert held["cvv"] == 0.5


@pytest.mark.parametrize("shape", [lambda held: held, json.dumps, lambda held: json.dumps(held).encode()])
def test_a_small_number_is_no_token(shape: Callable[[object], object]) -> None:
    """MCP numbers what it tells the progress of. A larger one may be some, and a short PIN is one."""
    counted = recording({"said": shape({"_meta": {"progressToken": 3}, "token": 999})})
    assert REDACTOR.redact(counted) is counted
    assert "1000" not in REDACTOR.redact(recording({"said": shape({"token": 1000})})).input.text
    assert "471" not in REDACTOR.redact(recording({"said": shape({"pin": 471})})).input.text


def test_a_key_behind_a_bracket() -> None:
    """A log that begins as JSON might is no JSON: what has several lines is found in it."""
    after = REDACTOR.redact(recording({"text": f"[12:00] loaded\n{PEM}"}))
    assert "QUJD" * 16 not in after.input.text


@pytest.mark.parametrize("text", ["CredentialAuth: TypeAlias = 1", "The token is invalid now", "a > b </p>",
                                  "pin: 1234", "the key is missing", "<token>none</token>"])  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    """Sentences and code that only resemble secrets."""
    before = recording({"text": text})
    assert REDACTOR.redact(before) is before


@pytest.mark.parametrize("last", ['"x"', '""', "null", "[]"])
@pytest.mark.parametrize("space", ["", "\n "])
def test_a_name_that_stands_twice(last: str, space: str) -> None:
    """Of JSON readers take the last value of a name: the one before is looked at, too, where the last is no secret."""
    inner = f'{{{space}"password": "{C}", "n": 1,{space}"password": {last}}}'
    for text in (inner, f'{{"a": [{inner}], "b": 2}}', f'{{"a": {inner}, "a": 1}}'):
        assert C not in everything(REDACTOR.redact(body(text)))


def test_what_is_cut_stays_cut() -> None:
    """Only the secret changes in a text whose end is missing."""
    text = f'{{ "pin" : "{C}", "price": 12.50, "rest": ["a", "b'
    made = REDACTOR.redact(recording({"text": text})).input.decode()["text"]
    start = text.index(C)
    assert len(made) == len(text)
    assert made[:start] + made[start + len(C) :] == text[:start] + text[start + len(C) :]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, lambda data: b64encode(data)])
def test_what_is_named_inside_base64_is_masked_once(pack: Callable[[bytes], bytes], known: bool) -> None:
    """A queue's message: what the code finds in it is what it asks with, and what stands elsewhere."""
    message = json.dumps({"password": C, "phone": 4930123456789, "mail": "ann.lee@shop.example", "n": 1}).encode()
    packed = b64encode(pack(message)).decode()
    asked = {"args": [C, 4930123456789, "ann.lee@shop.example"]}
    before = recording({"data": packed, **({"token": C} if known else {})}, requests=[asked], answers=[{}])
    after = REDACTOR.redact(before)
    data = b64decode(after.input.decode()["data"])
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    held = json.loads(b64decode(data) if data[:1] != b"{" else data)
    assert [held["password"], held["phone"], held["mail"]] == after.interactions[0].request.decode()["args"]
    assert held["password"] != C
    assert REDACTOR.redact(after) == after


def test_a_key_that_is_a_query_without_a_name_is_masked() -> None:
    """`?key`, one among pairs, one in the middle of a form; names stay."""
    key = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    before = recording(
        {"form": f"page=2&{key}&size=3", "one": key},
        requests=[http(url=f"https://x.example/?{key}"), http(url=f"https://x.example/?page=2&{key}")],
        answers=[answer(b""), answer(b"")],
    )
    after = REDACTOR.redact(before)
    assert key not in everything(after)
    made = after.input.decode()
    assert made["form"] == f"page=2&{made['one']}&size=3"
    assert after.interactions[1].request.decode()["url"] == f"https://x.example/?page=2&{made['one']}"


def test_a_form_in_parts_is_looked_through_once() -> None:
    """What stands for a secret is the same there as elsewhere, in whatever a part holds; keys in PEM are found, too."""
    secret, mail = "aB3dE5gH7jK9mN1pQ2rS", "ada.lovelace@ex-mail.org"
    pem = f"-----BEGIN PRIVATE KEY-----\r\n{secret * 3}\r\n-----END PRIVATE KEY-----"
    parts = [('name="f"; filename="c.json"', json.dumps({"client_secret": secret})), ('name="password"', secret),
             ('name="n"', f"token={secret} of {mail}"), ('name="key"', pem)]  # fmt: skip
    form = "".join(f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in parts)
    headers = [("content-type", "multipart/form-data; boundary=b")]
    asked = http(body=f"{form}--b--\r\n".encode(), headers=headers)
    before = recording({"token": secret, "to": mail}, requests=[asked], answers=[answer()])
    after = REDACTOR.redact(before)
    held, sent = after.input.decode(), after.interactions[0].request.decode()["body"].decode()
    assert sent.count(held["token"]) == 3
    assert sent.count(held["to"]) == 1
    assert secret not in sent
    assert len(sent) == len(form) + 7
    assert REDACTOR.redact(after) == after


def test_a_sweep_has_fewer_attributes_than_an_object_keeps_in_place() -> None:
    """From 30 on CPython (`SHARED_KEYS_MAX_SIZE`) looks each up in a dict: all of redaction then takes 5 % longer."""
    sweep = Sweep(Rules(Redaction()), Pseudonyms(b"k" * 32), lambda size: None)
    assert len(vars(sweep)) < 30
