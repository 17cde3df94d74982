"""Edits of bodies that arrive in pieces, and of the text that a model streams: cut anywhere, lost, late, refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replay.core.opened import Typed, Unfit
from replay.core.streaming import ACTS, TAG
from replay.engine.operators.data import data
from replay.engine.operators.models import CHANGES as OF_MODELS
from replay.engine.operators.models import ended, said
from replay.engine.operators.site import Change, Site, Tried, written_out

SMALL = 4_096
"""Bytes of a body that comes byte by byte."""
KINDS = ("empty", "truncated", "fence", "prose", "refusal")
"""What becomes of a text alone."""
CHATS = (*KINDS, "no tool", "bad tool arguments", "wrong tool")
_DELAY = 31.0
"""Seconds beyond the time-outs that people choose between two pieces."""


def whole(site: Site) -> Iterator[Tried]:
    """Of a stream: where it ends, which piece is lost or late, what its text becomes."""
    if type(site.value) is not Typed or site.value.tag != TAG:
        return
    rest, fields = site.value.rest, site.value.fields
    size, count = rest["bytes"], rest["pieces"]
    is_wire = rest["form"] != "values"
    if is_wire:
        yield "breaks_at", size // 2
    if "text" in fields:
        yield from (("chat", kind) for kind in CHATS[:5])
    if "arguments" in fields:
        yield from (("chat", kind) for kind in CHATS[5:])
    if not is_wire:  # its pieces are a list, which has edits of its own
        return
    yield "ends_at", size // 2
    yield "without_piece", count - 1
    if rest["form"] != "pieces":
        yield from (("error_after", place) for place in dict.fromkeys((count // 2, count - 1, 0)))
    yield "unterminated", None
    yield from (("split", place) for place in rest["bites"])
    yield "chunks", 1 if size <= SMALL else size // SMALL + 1
    yield "together", None
    yield from (("ends_at", place) for place in dict.fromkeys((1, *rest["bites"], size - 1)))
    for place in dict.fromkeys((0, count // 2)):
        yield "without_piece", place
        yield "repeat_piece", place
        yield "swap_pieces", place
        yield "late_piece", [place, _DELAY]
    yield "repeat_piece", count - 1
    yield "swap_pieces", max(0, count - 2)
    yield "late_piece", [count - 1, 10 * _DELAY]


def texts(site: Site) -> Iterator[Tried]:
    """Of a text that a model streamed: as of any model, then as of any text."""
    if type(site.value) is not str:
        return
    name = site.steps[-1]
    if name == "finish_reason":
        yield from (("set", reason) for reason in ("length", "content_filter", "tool_calls", "stop", "max_tokens"))
        return
    if name == "tool":
        yield "set", f"{site.value}_v2"
        return
    yield from (written_out(site, _say, "say", kind) for kind in KINDS)
    if len(site.value) > 1:
        yield "cut", -1
    if site.value and len(site.value.split()) == 1 and site.value[0] not in "{[":
        yield "set", "unknown"  # one word: a label
    if site.value[:1] in ("{", "["):
        yield "set", "{}" if site.value[0] == "[" else "[]"
        yield "set", "null"
    yield from (tried for tried in data(site) if tried[0] not in ("drop", "rename"))


def _say(value: Any, kind: str) -> Any:
    if type(value) is not str or kind not in KINDS:
        raise Unfit("no text, or no such kind")
    return said(value, kind)


def _chat(value: Any, kind: str) -> Any:
    """What becomes of a streamed answer, and the reason for its end with it."""
    if type(value) is not Typed or value.tag != TAG:
        return OF_MODELS["chat"](value, kind)
    if kind not in CHATS:
        raise Unfit("no such kind")
    fields = dict(value.fields)
    if kind == "bad tool arguments" and "arguments" in fields:
        fields["arguments"] = fields["arguments"][:-1]
    elif kind == "wrong tool" and "tool" in fields:
        fields["tool"] = f"{fields['tool']}_v2"
    elif kind == "no tool" and "arguments" in fields:
        fields.update({"arguments": ""} | ({"tool": ""} if "tool" in fields else {}))
    elif "text" in fields and kind in KINDS:
        fields["text"] = said(fields["text"], kind)
    else:
        raise Unfit("no such text")
    if "finish_reason" in fields:
        fields["finish_reason"] = ended(fields["finish_reason"], kind)
    return Typed(TAG, fields, value.rest)


def _act(name: str) -> Change:
    def change(value: Any, argument: Any) -> Any:
        if type(value) is not Typed or value.tag != TAG:
            raise Unfit("no stream")
        return Typed(TAG, value.fields, {**value.rest, "acts": (*value.rest["acts"], (name, argument))})

    return change


CHANGES: dict[str, Change] = {"say": _say, "chat": _chat, **{name: _act(name) for name in ACTS}}
