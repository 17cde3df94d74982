"""What stands beside a value says what it is: an option of a command, a statement of SQL, the `name` of a `value`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from replay.core.redaction.drawn import is_key
from replay.core.redaction.keys import PERSONAL

KindOf = Callable[..., str | None]
"""Of a name; and of what stands there, where that is known."""
_OPTION = re.compile(r"--?([A-Za-z][\w-]{2,60})")
_VALUE = re.compile(r"(?=\S{8,4000}+\Z)\D{0,80}+\d\S*+\Z")
_USER = frozenset({"-u", "-U", "--user", "--proxy-user"})
_SHORT = {
    "-a": re.compile(r"redis-cli\b"), "-P": re.compile(r"sqlcmd\b"), "-w": re.compile(r"ldap[a-z]"),
    "-p": re.compile(r"(?:sshpass|mongo\w*|(?:docker|podman|helm)(?: registry)? login|az login)\b"),
}  # fmt: skip
"""An option before a password that says nothing by its name -> the commands that have it."""
_GLUED = {
    "-a": _SHORT["-a"], "-P": re.compile(r"(?:sqlcmd|zip|unzip)\b"), "-w": _SHORT["-w"],
    "-p": re.compile(r"(?:sshpass|mysql\w*|mariadb[\w-]*|7z\w?|(?:docker|podman) login|az login)\b"),
}  # fmt: skip
"""The same of one that holds the password."""
_NO_PASSWORD = re.compile(r"[\d.:/]+(?:tcp|udp)?|[$<{].*|\*+")
_SQL = re.compile(r"\s*(?i:select|insert|update|delete|replace|merge|with|call|exec|alter|create)\s")
_SQL_LINE = re.compile(f"(?m)^{_SQL.pattern}")
_AT_ONCE = 1000
"""Texts that are looked at while other threads wait."""
_MANY = 32
"""Items that are looked at all at once."""
_PLACE = re.compile(r"'(?:[^']|'')*+'|(\?|%s|[$:]\d{1,4})")
_COLUMN = re.compile(
    r"([A-Za-z_]\w{0,80})[\"`\]]?\)?\s*(?:=|<>|!=|[<>]=?|~\*?|(?i:\bi?like\b|\bin\s*\([\s,?%s$:\d]*+))\s*(?:\w{1,40}\()?\Z"
)
_INTO = re.compile(r"(?i)\binto\s{1,9}+[^\s()]{1,120}+\s{0,9}+\(([^()]{1,4000}+)\)\s{0,9}+values\s{0,9}+\(")
_OF_KEY = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth", "r", "t"})
_OF_SECRET, _OF_GRANT = frozenset({"data", "stringData"}), frozenset({"code"})
_BOTH_KEYS = frozenset({"key1", "key2"})
"""What Azure calls the two keys of a service."""
_OF_NONE: frozenset[str] = frozenset()
_LONGEST = 20_000
"""Characters of a statement that is read."""
_NAMES = (
    ("value", ("name", "key", "field", "header", "Name", "Key")),
    ("Value", ("Name", "Key", "name", "key")),
    ("answer", ("question", "label", "name")),
)


def named(node: Mapping[str, Any], kind_of: KindOf) -> tuple[str, str] | None:
    """Of `{"name": "DB_PASSWORD", "value": ...}`: the member that holds the value, and its kind."""
    for value, names in _NAMES:
        if value in node:
            said = next((node[name] for name in names if type(node.get(name)) is str), None)
            if said is None and type(node.get("type")) is str:
                said = node["type"] if node["type"].lower() in ("password", "secret") else node.get("label")
            kind = kind_of(said, node[value]) if type(said) is str and len(said) <= 100 else None
            if node.get("sensitive") is True and "type" in node:  # an output of Terraform
                kind = kind or "secret"
            return (value, kind) if kind and kind_of(node[value]) is None else None
    return None


def of_key(node: Mapping[str, Any]) -> frozenset[str]:
    """Of a JSON Web Key (RFC 7518) the members that nobody else may have, of a Secret of Kubernetes what it holds, of
    what is asked of OAuth the code, of a service of Azure its keys."""
    if type(node.get("kty")) is str:
        return _OF_KEY
    if node.get("kind") == "Secret" and type(node.get("metadata")) is dict:
        return _OF_SECRET
    if node.keys() >= _BOTH_KEYS and all(is_key(node[name]) for name in _BOTH_KEYS):
        return _BOTH_KEYS
    return _OF_GRANT if node.get("grant_type") == "authorization_code" else _OF_NONE


def is_name(text: str, kind: str, kind_of: KindOf) -> bool:
    """Whether what stands beside a telling name is a name too: two columns. What has words, beside the name of a
    credential, is one (`Bearer ...`)."""
    return kind_of(text) is not None and (kind in PERSONAL or " " not in text.strip())


def is_pair(item: Any) -> bool:
    """A list of two texts."""
    return type(item) is list and len(item) == 2 and type(item[0]) is type(item[1]) is str


def options(items: Sequence[Any], kind_of: KindOf) -> dict[int, str]:
    """Of the words of a command: those that follow an option which says that they are secret, and options that hold a
    password; of a name and a value with a digit in it the value."""
    found: dict[int, str] = {}
    if is_pair(items) and (kind := kind_of(*items)) and kind_of(items[1]) is None and _VALUE.match(items[1]):
        return {1: kind}
    for at, item in enumerate(items[:-1]):
        if type(item) is str and item[:1] == "-" and type(items[at + 1]) is str and items[at + 1][:1] != "-":
            option = _OPTION.fullmatch(item)
            kind = kind_of(option[1], items[at + 1]) if option is not None else None
            if kind is None and item in _USER and ":" in items[at + 1] and str(items[0]).endswith("curl"):
                kind = "url-password"
            if kind is None and _is_of(_SHORT.get(item), items):
                kind = "option"
            if kind is not None:
                found[at + 1] = kind
    for at, item in enumerate(items):
        if type(item) is not str or item[:1] != "-" or len(item) < 6 or _NO_PASSWORD.fullmatch(item[2:]):
            continue
        if _is_of(_GLUED.get(item[:2]), items):
            found[at] = "option"
    return found


def _is_of(commands: re.Pattern[str] | None, items: Sequence[Any]) -> bool:
    """Whether the words begin with one of these commands."""
    if commands is None:
        return False
    words = [each for each in items[:3] if type(each) is str and len(each) <= 200]
    return bool(words) and commands.match(" ".join([words[0].rpartition("/")[2], *words[1:]])) is not None


def is_statement(text: str) -> bool:
    """Whether it may be one of SQL."""
    return len(text) <= _LONGEST and _SQL.match(text) is not None


def columns(items: Sequence[Any]) -> tuple[int, list[str]] | None:
    """Where a statement of SQL stands before its parameters, and the columns that these are for, in their order ("":
    nobody knows). None: there is none."""
    if len(items) > _MANY and not _may_have_statement([item for item in items if type(item) is str]):
        return None
    for at, item in enumerate(items[:-1]):
        if type(item) is str and is_statement(item):
            names = columns_of(item)
            return (at, names) if any(names) else None
    return None


def any_statement(texts: Sequence[str]) -> bool:
    """Whether one of many may be one."""
    return _may_have_statement(texts) and any(map(is_statement, texts))


def _may_have_statement(texts: Sequence[str]) -> bool:
    return any(_SQL_LINE.search("\n".join(texts[at : at + _AT_ONCE])) for at in range(0, len(texts), _AT_ONCE))


def columns_of(statement: str) -> list[str]:
    """The columns that the parameters of a statement are for, in their order ("": nobody knows)."""
    places = [found.span(1) for found in _PLACE.finditer(statement) if found[1]]
    into = _INTO.search(statement)
    names = [name.strip().strip('"`[]') for name in into[1].split(",")] if into is not None else []
    out: list[str] = []
    for start, _ in places:
        found = _COLUMN.search(statement[max(0, start - 160) : start])
        if found is not None:
            out.append(found[1])
        elif into is not None and start >= into.end():
            out.append(names[_number(statement[into.end() : start]) % len(names)])
        else:
            out.append("")
    order = [int(statement[start + 1 : end]) for start, end in places if statement[start] in "$:"]
    if not order or len(order) != len(places):
        return out
    by_number = dict(zip(order, out, strict=True))  # `$2 ... $1`
    return [by_number.get(number, "") for number in range(1, min(max(order), _LONGEST) + 1)]


def _number(text: str) -> int:
    """Of VALUES: how many items stand before, of all its lists together."""
    deep, number = 0, 0
    for char in re.sub(r"'(?:[^']|'')*+'", "", text):
        deep += (char == "(") - (char == ")")
        number += char == "," and deep <= 0
    return number
