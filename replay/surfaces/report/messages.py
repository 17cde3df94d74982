"""HTTP requests and answers, and other values, as a reader wants them: headers by name, bodies as JSON or text."""

from __future__ import annotations

from typing import Any

from replay.boundaries.http.bodies import header, json_of, undone
from replay.surfaces.asking import body_bytes
from replay.surfaces.literals import bare, literal
from replay.surfaces.report.trees import TEXT, Node, of_tree

BODY = 64 << 10
"""Bytes of a body that are parsed."""
HEADERS = 100
_BODIES = ("pieces", "body")
"""Where a body is: of an answer in pieces with their times, of a web request a list of pieces, of others one."""


def message(name: str, node: Any) -> tuple[Node, ...]:
    """The value itself, and its body if it is a message of HTTP."""
    if not isinstance(node, dict) or not isinstance(node.get("headers"), list):
        return (of_tree(node, name),)
    held = next((key for key in _BODIES if key in node), None)
    if held is None:
        return (of_tree(node, name),)
    shown = of_tree({key: part for key, part in node.items() if key not in (held, "headers")}, name)
    headers = _headers(node["headers"])
    parts = (*shown.parts, headers) if headers is not None else shown.parts
    whole = Node(name, shown.text, shown.kind, parts, shown.more)
    return (whole, *_body(f"{name} body", _bytes(node[held]), node))


def _headers(pairs: list[Any]) -> Node | None:
    named = [bare(pair) for pair in pairs]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in named):
        return of_tree(pairs, "headers")
    parts = tuple(Node(_word(key), _word(value), "text") for key, value in named[:HEADERS])
    names = ", ".join(part.name for part in parts)
    return Node("headers", names, "", parts, len(named) - len(parts)) if parts else None


def _word(node: Any) -> str:
    if isinstance(node, str):
        return node[:TEXT]
    text = body_bytes(node)
    return text[:TEXT].decode("utf-8", "backslashreplace") if text else literal(node)


def _bytes(node: Any) -> bytes:
    node = bare(node)
    if not isinstance(node, list):
        return body_bytes(node)
    pieces = [piece[1] if isinstance(piece, list) and len(piece) > 1 else piece for piece in node]
    return b"".join(map(body_bytes, pieces))


def _body(name: str, raw: bytes, held: dict[str, Any]) -> list[Node]:
    if not raw:
        return []
    pairs = [pair for pair in map(bare, held["headers"]) if isinstance(pair, list) and len(pair) == 2]
    named = [(_word(key), _word(value)) for key, value in pairs]
    whole = raw if held.get("decoded") else undone(raw, header(named, "content-encoding"))
    size = f"{len(whole):,} bytes" if whole == raw else f"{len(raw):,} bytes, {len(whole):,} unpacked"
    try:
        parsed = _encoded(json_of(whole)) if len(whole) <= BODY else None
    except RecursionError:
        parsed = None
    if isinstance(parsed, dict | list):
        return [of_tree(parsed, f"{name}, {size}")]
    shown = whole[: 2 * TEXT]
    lines = [Node("", line[:TEXT], "raw") for line in shown.decode("utf-8", "backslashreplace").splitlines()]
    if len(whole) > len(shown):
        lines.append(Node("", f"and {len(whole) - len(shown):,} bytes more", "note"))
    return [Node(f"{name}, {size}", "", "body", tuple(lines))]


def _encoded(value: Any) -> Any:
    """JSON that a stranger sent as an encoded tree: no key of it is one of our tags."""
    if isinstance(value, dict):
        pairs = [(key, _encoded(part)) for key, part in value.items()]
        if any(key.startswith("$") for key, _ in pairs):
            return {"$dict": [[key, part] for key, part in pairs]}
        return dict(pairs)
    return [_encoded(part) for part in value] if isinstance(value, list) else value
