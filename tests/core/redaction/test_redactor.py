"""Nothing of a secret is left in a recording, however it is written; and what is left still has its shape."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from importlib.util import find_spec
from random import Random
from string import ascii_letters, digits
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.core.codec import encode
from replay.core.recording import Interaction, Log, Outcome, Recording
from replay.core.redaction.checks import luhn
from replay.core.redaction.finding import CHUNK, compiled, find
from replay.core.redaction.patterns import RULES
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.redactor import Redactor
from replay.core.redaction.rules import Redaction, Rules
from replay.core.redaction.structure import harm
from tests.core.redaction.secrets import FAMILIES, OTHERS, make

KEY = Pseudonyms(b"a key of the tests, 32 bytes long")
REDACTOR = Redactor(Rules(Redaction()), KEY)


def recording(
    input: Any = None, *, outcome: Any = None, context: Any = None, answers: Any = (), requests: Any = ()
) -> Any:
    """One of a function, with http interactions of these requests and answers."""
    pairs = list(zip(requests, answers, strict=True))
    return Recording(
        id="one", kind="function", entrypoint="shop:order", started_at=1, duration_ns=1, input=encode(input),
        outcome=Outcome("raised" if isinstance(outcome, BaseException) else "returned", encode(outcome)),
        context=encode(context or {}),
        interactions=tuple(
            Interaction(seq=seq, lane="0", boundary="http" if "url" in request else "call",
                        target=_target(request),
                        request=encode(request), answer=encode(answer), state="returned", offset_ns=0, duration_ns=0)
            for seq, (request, answer) in enumerate(pairs)
        ),
    )  # fmt: skip


def _target(request: dict[str, Any]) -> str:
    return f"{request['method']} {request['url'].partition('?')[0]}" if "url" in request else "shop:crm"


def http(url: str = "https://crm.example/x", body: bytes = b"", headers: Any = ()) -> dict[str, Any]:
    """A stored request."""
    return {"client": "httpx", "method": "POST", "url": url, "headers": [list(each) for each in headers], "body": body}


def answer(body: bytes = b"", headers: Any = (), cuts: int = 1) -> dict[str, Any]:
    """A stored answer, its body in so many pieces."""
    size = -(-len(body) // cuts) or 1
    pieces = [[at, body[at : at + size]] for at in range(0, len(body), size)]
    return {"status": 200, "reason": "OK", "http_version": "HTTP/1.1", "headers": [list(each) for each in headers],
            "pieces": pieces, "decoded": False, "dropped": 0, "end": "complete", "error": None}  # fmt: skip


def everything(one: Recording) -> str:
    """All bytes of a recording, and what they are when they are unpacked."""
    texts = [msgspec.json.encode(msgspec.structs.asdict(one)).decode()]
    waiting: list[Any] = [one.input.decode(), one.outcome.payload.decode(), one.context.decode()]
    waiting += [value.decode() for i in one.interactions for value in (i.request, i.answer)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
            if isinstance(value.get("pieces"), list):
                pieces = [each for each in value["pieces"] if isinstance(each, list) and len(each) == 2]
                waiting.append(b"".join(each[1] for each in pieces if isinstance(each[1], bytes)))
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, bytes):
            if value[:2] == b"\x1f\x8b":
                inflater = zlib.decompressobj(31)
                waiting += [inflater.decompress(value), inflater.unused_data]  # also of a piece
            if value[:4] == b"\x28\xb5\x2f\xfd":
                waiting.append(zstandard.ZstdDecompressor().stream_reader(value, read_across_frames=True).read())
            texts += [value.decode("latin-1"), value.replace(b"\0", b"").decode("latin-1")]
        else:
            texts.append(str(value))
    whole = "\n".join(texts)
    return "\n".join([whole, unquote(whole), whole.replace("\\", "")])


def shapes(secret: str) -> list[str]:
    """How a secret may stand somewhere."""
    data = secret.encode()
    wide = secret.encode("utf-16-le").hex()
    parts = [
        secret,
        secret.lower(),
        secret.upper(),
        quote(secret, safe=""),
        data.hex(),
        data.hex().upper(),
        secret[::-1],
        wide,
    ]
    return [*parts, *(b64encode(b"x" * shift + data).decode()[4:-4] for shift in range(3) if len(data) > 9)]


CANARY = "cAnArY-7Qz8Xw9v"
PLACES: dict[str, Callable[[str], Recording]] = {
    "argument": lambda c: recording({"kwargs": {"password": c}}),
    "nested": lambda c: recording({"args": [{"user": {"auth": {"api_key": [c, c]}}}]}),
    "camel case": lambda c: recording({"clientSecret": c}),
    "tuple": lambda c: recording({"secret": (c,)}),
    "bytes": lambda c: recording({"secret": c.encode()}),
    "key, then prose": lambda c: recording({"password": c, "text": f"they said {c} aloud"}),
    "key, then a key": lambda c: recording({"password": c, "index": {c: 1}}),
    "upper case": lambda c: recording({"password": c, "text": c.upper()}),
    "json in text": lambda c: recording({"text": json.dumps({"token": c})}),
    "json in json": lambda c: recording({"text": json.dumps({"inner": json.dumps({"token": c})})}),
    "base64 elsewhere": lambda c: recording({"password": c, "blob": b64encode(f"xy{c}z".encode()).decode()}),
    "base64 of json": lambda c: recording({"blob": b64encode(json.dumps({"password": c}).encode()).decode()}),
    "backwards elsewhere": lambda c: recording({"password": c, "text": f"of {c[::-1]} it"}),
    "hex of UTF-16 elsewhere": lambda c: recording({"password": c, "blob": f"0x{c.encode('utf-16-le').hex()}"}),
    "hex elsewhere": lambda c: recording({"password": c, "blob": c.encode().hex()}),
    "digest elsewhere": lambda c: recording({"password": c, "blob": hashlib.sha256(c.encode()).hexdigest()}),
    "percent elsewhere": lambda c: recording({"password": c + "/?", "blob": quote(c + "/?", safe="")}),
    "bearer": lambda c: recording(requests=[http(headers=[("X-Auth", f"Bearer {c}")])], answers=[answer()]),
    "incoming header": lambda c: recording({"headers": [["authorization", f"Bearer {c}"]], "body": []}),
    "basic": lambda c: recording({"headers": [["authorization", "Basic " + b64encode(f"u:{c}".encode()).decode()]]}),
    "cookie": lambda c: recording({"headers": [["cookie", f"theme=dark; sessionid={c}"]], "body": []}),
    "set-cookie": lambda c: recording(requests=[http()], answers=[answer(headers=[("Set-Cookie", f"s={c}; Path=/")])]),
    "query": lambda c: recording(requests=[http(f"https://crm.example/x?api_key={c}&n=1")], answers=[answer()]),
    "url path": lambda c: recording({"token": c}, requests=[http(f"https://crm.example/t/{c}/x")], answers=[answer()]),
    "url user": lambda c: recording({"text": f"failed: postgres://app:{c}@db/shop"}),
    "form body": lambda c: recording(requests=[http(body=f"user=a&password={c}".encode())], answers=[answer()]),
    "json body": lambda c: recording(requests=[http(body=json.dumps({"a": {"pwd": c}}).encode())], answers=[answer()]),
    "answer": lambda c: recording(requests=[http()], answers=[answer(json.dumps({"access_token": c}).encode())]),
    "answer in pieces": lambda c: recording(
        requests=[http()], answers=[answer(json.dumps({"access_token": c}).encode(), cuts=9)]
    ),
    "gzip answer": lambda c: recording(
        requests=[http()],
        answers=[answer(gzip.compress(json.dumps({"refresh_token": c}).encode()), [("content-encoding", "gzip")], 3)],
    ),
    "gzip bytes": lambda c: recording({"blob": gzip.compress(f"password={c}".encode())}),
    "events": lambda c: recording(
        {"api_key": c},
        requests=[http()],
        answers=[
            answer(
                "".join(f"data: {json.dumps({'t': part})}\n\n" for part in (c[:4], c[4:9], c[9:])).encode(),
                [("content-type", "text/event-stream")],
                5,
            )
        ],
    ),
    "stream": lambda c: recording(
        {"api_key": c},
        requests=[{"args": []}],
        answers=[{"pieces": [[1, c[:5]], [2, c[5:]]], "returned": None, "error": None}],
    ),
    "multipart": lambda c: recording(
        requests=[
            http(
                body=f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{c}\r\n--b--'.encode(),
                headers=[("content-type", "multipart/form-data; boundary=b")],
            )
        ],
        answers=[answer()],
    ),
    "sql": lambda c: recording({"token": c}, requests=[{"args": ["select 1 where t = ?", [c]]}], answers=[None]),
    "error message": lambda c: recording(outcome=ValueError(f"cannot log in with password={c}")),
    "error argument": lambda c: recording({"pin_code": c}, outcome=KeyError("x", c)),
    "error attribute": lambda c: recording(outcome=_error(c)),
    "error note": lambda c: recording({"passwd": c}, outcome=_noted(c)),
    "environment": lambda c: recording(context={"environ": {"CRM_TOKEN": c}}),
    "note": lambda c: recording(context={"notes": {"session_id": c}}),
    "prompt": lambda c: recording({"messages": [{"role": "user", "content": f"my password: {c} please"}]}),
    "draws": lambda c: recording({"secret": c}, context={"draws": {"0": {"choice": [c]}}}),
}


def _error(text: str) -> Exception:
    error = RuntimeError("refused")
    error.password = text  # type: ignore[attr-defined]
    return error


def _noted(text: str) -> Exception:
    error = RuntimeError("refused")
    error.add_note(f"with {text}")
    return error


def test_there_are_forty_places() -> None:
    """As many as are promised."""
    assert len(PLACES) >= 40


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_is_nowhere(place: str) -> None:
    """Raw, unpacked, Base64, hex, URL-decoded: nothing of it is left, and the recording says that it was redacted."""
    before = PLACES[place](CANARY)
    after = REDACTOR.redact(before)
    text = everything(after)
    assert [shape for shape in shapes(CANARY) if shape in text] == []
    assert after.redacted
    assert after.context.tree["redaction"]["key"] == KEY.id
    assert [gap for gap in harm(before, after).gaps if gap.reason == "redaction"] == []
    assert REDACTOR.redact(after) == after
    assert Redactor(Rules(Redaction()), Pseudonyms(b"another key, also of 32 bytes...")).redact(after) == after
    assert [found.text for found in REDACTOR.find(after)] == []
    assert REDACTOR.find(before) or place in ("events", "stream")


@pytest.mark.parametrize("kind", ["logs", "route"])
def test_text_beside_the_values(kind: str) -> None:
    """Log lines and the route are redacted like all else."""
    log = Log(offset_ns=1, level="INFO", logger="shop", message=f"token={CANARY}")
    before = msgspec.structs.replace(recording({"token": CANARY}), logs=(log,), http_route=f"/t/{CANARY}")
    assert CANARY not in everything(REDACTOR.redact(before))


def test_a_thousand_seeded_secrets() -> None:
    """Of all families, in prose, JSON, bodies and Base64: none is left. No name gives them away."""
    random = Random(20)
    left, seeded = [], 0
    makers = [*(lambda r, f=family: make(f, r) for family in FAMILIES), *OTHERS.values()]
    for turn in range(24):
        secrets = [maker(random) for maker in makers]
        seeded += len(secrets)
        lines = [text for text, _ in secrets]
        third = len(lines) // 3
        before = recording(
            {"text": "\n".join(f"see {line} there" for line in lines[:third]), "turn": turn},
            requests=[http(body=json.dumps({"items": lines[third : 2 * third]}).encode())],
            answers=[answer(gzip.compress("\n".join(lines[2 * third :]).encode()), [("content-encoding", "gzip")])],
        )
        text = everything(REDACTOR.redact(before))
        left += [secret for secret, body in secrets if body in text or b64encode(body.encode()).decode()[:-4] in text]
        random.shuffle(makers)
    assert seeded >= 1000
    assert left == []


def test_what_is_no_secret_stays() -> None:
    """Names and texts that only resemble secrets."""
    value = {
        "max_tokens": 12, "token_type": "bearer", "shipping": "DHL", "description": "spin the pin", "zip": "10115",
        "order": {"id": "4711-4711-4711-4711"}, "author": "Jane", "text": "Password reset did not help: none.",
        "sha": "d0be2dc421be4fcd0172e5afceea3970e2f3d940", "when": "2026-03-08T02:30:00", "n": 12345678901234,
        "ids": ["313874cd-dfbc-423d-b246-548991270564", "x 53033190-7660-45b1-99e1-7b552e94525c."],
        "html": "<a href='mailto:'>x</a>", "code": "f(session=self.session)", "email": None, "password": "",
    }  # fmt: skip
    before = recording(value)
    assert REDACTOR.redact(before) is before


def test_a_cookie_too_short_for_a_secret_stays() -> None:
    """It could not be looked for elsewhere: the outcome would no longer be what the answer says."""
    headers = [("Set-Cookie", "lang=de; Path=/"), ("Set-Cookie", "sid=8f14e45fceea167a; HttpOnly")]
    before = recording(requests=[http()], answers=[answer(headers=headers)], outcome={"lang": "de"})
    after = REDACTOR.redact(before)
    lang, sid = (value for _, value in after.interactions[0].answer.decode()["headers"])
    assert lang == headers[0][1]
    assert sid != headers[1][1]
    assert after.outcome.value == {"lang": "de"}


def test_a_cookie_whose_name_tells_is_masked_however_short_it_is() -> None:
    """As the same name is anywhere else, so that they stay equal."""
    headers = [("Set-Cookie", "pin=12; Path=/")]
    after = REDACTOR.redact(recording({"pin": "12"}, requests=[http()], answers=[answer(headers=headers)]))
    ((_, cookie),) = after.interactions[0].answer.decode()["headers"]
    assert cookie == f"pin={after.input.decode()['pin']}; Path=/"
    assert "12" not in cookie


def test_equal_secrets_stay_equal() -> None:
    """An answer that echoes what was asked still does; sizes are those that the headers tell."""
    body = json.dumps({"user": "jane.doe@example.com", "card": "4111 1111 1111 1111"}).encode()
    before = recording(
        {"user": "jane.doe@example.com"},
        requests=[http("https://crm.example/u/jane.doe%40example.com?mail=jane.doe@example.com", body)],
        answers=[answer(body, [("Content-Length", str(len(body)))], 4)],
    )
    after = REDACTOR.redact(before)
    request, reply = after.interactions[0].request.decode(), after.interactions[0].answer.decode()
    mail = after.input.decode()["user"]
    assert mail != "jane.doe@example.com"
    assert request["url"] == f"https://crm.example/u/{quote(mail)}?mail={mail}"
    assert after.interactions[0].target == f"POST https://crm.example/u/{quote(mail)}"
    assert b"".join(piece for _, piece in reply["pieces"]) == request["body"]
    assert len(request["body"]) == len(body)
    assert json.loads(request["body"])["user"] == mail


def test_the_project_says_what_else_and_what_not() -> None:
    """Own keys and patterns; what is allowed stays, wherever it stands."""
    own = Redaction(keys=("employee_no",), patterns={"badge": r"\bB-(\d{5})\b"}, allow=("session.plan", "email"))
    redactor = Redactor(Rules(own), KEY)
    value = {"employeeNo": "E-1234567", "text": "badge B-12345", "email": "jane@example.com"}
    before = recording({**value, "from": "jane@example.com", "session": {"plan": "sk_live_0123456789abcdef"}})
    after = redactor.redact(before).input.decode()
    assert after["employeeNo"] != "E-1234567"
    assert "12345" not in after["text"]
    assert after["text"].startswith("badge B-")
    assert after["session"]["plan"] == "sk_live_0123456789abcdef"
    assert after["email"] == after["from"] == "jane@example.com"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "x*", r"([a-z]+,?)*!"])
def test_patterns_that_cannot_be_used(pattern: str) -> None:
    """No regular expression, one that matches nothing at all, one that takes for ever without google-re2."""
    if find_spec("re2") is None:
        with pytest.raises(ValueError, match=r"regular expression|repeats|empty"):
            compiled(pattern, "own")
    elif pattern in ("(", "x*"):
        with pytest.raises(ValueError, match=r"google-re2|empty"):
            compiled(pattern, "own")


def test_own_patterns_take_time_by_the_size_only() -> None:
    """With google-re2 too, which encodes all of a text for each look at a part of it; what is found is where it is."""
    rule = compiled(r"\bB-(\d{5})\b", "own")

    def cost(size: int) -> float:
        text = "nö. " * size + "B-12345 " + "no. " * size
        started = time.thread_time()
        assert [text[each.start : each.end] for each in find(text, [rule], lambda size: None)] == ["12345"]
        return time.thread_time() - started

    small = min(cost(30_000) for _ in range(3))
    assert cost(240_000) < 25 * small + 0.05


_HINTS = " ".join(hint for rule in RULES for hint in rule.hints)
"""One of each rule: all of them look for their secrets."""
_BASE64 = b64encode(Random(7).randbytes(27_000)).decode()
HOSTILE = {
    "letters": "a" * 40_000, "digits": "1" * 40_000, "dashes": "1-" * 20_000, "ats": "a@" * 20_000,
    "domains": "a@b." * 10_000, "tokens": "eyJ" * 13_000, "parts": "eyJaaaaa." * 4_400, "urls": "http://a:" * 4_400,
    "names": "token=" * 6_600, "keys": "-----BEGIN PRIVATE KEY-----" * 1_500, "spaces": " " * 40_000,
    "percent": "%41" * 13_000, "base64": "QUFB" * 10_000, "brackets": "[" * 40_000, "quotes": '\\"' * 20_000,
    "words": "bearer " * 5_700, "commands": "mysql " * 6_600, "options": "--password " * 3_600,
    "users": "curl -u a " * 4_000, "rows": "a,password\n" + "b,1\n" * 10_000, "headings": "a,password\n" * 3_600,
    "inserts": "INSERT INTO t (pin) VALUES (" * 1_400, "statements": "select a = ? " * 3_000,
    "names of values": "name: token\n" * 3_300, "blocks": "a" * 40_000 + ": |", "pairs": "('token', '" * 3_600,
    "hex": "7b22" * 10_000, "quoted": "token='a b" * 3_600,
    "mails": "".join(f"u{n}@x.co " for n in range(3_750)), "quotes and lines": "\\'" * 20_000 + "\\n",
    "anchors": "password: &a " * 3_000, "keys of queries": "&key=" * 8_000,
    "lines of a log": "2024-05-01 12:00:00 INFO a: x\n" * 1_300,
    "hints in letters": "a" * 18_000 + _HINTS + "a" * 18_000,
    "hints in Base64": _BASE64[:18_000] + _HINTS + _BASE64[18_000:],
    "hints in words": "of it and the " * 1_300 + _HINTS + "of it and the " * 1_300,
    "hints in lines": "of it and the " * 1_300 + _HINTS.replace(" ", "\n") + "of it\n" * 3_000,
}  # fmt: skip


def _words(number: int, size: int = 10) -> list[str]:
    return ["".join(DRAWN.choices(ascii_letters + digits, k=size - 1)) + "7" for _ in range(number)]


DRAWN = Random(40)
_CARDS = [body + next(last for last in digits if luhn(body + last))
          for body in ("4" + "".join(DRAWN.choices(digits, k=14)) for _ in range(2_350))]  # fmt: skip
CROWDS = {
    "a list in JSON": json.dumps({"secrets": _words(2_850)}),
    "objects in JSON": json.dumps([{"password": word} for word in _words(1_500)]),
    "rows of SQL": "INSERT INTO users (id, password) VALUES "
    + ", ".join(f"({n}, '{word}')" for n, word in enumerate(_words(1_850))),
    "a form": "&".join(f"token{n}={word}" for n, word in enumerate(_words(1_950))),
    "assigned": " ".join(f"token={word}" for word in _words(2_350)),
    "columns": "n,password\n" + "".join(f"{n},{word}\n" for n, word in enumerate(_words(2_550))),
    "cards": " ".join(_CARDS), "keys": " ".join(f"ghp_{word}" for word in _words(975, 36)),
    "prose": "".join(f"password={word} {'a b ' * 17}" for word in _words(450, 12)),
    "bearers": ", ".join(f"Bearer {word}" for word in _words(1_350, 20)),
    "addresses": json.dumps({"ips": [f"{n % 200 + 20}.{n % 97}.{n % 251}.{n % 13}" for n in range(2_300)]}),
    "days": json.dumps({"dob": [f"{1950 + n % 60}-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(2_800)]}),
    "phones": json.dumps([{"phone": f"+49 30 {10_000_000 + 7919 * n}"} for n in range(1_300)]),
    "numbers": json.dumps({"pins": [100_000 + 9_973 * n for n in range(4_000)]}),
}  # fmt: skip
"""Thousands of secrets in 40 KB, no two of which are one."""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    """40 KB through all rules in a time that grows with the text only. The bound is generous: machines are busy."""
    text = HOSTILE[name]
    before = recording({"text": text})
    spent = []
    for _ in range(3):
        started = time.thread_time()
        REDACTOR.redact(before)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.1
    started = time.thread_time()
    list(find(text, RULES, lambda size: None))
    assert time.thread_time() - started < 1.5


@pytest.mark.parametrize("name", CROWDS)
def test_crowds_of_secrets(name: str) -> None:
    """Whatever they stand in, thousands of them take a bound number of times what prose without any takes; none is
    left, and what stands for them is known again."""
    text = CROWDS[name]
    before, prose = recording({"text": text}), recording({"text": "no secret at all, " * 2_200})
    spent: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(6):
        redactor = Redactor(Rules(Redaction()), Pseudonyms(bytes([turn // 2]) * 32))
        started = time.thread_time()
        after = redactor.redact((before, prose)[turn % 2])
        spent[turn % 2].append(time.thread_time() - started)
        if turn == 0:
            kept = after
    assert min(spent[0]) < 30 * min(spent[1])
    secrets = set(re.findall(r"\b[A-Za-z0-9]{9,35}7\b|\b4\d{15}\b", text)) - {"4" * 16}
    left = kept.input.decode()["text"]
    assert [secret for secret in secrets if secret in left] == []
    assert len(left) == len(text)
    assert REDACTOR.find(kept) == []
    assert REDACTOR.redact(kept) == kept


@pytest.mark.parametrize(
    "text",
    ["4012888888881881 5500000000000004", "pay 4012 8888 8888 1881 123 now",
     "2026 4012 8888 8888 1881 5500 0000 0000 0004 12", "378282246310005 4012888888881881"],
)  # fmt: skip
def test_cards_beside_numbers(text: str) -> None:
    """One behind another, before and behind other numbers: each is found, and the numbers stay."""
    made = REDACTOR.redact(recording({"text": text})).input.decode()["text"]
    numbers = [set(re.findall(r"\d+", each)) for each in (text, made)]
    assert not {"4012888888881881", "5500000000000004", "378282246310005", "8888", "0000"} & numbers[1]
    assert {"123", "2026", "12"} & numbers[0] == {"123", "2026", "12"} & numbers[1]


@pytest.mark.parametrize("secret", ["token = q7Zt44xyAb9d", "AKIAQ7ZT44XYABCDEFGH", "5500 0000 0000 0004"])
def test_a_secret_where_one_look_ends(secret: str) -> None:
    """Texts are looked through in pieces: what lies across their ends is found, and whole."""
    for before in range(CHUNK - 40, CHUNK + 3):
        text = ("no. " * CHUNK)[:before] + f" {secret} " + "no. " * 3000
        (found,) = find(text, RULES, lambda size: None)
        assert text[found.start : found.end] == secret.removeprefix("token = ")


def test_no_base64_is_broken() -> None:
    """Binary data that holds no secret is left as it is."""
    data = Random(3).randbytes(5_000)
    before = recording({"password": CANARY, "image": data, "text": b64encode(data).decode()})
    after = REDACTOR.redact(before).input.decode()
    assert after["image"] == data
    assert b64decode(after["text"]) == data


_NAMES = ("headers", "body", "pieces", "returned", "decoded", "url", "query_string", "raw_path", "client",
          "remote_addr", "args", "kwargs", "password", "email", "session", "cookie", "form", "n")  # fmt: skip
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.binary(max_size=12),
    st.sampled_from(["ada@example.org", b"token=abcdefghijkl", "content-length", b"\x1f\x8b\x08",
                     '{"password": "hunter2222"}', "application/json", "gzip", "https://a.example/?api_key=0123456789abcdef"]),
)  # fmt: skip
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
        st.fixed_dictionaries(
            {"headers": st.lists(inner | st.lists(_LEAVES, min_size=2, max_size=2), max_size=3)},
            optional={name: inner for name in _NAMES if name != "headers"},
        ),
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(_TREES, _TREES, _TREES)
def test_data_of_any_shape_is_redacted(given: Any, asked: Any, got: Any) -> None:
    """Also what looks like a message and is none: a recording is never dropped because of the shape of its data."""
    before = recording(given, outcome=got, answers=[got], requests=[{"asked": asked}])
    after = REDACTOR.redact(before)
    assert harm(before, after) == after


def test_space_around_a_secret_is_none_of_it() -> None:
    """Elsewhere it stands without; a digest is made of it in lower case."""
    text = "Ann.Smith@mail.example"
    digest = hashlib.md5(text.lower().encode(), usedforsecurity=False).hexdigest()
    held = REDACTOR.redact(recording({"email": f" {text}\n", "to": text, "picture": digest})).input.decode()
    made = held["email"].strip()
    assert held["email"] == f" {made}\n"
    assert (held["to"], held["picture"]) == (made, hashlib.md5(made.lower().encode()).hexdigest())
    assert made.endswith("@mail.example")
    assert made != text


def test_a_short_name_with_a_password_stays() -> None:
    """It is not looked for elsewhere, where the code uses it."""
    pair = b64encode(b"api:" + CANARY.encode()).decode()
    held = REDACTOR.redact(recording({"authorization": f"Basic {pair}", "user": "api"})).input.decode()
    name, _, password = b64decode(held["authorization"].split()[1]).decode().partition(":")
    assert (name, held["user"]) == ("api", "api")
    assert password != CANARY


def test_a_key_that_an_answer_names_later_is_the_codes_own() -> None:
    """It asked with it before: at replay it has another one."""
    key = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    after = REDACTOR.redact(
        recording(requests=[http(url=f"https://x.example/list?api_key={key}"), http(url=f"https://x.example/2?api_key={key}")],
                  answers=[answer(json.dumps({"next": f"/2?api_key={key}"}).encode()), answer(b"{}")])
    )  # fmt: skip
    own = [(place, path) for place, path, _ in after.facts["redaction"]["own"]]
    assert own == [("interaction[0].request", "$.query.api_key")]
