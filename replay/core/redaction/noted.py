"""What a redaction notes of itself in the recording's context, under `redaction`, beside what earlier ones noted.

The id of the key (never the key), how many secrets of each kind, digests of the pseudonyms, and the places of requests
and of the outcome that changed. A bundle is untrusted: the marks excuse only leaves, see `replay.core.noise.excuses`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.left import LEFT
from replay.core.recording import Recording
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.leaves import Leaf, is_made, made_leaves
from replay.core.redaction.marks import ENCODED, MOST, Path, checksums_of, digest_of, is_digest, marks_of
from replay.core.redaction.own import fixed_of, made_of
from replay.core.redaction.pseudonyms import is_pseudonym
from replay.core.redaction.shown import shown
from replay.core.redaction.sweep import Sweep
from replay.core.written import json_text

_MOST_LOOKED = 500_000_000
"""Characters that are looked through for the pseudonyms beside a credential of the code's own, each for itself."""
_MOST_LEAVES = 100_000
"""Of what the code says, looked at for digests and for parts of secrets."""
Marks = dict[Path, tuple[str, str]]
"""Path of a leaf that changed -> its kind, its text now."""
_Made = tuple[str, Path, str, str]
"""Place, path, kind and text of something that the code says by itself."""


def noted(changed: Recording, before: Recording, sweep: Sweep, places: dict[str, Marks], key: str) -> Recording:
    """The changed recording with notes of what `sweep` changed in `places`. `key`: its id."""
    earlier = marks_of(before)
    given = _Given(changed)
    made_here, free = _made_here(given, sweep, places)
    leaves = list(islice(made_leaves(changed), _MOST_LEAVES))
    own = _rows_of(earlier, "own")
    own += [[place, sweep.masked(path_of(path)), kind] for place, path, kind, _ in made_here]
    own += islice(_digests(leaves, given.text), MOST)

    def is_own(masked: str) -> bool:
        return any(masked in text and not given.has(masked, place) for place, _, _, text in made_here)

    mails = made_of(sweep.secrets, sweep.kinds, given.text, is_own) if own else ()
    short = [masked for masked in sweep.secrets.values() if not is_pseudonym(masked)]
    crowd = earlier.get("crowd") if type(earlier.get("crowd")) is str else ""
    crowd = f"{crowd}{checksums_of(sweep.crowd.secrets.values())}"
    parts = _rows_of(earlier, "parts")
    said = shown(leaves, sweep.secrets, sweep.kinds)
    parts += [[place, sweep.masked(path_of(path)), words] for place, path, words in said]
    fixed = {*_texts_of(earlier, "fixed"), *fixed_of(free, sweep.secrets, sweep.kinds, given.has)}
    notes = {
        "key": key,
        "kinds": _counts(earlier, sweep),
        "places": _places(earlier, sweep, places),
        "own": own[:MOST],
        "made": sorted({*_texts_of(earlier, "made")[:MOST], *mails}),
        "pseudonyms": sorted({*_texts_of(earlier, "pseudonyms"), *map(digest_of, [*short, *sweep.crowd.made])}),
        **({"crowd": crowd} if crowd else {}),
        **({"parts": parts[:MOST]} if parts else {}),
        **({"fixed": sorted(fixed)} if fixed else {}),
    }
    context = changed.context.tree
    if type(context) is not dict or "$id" in context:
        context = {"value": context}
    text = json_text({**context, "redaction": notes})
    return msgspec.structs.replace(changed, redacted=True, context=Value(text, changed.context.gaps))


def _rows_of(earlier: dict[str, Any], name: str) -> list[list[Any]]:
    return [each for each in earlier.get(name, ()) if type(each) is list and len(each) == 3]


def _texts_of(earlier: dict[str, Any], name: str) -> list[str]:
    return [each for each in earlier.get(name, ()) if type(each) is str]


def _counts(earlier: dict[str, Any], sweep: Sweep) -> dict[str, int]:
    """How many secrets of each kind."""
    counts: Counter[str] = Counter({k: n for k, n in (earlier.get("kinds") or {}).items() if type(n) is int})
    counts.update(sweep.kinds[secret] for secret in sweep.kinds if secret in sweep.secrets)
    counts.update(sweep.crowd.kinds.values())
    return dict(sorted(counts.items()))


def _places(earlier: dict[str, Any], sweep: Sweep, places: dict[str, Marks]) -> list[list[Any]]:
    """What changed where."""
    rows = _rows_of(earlier, "places")
    rows += [[place, path_of(path), kind] for place, marks in places.items() for path, (kind, _) in marks.items()]
    rows = sorted(rows, key=_order)[: 2 * MOST]
    paths = "\n".join(path for _, path, _ in rows)
    if sweep.masked(paths) != paths:
        rows = sorted(([place, sweep.masked(path), kind] for place, path, kind in rows), key=_order)
    return list({(row[0], row[1]): row for row in rows}.values())[:MOST]


def _made_here(given: _Given, sweep: Sweep, places: dict[str, Marks]) -> tuple[list[_Made], list[tuple[str, str]]]:
    """What changed and was not given to the code before: all of it, and place and text of what holds a credential."""
    made = [
        (place, path, kind, text)
        for place, marks in places.items()
        for path, (kind, text) in marks.items()
        if is_made(place, path) and not given.has(text, place)
    ][:MOST]
    free = [(place, text) for place, _, kind, text in made if kind not in PERSONAL]
    size = len(given.text) + sum(len(text) for _, text in free)
    if sweep.crowd.secrets or size * len(sweep.secrets) > _MOST_LOOKED:  # too much to tell which is which
        return [(at, path, kind if kind in PERSONAL else ENCODED, text) for at, path, kind, text in made], []
    return made, free


def path_of(steps: Path) -> str:
    """The path of steps, as differences write it."""
    parts = [f".{step}" if type(step) is str and step.isidentifier() else f"[{step!r}]" for step in steps]
    text = "$" + "".join(parts)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _order(row: list[Any]) -> tuple[bool, str, str]:
    """What a replay compares comes first."""
    return not str(row[0]).endswith("request") and row[0] != "outcome", str(row[0]), str(row[1])


class _Given:
    """All that a recording gives to the code. What the code asks with and was not given before, it has or makes
    itself: an answer that names it later changes nothing of that."""

    def __init__(self, recording: Recording) -> None:
        context = recording.context
        held = context.tree if f'"{LEFT}"' in context.text else None
        if type(held) is dict:  # what the code leaves in its arguments, it was not given
            context = Value(json_text({name: each for name, each in held.items() if name != LEFT}), ())
        parts = [recording.input.text, context.text]
        self._ends: dict[str, int] = {}
        """Place of a request -> the end of what was given before it."""
        end = sum(map(len, parts)) + len(parts)
        for one in recording.interactions:
            self._ends[f"interaction[{one.seq}].request"] = end
            parts.append(one.answer.text)
            end += len(one.answer.text) + 1
        self.text = "\n".join(parts)
        self._first: dict[str, int] = {}

    def has(self, text: str, place: str) -> bool:
        """Whether the code was given a text before what it did at a place."""
        first = self._first.get(text)
        if first is None:
            first = self._first[text] = self.text.find(text)
        return 0 <= first <= self._ends.get(place, len(self.text)) - len(text)


def _digests(leaves: Iterable[Leaf], given: str) -> Iterator[list[str]]:
    """Texts that look like digests and came from nowhere in the recording: the code may have computed them of something
    that is now another."""
    for place, path, leaf in leaves:
        if type(leaf) is str and len(leaf) <= 128 and is_digest(leaf) and leaf not in given:
            yield [place, path_of(path), "digest"]
