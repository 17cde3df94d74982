"""Texts that are looked at together become what each becomes by itself, in the same order."""

from __future__ import annotations

import json
from base64 import b64encode
from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest

from replay.core.redaction import keys
from replay.core.redaction.crowds import PIECE
from replay.core.redaction.finding import find, find_each
from replay.core.redaction.patterns import OF_ONE_LINE, RULES
from replay.core.redaction.redactor import Redactor
from replay.core.redaction.rules import Redaction, Rules
from tests.core.redaction.secrets import FAMILIES, make
from tests.core.redaction.test_redactor import KEY, REDACTOR, recording
from tests.core.redaction.test_spellings import SPELLINGS

ALONE = Redactor(Rules(Redaction(patterns={"never": "n-e-v-e-r-0"})), KEY)
"""Of a project with a pattern of its own: then each text is looked at by itself."""
SHAPES = {
    "forms": lambda r: (
        f"{r.choice(['token', 'user', 'n', 'api_key', 'x.y'])}={_word(r)}{r.choice(['', f'&pin={_word(r)}', '&a=1'])}"
    ),
    "Base64": lambda r: _encoded(f"{r.choice(['password=', 'a note ', 'token: '])}{_word(r)}").rstrip(r.choice("= ")),
    "hexadecimal": lambda r: f"{r.choice(['', '0x'])}{f'password={_word(r)}'.encode().hex()}",
    "JSON": lambda r: json.dumps(
        {"id": r.randrange(10**6), r.choice(["token", "pin", "city"]): _word(r), "l": [1, None]},
        separators=r.choice([(", ", ": "), (",", ":")]),
    ),
    "JSON in Base64": lambda r: _encoded(json.dumps({"u": r.randrange(9), "password": _word(r)})),
    "prose": lambda r: r.choice([f"the password is {_word(r)}", f"call {r.choice(['Ann', 'Bob'])}",
                                 f"for a{r.randrange(99)}@x.co", f"card 4012888888881881 of {_word(r)}",
                                 f"see /srv/{_word(r)}", f"10% of token {_word(r)}?"]),
    "URLs": lambda r: (
        f"https://{r.choice(['', f'ann:{_word(r)}@'])}h.example{r.choice(['', '/', '/a/b'])}"
        f"{r.choice(['', '?', f'?token={_word(r)}', f'?n=1&pin={_word(r)}&to={_word(r)}', '?q', f'?code={_word(r)}'])}"
    ),
    "words": lambda r: r.choice([_word(r), "Rome", "x", ""]),
    "numbers": lambda r: r.choice([r.randrange(9000), None, 1.5, True]),
    "others": lambda r: r.choice([f"https://h.example/?token={_word(r)}", f"[{_word(r)}]", "a\nb",
                                  f"a\\u0041{_word(r)}"]),
}  # fmt: skip


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _word(random: Random) -> str:
    return "".join(random.choices(ascii_letters + digits, k=random.choice((3, 9, 9, 14, 30))))


@pytest.mark.parametrize("seed", range(60))
def test_together_as_alone(seed: int) -> None:
    """Lists, columns and JSON of one shape or of several, with secrets that stand elsewhere too, cut or encoded."""
    random = Random(seed)
    names = list(SHAPES) if seed % 3 == 0 else [list(SHAPES)[seed % len(SHAPES)], "words"]
    items: list[Any] = [SHAPES[random.choice(names)](random) for _ in range(random.choice((20, 40, 200, 700)))]
    words = [_word(random) for _ in range(9)]
    number = json.dumps({"number": 482_913})
    items += [f"token={words[0]}", words[0], f"x={words[1]}", _encoded(f"password={words[2]}"), f"see {words[3]} there",
              f"to={words[3]}&n=1", json.dumps({"to": words[4]}), number, _encoded(f"a note {words[4]} of it"),
              _encoded(number), f"token={words[5]}", f"token={words[5]}&x={words[6]}"]  # fmt: skip
    random.shuffle(items)
    objects = [
        random.choice([
            {"id": n, "pin": _word(random)}, {"at": n, "by": "Ann"}, {"token": _word(random), "l": [1, None]},
            {"city": "Rome", "otp": 482_913}, {"ok": {"token": words[7]}}, {"key": words[8], "n": 2.5},
        ])
        for n in range(len(items[:200]))
    ]  # fmt: skip
    held = {
        "objects": objects,
        "lines of objects": "\n".join(map(json.dumps, objects)),
        "m": items,
        "rows": [{"n": n, "one": one} for n, one in enumerate(items)],
        "text": json.dumps(items),
        "password": words[1:5],
        "otp": 482_913,
        "words": " ".join(map(str, items)),
        "lines": [one.encode() for one in items if type(one) is str and one.isprintable()],
    }
    before = recording(held, outcome=items[::2])
    left = frozenset(words[5:7] if seed % 2 else ())
    one, other = (redactor.redact(before, left=left) for redactor in (REDACTOR, ALONE))
    assert one.input.decode() == other.input.decode()
    assert one.outcome == other.outcome
    assert one.facts["redaction"] == other.facts["redaction"]
    assert REDACTOR.find(before) == ALONE.find(before)
    if not left:
        assert REDACTOR.redact(one) == one


def test_other_threads_need_not_wait() -> None:
    """Of a long list no more is looked at at once than of a long text, and what is remembered is bound."""
    items = [f"token=a{number}xQ7{number % 10}" for number in range(60_000)]
    waits: list[int] = []
    made = REDACTOR.redact(recording({"m": items}), waits.append).input.decode()["m"]
    assert not set(made) & set(items)
    assert [len(one) for one in made] == [len(one) for one in items]
    assert len(waits) > 2 * sum(map(len, items)) // PIECE
    assert made == ALONE.redact(recording({"m": items})).input.decode()["m"]


@pytest.mark.parametrize("seed", range(40))
def test_found_in_each(seed: int) -> None:
    """Whatever may be found stands in a text between others: each is found as if it stood alone."""
    random = Random(seed)
    parts = [*SPELLINGS, *(make(family, random)[0] for family in FAMILIES), "A4012888888881881", "4012888888881881B",
             "order", "order id", "3012345678901234", "30123456789012", "ns", "password", "= x9y8z7w6", "a:b@x.co",
             "PASS kM7qW9xT", "USER ann", "ann@x.co", "token", ": kM7qW9xT2m", "eyJhbGciOiJI.eyJhbGciOi.x"]  # fmt: skip
    cards = [
        "A4012888888881881",
        "4012888888881881B",
        "4012888888881881",
        "token=x9y8z7w6",
        "order",
        "3012345678901234",
    ]
    for kept in (parts, cards, [part for part in parts if len(part) < 30 and part.isprintable()][-18:]):
        texts = [random.choice(kept) for _ in range(random.choice((5, 60, 400)))]
        found = find_each(texts, "\n\0\n", RULES, OF_ONE_LINE, lambda size: None)
        assert found == [list(find(text, RULES, lambda size: None)) for text in texts]


@pytest.mark.parametrize("number", range(len(RULES)))
def test_rules_of_one_line(number: int) -> None:
    """What one of them finds in a line it finds wherever that stands, and nothing over lines."""
    rule = RULES[number]
    if rule not in OF_ONE_LINE:
        return
    lines = [*SPELLINGS, *(make(family, Random(number))[0] for family in FAMILIES)]
    assert find_each(lines, "\n\0\n", [rule], OF_ONE_LINE, lambda size: None) == [
        list(find(line, [rule], lambda size: None)) for line in lines
    ]


@pytest.mark.parametrize("sign", ["=", ": ", '": "', " := "])
def test_names_before_signs(sign: str) -> None:
    """In a long text whose signs stand behind names of all kinds each secret is found that is found in a short one."""
    names = [
        *(*keys.ANYWHERE, *keys.WORDS, "apiKey", "client_key", "API_KEY", "userPassword", "mySecretKey", "dbDsn"),
        *("secret_key_base", "shared_access_key", "pre-shared-key", "code_verifier", "PGPASSWORD", "fernet key"),
        *("rootpw", "my_pass", "private key", "Credentials", "oauthToken", "fooCsrf", "x_passphrase", "authSessionID"),
    ]
    quote = sign[0].strip("=: ")
    lines = [f"{quote}{name}{sign}kM7qW9{number}xT2m" for number, name in enumerate(names)]
    short = [[line[at.start : at.end] for at in find(line, RULES, lambda size: None)] for line in lines]
    text = ("\n" + "no token, password or session of an accessToken and myPassword\n" * 3).join(lines)
    assert len(text) > 20_000
    found = [text[at.start : at.end] for at in find(text, RULES, lambda size: None)]
    assert found == [secret for each in short for secret in each]
    assert len(found) > 50
