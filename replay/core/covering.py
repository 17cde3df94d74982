"""What known noise covers where two plain values are compared: see `replay.core.noise`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import isclose, isfinite
from typing import Any
from uuid import UUID

import msgspec

from replay.core.looking import address_of
from replay.core.noise import Excuse, Matcher, Noise
from replay.core.paths import EACH, Steps, parse, path_of
from replay.core.plain import readable, weight
from replay.core.redaction.own import stands_for
from replay.core.redaction.shown import is_one_of, put_back
from replay.core.times import both_inside, both_lasted
from replay.core.verdict import Difference, Window
from replay.core.wording import blank, replaced

MOST_MEMBERS = 100
"""Of a set that are other ones."""
LARGEST = 1 << 22
"""About how many bytes of two values are looked through, each as often as noise speaks of it: of hostile ones each of
some lists, one in the next, is looked through again for the order of its items."""
_PLACE = 40
"""What a place that a path leads to takes of that."""
TOO_MUCH = "known noise speaks of more than is looked through: it covers nothing here"
_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-z])", re.I)
_WORD = re.compile(r"\w+|\W")
_ROUNDED = 1e-13


def cover(
    recorded: Any, actual: Any, noise: Collection[Noise], window: Window | None = None
) -> tuple[Any, list[Difference]]:
    """`actual` with what the noise covers put as it was recorded, and those differences, each with its note. Where that
    is too much to look through, `actual` as it is, and one of kind `unknown` that says so.

    Both are plain values (`Plainly`). Neither is changed.
    """
    root = _Node()
    for each in noise:
        if isinstance(each, Excuse):
            for found in each.places(recorded):
                root.add(found, each)
            continue
        steps = parse(each.path)
        if steps is not None:
            root.add(steps, each)
    covering = _Covering(window)
    changed = covering.of(root, recorded, actual, ())
    return (actual, [Difference("$", "unknown", note=TOO_MUCH)]) if covering.spent else (changed, covering.noted)


class _Node:
    """Noise by step."""

    __slots__ = ("children", "noise")

    def __init__(self) -> None:
        self.children: dict[Any, _Node] = {}
        self.noise: Noise | None = None

    def add(self, steps: Steps, noise: Noise) -> None:
        node = self
        for step in steps:
            node = node.children.setdefault(step, _Node())
        node.noise = noise

    def child(self, step: Any) -> _Node | None:
        return self.children.get(step) or self.children.get(EACH)


class _Covering:
    """One walk over two values, along the paths of the noise."""

    def __init__(self, window: Window | None) -> None:
        self.noted: list[Difference] = []
        self._window = window
        self._left = LARGEST

    @property
    def spent(self) -> bool:
        """It is too much to look through: nothing is covered."""
        return self._left < 0

    def _may(self, one: Any, two: Any) -> bool:
        """Whether two values may be looked through."""
        for each in (one, two):
            self._left -= weight(each, max(0, self._left))
        return not self.spent

    def of(self, node: _Node, one: Any, two: Any, steps: Steps) -> Any:
        self._left -= _PLACE
        if self.spent or type(one) is not type(two):
            return two
        noise = node.noise
        if isinstance(noise, Excuse) and isinstance(one, dict):
            two = self._renamed(noise, one, two, steps)
        elif noise is not None and noise.matcher == "unordered" and not isinstance(one, str):
            below = node.children.get(EACH)
            may = self._may(one, two) and (below is None or self._may(one, two))  # what lies below is masked first
            aligned = _aligned(one, two, below, self._window) if may else None
            if aligned is not None and aligned != two:
                self._note(noise, one, two, steps)
                two = aligned
        elif noise is not None and self._may(one, two) and covers(noise, one, two, steps, self._window):
            if identity(one) != identity(two):
                self._note(noise, one, two, steps)
            return one
        if node.children:
            return self._within(node, one, two, steps)
        return two

    def _renamed(self, noise: Excuse, one: Any, two: Any, steps: Steps) -> Any:
        """A mapping with the recorded keys for those of which production's key makes them."""
        gone = [name for name in one if name not in two]
        came = [name for name in two if name not in one]
        if noise.keyed is None or len(gone) != len(came) or len(gone) > MOST_MEMBERS:
            return two
        names: dict[Any, Any] = {}
        for name in came:
            for each in gone:
                if stands_for(each, name, noise.pseudonyms, frozenset(), noise.keyed) and each not in names.values():
                    names[name] = each
                    self._note(noise, each, name, steps)
                    break
        return {names.get(name, name): item for name, item in two.items()}

    def _note(self, noise: Noise, one: Any, two: Any, steps: Steps) -> None:
        self.noted.append(Difference(path_of(steps), "changed", readable(one), readable(two), noise.note))

    def _within(self, node: _Node, one: Any, two: Any, steps: Steps) -> Any:
        if isinstance(one, dict):
            changed = dict(two)
            for name, child in node.children.items():
                if name is EACH or name not in one or name not in two or names_a_type(one, name):
                    continue
                changed[name] = self.of(child, one[name], two[name], (*steps, name))
            return changed
        if isinstance(one, list | tuple) and len(one) == len(two):
            items = []
            for at, (first, second) in enumerate(zip(one, two, strict=True)):
                inner = node.child(at)
                items.append(second if inner is None else self.of(inner, first, second, (*steps, at)))
            return tuple(items) if isinstance(one, tuple) else items
        return two


def names_a_type(owner: Mapping[Any, Any], name: Any) -> bool:
    """Whether it is what says of which type a value or an error is."""
    return name == "<type>" or (name in ("type", "cause", "context") and "type" in owner and "message" in owner)


def covers(noise: Noise, one: Any, two: Any, steps: Steps, window: Window | None) -> bool:
    """Whether noise covers two values; of `type`, and what is nothing but a credential or a part, not at the root."""
    if isinstance(noise, Excuse):
        if isinstance(one, frozenset) and isinstance(two, frozenset):
            return _stand_for(noise, one - two, two - one, steps)
        if noise.words and (steps or not is_one_of(one, noise.words)):
            two = put_back(one, two, noise.words)
            if identity(one) == identity(two):
                return True
        own = noise.pseudonyms, noise.made, noise.keyed
        return stands_for(one, two, *own, whole=bool(steps), checked=noise.checked, fixed=noise.fixed)
    return matches(noise.matcher, one, two, steps, window, noise.within)


def _stand_for(noise: Excuse, one: frozenset[Any], two: frozenset[Any], steps: Steps) -> bool:
    """Whether each of some members is what another of them may be."""
    left = list(two)
    if len(one) != len(two) or len(one) > MOST_MEMBERS:
        return False
    for recorded in one:
        found = next((at for at, each in enumerate(left) if covers(noise, recorded, each, steps, None)), None)
        if found is None:
            return False
        del left[found]
    return True


def matches(
    matcher: Matcher,
    one: Any,
    two: Any,
    steps: Steps,
    window: Window | None,
    within: tuple[int, ...] | None = None,
) -> bool:
    """Whether a matcher covers two values; of `type` not at the root. `within`: see `Noise.within`."""
    if matcher == "time":  # of noise, which may be computed of several
        return window is not None and both_inside(one, two, msgspec.structs.replace(window, clock=None))
    if matcher == "uuid":
        form = uuid_form(one)
        return form is not None and form == uuid_form(two)
    if matcher == "took":
        return window is not None and bool(steps) and both_lasted(one, two, window, (0,) if within is None else within)
    if matcher == "near":
        return type(one) is type(two) and isinstance(one, float | Decimal) and _are_near(one, two)
    if matcher == "unordered":
        return isinstance(one, str) and isinstance(two, str) and _words(one) == _words(two)
    if within is not None and isinstance(one, str) and isinstance(two, str):
        return matcher == "type" and replaced(one, two, "mark", within) is not None
    return bool(steps) and matcher == "type" and _are_of_a_type(one, two)


def _are_near(one: float | Decimal, two: float | Decimal) -> bool:
    try:
        return isfinite(one) and isclose(one, two, rel_tol=_ROUNDED)
    except ValueError:  # a signaling nan
        return False


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text[:LARGEST])) if len(text) < LARGEST else Counter([text])


def _are_of_a_type(one: Any, two: Any) -> bool:
    if type(one) is not type(two) or isinstance(one, bool | dict) or one is None:
        return False
    if _is_leaf(one):
        return True
    if len(one) != len(two) or not all(map(_is_leaf, (*one, *two))):
        return False
    return isinstance(one, set | frozenset) or all(map(_are_of_a_type, one, two))


def uuid_form(value: Any) -> Any:
    """How a UUID is written, or what stands around the UUIDs of a text: equal for two that differ in nothing else.
    None: it holds none."""
    if isinstance(value, UUID):
        return UUID
    if not isinstance(value, str) or len(value) > LARGEST:
        return None
    form, count = _UUID.subn(r"\0\1", value)
    return form if count else None


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, dict | list | tuple | frozenset | set)


def _aligned(one: Any, two: Any, below: _Node | None, window: Window | None) -> Any:
    """`two` in the order of `one`, if it has the same items but for the noise below them; else None."""
    if not isinstance(one, list | tuple) or len(one) != len(two):
        return None
    waiting: dict[Any, list[Any]] = {}
    for item in two:
        waiting.setdefault(_masked(item, below, window), []).append(item)
    for items in waiting.values():
        items.reverse()
    found = []
    for item in one:
        items = waiting.get(_masked(item, below, window), [])
        if not items:
            return None
        found.append(items.pop())
    return tuple(found) if isinstance(one, tuple) else found


def _masked(value: Any, node: _Node | None, window: Window | None) -> Any:
    """`identity` of a value, without what the noise in and below it covers."""
    if node is None:
        return identity(value)
    if isinstance(value, dict):
        return "dict", frozenset((name, _masked(item, node.child(name), window)) for name, item in value.items())
    noise = node.noise
    if noise is not None and covers(noise, value, value, ("",), window):
        return noise.matcher, type(value), _blank(noise, value)
    if isinstance(value, list | tuple):
        items = [_masked(item, node.child(at), window) for at, item in enumerate(value)]
        if noise is not None and noise.matcher == "unordered":
            return type(value), frozenset(Counter(items).items())
        return type(value), tuple(items)
    return identity(value)


def _blank(noise: Noise, value: Any) -> str | None:
    """Of a text in which only some words vary what stands around them."""
    if isinstance(noise, Excuse) or not isinstance(value, str) or noise.matcher not in ("took", "type"):
        return None
    if noise.matcher == "took":
        return blank(value, "number", noise.within or (0,))
    return None if noise.within is None else blank(value, "mark", noise.within)


def identity(value: Any) -> Any:
    """Equal for plain values of equal type and content, and hashable."""
    if isinstance(value, dict):
        return "dict", frozenset((name, identity(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(identity, value))
    if isinstance(value, frozenset):
        return "set", frozenset(map(identity, value))
    if type(value) in (str, int, bool, bytes, type(None)):
        return type(value), value
    try:
        return type(value), repr(value)
    except (ValueError, RecursionError):
        return type(value), address_of(value)
