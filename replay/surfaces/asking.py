"""What was asked and what was answered, each in one line that a terminal may show."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from replay.core.codec import Value
from replay.core.recording import Interaction
from replay.surfaces.literals import bare, error_body, error_headline, literal, tree
from replay.surfaces.printable import escape

BODY = 200
"""Bytes of a body that are read to show its beginning."""


def request_line(boundary: str, target: str, request: Value, longest: int = 60) -> str:
    """`GET https://host/path?query, body '...'` or `module:function('a', plan=None)`."""
    node = bare(tree(request))
    if isinstance(node, dict) and boundary == "http" and isinstance(node.get("url"), str):
        body = body_bytes(node.get("body"))
        text = _text(body)
        shown = f", body {literal(text, longest=longest)}" if text else f", body of {len(body):,} bytes" if body else ""
        return f"{escape(str(node.get('method', '')))} {escape(node['url'])}{shown}"
    if isinstance(node, dict) and set(node) == {"args", "kwargs"}:
        args, kwargs = bare(node["args"]), bare(node["kwargs"])
        if isinstance(args, list) and isinstance(kwargs, dict):
            parts = [literal(part, longest=longest) for part in args]
            parts += [f"{escape(name)}={literal(part, longest=longest)}" for name, part in kwargs.items()]
            return f"{escape(target)}({', '.join(parts)})"
    return f"{escape(target)} {literal(node, longest=longest)}"


def got_line(interaction: Interaction, longest: int = 60) -> str:
    """What production got, with the beginning of a body: `200 OK, 26 bytes: '{"plan": null}'`."""
    node = bare(tree(interaction.answer))
    if interaction.state == "unfinished" or not isinstance(node, dict) or node.get("status") is None:
        return answer_line(interaction, longest)
    stored = node.get("pieces")
    stored = stored if isinstance(stored, list) else ()
    pieces = [body_bytes(piece[1]) for piece in stored if isinstance(piece, list) and len(piece) > 1]
    size = sum(map(len, pieces))
    body = _text(b"".join(pieces)[:BODY])
    shown = f": {body[:longest]!r}{'…' if len(body) > longest else ''}" if body else ""
    return f"{answer_line(interaction)}, {size:,} bytes{shown}"


def answer_line(interaction: Interaction, longest: int = 60) -> str:
    """How an interaction ended: of HTTP the status and the body's end, of an error its type, else the value."""
    node = bare(tree(interaction.answer))
    if interaction.state == "unfinished":
        return "unfinished"
    if interaction.boundary == "http" and isinstance(node, dict) and "status" in node:
        return _http_line(node)
    if interaction.state == "raised" and error_body(node):
        kind, message = error_headline(node)
        return f"{kind}: {message}"
    return literal(node, longest=longest)


def _http_line(node: dict[str, Any]) -> str:
    status, end, error = node.get("status"), node.get("end"), node.get("error")
    parts = [escape(str(status))] if status is not None else []
    if end not in ("complete", None):
        parts.append(escape(str(end)))
    if isinstance(error, dict):
        parts.append(escape(str(error.get("type", ""))))
    return " ".join(parts) or "no answer"


def body_bytes(node: Any) -> bytes:
    """The bytes of an encoded body; of what is none, none."""
    node = bare(node)
    try:
        if isinstance(node, dict) and "$bytes" in node:
            return bytes(node["$bytes"], "utf-8")
        if isinstance(node, dict) and "$base64" in node:
            return b64decode(node["$base64"])
    except (ValueError, TypeError):  # damage in a bundle: a line for people shows what it can
        pass
    return b""


def _text(body: bytes) -> str:
    """What a body says; nothing, where a tenth and more of it is no text (an image, what is compressed)."""
    text = body.decode("utf-8", "replace")
    return text if text.count("\ufffd") * 10 < len(text) else ""
