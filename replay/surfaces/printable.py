"""Recorded text made safe and narrow enough for a terminal.

A recording holds what strangers sent. Nothing of it may move the cursor, change colours or titles, or reorder
what is read (Unicode UTS 39, "Trojan Source"), so whatever Python does not call printable is shown escaped.
"""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(
    r"::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state|set-env|"
    r"set-output|stop-commands|warning)(?:::| ))|##(?=\[|vso\[)",
    re.IGNORECASE,
)
"""What a line of a build's log says to GitHub Actions or Azure Pipelines: `::error file=a::text`, `##[group]`."""


def escape(text: str) -> str:
    """`text` with every control, format, bidirectional and other unprintable character escaped.

    Commands to a build server too, wherever they stand: a longer text is wrapped, and any word may begin a line.
    """
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda found: f"{found[0][0]}\\x{ord(found[0][1]):02x}", text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def columns(text: str) -> int:
    """How many terminal columns `text` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, width: int) -> str:
    """`text` in at most `width` columns, an ellipsis for what is cut."""
    if columns(text) <= width:
        return text
    taken = 0
    for index, char in enumerate(text):
        taken += _columns(char)
        if taken > width - 1:
            return text[:index] + "…"
    return text


def pad(text: str, width: int) -> str:
    """`text` clipped and filled to exactly `width` columns."""
    text = clip(text, width)
    return text + " " * (width - columns(text))
