"""The JSON text of a tree, also where memory is short.

`msgspec.json.encode` (0.22) ends the process with a segmentation fault where its buffer cannot grow, as under a limit
of address space; `encode_into` raises MemoryError. It is faster for large trees, too.
"""

from __future__ import annotations

from typing import Any

import msgspec

_encode_into = msgspec.json.Encoder().encode_into


def json_bytes(tree: Any) -> bytearray:
    """As UTF-8. Raises MemoryError, and what `msgspec.json.encode` raises."""
    buffer = bytearray()
    _encode_into(tree, buffer)
    return buffer


def json_text(tree: Any) -> str:
    """As text."""
    return json_bytes(tree).decode()
