"""What a sweep knows: the secrets that it found, what stands for each, and where something changed."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate, islice

from replay.core.redaction.crowds import CROWD, LARGEST, Crowd, Parts, is_crowd
from replay.core.redaction.finding import Found, find
from replay.core.redaction.marks import ENCODED, NEVER, Known, Path
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.needles import SHORTEST, Needles, that_may_be_in
from replay.core.redaction.patterns import EMAIL
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import SHORT, Rules

MOST = 200_000
"""Secrets of one recording."""
FEW = 64
"""Secrets of a small recording that are drawn one by one, and looked for in every spelling."""
PER_SECRET = 500
"""Characters of a large one for each: its redaction takes a bound time for each character."""
_CREDENTIALS = frozenset({"token", "scheme", "authorization"})
"""Kinds that may be a name with a password, encoded."""
_OF_THEIR_OWN = frozenset({"cookie", "login", "email", "url-password"})
"""Kinds of which not even a plain word is just drawn."""
Told = tuple[str, str, bool]
"""A secret, its kind, whether its name says so."""
Change = tuple[str, str, str | None]
"""What became of a leaf: before, after, its kind; None: that of the first secret that was in it."""
_FIRST = 8
_ENDS = ".:!?"
_APART = "\0\x01\x02\uf8ff"


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
        self.known = Known({})
        """Pseudonyms of an earlier redaction."""
        self.marks: dict[Path, Change] = {}
        """Path of a leaf that changed -> how."""
        self.few = FEW
        """Secrets that are drawn one by one; what is found after them is drawn at once (see `late`)."""
        self._armed = False
        self._needles = Needles({})
        self._seen: dict[str, list[Found]] = {}
        """What is found in a text: the second walk meets the same texts, and many stand more than once."""
        self._standing: set[str] = set()
        """Pseudonyms of an earlier redaction that reach over pieces: a part of one may look like a secret."""
        self._no_base64: set[str] = set()
        """Words that only look like it."""
        self.crowd = Crowd(pseudonyms)
        """The secrets of texts that have hundreds."""

    def arm(self) -> None:
        """From here on mask what was found, everywhere."""
        self.crowd.draw_late(self.secrets.keys() | self.allowed | NEVER, self._pause)
        for whole in self._standing:
            for part in [secret for secret in self.secrets if secret in whole]:
                del self.secrets[part]
                self.kinds.pop(part, None)
        for secret in [secret for secret in self.crowd.secrets if secret[-1:] in _ENDS]:
            self._without_end(secret, self.crowd.secrets[secret], self.crowd.kinds.get(secret, ""))
        self._armed = True
        for value in self.allowed:
            self.secrets.pop(value, None)
            self.crowd.secrets.pop(value, None)
        self._needles = Needles(self.secrets, self.crowd.secrets, self.few)
        self.marks.clear()

    def masked(self, text: str) -> str:
        """A text with pseudonyms in the place of known secrets."""
        return self._needles.replace(text, self._pause) if self._needles else text

    @abstractmethod
    def value(self, text: str, kind: str | None) -> str:
        """What stands for all of a text."""

    def kind_of(self, name: object, value: object = None) -> str | None:
        """The kind of secret that a name announces, or with its value tells."""
        return self._rules.kind_of(name, value) if type(name) is str else None

    def mark(self, path: Path, before: str, after: str, kind: str | None) -> None:
        """Note that a leaf changed."""
        if before != after and len(self.marks) < MARKED:
            self.marks[path] = before, after, kind or self.crowd.kind_of(before)

    def marked(self) -> dict[Path, tuple[str, str]]:
        """Path of each leaf that changed -> the kind of secret that it held, its text now."""
        return {path: (kind or self._kind_in(before), after) for path, (before, after, kind) in self.marks.items()}

    def _kind_in(self, text: str) -> str:
        """That of the first secret that is in a text."""
        kinds = self.kinds
        first = next((each for each in islice(kinds, _FIRST) if each in text), None)  # most often one of these is
        first = first or next((each for each in that_may_be_in(text, kinds) if each in text), None)
        return ENCODED if first is None else kinds[first]

    def kinds_in(self, texts: Sequence[str]) -> dict[int, str]:
        """Of each of these texts, by its number, the kind of the first secret that is in it."""
        whole, ends = "\0".join(texts), [*accumulate(map(len, texts), lambda end, size: end + 1 + size)]
        kinds: dict[int, str] = {}
        for secret, kind in self.kinds.items():
            at = whole.find(secret)
            while at >= 0:
                kinds.setdefault(bisect_left(ends, at), kind)
                at = whole.find(secret, at + 1)
        return kinds

    def late(self, text: str, kind: str) -> bool:
        """Whether what stands for a secret is said later, of all such at once: in the first walk, which only learns."""
        if self._armed or len(self.secrets) < self.few or self.known.any or not self.crowd.takes(text, kind):
            return False
        self.check()
        return True

    def learn_all(
        self,
        found: Sequence[Told],
        places: Sequence[int] | None = None,
        one: Callable[[int], object] = lambda at: None,
    ) -> None:
        """Learn these, in their order: what nothing but letters and digits are drawn for is drawn with others.
        `one` is called with the place of each that changes by itself."""
        if not found:
            return
        others = {text for text, kind, _ in found
                  if kind in _OF_THEIR_OWN and (kind != "url-password" or ":" in text)}  # fmt: skip
        plain = [text for text, _, _ in found if text not in others]
        alone = self.crowd.of_form(plain, pairs=any(kind in _CREDENTIALS for _, kind, _ in found)) | self.allowed
        if others:
            mails = [text for text, kind, _ in found if kind == EMAIL.kind]
            alone |= others - self.crowd.are_mails(mails)
        known = self.secrets
        waiting: list[tuple[str, str]] = []
        for (text, kind, named), at in zip(found, places or range(len(found)), strict=True):
            if text in alone:
                self.crowd.take(waiting)
                waiting = []
                new = named or not (text in known or text in self.crowd.secrets)
                if new and self.value(text, kind) != text:  # it is marked
                    one(at)
            elif named or text not in known:
                waiting.append((text, kind))
        self.crowd.take(waiting)
        self.check()

    def check(self) -> None:
        """Raises ValueError if there are too many to be drawn later."""
        if len(self.crowd.late) > MOST:
            raise ValueError("too many secrets")

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
            self._without_end(secret, masked, kind)
            if kind in ("phone", "card", "ssn", "otp"):
                digits = re.sub(r"\D", "", secret)
                if digits != secret and len(digits) >= 6:
                    self.secrets.setdefault(digits, re.sub(r"\D", "", masked))

    def _without_end(self, secret: str, masked: str, kind: str) -> None:
        """Note what stands for a secret that was found at the end of a sentence."""
        if kind == "assigned" and (bare := secret.rstrip(_ENDS)) != secret and len(bare) >= SHORTEST:
            self.secrets.setdefault(bare, masked[: len(bare)])

    def spans(self, text: str, rows: Sequence[str]) -> Iterator[tuple[int, int, bool]]:
        """Where the secrets of a text are: start, end, whether it is known. Some may overlap. `rows`: what it is put
        together of; then only known ones, and none where none may be all of several."""
        if rows and not self._needles.may_begin(rows):
            return
        yield from ((start, end, True) for start, end in self._needles.hits(text, self._pause))
        for each in () if rows else self._find(text):
            if not self._armed and self.known.any and (secret := text[each.start : each.end]) in self.known:
                self._standing.add(secret)
            yield each.start, each.end, False

    def _find(self, text: str) -> list[Found]:
        """The secrets of a text; without the mail addresses, where those are a crowd."""
        if text in self._rules.clean:
            return []
        found = self._seen.get(text)
        if found is None:
            rules = self._rules.patterns
            if len(text) >= 4 * CROWD and is_crowd(text.count("@")):
                rules = tuple(rule for rule in rules if rule is not EMAIL)
            found = list(find(text, rules, self._pause))
            if not found and len(text) <= SHORT:
                self._rules.note_clean(text)
            if len(self._seen) < 20_000:
                self._seen[text] = found
        return found

    def _crowded(self, text: str, change: Callable[[str], str]) -> str | None:
        """A text of hundreds of secrets without them; None if it has fewer. `change` makes what stands between them
        one without secrets."""
        mails = is_crowd(text.count("@"))
        parts = self.crowd.list_of(text) if mails and not self._rules.own else None
        listed = parts is not None
        if parts is None:
            found = self._find(text)
            if not mails and not is_crowd(len(found)):
                return None
            parts = self.crowd.parts(text, found, mails)
        if len(parts.kinds) > CROWD and not parts.masks and not self.known.any:
            self._draw(parts.kinds, mails=mails)
        own = self._show(parts)
        number = len(parts.between)
        between = apart([*parts.between, *own.values()], self.masked if listed else change)
        parts.masks.update(zip(own, between[number:], strict=True))
        made = parts.joined(between[:number])
        if self._armed:
            self.crowd.note(made)
        return made

    def many(self, kind: str, cells: Collection[str]) -> Mapping[str, str]:
        """Of a column: if it has many, say what stands for each, of all at once. All of which that is said."""
        if self._rules.any_allowed:
            return {}
        if not self._armed and self.few < len(cells) <= LARGEST and not self.known.any:
            self._draw(dict.fromkeys((cell.strip(' "') for cell in cells if '""' not in cell), kind))
        return self.crowd.secrets

    def _draw(self, kinds: dict[str, str], *, mails: bool = False) -> None:
        self.crowd.draw(kinds, mails, self.secrets.keys() | self.allowed | NEVER, self._pause)

    def _show(self, parts: Parts) -> dict[str, str]:
        """Say what stands for each: what one stands for in other places first. What is left to the way of its kind,
        as that makes it: known secrets may be in it; the first walk only learns them."""
        masks = parts.masks
        if not masks or not all(masks.values()):
            masks.update(zip(parts.kinds, map(self.crowd.secrets.get, parts.kinds), strict=True))
        other = self.secrets.keys() & parts.kinds.keys()
        masks.update((secret, self.secrets[secret]) for secret in other)
        own: dict[str, str] = {}
        if not all(masks.values()):
            own = {secret: self.value(secret, kind) for secret, kind in parts.kinds.items() if not masks[secret]}
        domains = "".join(self.crowd.domains)
        if self.masked(domains) != domains:
            for secret, kind in parts.kinds.items():
                if kind == EMAIL.kind and secret not in own:
                    local, mark, domain = str(masks[secret]).rpartition("@")
                    masks[secret] = local + mark + self.masked(domain)
        return own if self._armed else {}


def mark_for(text: str) -> str | None:
    """A character that parts what is looked at together, which the text has not; None: it has all of them."""
    return next((char for char in _APART if char not in text), None)


def apart(texts: list[str], change: Callable[[str], str]) -> list[str]:
    """What stands between secrets, changed: all of it in one look, what stands there more than once only once."""
    different = dict.fromkeys(texts)
    if len(different) * 2 < len(texts):
        made = dict(zip(different, _apart([*different], change), strict=True))
        return [made[text] for text in texts]
    return _apart(texts, change)


def _apart(texts: list[str], change: Callable[[str], str]) -> list[str]:
    mark = mark_for("".join(texts))
    if mark is not None:
        whole = mark.join(texts)
        made = change(whole)
        if made == whole:
            return texts
        if made.count(mark) == len(texts) - 1:
            return made.split(mark)
    return list(map(change, texts))
