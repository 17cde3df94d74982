"""What redaction notes in a recording's context, under `redaction`; never a secret, never the key.

`{"key": id of the key, "kinds": {kind: number}, "places": [[place, path, kind], ...], "own": [...],
"made": [digest, ...], "fixed": [digest, ...], "pseudonyms": [digest, ...], "crowd": checksums,
"parts": see `replay.core.redaction.shown`}`. A place is `input`, `outcome`, `context`,
`interaction[3].request` or `.answer`, a path is one as differences have it. `own` are places where the code asks with
something of its own, or with a digest that it makes: the recording does not give it to the code. `made` are digests of
a pseudonym with the mail address for which it stands, where the code makes that of what it is given. `fixed` are
digests of pseudonyms that stand beside a credential of the code's own and are none: personal data, and what it was
given. `crowd` are checksums of what was drawn for thousands at once, eight hexadecimal digits each.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Collection
from hashlib import blake2b
from typing import Any
from zlib import crc32

from replay.core.recording import Recording
from replay.core.redaction.pseudonyms import is_pseudonym

DIGEST = re.compile(r"[0-9a-f]{16,128}|[A-Za-z0-9_-]{22}|[A-Za-z0-9+/]{27}=|[A-Za-z0-9_+/-]{43}=?|[A-Za-z0-9+/]{86}==")
"""How digests are written: hex of 64 bits and more; Base64 of 128, 160, 256 and 512."""
_HEX = re.compile(r"[0-9a-f]*")
MASK = "[redacted]"
"""What stands where nothing of a secret is kept: in credential headers of requests."""
ENCODED = "known"
"""The kind where a secret stands in another spelling: it may be any of those that were found."""
NEVER = frozenset({"", MASK, "bearer", "basic", "none", "null", "true", "false", "[Filtered]", "***"})
"""What is written where a secret was, or none is."""
MOST = 500
"""Places named of one recording."""
_AT_ONCE = 4000
"""Pseudonyms whose checksums are worked out while other threads wait."""
Path = tuple[str | int, ...]
"""The steps to a leaf."""
Place = tuple[str, str, str]
"""Place, path, kind."""


def marks_of(recording: Recording) -> dict[str, Any]:
    """What an earlier redaction noted; empty if there was none, or if it is not of our making."""
    if '"redaction"' not in recording.context.text:
        return {}
    context = recording.facts
    found = context.get("redaction") if type(context) is dict else None
    return found if type(found) is dict else {}


def places_of(marks: dict[str, Any], name: str = "places") -> list[Place]:
    """The places that changed; what is malformed is left out."""
    stored = marks.get(name)
    return [
        (each[0], each[1], each[2])
        for each in (stored[:MOST] if type(stored) is list else ())
        if type(each) is list and len(each) == 3 and all(type(part) is str for part in each)
    ]


def is_digest(text: str) -> bool:
    """Whether it is written as digests are; a number is none."""
    return DIGEST.fullmatch(text) is not None and any(map(str.isdigit, text)) and not text.isdigit()


def is_like(digest: str, text: str) -> bool:
    """Whether a text is written as this digest is: no word, no number."""
    if len(digest) != len(text) or DIGEST.fullmatch(text) is None:
        return False
    if _HEX.fullmatch(digest):
        return _HEX.fullmatch(text) is not None and not text.isdigit()
    return not (text.islower() or text.isupper())


def digest_of(pseudonym: str) -> str:
    """How a pseudonym is named in the marks."""
    return blake2b(pseudonym.encode("utf-8", "surrogatepass"), digest_size=6, person=b"replay-pseud").hexdigest()


def checksums_of(pseudonyms: Collection[str]) -> str:
    """How a crowd of them is named in the marks."""
    texts = list(pseudonyms)
    return "".join(_checksums(texts[at : at + _AT_ONCE]) for at in range(0, len(texts), _AT_ONCE))


def _checksums(texts: list[str]) -> str:
    data = "\n".join(texts).encode("utf-8", "surrogatepass").split(b"\n")
    if len(data) != len(texts):  # one has several lines
        data = [each.encode("utf-8", "surrogatepass") for each in texts]
    numbers = array("I", sorted(set(map(crc32, data))))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes().hex()


def _checksum(pseudonym: str) -> str:
    return f"{crc32(pseudonym.encode('utf-8', 'surrogatepass')):08x}"


class Known(frozenset[str]):
    """Pseudonyms of an earlier redaction: by their digests in its marks, and by the check that longer ones carry.
    Without one there are none: of some 10,000 secrets one looks as if it carried the check."""

    _none: bool

    def __new__(cls, marks: dict[str, Any]) -> Known:
        stored, crowd = marks.get("pseudonyms"), marks.get("crowd")
        found = [each for each in stored if type(each) is str] if type(stored) is list else []
        if type(crowd) is str:
            found += [crowd[at : at + 8] for at in range(0, len(crowd), 8)]
        made = super().__new__(cls, found)
        made._none = not marks
        return made

    @property
    def any(self) -> bool:
        """Whether there was an earlier redaction."""
        return not self._none

    def has(self, text: str) -> bool:
        """Whether this very text is one that is named in the marks: of any length."""
        return len(self) > 0 and (super().__contains__(digest_of(text)) or super().__contains__(_checksum(text)))

    def __contains__(self, text: object) -> bool:
        if self._none or type(text) is not str or len(text) > 20_000:
            return False
        return is_pseudonym(text) or self.has(text)
