"""Under the name of a secret: columns of CSV and INSERT, parameters of SQL, options of commands, pairs, values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from replay.core.recording import Recording
from replay.core.redaction.beside import columns
from tests.core.redaction.test_redactor import CANARY, REDACTOR, answer, everything, http, recording, shapes

C = CANARY
TEXTS = {
    "csv": f"name,password\nann,{C}\nbob,zzzzzzz1\n",
    "crlf": f"name,password\r\nann,{C}\r\nbob,zzzzzzz1\r\n",
    "quoted": f'"name","api_key","n"\n"ann, b","{C}",1\n',
    "quotes inside": f'name,password,n\nann,"a""b,{C}",1\n',
    "tabs": f"name\tpassword\nann\t{C}\n",
    "semicolons": f"name;password;x\nann;{C};3\n",
    "a table": f" name | password | x \n------+----------+---\n ann | {C} | 3\n",
    "byte order mark": f"\ufeffname,password\nann,{C}\n",
    "insert": f"INSERT INTO users (name, password) VALUES ('a', 'x'), (now(), '{C}')",
    "insert, quotes": f"insert into \"users\" (\"name\", \"password\") values ('it''s', N'a''{C}')",
}  # fmt: skip
VALUES: dict[str, Any] = {
    "argv": {"cmd": ["mysql", "--password", C, "-h", "db"]},
    "argv of mysql": {"cmd": ["/usr/bin/mysql", "-uroot", f"-p{C}", "shop"]},
    "argv of sshpass": ["sshpass", f"-p{C}", "ssh", "a@b"],
    "argv of a dump, last": json.dumps(["mysqldump", "shop", f"-p{C}"]),
    "argv of curl": {"cmd": ["/usr/bin/curl", "-u", f"admin:{C}", "https://x.example"]},
    "parameters": {"args": ["select 1 from t where n = %s and token = %s", [1, C]]},
    "parameters in a tuple": ("select 1 from t where lower(token) = ?", (C,)),
    "insert": {"sql": "insert into t (n, password) values (?, ?)", "params": [1, C]},
    "many rows": {"args": ["insert into t (n, password) values (%s, %s)", [(1, "abcdefgh"), (2, C)]]},
    "many lists": ("insert into t (n, password) values (?, ?), (?, ?)", [1, "abcdefgh", 2, C]),
    "numbers": ("update t set password = $2 where n = $1", 1, C),
    "out of order, upsert": ("insert into t (n) values ($1) on conflict do update set token = $2", [1, C]),
    "one of several": ("select 1 from t where token in (?, ?)", ["abcdefgh", C]),
    "name and value": {"env": [{"name": "DB_PASSWORD", "value": C}]},
    "key and value": {"tags": [{"Key": "api_key", "Value": C}]},
    "pairs": {"headers": [("x-api-key", C), ("accept", "*/*")]},
    "pairs of bytes": {"headers": [(b"x-api-key", C.encode()), (b"accept", b"*/*")]},
    "keys of bytes": {"x": {b"password": C.encode()}},
}  # fmt: skip


def nowhere(before: Recording) -> None:
    """Nothing of it is left, and redacting again changes nothing."""
    after = REDACTOR.redact(before)
    text = everything(after)
    assert [shape for shape in shapes(C) if shape in text] == []
    assert REDACTOR.redact(after) == after


@pytest.mark.parametrize("name", TEXTS)
def test_columns_of_texts(name: str) -> None:
    """As a text, and as a body; the other columns stay."""
    nowhere(recording({"text": TEXTS[name]}))
    nowhere(recording(requests=[http(body=TEXTS[name].encode())], answers=[answer(TEXTS[name].encode(), cuts=3)]))
    made = REDACTOR.redact(recording({"text": TEXTS[name]})).input.decode()["text"]
    assert len(made) == len(TEXTS[name])
    start = TEXTS[name].index(C)
    assert made[start + len(C) :].count("\n") == TEXTS[name][start:].count("\n")


@pytest.mark.parametrize("name", VALUES)
def test_what_stands_beside(name: str) -> None:
    """As values, and as JSON."""
    nowhere(recording(VALUES[name]))
    if "bytes" not in name:
        nowhere(recording({"text": json.dumps(VALUES[name])}))


DRAWN = {
    "psql": f" id | name | password\n----+------+----------\n  1 | ann  | {C}\n",
    "mysql": f"+----+----------+\n| id | password |\n+----+----------+\n|  1 | {C} |\n+----+----------+\n",
    "markdown": f"| id | password |\n|----|----------|\n|  1 | {C} |\n",
    "kubectl": f"NAME   TOKEN\nann    {C}\n",
    "csv": f"id,password\n1,{C}\n2,other-one-9\n",
}
AT = "2024-05-01 12:00:00,123 INFO app.db: "
INSIDE: dict[str, Callable[[str], str]] = {
    "other ends of lines": lambda table: table.replace("\n", "\r\n"),
    "below a line that announces it": lambda table: f"{AT}rows:\n{table}",
    "behind the first part of a line": lambda table: AT + table,
    "in lines of a log": lambda table: "".join(f"{AT}{line}\n" for line in table.splitlines()),
    "of logging": lambda table: "".join(f"INFO:app.db:{line}\n" for line in table.splitlines()),
    "of loguru": lambda table: "".join(
        f"2024-05-01 12:00:00.123 | INFO     | app:main:12 - {line}\n" for line in table.splitlines()
    ),
    "in lines of a log, below one that announces it": lambda table: f"{AT}rows:\n{INSIDE['in lines of a log'](table)}",
    "as Python writes it": repr,
    "as Python writes it with other ends of lines": lambda table: repr(table.replace("\n", "\r\n")),
    "within what Python writes": lambda table: f"Result(text={table!r}, n=1)",
    "within JSON in a line": lambda table: f"{AT}got {json.dumps({'out': table})}, done",
}


@pytest.mark.parametrize("way", INSIDE)
@pytest.mark.parametrize("table", DRAWN)
def test_a_table_inside_something(table: str, way: str) -> None:
    """In lines of a log, and in a text as code writes it: nothing else changes."""
    text = INSIDE[way](DRAWN[table])
    nowhere(recording({"text": text}))
    made = REDACTOR.redact(recording({"text": text})).input.decode()["text"]
    start = text.index(C)
    assert made[:start] == text[:start]
    assert made[start + len(C) :].replace("\r", "")[:2] == text[start + len(C) :].replace("\r", "")[:2]
    assert len(made) == len(text)


def test_a_form_with_bare_line_feeds() -> None:
    """As some clients write it, against the letter of RFC 7578."""
    sent = f'--b\nContent-Disposition: form-data; name="password"\n\n{C}\n--b--'.encode()
    nowhere(recording({"headers": [["content-type", "multipart/form-data; boundary=b"]], "body": [sent]}))


def test_a_url_whose_password_has_a_slash() -> None:
    """As a value of its own; a port is no password."""
    nowhere(recording({"url": f"postgres://app:ab/{C}@db/shop?sslmode=off"}))
    plain = recording({"url": "http://web:3000/@ann?x=1"})
    assert REDACTOR.redact(plain) is plain


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [("password", "Password"), ("email", "email")]},
        {"options": ["--token", "--verbose", "x"], "more": ["--name", "shop"]},
        {"argv": ["mysql", "-P3306", "-p3306:3306", "-uroot", "-p$PASSWORD"], "more": ["cp", "-preserve", "a", "b"]},
        {"argv": ["docker", "run", "-p8080:80", "-uroot", "-w/workdir", "nginx"], "x": ["python", "-pdevelop"]},
        {"metrics": [{"name": "token_count", "value": 12}, {"name": "plan", "value": "team"}]},
        ("select * from t where plan = ? and n > ?", ["team", 12]),
        ("with love from", ["token", "x"]),
        {"text": "2024-05-01 12:00:00 INFO app: /token | 200 | 2\n2024-05-01 12:00:01 INFO app: / | 404 | 1\n"},
        {"text": "f('name, password\\nare asked, both') and g('\\n', '\\n')"},
        {"text": "as follows:\nDear token, password and all,\nthanks, a lot, for it, all\n"},
    ],
)
def test_what_is_no_secret_stays(value: Any) -> None:
    """Names of fields, other options, other columns."""
    before = recording(value)
    assert REDACTOR.redact(before) is before


def test_columns_of_a_statement() -> None:
    """By position, whatever stands between."""

    def asked(statement: str) -> list[str]:
        return (columns([statement, []]) or (0, []))[1]

    assert asked("select 1 from t where a = ? and b.token like ? limit ?") == ["a", "token", ""]
    assert asked("insert into t (a, b) values (f(?, 'x,y'), ?), (?, ?)") == ["a", "b", "a", "b"]
    assert asked("update t set a = $2, b = '?' where c = $1") == ["c", "a"]
    assert asked("select 1") == []


def test_a_cell_is_masked_once() -> None:
    """An address in a small table is the same one elsewhere: so a replay asks as production did."""
    text = "email,password,n\nann@x.example,pw12345x,1\nbob@y.example,zz98765q,2\n"
    held = REDACTOR.redact(recording({"body": text, "args": ["ann@x.example", "zz98765q"]})).input.decode()
    rows = [line.split(",") for line in held["body"].splitlines()]
    assert [rows[1][0], rows[2][1]] == held["args"]
    assert [row[2] for row in rows] == ["n", "1", "2"]
