"""Making one opened value small: what can go goes, what has to stay becomes a neutral value of its type.

Delta debugging over names and items, from the whole of a value downwards (Misherghi and Su, HDD: Hierarchical Delta
Debugging, ICSE 2006); text over its pieces, and what is left of it letter by letter into `x` and `0`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from replay.core.opened import Typed
from replay.engine.shrink import fewest

Test = Callable[[Any], bool]
"""Whether it still fails in the same way with this value."""
PIECES = 32
"""Pieces of a long text at a time."""
ROUNDS = 4
"""Times that a long text is cut into pieces."""


def reduced(value: Any, test: Test, rounds: int = ROUNDS) -> Any:
    """The smallest value found for which `test` holds; it holds for `value`. `rounds`: times that a text is cut."""
    kind = type(value)
    for small in neutral(value):
        if test(small):
            return small
    if kind is Typed:
        return _record(value, test, rounds)
    if not value:
        return value
    if kind is dict:
        return _mapping(value, test, rounds)
    if kind is list or kind is tuple:
        return _items(value, test, rounds)
    if kind is str or kind is bytes:
        return _text(value, test, rounds)
    return value


def neutral(value: Any) -> list[Any]:
    """What is smaller than a value and of its type, the smallest first; empty for what has nothing smaller."""
    kind = type(value)
    if kind is int or kind is float:
        small = [kind(0), kind(1)]
        return small[: small.index(value)] if value in small and math.copysign(1, value) > 0 else small
    if kind in (str, bytes, list, tuple, dict):
        return [kind()] if value else []
    return []


def _mapping(value: dict[Any, Any], test: Test, rounds: int) -> dict[Any, Any]:
    names = fewest(tuple(value), lambda kept: test({name: value[name] for name in value if name in kept}))
    found = {name: value[name] for name in value if name in names}
    for name in list(found):
        found[name] = reduced(found[name], lambda new, name=name: test({**found, name: new}), rounds)  # type: ignore[misc]
    return found


def _items(value: Any, test: Test, rounds: int) -> Any:
    kind = type(value)
    places = fewest(tuple(range(len(value))), lambda kept: test(kind([value[place] for place in kept])))
    found = [value[place] for place in places]
    for place in range(len(found)):

        def fits(new: Any, place: int = place) -> bool:
            return test(kind([*found[:place], new, *found[place + 1 :]]))

        found[place] = reduced(found[place], fits, rounds)
    return kind(found)


def _record(value: Typed, test: Test, rounds: int) -> Typed:
    fields = dict(value.fields)
    for name in fields:

        def fits(new: Any, name: str = name) -> bool:
            return test(Typed(value.tag, {**fields, name: new}, value.rest))

        fields[name] = reduced(fields[name], fits, rounds)
    return Typed(value.tag, fields, value.rest)


def held_json(text: str) -> Any:
    """The object or array that a text is; None, if it is none."""
    try:
        tree = json.loads(text) if text[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None
    return tree if type(tree) is dict or type(tree) is list else None


def _text(value: Any, test: Test, rounds: int) -> Any:
    tree = held_json(value) if type(value) is str else None
    if tree is not None and test(json.dumps(tree)):  # as a text it may fail so for another reason
        return json.dumps(reduced(tree, lambda new: test(json.dumps(new)), rounds))
    if type(value) is str:
        for plain in ("x", "0"):
            if len(value) > 1 and test(plain):
                return plain
    empty = value[:0]
    value = fewest_lines(value, test) if rounds else value
    for _ in range(rounds):
        size = -(-len(value) // PIECES)
        pieces = tuple((at, value[at : at + size]) for at in range(0, len(value), size))
        kept = fewest(pieces, lambda kept: test(empty.join(piece for _, piece in kept)))
        shorter = empty.join(piece for _, piece in kept)
        if size == 1 or shorter == value:
            value = shorter
            break
        value = shorter
    return _masked(value, test) if type(value) is str else value


def fewest_lines(value: Any, test: Test) -> Any:
    """Without whole lines, events of a stream and records of a table among them: many at a time, then one by one."""
    empty = value[:0]
    for _ in range(ROUNDS):
        lines = value.splitlines(keepends=True)
        size = -(-len(lines) // PIECES)
        if len(lines) < 2:
            break
        pieces = tuple((at, empty.join(lines[at : at + size])) for at in range(0, len(lines), size))
        kept = fewest(pieces, lambda kept: test(empty.join(piece for _, piece in kept)))
        value = empty.join(piece for _, piece in kept)
        if size == 1:
            break
    return value


def masked(text: str) -> str:
    """Letters as `x`, digits as `0`."""
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", text))


def _masked(value: str, test: Test) -> str:
    """Letters and digits that need not be these become `x` and `0`: all at once, else word by word."""
    whole = masked(value)
    if whole != value and test(whole):
        return whole
    for word in list(re.finditer(r"\w+", value)):
        tried = value[: word.start()] + masked(word[0]) + value[word.end() :]
        if tried != value and test(tried):
            value = tried
    return value


def masked_where_it_can_be(value: str, test: Test) -> str:
    """The same, and letter by letter in the words that are left."""
    value = _masked(value, test)
    for place, letter in enumerate(value):
        tried = value[:place] + masked(letter) + value[place + 1 :]
        if tried != value and test(tried):
            value = tried
    return value
