"""Bodies of messages: their content encoding undone and made again, their pieces cut as before."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Sequence
from typing import Any, AnyStr

import zstandard

LARGEST = 64 << 20
"""Bytes that a body may decompress to."""
_NONE = frozenset({"", "identity", "none", "aws-chunked", "utf-8", "utf8", "ascii", "binary", "8bit"})
"""What servers write there and is no compression."""


_FORMS = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd", b"BZ": "bzip2", b"\xfd7": "xz",
          **dict.fromkeys((b"x\x01", b"x^", b"x\x9c", b"x\xda"), "deflate")}  # fmt: skip
MAY_BE_PACKED = frozenset(each.decode("latin-1") for each in _FORMS)
"""How packed bytes begin."""
_FILES: dict[str, tuple[Callable[[], Any], Callable[[bytes], bytes]]] = {
    "bzip2": (bz2.BZ2Decompressor, bz2.compress),
    "xz": (lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=4 * LARGEST), lzma.compress),
}
"""What undoes a form of files that no body has, and what makes it."""


class Unreadable(Exception):
    """A body that cannot be looked into: so it cannot be shown to hold no secret."""


def form_of(data: bytes) -> str | None:
    """How bytes seem to be packed, by how they begin."""
    return _FORMS.get(data[:2])


def unpacked(data: bytes, form: str) -> tuple[bytes, bytes]:
    """What is packed, and what follows it; nothing and all of it if it is not packed so after all."""
    try:
        if form == "zstd":
            return _undone(data, form), b""
        if form in _FILES:
            return _of_file(data, form)
        parts, rest = members(data, 31 if form == "gzip" else 15)
    except (Unreadable, zlib.error, OSError, lzma.LZMAError, EOFError):
        return b"", data
    return b"".join(parts), rest


def _of_file(data: bytes, form: str) -> tuple[bytes, bytes]:
    """The first stream of such a file, and what follows it. Raises what the module of the form does."""
    inflater = _FILES[form][0]()
    plain = inflater.decompress(data, LARGEST)
    if len(plain) == LARGEST:
        raise Unreadable("a file too large when decompressed")
    return plain, inflater.unused_data


def undone(data: bytes, encoding: str) -> bytes:
    """The bytes before content encoding; cut bodies as far as they go. Raises Unreadable."""
    for name in reversed([each.strip().lower() for each in encoding.split(",") if each.strip()]):
        data = _undone(data, name)
    return data


def _undone(data: bytes, name: str) -> bytes:
    if name in _NONE or not data:
        return data
    if name in ("gzip", "x-gzip", "deflate"):
        try:
            parts, rest = members(data, 31 if name != "deflate" else 15 if data[:1] == b"\x78" else -15)
        except zlib.error as error:
            if data[:2] != b"\x1f\x8b":
                return data  # it was not encoded, whatever its headers say
            raise Unreadable(f"a damaged {name} body") from error
        if rest.strip(b"\0"):
            raise Unreadable(f"a {name} body with something behind its end")
        return b"".join(parts)
    if _is_text(data):
        return data
    if name == "zstd":
        try:
            reader = zstandard.ZstdDecompressor(max_window_size=LARGEST).stream_reader(data, read_across_frames=True)
            plain = reader.read(LARGEST + 1)
        except zstandard.ZstdError as error:
            raise Unreadable("a damaged zstd body") from error
        if len(plain) > LARGEST:
            raise Unreadable("a body too large when decompressed")
        return plain
    if name == "br":
        brotli = sys.modules.get("brotli") or sys.modules.get("brotlicffi")
        if brotli is not None:  # a client that asks for it has it
            try:
                return bytes(brotli.decompress(data))
            except Exception as error:
                raise Unreadable("a damaged br body") from error
    raise Unreadable(f"a body encoded as {name[:20]!r}")


def members(data: bytes, window: int = 31) -> tuple[list[bytes], bytes]:
    """What is in each member of a gzip file, and what follows them. Raises Unreadable, zlib.error."""
    out: list[bytes] = []
    room = LARGEST
    while True:
        inflater = zlib.decompressobj(window)
        out.append(inflater.decompress(data, room))
        if inflater.unconsumed_tail:
            raise Unreadable("a body too large when decompressed")
        room -= len(out[-1]) - 1  # of 0 it would mean: without limit
        data = inflater.unused_data
        if window != 31 or data[:2] != b"\x1f\x8b":
            return out, data


def _is_text(data: bytes) -> bool:
    """Not encoded, whatever its headers say."""
    try:
        plain = data.decode()
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\r\n" for char in plain)


def made_again(data: bytes, encoding: str, before: bytes) -> bytes:
    """The bytes encoded as those `before`, in as many members: some clients read the first only."""
    names = [each.strip().lower() for each in encoding.split(",") if each.strip()]
    for name in names:
        if name in ("gzip", "x-gzip"):
            parts = cut(members(before)[0], data) if len(names) == 1 else [data]
            data = b"".join(gzip.compress(part, mtime=0) for part in parts)
        elif name == "deflate":
            data = zlib.compress(data)
        elif name in _FILES:
            data = _FILES[name][1](data)
        elif name == "zstd":
            data = zstandard.ZstdCompressor().compress(data)
        elif name == "br":
            brotli = sys.modules.get("brotli") or sys.modules["brotlicffi"]
            data = brotli.compress(data)
    return data


def cut(pieces: Sequence[AnyStr], data: AnyStr) -> list[AnyStr]:
    """`data` in as many pieces, of the same sizes where its length is the same."""
    out: list[AnyStr] = []
    at = 0
    for piece in pieces[:-1]:
        out.append(data[at : at + len(piece)])
        at += len(piece)
    if pieces:
        out.append(data[at:])
    return out


def read_on(
    before: list[bytes], after: list[bytes], change: Callable[[list[str], list[str]], list[str]]
) -> list[bytes]:
    """Pieces of a text as `change` makes the texts of them, of before and now; one may end within a character. The same
    list where nothing changes."""
    for charset in ("utf-8", "latin-1"):
        try:
            one, two = (_texts(pieces, charset) for pieces in (before, after))
        except UnicodeDecodeError:
            continue
        made = change(one, two)
        if made is not two:
            return cut(before, "".join(made).encode(charset, "replace"))
        break
    return after


def _texts(pieces: list[bytes], charset: str) -> list[str]:
    decoder = getincrementaldecoder(charset)()
    return [decoder.decode(piece, number + 1 == len(pieces)) for number, piece in enumerate(pieces)]
