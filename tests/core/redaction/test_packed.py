"""Secrets under their names in MessagePack, CBOR, BSON and pickles; other bytes stay."""

from __future__ import annotations

import marshal
import pickle  # what services store in caches
from base64 import b64encode
from random import Random

import pytest

from tests.core.redaction.test_redactor import CANARY, REDACTOR, answer, everything, http, recording, shapes

C = CANARY.encode()
LONG = CANARY * 4
VALUE = {"user": "ann", "password": CANARY, "n": 7}
LATER = {"api_token": CANARY + "x", "more": [{"session_id": LONG}]}


def bson(name: bytes, value: bytes) -> bytes:
    """A document of one text."""
    body = b"\x02" + name + b"\0" + (len(value) + 1).to_bytes(4, "little") + value + b"\0\0"
    return (len(body) + 4).to_bytes(4, "little") + body


PACKED = {
    **{f"pickle {number}": pickle.dumps([VALUE, LATER], number) for number in (2, 3, 4, 5)},
    "messagepack": b"\x83\xa4user\xa3ann\xa8password\xaf" + C + b"\xa1n\x07",
    "messagepack, long": b"\x81\xa8password\xd9" + bytes([len(LONG)]) + LONG.encode() + b"\xc0",
    "cbor": b"\xa2\x68password\x6f" + C + b"\x61n\x07",
    "cbor, long": b"\xa1\x68password\x78" + bytes([len(LONG)]) + LONG.encode(),
    "bson": bson(b"password", C),
    "marshal": marshal.dumps({"password": CANARY}),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKED)
def test_a_canary_is_nowhere(name: str) -> None:
    """As a value, as a body, in Base64; as long as before, and redacting again changes nothing."""
    data = PACKED[name]
    before = recording(
        {"cached": data, "text": b64encode(data).decode()},
        requests=[http(body=data, headers=[("content-type", "application/x"), ("content-length", str(len(data)))])],
        answers=[answer(data, [("content-type", "application/octet-stream")])],
    )
    after = REDACTOR.redact(before)
    text = everything(after)
    assert [shape for shape in [*shapes(CANARY), CANARY[3:12]] if shape in text] == []
    made = after.input.decode()["cached"]
    assert len(made) == len(data)
    assert REDACTOR.redact(after) == after
    if name.startswith("pickle"):
        values = pickle.loads(made)
        assert [values[0]["user"], values[0]["n"]] == ["ann", 7]
        assert values[0]["password"] not in (None, CANARY)


def test_other_bytes_stay() -> None:
    """Pictures, and texts in other encodings that speak of passwords."""
    noise = Random(3).randbytes(30_000)
    letters = "the password: a “token” of session keys, mail it to the secret desk; pin it ".encode("cp1252") * 40
    for data in (noise, noise + b"password" + noise, letters, b"\x89PNG\0" + letters.replace(b":", b"-")):
        before = recording({"data": data, "text": b64encode(data).decode()})
        assert REDACTOR.redact(before) is before
