"""JSON in a text: what a model answered, a message of a queue, a cached value, alone or in a fence of Markdown.

It is a place of its own, named `json`, below the text (`model[0].text.json.amount`); an edit of it is written back into
the text, in the style of that.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from replay.core.opened import Unfit, named

STEP = "json"
LONGEST = 1 << 16
"""Characters of a text that is looked into."""
_FENCES = ("```json", "```JSON", "```")


def document(text: str) -> Any:
    """The object or list that a text is. Raises Unfit if it is none. Not to be changed: it is shared."""
    found = _split(text) if len(text) <= LONGEST else None
    if found is None:
        raise Unfit("no JSON")
    return found[1]


def within(value: Any) -> list[tuple[Any, Any]]:
    """What an opened value holds, with the step that leads to each (see `named`); of a text its document."""
    if type(value) is not str:
        return named(value)
    try:
        return [(STEP, document(value))]
    except Unfit:
        return []


def rewritten(text: str, value: Any) -> str:
    """The text with another document in its place. Raises Unfit for what JSON cannot hold."""
    found = _split(text)
    if found is None:
        raise Unfit("no JSON")
    head, _, tail = found
    return f"{head}{_written(text[len(head) :], value)}{tail}"


@lru_cache(maxsize=256)
def _split(text: str) -> tuple[str, Any, str] | None:
    """What is before the document, it, and what is after."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if not starts:
        return None
    start = min(starts)
    head = text[:start]
    if head.strip() and not head.rstrip().endswith(_FENCES):
        return None
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    tail = text[end:]
    is_whole = not tail.strip() if not head.strip() else tail.lstrip().startswith("```")
    return (head, value, tail) if is_whole else None


_DECODER = json.JSONDecoder()


def _written(like: str, value: Any) -> str:
    if isinstance(value, bytes):  # a document that stands as it is: a name twice, an encoding
        return value.decode("utf-8", "replace")
    is_loose, is_wide = '": ' in like, like.startswith(("{\n", "[\n"))
    try:
        return json.dumps(
            value, ensure_ascii=like.isascii(), indent=2 if is_wide else None,
            separators=(",", ": ") if is_wide else (", ", ": ") if is_loose else (",", ":"),
        )  # fmt: skip
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit(str(error)[:200]) from error
