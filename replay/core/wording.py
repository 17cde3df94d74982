"""Which words of a text vary between runs, and whether another text is the same but for those.

What varies beside a count or a label in one text is noise; the count and the label are not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Literal

Kind = Literal["number", "mark"]
_WORDS: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(r"(?<![\w.])\d{1,30}(?:\.\d{1,30}(?:e[+-]?\d{1,3})?)?(?![\d])", re.ASCII),
    "mark": re.compile(r"\d+\.\d+(?:[eE][+-]?\d+)?|\w*\d\w*"),
}
"""Numbers; words with digits: identifiers, addresses, numbers with their unit."""
_ANY: dict[Kind, str] = {
    "number": r"(\d{1,30}(?:\.\d{1,30}(?:e[+-]?\d{1,3})?)?)",
    "mark": r"(\w+(?:\.\w+(?:[+-]\d+)?)?)",
}
"""What may stand in the place of one: of identifiers some have no digit."""
_LONGEST = 100_000
"""Characters of a text that is looked through."""
_MOST = 100
"""Words that vary in one text."""


def around(text: str, kind: Kind) -> tuple[str, list[str]]:
    """What stands around the words of a kind, and those."""
    found = _WORDS[kind].findall(text) if len(text) <= _LONGEST else []
    return (_WORDS[kind].sub("\0", text) if found else text), found


def numbers(text: str) -> tuple[str, list[Decimal]]:
    """What stands around the numbers of a text, and those."""
    frame, found = around(text, "number")
    return frame, list(map(Decimal, found))


def varying(texts: Sequence[str], kind: Kind) -> tuple[int, ...] | None:
    """Which words of a kind, counted from 0, are not the same in all of the texts; None: something else is not."""
    found = [around(each, kind) for each in texts]
    if len({frame for frame, _ in found}) != 1:
        return None
    columns = zip(*(words for _, words in found), strict=True)
    places = tuple(at for at, column in enumerate(columns) if len(set(column)) > 1)
    return places if len(places) <= _MOST else None


def replaced(recorded: str, actual: str, kind: Kind, places: Sequence[int]) -> list[tuple[str, str]] | None:
    """The words at these places of two texts that are the same but for them; None: they are not, or there are none."""
    chosen = _chosen(recorded, kind, places)
    if chosen is None or len(actual) > _LONGEST:
        return None
    first, *pieces = map(re.escape, _around(recorded, chosen))
    pieces[-1] += r"\Z"
    # a word that has what follows it is not looked at again: else words side by side take exponential time
    pattern = first + "".join(f"(?>{_ANY[kind]}{piece})" for piece in pieces)
    found = re.match(pattern, actual, re.ASCII if kind == "number" else 0)
    return None if found is None else list(zip((word[0] for word in chosen), found.groups(), strict=True))


def blank(text: str, kind: Kind, places: Sequence[int]) -> str | None:
    """The text without the words at these places; None: there are no such."""
    chosen = _chosen(text, kind, places)
    return None if chosen is None else "\0".join(_around(text, chosen))


def _chosen(text: str, kind: Kind, places: Sequence[int]) -> list[re.Match[str]] | None:
    if len(text) > _LONGEST or not 0 < len(places) <= _MOST:
        return None
    words = list(_WORDS[kind].finditer(text))
    if max(places) >= len(words) or min(places) < 0:
        return None
    return [words[at] for at in sorted(set(places))]


def _around(text: str, words: Sequence[re.Match[str]]) -> list[str]:
    cuts = [0, *(edge for word in words for edge in word.span()), len(text)]
    return [text[start:end] for start, end in list(pairwise(cuts))[::2]]
