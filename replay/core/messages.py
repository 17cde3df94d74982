"""HTTP messages as documents to edit: headers by name, query and form by field, a body as what it holds.

An edited document is written back with everything that belongs to the change kept in step: the length of a changed
body, its content encoding, the cuts in which it arrived. What was not edited stays as it is, to the byte.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode

from replay.core.looking import address_of
from replay.core.opened import Unfit

Pairs = list[list[str]]
Form = Literal["json", "form", "text", "bytes", "none"]
LARGEST = 64 << 20
"""Bytes that one body may decompress to; a bundle is untrusted."""


class Verbatim(bytes):
    """A body that is written as it stands, whatever the body was before."""


PACKINGS = ("only said", "not said", "cut", "bad checksum", "other")
"""What goes wrong with the compression of a body."""


class Packed(NamedTuple):
    """A body that is compressed wrongly."""

    value: Any
    how: str

    def wire(self, plain: bytes) -> bytes:
        """The bytes that are sent. Raises Unfit for what goes wrong in no such way."""
        packed = gzip.compress(plain, mtime=0)
        made = {
            "only said": plain, "not said": packed, "cut": packed[: len(packed) // 2],
            "bad checksum": packed[:-8] + bytes(each ^ 0xFF for each in packed[-8:-4]) + packed[-4:],
            "other": zlib.compress(plain),
        }  # fmt: skip
        if self.how not in made:
            raise Unfit("no such damage")
        return made[self.how]


class Body:
    """The bytes of a body and what they hold: JSON, form fields, text, else the bytes."""

    def __init__(self, data: bytes, headers: Iterable[Sequence[str]]) -> None:
        """Raises Unfit if it is encoded in a way that cannot be undone."""
        found = {name.lower(): value for name, value in headers}
        self.encoding = found.get("content-encoding", "").strip().lower()
        self._charset = "utf-8"
        plain = _decoded(data, self.encoding)
        self.form, self.value = _held(plain, found.get("content-type", ""))
        self._texts: _Texts | None = None

    def write(self, value: Any) -> bytes:
        """The bytes of a changed body, encoded as it was."""
        return _encoded(self.plain(value), self.encoding)

    def plain(self, value: Any) -> bytes:
        """The bytes before content encoding."""
        if isinstance(value, bytes):
            return bytes(value)
        if self.form == "text" and type(value) is str:
            return value.encode("utf-8", "surrogatepass")
        if self.form == "form" and type(value) is dict:
            pairs = [(str(name), _text(item)) for name, items in value.items() for item in _each(items)]
            return urlencode(pairs, errors="surrogatepass").encode()
        if self._texts is None:
            self._texts = _Texts(self.value)
        return self._texts.write(value)


class _Texts:
    """A document as JSON, many times with a few changes: what did not change is written once."""

    def __init__(self, whole: Any) -> None:
        self._held: dict[int, Any] = {}
        """Lists and mappings by identity, kept so that it stays their own."""
        self._texts: dict[int, str] = {}
        waiting = [whole]
        while waiting:
            each = waiting.pop()
            if type(each) in _HOLDS:
                self._held[address_of(each)] = each
                waiting.extend(each.values() if type(each) is dict else each)

    def write(self, value: Any) -> bytes:
        """As `as_json`."""
        kept: list[str] = []
        try:
            parts = _dumps(self._shape(value, kept)).split(_HOLE_TEXT)
            if len(parts) == len(kept) + 1:  # else the document holds such a text itself
                return "".join(chain.from_iterable(zip(parts, (*kept, ""), strict=True))).encode()
        except (TypeError, ValueError, RecursionError):  # a lone surrogate, or what no JSON holds: told below
            pass
        return as_json(value)

    def _shape(self, value: Any, kept: list[str]) -> Any:
        """`value` with a hole for each part that did not change; their texts, in order, are added to `kept`."""
        kind = type(value)
        if kind not in _HOLDS:
            return value
        if address_of(value) in self._held:
            text = self._texts.get(address_of(value))
            if text is None:
                text = self._texts[address_of(value)] = _dumps(value)
            kept.append(text)
            return _HOLE
        if kind is dict:
            return {name: self._shape(item, kept) if type(item) in _HOLDS else item for name, item in value.items()}
        return [self._shape(item, kept) if type(item) in _HOLDS else item for item in value]


_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_HOLDS = (dict, list)
_HOLE = "\ue000\uf8ff"
_HOLE_TEXT = f'"{_HOLE}"'


def as_json(value: Any) -> bytes:
    """JSON as servers write it: compact, NaN allowed, lone surrogates escaped. Raises Unfit for what it cannot hold."""
    try:
        return _dumps(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit(str(error)[:200]) from error


def _held(data: bytes, kind: str) -> tuple[Form, Any]:
    if not data:
        return "none", None
    if "json" in kind or data.lstrip()[:1] in (b"{", b"["):  # `curl -d '{...}'` says that it is a form
        try:
            return "json", json.loads(data)
        except (ValueError, RecursionError):  # it only says that it is JSON: edited as the text it is
            pass
    if "x-www-form-urlencoded" in kind:
        return "form", by_name(parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    try:
        return "text", data.decode()
    except UnicodeDecodeError:
        return "bytes", data


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Unfit(f"a body encoded as {encoding[:20]}")
    window = 31 if encoding != "deflate" else 15 if data[:1] == b"\x78" else -15
    try:
        inflater = zlib.decompressobj(window)
        plain = inflater.decompress(data, LARGEST)
    except zlib.error as error:
        raise Unfit(f"a damaged body: {error}") from error
    if inflater.unconsumed_tail:
        raise Unfit("a body too large when decompressed")
    return plain


def _encoded(data: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return data
    return zlib.compress(data) if encoding == "deflate" else gzip.compress(data, mtime=0)


def by_name(pairs: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Values by name: one, or the list of several."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif type(found[name]) is list:
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def headers_of(pairs: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Headers by lower-case name."""
    return by_name([(name.lower(), value) for name, value in pairs])


def write_headers(before: Pairs, old: dict[str, Any], new: dict[str, Any]) -> Pairs:
    """The pairs with what `new` has changed: in place, removed, or added at the end."""
    spelled = {name.lower(): name for name, _ in reversed(before)}
    pairs: Pairs = []
    done: set[str] = set()
    for name, value in before:
        key = name.lower()
        if key in new and new[key] is old[key]:
            pairs.append([name, value])
        elif key in new and key not in done:
            done.add(key)
            pairs += [[name, _line(item)] for item in _each(new[key])]
    added = [(key, value) for key, value in new.items() if key not in old]
    return pairs + [[spelled.get(key, key), _line(item)] for key, value in added for item in _each(value)]


def put_header(pairs: Pairs, name: str, value: str | None) -> Pairs:
    """With the header set where it stands (None: without it)."""
    return [
        [key, text if key.lower() != name else str(value)]
        for key, text in pairs
        if value is not None or key.lower() != name
    ]


def write_query(value: Any) -> str:
    """A query string of fields by name, or the text as it is."""
    if type(value) is str:
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is not dict:
        raise Unfit("a query has fields")
    pairs = [(str(name), _text(item)) for name, items in value.items() for item in _each(items)]
    return urlencode(pairs, errors="surrogatepass")


def cut_as(pieces: list[Any], data: bytes) -> list[Any]:
    """`data` in pieces of the same sizes and times as before; the last takes the rest."""
    if not pieces:
        return [[0, data]] if data else []
    out: list[Any] = []
    at = 0
    for offset, before in pieces[:-1]:
        if at >= len(data):
            break
        out.append([offset, data[at : at + len(before)]])
        at += len(before)
    if at < len(data) or not out:
        out.append([pieces[len(out)][0], data[at:]])
    return out


def _each(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return as_json(value).decode() if value is not None else ""


def _line(value: Any) -> str:
    """A header's value: one line of Latin-1, as on the wire."""
    text = _text(value).replace("\r", " ").replace("\n", " ")
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")
