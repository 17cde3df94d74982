"""Known secrets wherever they stand, in every spelling: as it is, URL-encoded, escaped in JSON, Base64, hex, hashed.

A spelling of a secret and the same spelling of its pseudonym have one length, so that what holds it stays in shape.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sys
from array import array
from binascii import b2a_base64
from codecs import utf_16_le_encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import compress
from string import ascii_letters, digits
from typing import NamedTuple
from urllib.parse import quote

SHORTEST = 4
"""Characters of a secret that is looked for in other places; a shorter one is too common a text."""
MOST_SPELLED = 500
"""Secrets that are looked for in every spelling; of more only as they are, and in lower and upper case."""
_LONE = 8
"""Characters from which it may be part of a longer word."""
_HEAD = 4
_CODES = {_HEAD: "I", _LONE: "Q"}
"""Numbers that take as many bytes."""
_PLAIN = re.compile(r"[A-Za-z0-9 _.~!#$()*+,/:;=?@\[\]^`{|}%-]*")
"""That JSON and HTML have as it is."""
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~-]*")
_NEVER_QUOTED = (ascii_letters + digits + "_.-~").encode()
_TIMES = 8
"""As long as it takes to measure a needle so many texts are looked up."""
_WORDS = re.compile(r"[0-9A-Za-z]+")
_PLAINEST = (ascii_letters + digits).encode()
_FEW = 100
_FEWER = 30
"""Needles that are looked for one by one in a long text."""
_FEW_PARTS = 16
_SHORT, _LONG = 64, 2000
"""Characters of texts of which each place is looked at, and of those of which few are."""
_HASHES = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha384, hashlib.sha512)


class _Way(NamedTuple):
    """In which ways a secret and its pseudonym are spelled: in the same ones."""

    plain: bool
    """JSON and HTML have both as they are."""
    quoted: bool
    """A URL has one otherwise."""
    escapes: Sequence[Callable[[str], str]]
    long: bool
    """Encodings of it are no common texts."""
    bytewise: bool
    """Bytes that are no text have it otherwise."""
    cased: bool
    """It is a mail address with capitals: digests are made of it in lower case."""
    base64: Sequence[tuple[int, int, int]]
    """Of Base64 with so many bytes before it, the part that only the secret decides: its start and end."""


def _way(secret: str, masked: str) -> _Way:
    plain = _PLAIN.fullmatch(secret) is not None and _PLAIN.fullmatch(masked) is not None
    known = _ESCAPES if not plain else (_printable,) if "=" in secret else ()
    escapes = [escape for escape in known if _takes(escape, secret, masked)]
    ascii_only = secret.isascii() and masked.isascii()
    size = len(secret) if ascii_only else len(secret.encode("utf-8", "surrogatepass"))
    same = size == (len(masked) if ascii_only else len(masked.encode("utf-8", "surrogatepass")))
    ends = [(shift, first, (shift + size) * 8 // 6) for shift, first in enumerate((0, 2, 3))] if same else []
    return _Way(
        plain,
        plain and _UNQUOTED.fullmatch(secret) is None,
        escapes,
        len(secret) >= _LONE,
        not secret.isascii(),
        "@" in secret and not secret.islower(),
        [each for each in ends if each[2] - each[1] >= _LONE],
    )


def _spelled(text: str, way: _Way) -> list[str]:
    out = [text, text.lower(), text.upper()]
    if way.quoted:
        quoted = _quoted(text)
        out += [quoted, quoted.replace("%20", "+"), quoted.replace("%2F", "/")]
    out += [escape(text) for escape in way.escapes]
    if not way.long:
        return out
    data = text.encode("utf-8", "surrogatepass")
    if way.bytewise:  # as bytes that are no text are looked through
        out.append(data.decode("latin-1"))
    plain, wide = data.hex(), utf_16_le_encode(text, "surrogatepass")[0].hex()
    out += [plain, plain.upper(), wide, wide.upper(), text[::-1]]
    for shift, first, last in way.base64:
        part = b2a_base64(bytes(shift) + data + b"\0\0", newline=False)[first:last].decode()
        out += [part, part.replace("+", "-").replace("/", "_")]
    for each in (data, text.lower().encode("utf-8", "surrogatepass")) if way.cased else (data,):
        for algorithm in _HASHES:
            digest = algorithm(each, usedforsecurity=False).digest()
            whole = digest.hex()
            out += [whole, whole.upper(), whole[:16], b2a_base64(digest, newline=False).decode()]
    return out


def _takes(escape: Callable[[str], str], *texts: str) -> bool:
    try:
        return all(escape(text) is not None for text in texts)
    except UnicodeEncodeError:  # half a character
        return False


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


def _doubled(text: str) -> str:
    return text.replace("'", "''")


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _escaped_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _twice(text: str) -> str:
    return _escaped(_escaped(text))


def _twice_ascii(text: str) -> str:
    return _escaped(_escaped_ascii(text))


def _in_csv(text: str) -> str:
    return text.replace('"', '""')


def _in_python(text: str) -> str:
    return repr(text)[1:-1]


def _in_bytes(text: str) -> str:
    return repr(text.encode())[2:-1]


def _printable(text: str) -> str:
    """Quoted-printable (RFC 2045)."""
    if text.isascii() and text.isprintable():
        return text.replace("=", "=3D")
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 61 else f"={byte:02X}" for byte in text.encode())


_ESCAPES = (_doubled, _escaped, _escaped_ascii, _quoted, _quoted_plus, _quoted_path, html.escape, _twice, _twice_ascii,
            _in_csv, _in_python, _in_bytes, _printable)  # fmt: skip


def _cases(text: str) -> tuple[str, str, str]:
    return text.upper(), text.lower(), text


_Later = tuple[str, str, _Way]
"""A secret, its pseudonym, how they are spelled."""


class Needles:
    """Finds and replaces known secrets."""

    def __init__(
        self, secrets: dict[str, str], crowd: Mapping[str, str] | None = None, spelled: int = MOST_SPELLED
    ) -> None:
        """`crowd`: those that are looked for only as they are. `spelled`: how many of the others in every spelling."""
        table: dict[str, str | _Later] = {}
        known = [each for each in secrets.items() if len(each[0]) >= SHORTEST]
        for number in range(len(known) - 1, -1, -1):  # of two with one spelling the first has its way
            secret, masked = known[number]
            if number < spelled:
                way = _way(secret, masked)
                table.update(dict.fromkeys(_spelled(secret, way), (secret, masked, way)))
            else:
                table.update(zip(_cases(secret), _cases(masked), strict=True))
        if crowd:
            table = {**crowd, **table}
            for masked in crowd.keys() & set(crowd.values()):
                del table[masked]
        for masked in secrets.values():  # what stands there already is not masked again
            table.pop(masked, None)
        self._table = table
        self._head = head = _LONE if min(map(len, table), default=0) >= _LONE else _HEAD
        """Characters that tell where one may begin."""
        self._heads = {text[:head] for text in table}
        self._firsts = {head[0] for head in self._heads}
        self._codes: set[int] = set()
        """The same heads as numbers; of long texts all are looked for at once."""
        self._signs: set[frozenset[int]] | None = None
        """Of each needle that has others what it has beside letters and digits."""
        self._sizes: list[int] = []
        self._lengths: dict[str, list[int]] = {}
        """Head -> lengths of those that begin so, the longest first: worked out once there are many to look for."""

    def _measure(self) -> dict[str, list[int]]:
        if not self._lengths:
            for text in self._table:
                self._lengths.setdefault(text[: self._head], []).append(len(text))
            for head, lengths in self._lengths.items():
                if len(lengths) > 1:
                    self._lengths[head] = sorted(set(lengths), reverse=True)
        return self._lengths

    def __bool__(self) -> bool:
        return bool(self._table)

    def exact(self, text: str) -> str | None:
        """What stands for all of a text."""
        return self._stand_in(text) if text in self._table else None

    def _stand_in(self, text: str) -> str:
        """What stands for a needle. Of a spelling it is only worked out when that is found."""
        made = self._table[text]
        if isinstance(made, str):
            return made
        secret, masked, way = made
        found = self._table[text] = _spelled(masked, way)[_spelled(secret, way).index(text)]
        return found

    def replace(self, text: str, pause: Callable[[int], None]) -> str:
        """The text without them."""
        table, size = self._table, len(text)
        if not table or size < SHORTEST:
            return text
        if text in table:
            pause(size)
            return self._stand_in(text)
        found = self.hits(text, pause)
        if found == ():
            return text
        out, done = [], 0
        for start, end in found:
            out += [text[done:start], self._stand_in(text[start:end])]
            done = end
        return "".join([*out, text[done:]]) if done else text

    def any_of(self, texts: Iterable[str]) -> bool:
        """Whether one of these is a needle."""
        return not self._table.keys().isdisjoint(texts)

    def may_begin(self, pieces: Sequence[str]) -> bool:
        """Whether one may begin with all of a piece, and be longer."""
        head = self._head
        if min(map(len, pieces)) < head:
            return True
        begun = [piece for piece in pieces if piece[:head] in self._heads]
        heads = {piece[:head] for piece in begun}
        longer = [text for text in self._table if text[:head] in heads] if heads else []
        return any(
            {text[:size] for text in longer if len(text) > size}.intersection(begun) for size in {*map(len, begun)}
        )

    def hits(self, text: str, pause: Callable[[int], None]) -> Iterable[tuple[int, int]]:
        """Where they are, in order, none over another."""
        size, head = len(text), self._head
        if not self._table or size < SHORTEST:
            return ()
        pause(size)
        if size < _SHORT and self._heads.isdisjoint([text[at : at + head] for at in range(size - head + 1)]):
            return ()
        few = len(self._table) <= (_FEW if size < _LONG else _FEWER)
        return self._few(text) if few else self._many(text)

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
        table = self._table
        if len(text) > _LONG and len(table) > _FEW and self._none_in(text):
            return
        hits = () if self._firsts.isdisjoint(text) else self._where(text)
        many = len(hits) > _FEW
        if many and not self._lengths and len(hits) * len(self._of_all()) < _TIMES * len(table):
            hits, many = self._matched(text, hits), False
        lengths = self._measure() if many or self._lengths else None
        done = 0
        for at in hits:
            if at < done:
                continue
            for size in self._of_all() if lengths is None else lengths.get(text[at : at + self._head], ()):
                if (
                    text[at : at + size] in table
                    and at + size <= len(text)
                    and (size >= _LONE or _stands_alone(text, at, at + size))
                ):
                    yield at, at + size
                    done = at + size
                    break

    def _of_all(self) -> list[int]:
        """The lengths of all needles, the longest first."""
        if not self._sizes:
            self._sizes = sorted(set(map(len, self._table)), reverse=True)
        return self._sizes

    def _matched(self, text: str, hits: Sequence[int]) -> list[int]:
        """Of many places those where a needle is: each length is looked at over all places at once."""
        found: set[int] = set()
        for size in self._of_all():
            found.update(compress(hits, map(self._table.__contains__, [text[at : at + size] for at in hits])))
        return sorted(found)

    def _none_in(self, text: str) -> bool:
        """Whether a text of short words has none, as the words say: what is shorter than `_LONE` stands alone, and what
        has other characters than letters and digits needs those in the text. False where it takes a closer look."""
        if self._signs is None:
            lines = "\n".join(self._table)
            rests = lines.encode("utf-8", "surrogatepass").translate(None, _PLAINEST).split(b"\n")
            self._signs = set(map(frozenset, set(rests) - {b""}))
            if len(rests) != len(self._table):  # one has more than one line
                self._signs.add(frozenset())
        signs = set(text.encode("utf-8", "surrogatepass").translate(None, _PLAINEST))
        if any(map(signs.issuperset, self._signs)) or not text.isascii():
            return False
        words = set(_WORDS.findall(text))
        return max(map(len, words), default=0) <= _LONE and self._table.keys().isdisjoint(words)

    def _where(self, text: str) -> Sequence[int]:
        """Where the heads of needles are, in the order of the text."""
        heads: Collection[str] = self._heads
        if len(text) < _SHORT:
            return [at for at in range(len(text) - self._head + 1) if text[at : at + self._head] in heads]
        if len(heads) > (_FEW if len(text) < _LONG else _FEWER) and text.isascii():
            data = text.encode()
            codes = self._present(data)
            if len(codes) > _FEW:
                return sorted(self._of_codes(data, codes))
            heads = [code.to_bytes(self._head, sys.byteorder).decode() for code in codes]
        if len(heads) <= _FEW:
            return sorted(at for head in heads for at in _places(text, head))
        return [at for at in range(len(text) - self._head + 1) if text[at : at + self._head] in heads]

    def _present(self, data: bytes) -> set[int]:
        """Of the heads those that are in the text: each is a number, and all are looked up at once."""
        if not self._codes:
            heads = (head for head in self._heads if len(head) == self._head and head.isascii())
            self._codes.update(array(_CODES[self._head], "".join(heads).encode()))
        return _codes_in(data, self._head, self._codes)

    def _of_codes(self, data: bytes, codes: set[int]) -> Iterator[int]:
        """Where these are."""
        for shift, numbers in enumerate(_numbers(data, self._head)):
            yield from compress(range(shift, len(data), self._head), map(codes.__contains__, numbers))


def _numbers(data: bytes, size: int) -> Iterator[array[int]]:
    """A text as numbers of so many bytes: from its first byte on, from its second, and so on."""
    for shift in range(size):
        yield array(_CODES[size], data[shift : len(data) - (len(data) - shift) % size])


def _codes_in(data: bytes, size: int, codes: set[int]) -> set[int]:
    """Those of these numbers that are in a text."""
    return set().union(*map(codes.intersection, _numbers(data, size)))


def that_may_be_in(text: str, parts: Collection[str]) -> Iterable[str]:
    """Those of many parts whose first characters are in a long text; of a short one or of few all: looking for each of
    them, of which most are not there, would take far longer."""
    if len(text) < _LONG or len(parts) < _FEW_PARTS:
        return parts
    codes = {part: int.from_bytes(data[:_HEAD], sys.byteorder)
             for part in parts if len(data := part.encode("utf-8", "surrogatepass")) >= _HEAD}  # fmt: skip
    found = _codes_in(text.encode("utf-8", "surrogatepass"), _HEAD, set(codes.values()))
    return (part for part in parts if part not in codes or codes[part] in found)


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
