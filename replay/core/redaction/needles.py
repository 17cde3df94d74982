"""Known secrets wherever they stand, in every spelling: as it is, URL-encoded, escaped in JSON, Base64, hex, hashed.

A spelling of a secret and the same spelling of its pseudonym have one length, so that what holds it stays in shape.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from base64 import b64encode
from codecs import utf_16_le_encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import islice
from string import ascii_letters, digits
from urllib.parse import quote

SHORTEST = 4
"""Characters of a secret that is looked for in other places; a shorter one is too common a text."""
MOST_SPELLED = 500
"""Secrets that are looked for in every spelling; of more only as they are, and in lower and upper case."""
_LONE = 8
"""Characters from which it may be part of a longer word."""
_HEAD = 4
_PLAIN = re.compile(r"[A-Za-z0-9 _.~!#$()*+,/:;=?@\[\]^`{|}%-]*")
"""That JSON and HTML have as it is."""
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~-]*")
_NEVER_QUOTED = (ascii_letters + digits + "_.-~").encode()
_FEW = 100
_HASHES = ("md5", "sha1", "sha256", "sha512")


def spellings(secret: str, masked: str) -> Iterator[tuple[str, str]]:
    """Each spelling of a secret with that of its pseudonym."""
    yield secret, masked
    for change in (str.lower, str.upper):
        yield change(secret), change(masked)
    if _PLAIN.fullmatch(secret) and _PLAIN.fullmatch(masked):
        if not _UNQUOTED.fullmatch(secret):
            one_quoted, two_quoted = _quoted(secret), _quoted(masked)
            for code, char in (("", ""), ("%20", "+"), ("%2F", "/")):
                yield one_quoted.replace(code, char), two_quoted.replace(code, char)
    else:
        for escape in (_escaped, _escaped_ascii, _quoted, _quoted_plus, _quoted_path, html.escape):
            yield _whole(escape, secret, masked)
    if len(secret) < _LONE:
        return
    one, two = (text.encode("utf-8", "surrogatepass") for text in (secret, masked))
    if not secret.isascii():
        yield one.decode("latin-1"), two.decode("latin-1")  # as bytes that are no text are looked through
    yield one.hex(), two.hex()
    yield one.hex().upper(), two.hex().upper()
    yield secret[::-1], masked[::-1]
    wide, made = (utf_16_le_encode(text, "surrogatepass")[0].hex() for text in (secret, masked))
    yield wide, made
    yield wide.upper(), made.upper()
    if len(one) == len(two):
        for shift in range(3):
            yield from _base64(one, two, shift)
    for name in _HASHES:
        before, after = (hashlib.new(name, data, usedforsecurity=False) for data in (one, two))
        yield before.hexdigest(), after.hexdigest()
        yield before.hexdigest()[:16], after.hexdigest()[:16]
        yield b64encode(before.digest()).decode(), b64encode(after.digest()).decode()


def _whole(escape: Callable[[str], str], secret: str, masked: str) -> tuple[str, str]:
    try:
        return escape(secret), escape(masked)
    except UnicodeEncodeError:
        return secret, masked


def _quoted(text: str, safe: str = "") -> str:
    """As `urllib.parse.quote`, which goes through a text byte by byte."""
    if not text.isascii():
        return quote(text, safe=safe)
    rest = text.encode().translate(None, _NEVER_QUOTED + safe.encode()).decode()
    for char in sorted(set(rest), key=lambda char: char != "%"):
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _quoted_plus(text: str) -> str:
    return _quoted(text, " ").replace(" ", "+")


def _quoted_path(text: str) -> str:
    return _quoted(text, "/")


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _escaped_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _base64(one: bytes, two: bytes, shift: int) -> Iterator[tuple[str, str]]:
    """The part of the Base64 text that only the secret decides, where `shift` bytes (mod 3) stand before it."""
    first = (0, 2, 3)[shift]
    last = (shift + len(one)) * 8 // 6
    if last - first < _LONE:
        return
    before, after = (b64encode(b"\0" * shift + data + b"\0\0").decode()[first:last] for data in (one, two))
    yield before, after
    yield tuple(text.replace("+", "-").replace("/", "_") for text in (before, after))  # type: ignore[misc]


class Needles:
    """Finds and replaces known secrets."""

    def __init__(
        self, secrets: dict[str, str], crowd: Mapping[str, str] | None = None, met: set[str] | None = None
    ) -> None:
        """`crowd`: those that are looked for only as they are; `met` is told which were found."""
        table: dict[str, str] = {}
        for number, (secret, masked) in enumerate(secrets.items()):
            if len(secret) < SHORTEST:
                continue
            if number >= MOST_SPELLED and secret.islower():
                table.setdefault(secret, masked)
                table.setdefault(secret.upper(), masked.upper())
                continue
            every = spellings(secret, masked)
            for one, two in every if number < MOST_SPELLED else islice(every, 3):
                if one != two and len(one) >= SHORTEST:
                    table.setdefault(one, two)
        self._crowd: Collection[str] = ()
        self._met: set[str] = set() if met is None else met
        if crowd:
            table = {**crowd, **table}
            self._crowd = crowd.keys()
            for masked in crowd.keys() & set(crowd.values()):
                del table[masked]
        for masked in secrets.values():  # what stands there already is not masked again
            table.pop(masked, None)
        self._table = table
        self._heads = {text[:_HEAD] for text in table}
        self._firsts = {head[0] for head in self._heads}
        self._lengths: dict[str, list[int]] = {}
        """Head -> lengths of those that begin so, the longest first: worked out when the first head is met."""

    def _measure(self) -> dict[str, list[int]]:
        if not self._lengths:
            for text in self._table:
                self._lengths.setdefault(text[:_HEAD], []).append(len(text))
            for head, lengths in self._lengths.items():
                if len(lengths) > 1:
                    self._lengths[head] = sorted(set(lengths), reverse=True)
        return self._lengths

    def __bool__(self) -> bool:
        return bool(self._table)

    def exact(self, text: str) -> str | None:
        """What stands for all of a text."""
        return self._table.get(text)

    def replace(self, text: str, pause: Callable[[int], None]) -> str:
        """The text without them."""
        table = self._table
        if not table or len(text) < SHORTEST:
            return text
        pause(len(text))
        if text in table:
            if text in self._crowd:
                self._met.add(text)
            return table[text]
        hits = self._few(text) if len(table) <= _FEW else self._many(text)
        out, done = [], 0
        for start, end in hits:
            out += [text[done:start], table[text[start:end]]]
            done = end
        return "".join([*out, text[done:]]) if done else text

    def _few(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they are, the first first, of two at one place the longer: each is looked for by itself."""
        waiting = [(at, -len(needle), needle) for needle in self._table if (at := text.find(needle)) >= 0]
        heapify(waiting)
        done = 0
        while waiting:
            at, size, needle = waiting[0]
            end = at - size
            if at < done:
                following = text.find(needle, done)
            elif -size >= _LONE or _stands_alone(text, at, end):
                yield at, end
                done = end
                following = text.find(needle, done)
            else:
                following = text.find(needle, at + 1)
            if following < 0:
                heappop(waiting)
            else:
                heapreplace(waiting, (following, size, needle))

    def _many(self, text: str) -> Iterator[tuple[int, int]]:
        """The same, by how they begin."""
        table, heads = self._table, self._heads
        hits: Sequence[int]
        if self._firsts.isdisjoint(text):
            hits = ()
        elif len(heads) <= _FEW:
            hits = sorted(at for head in heads for at in _places(text, head))
        else:
            hits = [at for at in range(len(text) - _HEAD + 1) if text[at : at + _HEAD] in heads]
        lengths = self._measure() if hits else {}
        done = 0
        for at in hits:
            if at < done:
                continue
            for size in lengths[text[at : at + _HEAD]]:
                if (
                    text[at : at + size] in table
                    and at + size <= len(text)
                    and (size >= _LONE or _stands_alone(text, at, at + size))
                ):
                    if text[at : at + size] in self._crowd:
                        self._met.add(text[at : at + size])
                    yield at, at + size
                    done = at + size
                    break


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
