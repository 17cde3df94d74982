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
    # only where a word begins, or another has ended in it: else one without a digit takes time as its length squared
    "mark": re.compile(r"\d+\.\d+(?:[eE][+-]?\d+)?|(?:(?<!\w)|(?<=\d))\w*\d\w*"),
}
"""Numbers; words with digits: identifiers, addresses, numbers with their unit."""
_ANY: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(r"\d{1,30}((?:\.\d{1,30})(e[+-]?\d{1,3})?)?", re.ASCII),
    "mark": re.compile(r"\w+((?:\.\w+)([+-]\d+)?)?"),
}
"""What may stand in the place of one: of identifiers some have no digit. Each ends before a group, too."""
_LETTERS = re.compile(r"\w*")
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
    first, *pieces = _around(recorded, chosen)
    if not actual.startswith(first):
        return None
    found, at = [], len(first)
    for number, (word, piece) in enumerate(zip(chosen, pieces, strict=True), 1):
        ends = _ends(actual, at, kind, piece)
        if number == len(pieces):
            ends = [end for end in ends if end + len(piece) == len(actual)]
        if not ends:
            return None
        found.append((word[0], actual[at : ends[0]]))
        at = ends[0] + len(piece)
    return found


def _ends(text: str, at: int, kind: Kind, piece: str) -> list[int]:
    """Where a word that begins there may end, so that the piece follows: the longest first. A piece that begins with
    letters ends a longer word (the `ms` of `12.5ms`). No other end is tried, so a text takes time as its length."""
    word = _ANY[kind].match(text, at)
    if word is None:
        return []
    cut = _LETTERS.match(piece).end() if kind == "mark" else 0  # type: ignore[union-attr]  # it matches any text
    ends = [(word.start(2), word.end())] if word[2] else []
    if word[1]:
        ends.append((word.start(1) + 1, (word.start(2) if word[2] else word.end()) - cut))
    ends.append((at, (word.start(1) if word[1] else word.end()) - cut))
    return [end for start, end in ends if end > start and text.startswith(piece, end)]


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
