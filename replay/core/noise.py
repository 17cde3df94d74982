"""Known noise of a recording: what varies between its replays, and how it is compared instead of being equal.

`replay run --check` finds it and stores it in the recording's `context`, under `noise`. A bundle is untrusted, so the
rules hold whatever is stored there:

- noise covers a value that is there on both sides, of one type: a field too many or too few, another type of a value
  and another type of an error stay differences;
- `time` covers two times inside the recorded window, `uuid` two UUIDs that are written in the same way, or two texts
  that differ in such only, `unordered` a list or tuple with the same items, or a text with the same words, in another
  order, `near` two numbers that are the same but for rounding;
- `took` covers two numbers, or those of two texts that are the same but for such, that are apart by no more than the
  recording took;
- `redacted` covers two numbers, or pseudonyms in two texts that are the same around them, where redaction put one for
  a credential, or where a digest of what it changed stood: the code has its own there, from the environment or
  computed; never another pseudonym;
- `type` covers two leaves of the same type, and as many in lists, tuples and sets; never a boolean, a mapping, nor a
  whole root.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from math import isclose, isfinite
from typing import Any, Literal
from uuid import UUID

import msgspec

from replay.core.looking import address_of
from replay.core.notes import with_note
from replay.core.plain import readable, weight
from replay.core.recording import Recording
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import ENCODED, marks_of, places_of
from replay.core.redaction.marks import Known as Pseudonyms
from replay.core.redaction.own import stands_for
from replay.core.redaction.pseudonyms import Pseudonyms as Keyed
from replay.core.redaction.shown import Word, is_one_of, put_back, words_of
from replay.core.times import both_inside, both_lasted
from replay.core.verdict import Difference, Frame, Window

Matcher = Literal["time", "uuid", "unordered", "near", "took", "type", "redacted"]
MOST = 1_000
"""Entries of one recording."""
MOST_MEMBERS = 100
"""Of a set that are other ones."""
DEEPEST = 40
"""Steps of a path."""
LONGEST = 500
"""Characters of a path."""
LARGEST = 1 << 22
"""About how many bytes of a value are looked through for the order of its items."""
PLACES = 100_000
"""Places that the paths of one value may lead to."""
URL_PATH = "$.path"
"""Of a request of http."""
OUTCOME, LEFT, DRAWS = "outcome", "input afterwards", "draws"
_LEFT = "$.left"
"""Where what the arguments are at the end is stored, in a recording's context."""
_REQUEST = re.compile(r"interaction\[(\d{1,9})\]\.request\Z")
_STEP = re.compile(r"\.(<type>|[^\W\d]\w*)|\[(\*|\d{1,9}|b?'(?:[^'\\]|\\.)*'|b?\"(?:[^\"\\]|\\.)*\"|-?[\w.+-]+)\]")
_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-z])", re.I)
_WORD = re.compile(r"\w+|\W")
_ROUNDED = 1e-13
Steps = tuple[Any, ...]


class _Any:
    """The step `[*]`: each item of a list."""

    def __repr__(self) -> str:
        return "*"


EACH = _Any()


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that varies."""

    place: str
    """`outcome`; `input afterwards`: what the arguments are at the end; `interaction[3].request`; `draws`: more draws
    than were recorded, of the kind in `path`."""
    path: str
    """`$.items`, `$.kwargs.nonce`, `$.rows[*].id`; of an http request `$.query.nonce` or `$.body.user.id`."""
    matcher: Matcher
    cause: str = ""
    """What moved it: `hash seed`, `time zone`, ..., or `varies from run to run`."""
    where: Frame | None = None
    """The line of user code where it came in; its file is relative to the project, if it is in it."""
    source: str | None = None
    """What that line reads, as far as it can be told."""

    @property
    def note(self) -> str:
        """What a difference that it covers carries."""
        cause = f", {self.cause}" if self.cause else ""
        return f"known noise: {self.matcher}{cause}"


class Excuse(Noise, frozen=True, kw_only=True):
    """Noise of the matcher `redacted`: its path goes into texts that hold JSON, and names headers."""

    pseudonyms: Pseudonyms
    """All that the recording has."""
    made: frozenset[str] | None = None
    """Digests of what may stand there; None: any text of the code's own."""
    keyed: Any = None
    """`Pseudonyms` of production's key, where that is here."""
    words: tuple[Word, ...] = ()
    """What the code showed of secrets, with what it shows of their pseudonyms."""
    fixed: frozenset[str] = frozenset()
    """Digests of pseudonyms beside a credential that are none of the code's own."""
    checked: bool = False
    """Only for pseudonyms that carry their check, and for those of `keyed`: of what says what is asked. A bundle may
    name any word as a pseudonym."""

    def places(self, value: Any) -> list[Steps]:
        """The leaves of a plain value that it speaks of."""
        steps = parse(self.path)
        return [] if steps is None else _leaves(value, steps, ())


def _leaves(value: Any, steps: Steps, done: Steps) -> list[Steps]:
    if not steps or isinstance(value, str | bytes | frozenset):
        return [done]
    step = steps[0]
    if isinstance(value, dict):
        if type(step) is int and steps[1:] == (1,) and "<type>" in value:  # a mapping whose pairs redaction counted
            names = [name for name in value if name != "<type>"]
            return [(*done, name) for name in names[step : step + 1]]
        return _leaves(value[step], steps[1:], (*done, step)) if step in value else []
    if not isinstance(value, list | tuple):
        return []
    if isinstance(step, int):
        return _leaves(value[step], steps[1:], (*done, step)) if 0 <= step < len(value) else []
    return [
        (*done, at, 1) for at, each in enumerate(value)
        if isinstance(each, list | tuple) and len(each) == 2 and each[0] == step
    ]  # fmt: skip


class Known(msgspec.Struct, frozen=True):
    """The noise of one recording, by place."""

    outcome: tuple[Noise, ...] = ()
    left: tuple[Noise, ...] = ()
    requests: Mapping[int, tuple[Noise, ...]] = {}
    """By the number of the interaction."""
    draws: Mapping[str, Noise] = {}
    """By kind."""
    refused: int = 0
    """Entries that are malformed or against the rules. They cover nothing."""


NONE = Known()


def known(recording: Recording, keyed: Keyed | None = None) -> Known:
    """The noise that is stored with a recording. Entries that are malformed are counted, and cover nothing. `keyed`:
    see `excuses`."""
    excused = excuses(recording, keyed) if recording.redacted else []
    if '"noise"' not in recording.context.text and not excused:
        return NONE
    context = recording.facts
    stored = context.get("noise", []) if isinstance(context, dict) else []
    if not isinstance(stored, list):
        return Known(refused=1)
    found: dict[str, list[Noise]] = {OUTCOME: [], LEFT: []}
    requests: dict[int, tuple[Noise, ...]] = {}
    draws: dict[str, Noise] = {}
    refused = max(0, len(stored) - MOST)
    for item in [*stored[:MOST], *excused]:
        noise = item if isinstance(item, Noise) else _read(item)
        if noise is None:
            refused += 1
        elif noise.place in found:
            found[noise.place].append(noise)
        elif noise.place == DRAWS:
            draws[noise.path.removeprefix("$.")] = noise
        else:
            seq = int(_REQUEST.match(noise.place)[1])  # type: ignore[index]  # _read has matched it
            requests[seq] = (*requests.get(seq, ()), noise)
    return Known(tuple(found[OUTCOME]), tuple(found[LEFT]), requests, draws, refused)


def excuses(recording: Recording, keyed: Keyed | None = None) -> list[Excuse]:
    """What the marks of redaction excuse: credentials and digests, for which the code has others of its own, mail
    addresses that it makes of what it is given, and parts of what is masked that it shows. With `keyed`, the pseudonyms
    of production's key, also personal data that are its own: each is redacted as production's was."""
    marks = marks_of(recording)
    parts, own = [*words_of(marks)], places_of(marks, "own")
    shared = places_of(marks) if keyed is not None else []  # of data that an answer has, too
    if not (parts or own or shared):
        return []
    pseudonyms = Pseudonyms(marks)
    made = marks.get("made")
    addresses = frozenset(each for each in made if type(each) is str) if type(made) is list else frozenset[str]()
    held = marks.get("fixed")
    fixed = frozenset(each for each in held if type(each) is str) if type(held) is list else frozenset[str]()
    found: dict[tuple[str, str], Excuse] = {}

    def excuse(place: str, path: str, kind: str, made: frozenset[str] | None, words: tuple[Word, ...] = ()) -> None:
        if place == "context" and path.startswith(_LEFT):
            place, path = LEFT, f"${path.removeprefix(_LEFT)}"
        if (place in (OUTCOME, LEFT) or _REQUEST.match(place)) and parse(path) is not None:
            earlier = found.get((place, path))
            checked = path == URL_PATH and place not in (OUTCOME, LEFT)
            words = () if checked else words or (() if earlier is None else earlier.words)
            found[place, path] = Excuse(
                place=place, path=path, matcher="redacted", cause=kind, pseudonyms=pseudonyms, made=made, keyed=keyed,
                words=words, checked=checked, fixed=fixed,
            )  # fmt: skip

    for place, path, words in parts:
        excuse(place, path, "a part", frozenset(), words)
    for row in shared:
        excuse(*row, frozenset())
    kinds = marks.get("kinds")
    personal = PERSONAL | {ENCODED} if type(kinds) is not dict or PERSONAL.intersection(kinds) else PERSONAL
    for place, path, kind in own:
        if kind not in personal or addresses or keyed is not None:
            excuse(place, path, kind, addresses if kind in personal else None)
    return list(found.values())


def with_noise(recording: Recording, found: Sequence[Noise]) -> Recording:
    """The recording with exactly this noise; its id stays. Raises ValueError if there is some and its context is no
    mapping."""
    return with_note(recording, "noise", [_stored(noise) for noise in found] or None)


def _stored(noise: Noise) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(noise)
    return {name: value for name, value in document.items() if value is not None}


def _read(item: Any) -> Noise | None:
    try:
        noise = msgspec.convert(item, Noise)
    except (msgspec.ValidationError, RecursionError):
        return None
    if noise.place not in (OUTCOME, LEFT, DRAWS) and not _REQUEST.match(noise.place):
        return None
    if noise.matcher == "redacted":  # redaction's own marks say that, see `excuses`
        return None
    steps = parse(noise.path)
    if steps is None or (noise.matcher == "type" and not steps):
        return None
    return noise


def request(seq: int) -> str:
    """The place of the request of an interaction."""
    return f"interaction[{seq}].request"


# Paths ------------------------------------------------------------------------------------------------------------


def parse(path: str) -> Steps | None:
    """The steps of a path; None: it is none, or too long."""
    if not path.startswith("$") or len(path) > LONGEST:
        return None
    from ast import literal_eval  # not for services, which only capture

    steps: list[Any] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= DEEPEST:
            return None
        name, index = found[1], found[2]
        try:
            steps.append(name if name is not None else EACH if index == "*" else literal_eval(index))
        except (ValueError, SyntaxError):
            return None
        at = found.end()
    return tuple(steps)


def path_of(steps: Steps) -> str:
    """The path of steps, as differences write it."""
    out = "$"
    for step in steps:
        if isinstance(step, str) and (step.isidentifier() or step == "<type>"):
            out += f".{step}"
        else:
            out += f"[{step!r}]"
    return out.encode(errors="backslashreplace").decode()


def below(noise: Collection[Noise], name: str) -> tuple[Noise, ...]:
    """The noise under the field `name`, with its paths from there."""
    found = []
    for each in noise:
        steps = parse(each.path)
        if steps and steps[0] == name:
            found.append(msgspec.structs.replace(each, path=path_of(steps[1:])))
    return tuple(found)


# Covering ---------------------------------------------------------------------------------------------------------


def cover(
    recorded: Any, actual: Any, noise: Collection[Noise], window: Window | None = None
) -> tuple[Any, list[Difference]]:
    """`actual` with what the noise covers put as it was recorded, and those differences, each with its note.

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
    return (actual, []) if covering.spent else (changed, covering.noted)


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
        self._left = PLACES

    @property
    def spent(self) -> bool:
        """There are too many places: nothing is covered."""
        return self._left < 0

    def of(self, node: _Node, one: Any, two: Any, steps: Steps) -> Any:
        self._left -= 1
        if self.spent or type(one) is not type(two):
            return two
        noise = node.noise
        if isinstance(noise, Excuse) and isinstance(one, dict):
            two = self._renamed(noise, one, two, steps)
        elif noise is not None and noise.matcher == "unordered" and not isinstance(one, str):
            aligned = _aligned(one, two, node.children.get(EACH), self._window)
            if aligned is not None and aligned != two:
                self._note(noise, one, two, steps)
                two = aligned
        elif noise is not None and covers(noise, one, two, steps, self._window):
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
    return matches(noise.matcher, one, two, steps, window)


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


def matches(matcher: Matcher, one: Any, two: Any, steps: Steps, window: Window | None) -> bool:
    """Whether a matcher covers two values; of `type` not at the root."""
    if matcher == "time":
        return window is not None and both_inside(one, two, window)
    if matcher == "uuid":
        form = uuid_form(one)
        return form is not None and form == uuid_form(two)
    if matcher == "took":
        return window is not None and bool(steps) and both_lasted(one, two, window)
    if matcher == "near":
        return type(one) is type(two) and isinstance(one, float | Decimal) and _are_near(one, two)
    if matcher == "unordered":
        return isinstance(one, str) and isinstance(two, str) and _words(one) == _words(two)
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
    if weight(one, LARGEST) + weight(two, LARGEST) >= LARGEST:
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
        return noise.matcher, type(value)
    if isinstance(value, list | tuple):
        items = [_masked(item, node.child(at), window) for at, item in enumerate(value)]
        if noise is not None and noise.matcher == "unordered":
            return type(value), frozenset(Counter(items).items())
        return type(value), tuple(items)
    return identity(value)


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
