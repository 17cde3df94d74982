"""Messages between processes: a size and as many bytes, over a pipe."""

from __future__ import annotations

import os
import struct

HEAD = struct.Struct("=I")
"""The size of what follows."""


def put(descriptor: int, data: bytes) -> None:
    """Send a message."""
    write(descriptor, HEAD.pack(len(data)) + data)


def take(descriptor: int) -> bytes:
    """Wait for one message; nothing at the end."""
    head = _exactly(descriptor, HEAD.size)
    return _exactly(descriptor, HEAD.unpack(head)[0]) if head else b""


def write(descriptor: int, data: bytes | bytearray) -> None:
    """Send bytes that have their sizes already."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _exactly(descriptor: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = os.read(descriptor, size - len(found))
        if not piece:
            return b""
        found += piece
    return bytes(found)
