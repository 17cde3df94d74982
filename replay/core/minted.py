"""Identifiers that are made of the moment: UUIDs of version 1, 6 and 7, ULIDs and ObjectIds hold when they were made.

RFC 9562, sections 5.1, 5.6 and 5.7; the specifications of ULID and of BSON's ObjectId.
"""

from __future__ import annotations

import re
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[167][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z", re.IGNORECASE)
_OBJECT_ID = re.compile(r"[0-9a-f]{24}\Z", re.IGNORECASE)
_CROCKFORD = {letter: value for value, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
_GREGORIAN = 0x01B21DD213814000
"""Tenths of microseconds from 1582-10-15, where versions 1 and 6 begin to count, to 1970."""


def minted(value: str | UUID) -> tuple[str, int] | None:
    """Which kind of identifier it is, and when it was made, nanoseconds since the epoch; None: it holds no time."""
    if isinstance(value, UUID):
        return _of_uuid(value)
    if len(value) == 36 and _UUID.match(value):
        return _of_uuid(UUID(value))
    if len(value) == 26 and _ULID.match(value):
        made = 0
        for letter in value[:10].upper():
            made = made * 32 + _CROCKFORD[letter]
        return "ulid", made * 1_000_000
    if len(value) == 24 and _OBJECT_ID.match(value):
        return "object id", int(value[:8], 16) * 1_000_000_000
    return None


def _of_uuid(value: UUID) -> tuple[str, int] | None:
    number, version = value.int, value.version
    if version == 7:
        return "uuid 7", (number >> 80) * 1_000_000
    if version == 6:
        return "uuid 6", ((number >> 80 << 12 | number >> 64 & 0xFFF) - _GREGORIAN) * 100
    return ("uuid 1", (value.time - _GREGORIAN) * 100) if version == 1 else None
