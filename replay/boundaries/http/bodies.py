"""Bodies as the application meant them: content encodings undone, JSON and forms parsed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

LARGEST = 64 << 20
"""Bytes that one body may decompress to; a bundle is untrusted."""


def header(headers: Iterable[Sequence[str]], name: str) -> str:
    """The first value of that name, or the empty string."""
    return next((value for key, value in headers if key.lower() == name), "")


def undone(body: bytes, encoding: str) -> bytes:
    """`body` without gzip and deflate, as far as it goes; unknown encodings and damaged bodies are left as they are."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("gzip", "x-gzip"):
            body = _inflated(body, 31)
        elif name == "deflate":
            body = _inflated(body, 15 if body[:1] == b"\x78" else -15)
    return body


def _inflated(body: bytes, window: int) -> bytes:
    inflater = zlib.decompressobj(window)
    parts: list[bytes] = []
    try:
        for start in range(0, len(body), 4096):
            parts.append(inflater.decompress(body[start : start + 4096], LARGEST))
            if sum(map(len, parts)) > LARGEST:
                return body
    except zlib.error:
        if not parts or not any(parts):
            return body
    return b"".join(parts)


def json_of(body: bytes) -> Any:
    """The JSON value of `body`, or None where it has none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def with_repeats(body: bytes) -> Any:
    """The JSON value of `body`, where a name that stands more than once in one object has all of its values, as a
    tuple: a reader takes the last of them, or the first. None: there is no such name."""
    import json  # at replay only

    repeats = False

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeats
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        repeats = True
        values: dict[str, list[Any]] = {}
        for name, each in pairs:
            values.setdefault(name, []).append(each)
        return {name: all_of[0] if len(all_of) == 1 else tuple(all_of) for name, all_of in values.items()}

    try:
        found = json.loads(body, object_pairs_hook=object_of)
    except (ValueError, RecursionError):
        return None
    return found if repeats else None
