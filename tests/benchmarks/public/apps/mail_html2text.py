"""Mails in HTML, for a help desk."""

from __future__ import annotations

import html2text

import replay

BENIGN = (
    '<html><body><p>Hello,</p><p>the <b>printer</b> is broken: <img src="cid:photo" alt="photo"></p>'
    '<ol><li>switched it on</li><li>read <a href="https://help.example/">the help</a></li></ol></body></html>'
)


@replay.capture
def body(mail: str) -> str:
    """The mail as text."""
    return str(html2text.html2text(mail))


def record() -> None:
    body(BENIGN)
