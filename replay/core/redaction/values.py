"""Whether what is assigned to a secret's name in prose and code is a value, rather than a word of the language."""

from __future__ import annotations

import re

from replay.core.redaction.keys import kind_of

_NOT_VALUES = frozenset([
    "true", "false", "null", "none", "undefined", "expired", "invalid", "missing", "required", "unset", "empty",
    "redacted", "string", "bearer", "basic", "self", "request", "response", "config", "settings", "value", "nil",
    "digest", "negotiate", "apikey", "token", "password", "secret",
])  # fmt: skip
_MASK = frozenset("*.x-_<>{}$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.]*")
_WORDS = re.compile(r"(?:[a-z]+|[A-Z]+|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,}|I[dD]|API|IP|JWT|CSRF)*)\d?")
"""Of code: what was drawn has capitals in other places, and by chance a short word between them."""
_APART = re.compile(r"[._]")
_PLACEHOLDER = re.compile(r"\$[A-Z_][A-Z0-9_]*|(?:[$#]\{|\{\{|[$%]\().*")
DRAWN = re.compile(
    r"(?=[a-z0-9_-]{0,200}+[A-Z])(?=[A-Z0-9_-]{0,200}+[a-z])(?=[A-Za-z_-]{0,200}+\d++[A-Za-z_-]{1,200}+\d)[A-Za-z0-9_-]{16,400}+"
)
"""What nobody writes by hand: capitals, small letters and digits, those in two places."""
ASKED = frozenset({"key", "magic"})
"""Names that say so little that only such a value of theirs is a secret."""
_CODE = re.compile(r"[A-Za-z_]\w*+(?:\[.*|[._]\w.*[(\[].*|[({\[]+)|\w*+[._][\w.]*+[(\[].*")


def is_value(text: str) -> bool:
    """No `session=self.session`, `auth=None`, `token=tokens[0]`, `password=${PASSWORD}`."""
    if text.isalnum() and text.isascii() and not text.isalpha():
        return True
    bare = text.strip()
    if bare.lower() in _NOT_VALUES or "[redacted" in text or _MASK.issuperset(text):
        return False
    if _PLACEHOLDER.fullmatch(text) or _CODE.fullmatch(text):
        return False
    if _NAME.fullmatch(text):
        parts = _APART.split(text)
        if not all(map(_WORDS.fullmatch, filter(None, parts))):
            return True
        return len(parts) == 1 and kind_of(text) is None
    return True
