"""Where two values differ. Equality is decided by their canonical text; DeepDiff explains what is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from replay.core.answered import opened
from replay.core.codec import Resolve, Value, encode
from replay.core.covering import cover
from replay.core.families.seen import SEEN
from replay.core.looking import address_of
from replay.core.noise import Noise
from replay.core.paths import path_of
from replay.core.plain import Handled, Plainly, aligned, innermost, readable, weight
from replay.core.times import both_counted, both_inside, both_tell, both_took, looked_through
from replay.core.verdict import Difference, Window
from replay.errors import CodecError

MOST = 200
"""Differences of two values that are told."""
_SMALL = 100_000
"""Bytes of what DeepDiff is given, which has no time limit."""
_EFFORT = 20_000
"""What DeepDiff may take for all that is given to it, in units of about 25 microseconds: see `_effort`."""
_TOLD = 1_000_000
"""Characters of the differing texts of two values that are looked through for moments."""
_CROSSED = 300_000
"""Places in pairs of parts that were both compared with others before: of hostile values each is paired with each."""
_TOO_MANY = "too much that is shared to be compared with each other"
_TOO_LONG = "more texts differ than are looked through for times of the recording: these are told as they are"
_KINDS: dict[str, Literal["changed", "type", "added", "removed"]] = {
    "values_changed": "changed",
    "type_changes": "type",
    "dictionary_item_added": "added",
    "dictionary_item_removed": "removed",
    "iterable_item_added": "added",
    "iterable_item_removed": "removed",
    "set_item_added": "added",
    "set_item_removed": "removed",
    "attribute_added": "added",
    "attribute_removed": "removed",
    "iterable_items_inserted": "added",
    "iterable_items_deleted": "removed",
    "repetition_change": "changed",
}
_WRITTEN = frozenset({float, Decimal, datetime, time})
"""Equal ones can be written differently: -0.0, 1.00, another zone."""
_EQUAL = _WRITTEN | {bool, int}
_ABSENT = object()
_COMPARED = frozenset({SEEN, "subclass", "zone-fixed", "factory", "cyclic"})
"""Gaps that lose nothing which is compared."""
_OPAQUE = '"$opaque"'
_DEEP = "maximum recursion depth exceeded"
"""What a RecursionError says; behind it the kind of call that went too deep, which interpreters count otherwise."""
_HANDLED = {
    "added": "handled when it was raised, in production nothing was: does not count",
    "removed": "handled in production when it was raised, maybe outside of the recording: does not count",
}
"""Of what only one of two errors has for its context."""
Steps = tuple[Any, ...]


def differences(
    recorded: Value,
    actual: Value,
    *,
    window: Window | None = None,
    tolerances: Mapping[str, float] | float = 0.0,
    ignore: Collection[str] = (),
    resolve: Resolve | None = None,
    noise: Collection[Noise] = (),
) -> list[Difference]:
    """At most 200 differences, in the order of their paths, then those that known `noise` covers. Expected ones carry a
    note.

    `ignore` and the keys of `tolerances` are path patterns: `$.a.b`, `$.items[*].id`, `**.request_id`. A tolerance is
    relative. Raises CodecError if a value cannot be decoded.
    """
    if recorded.text == actual.text:
        return []
    try:
        both = recorded.decode(resolve), actual.decode(resolve)
        is_known = _OPAQUE not in recorded.text and _OPAQUE not in actual.text
        return _differences(*both, window, tolerances, ignore, noise, is_known)
    except (RecursionError, MemoryError) as error:
        raise CodecError(f"too deep or too large to compare: {recorded.text[:80]!r}") from error


def _differences(
    recorded: Any,
    actual: Any,
    window: Window | None,
    tolerances: Mapping[str, float] | float,
    ignore: Collection[str],
    noise: Collection[Noise],
    is_known: bool,
) -> list[Difference]:
    rules = {"**": tolerances} if isinstance(tolerances, int | float) else dict(tolerances)
    dropped = [_pattern(each) for each in ignore]
    allowed = [(_pattern(each), bound) for each, bound in rules.items() if bound > 0]
    found: list[Difference] = []
    before, now = Plainly().of(recorded), Plainly().of(actual)
    if not is_known:
        before, now = aligned(before, now)
    covered: list[Difference] = []
    if any(each("$") for each in dropped):
        return []
    if noise:
        now, covered = cover(before, now, noise, window)
    before, now, within = _opened(before, now, noise, window)
    covered += within
    left = _TOLD
    for steps, kind, one, two in _parted(before, now):
        path = path_of(steps)
        if any(each(path) for each in dropped):
            continue
        left -= looked_through(one, two)
        note = _note(path, one, two, window if left >= 0 else None, allowed) if kind == "changed" else None
        if note is None and window is not None and both_took(_header(before, steps), one, two, window):
            note = "time that it took"
        if note is None and isinstance(two if one is _ABSENT else one, Handled) and _ABSENT in (one, two):
            note = _HANDLED[kind]
        found.append(Difference(path, kind, _shown(one), _shown(two), note))
        if len(found) >= MOST:
            break
    if not found:
        found.extend(_moved(recorded, actual))
    if left < 0 and window is not None:
        covered.insert(0, Difference("$", "unknown", note=_TOO_LONG))
    return found + covered[:MOST]


def _opened(
    before: Any, now: Any, noise: Collection[Noise], window: Window | None
) -> tuple[Any, Any, list[Difference]]:
    """Answers of a web application with what their JSON says; noise may be there too."""
    one, two = opened(before, now)
    if one is before or not noise:
        return one, two, []
    two, covered = cover(one, two, noise, window)
    return one, two, covered


def unknown(recorded: Value, at: str = "") -> Iterator[Difference]:
    """What of a value no comparison sees, since the recording has less than what was there. `at`: before its paths."""
    for gap in recorded.gaps:
        if gap.reason not in _COMPARED:
            kept = "its type" if gap.reason in ("opaque", "encode-failed") else "a part of it"
            note = f"only {kept} is recorded, so whether it is the same cannot be told"
            yield Difference(f"{at}{gap.path}", "unknown", recorded=gap.type, note=note)


def unexpected(found: Collection[Difference]) -> list[Difference]:
    """Those without a note."""
    return [each for each in found if each.note is None]


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else readable(value)


Parting = tuple[Steps, Literal["changed", "type", "added", "removed"], Any, Any]


def _parted(left: Any, right: Any) -> Iterator[Parting]:
    """Differing places. Values that would take DeepDiff long are walked down to where it can take over."""
    seen: set[tuple[int, int]] = set()
    ones, twos, crossed = set[int](), set[int](), 0
    weights: dict[int, int] = {}
    effort = _EFFORT
    open_ends: list[tuple[Steps, Any, Any]] = [((), left, right)]
    while open_ends:
        steps, one, two = open_ends.pop()
        compound = isinstance(one, dict | list | tuple) and isinstance(two, dict | list | tuple)
        if not compound or type(one) is not type(two):
            yield from _leaf(steps, one, two)
            continue
        if (address_of(one), address_of(two)) in seen:
            continue
        seen.add((address_of(one), address_of(two)))
        heavy = max(weight(one, _SMALL, weights), weight(two, _SMALL, weights))
        if address_of(one) in ones and address_of(two) in twos:
            crossed += heavy // 8
            if crossed > _CROSSED:
                yield steps, "changed", _TOO_MANY, _TOO_MANY
                return
        ones.add(address_of(one))
        twos.add(address_of(two))
        if heavy < _SMALL:
            takes = _effort(one, effort) + _effort(two, effort)
            if takes <= effort and not _alike(one, two):
                if not _same(one, two, weights):  # to import DeepDiff takes longer than most replays: it imports pandas
                    effort -= takes
                    yield from _explained(steps, one, two)
                continue
        pairs = list(_children(one, two, weights))
        for key, first, second in pairs:
            if first is _ABSENT or second is _ABSENT:
                yield (*steps, key), "added" if first is _ABSENT else "removed", first, second
        open_ends.extend(
            ((*steps, key), first, second)
            for key, first, second in reversed(pairs)
            if first is not _ABSENT and second is not _ABSENT
        )


def _effort(plain: Any, most: int, deep: int = 1) -> int:
    """About how long DeepDiff takes for it, if all of it differs: it writes down the way to each place, and takes for a
    list as long as its length cubed. Counting stops at `most`."""
    if not isinstance(plain, dict | list | tuple):
        return deep
    total = deep if isinstance(plain, dict) else deep + len(plain) ** 3 // 6_000
    for item in plain.values() if isinstance(plain, dict) else plain:
        if total > most:
            break
        total += _effort(item, most - total, deep + 1)
    return total


def _children(one: Any, two: Any, weights: dict[int, int]) -> Iterator[tuple[Any, Any, Any]]:
    if isinstance(one, dict):
        for key in [*one, *(key for key in two if key not in one)]:
            yield key, one.get(key, _ABSENT), two.get(key, _ABSENT)
        return
    head = 0
    shorter = min(len(one), len(two))
    if len(one) != len(two):  # an insertion somewhere: what is the same from both ends is no difference
        while head < shorter and _same(one[head], two[head], weights):
            head += 1
        tail = 0
        while tail < shorter - head and _same(one[-1 - tail], two[-1 - tail], weights):
            tail += 1
        one, two = one[: len(one) - tail], two[: len(two) - tail]
    for at in range(head, max(len(one), len(two))):
        yield at, one[at] if at < len(one) else _ABSENT, two[at] if at < len(two) else _ABSENT


def _same(one: Any, two: Any, weights: dict[int, int]) -> bool:
    """Equal in type and value; what cannot be told cheaply is not the same. `weights`: of the parts, by address."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict | list | tuple):
        if max(weight(one, _SMALL, weights), weight(two, _SMALL, weights)) >= _SMALL:
            return one is two
        if isinstance(one, dict):
            return one.keys() == two.keys() and all(_same(value, two[key], weights) for key, value in one.items())
        return len(one) == len(two) and all(_same(*pair, weights) for pair in zip(one, two, strict=True))
    if isinstance(one, frozenset):
        return bool({(type(each), each) for each in one} == {(type(each), each) for each in two})
    if one == two:
        return type(one) not in _WRITTEN or str(one) == str(two)
    return isinstance(one, float) and one != one and two != two


def _alike(one: Any, two: Any) -> bool:
    """Whether anywhere values are equal to Python and yet not the same (1 and True, Decimal 1.0 and 1.00): DeepDiff
    takes such for one, even if they stand in other places of a list."""
    if isinstance(one, dict) and isinstance(two, dict):
        return any(_alike(value, two[key]) for key, value in one.items() if key in two)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        seen: dict[Any, tuple[type, str]] = {}
        for each in (*one, *two):
            if type(each) in _EQUAL:
                mark = type(each), str(each) if type(each) in _WRITTEN else ""
                if seen.setdefault(each, mark) != mark:
                    return True
        return any(map(_alike, one, two))
    return type(one) in _EQUAL and type(two) in _EQUAL and one == two and not _same(one, two, {})


def _leaf(steps: Steps, one: Any, two: Any) -> Iterator[Parting]:
    if _same(one, two, {}):
        return
    if isinstance(one, frozenset) and isinstance(two, frozenset) and one != two:
        had, has = ({(type(each), each) for each in side} for side in (one, two))
        gone: list[Parting] = [(steps, "removed", each, _ABSENT) for _, each in had - has]
        yield from sorted([*gone, *((steps, "added", _ABSENT, each) for _, each in has - had)], key=_place)
    else:
        yield steps, "changed" if type(one) is type(two) else "type", one, two


def _explained(steps: Steps, one: Any, two: Any) -> Iterator[Parting]:
    """What DeepDiff says."""
    from deepdiff import DeepDiff

    try:
        report = DeepDiff(one, two, view="tree", ignore_nan_inequality=True, threshold_to_diff_deeper=0)
    except (ValueError, TypeError, ArithmeticError):  # e.g. of ints with too many digits to be written
        yield steps, "changed", one, two
        return
    found: list[Parting] = []
    for name, levels in report.items():
        kind = _KINDS.get(name)
        if kind is None:
            continue
        for level in levels:
            first = _ABSENT if kind == "added" else level.t1
            second = _ABSENT if kind == "removed" else level.t2
            inner = level.path(output_format="list")
            if inner[-1:] == [None]:  # a member of a set, which has no place of its own
                inner.pop()
            found.append(((*steps, *inner), kind, first, second))
    found.sort(key=_place)
    yield from found or [(steps, "changed", one, two)]


def _place(parting: Parting) -> tuple[Any, ...]:
    """Of members of a set too the same order at each run: DeepDiff has them in that of their hashes."""
    steps, kind, first, second = parting
    path = [(isinstance(step, str), step if isinstance(step, str | int) else str(step)) for step in steps]
    return repr(path), kind != "removed", encode(first).text, encode(second).text


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Callable[[str], Any]:
    """A test of paths: true for the place and for all below it."""
    parts = re.split(r"(\*\*|\[\*\]|\.\*)", pattern)
    known = {"**": r".*", "[*]": r"\[[^\]]*\]", ".*": r"\.[^.\[]+"}
    return re.compile("".join(known.get(part) or re.escape(part) for part in parts) + r"(?=$|[.\[])").match


def time_note(one: Any, two: Any, window: Window) -> str | None:
    """What is said of two values that are moments of the recording, or counted from such; None: they are not."""
    if both_inside(one, two, window):
        return "time inside the recorded window"
    if both_counted(one, two, window):
        return "time counted from one inside the recorded window"
    return "times inside the recorded window, or counted from such" if both_tell(one, two, window) else None


def _note(path: str, one: Any, two: Any, window: Window | None, allowed: list[tuple[Any, float]]) -> str | None:
    if window is not None and (said := time_note(one, two, window)):
        return said
    for matches, bound in allowed:
        if matches(path) and _near(one, two, bound):
            return "within tolerance"
    if type(one) is str and type(two) is str and one.startswith(_DEEP) and two.startswith(_DEEP):
        return "too deep, seen at another call"
    return None


def _header(answer: Any, steps: Steps) -> Any:
    """The name of the header whose value stands there; None: there is none."""
    try:
        return answer["headers"][steps[1]][0] if steps[0] == "headers" and steps[2:] == (1,) else None
    except (IndexError, KeyError, TypeError):
        return None


def _near(one: Any, two: Any, bound: float) -> bool:
    for each in (one, two):
        if isinstance(each, bool) or not isinstance(each, int | float | Decimal):
            return False
    try:
        first, second = float(one), float(two)
    except (OverflowError, ValueError):  # too large, or a signaling nan
        return False
    return abs(first - second) <= bound * max(abs(first), abs(second))


def _moved(left: Any, right: Any) -> Iterator[Difference]:
    """Two equal errors that were raised in different places."""
    if isinstance(left, BaseException) and isinstance(right, BaseException):
        one, two = innermost(left), innermost(right)
        if one != two:
            yield Difference("$.frames", "changed", one, two, "frames moved")
