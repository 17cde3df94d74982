"""What a sweep knows: the secrets that it found, what stands for each, and where something changed."""

from __future__ import annotations

import re
from collections.abc import Callable

from replay.core.redaction.finding import Found, find
from replay.core.redaction.needles import SHORTEST, Needles
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Rules

Path = tuple[str | int, ...]
MOST = 200_000
"""Secrets of one recording."""


class Secrets:
    """Found once, masked everywhere. `pause` is called with the number of characters about to be looked at."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        self._rules = rules
        self._pseudonyms = pseudonyms
        self._pause = pause
        self.secrets: dict[str, str] = {}
        """Secret -> what stands for it."""
        self.kinds: dict[str, str] = {}
        """Secret -> its kind."""
        self.allowed: set[str] = set()
        self.known: frozenset[str] = frozenset()
        """Pseudonyms of an earlier redaction."""
        self.marks: dict[Path, str] = {}
        """Path of a leaf that changed -> kind."""
        self.stands: dict[Path, str] = {}
        """Path of a leaf that changed -> its text now."""
        self._needles = Needles({})
        self._seen: dict[str, list[Found]] = {}
        """What is found in a text: the second walk meets the same texts, and many stand more than once."""
        self._no_base64: set[str] = set()
        """Words that only look like it."""

    def arm(self) -> None:
        """From here on mask what was found, everywhere."""
        for value in self.allowed:
            self.secrets.pop(value, None)
        self._needles = Needles(self.secrets)
        self.marks.clear()

    def masked(self, text: str) -> str:
        """A text with pseudonyms in the place of known secrets."""
        return self._needles.replace(text, self._pause) if self._needles else text

    def kind_of(self, name: object) -> str | None:
        """The kind of secret that a name announces."""
        return self._rules.kind_of(name) if type(name) is str else None

    def mark(self, path: Path, before: str, after: str, kind: str | None) -> None:
        """Note that a leaf changed."""
        if before != after and len(self.marks) < 5_000:
            if kind is None:
                kind = next((k for secret, k in self.kinds.items() if secret in before), "known")
            self.marks[path] = kind
            self.stands[path] = after

    def learn(self, secret: str, masked: str, kind: str) -> None:
        """Note what stands for a secret. Raises ValueError if there are too many."""
        if secret != masked and secret not in self.secrets:
            if len(self.secrets) >= MOST:
                raise ValueError("too many secrets")
            self.secrets[secret] = masked
            self.kinds[secret] = kind
            local, mark, _ = secret.rpartition("@")
            if mark and len(local) >= 6 and not local.isalpha():
                self.secrets.setdefault(local, masked.rpartition("@")[0])
            if kind == "assigned" and (bare := secret.rstrip(".:!?")) != secret and len(bare) >= SHORTEST:
                self.secrets.setdefault(bare, masked[: len(bare)])  # the end of a sentence
            if kind in ("phone", "card"):
                digits = re.sub(r"\D", "", secret)
                if digits != secret and len(digits) >= 6:
                    self.secrets.setdefault(digits, re.sub(r"\D", "", masked))

    def _find(self, text: str) -> list[Found]:
        found = self._seen.get(text)
        if found is None:
            found = list(find(text, self._rules.patterns, self._pause))
            if len(self._seen) < 20_000:
                self._seen[text] = found
        return found
