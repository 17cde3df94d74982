"""How production comes to what an edit does: one line for people."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from replay.core.edits import Edit, Steps, parse, write
from replay.core.left import has_left
from replay.core.parts import Parts
from replay.core.recording import Interaction, Recording
from replay.surfaces.page import duration

NOTHING_CHANGED = "it has: this is the recording as it is"
_CHATS = {
    "empty": "the model's answer is empty",
    "truncated": "the model's answer is cut: it ran out of tokens",
    "refusal": "the model refuses",
    "fence": "the model puts its answer in a code fence",
    "prose": "the model writes prose around its answer",
    "no tool": "the model calls no tool",
    "bad tool arguments": "the model calls the tool with malformed arguments",
    "wrong tool": "the model calls a tool that is not there",
}
_FAULTS = {
    "timeout": "does not answer in time",
    "refused": "refuses the connection",
    "reset": "resets the connection",
    "cut": "breaks off in the middle of its answer",
}
_OPERATORS = {
    "drop": "{leaves} {place}",
    "rename": "{gives} {place} under another name",
    "twice": "{gives} {place} twice",
    "pad": "{gives} {place} with blanks around",
    "case": "{gives} {place} in other letters",
    "long": "{gives} a very long text{at}",
    "cut": "{gives} only the beginning of {place}",
    "mangle": "{gives} damaged text{at}",
    "many": "{gives} very many items{at}",
    "extend": "{gives} one item more{at}",
    "reverse": "{gives} {place} in another order",
    "first": "{gives} only the first item of {place}",
    "listed": "{gives} a list{at} where there was one value",
    "wrap": "{gives} an object around {place}",
    "add": "{gives} a key more{at}",
    "put": "{gives} something in the middle of {place} that does not belong there",
    "swap": "{gives} two values the other way round{at}",
    "resize": "{gives} another number of values{at}",
    "scale": "{gives} numbers of another scale{at}",
    "duplicate_key": "{gives} a key twice{at}",
    "empty_page": "{gives} a page without items",
    "html": "is down, and a proxy answers with an HTML page",
    "stale": "{gives} an old answer once more",
    "split": "sends its answer in other pieces",
    "chunks": "sends its answer in other pieces",
    "together": "sends its answer in one piece",
    "ends_at": "ends its answer early",
    "breaks_at": "breaks off within its answer",
    "unterminated": "closes the connection before it says that its answer is whole",
    "without_piece": "loses a piece of its answer",
    "repeat_piece": "sends a piece of its answer twice",
    "swap_pieces": "sends two pieces of its answer the other way round",
    "late_piece": "stops for a while within its answer",
    "error_after": "streams an error instead of the rest",
    "recode": "{gives} {place} in another encoding",
    "packing": "compresses its answer wrongly",
    "splice": "{gives} the beginning of {place} and the end of another one",
}


def way(recording: Recording, edits: Iterable[Edit]) -> str:
    """What has to happen for a mutation to be real: `the CRM answers null at plan`; of several all of them."""
    parts = Parts(recording)
    said = list(dict.fromkeys(_way(recording, parts, edit) for edit in edits))
    return ", and ".join(said) if said else NOTHING_CHANGED


def _way(recording: Recording, parts: Parts, edit: Edit) -> str:
    root, steps = parse(edit.path)
    if root == "clock":
        return f"it runs at another time: {_moment(edit.argument)}"
    if root.startswith("timing["):
        number = int(root[7:-1])
        who = next((_who(each) for each in recording.interactions if each.seq == number), "it is asked")
        if edit.argument is not None and float(edit.argument) < 0:
            return f"the clock is set back by {duration(-float(edit.argument) * 1e9)} before {who} has answered"
        moves = "to the next day" if edit.argument is None else f"on by {duration(float(edit.argument) * 1e9)}"
        return f"the clock moves {moves} until {who} has answered"
    if root == "draws":
        return "chance draws another number"
    interaction = parts.interaction(root)
    if edit.operator in ("chat", "say") and edit.argument in _CHATS:
        return _CHATS[str(edit.argument)]
    if interaction is None:
        who, gives = ("a client", "sends") if recording.kind in ("asgi", "wsgi") else ("a caller", "passes")
        shown = _under(steps[1:] if steps and steps[0] in ("args", "kwargs", "body") else steps, steps)
    else:
        is_stream = root.startswith("http[") and steps[:1] == ("stream",)
        who, gives = _who(interaction), "streams" if is_stream else "answers"
        if has_left(interaction.answer) and steps:  # in an argument, or what it returned
            gives = "answers" if steps[0] == "returned" else "leaves"
            return f"{who} {_does(edit, gives, _under(steps[1:], steps), steps)}"
        shown = _under(steps[1:] if is_stream or steps[:1] == ("body",) else steps, steps)
    return f"{who} {_does(edit, gives, shown, steps)}"


def _under(steps: Steps, whole: Steps) -> str:
    """A place as people call it."""
    if whole[:1] == ("args",) and len(steps) >= 1:
        rest = write("", steps[1:]).lstrip(".")
        return rest or f"argument {steps[0]}"
    return write("", steps).lstrip(".")


def _who(interaction: Interaction) -> str:
    if interaction.boundary == "http":
        method, _, url = interaction.target.partition(" ")
        return urlsplit(url).netloc or f"{method} {url}"
    return f"the model {interaction.target}" if interaction.boundary == "model" else interaction.target


def _does(edit: Edit, gives: str, place: str, steps: Steps) -> str:
    at = f" at {place}" if place else ""
    if edit.operator == "fault":
        return _FAULTS.get(str(edit.argument), f"fails ({edit.argument})")
    if edit.operator == "slow":
        return f"takes {duration(float(edit.argument) * 1e9)} longer"
    if edit.operator == "answer" or (edit.operator == "set" and steps == ("status",)):
        status = edit.argument[0] if isinstance(edit.argument, list) else edit.argument
        return f"answers with status {status}"
    if edit.operator == "set":
        return f"{gives} {value(edit.argument)}{at}"
    argument = edit.argument if isinstance(edit.argument, list) else [edit.argument]
    if edit.operator == "replace" and len(argument) == 2:
        old, new = (value(each) for each in argument)
        return f"{gives} {place or 'it'} {f'with {new} for {old}' if argument[1] else f'without {old}'}"
    if edit.operator == "database":
        return f"fails ({', '.join(map(str, argument))})"
    words = _OPERATORS.get(edit.operator)
    if words is None:
        return f"{gives} something else{at} ({edit.operator.replace('_', ' ')})"
    leaves = "leaves out" if place else gives
    return words.format(
        gives=gives, leaves=leaves, place=place or ("nothing" if edit.operator == "drop" else "all of it"), at=at
    )


def value(found: Any) -> str:
    """A value in words: `null`, `an empty string`, `a number instead`."""
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str):
        return _text(found)
    if isinstance(found, int | float):
        return "NaN" if isinstance(found, float) and math.isnan(found) else f"the number {found!r}"[:60]
    if isinstance(found, list | tuple | dict):
        name = "object" if isinstance(found, dict) else "list"
        return f"an {'empty ' if not found else ''}{name}" if name == "object" or not found else "a list"
    return f"a {type(found).__name__}"


def _text(found: str) -> str:
    if not found:
        return "an empty string"
    if not found.strip():
        return "only blanks"
    shown = found if len(found) <= 40 else f"{found[:40]}..."
    return f'"{shown}"'.encode("ascii", "backslashreplace").decode()


def _moment(argument: Any) -> str:
    if isinstance(argument, int) and abs(argument) < 1 << 62:
        try:
            return datetime.fromtimestamp(argument // 10**9, UTC).isoformat(sep=" ")
        except (OverflowError, ValueError, OSError):
            pass
    return str(argument)[:40]
