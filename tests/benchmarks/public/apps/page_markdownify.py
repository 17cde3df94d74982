"""Pages as text for a language model."""

from __future__ import annotations

import markdownify

import replay

BENIGN = (
    '<html><body><h1>Prices</h1><table><tr><th colspan="2">Fruit</th></tr><tr><td>Apple</td><td>1.20</td></tr>'
    "</table><p>All in <b>EUR</b>.</p></body></html>"
)


@replay.capture
def text_of(page: str) -> str:
    """A page as Markdown."""
    return str(markdownify.markdownify(page))


def record() -> None:
    text_of(BENIGN)
