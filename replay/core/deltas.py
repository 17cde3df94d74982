"""Texts that arrive in pieces, one in each event of a stream, as the one text that they make together.

Found by shape: JSON on `data:` lines or on lines of its own, whose text at one place is read on from event to event
(`choices[].delta.content`, `delta.text`, `delta.partial_json`, `message.content`). What belongs to one choice, block or
tool call is told by its `index`. An edited text is written back into the same events, each written as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from replay.core.changes import at, changed
from replay.core.edits import Steps
from replay.core.opened import Typed
from replay.core.redaction.streams import Write, style_of

LONGEST = 1 << 20
"""Characters of a stream whose texts are looked for."""
MOST = 20_000
"""Events looked at."""
TEXTS = 6
"""Texts of one stream."""
_DEEP = 12
_NAMES = {
    "content": "text", "text": "text", "delta": "text", "response": "text", "completion": "text", "token": "text",
    "generated_text": "text", "arguments": "arguments", "partial_json": "arguments", "thinking": "thinking",
    "reasoning": "thinking", "reasoning_content": "thinking",
}  # fmt: skip
"""What the pieces of a text are called, and the name of the text that they make."""
_MARKS = frozenset({"type", "id", "role", "name", "object", "model", "finish_reason", "stop_reason", "stop_sequence",
                    "signature", "status", "obfuscation"})  # fmt: skip
"""Texts below a delta that say something by themselves."""
_ENDS = ("finish_reason", "stop_reason")
OPENED = {"text": "json", "arguments": "input"}
"""A text that is JSON, and the name of what it holds."""
_Place = tuple[int, Steps]
"""Number of the event and steps into its JSON."""
_Group = tuple[Any, ...]


class Texts:
    """The texts that events make together, by name: `text`, `arguments`, `thinking`, `tool`, `finish_reason`;
    `json` and `input`: what the text and the arguments hold, if it is a JSON object or list."""

    def __init__(self, events: list[Any]) -> None:
        """`events`: JSON, opened records, or pieces of text."""
        self._events = events
        self._pieces: dict[str, list[_Place]] = {}
        self._same: dict[str, list[_Place]] = {}
        """Places that hold the whole once more."""
        self.fields: dict[str, Any] = {}
        self._find()

    def _find(self) -> None:
        found: dict[_Group, list[_Place]] = {}
        for number, tree in enumerate(self._events):
            kind = fields_of(tree).get("type")
            for group, steps in _texts(tree):
                found.setdefault((kind if type(kind) is str else None, *group), []).append((number, steps))
        for group, places in found.items():
            name = _name(group, places)
            if name is None or len(self._pieces) >= TEXTS:
                continue
            pieces = [self._at(place) for place in places]
            if "delta" not in group and len(set(pieces)) == 1:  # the same in each: said again, not read on
                continue
            self._add(name, "".join(pieces), places)
        for group, places in found.items():
            self._whole(group, places)

    def _add(self, name: str, value: str, places: list[_Place]) -> None:
        number = 1
        own = name
        while own in self._pieces:
            number += 1
            own = f"{name}_{number}"
        self._pieces[own] = places
        self.fields[own] = value
        held = _read(value) if name in OPENED and own == name else None
        if held is not None:
            self.fields[OPENED[name]] = held

    def _whole(self, group: _Group, places: list[_Place]) -> None:
        """Texts that are no pieces: how it ended, the tool that is called, the whole said once more at the end."""
        leaf = group[-1]
        if leaf in _ENDS or (leaf == "name" and _is_call(group)):
            name = "tool" if leaf == "name" else "finish_reason"
            if name not in self.fields:
                self.fields[name] = self._at(places[-1])
            self._pieces.setdefault(name, [])
            self._same.setdefault(name, []).extend(places)
            return
        for name, own in self._pieces.items():
            if own and len(places) < 3 and places != own and len(self.fields[name]) > 1:
                again = [place for place in places if self._at(place) == self.fields[name]]
                self._same.setdefault(name, []).extend(again)

    def _at(self, place: _Place) -> str:
        return str(at(self._events[place[0]], place[1]))

    def changed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The texts that are not as they were; what a text holds goes before the text where both were changed."""
        return {name: text for name in self._pieces if (text := self._text(name, fields)) is not self.fields[name]}

    def _text(self, name: str, fields: dict[str, Any]) -> Any:
        opened = OPENED.get(name)
        if opened in self.fields and fields[opened] is not self.fields[opened]:
            return _written(self.fields[name], self.fields[opened], fields[opened])
        return fields[name]

    def edited(self, texts: dict[str, Any], *, together: bool = False) -> dict[int, Any]:
        """The events that these texts change, by number. Of one that is longer or shorter than before, the last pieces
        take it; `together`: each text is in its first event."""
        new: dict[int, Any] = {}

        def put(place: _Place, piece: Any) -> None:
            number, steps = place
            tree = new.get(number, self._events[number])
            new[number] = changed(tree, steps, lambda old: old if type(old) is type(piece) and old == piece else piece)

        for name, value in texts.items():
            if name not in self._pieces:
                continue
            for place, piece in self._spread(name, value, together):
                put(place, piece)
            for place in self._same.get(name, ()):
                put(place, value)
        return {number: tree for number, tree in new.items() if tree is not self._events[number]}

    def _spread(self, name: str, value: Any, together: bool) -> Iterator[tuple[_Place, Any]]:
        """What each piece becomes: as long as it was, the last takes the rest; what is no text stands in the first."""
        places = self._pieces[name]
        start = 0
        for place in places:
            if together or type(value) is not str:
                yield place, value if place is places[0] else ""
                continue
            size = len(self._at(place))
            yield place, value[start:] if place is places[-1] else value[start : start + size]
            start += size


class Deltas(Texts):
    """The texts of a stream of lines, of which some hold JSON."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n") if len(text) <= LONGEST else []
        self._places: list[tuple[int, str]] = []
        """Of each event the number of its line, and what stands there before its JSON."""
        self._styles: dict[int, Write | None] = {}
        self._last: Write | None = None
        """Of the event before: most are written alike."""
        events: list[Any] = []
        for number, line in enumerate(self._lines):
            head = "data: " if line.startswith("data: ") else "data:" if line.startswith("data:") else ""
            tree = _read(line[len(head) :])
            if tree is not None and len(events) < MOST:
                events.append(tree)
                self._places.append((number, head))
        super().__init__(events)

    def write(self, texts: dict[str, Any], *, together: bool = False) -> str:
        """The stream with these texts."""
        lines = list(self._lines)
        for number, tree in self.edited(texts, together=together).items():
            line, head = self._places[number]
            written = self._style(number)(tree)
            lines[line] = head + (written if _is_sent(written) else _plainly(tree))
        return "\n".join(lines)

    def _style(self, number: int) -> Write:
        line, head = self._places[number]
        if number not in self._styles:
            text, tree = self._lines[line][len(head) :], self._events[number]
            self._styles[number] = self._last if _writes(self._last, tree, text) else style_of(text, tree)
            self._last = self._styles[number]
        return self._styles[number] or _plainly


def fields_of(value: Any) -> dict[Any, Any]:
    """Of a mapping or an opened record; of anything else none."""
    return value if type(value) is dict else value.fields if type(value) is Typed else {}


def _writes(style: Write | None, tree: Any, text: str) -> bool:
    """Whether that is how this event was written."""
    try:
        return style is not None and style(tree) == text
    except ValueError:  # an event of another shape
        return False


def _is_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape
        return False
    return True


def _plainly(tree: Any) -> str:
    return json.dumps(tree, separators=(",", ":"))


def _read(text: str) -> Any:
    """A JSON object or list; None: it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _written(text: str, before: Any, after: Any) -> str:
    if isinstance(after, bytes):  # JSON that stands as it is
        return after.decode("utf-8", "surrogatepass")
    style = style_of(text, before) or _plainly
    return style(after)


def _texts(tree: Any) -> Iterator[tuple[_Group, Steps]]:
    """Where texts stand, and what tells whether those of two events belong together."""
    outer = fields_of(tree).get("index")
    waiting: list[tuple[_Group, Steps, Any]] = [((outer if type(outer) is int else None,), (), tree)]
    while waiting:
        group, steps, value = waiting.pop()
        if type(value) is str:
            yield group, steps
        elif len(steps) < _DEEP:
            waiting += reversed(_inside(group, steps, value))


def _inside(group: _Group, steps: Steps, value: Any) -> list[tuple[_Group, Steps, Any]]:
    if type(value) is not list:
        return [((*group, key), (*steps, key), item) for key, item in fields_of(value).items()]
    return [((*group, _index(item, number)), (*steps, number), item) for number, item in enumerate(value)]


def _index(item: Any, number: int) -> int:
    index = fields_of(item).get("index")
    return index if type(index) is int else number


def _name(group: _Group, places: list[_Place]) -> str | None:
    """What the text that these pieces make is called; None: they are no pieces of a text."""
    if len(group) == 2:  # each event is a text itself
        return "text" if len(places) > 1 else None
    kind, leaf = group[0], group[-1]
    if type(leaf) is not str or leaf in _MARKS:
        return None
    is_delta = "delta" in group[2:]
    if not is_delta and (len(places) < 2 or leaf not in _NAMES):
        return None
    if leaf == "delta" and kind is not None and "arguments" in kind:
        return "arguments"
    return _NAMES.get(leaf, leaf)


def _is_call(group: _Group) -> bool:
    return any("tool" in step or "function" in step or step == "content_block" for step in group if type(step) is str)
