"""What the code has of its own where the recording has a pseudonym: a credential of its environment, one that it makes.

Only the pseudonyms of a text may differ. What stands around them is what the code says, and has to be the same.
"""

from __future__ import annotations

import re
from typing import Any

from replay.core.redaction.marks import DIGEST, Known
from replay.core.redaction.pseudonyms import is_pseudonym

_LEVELS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=\")(?:[^\"\\]|\\.)+(?=\")", r"[^\s\"'<>]+", r"[^\s\"'<>&?;,(){}\[\]]+",
        r"[^\s\"'<>&?;,(){}\[\]=]+={0,2}", r"[^\s\"'<>&?;,(){}\[\]=:@/#]+={0,2}",
    )
)  # fmt: skip
"""Where a pseudonym may begin and end, from whole texts in quotes to the parts of a URL."""
_OUTSIDE = re.compile(r"[\s\"'<>]")
_MOST = 20_000
"""Parts of a text that are looked at."""


def stands_for(recorded: Any, actual: Any, known: Known) -> bool:
    """Whether `actual` may be what the code has of its own where the recording has pseudonyms or an old digest.
    `known`: the pseudonyms of the recording."""
    if type(recorded) is not type(actual) or type(recorded) not in (str, bytes, int):
        return False
    if type(recorded) is int:
        return True
    one, two = (each if isinstance(each, str) else each.decode("latin-1") for each in (recorded, actual))
    if not two or is_pseudonym(two):
        return False
    if one == two or is_pseudonym(one) or one in known:
        return True
    if DIGEST.fullmatch(one):
        return len(one) == len(two)
    return _differs_in(_pseudonyms(one, known), one, two)


def _pseudonyms(text: str, known: Known) -> list[tuple[int, int]]:
    """Where they are, in the order of the text; none if there are too many places to look at."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(text), 0)]
    looked = 0
    while waiting:
        start, end, level = waiting.pop()
        at = start
        rest: list[tuple[int, int, int]] = []
        for match in _LEVELS[level].finditer(text, start, end):
            looked += 1
            if looked > _MOST:
                return []
            if is_pseudonym(match[0]) or match[0] in known:
                found.append(match.span())
                rest.append((at, match.start(), level + 1))
                at = match.end()
            elif level:
                rest.append((*match.span(), level + 1))
                at = match.end()
        rest.append((at, end, level + 1))
        waiting += [each for each in rest if each[0] < each[1] and each[2] < len(_LEVELS)]
    return sorted(found)


def _differs_in(spans: list[tuple[int, int]], one: str, two: str) -> bool:
    """Whether `two` is `one` with other texts in these places, none of them another pseudonym."""
    done = at = 0
    for number, (start, end) in enumerate(spans):
        before = one[done:start]
        if not two.startswith(before, at):
            return False
        at += len(before)
        following = one[end : spans[number + 1][0] if number + 1 < len(spans) else len(one)]
        last = number + 1 == len(spans)
        stop = at + end - start
        if not (two.startswith(following, stop) and (not last or stop + len(following) == len(two))):
            stop = len(two) - len(following) if last else two.find(following, at + 1)
        own = two[at:stop]
        if not own or (own != one[start:end] and (_OUTSIDE.search(own) or is_pseudonym(own))):
            return False
        done, at = end, stop
    return bool(spans) and two[at:] == one[done:]
