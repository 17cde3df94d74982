"""Secrets in spellings and places of their own: rare encodings, escapes, paths, logins of mail, rows of SQL."""

from __future__ import annotations

import json
from base64 import b32decode, b32encode, b64decode, b64encode, b85decode, b85encode
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest

from tests.core.redaction.test_redactor import REDACTOR, everything, http, recording, shapes

CANARY = "hunter2Canary77x"
SAID = f"password={CANARY}"


def redacted(value: Any) -> Any:
    """What is left of a value; its redaction is stable."""
    after = REDACTOR.redact(recording(value))
    assert REDACTOR.redact(after) == after
    assert CANARY not in everything(after)
    return after.input.decode()


def escaped(text: str, form: str = "\\u{:04x}") -> str:
    """Each letter as an escape."""
    return "".join(form.format(ord(char)) for char in text)


@pytest.mark.parametrize("lower", [False, True])
def test_base32(lower: bool) -> None:
    """By what it says, and of a secret that is known from elsewhere; it still decodes."""
    for inside, known in ((SAID, None), (CANARY, CANARY), (f"a{CANARY}b", CANARY)):
        text = b32encode(inside.encode()).decode()
        made = redacted({"text": f"x {text.lower() if lower else text}", "password": known})["text"][2:]
        assert CANARY not in b32decode(made.upper()).decode()
        assert len(b32decode(made.upper())) == len(inside)


def test_base85() -> None:
    """Where all of a text is that."""
    made = redacted(b85encode(SAID.encode()).decode())
    assert b85decode(made).startswith(b"password=")
    assert CANARY.encode() not in b85decode(made)


@pytest.mark.parametrize("form", ["\\u{:04x}", "\\\\u{:04X}", "\\x{:02x}", "\\{:03o}", "&#{};", "&#x{:x};"])
def test_letters_as_escapes(form: str) -> None:
    """A known secret, and one whose name is escaped, in the same escapes as before; what stands around it stays."""
    made = redacted({"password": CANARY, "text": f"see {escaped(CANARY, form)} there"})
    assert made["text"] == f"see {escaped(made['password'], form)} there"
    made = redacted(f'log: "{escaped("password", form)}": "{CANARY}"')
    assert made.startswith(f'log: "{escaped("password", form)}": "')


def test_escapes_in_json() -> None:
    """JSON that writes everything as escapes."""
    made = redacted('{"' + escaped("secret") + '": "' + escaped(CANARY) + '", "n": 1}')
    assert json.loads(made)["n"] == 1
    assert unescape(made) == made


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "k"])
def test_private_members_of_a_json_web_key(name: str) -> None:
    """As a value, as JSON, within other text; public ones stay."""
    key = {"kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nnd", name: CANARY + "nWGxne9WmC6hE"}
    for value in (key, {"keys": [key]}, json.dumps(key), f"key: {json.dumps(key)} end", json.dumps(json.dumps(key))):
        made = str(redacted(value))
        assert "0vx7agoebGcQSuuPiLJXZptN9nnd" in made
        assert "AQAB" in made


def test_the_same_names_without_a_key() -> None:
    """`d` and `k` are common names."""
    value = {"d": "a-long-description-of-it", "k": "some-other-key-of-a-map1"}
    assert redacted(value) == value


@pytest.mark.parametrize(
    "path",
    ["/bot123456:{}/sendMessage", "/hooks/{}kq3", "/webhooks/123/{}kq3", "/reset-password/{}kq3", "/verify/{}kq3",
     "/v1/tokens/{}kq3/use", "/magic-link/{}kq3"],
)  # fmt: skip
def test_tokens_in_paths(path: str) -> None:
    """In a text, in the URL of a request and its target; the rest of the path stays."""
    path = path.format(CANARY)
    assert redacted(f"GET {path} 200").startswith(f"GET {path[:4]}")
    after = REDACTOR.redact(recording(1, requests=[http(url=f"https://x.example{path}")], answers=[None]))
    assert CANARY not in everything(after)


def test_words_in_paths_stay() -> None:
    """What a path says in words is no token."""
    paths = ("/hooks/pre-commit-configuration", "/tokens/list", "/reset/settings-of-the-user")
    for text in (*paths, "/verify/2024-01-01-12345", "the LOGIN page shows", "PASS rate of 12345", "a LOGIN form 1234"):
        assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "C: AUTH PLAIN {plain}", "a1 AUTHENTICATE PLAIN {plain}", "a1 AUTHENTICATE PLAIN\r\n+ \r\n{plain}",
        "C: AUTH PLAIN\nS: 334 \nC: {plain}\n", "AUTH XOAUTH2 {bearer}",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: Ym9i\nS: 334 UGFzc3dvcmQ6\nC: {bare}\n",
        "a001 LOGIN bob {canary}\r\n", 'C: A2 LOGIN "bob" "{canary}"\n', "USER bob\r\nPASS {canary}\r\n",
        "C: USER bob\nS: +OK\nC: PASS {canary}\n",
    ],
)  # fmt: skip
def test_logins_of_mail(text: str) -> None:
    """SMTP, IMAP and POP, as sent and as logged; the password is known elsewhere, too."""
    packed = {
        "plain": b64encode(f"\0bob\0{CANARY}".encode()).decode(),
        "bearer": b64encode(f"user=bob\x01auth=Bearer {CANARY}\x01\x01".encode()).decode(),
        "bare": b64encode(CANARY.encode()).decode(),
        "canary": CANARY,
    }
    made = redacted({"text": text.format(**packed), "then": f"sent {CANARY}" if "bearer" not in text else ""})
    assert not {*packed.values()} & {*made["text"].split(), *made["text"].replace('"', " ").split()}
    if "plain" in text:
        assert b64decode(made["text"].split()[-1]).startswith(b"\0bob\0")


def test_rows_without_names_of_columns() -> None:
    """Where another statement of the recording names the columns of the table, before or after it; and known secrets
    with their quotes doubled."""
    named = "INSERT INTO users (id, name, password) VALUES (1, 'ann', 'first-Secret1')"
    bare = f"INSERT INTO shop.users VALUES (7, 'bob', '{CANARY}'), (8, 'eve', '{CANARY}2')"
    for statements in ([named, bare], [bare, named]):
        made = redacted(statements)
        assert made[statements.index(bare)].startswith("INSERT INTO shop.users VALUES (7, 'bob', '")
    assert redacted(bare.replace(CANARY, "of no kind"))
    redacted({"password": f"o'{CANARY}", "sql": f"INSERT INTO t VALUES (1, 'o''{CANARY}')"})


@pytest.mark.parametrize(
    "text",
    ["SET PASSWORD FOR 'bob'@'%' = '{}'", "<Password><![CDATA[{}]]></Password>", "<input type=password value={}>",
     "contraseña: {}", "senha: {}", "hasło: {}", "пароль: {}", "密码\uff1a{}", "パスワード\uff1a{}",
     "your password is: {}", "pw: {}", "pass: {}", "access token {} used", "passphrase {}",
     "//registry.example/:_authToken {}",
     "Location: https://a.example/cb?code={}&state=1", "Your verification code is 48213377", "otp 48213377",
     "PIN: 48213377"],
)  # fmt: skip
def test_said_in_other_ways(text: str) -> None:
    """Other languages, forms, statements, and one-time codes in messages."""
    assert "48213377" not in redacted(text.format(CANARY))


@pytest.mark.parametrize(
    "value",
    [{"pw": CANARY}, {"privKey": CANARY}, {"mnemonic": CANARY}, {"recoveryCodes": [CANARY]}, {"licenseKey": CANARY},
     {"securityCode": CANARY}, {"securityAnswer": CANARY}, {"accountNumber": CANARY}, {"пароль": CANARY},
     {"type": "password", "value": CANARY}, {"question": "What is your password?", "answer": CANARY}],
)  # fmt: skip
def test_other_names(value: Any) -> None:
    """As values and as JSON."""
    redacted(value)
    redacted(json.dumps(value, ensure_ascii=False))


@pytest.mark.parametrize(
    "value",
    ["the password reset page", "security code of conduct", "a token ring network", "tests pass: everything",
     {"type": "token", "value": "an identifier"}, {"question": "What is new?", "answer": "a lot of things"},
     "type=text value=something", "the access key opened it"],
)  # fmt: skip
def test_what_only_sounds_alike(value: Any) -> None:
    """Words around the names of secrets."""
    assert redacted(value) == value


def test_the_name_of_a_block() -> None:
    """What `replay.recording` was called, with a secret that is known or looks like one; another name stays."""
    for name, value in ((f"import {CANARY}", {"password": CANARY}), (f"import token={CANARY}", 1)):
        before = msgspec.structs.replace(recording(value), kind="block", entrypoint=name)
        assert CANARY in {each.text for each in REDACTOR.find(before)}
        after = REDACTOR.redact(before)
        assert CANARY not in everything(after)
        assert after.entrypoint.startswith("import ")
    before = msgspec.structs.replace(recording(1), kind="block", entrypoint="nightly import")
    assert REDACTOR.redact(before) is before


@pytest.mark.parametrize("following", ["", "\nname: x", "\r\nkey: |", "\n", ' end"'])
def test_folded_base64_ends_where_it_does(following: str) -> None:
    """A secret that stands in two of its lines is found whatever follows them; it is folded as before."""
    inside = "y" * 46 + f" password={CANARY} " + "z" * 26
    whole = b64encode(inside.encode()).decode()
    lines = "\n".join(whole[at : at + 76] for at in range(0, len(whole), 76))
    assert len(inside) % 3 == 0
    assert inside.index(CANARY) < 57 < inside.index(CANARY) + len(CANARY)
    made = redacted({"text": f"body:\n{lines}{following}"})["text"]
    assert made.endswith(following)
    folded = made.removeprefix("body:\n").removesuffix(following)
    assert list(map(len, folded.split("\n"))) == list(map(len, lines.split("\n")))
    said = b64decode(folded.replace("\n", "")).decode()
    assert CANARY not in said
    assert said.startswith("y" * 46 + " password=")


@pytest.mark.parametrize("number", [2, 5])
def test_lines_of_base64_that_are_objects(number: int) -> None:
    """Each says by its names what it holds, whether or not a line ends in `=`."""
    days = [f"19{70 + at}-03-17" for at in range(number)]
    lines = [json.dumps({"of": "Ann or Bob, whoever it was", "dob": day}) for day in days]
    assert {len(line) % 3 for line in lines} == {0}
    text = "\n".join(b64encode(line.encode()).decode() for line in lines)
    made = [json.loads(b64decode(line)) for line in redacted({"text": text})["text"].split("\n")]
    assert [one["dob"] for one in made if one["dob"] in days] == []
    assert [one["dob"][:4] for one in made] == [day[:4] for day in days]


TOLD_BY_FORM = {
    "csv": f"id,password\n1,{CANARY}\n2,{CANARY}x\n",
    "markdown": f"| user | token |\n|---|---|\n| ann | {CANARY} |",
    "mysql": f"+----+-------+\n| id | token |\n+----+-------+\n|  1 | {CANARY} |\n+----+-------+",
    "insert": f"INSERT INTO u (id, password) VALUES (1, '{CANARY}')",
    "sqlalchemy": f"[SQL: INSERT INTO u (a, token) VALUES (%s, %s)]\n[parameters: ('x', '{CANARY}')]",
    "form": f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{CANARY}\r\n--b--',
    "yaml": f"- key: API_TOKEN\n  value: {CANARY}",
    "toml": f'[registry]\ntoken = "{CANARY}"',
    "json": json.dumps({"pin": CANARY, "dob": "1984-03-17"}),
}
WRITTEN = {
    "a text in JSON": json.dumps,
    "a text in JSON twice": lambda text: json.dumps(json.dumps(text)),
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "a query": lambda text: f"see https://h.example/?q={quote(text, safe='')} there",
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("form", TOLD_BY_FORM)
def test_what_a_form_tells_in_another_spelling(form: str, way: str) -> None:
    """A table, a statement, a document: as a text in JSON, and percent-encoded. It is written as before."""
    text = WRITTEN[way](TOLD_BY_FORM[form])
    made = redacted({"text": text})["text"]
    assert "1984-03-17" not in unquote(made)
    assert len(made) == len(text)


@pytest.mark.parametrize("front", ["", "body=", "q=1&body=", "see "])
@pytest.mark.parametrize("document", [{"n": 1, "dob": "1984-03-17", "to": "y"}, [{"dob": "1984-03-17"}, {"n": 1}]])
def test_a_percent_encoded_document_that_was_cut(front: str, document: Any) -> None:
    """Anywhere behind the secret, in the middle of an escape too."""
    text = quote(json.dumps(document), safe="")
    least = text.index("1984-03-17") + len("1984-03-17")
    for end in range(least, len(text) + 1):
        made = redacted({"text": front + text[:end]})["text"]
        assert "1984-03-17" not in made
        assert len(made) == len(front) + end


@pytest.mark.parametrize(
    "way", [lambda text: quote(text, safe=""), lambda text: b64encode(text.encode()).decode(), str]
)
@pytest.mark.parametrize("number", [3, 80])
def test_many_documents_in_another_spelling(number: int, way: Callable[[str], str]) -> None:
    """What only a name says in JSON, a document a line; so few, and so many that they are looked through together."""
    secrets = [f"{CANARY}{at:03}" for at in range(number)]
    lines = [way(json.dumps({"id": at, "passport": one})) for at, one in enumerate(secrets)]
    after = REDACTOR.redact(recording({"text": "\n".join(lines)}))
    assert [one for one in secrets for shape in shapes(one) if shape in everything(after)] == []
    assert REDACTOR.redact(after) == after


@pytest.mark.parametrize("sign", ["&#39;", "&#x27;"])
def test_apostrophes_as_entities(sign: str) -> None:
    """As Python's and Go's templates write them."""
    for text in (f"token = '{CANARY}'", f"IDENTIFIED BY '{CANARY}'", f"'password' => '{CANARY}',"):
        made = redacted({"text": text.replace("'", sign)})["text"]
        assert made.count(sign) == text.count("'")
