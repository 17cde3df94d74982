"""Why a replay that is not green may say nothing of the code: what a recording cannot tell, or does not hold."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from replay.core.codec import Resolve
from replay.core.compare import unexpected
from replay.core.covering import matches
from replay.core.families.errors import known_class
from replay.core.families.seen import SEEN, kept
from replay.core.near import Near
from replay.core.noise import OUTCOME, request
from replay.core.paths import parse
from replay.core.recording import Recording
from replay.core.redaction.marks import Known, marks_of, places_of
from replay.core.redaction.own import holds_pseudonym
from replay.core.verdict import Difference, Divergence, Frame
from replay.core.world import UNRECORDED
from replay.engine.ambiguity import NONDETERMINISTIC, nearly, nondeterminism, overtaken, rearranged
from replay.engine.earlier import is_from_before, left_out
from replay.engine.entropy import LONG, MOST_BITS
from replay.engine.keyed import keyed
from replay.engine.redaction import KEY

_WORDS = re.compile(r"\$(\.error)?\.(message|args(\[\d+\])?)")
"""What an error says."""
_NAMED = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
_DURATION = re.compile(
    r"(?:took|elapsed|duration|latency|run_?time|(?:time|process(?:ing)?|response|request|total|exec(?:ution)?)_?"
    r"(?:taken|time|spent))(?:_?(?:in_?)?(?:[mun]?s|sec(?:ond)?s?|milli(?:second)?s?))?['\]]*$"
)
_ENDED = frozenset({"$", "$.status"})
"""Where it ended in another way."""
_CLASS = re.compile(
    r'"\$(error|subclass|dataclass|attrs|pydantic|struct|enum|namedtuple|mapped)":\{"type":"([^"\\]{1,300})"'
)
"""An instance of a class that has to be here; no string of a value holds that: its quotes are escaped."""
_MOST = 3
"""Places named in a reason."""
_KEY = 20
"""Characters of a key's id: a bundle may hold anything."""


def doubts(
    recording: Recording,
    difference: Collection[Difference],
    short_draws: int,
    near: Sequence[Near] = (),
    divergences: Sequence[Divergence] = (),
    start_up: Sequence[tuple[str, Frame | None]] = (),
    resolve: Resolve = lambda module, name: None,
    root: Path | None = None,
) -> str | None:
    """What else than the code may have made a run end in another way; None if nothing did.

    `short_draws`: how many short ones of `secrets` and `os.urandom` the run made that no recording holds. `near`:
    what came at about the same time. `start_up`: what that was refused, and where. `resolve`: gives the classes that
    are here. `root`: of the project.
    """
    alike = nondeterminism(recording) or rearranged(recording, difference) or overtaken(recording, divergences)
    close = nearly(recording, near, root)
    if alike is not None and close is not None:
        close = f"Besides, {close.removeprefix(NONDETERMINISTIC)}"
    found = [alike, close, *_unrecorded(divergences), *_kept(divergences), *_recalled(divergences),
             *_had_no_room(recording, divergences),
             *_masked(recording, difference), *_keyless(recording, difference, divergences), *_drawn(short_draws),
             *_made(difference), *_timed(difference), *_worded(recording, difference), *_unprepared(start_up),
             *_stood_in(recording, resolve)]  # fmt: skip
    return " ".join(filter(None, found)) or None


def _unrecorded(divergences: Sequence[Divergence]) -> Iterator[str]:
    """If the code asks what no recording holds."""
    for library in UNRECORDED:
        found = [each.target for each in divergences if each.kind == "refused" and each.boundary == library]
        if found:
            yield (
                f"unrecorded: calls of {library} are in no recording ({', '.join([*dict.fromkeys(found)][:_MOST])}). "
                "Put @replay.boundary on the function that makes them, and capture again."
            )


def _recalled(divergences: Sequence[Divergence]) -> Iterator[str]:
    """If the code asks what the process had asked before the recording, elsewhere."""
    found = [each for each in divergences if is_from_before(each)]
    if not found:
        return
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    asked = f"state: production's process had asked {found[0].boundary} {found[0].target}{more} before this recording"
    if found[0].kind == "extra":
        yield (
            f"{asked}, elsewhere in the code, and may have kept the answer: it was answered as then, to see what "
            "follows. Put @replay.boundary on what keeps it."
        )
    else:
        yield f"{asked}; the code asks more than once, as if it did not keep the answer, and was answered as then."


def _had_no_room(recording: Recording, divergences: Sequence[Divergence]) -> Iterator[str]:
    """If the code asks what the process had asked before the recording, which does not hold the answer."""
    left = left_out(recording)
    found = {f"{each.boundary} {each.target}" for each in divergences if each.kind == "extra"} & left if left else ()
    if found:
        yield (
            f"state: production's process had asked {', '.join(sorted(found)[:_MOST])} before this recording, and may "
            "have kept the answer: it had no room beside others that few units of work ask. Put @replay.boundary on "
            "what keeps it."
        )


def _kept(divergences: Sequence[Divergence]) -> Iterator[str]:
    """If the first thing that differs is the state of an object that the process keeps."""
    first = next(iter(divergences), None)
    if first is None or first.kind != "changed" or first.nearest is None:
        return
    seen = {gap.path: gap.type for gap in first.nearest.request.gaps if gap.reason == SEEN}
    holders = [next((p for p in seen if each.path.startswith(f"{p}.")), "") for each in unexpected(first.differences)]
    where = kept(seen[holders[0]]) if holders and all(holders) else None
    if where is not None:
        yield (
            f"state: the code asked with another state of {holders[0]}, and the process keeps such an object "
            f"({where}): what production did before the recording may have changed it. Let a @replay.boundary take "
            "what its answer depends on, or be a method of that object."
        )


def _masked(recording: Recording, difference: Collection[Difference]) -> Iterator[str]:
    if not recording.redacted:
        return
    marks = marks_of(recording)
    masked = {path for place, path, _ in places_of(marks) if place == OUTCOME}
    found = unexpected(difference)
    paths = [each.path for each in found if each.kind == "changed" and each.path in masked]
    paths += _keys(found, Known(marks))
    if paths:
        more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
        yield (
            f"redacted: what production had at {', '.join(paths[:_MOST])}{more} is masked in the recording, so whether "
            "the code now says the same there cannot be told."
        )
        return
    if recording.status == "error" and any(each.path in _ENDED for each in found):
        return  # the failure is gone
    kinds = {kind for place, _, kind in places_of(marks) if place == "input" or place.endswith(".answer")}
    if kinds:
        yield (
            f"redacted: the code was given something else than in production ({', '.join(sorted(kinds)[:_MOST])}). "
            "What it makes of parts of that, a digest or a signature of more, an order, an age, may be another too."
        )


def _keyless(
    recording: Recording, difference: Collection[Difference], divergences: Sequence[Divergence]
) -> Iterator[str]:
    """If something masked is where it parts first, and the key by which it was masked is not here."""
    if not recording.redacted:
        return
    marks = marks_of(recording)
    apart = [(OUTCOME, each.path) for each in unexpected(difference) if each.kind == "changed"]
    first = next((each for each in divergences if each.nearest is not None), None)
    if first is not None and first.nearest is not None:
        asked = request(first.nearest.seq)
        paths = (each.path for each in unexpected(first.differences))
        apart = [(asked, path if path.startswith("$") else f"$.{path}") for path in paths]
    masked = {(place, path) for place, path, _ in places_of(marks)}
    if masked.intersection(apart) and type(marks.get("key")) is str and keyed(recording) is None:
        yield (
            f"If the service has a key for its pseudonyms (this one's id is {marks['key'][:_KEY]}), set {KEY} to it: "
            "then personal data that the code has of its own are redacted as production's were."
        )


def _keys(difference: Collection[Difference], known: Known) -> Iterator[str]:
    """The paths of what production had under a masked key, where there is another key now."""
    steps = [(each, parse(each.path) or ()) for each in difference]
    added = {where[:-1] for each, where in steps if each.kind == "added"}
    for each, where in steps:
        if each.kind == "removed" and where and where[:-1] in added and holds_pseudonym(str(where[-1]), known):
            yield each.path


def _made(difference: Collection[Difference]) -> Iterator[str]:
    """If nothing but UUIDs is another."""
    found = unexpected(difference)
    if found and all(matches("uuid", each.recorded, each.actual, (), None) for each in found):
        paths = [each.path for each in found]
        more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
        yield (
            f"identifiers: it ended as in production but for UUIDs, at {', '.join(paths[:_MOST])}{more}. Where the "
            "code makes them of the moment, or draws them from what is not recorded, `replay run --check` notes it."
        )


def _timed(difference: Collection[Difference]) -> Iterator[str]:
    """If nothing but numbers is another whose names say that they are how long something took."""
    found = unexpected(difference)
    if found and all(_is_a_number(each.recorded) and _is_a_number(each.actual) and _took(each.path) for each in found):
        paths = [each.path for each in found]
        more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
        yield (
            f"durations: it ended as in production but for how long something took, at {', '.join(paths[:_MOST])}{more}"
            ". What code spent computing is in no recording: `replay run --check` notes it."
        )


def _is_a_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _took(path: str) -> bool:
    return _DURATION.search(path.lower()) is not None


def reworded(recording: Recording, difference: list[Difference]) -> list[Difference]:
    """The differences; of an error of Python's own that ran under another version, what it says is expected to be
    other words, as long as they speak of the same names and numbers."""
    if not _is_of_another(recording):
        return difference
    return [
        msgspec.structs.replace(each, note="the words of another Python")
        if each.note is None and _WORDS.fullmatch(each.path) and _speaks_of(each.recorded) == _speaks_of(each.actual)
        else each
        for each in difference
    ]


def _is_of_another(recording: Recording) -> bool:
    """Whether it ended in an error of Python's own, under another version than this one."""
    error = recording.error_type
    if error is None:
        return False
    facts = recording.facts
    python = facts.get("python") if isinstance(facts, dict) else None
    if not isinstance(python, str) or python.split(".")[:2] == platform.python_version().split(".")[:2]:
        return False
    return "." not in error or error.partition(".")[0] in sys.stdlib_module_names


def _speaks_of(words: Any) -> list[str] | None:
    return sorted(_NAMED.findall(words)) if isinstance(words, str) else None


def _worded(recording: Recording, difference: Collection[Difference]) -> Iterator[str]:
    """If nothing but what an error of Python's own says is another, under another version."""
    found = unexpected(difference)
    if found and all(_WORDS.fullmatch(each.path) for each in found) and _is_of_another(recording):
        yield (
            f"another Python: recorded under {recording.facts['python']}, it ran under {platform.python_version()}, "
            "and the same error says something else. Versions of Python word their errors differently."
        )


def _unprepared(start_up: Sequence[tuple[str, Frame | None]]) -> Iterator[str]:
    if start_up:
        target, place = start_up[0]
        where = "" if place is None else f" at {place.file}:{place.line} in {place.function}"
        yield (
            f"start-up: it reached for the real world ({target}{where}) and was refused, so what it sets up may be "
            "missing. Put @replay.boundary on the function that makes that, and on those that use it."
        )


def _stood_in(recording: Recording, resolve: Resolve) -> Iterator[str]:
    """If the input or an answer holds an instance of a class that is not here."""
    missing: dict[str, str] = {}
    served = [("input", recording.input), *((each.target, each.answer) for each in recording.interactions)]
    for target, value in served:
        for tag, name in set(_CLASS.findall(value.text)):
            module, colon, qualname = name.partition(":") if tag != "error" else name.rpartition(".")
            place = f"{module}.{qualname}"
            known = not colon or place in missing or known_class(module, qualname) is not None
            if not known and resolve(module, qualname) is None:
                missing[place] = target
    if missing:
        named = ", ".join(f"{name} (of {target})" for name, target in list(missing.items())[:_MOST])
        yield (
            f"stand-in: the recording holds {named}, and no module that was imported here has that class, or it is of "
            "a library of which errors alone are made again. One of the same name stands for it: `except` and "
            "`isinstance` do not take it for the real one, and it has no methods."
        )


def _drawn(number: int) -> Iterator[str]:
    if number:
        times = "once" if number == 1 else f"{number} times"
        yield (
            f"short draws: the code drew less than {LONG} bytes from `secrets` or `os.urandom` {times} (`choice`, "
            f"`randbelow`, a code of some digits), together {MOST_BITS:.0f} bits or more, or as bytes. It may be a "
            "credential, so the recording does not hold it: what is computed of it is not as in production."
        )
