"""Release notes in Markdown."""

from __future__ import annotations

import markdown

import replay

BENIGN = "# Release 2\n\n- faster start\n- see [the docs](https://docs.example/2)\n\n```\npip install it\n```\n"


@replay.capture
def page(notes: str) -> str:
    """The notes as HTML."""
    return str(markdown.markdown(notes, extensions=["extra"]))


def record() -> None:
    page(BENIGN)
