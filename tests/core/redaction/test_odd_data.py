"""Odd but real data: nothing of a secret is left in it, no recording is lost to it, and its values still decode."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
import zlib
from base64 import b64decode, b64encode
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
import zstandard

from replay.core.recording import Log, ModelCall, Prediction, Recording
from replay.core.redaction.keys import kind_of
from replay.core.redaction.pseudonyms import is_pseudonym
from replay.core.redaction.redactor import Redactor
from replay.core.redaction.rules import Redaction, Rules
from replay.core.redaction.structure import harm
from tests.core.redaction.test_redactor import CANARY, KEY, REDACTOR, answer, everything, http, recording, shapes


@dataclass
class Login:
    """A record."""

    password: str
    n: int = 1


Pair = namedtuple("Pair", "password n")


class Fields(dict[str, Any]):
    """As frameworks make of `dict`."""


class Lines(list[Any]):
    """As they make of `list`."""


class Handle:
    """Nothing that can be stored."""


class Kind(StrEnum):
    """Of which a member is a secret."""

    ONE = CANARY


def body(data: bytes, encoding: str = "") -> Recording:
    """One answer of these bytes."""
    headers = [("content-encoding", encoding)] if encoding else []
    found: Recording = recording(requests=[http()], answers=[answer(data, headers, 3)])
    return found


def upload(name: str, value: str) -> Recording:
    """A form with a picture in front."""
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n\x89PNG\0\0\xff\r\n'
    data = head + f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b--'.encode()
    sent = http(body=data, headers=[("content-type", "multipart/form-data; boundary=b")])
    found: Recording = recording(requests=[sent], answers=[answer()])
    return found


ANSWER = json.dumps({"access_token": CANARY}).encode()
ZSTD = zstandard.ZstdCompressor().compress
PLACES: dict[str, Callable[[], Recording]] = {
    "ordered": lambda: recording({"x": OrderedDict(password=CANARY, n=1)}),
    "default": lambda: recording({"x": defaultdict(list, password=CANARY, n=1)}),
    "namespace": lambda: recording({"x": SimpleNamespace(password=CANARY, n=1)}),
    "keys that are numbers": lambda: recording({"x": {1: 2, "password": CANARY}}),
    "a kind of dict": lambda: recording({"x": Fields(password=CANARY, n=1)}),
    "a kind of list": lambda: recording({"token": Lines([CANARY])}),
    "deque": lambda: recording({"token": deque([CANARY, 1], maxlen=5)}),
    "record": lambda: recording({"x": Login(CANARY)}),
    "tuple with names": lambda: recording({"x": Pair(CANARY, 1)}),
    "enum": lambda: recording({"token": Kind.ONE}),
    "path of a gap": lambda: recording({"token": CANARY, "open": {CANARY: Handle()}}),
    "path of a mark": lambda: recording({"token": CANARY, "open": {CANARY: {"password": "hunter2222"}}}),
    "second member of gzip": lambda: body(gzip.compress(b"{}") + gzip.compress(ANSWER), "gzip"),
    "behind the end of bzip2": lambda: recording({"blob": bz2.compress(b"{}") + ANSWER}),
    "gzip members elsewhere": lambda: recording(
        {"blob": gzip.compress(b"a") + gzip.compress(b"password=" + CANARY.encode())}
    ),
    "behind the end of gzip": lambda: body(gzip.compress(b"{}") + ANSWER, "gzip"),
    "second frame of zstd": lambda: body(ZSTD(b"{}") + ZSTD(ANSWER), "zstd"),
    "an encoding that is none": lambda: body(ANSWER, "utf-8"),
    "an encoding nobody knows": lambda: body(b"\0\xff" + ANSWER, "snappy"),
    "no gzip, whatever it says": lambda: body(ANSWER, "br"),
    "damaged gzip": lambda: body(b"\x1f\x8b\x08 damaged " + ANSWER, "gzip"),
    "byte order mark": lambda: body(b"\xef\xbb\xbf" + json.dumps({"pin_code": CANARY}).encode()),
    "utf-16": lambda: body(json.dumps({"pin_code": CANARY}).encode("utf-16")),
    "json of another hand": lambda: body(b'{"price": 12.50,\t"dob" :"%b", "a": "\\/"}' % CANARY.encode()),
    "upload": lambda: upload("password", CANARY),
    "too deep for json": lambda: body(b"[" * 5000 + b"]" * 5000 + b" password=" + CANARY.encode()),
    "no link": lambda: recording({"secret": f"myapp://{CANARY}"}),
    "events of another length": lambda: recording(
        {"token": CANARY, "password": "straße-" * 3},
        requests=[http()],
        answers=[answer("".join(f"data: {json.dumps({'t': part})}\n\n" for part in
                                (CANARY[:5], CANARY[5:] + " ", "STRASSE-STRASSE-", "STRASSE-")).encode(),
                        [("content-type", "text/event-stream")])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_is_nowhere(place: str) -> None:
    """Nothing of it is left, what changed decodes, and redacting again changes nothing."""
    after = REDACTOR.redact(PLACES[place]())
    text = everything(after)
    assert [shape for shape in shapes(CANARY) if shape in text] == []
    assert REDACTOR.redact(after) == after
    assert [found.text for found in REDACTOR.find(after)] == []


def test_sentrys_list_is_taken_in() -> None:
    """Every name that sentry-sdk masks, in each way to write it; and those that are promised."""
    scrubber = pytest.importorskip("sentry_sdk.scrubber")
    promised = (
        "authorization cookie set-cookie token secret password api-key private-key access-key client-key session csrf "
        "credential signature dsn otp pin cvv ssn iban email phone dob ip x-forwarded-for"
    )
    for name in (*scrubber.DEFAULT_DENYLIST, *scrubber.DEFAULT_PII_DENYLIST, *promised.split()):
        words = name.replace("-", "_").split("_")
        camel = words[0].lower() + "".join(map(str.title, words[1:]))
        forms = (name, name.upper(), "-".join(words), "_".join(words), " ".join(words), camel, f"user_{name}")
        assert [form for form in forms if kind_of(form) is None] == [], name


@pytest.mark.parametrize("module", [bz2, lzma, gzip, zlib])
def test_packed_files(module: Any) -> None:
    """As bytes, and as Base64 in a text: what is in them is redacted, and they unpack as before."""
    data = module.compress(b"[" + ANSWER + b"]")
    made = REDACTOR.redact(recording({"blob": data, "text": f"see {b64encode(data).decode()} here"})).input.decode()
    inside = [made["blob"], b64decode(made["text"].split()[1])]
    for plain in map(module.decompress, inside):
        assert CANARY.encode() not in plain
        assert json.loads(plain)[0].keys() == json.loads(ANSWER).keys()
    bare = module.compress(b"nothing to see " * 90)
    assert REDACTOR.redact(recording({"blob": bare})).input.decode()["blob"] == bare


def test_members_of_gzip_stay_apart() -> None:
    """A client that reads the first member only gets what it got."""
    after = REDACTOR.redact(body(gzip.compress(b'{"a": 1}') + gzip.compress(ANSWER), "gzip"))
    data = b"".join(piece for _, piece in after.interactions[0].answer.decode()["pieces"])
    assert zlib.decompressobj(31).decompress(data) == b'{"a": 1}'
    assert len(gzip.decompress(data)) == len(b'{"a": 1}' + ANSWER)


WEBHOOKS = {
    "https://hooks.slack.com/services/T00000000/B00000000/": "abcdefghijklmnopqrstuvwx",
    "https://discord.com/api/webhooks/123456789012345678/": "aBcDefghijklmnopqrstuvwxyz-aBcDefghijklmnopqrstuvwxyz",
    "https://api.telegram.org/bot1234567890:": "AAabcdefghijklmnopqrstuvwxyzabcdefg",
}


@pytest.mark.parametrize("front", WEBHOOKS)
def test_addresses_that_are_secrets(front: str) -> None:
    """As an argument, as what is asked, in prose."""
    secret = WEBHOOKS[front]
    for before in (
        recording({"url": front + secret}),
        recording({"text": f"posted to {front}{secret} twice"}),
        recording(requests=[http(front + secret)], answers=[answer()]),
    ):
        after = REDACTOR.redact(before)
        assert secret not in everything(after)
        assert REDACTOR.redact(after) == after


def test_a_body_that_nobody_can_look_into_is_cut() -> None:
    """The rest of the recording is kept, and the gap says why: a lost recording would be a lost incident."""
    before = body(b"\0\xff" + ANSWER, "snappy")
    after = REDACTOR.redact(before)
    held = after.interactions[0].answer.decode()
    assert (held["pieces"], held["dropped"]) == ([], len(ANSWER) + 2)
    assert [(gap.path, gap.reason) for gap in after.interactions[0].answer.gaps] == [("$.body", "redaction")]
    sent = recording(requests=[http(body=b"\0\xff", headers=[("content-encoding", "snappy")])], answers=[answer()])
    assert REDACTOR.redact(sent).interactions[0].request.decode()["body"] == b""


VALUES = [
    Decimal("1E+5"), Decimal("NaN"), Decimal("-1.50"), datetime(2020, 1, 1, 12).time(), datetime.now(UTC),
    date(2020, 1, 2), timedelta(3), PurePosixPath("/a/b"), UUID(int=7), Fraction(1, 3), 1.5, 10**40,
    -(10**40),
    10**5000, True, None, b"\xff\x00", bytearray(b"abc12345"), {1: 2}, {"a", "b"}, range(3), 1 + 2j, "9" * 9000,
    OrderedDict(a="abcdefgh"), deque([1, "x"], maxlen=3), defaultdict(list, a=[1]), Counter("aab"), "a\ud800bcdefgh",
    SimpleNamespace(a=1), Login("abcdefghij"), Pair("x", 2), Fields(a=1), Lines([1]), Kind.ONE, ValueError("x", 1),
]  # fmt: skip


@pytest.mark.parametrize("name", ["token", "email", "dob", "session", "ip", "card", "pin"])
@pytest.mark.parametrize("at", range(len(VALUES)))
def test_values_of_every_type_decode(name: str, at: int) -> None:
    """Under a name that says that it is secret: of the same type as before, and the same when redacted again."""
    before = recording({name: VALUES[at]})
    after = REDACTOR.redact(before)
    assert type(after.input.decode()[name]) is type(before.input.decode()[name])
    assert REDACTOR.redact(after) == after


def test_arrays_and_tables() -> None:
    """Columns and arrays of texts under a secret name hold nothing; sizes and types are theirs."""
    np, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    days = pandas.to_datetime(["2020", "2021"])
    frame = pandas.DataFrame({"password": [CANARY, "b"], "n": [1.5, None], "at": days})
    value = {
        "x": frame, "password": np.array([CANARY]), "token": [np.array([1.5, 2.5]), np.float32(1), frame.index],
        "series": pandas.Series([CANARY], name="secret"), "otp": pandas.Timestamp("2020-01-01"),
        "kinds": pandas.DataFrame({"session_id": pandas.Categorical([CANARY, "b"])}),
        "rows": np.array([[{"password": CANARY}, 1]], dtype=object), "api_key": np.array([CANARY], dtype=object),
    }  # fmt: skip
    before = recording(value)
    after = REDACTOR.redact(before)
    assert CANARY not in after.input.text
    held = after.input.decode()
    assert list(held["x"].columns) == ["password", "n", "at"]
    assert held["x"].dtypes.to_dict() == before.input.decode()["x"].dtypes.to_dict()
    assert held["token"][0].tolist() == [1.5, 2.5]


def test_twelve_thousand_secrets() -> None:
    """An import of many rows is kept."""
    mails = [f"u{n}.abc@example.com" for n in range(12_000)]  # in an order that makes what is drawn the same each time
    after = REDACTOR.redact(recording([{"email": mail} for mail in mails]))
    made = {row["email"] for row in after.input.decode()}
    assert made.isdisjoint(mails)
    assert len(made) == len(mails)


def test_a_secret_that_looks_like_a_pseudonym() -> None:
    """It is one of some 10,000: in a recording that was never redacted it is a secret."""
    secret = KEY.of("q7Zt-44xyAb9d")
    assert is_pseudonym(secret)
    before = recording({"password": secret})
    assert [found.text for found in REDACTOR.find(before)] == [secret]
    assert secret not in everything(REDACTOR.redact(before))


def test_json_of_another_hand_stays_as_it_was() -> None:
    """Only what is secret changes, byte for byte: numbers, escapes and spaces are kept."""
    text = '{ "price": 12.50,\n\t"e":1E5, "cvv":  "987", "a": "\\/\\u00E9é", "\\u0061b": [1.0, -0, null] }\n'
    after = REDACTOR.redact(body(text.encode())).interactions[0].answer.decode()
    made = b"".join(piece for _, piece in after["pieces"]).decode()
    start, end = text.index("987"), text.index("987") + 3
    assert made[:start] + made[end:] == text[:start] + text[end:]
    assert made[start:end].isdecimal()
    assert made[start:end] != "987"


@pytest.mark.parametrize(
    "name",
    [
        "token2",
        "cvv2",
        "phone1",
        "telephone",
        "accesstoken",
        "X-RefreshToken",
        "MASTER_KEY",
        "access_tokens",
        "passport_no",
        "taxId",
        "national_insurance_number",
    ],
)
def test_names_in_other_words(name: str) -> None:
    """Numbered, written as one word, longer, of several."""
    assert kind_of(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "paid_tokens",
        "max_tokens",
        "tax_rate",
        "taxi_driver",
        "international_idea",
        "p2p",
        "auth0",
        "ipv4_enabled",
        "spins",
        "shipping2",
    ],
)
def test_names_that_only_resemble_them(name: str) -> None:
    """They hold no secret."""
    assert kind_of(name) is None


GROWING: dict[str, Callable[[int], str]] = {
    "letters, then an escape": lambda size: "a" * size + " %41",
    "marks, then an escape": lambda size: "a%" * (size // 2) + " %41",
    "fields without an end": lambda size: 'x; name="a"\r\n\r\nx' * (size // 16),
    "fields without a blank line": lambda size: 'x; name="a"\r\n' * (size // 13),
    "escapes": lambda size: "%41" * (size // 3),
    "links": lambda size: "http://a:" * (size // 9),
    "slashes": lambda size: "http://a/" + "/" * size + " ",
    "discord": lambda size: "discord.com/api/webhooks/" * (size // 25),
    "quotes": lambda size: '{"' + '\\"' * (size // 2),
}


@pytest.mark.parametrize("name", GROWING)
def test_time_grows_with_the_size_only(name: str) -> None:
    """Eight times the text takes no 30 times as long; a pattern that looks again from each place took 64 times."""

    def cost(size: int) -> float:
        text = GROWING[name](size)
        sent = http(body=text.encode(), headers=[("content-type", "multipart/form-data; boundary=b")])
        before = recording({"text": text}, requests=[sent], answers=[answer()])
        best = 9e9
        for _ in range(3):
            started = time.thread_time()
            harm(before, REDACTOR.redact(before))
            best = min(best, time.thread_time() - started)
        return best

    small = cost(5_000)
    assert cost(40_000) < 30 * small + 0.05


def test_names_that_the_code_made_of_a_secret() -> None:
    """Of a class, a logger, a model: what is known from elsewhere is masked in them; others stay."""
    names = {
        "logs": (Log(offset_ns=1, level="INFO", logger=f"app.{CANARY}", message="x"),),
        "predictions": (Prediction(seq=0, name=f"m-{CANARY}"),),
        "model_calls": (ModelCall(seq=0, operation_name="chat", provider_name="p", request_model=f"ft:{CANARY}"),),
    }
    raised = type(CANARY, (Exception,), {})("no")
    before = msgspec.structs.replace(recording({"password": CANARY}, outcome=raised), **names)
    after = REDACTOR.redact(before)
    assert CANARY not in repr(after)
    masked = KEY.of(CANARY)
    assert after.error_type is not None
    assert after.error_type.endswith(masked)
    assert (after.logs[0].logger, after.predictions[0].name) == (f"app.{masked}", f"m-{masked}")
    other = msgspec.structs.replace(recording({"n": 1}, outcome=raised), **names)
    assert REDACTOR.redact(other) is other


def test_a_text_that_was_no_secret_before() -> None:
    """What patterns found nothing in is remembered for a while; in a recording where it is known it is masked."""
    rules = Rules(Redaction())
    redactor = Redactor(rules, KEY)
    before = recording({"note": "correct horse"})
    assert redactor.redact(before) is before
    assert "correct horse" in rules.clean
    known = redactor.redact(recording({"note": "correct horse", "password": "correct horse"})).input.decode()
    assert known["note"] == known["password"] != "correct horse"
    for number in range(25):
        redactor.redact(recording([f"{number} {each}" for each in range(1_000)]))
    assert 0 < len(rules.clean) <= 20_000


@pytest.mark.parametrize(
    "pairs", [[("Authorization", "Bearer petunia")], (("a", "b"), ("authorization", "Basic petunia"))]
)
def test_pairs_whose_value_has_words(pairs: Any) -> None:
    """As headers are written in Python: a scheme is no second name."""
    assert "petunia" not in REDACTOR.redact(recording(pairs)).input.text


def test_pairs_of_names_are_columns() -> None:
    """Two names say nothing of each other."""
    assert "token" in REDACTOR.redact(recording([("password", "token")])).input.text
