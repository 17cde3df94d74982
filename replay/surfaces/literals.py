"""Stored values as lines that read like Python, without rebuilding them: tags are read, classes never looked up."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from replay.core.behind import error_behind
from replay.core.codec import Value
from replay.core.recording import Outcome
from replay.errors import CodecError
from replay.surfaces.printable import clip, escape

STRING = 60
"""Characters of a string shown inside a longer value."""
ITEMS = 8
"""Items of a container shown."""
DEPTH = 5
"""Containers shown inside containers."""
DEEPEST = 100
"""The same where nothing is shortened: deeper no recorder goes."""
ERROR = 200
"""Columns of an error shown inside a value."""
WHOLE = 1 << 62
"""Characters, where nothing is to be shortened."""


def tree(value: Value) -> Any:
    """The JSON tree of an encoded value, tags and all."""
    try:
        return value.tree
    except CodecError:
        return {"$damaged": value.text[:STRING]}


def bare(node: Any) -> Any:
    """A node without the number that references to it use."""
    while isinstance(node, dict) and len(node) == 1 and isinstance(node.get("$id"), list) and len(node["$id"]) == 2:
        node = node["$id"][1]
    return node


def quote(text: str, longest: int = STRING) -> str:
    """A string as a Python literal, cut after `longest` characters with its whole length noted."""
    if len(text) <= longest:
        return escape(repr(text))
    return f"{escape(repr(text[:longest]))}… ({len(text):,} characters)"


def literal(node: Any, depth: int = 0, longest: int = STRING) -> str:
    """A JSON tree as one line; long strings and containers shortened, with their lengths; with `WHOLE` nothing is."""
    if isinstance(node, str):
        return quote(node, longest)
    if isinstance(node, list):
        return _container("[", "]", node, depth, longest, lambda item: literal(item, depth + 1, _inner(longest)))
    if isinstance(node, dict):
        tag = next(iter(node), None)
        if isinstance(tag, str) and tag.startswith("$") and len(node) == 1:
            return _tagged(tag, node[tag], depth, longest)
        return _mapping(node.items(), len(node), depth, longest)
    if node is None or isinstance(node, bool | int | float):
        return repr(node)
    return f"<{escape(type(node).__name__)}>"


def _inner(longest: int) -> int:
    """Characters of a string inside a value."""
    return longest if longest == WHOLE else STRING


def _mapping(pairs: Iterable[tuple[Any, Any]], size: int, depth: int, longest: int) -> str:
    def pair(item: tuple[Any, Any]) -> str:
        return f"{literal(item[0], depth + 1, _inner(longest))}: {literal(item[1], depth + 1, _inner(longest))}"

    return _container("{", "}", pairs, depth, longest, pair, size)


def _container(start: str, end: str, items: Any, depth: int, longest: int, show: Callable[[Any], str],
               size: int | None = None) -> str:  # fmt: skip
    size = len(items) if size is None else size
    most, deepest = (size, DEEPEST) if longest == WHOLE else (ITEMS, DEPTH)
    if size and depth >= deepest:
        return f"{start}… {size:,} items{end}"
    shown = [show(item) for item in islice(items, most)]
    if size > most:
        shown.append(f"… {size - most:,} more")
    return start + ", ".join(shown) + end


def _tagged(tag: str, body: Any, depth: int, longest: int) -> str:
    """A tagged value. What does not have its tag's form (the file is untrusted) is shown as `tag(content)`."""
    show = _TAGS.get(tag)
    try:
        if show is not None:
            return show(body, depth, longest)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        pass
    return f"{_NAMES.get(tag) or escape(tag[1:])}({literal(body, depth + 1, longest)})"


def _tuple(body: list[Any], depth: int, longest: int) -> str:
    text = _container("(", ")", body, depth, longest, lambda item: literal(item, depth + 1, _inner(longest)))
    return f"{text[:-1]},)" if len(body) == 1 else text


def _set(body: list[Any], depth: int, longest: int) -> str:
    if not body:
        return "set()"
    return _container("{", "}", body, depth, longest, lambda item: literal(item, depth + 1, _inner(longest)))


def _dict(body: list[list[Any]], depth: int, longest: int) -> str:
    return _mapping(((key, value) for key, value in body), len(body), depth, longest)


def _bytes(body: str, depth: int, longest: int) -> str:
    return _raw(b64decode(body), longest)


def _text_bytes(body: str, depth: int, longest: int) -> str:
    return _raw(body.encode("utf-8"), longest)


def _raw(raw: bytes, longest: int) -> str:
    return escape(repr(raw)) if len(raw) <= longest else f"{escape(repr(raw[:longest]))}… ({len(raw):,} bytes)"


def _text(body: str, depth: int, longest: int) -> str:
    return quote(b64decode(body).decode("utf-8", "surrogatepass"), longest)


def _word(body: str, depth: int, longest: int) -> str:
    return clip(escape(body), longest)


def _numbered(body: list[Any], depth: int, longest: int) -> str:
    return literal(body[1], depth, longest)


def _reference(body: int, depth: int, longest: int) -> str:
    return f"<the same as value {int(body)}>"


def _record(body: dict[str, Any], depth: int, longest: int) -> str:
    name = escape(body["type"].rpartition(":")[2])
    fields = body["fields"].items()

    def field(item: tuple[str, Any]) -> str:
        return f"{escape(item[0])}={literal(item[1], depth + 1, _inner(longest))}"

    return name + _container("(", ")", fields, depth, longest, field, len(fields))


def _class(body: dict[str, Any], depth: int, longest: int) -> str:
    return f"<class {escape(body['type'].rpartition(':')[2])}>"


def _enum(body: dict[str, Any], depth: int, longest: int) -> str:
    return f"{escape(body['type'].rpartition(':')[2])}.{escape(body['fields']['name'])}"


def _path(body: dict[str, Any], depth: int, longest: int) -> str:
    return f"Path({quote(body['path'], longest)})"


def _opaque(body: dict[str, Any], depth: int, longest: int) -> str:
    if "fields" in body:
        return _record({**body, "type": body["type"].replace(".", ":")}, depth, longest)
    return f"<{escape(body['type'])}, not stored>"


def _error(body: dict[str, Any], depth: int, longest: int) -> str:
    kind, message = error_headline({"$error": body})
    return clip(f"{kind}({quote(message, longest)})", max(ERROR, _inner(longest)))


_TAGS: dict[str, Callable[[Any, int, int], str]] = {
    "$tuple": _tuple,
    "$set": _set,
    "$dict": _dict,
    "$ordereddict": _dict,
    "$base64": _bytes,
    "$bytes": _text_bytes,
    "$str": _text,
    "$int": _word,
    "$float": _word,
    "$id": _numbered,
    "$ref": _reference,
    "$dataclass": _record,
    "$pydantic": _record,
    "$attrs": _record,
    "$struct": _record,
    "$namedtuple": _record,
    "$mapped": _record,
    "$row": _record,
    "$state": _record,
    "$message": _record,
    "$object": _record,
    "$anew": _record,
    "$class": _class,
    "$enum": _enum,
    "$path": _path,
    "$opaque": _opaque,
    "$error": _error,
}

_NAMES = {"$decimal": "Decimal", "$fraction": "Fraction", "$uuid": "UUID"}
"""As the value would be written in code."""


def raised_by(outcome: Outcome) -> Any:
    """The encoded error that it ended with, or that is behind its answer; None if there is none."""
    return tree(outcome.payload) if outcome.state == "raised" else error_behind(outcome)


def answered(outcome: Outcome) -> Any:
    """The tree of a result, without the error behind it."""
    node = tree(outcome.payload)
    if error_behind(outcome) is None:
        return node
    return {name: value for name, value in node.items() if name != "error"}


def error_body(node: Any) -> dict[str, Any]:
    """The mapping that holds an encoded error's type, message and frames; empty if `node` is none."""
    node = bare(node)
    body = node.get("$error") if isinstance(node, dict) else None
    return body if isinstance(body, dict) else {}


def referred(node: Any, within: Any) -> Any:
    """What a reference stands for, which is found `within`; anything else as it is."""
    if not (isinstance(node, dict) and len(node) == 1 and "$ref" in node):
        return node
    waiting = [within]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            numbered = each.get("$id")
            if isinstance(numbered, list) and len(numbered) == 2 and numbered[0] == node["$ref"]:
                return numbered[1]
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return node


def error_headline(node: Any) -> tuple[str, str]:
    """Type and message of an encoded error, escaped."""
    body = error_body(node)
    message = body.get("message", "")
    return escape(str(body.get("type", "?"))), escape(message) if isinstance(message, str) else literal(message)
