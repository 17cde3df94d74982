"""Values as tagged, typed JSON text: what a bundle stores of any Python value.

Plain JSON stands for itself, so that a bundle can be read as it is. Everything else is an object of one key that
starts with `$`. Objects met twice are `{"$id": [n, value]}` where they are first met, `{"$ref": n}` after that.
Equal values give equal text, dictionaries in their order; see `replay.core.families` for the tags.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from replay.core.bare import is_bare
from replay.core.decoder import Decoder, Resolve, Unkept
from replay.core.encoder import Encoder
from replay.core.standins import Gap, Opaque, Record, Truncated
from replay.core.written import json_text
from replay.errors import CodecError

__all__ = ["Gap", "Limits", "Opaque", "Record", "Resolve", "Truncated", "Value", "encode"]


class Value(msgspec.Struct, frozen=True):
    """A captured value: its canonical text, and what the text does not hold."""

    text: str
    gaps: tuple[Gap, ...] = ()

    def decode(self, resolve: Resolve | None = None, unkept: Unkept | None = None) -> Any:
        """The Python value. `unkept` makes what stands for parts that were not stored. Raises CodecError if the text is
        not an encoded value."""
        tree = self.tree
        if '"$' not in self.text:  # no key can be a tag: plain JSON stands for itself
            return tree
        try:
            return Decoder(resolve, unkept).value(tree)
        except Exception as error:
            raise CodecError(f"not an encoded value: {error} in {self.text[:80]!r}") from error

    @property
    def tree(self) -> Any:
        """The text read as JSON, tags as they stand. Raises CodecError if it is not JSON."""
        if len(self.text) > _LARGE and _is_crowded(self.text):
            raise CodecError(f"more than {MOST_PARTS:,} parts in {self.text[:80]!r}")
        try:
            return msgspec.json.decode(self.text)
        except (ValueError, RecursionError) as error:
            raise CodecError(f"not JSON: {error} in {self.text[:80]!r}") from error

    @property
    def error_type(self) -> str | None:
        """If this is an encoded exception: its `module.qualname`, builtins without the module; else None."""
        if not self.text.startswith(('{"$error"', '{"$id":[0,{"$error"')):
            return None
        tree = self.tree
        try:
            body = (tree["$id"][1] if "$id" in tree else tree)["$error"]
            if type(body["type"]) is str:
                return body["type"]
        except (LookupError, TypeError):
            pass  # damage, told below
        raise CodecError(f"an error without a type in {self.text[:80]!r}")


_LARGE = 1 << 20
MOST_PARTS = 3_000_000
"""Of one value, as read: an encoder that keeps its `Limits` writes fewer."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_STRUCTURE = "[{,"


def _is_crowded(text: str) -> bool:
    """Whether there are more parts than an encoder writes: three characters of text (`[],`) can take 64 bytes."""
    if sum(map(text.count, _STRUCTURE)) <= MOST_PARTS:
        return False
    bare = _STRING.sub("", text)
    return sum(map(bare.count, _STRUCTURE)) > MOST_PARTS


class Limits(msgspec.Struct, frozen=True):
    """Where encoding stops and notes a gap."""

    depth: int = 100
    nodes: int = 1_000_000
    size: int = 8 << 20
    """Bytes of encoded text of one value, about."""


_LIMITS = Limits()


_NO_ROOM = Value('{"$opaque":{"type":"?","size":null}}', (Gap("$", "encode-failed", "MemoryError"),))


def encode(value: object, limits: Limits = _LIMITS, until: int = 0) -> Value:
    """The canonical text of `value`; never raises for a value, never calls its code. `until`: when what is left is cut,
    by the performance counter; 0: never."""
    if limits is _LIMITS and is_bare(value):
        return Value(json_text(value))
    try:
        return Unsettled(value, limits, until).settle()
    except MemoryError:
        pass  # behind this line what the attempt held is let go of, so that who counts the loss has some memory
    return _NO_ROOM


class Unsettled:
    """A value turned into a tree already; its text is made when it is wanted."""

    __slots__ = ("_encoder", "_limits", "_tree", "_value")

    def __init__(self, value: object, limits: Limits = _LIMITS, until: int = 0) -> None:
        self._limits = limits
        self._encoder = Encoder(limits.depth, limits.nodes, limits.size)
        self._encoder.until = until
        self._tree = self._encoder.node(value)
        self._encoder.memo.clear()  # it kept the originals alive
        self._value: Value | None = None

    @property
    def size(self) -> int:
        """About how many bytes the tree holds."""
        return self._limits.size - self._encoder.room + 16 * (self._limits.nodes - self._encoder.left)

    def settle(self) -> Value:
        """The encoded value."""
        if self._value is None:
            encoder, self._value = self._encoder, None
            try:
                text = encoder.text(self._tree)
            except Exception:  # too deep for what is left of the stack, or out of memory
                encoder.path.clear()
                encoder.gap("encode-failed", "?")
                text = '{"$opaque":{"type":"?","size":null}}'
            self._value = Value(text, tuple(encoder.gaps))
            self._tree = None
        return self._value
