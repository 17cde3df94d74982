"""Looking for secrets by patterns: in pieces, so that other threads get their turn, in the order of the text."""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cache, lru_cache, partial
from itertools import accumulate
from operator import attrgetter

import msgspec

CHUNK = 1 << 13
"""Characters that are looked through at once, so that other threads get their turn."""
_REACH = 8192
"""Longest secret: a PEM block of a 4096-bit key has 3,300 characters."""

_BEFORE = 64
"""Characters before a piece that a pattern may look at."""
_LONG = 2000
"""Characters of a text from which on it pays to look for where a secret may be."""
_PART = 4
"""What part of a text may be lines with hints, so that only those are looked at."""
_OF_A_LINE = 100
"""Characters that could be looked at while one line is begun with."""
_CODE = 4
"""Bytes of a number of `array("I")`."""
_FEW = 40
"""Hints that are looked for one by one."""
_AT_ONCE = 1 << 15
"""Bytes of which all such numbers are looked up while other threads wait."""
_COMMON = " etaoinsrhldcumfpgwybvkxjqz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Letters, those that texts have most first; signs are rarer."""
_BEHIND = 160
"""Characters before a match that tell whether it is one."""
_ENDS_IN_HEX = re.compile(r"(?m)^[A-Fa-f]\d|\d[A-Fa-f]$")
"""Where digits are no number of their own because a text begins or ends there."""
_SIGNS = 60
"""In so many characters of a text: of more, looking at all of it is quicker."""
_NAMES = 12
"""The same of signs that have letters before them."""
_AROUND_NAMES = " \t\"'\\*_]"
"""What may stand between a name and the sign behind it."""
_LINE_ENDS = frozenset(("", "\n", "\r"))
_NEVER_BEFORE = frozenset("0123456789;>,.)}&")
_SHORT_REACH = 1024
"""Longest secret of those that stand at the start of a word, with what must stand before it."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """A secret in a text."""

    start: int
    end: int
    kind: str


class Rule(msgspec.Struct, frozen=True, eq=False):
    """How one kind of secret looks."""

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    """One of these is in every text that has such a secret; empty: always look. A hint is found far faster."""
    accept: Callable[[str], bool] = bool
    shortest: int = 1
    """Characters of a text below which it holds none."""
    names: frozenset[str] = frozenset()
    """One of these is in every text that has such a secret, in upper or lower case; empty: always look."""
    skips: bool = False
    """The pattern matches all up to the next secret (see `_at_words`)."""
    at: Callable[[str, int, int], tuple[int, int]] | None = None
    """Of one that skips: where in what is found the secret is; its start and end are one where it is none. Further ones
    are looked for behind it."""
    sure: Callable[[str], Set[str]] | None = None
    """Such secrets of a long text for which nobody needs to ask that: all are looked at at once."""
    one: re.Pattern[str] | None = None
    """Of one that skips and has names: the secret alone, where its name begins."""
    inside: tuple[str, ...] = ()
    """With one of these inside a word, or at its end, every such secret begins; empty: look everywhere."""
    before: str = ""
    """Of one with a single hint: the characters that may stand before that in a secret, at most 64 of them. Empty: look
    everywhere."""
    may: Callable[[str], bool] | None = None
    """Whether a long text may have such a secret, told quicker than by looking for one."""
    behind: re.Pattern[str] | None = None
    """What stands right before all that the pattern matches, written backwards: looking for a name first takes ten
    times as long as looking for something rare that stands behind it."""
    told: Callable[[str, str], bool] | None = None
    """Whether what stands before all that the pattern matches, and the secret, tell together that it is one."""
    each_group: bool = False
    """Every group is a secret, not just the first."""
    starts: Callable[[str, int], Iterable[int]] | None = None
    """Of one that is a name before one of the signs that are its hints: where one that ends there may begin."""
    ends: frozenset[str] = frozenset()
    """The last two letters of these names, small."""
    whole: bool = False
    """No secret has white space in it: of a long text only words of `shortest` characters are looked at."""


def compiled(pattern: str, name: str) -> Rule:
    """A rule of the project: group 1 is the secret, if it has one. Raises ValueError, which says why.

    google-re2 compiles it where that is installed: its time is linear for every pattern.
    """
    try:
        import re2  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            found = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"it is no regular expression ({error})") from error
        if _blows_up(pattern):
            raise ValueError("it repeats what repeats already, which may take for ever; install google-re2 "
                         "(replay-harness[redaction]), or write the inner one possessive (`a++`)"
                         ) from None  # fmt: skip
    else:
        try:
            found = re2.compile(pattern)
        except re2.error as error:
            raise ValueError(f"google-re2 does not accept it ({error})") from error
    if found.search(""):
        raise ValueError("it matches the empty text")
    return Rule(name, found)


_REPEATS = re.compile(r"\((?:[^()\\]|\\.){0,200}?[+*}](?![+])(?:[^()\\]|\\.){0,200}?\)[+*{](?!\?)")


def _blows_up(pattern: str) -> bool:
    """A group that repeats and holds something that repeats."""
    return _REPEATS.search(pattern) is not None


_NOT_OVER_LINES = re.compile(r"\[\^(?:[^\]\\]|\\.)*?\\[sn](?:[^\]\\]|\\.)*\]|\[[^^\]\\][^\]\\]*\]|\\[$^]")
_OVER_LINES = re.compile(r"\\[snAZ]|\[\^|[$^]")


@lru_cache(maxsize=1024)
def is_of_one_line(rule: Rule) -> bool:
    """Whether it looks at one line only, as its patterns say."""
    patterns = [rule.pattern.pattern, "" if rule.behind is None else rule.behind.pattern]
    return not any(_OVER_LINES.search(_NOT_OVER_LINES.sub("", each)) for each in patterns)


def find(
    text: str,
    rules: Sequence[Rule],
    pause: Callable[[int], None],
    counts: Callable[[Rule, int], bool] | None = None,
) -> Iterator[Found]:
    """The secrets of a text, in its order, none inside another. `pause` is called now and then with the number of
    characters looked at. `counts`: whether what a rule finds at a place is one."""
    taken: list[Found] = []
    ends: list[int] = []
    size = len(text)
    named: dict[frozenset[str], tuple[str, ...]] = {}
    """Names of a rule -> those from the first on that the text has."""
    small = ""
    held = None if size < _LONG else _Held(text, tuple(rules), pause)
    for rule in _of_short(text, tuple(rules)) if held is None else _of_long(text, tuple(rules), held):
        if size < rule.shortest:
            continue
        if rule.names:
            if rule.names not in named:
                small = small or text.lower()
                rest = iter(rule.names)
                first = next((name for name in rest if _rarest(name) in small and name in small), None)
                named[rule.names] = () if first is None else (first, *rest)
            if not named[rule.names]:
                continue
        if held is not None and rule.may is not None and not rule.may(text):
            continue
        spans = None
        if held is not None and rule.skips:
            names = named.get(rule.names, ())
            spans = _in_words(text, rule, pause) if rule.whole else _at_names(text, small, rule, names, pause)
        if held is not None and rule.inside:
            spans = _inside_words(text, rule, filter(held.has, rule.inside), pause)
        if held is not None and rule.starts is not None and spans is None:
            spans = _before_signs(text, rule, pause)
        if held is not None and rule.before:
            spans = _at_signs(text, rule, pause)
        if held is not None and rule.hints and spans is None and not rule.skips and is_of_one_line(rule):
            small = small or text.lower()
            spans = _on_lines(text, small, rule, pause)
        if spans is None:
            spans = (_word_spans if rule.skips else _spans)(text, rule, pause)
        if counts is not None:
            spans = iter([(start, end) for start, end in spans if counts(rule, start)])
        fresh = [Found(start, end, rule.kind) for start, end in spans if _is_free(taken, ends, start, end)]
        if fresh:
            taken = sorted([*taken, *fresh], key=attrgetter("start"))
            ends = [each.end for each in taken]
    yield from taken


def find_each(
    texts: Sequence[str],
    between: str,
    rules: Sequence[Rule],
    of_one_line: frozenset[Rule],
    pause: Callable[[int], None],
) -> list[list[Found]]:
    """The secrets of each of these texts, none of which has `between` in it. They are looked through as one, if none
    may have a secret of other rules than those `of_one_line`."""
    whole = between.join(texts)
    if len(whole) >= _LONG:
        held = _Held(whole, tuple(rules), pause)
        may = [rule for rule in _of_long(whole, tuple(rules), held) if rule.may is None or rule.may(whole)]
        counts_ends = any(rule.may is not None for rule in may) and _ENDS_IN_HEX.search(whole) is not None
        if of_one_line.issuperset(may) and not counts_ends:
            starts = [*accumulate(map(len, texts[:-1]), lambda at, size: at + size + len(between), initial=0)]
            hinted = {rule for rule in may if "".join(rule.hints).upper() != "".join(rule.hints).lower()}

            def counts(rule: Rule, at: int) -> bool:
                """A pattern may match where none of its hints is: then it is not looked for in that text."""
                return rule not in hinted or any(map(texts[bisect_right(starts, at) - 1].__contains__, rule.hints))

            return _shared(texts, list(find(whole, may, pause, counts)), len(between))
    return [list(find(text, rules, pause)) for text in texts]


def _shared(texts: Sequence[str], all_found: list[Found], gap: int) -> list[list[Found]]:
    """What was found in all of them, by the text in which it stands."""
    out: list[list[Found]] = [[] for _ in texts]
    found = iter(all_found)
    each = next(found, None)
    start = 0
    for own, text in zip(out, texts, strict=True):
        end = start + len(text)
        while each is not None and each.start < end:
            own.append(Found(each.start - start, each.end - start, each.kind))
            each = next(found, None)
        start = end + gap
    return out


def _of_short(text: str, rules: tuple[Rule, ...]) -> Iterator[Rule]:
    """Those whose hints are in the text."""
    for rule, hints in _that_may(rules, frozenset(_letters(rules).intersection(text))):
        if not hints:
            yield rule
        for hint in hints:
            if hint in text:
                yield rule
                break


def _of_long(text: str, rules: tuple[Rule, ...], held: _Held) -> Iterator[Rule]:
    """The same of a long text."""
    for rule in rules:
        if not rule.hints or any(map(held.has, rule.hints)):
            yield rule


class _Held:
    """Which hints a long text has. Many are looked for at once, each by four of its bytes, as numbers: one by one they
    would take twice the time of all the rest."""

    def __init__(self, text: str, rules: tuple[Rule, ...], pause: Callable[[int], None]) -> None:
        self._text = text
        self._letters = {letter for letter in _letters(rules) if letter in text}
        codes = _codes(rules)
        self._codes = {hint: code for hint, code in codes.items() if _rarest(hint) in self._letters}
        if len(self._codes) < _FEW:
            self._codes = {}
            return
        data = text.encode("utf-8", "surrogatepass")
        sought = frozenset(self._codes.values())
        self._found: set[int] = set()
        for at in range(0, len(data), _AT_ONCE):
            for shift in range(at, at + _CODE):
                part = data[shift : at + _AT_ONCE + _CODE]
                self._found |= sought.intersection(array("I", part[: len(part) // _CODE * _CODE]))
            pause(min(_AT_ONCE, len(data) - at))

    def has(self, hint: str) -> bool:
        """Whether it is in the text."""
        if _rarest(hint) not in self._letters:
            return False
        code = self._codes.get(hint)
        return (code is None or code in self._found) and hint in self._text


@lru_cache(maxsize=16)
def _codes(rules: tuple[Rule, ...]) -> dict[str, int]:
    """Hint -> the number of four bytes of it, for those that have so many."""
    hints = {hint: hint.encode() for rule in rules for hint in (*rule.hints, *rule.inside)}
    return {hint: _rarest_code(data) for hint, data in hints.items() if len(data) >= _CODE}


def _rarest_code(data: bytes) -> int:
    parts = (data[at : at + _CODE] for at in range(len(data) - _CODE + 1))
    rare = max(parts, key=lambda part: sum(map(_rank, part.decode("latin-1"))))
    return int.from_bytes(rare, sys.byteorder)


@cache
def _rarest(hint: str) -> str:
    """The letter of it that texts have least: one letter is looked for in no time."""
    return max(hint, key=_rank)


def _rank(letter: str) -> int:
    at = _COMMON.find(letter)
    return at if at >= 0 else len(_COMMON)


@lru_cache(maxsize=16)
def _letters(rules: tuple[Rule, ...]) -> frozenset[str]:
    """Of each hint the rarest letter."""
    return frozenset(_rarest(hint) for rule in rules for hint in (*rule.hints, *rule.inside))


@lru_cache(maxsize=4096)
def _that_may(rules: tuple[Rule, ...], letters: frozenset[str]) -> tuple[tuple[Rule, tuple[str, ...]], ...]:
    """Those that may find something in a text with these of the rarest letters, with their hints that may be in it."""
    those = ((rule, tuple(hint for hint in rule.hints if _rarest(hint) in letters)) for rule in rules)
    return tuple((rule, hints) for rule, hints in those if hints or not rule.hints)


def _is_free(taken: Sequence[Found], ends: Sequence[int], start: int, end: int) -> bool:
    """Whether none of these, which are in order and have these ends, overlaps what stands there."""
    at = bisect_right(ends, start)
    return at == len(taken) or taken[at].start >= end


def _on_lines(text: str, small: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]] | None:
    """In the lines with one of the rule's hints, in any case of letters; None where those are much of the text."""
    if len(small) != len(text):
        return None
    lines: dict[int, int] = {}
    left = len(text) // _PART
    for hint in {hint.lower() for hint in rule.hints}:
        at = small.find(hint)
        while at >= 0:
            start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            end = end if end >= 0 else len(text)
            if start not in lines:
                lines[start] = end
                left -= end - start + _OF_A_LINE
                if left < 0:
                    return None
            at = small.find(hint, end)
    return _in_lines(text, sorted(lines.items()), rule, pause)


def _in_lines(
    text: str, lines: Iterable[tuple[int, int]], rule: Rule, pause: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    pause(len(text))
    for start, end in lines:
        yield from _spans(text, rule, _at_once, start, end)


def _at_once(size: int) -> None:
    """No pause: what is looked at is small."""


def _spans(
    text: str, rule: Rule, pause: Callable[[int], None], at: int = 0, size: int | None = None
) -> Iterator[tuple[int, int]]:
    """`at`, `size`: where to look, and where that ends."""
    groups = range(1, 1 + rule.pattern.groups) if rule.each_group else (min(1, rule.pattern.groups),)
    own = isinstance(rule.pattern, re.Pattern)  # google-re2 encodes all that it is given, each time
    size, accept = len(text) if size is None else size, rule.accept
    while at < size:
        reached = at + CHUNK
        last = at
        base = 0 if own else max(0, at - _BEFORE)
        part, until = (text, min(size, reached + _REACH)) if own else (text[base : reached + _REACH], size)
        matches = rule.pattern.finditer if rule.behind is None and rule.told is None else partial(_led, rule)
        for match in matches(part, at - base, until):
            if match.start() + base >= reached:
                break
            last = match.end() + base
            for group in groups:
                start, end = match.span(group)
                if end > start and (accept is bool or accept(text[start + base : end + base])):
                    yield start + base, end + base
        pause(min(CHUNK, size - at))
        at = max(reached, last)


def _led(rule: Rule, text: str, at: int, until: int) -> Iterator[re.Match[str]]:
    """The matches behind which, read backwards, `behind` stands, or of which `told` is true. In one that is none
    another may begin."""
    while (match := rule.pattern.search(text, at, until)) is not None:
        start = match.start()
        before = text[max(0, start - _BEHIND) : start]
        if rule.behind.match(before[::-1]) if rule.behind is not None else rule.told(before, match[1]):  # type: ignore[misc]
            yield match
            at = match.end()
        else:
            at = start + 1


def _word_spans(
    text: str, rule: Rule, pause: Callable[[int], None], at: int = 0, until: int | None = None
) -> Iterator[tuple[int, int]]:
    """`at`, `until`: where to look."""
    size = len(text) if until is None else until
    where, accept = rule.at, rule.accept
    sure = rule.sure(text) if rule.sure is not None and len(text) > _LONG else frozenset[str]()
    while at < size:
        began, end, moved = at, min(size, at + CHUNK), True
        while moved:
            moved = False
            for match in rule.pattern.finditer(text, at, end):
                start, stop = match.span(1)
                if start < 0 or stop == end < size:  # none, or perhaps cut short: the next look begins before it
                    break
                secret = text[start:stop]
                at = stop
                if where is not None and secret not in sure:
                    start, at = where(text, start, stop)
                    moved = at != stop
                    secret = text[start:at]
                if secret and (accept is bool or accept(secret)):
                    yield start, at
                if moved:
                    break
        pause(end - began)
        at = size if end == size else max(at, end - _SHORT_REACH)


def _in_words(text: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]] | None:
    """In the long words only, which have one of its hints; None where most of the text is in such."""
    words = [word for word in text.split() if len(word) >= rule.shortest]
    if rule.hints:
        words = [word for word in words if any(hint in word for hint in rule.hints)]
    return _in_these(text, words, rule, pause) if sum(map(len, words)) * 4 < len(text) else None


def _in_these(text: str, words: list[str], rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    end = 0
    pause(len(text))
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        yield from _word_spans(text, rule, pause, start, end)


def _at_names(
    text: str, small: str, rule: Rule, names: Iterable[str], pause: Callable[[int], None]
) -> Iterator[tuple[int, int]] | None:
    """Where one of the rule's names begins a word; None where that is all over the text, or in other letters."""
    if rule.one is None or not text.isascii():
        return None
    spots: set[int] = set()
    for name in names:
        at = small.find(name)
        while at >= 0:
            if not small[at - 1 : at].isalpha():
                spots.add(at)
                if len(spots) > len(text) // _LONG * 8:
                    return None
            at = small.find(name, at + len(name))
    return _at_these(text, sorted(spots), rule, rule.one, pause)


def _inside_words(
    text: str, rule: Rule, names: Iterable[str], pause: Callable[[int], None]
) -> Iterator[tuple[int, int]] | None:
    """The same for what stands within words."""
    spots: set[int] = set()
    for name in names:
        at = text.find(name)
        while at >= 0:
            if text[at - 1 : at].isalnum():
                spots.add(at)
                if len(spots) > len(text) // _LONG * 8:
                    return None
            at = text.find(name, at + len(name))
    return _at_these(text, sorted(spots), rule, rule.pattern, pause)


def _before_signs(text: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]] | None:
    """Where a name stands before a sign; None where signs are all over the text."""
    starts = rule.starts
    if starts is None or not text.isascii() or sum(map(text.count, rule.hints)) > len(text) // _LONG * _SIGNS:
        return None
    ends: list[int] = []
    for sign in rule.hints:
        at = text.find(sign)
        while at >= 0:
            if text[at - 1 : at] not in _NEVER_BEFORE:
                window = text[max(0, at - _BEFORE) : at]
                bare = window.rstrip(_AROUND_NAMES)
                if bare[-2:].lower() in rule.ends and text[at + 1 : at + 2] not in _LINE_ENDS:
                    ends.append(at - len(window) + len(bare))
            at = text.find(sign, at + 1)
        if len(ends) > len(text) // _LONG * _NAMES:
            return None
    spots = {start for end in ends for start in starts(text, end)}
    return _at_these(text, sorted(spots), rule, rule.one or rule.pattern, pause)


def _at_signs(text: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]] | None:
    """Where a run of characters ends in the rule's hint; None where that is all over the text."""
    (sign,) = rule.hints
    if text.count(sign) > len(text) // _LONG * 40:
        return None
    spots, at = [], text.find(sign)
    while at >= 0:
        window = text[max(0, at - _BEFORE - 1) : at]
        spots.append(at - len(window) + len(window.rstrip(rule.before)))
        at = text.find(sign, at + 1)
    return _at_these(text, spots, rule, rule.pattern, pause)


def _at_these(
    text: str, spots: list[int], rule: Rule, one: re.Pattern[str], pause: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    done = 0
    pause(len(text))
    for at in spots:
        match = one.match(text, at, at + _REACH) if at >= done else None
        if match is not None:
            done = match.end(1)
            if rule.accept(match[1]):
                yield match.span(1)
