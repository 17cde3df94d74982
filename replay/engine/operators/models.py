"""Edits of what models answer: labels, scores at thresholds, chat answers that are cut, refused or wrapped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from replay.engine.operators.site import Change, Site, Tried

_LABELS = ("label", "class", "category", "prediction", "intent")
_SCORES = frozenset({"score", "confidence", "probability", "prob", "p"})
_REFUSAL = "I'm sorry, but I can't help with that."
KINDS = ("empty", "truncated", "refusal", "fence", "prose", "no tool", "bad tool arguments", "wrong tool")


def labels(site: Site) -> Iterator[Tried]:
    """Of a classifier's answer: each label that it gives a score for, and one that nobody knows."""
    if not site.steps or site.steps[-1] not in _LABELS or type(site.value) is not str:
        return
    if isinstance(site.other, dict):
        for found in site.other.values():
            if type(found) is dict and site.value in found:
                yield from (("set", name) for name in found if name != site.value)
    yield "set", "unknown"


def scores(site: Site) -> Iterator[Tried]:
    """Of a score: at and beside the thresholds that people choose, and no number."""
    if site.steps and site.steps[-1] in _SCORES and type(site.value) in (int, float):
        yield "set", math.nan
        yield from (("set", each) for each in site.constants[:3] if type(each) is float)  # the model's own threshold
        yield from (("set", each) for each in (0.5, 0.0, 1.0, 0.51, 0.49, 0.9, 0.1, 1.5, -0.1))


def chats(site: Site) -> Iterator[Tried]:
    """Of a chat answer, of OpenAI's or Anthropic's form."""
    if type(site.value) is dict and (_choices(site.value) or _blocks(site.value)):
        yield from (("chat", kind) for kind in KINDS)


def _choices(value: dict[str, Any]) -> bool:
    found = value.get("choices")
    return type(found) is list and bool(found) and type(found[0]) is dict and type(found[0].get("message")) is dict


def _blocks(value: dict[str, Any]) -> bool:
    return type(value.get("content")) is list and "stop_reason" in value


def _chat(value: Any, kind: str) -> Any:
    if kind not in KINDS:
        raise ValueError(kind)
    if _choices(value):
        first = value["choices"][0]
        return {**value, "choices": [_openai(first, kind), *value["choices"][1:]]}
    return _anthropic(value, kind)


def _openai(choice: dict[str, Any], kind: str) -> dict[str, Any]:
    message = dict(choice["message"])
    reason = choice.get("finish_reason")
    calls = message.get("tool_calls") or []
    if kind == "truncated":
        reason = "length"
    elif kind in ("refusal", "no tool"):
        reason = "stop"
    if kind in ("no tool", "refusal", "empty"):
        message.pop("tool_calls", None)
    elif calls:
        message["tool_calls"] = [_call(call, kind) for call in calls]
    content = message.get("content")
    if type(content) is str or kind in ("empty", "refusal"):
        message["content"] = said(content or "", kind)
    return {**choice, "message": message, "finish_reason": reason}


def _anthropic(value: dict[str, Any], kind: str) -> dict[str, Any]:
    blocks = []
    for block in value["content"]:
        if block.get("type") == "text":
            block = {**block, "text": said(block["text"], kind)}
        elif block.get("type") == "tool_use" and kind in ("no tool", "refusal", "empty"):
            continue
        elif block.get("type") == "tool_use" and kind == "wrong tool":
            block = {**block, "name": f"{block['name']}_v2"}
        elif block.get("type") == "tool_use" and kind == "bad tool arguments":
            block = {**block, "input": {}}
        blocks.append(block)
    if kind == "empty":
        blocks = []
    reason = {"truncated": "max_tokens", "refusal": "refusal"}.get(kind, value["stop_reason"])
    return {**value, "content": blocks, "stop_reason": reason}


def ended(reason: str, kind: str) -> str:
    """The reason for the end of such an answer, as who gave `reason` says it."""
    if kind == "truncated":
        return "max_tokens" if reason in ("end_turn", "tool_use", "stop_sequence") else "length"
    if kind == "refusal" and reason in ("end_turn", "tool_use", "stop_sequence"):
        return "refusal"
    return "stop" if reason == "tool_calls" and kind in ("refusal", "no tool", "empty") else reason


def said(text: str, kind: str) -> str:
    """The text of an answer of that kind."""
    return {
        "empty": "",
        "truncated": text[: len(text) // 2],
        "refusal": _REFUSAL,
        "fence": f"```json\n{text}\n```",
        "prose": f"Sure! Here is the result:\n\n{text}\n\nLet me know if you need anything else.",
    }.get(kind, text)


def _call(call: dict[str, Any], kind: str) -> dict[str, Any]:
    """A tool call, with its name and arguments at the top or below `function`."""
    if type(call.get("function")) is dict:
        return {**call, "function": _call(call["function"], kind)}
    arguments = call.get("arguments")
    if type(arguments) is str and kind == "truncated":
        return {**call, "arguments": arguments[: len(arguments) // 2]}
    if type(arguments) is str and kind == "bad tool arguments":
        return {**call, "arguments": arguments[:-1]}
    return {**call, "name": f"{call.get('name')}_v2"} if kind == "wrong tool" else call


CHANGES: dict[str, Change] = {"chat": _chat}
