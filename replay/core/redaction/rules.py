"""What is redacted: the built-in rules, the project's own, and what is never redacted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from replay.core.redaction import keys
from replay.core.redaction.drawn import key_kind

if TYPE_CHECKING:
    from replay.core.redaction.finding import Rule


SHORT = 64
"""Characters of a text that is remembered as one without secrets."""
WORD = 13
"""Letters and digits of which fewer are found by no pattern: a card's number has so many, keys have more."""
_MOST = 20_000


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """The project's own say. In `pyproject.toml`: `[tool.replay-harness.redaction]`."""

    keys: tuple[str, ...] = ()
    """Further names whose values are secret: `["employee_no"]`; case and separators do not count."""
    patterns: Mapping[str, str] = {}
    """Kind -> regular expression; its group 1, or all of it, is the secret."""
    allow: tuple[str, ...] = ()
    """Names and dotted ends of paths that are never redacted: `["session.plan", "email"]`."""
    enabled: bool = True
    """False: nothing is redacted beyond the credential headers of requests."""


class Rules:
    """Compiled: the kind of a name, and the patterns. Raises ValueError for a pattern that cannot be used."""

    def __init__(self, own: Redaction) -> None:
        from replay.core.redaction.finding import compiled
        from replay.core.redaction.patterns import RULES  # compiled when needed: it takes a while

        self._own = keys.custom(own.keys)
        self._allowed = tuple(tuple(map(keys.bare, each.split("."))) for each in own.allow)
        found: list[Rule] = []
        for kind, pattern in own.patterns.items():
            try:
                found.append(compiled(pattern, kind))
            except ValueError as error:
                raise ValueError(f"`{kind}`: {error}") from error
        self.patterns = (*found, *RULES)
        self.clean: set[str] = set()
        """Short texts in which no pattern finds anything: names, paths, constants, the same in each recording."""
        self.own = bool(found)
        """Whether the project has patterns of its own."""

    @property
    def any_allowed(self) -> bool:
        """Whether anything is never redacted, so that it counts where a text stands."""
        return bool(self._allowed)

    def note_clean(self, text: str) -> None:
        """Remember a text without secrets, up to so many."""
        if len(self.clean) >= _MOST:
            self.clean.clear()
        self.clean.add(text)

    def is_word(self, text: str) -> bool:
        """Whether it is too short and plain for any pattern, and for anything to be encoded in it."""
        return len(text) < WORD and text.isalnum() and not self.own

    def kind_of(self, name: str, value: object = None) -> str | None:
        """The kind of secret under a name. `value`: what stands there, where that may tell it."""
        if self._own and keys.bare(name) in self._own:
            return "custom"
        return keys.kind_of(name) or (key_kind(name, value) if type(value) is str else None)

    def allows(self, path: tuple[str | int, ...]) -> bool:
        """Whether what lies at this path is never redacted."""
        if not self._allowed:
            return False
        names = [keys.bare(step) for step in path if type(step) is str]
        return any(len(each) <= len(names) and tuple(names[-len(each) :]) == each for each in self._allowed)
