"""Which kinds of failures count in a search."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import get_args

from replay.engine.failures import Failure, FailureKind
from replay.engine.silent import RULES
from replay.errors import UsageError

SILENT = tuple(f"silent:{rule}" for rule in RULES)
SURE = frozenset({"silent:lost", "silent:repeated", "silent:logged"})
"""Rules of `silent` that count unless something else is said."""
ALL = (*(kind for kind in get_args(FailureKind) if kind not in ("silent", "same_failure")), *SILENT)
"""Every name but `silent`, which means all of its rules, and `same_failure`, which has an option of its own."""
USUAL = frozenset(ALL) - (frozenset(SILENT) - SURE)


def chosen(names: Iterable[str], usual: Iterable[str] = USUAL) -> frozenset[str]:
    """The kinds that names mean: `error,status` those, `+silent` those beside the usual ones, `-growth` all but those.
    None: the usual ones. Raises UsageError for a name that is none."""
    words = [word for name in names for word in name.replace(" ", "").split(",") if word]
    plain = [word for word in words if word[0] not in "+-"]
    found = set[str]() if plain else set(usual)
    for word in [*plain, *(word for word in words if word not in plain)]:
        if word[0] == "-":
            found -= _meant(word[1:])
        else:
            found |= _meant(word.lstrip("+"))
    return frozenset(found)


def _meant(name: str) -> set[str]:
    if name == "all":
        return set(ALL)
    if name == "silent":
        return set(SILENT)
    if name in ALL:
        return {name}
    known = ("all", "silent", *ALL)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise UsageError(f"{name!r} is no kind of failure{hint} There are: {', '.join(known)}")


def counts(failure: Failure, kinds: Collection[str]) -> bool:
    """Whether a failure is of one of these kinds."""
    if failure.kind == "silent":
        return f"silent:{failure.error_type.partition(' ')[0]}" in kinds
    return failure.kind in kinds
