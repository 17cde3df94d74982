"""Recordings with secrets of every kind in every place, as the writer's thread is given them."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from base64 import b32encode, b64encode, b85encode
from datetime import date, datetime
from ipaddress import IPv4Address
from random import Random
from string import ascii_letters, digits
from urllib.parse import quote

import msgspec
import numpy

from replay.core.recording import Recording
from replay.core.redaction.checks import luhn
from replay.core.redaction.crowds import CROWD
from replay.core.redaction.rules import Redaction
from replay.surfaces import redaction
from tests.core.redaction import secrets
from tests.core.redaction.test_redactor import CANARY, PLACES, answer, http, recording


class Made:
    """One of them: it is redacted as it is settled."""

    size = 100
    fingerprint = None

    def __init__(self, made: Recording, *, urgent: bool = True, own: Redaction | None = None) -> None:
        self.urgent = urgent
        self._made = made
        self._redact = redaction.of(own or Redaction(), "k" * 32)

    def note(self, name: str, value: object) -> None:
        """Nothing becomes of it."""

    def settle(self) -> Recording:
        assert self._redact is not None
        return self._redact(self._made, frozenset(["left as it is"]))


_DRAWN, _HEX = "kM7qWcH4jab9Gf2zRt5V", "9f86d081884c7d659a2feaa0c55ad015"
_SAID = f"""
token = {CANARY} 4012888888881881 DE89370400440532013000 +49 30 1234567 10.1.2.3 192.168.7.9 jane.doe@example.com
mysql -u ann -p{CANARY} && curl -u ann:{CANARY} https://ann:{CANARY}@a.example/x;s={CANARY}?api_key={CANARY}&n=1#t
INSERT INTO users (id, password, email) VALUES (1, '{CANARY}', 'jane.doe@example.com'), (2, 'it''s', NULL)
password: "{CANARY} and more"; <password>{CANARY}</password> <a name="token" value="{CANARY}"/> &quot;token&quot;:&quot;{CANARY}&quot;
b = {b64encode(json.dumps({"password": CANARY}).encode()).decode()} {b32encode(f"token={CANARY}".encode()).decode()}
h = {f"token={CANARY}".encode().hex()} 0x{CANARY.encode().hex()} {CANARY.encode().hex().upper()}
q = {quote(f"token={CANARY}&x=1")} {quote(quote(f"token={CANARY}"))} token%3D{CANARY} u = "token\\u003d{CANARY}"
8 = {b85encode(f'{{"token": "{CANARY}"}}'.encode()).decode()} ('token', '{CANARY}') Authorization: Basic {b64encode(f"ann:{CANARY}".encode()).decode()}
use --token {CANARY} or --password instead; AUTH LOGIN {b64encode(b"ann").decode()} {b64encode(CANARY.encode()).decode()}
born 1984-05-01, dob=1984-05-01, dob=01/05/1984, session 123e4567-e89b-42d3-a456-426614174000, otp: 123456
eyJhbGciOiJIUzI1NiJ9.{b64encode(json.dumps({"sub": "jane.doe", "email": "jane.doe@example.com", "exp": 1}).encode()).decode().rstrip("=")}.{"x" * 43}
B-12345 deploy --auth {_DRAWN} --site x; STRIPE_KEY={_DRAWN}
"""  # noqa: E501
_TABLE = f'n,password,born\n1,{CANARY},1984-05-01\n2,"{CANARY}, too",1985-05-01\n'
_UUID = "123e4567-e89b-42d3-a456-426614174000"


def kinds() -> Made:
    """A secret in each place that the tests have, and of each family: more than are drawn one by one."""
    held = {name: place(CANARY) for name, place in PLACES.items()}
    draw = Random(6)
    found = [secrets.make(name, draw)[0] for name in secrets.FAMILIES]
    found += [make(draw)[0] for make in secrets.OTHERS.values()]
    asked = [(each.request.decode(), each.answer.decode()) for one in held.values() for each in one.interactions]
    asked = [pair for pair in asked if "url" in pair[0]]
    value = {
        "of": {name: one.input.decode() for name, one in held.items()}, "kinds": found, "lines": "\n".join(found * 2),
        "beginnings": " ".join(each[:9] for each in found * 20),
        "objects": [{"id": n, "pin": 700_000 + n, "dob": f"19{n}-01-02"} for n in range(10, 50)],
    }  # fmt: skip
    one = recording(value, outcome=ValueError(f"password={CANARY}"), context={"notes": found},
                    requests=[request for request, _ in asked], answers=[given for _, given in asked])  # fmt: skip
    return Made(one)


def few() -> Made:
    """Few secrets, each written in every way; rules of the project beside ours."""
    deltas = [json.dumps({"choices": [{"delta": {"content": part}}]}) for part in ("a ", CANARY[:4], CANARY[4:], " b")]
    events = "".join(f"data: {delta}\n\n" for delta in deltas) + "data: [DONE]\n\n"
    parts = ["--b", 'Content-Disposition: form-data; name="f"; filename="a.txt"', "", f"token={CANARY}", "--b",
             'Content-Disposition: form-data; name="password"', "", CANARY, "--b--", ""]  # fmt: skip
    value = {
        "said": _SAID, "table": _TABLE, "packed": zlib.compress(_SAID.encode()), "pairs": [["password", CANARY]],
        "typed": {"pin": 123456, "password": CANARY.encode(), "dob": "1984-05-01", "iban": "DE89370400440532013000",
                  "session": {"id": _UUID}, "born": date(1984, 5, 1), "otp": 123456, "secret": CANARY.encode().hex(),
                  "date_of_birth": datetime(1984, 5, 1), "dob_text": "1 May 1984", "x_session": _UUID.upper(),
                  "email": "jane.doe@example.com", "mail": {"value": "JANE.DOE@EXAMPLE.COM"}, "employee_no": "E-12345",
                  "ip": "10.1.2.3", "remote": IPv4Address("10.1.2.3"), "ssn": "078-05-1120", "cvv": 123},
        "lines": [f'{{"token": "{CANARY}", "n": {n}}}' for n in range(3)], "columns": ["id", "token"],
        "rows": [[1, CANARY], [2, "x" * 12]], "args": ["select 1 where token = ? and n = ?", [CANARY, 5]],
        "json": json.dumps({"columns": ["id", "password"], "rows": [[1, CANARY], [2, CANARY * 2]]}),
        "twice": f'{{"password": "{CANARY}", "password": ""}}', "text in JSON": json.dumps(_TABLE),
        "error": f"[SQL: UPDATE u SET token=?]\n[parameters: ('{CANARY}',)]",
        "escaped": "".join(f"\\x{ord(each):02x}" for each in f"token={CANARY}"), "zip": "10115",
        "spelt": " ".join(str(ord(each)) for each in CANARY), "entities": "".join(f"&#{ord(each)};" for each in CANARY),
        "argv": ["mysql", "-u", "ann", f"-p{CANARY}", "--password", CANARY],
        "stream": [f"token={CANARY[:5]}", CANARY[5:], " done"], "headers": [("password", CANARY), (b"token", CANARY)],
        "array": numpy.array([(1, CANARY, CANARY.encode())], dtype=[("n", "i4"), ("token", "U20"), ("pin", "S20")]),
        "words": numpy.array(["of", CANARY]), "file": bz2.compress(_SAID.encode()), "list": [CANARY[:6], CANARY[6:]],
        "dobs": {"dob": "31.12.1984", "ip": "2001:db8::8a2e:370:7334", "client_ip": "fe80::1",
                 "token": b"\xff\xfe" * 9},
        "drawn": {"stripe_key": _DRAWN, "openai_key": _HEX, "key1": _HEX, "key2": _HEX[::-1]},
        "wrong": {"iban": "DE88370400440532013000", "dob": "1984-02-30", "date_of_birth": "31.02.1984"},
    }  # fmt: skip
    asked = [
        (http(f"https://ann:{CANARY}@a.example/t/{CANARY}?token={CANARY}#access_token={CANARY}"),
         answer(_SAID.encode())),
        (http(body=b"token=%s" % CANARY.encode(), headers=[("content-encoding", "gzip")]),
         answer(f"token={CANARY}".encode(), [("content-encoding", "gzip")])),
        (http(body=zlib.compress(_SAID.encode())), answer(gzip.compress(_TABLE.encode()))),
        (http(body=msgspec.msgpack.encode({"token": CANARY, "of": [{"dob": "1984-05-01"}]})),
         answer(_TABLE.encode(), [("content-type", "text/csv")])),
        (http(body="\r\n".join(parts).encode(), headers=[("content-type", "multipart/form-data; boundary=b")]),
         answer(events.encode(), [("content-type", "text/event-stream")], 7)),
    ]  # fmt: skip
    asks = {"args": [CANARY, f"{CANARY[:6]}... of Jane"]}
    calls = [(asks, {"pieces": [[1, f"token={CANARY[:5]}"], [2, CANARY[5:]]], "returned": None,
                                   "error": None})]  # fmt: skip
    pairs = asked + calls
    one = recording(value, outcome=KeyError(f"password={CANARY}"), context={"environ": {"TOKEN": CANARY}},
                    requests=[request for request, _ in pairs], answers=[given for _, given in pairs])  # fmt: skip
    return Made(one, own=Redaction(patterns={"badge": r"\bB-(\d{5})\b"}, keys=("employee_no",), allow=("zip", "n")))


def crowds() -> Made:
    """More secrets of each shape than are drawn one by one."""
    draw = Random(7)
    number = CROWD + 40
    words = ["".join(draw.choices(ascii_letters + digits, k=9)) + "7" for _ in range(number)]
    bodies = ["4" + "".join(draw.choices(digits, k=14)) for _ in range(number)]
    mails = [f"ann{n}.{word}@mail{n % 3}.example" for n, word in enumerate(words)]
    value = {
        "password": words,
        "json": json.dumps([{"password": word, "n": n} for n, word in enumerate(words)]),
        "tree": {f"u{n}": {"api_key": word, "mail": mails[n]} for n, word in enumerate(words)},
        "rows": "INSERT INTO t (id, password) VALUES " + ", ".join(f"({n}, '{word}')" for n, word in enumerate(words)),
        "form": "&".join(f"token{n}={word}" for n, word in enumerate(words)),
        "cookies": "; ".join(f"session{n}={word}" for n, word in enumerate(words)),
        "assigned": " ".join(f"token={word}" for word in words),
        "columns": "n,password\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words)),
        "urls": " ".join(f"https://u{n}:{word}@h{n}.example/" for n, word in enumerate(words)),
        "urls and keys": " ".join(f"https://u{n}:{word}@h{n}.example/?token={word}" for n, word in enumerate(words)),
        "keys": " ".join(f"ghp_{word * 3}abcdef" for word in words),
        "cards": [body + next(last for last in digits if luhn(body + last)) for body in bodies],
        "mails": mails, "list": ", ".join(mails),
        "ips": [f"{n % 200 + 20}.{n % 97}.{n % 251}.{n % 13}" for n in range(number)],
        "dob": [f"{1950 + n % 60}-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(number)],
        "phone": [f"+49 30 {10_000_000 + 7919 * n}" for n in range(number)],
        "pins": [100_000 + 9_973 * n for n in range(number)],
        "session": [f"{n:08x}-e89b-42d3-a456-{n:012x}" for n in range(number)],
        "said": f"of {words[5]} and {mails[6]}, {CANARY}", "token": CANARY,
    }  # fmt: skip
    return Made(recording(value, requests=[http(body=json.dumps({"to": mails}).encode())], answers=[answer(b"{}")]))


_BOXES = f"""
 id | password
----+--------------
  1 | {CANARY}
+----+----------------+
| id | password       |
+----+----------------+
|  1 | {CANARY}      |
+----+----------------+
NAME   TOKEN                  AGE
ann    {CANARY}   3d
bob    <none>   4d
"""


def forms() -> Made:
    """More than are drawn one by one, in forms that take a look at each: encoded, drawn, in capitals, as events."""
    draw = Random(8)
    words = ["".join(draw.choices(ascii_letters + digits, k=9)) + "7" for _ in range(120)]
    lines = [f"token={word} of {n}" for n, word in enumerate(words)]
    packed = gzip.compress(f"token={CANARY}".encode() * 9, 0)
    value = {
        "boxes": _BOXES, "base64": "\n".join(b64encode(line.encode()).decode() for line in lines),
        "hex": " ".join(line.encode().hex() for line in lines), "token": words, "again": lines[3].encode().hex(),
        "form": "&".join(f"token%5B{n}%5D={word}" for n, word in enumerate(words)),
        "api_key": [f"{n:08x}-e89b-42d3-a456-{n:012x}" for n in range(300)],
        "sessions": "; ".join(f"session{n}={word}" for n, word in enumerate(words)),
        "mail": [f"\u00dcnn{n}@X.example" for n in range(120)] + [f"Ann{n}@x.example" for n in range(120)],
        "password": [f"{word}@{n}" for n, word in enumerate(words)] + [f"{word}\u00fc" for word in words],
        "odd": "".join(f'{{"token":"{word}" , "n" :{n}}}\n' for n, word in enumerate(words[:3])),
        "argv": ["insert into t (id, token) values (?, (?))", [1, CANARY]],
        "percent": " ".join(quote(line, safe="") for line in lines),
        "login": f"C: AUTH LOGIN YW5u\nS: 334 UGFzc3dvcmQ6\nC: {b64encode(CANARY.encode()).decode()}\n",
        "stream": ["Dear ", "jane.", "doe@example.com", ", ", CANARY[:5], CANARY[5:]],
        "chunks": [CANARY[:5].encode(), b"\xc3", b"\xa4 " + CANARY[5:].encode()],
    }  # fmt: skip
    asked = [
        (http(body=packed, headers=[("content-encoding", "gzip"), ("content-length", str(len(packed)))]),
         answer(f"data: token={CANARY}\n\ndata: jane.\n\ndata: doe@example.com is\n\n".encode(),
                [("content-type", "text/event-stream")])),
        (http(body=f"token={CANARY}".encode(), headers=[("content-encoding", "zstd")]), answer(b"{}")),
    ]  # fmt: skip
    one = recording(value, requests=[request for request, _ in asked], answers=[given for _, given in asked])
    return Made(one)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def places() -> Made:
    """Texts of all shapes, each in a place of its own, as lists, columns and words; names before few of many signs."""
    draw = Random(9)
    words = ["".join(draw.choices(ascii_letters + digits, k=9)) + "7" for _ in range(150)]
    held = [json.dumps({"n": n, "to": f"u{n}", "at": [n, None], "pin": word}) for n, word in enumerate(words)]
    forms = [f"token={word}" for word in words]
    two = [f"token={word}&to=u{n}" for n, word in enumerate(words)]
    said = [f"api key is {word}" for word in words]
    mixed = [
        (word, form, n, f"https://h{n}.example/{word}")[n % 4]
        for n, (word, form) in enumerate(zip(words, two, strict=True))
    ]
    prose = "no token of a session and no password, at 12:00, of myToken or thatSecret; "
    value = {
        "forms": forms, "two": two, "json": held, "said": said, "mixed": mixed, "rows": [{"one": each} for each in two],
        "base64": [b64encode(each.encode()).decode() for each in two],
        "words": " ".join(b64encode(each.encode()).decode() for each in held),
        "folded": "\n".join(f"{_base64(each + ' of' * 15)[:76]}\n{'QUJD' * 9}." for each in forms),
        "bytes": [each.encode() for each in forms],
        "csv": "n,password,city,token\n" + "".join(f"{n},{word},Rome,{word[::-1]}\n" for n, word in enumerate(words)),
        "names": prose * 60 + f"password: {CANARY} and userToken: {CANARY}", "again": [words[3], f"x={words[4]}"],
        "keys": {f"u{n}": each for n, each in enumerate(forms)},
        "urls": [f"https://ann:{word}@h.example/?n={n}&token={word}x" for n, word in enumerate(words)],
        "objects": [({"at": n, "pin": word}, {"n": n, "to": "ann"}, {"in": {"pin": word}})[n % 3]
                    for n, word in enumerate(words)],
        "two styles": [json.dumps({"n": n, "pin": word}, separators=((",", ":"), (", ", ": "))[n % 2])
                       for n, word in enumerate(words)],
        "fields": "&".join(f"n={n}&password={words[n % 150]}{n}%21%41&to=a{n}%40x.example" for n in range(CROWD)),
        "mails": " ".join(f"a{n}@x.co" for n in range(2 * CROWD)) + f" token={CANARY}",
        "odd": " ".join(f"token={word}%41" for word in words),
        "logged": "".join(f"2024-05-01 12:00:00 INFO app: {line}\n" for line in _BOXES.splitlines()[1:]),
        "written": f"Result(text={_BOXES!r})", "documents": "\n".join(quote(each, safe="") for each in held[:3]),
    }  # fmt: skip
    return Made(recording(value))


def again() -> Made:
    """What was redacted before."""
    return Made(forms().settle())
