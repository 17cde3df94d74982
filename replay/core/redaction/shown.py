"""Parts of secrets that the code shows: the last digits of a card, a name out of a mail address, `sk_live_4e...`.

They stay as the code wrote them, and at replay it shows the same parts of pseudonyms. So the marks of redaction hold,
for each such word, what may stand in its place: that very part of the pseudonym, and nothing else. Of a credential only
what is written as a part of something (`tkn_9Z...`, `****4242`) is noted: a word that stands there by chance must say
nothing of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, islice
from typing import Any

from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.leaves import Leaf
from replay.core.redaction.marks import Path
from replay.core.redaction.pseudonyms import claims_of

Word = tuple[str, str]
"""What the code showed, what it shows of the pseudonym."""
MOST_SECRETS, MOST_LEAVES, MOST_WORDS = 24, 200, 16
"""Of one recording, of a leaf."""
_MOST_TEXT, _MOST_PLACES = 1 << 15, 50
"""Characters that are looked at, and places where a word stands or something is cut."""
_SHORTEST, _LONGEST = 3, 40
_IN_WORDS = frozenset({"email", "phone"})
"""Kinds whose words are shown: the name, the area."""
_PART = re.compile(r"[^\W_]+")
_CUTS = "..", "\u2026", "**", "\u2022\u2022", "##", "xx", "XX"
"""How what is left out is written."""
_CUT = re.compile("[.*\u2026\u2022#xX]+")
_ADDRESS_END = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
"""Of `a***@mail.example`, behind what is left out."""
_YEAR = re.compile(r"20[0-3]\d")
_ENDS = ("", "\n")
"""What stands around a text that is one word."""
_BEFORE, _BEHIND = re.compile(r"\w[\w.+-]*\Z"), re.compile(r"[ -]?(\w[\w+-]*)")


class Shown:
    """Finds what is shown of these secrets (secret -> pseudonym; secret -> kind)."""

    def __init__(self, secrets: Mapping[str, str], kinds: Mapping[str, str]) -> None:
        self._words: dict[str, set[str]] = {}
        """Of personal data: words, in lower case. Two of them may have the same one."""
        self._whole: dict[str, str] = {}
        """Claims of tokens."""
        self._cut: list[Word] = []
        """What may be shown cut off."""
        for secret, masked in islice(secrets.items(), MOST_SECRETS):
            self._whole.update(_claims(secret, masked))
            if len(secret) != len(masked) or secret == masked:
                continue
            self._cut.append((secret, masked))
            digits, others = _digits(secret), _digits(masked)
            if kinds.get(secret) in PERSONAL and len(digits) == len(others) > 2 * _SHORTEST:
                self._note(digits[-4:], others[-4:])
                self._note(digits, others)
            if kinds.get(secret) in _IN_WORDS:
                local = secret.partition("@")[0]
                self._note(local, masked[: len(local)])
                for part in _PART.finditer(local):
                    self._note(part[0], masked[part.start() : part.end()])

    def _note(self, word: str, other: str) -> None:
        if len(word) >= _SHORTEST and word != other:
            self._words.setdefault(word.lower(), set()).add(other.lower())

    def in_texts(self, texts: Sequence[str]) -> dict[int, set[Word]]:
        """What each of them shows, by its number."""
        found: dict[int, set[Word]] = {}
        for at, text in enumerate(texts if self._whole else ()):
            if text in self._whole:
                found[at] = {(text, self._whole[text])}
        joined = "\n".join(texts)
        starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
        for place, word, other in chain(self._stands(joined), self._is_cut(joined)):
            found.setdefault(bisect_right(starts, place) - 1, set()).add((word, other))
        return found

    def _stands(self, text: str) -> Iterator[tuple[int, str, str]]:
        """Words of personal data, wherever they stand alone."""
        lower = text.lower()
        for word, others in self._words.items() if len(lower) == len(text) else ():
            end = 0
            for _ in range(_MOST_PLACES):
                at = lower.find(word, end)
                if at < 0:
                    break
                end = at + len(word)
                if not (lower[at - 1 : at].isalnum() or lower[end : end + 1].isalnum() or _by_chance(text, at, end)):
                    yield from ((at, text[at:end], _written(other, text[at:end])) for other in others)

    def _is_cut(self, text: str) -> Iterator[tuple[int, str, str]]:
        """What is written as the first or the last part of something."""
        for at in self._cuts(text) if self._cut else ():
            end = _CUT.match(text, at).end()  # type: ignore[union-attr]  # one of them stands there
            head = _BEFORE.search(text, max(0, at - _LONGEST), at)
            tail = _BEHIND.match(text, end, end + _LONGEST)
            ending = _ADDRESS_END.match(text, end)
            for secret, masked in self._cut:
                if head is not None and ending is not None and secret.endswith(ending[0]):
                    if secret.startswith(head[0]):
                        part = masked[: len(head[0])] + text[head.end() : end] + masked[-len(ending[0]) :]
                        yield head.start(), text[head.start() : ending.end()], part
                elif head is not None and len(head[0]) >= _SHORTEST and secret.startswith(head[0]):
                    yield head.start(), head[0], masked[: len(head[0])]
                if tail is not None and len(tail[1]) >= _SHORTEST and secret.endswith(tail[1]):
                    yield tail.start(1), tail[1], masked[-len(tail[1]) :]

    def _cuts(self, text: str) -> Iterator[int]:
        for mark in _CUTS:
            at = text.find(mark)
            for _ in range(_MOST_PLACES):
                if at < 0:
                    break
                yield at
                at = text.find(mark, _CUT.match(text, at).end())  # type: ignore[union-attr]


def shown(
    leaves: Iterable[Leaf], secrets: Mapping[str, str], kinds: Mapping[str, str]
) -> list[tuple[str, Path, list[list[str]]]]:
    """`[(place, path, [[word, other], ...]), ...]` of what the code says."""
    looked: list[Leaf] = []
    left = _MOST_TEXT
    for leaf in leaves:
        left -= len(str(leaf[2]))
        if left < 0:
            break
        looked.append(leaf)
    found = Shown(secrets, kinds).in_texts([str(leaf) for _, _, leaf in looked])
    rows = []
    for number, words in islice(sorted(found.items()), MOST_LEAVES):
        place, path, _ = looked[number]
        longest = sorted(words, key=lambda each: (-len(each[0]), each))
        rows.append((place, path, [[*each] for each in longest[:MOST_WORDS]]))
    return rows


def words_of(marks: dict[str, Any]) -> Iterator[tuple[str, str, tuple[Word, ...]]]:
    """Place, path and words of what an earlier redaction noted; what is malformed is left out."""
    stored = marks.get("parts")
    for each in stored[:MOST_LEAVES] if type(stored) is list else ():
        if type(each) is not list or len(each) != 3 or type(each[2]) is not list:
            continue
        place, path, words = each
        found = tuple((word[0], word[1]) for word in words[:MOST_WORDS] if _is_word(word))
        if type(place) is type(path) is str and found:
            yield place, path, found


def _is_word(stored: Any) -> bool:
    """A part of a pseudonym is as long as that of the secret, and of the same sorts of characters."""
    if type(stored) is not list or len(stored) != 2 or not type(stored[0]) is type(stored[1]) is str:
        return False
    return len(stored[0]) == len(stored[1]) >= _SHORTEST and all(map(_of_one_sort, *stored))


def _of_one_sort(one: str, two: str) -> bool:
    return one.isdigit() is two.isdigit() and one.isalpha() is two.isalpha()


def is_one_of(recorded: Any, words: Sequence[Word]) -> bool:
    """Whether it is nothing but such a word."""
    text = recorded.decode("latin-1") if type(recorded) is bytes else str(recorded)
    return any(text == word for word, _ in words)


def put_back(recorded: Any, actual: Any, words: Sequence[Word]) -> Any:
    """`actual` as it was recorded wherever it shows the same part of a pseudonym. Of texts, bytes and whole numbers."""
    if type(recorded) is not type(actual):
        return actual
    if type(recorded) is int:
        text = str(recorded)
        return recorded if (text, str(actual).zfill(len(text))) in words else actual
    if type(recorded) is bytes:
        made = put_back(recorded.decode("latin-1"), actual.decode("latin-1"), words)
        return made.encode("latin-1", "replace")
    if type(recorded) is not str or len(recorded) != len(actual):
        return actual
    for word, other in words:
        at = recorded.find(word) if len(word) == len(other) else -1
        while at >= 0:
            end = at + len(word)
            if actual[at:end] == other:
                actual = actual[:at] + word + actual[end:]
            at = recorded.find(word, end)
    return actual


def _by_chance(text: str, at: int, end: int) -> bool:
    """Whether a word may well stand there by itself: a year, or a word of small letters among others, as `may` and
    `price` are. The recording must not say that it is in somebody's mail address, too."""
    word = text[at:end]
    if word.isdigit():
        return _YEAR.fullmatch(word) is not None
    return word.isalpha() and word.islower() and not (text[at - 1 : at] in _ENDS and text[end : end + 1] in _ENDS)


def _claims(secret: str, masked: str) -> Iterator[Word]:
    """What stands for each claim of a token."""
    ours, theirs = claims_of(secret), claims_of(masked)
    for name, claim in ours.items():
        other = theirs.get(name)
        if type(claim) is type(other) is str and claim != other:
            yield claim, str(other)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _written(other: str, like: str) -> str:
    """In capitals where the other is."""
    return "".join(new.upper() if old.isupper() else new for new, old in zip(other, like, strict=True))
