"""Known noise of a recording: what varies between its replays, and how it is compared instead of being equal.

`replay run --check` finds it and stores it in the recording's `context`, under `noise`. A bundle is untrusted, so the
rules hold whatever is stored there:

- noise covers a value that is there on both sides, of one type: a field too many or too few, another type of a value
  and another type of an error stay differences;
- `time` covers two times inside the recorded window, `uuid` two UUIDs that are written in the same way, or two texts
  that differ in such only, `unordered` a list or tuple with the same items, or a text with the same words, in another
  order, `near` two numbers that are the same but for rounding;
- `took` covers two numbers, or those that vary in two texts that are the same but for them, that are apart by no more
  than the recording took;
- `redacted` covers two numbers, or pseudonyms in two texts that are the same around them, where redaction put one for
  a credential, or where a digest of what it changed stood: the code has its own there, from the environment or
  computed; never another pseudonym;
- `type` covers two leaves of the same type, and as many in lists, tuples and sets; never a boolean, a mapping, nor a
  whole root; of texts in which only some words with digits vary, two that are the same but for those.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from replay.core.notes import with_note
from replay.core.paths import Steps, parse, path_of
from replay.core.recording import Recording
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import ENCODED, marks_of, places_of
from replay.core.redaction.marks import Known as Pseudonyms
from replay.core.redaction.pseudonyms import Pseudonyms as Keyed
from replay.core.redaction.shown import Word, words_of
from replay.core.verdict import Frame

Matcher = Literal["time", "uuid", "unordered", "near", "took", "type", "redacted"]
MOST = 1_000
"""Entries of one recording."""
URL_PATH = "$.path"
"""Of a request of http."""
OUTCOME, LEFT, DRAWS = "outcome", "input afterwards", "draws"
_LEFT = "$.left"
"""Where what the arguments are at the end is stored, in a recording's context."""
_REQUEST = re.compile(r"interaction\[(\d{1,9})\]\.request\Z")


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

    within: tuple[int, ...] | None = None
    """Of a text, which of its numbers (`took`) or words with digits (`type`) vary, counted from 0. None: for `took` the
    first is its only one; for `type` all of the text varies."""

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


def below(noise: Collection[Noise], name: str) -> tuple[Noise, ...]:
    """The noise under the field `name`, with its paths from there."""
    found = []
    for each in noise:
        steps = parse(each.path)
        if steps and steps[0] == name:
            found.append(msgspec.structs.replace(each, path=path_of(steps[1:])))
    return tuple(found)
