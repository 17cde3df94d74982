"""Prose and everything else that is no document: secrets by their looks, known ones, and what is encoded in it."""

from __future__ import annotations

import html
import operator
import re
from abc import abstractmethod
from base64 import b32decode, b32encode, b64encode, b85decode, b85encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from urllib.parse import quote_from_bytes

from replay.core.redaction import bodies, packed
from replay.core.redaction.crowds import CROWD
from replay.core.redaction.escapes import PERCENT, cut_escape, escaped_alike, letter, respelt, unquoted, wide
from replay.core.redaction.marks import Path
from replay.core.redaction.pseudonyms import Pseudonyms, from_base64
from replay.core.redaction.rules import Rules
from replay.core.redaction.secrets import Secrets, apart

DEEPEST = 4
"""Encodings inside one another that are undone."""
_SHORTEST = 16
"""Characters of Base64 that is looked into."""
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}+={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{24,}")
_BASE85 = re.compile(
    r"(?=[\w=+-]*+[!#$%&()*;<>?@^`{|}~][\w=+-]*+[!#$%&()*;<>?@^`{|}~])[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{20,}+"
)
"""All of a text, with two signs that Base64 has not."""
_SPELT = re.compile("|".join(f"{each}(?:{each}){{2}}" for each in (  # written out: other letters are passed over in C
    r"\\\\{0,3}u00[2-7][0-9A-Fa-f]", r"\\\\{0,3}x[2-7][0-9A-Fa-f]", r"&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});",
    r"\\(?:0[4-7]|1[0-7])[0-7]",
)))  # fmt: skip
"""Three letters or signs that follow one another as escapes."""
_SPELT_UNIT = re.compile(
    r"(\\\\*+u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\*+x[2-7][0-9A-Fa-f]|&#(?:x[0-9A-Fa-f]{2,4}|\d{2,3});|\\(?:0[4-7]|1[0-7])[0-7])"
)
"""One of them."""
_CONTROLS = re.compile(r"[\0-\x08\v\f\x0e-\x1f]")
_ENTITIES = {"&quot;": '"', "&#x27;": "'", "&#39;": "'", "&lt;": "<", "&gt;": ">", "&apos;": "'", "&amp;": "&"}
_ENTITY = re.compile(r"(&(?:quot|[lg]t|apos|amp|#x27|#39);)")
_HEX = re.compile(r"((?:0?[xX])?)((?:[0-9a-f]{2}){8,}+|(?:[0-9A-F]{2}){8,}+)")
_NOT_PLAINLY = re.compile(
    r"(?m)^(?:0?[xX])?[0-9A-F]+$|^(?:0?[xX])?[0-9a-f]+$|^[A-Z2-7]+=*$|^[a-z2-7]+=*$|^[A-Za-z]+=*$|^\d+=*$|^.*[-_].*$"
)
"""Words, a line each, that may be something else than Base64 as it mostly is."""
_RUN = re.compile(r"([^\s\"'<>&=?]++)")
_LINE, _LAST_LINE = r"[A-Za-z0-9+/]{48,76}+\r?\n", r"(?:[A-Za-z0-9+/]{1,76}+={0,2}+(?![\w:])|={1,2}+)"
_FOLDED = re.compile(rf"(?<![A-Za-z0-9+/])({_LINE}(?:(?:{_LINE})++(?:{_LAST_LINE})?+|{_LAST_LINE}))")
"""Two lines and more. What follows them, as the name of a setting does, is none."""
_ROWS = re.compile(
    r"(?:eyJ[A-Za-z0-9+/](?:[A-Za-z0-9+/]{4})++(?<=[159BFJNRVZdhlptx]9)\r?\n)++(?:eyJ[A-Za-z0-9+/]*+={0,2})?+"
)
"""Lines of which each is an object of JSON, and no part of a folded one."""
_LINES = 20_000
"""Whose lengths are looked at before their words."""
_WORDS = 10_000
"""That are remembered as no Base64."""
_FEW = 100
"""Texts whose encoded words are remembered."""
_LARGE = 1 << 18
"""Characters of a text of which they are not."""
_TOGETHER = 32
"""Texts of which more are looked through together."""
_AT_ONCE = 1000
"""Words that are read while other threads wait."""
_BETWEEN = "\n\x1e\n"
"""What stands between them then: no secret has it, and no lines go on over it."""
_DOCUMENTS = frozenset('{["')
"""How JSON begins; its end may be cut off."""
_FORMS = ("\n", "\\n", "INSERT", "insert")
"""What tables and statements have."""
_SMALLEST = 24
"""Bytes that hold a name and a secret."""

Reading = tuple[str, Callable[[bytes], str]]
"""What a word says, what writes it again."""


class Encoded(Secrets):
    """Looks into text."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        super().__init__(rules, pseudonyms, pause)
        self._readings: dict[str, Reading | None] = {}
        """Run of Base64 -> what it says: the second walk meets the same ones."""
        self._prose_words: dict[str, Reading] = {}
        """Those that are nothing but prose inside."""
        self._coded: dict[str, list[str]] = {}
        """Long text without folded Base64 -> its words that look like Base64: the second walk meets the same ones."""
        self._unquoted: dict[str, dict[str, tuple[bytes, str]]] = {}
        """Text -> its percent-encoded words, and what they say."""

    @abstractmethod
    def leaf(
        self, text: str, path: Path, kind: str | None, *, content: str = "", mark: bool = True, deep: int = 0
    ) -> str:
        """A text without secrets. `kind`: its name says that all of it is one."""

    @abstractmethod
    def together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str] | None:
        """What `leaf` makes of many texts; None where each is better looked at by itself."""

    @abstractmethod
    def data(self, data: bytes, path: Path, kind: str | None, content: str = "") -> bytes:
        """Bytes without secrets."""

    def packed(self, data: bytes, path: Path) -> bytes:
        """Of MessagePack and the like, without what they name."""
        text = data.decode("latin-1")
        made = packed.masked(text, self.kind_of, lambda name, kind, one: self.leaf(one, (*path, name), kind))
        return data if made == text else made.encode("latin-1")

    def percent(self, text: str, path: Path, kind: str | None) -> str:
        """A percent-encoded text: what changes is encoded as it was, byte for byte."""
        if "%" not in text and "+" not in text:
            return self.leaf(text, path, kind)
        if kind is None and (end := cut_escape(text)):
            return self.percent(text[: -len(end)], path, kind) + end
        plain = unquoted(text if "=" in text else text.replace("+", " "))  # with a `=` no form encoded it
        made = self.data(plain, path, kind)
        if made == plain:
            return text
        if kind and "+" in text and "%" not in text and not self._armed:  # elsewhere it may be no space
            self.learn(text, made.decode(errors="replace").replace(" ", "+"), kind)
        return escaped_alike(text, plain, made) or quote_from_bytes(made, safe="")

    def flat(self, text: str, deep: int = 0) -> str:
        """Prose and everything else: patterns, known secrets, what is encoded in it."""
        if len(text) >= 4 * CROWD and (made := self._crowded(text, lambda rest: self._rest(rest, deep))) is not None:
            return made
        spans = self._find(text)
        if not spans:
            return self._rest(text, deep)
        between, masks, done, rest = [], [], 0, ""
        known, crowd = self.secrets, self.crowd
        learns = len(spans) > _TOGETHER and not self._armed and not self.known.any
        for number, found in enumerate(spans):
            secret = text[found.start : found.end]
            if learns and len(known) >= self.few:
                self.learn_all([(text[each.start : each.end], each.kind, False) for each in spans[number:]])
                learns = False
            made = known.get(secret) or crowd.secrets.get(secret)
            made = made or (secret if secret in crowd.late else self.value(secret, found.kind))
            rest += text[done : found.start]
            done = found.end
            if secret in known or secret in crowd.secrets or secret in crowd.late:
                between.append(rest)
                masks.append(made)
                rest = ""
            else:  # its kind has its own way with it, and may leave what is known
                rest += made
        between.append(rest + text[done:])
        out = [""] * (len(between) + len(masks))
        out[::2] = apart(between, lambda rest: self._rest(rest, deep))
        out[1::2] = masks
        return "".join(out)

    def _rest(self, text: str, deep: int) -> str:
        """What no pattern is for: what is encoded, known secrets."""
        return self.masked(self._encoded(text, deep) if deep < DEEPEST else text)

    def _encoded(self, text: str, deep: int) -> str:
        """What is encoded in a text, before known secrets are looked for in it: of one in Base64 they show the middle
        only, and what is left of its ends would make it another."""
        if "%" in text and PERCENT.search(text):
            text = self._percents(text, deep)
        if len(text) < _SHORTEST:
            return text
        if "&quot;" in text or "&lt;" in text or "&#39;" in text or "&#x27;" in text:
            text = self._of_entities(text, deep)
        if ("\\u00" in text or "\\x" in text or "&#" in text or "\\1" in text) and _SPELT.search(text):
            text = self._spelt(text, deep)
        if text[0] > " " and _BASE85.fullmatch(text):
            return self._of_base85(text, deep)
        if text in self._coded or "\n" not in text or not _may_be_folded(text):
            return self._base64(text, deep, whole=True)
        parts = _folds(text)
        if len(parts) == 1:
            return self._base64(text, deep, whole=True)
        parts[::2] = self._short_ones(parts[::2], deep)
        parts[1::2] = self._all_folded(parts[1::2], deep)
        return "".join(parts)

    def _of_entities(self, text: str, deep: int) -> str:
        """JSON and XML within HTML: what changes are letters and digits only."""
        plain = text
        for entity, sign in _ENTITIES.items():
            plain = plain.replace(entity, sign)
        made = self.flat(plain, deep + 1)
        if made == plain or not self._armed:
            return text
        parts = _ENTITY.split(text)  # every other one is an entity
        if len(made) != sum(map(len, parts[::2])) + len(parts) // 2:
            return html.escape(made)
        out, at = [], 0
        for number, part in enumerate(parts):
            size = 1 if number % 2 else len(part)
            out.append(part if number % 2 else made[at : at + size])
            at += size
        return "".join(out)

    def _spelt(self, text: str, deep: int) -> str:
        """Letters that are written as escapes of JSON, Python, C or HTML: what changes is written as it was."""
        parts = _SPELT_UNIT.split(text)  # every other one is an escape
        plain = "".join(letter(part) if number % 2 else part for number, part in enumerate(parts))
        made = self.flat(plain, deep + 1)
        if made == plain or not self._armed:
            return text
        if len(made) != len(plain):
            return made
        out, at = [], 0
        for number, part in enumerate(parts):
            size = 1 if number % 2 else len(part)
            new = made[at : at + size]
            out.append(new if not number % 2 else part if new == plain[at] else respelt(part, new))
            at += size
        return "".join(out)

    def _all_folded(self, texts: list[str], deep: int) -> list[str]:
        """Base64 in lines, as in mail (RFC 2045)."""
        wholes = ["".join(text.split()) for text in texts]
        self.read_all(wholes)
        for whole in wholes:
            self.reading(whole)
        none = set(map(self._no_base64.__contains__, wholes))
        if none == {True}:
            return self._short_ones(texts, deep)
        made = self._all_decoded(wholes, deep) if none == {False} else map(self._decoded, wholes, repeat(deep))
        return [self._folded(*each, deep) for each in zip(texts, wholes, made, strict=True)]

    def _folded(self, text: str, whole: str, made: str, deep: int) -> str:
        """One of these. `whole`: without the ends of its lines, `made`: the same without secrets."""
        if made == whole:
            no_text = whole in self._no_base64 or len(self._no_base64) >= _WORDS
            return self._base64(text, deep) if no_text else text
        parts = re.split(r"(\r?\n)", text)
        lines, breaks = parts[::2], [*parts[1::2], ""]
        return "".join(line + end for line, end in zip(bodies.cut(lines, made), breaks, strict=True))

    def _percents(self, text: str, deep: int) -> str:
        """Each word that has percent-encoded parts; many of them in one look."""
        runs = [run for run in dict.fromkeys(_RUN.findall(text)) if "%" in run]
        plain = self._unquoted.get(text)
        if plain is None:
            plain = {}
            for at in range(0, len(runs), _AT_ONCE):
                self._pause(sum(map(len, runs[at : at + _AT_ONCE])))
                plain |= all_unquoted(runs[at : at + _AT_ONCE])
            if len(self._unquoted) < _FEW:
                self._unquoted[text] = plain
        cut = {words: end for _, words in plain.values() if words[0] in "{[" and (end := cut_escape(words))}
        made = self._each([words.removesuffix(cut.get(words, "")) for _, words in plain.values()], deep + 1)
        made |= {words: made[words.removesuffix(end)] + end for words, end in cut.items()}
        if not self._armed:  # nobody looks at what the first walk writes
            return text
        changed = {run: (data, made[words]) for run, (data, words) in plain.items() if made[words] != words}
        shown: dict[str, str] = {}
        for at in range(0, len(changed), _AT_ONCE):
            shown |= all_quoted(dict(islice(changed.items(), at, at + _AT_ONCE)))
        parts = _RUN.split(text)  # every other one is a run
        parts[1::2] = [shown.get(run, run) for run in parts[1::2]]
        return "".join(parts)

    def _each(self, texts: Collection[str], deep: int) -> dict[str, str]:
        """What each of these is: a document as `leaf` makes it, others as `flat` does. Those of one line are looked
        through together, if they are many. Of few a table and a statement, too, as `leaf` makes it."""

        def look(text: str) -> str:
            return self.leaf(text, (), None, mark=False, deep=deep)

        documents = [text for text in dict.fromkeys(texts) if text[:1] in _DOCUMENTS and len(text) > 1]
        made: dict[str, str] = {}
        if len(documents) > _TOGETHER:
            parts = self.together(documents, lambda at: (), deep, lambda at: look(documents[at])) or map(
                look, documents
            )
            made = dict(zip(documents, parts, strict=True))
        known = {*documents}
        lines = [text for text in dict.fromkeys(texts) if text not in known and "\n" not in text and "\x1e" not in text]
        if len(lines) > _TOGETHER:
            parts = self.flat(_BETWEEN.join(lines), deep).split(_BETWEEN)
            if len(parts) == len(lines):
                made.update(zip(lines, parts, strict=True))
        for text in texts:
            if text not in made:
                has_form = text in known or any(map(text.__contains__, _FORMS))
                made[text] = look(text) if has_form else self.flat(text, deep)
        return made

    def _base64(self, text: str, deep: int, *, whole: bool = False) -> str:
        """The runs of Base64 and the like; what many of them hold is looked through together. `whole`: none of it is
        folded."""
        if len(text) <= _SHORTEST * _TOGETHER:
            return BASE64.sub(lambda part: self._decoded(part[0], deep), text)
        words = self._coded.get(text)
        if words is None:
            words = list(dict.fromkeys(BASE64.findall(text)))
            if whole and len(self._coded) < _FEW and len(text) < _LARGE:
                self._coded[text] = words
        if len(words) <= _TOGETHER:
            shown = {word: self._decoded(word, deep) for word in words}
            return self._rewritten(text, shown)
        shown = {}
        self.read_all(words)
        prose, others = self._parted(words)
        made = self._each([said for said, _ in prose.values()], deep + 1)
        alone = [word for word, held in prose.items()
                 if self._is_said(word) or self._needles.exact(held[0]) is not None]  # fmt: skip
        if alone:
            some = {*others, *alone}
            others = [word for word in words if word in some]
            prose = {word: held for word, held in prose.items() if word not in some}
        shown.update(zip(others, self._all_decoded(others, deep), strict=True))
        if self._armed:  # nobody looks at what the first walk writes
            for word, (said, write) in prose.items():
                inside = made[said]
                shown[word] = word if inside == said else write(inside.encode("utf-8", "surrogatepass"))
        return self._rewritten(text, shown)

    def _rewritten(self, text: str, shown: Mapping[str, str]) -> str:
        """A text with these instead of its words that look like Base64."""
        if all(map(operator.eq, shown, shown.values())):
            return text
        return BASE64.sub(lambda part: shown.get(part[0], part[0]), text)

    def _parted(self, words: list[str]) -> tuple[dict[str, Reading], list[str]]:
        """Those words that are nothing but prose inside, and the others that may be text."""
        prose: dict[str, Reading] = {}
        others: list[str] = []
        for word in words:
            if word in self._prose_words:
                prose[word] = self._prose_words[word]
                continue
            said = self.reading(word) if len(self._readings) < _WORDS else self._readings.get(word)
            if said is not None and self._is_prose(said[0]):
                self._prose_words[word] = prose[word] = said
            elif word not in self._no_base64:
                others.append(word)
        return prose, others

    def _is_said(self, word: str) -> bool:
        """Whether something stands for it already, or will."""
        return self._needles.exact(word) is not None or self._is_drawn(word)

    def _short_ones(self, texts: list[str], deep: int) -> list[str]:
        """What `_base64` makes of each of what stands between folded ones."""
        if max(map(len, texts), default=0) > _SHORTEST * _TOGETHER:
            return [self._base64(text, deep) for text in texts]
        made = iter(self._all_decoded([word for text in texts for word in BASE64.findall(text)], deep))
        return [BASE64.sub(lambda part: next(made), text) for text in texts]

    def _all_decoded(self, words: list[str], deep: int) -> list[str]:
        made = self.together(words, None, deep, lambda at: self._decoded(words[at], deep))
        return made or [self._decoded(word, deep) for word in words]

    def _is_drawn(self, word: str) -> bool:
        """Whether it stands for something, or something will for it."""
        return word in self.crowd.drawn or word in self.crowd.late

    def reading(self, word: str) -> Reading | None:
        """What a run of Base64 or hexadecimal digits says, and what writes it again, if it is one line of text; None
        where it takes a closer look, or where that is noted to be none."""
        if word in self._no_base64:
            return None
        if word not in self._readings:
            said = self._read(word)
            if len(self._readings) >= 2 * _WORDS:
                return said
            self._readings[word] = said
        return self._readings[word]

    def read_all(self, words: Sequence[str]) -> None:
        """Read many: what is Base64 of plain text is decoded at once."""
        fresh = [word for word in words if word not in self._readings and word not in self._no_base64]
        if len(fresh) >= _TOGETHER and len(self._readings) + len(fresh) <= 2 * _WORDS:
            for at in range(0, len(fresh), _AT_ONCE):
                self._pause(sum(map(len, fresh[at : at + _AT_ONCE])))
                self._read_some(fresh[at : at + _AT_ONCE])

    def _read_some(self, fresh: list[str]) -> None:
        sizes: dict[tuple[int, int], list[str]] = {}
        odd = set(_NOT_PLAINLY.findall("\n".join(fresh)))
        for word in fresh:
            if word not in odd:
                bare = word.rstrip("=")
                sizes.setdefault((len(bare), len(word)), []).append(bare)
        for (size, whole), some in sizes.items():
            if size % 4 == 1:
                continue
            fill = "A" * (-size % 4)
            data = a2b_base64(fill.join([*some, ""]))
            each, kept = (size + 3) // 4 * 3, size * 3 // 4
            end = "=" * (whole - size)
            write = partial(_as_base64, False, bool(end))
            if (lines := _all_lines(data, each, kept)) is not None:
                self._readings.update(zip([bare + end for bare in some], zip(lines, repeat(write)), strict=False))
                continue
            for at, bare in enumerate(some):
                held = data[at * each : at * each + kept]
                if bodies.form_of(held) is not None or b"\0" in held:
                    continue
                try:
                    said = held.decode()
                except UnicodeDecodeError:
                    said = "\x01"
                if said.isprintable():
                    self._readings[bare + end] = said, write
                elif kept < _SMALLEST and _has_controls(said):
                    self._not_base64(bare + end)

    def _read(self, word: str) -> Reading | None:
        bare = word.rstrip("=")
        if (digits := _HEX.fullmatch(word)) is not None:
            words = self._said(bytes.fromhex(digits[2]))
            if words:
                return words, partial(_as_hex, digits[1], digits[2].isupper())
            if words is None:
                return None
        if _BASE32.fullmatch(bare) or len(bare) % 4 == 1 or bare.isalpha() or bare.isdecimal():
            return None
        url = "-" in bare or "_" in bare
        try:
            words = self._said(from_base64(bare))
        except Base64Error:
            words = ""
        if words:
            return words, partial(_as_base64, url, word.endswith("="))
        if words is not None:
            self._not_base64(word)
        return None

    def _said(self, data: bytes) -> str | None:
        """The line of text that bytes are; nothing if they are neither text nor packed; None: that takes a closer
        look."""
        try:
            words = data.decode()
        except UnicodeDecodeError:
            words = "\0"
        if bodies.form_of(data) or (b"\0" in data[:64] and wide(data)):
            return None
        if words.isprintable():
            return words or None
        is_none = _has_controls(words) and (len(data) < _SMALLEST or self.packed(data, ()) is data)
        return "" if is_none else None

    @abstractmethod
    def _is_prose(self, text: str) -> bool:
        """Whether `leaf` would take it for prose."""

    def _decoded(self, text: str, deep: int) -> str:
        """A run of Base64 that is text inside."""
        if (made := self._needles.exact(text)) is not None:
            return made
        if text in self._no_base64 or text in self.crowd.drawn or text in self.crowd.late:
            return text
        if (digits := _HEX.fullmatch(text)) is not None:
            data = bytes.fromhex(digits[2])
            inside = self._inside(data, deep)
            if inside is not None:  # unchanged: what stands for its secrets may be said later
                return text if inside == data else _as_hex(digits[1], digits[2].isupper(), inside)
        bare = text.rstrip("=")
        if _BASE32.fullmatch(bare) and (made := self._of_base32(bare, deep)) is not None:
            return made + text[len(bare) :]
        if len(bare) % 4 == 1 or bare.isalpha() or bare.isdecimal():
            return text
        url = "-" in bare or "_" in bare
        try:
            data = from_base64(bare)
        except Base64Error:
            return self._not_base64(text)
        inside = self._inside(data, deep)
        if inside is None:
            return self._not_base64(text)
        if inside == data:
            return text
        packed = b64encode(inside, altchars=b"-_" if url else None).decode()
        return packed if text.endswith("=") or bodies.form_of(data) else packed.rstrip("=")

    def _of_base32(self, text: str, deep: int) -> str | None:
        try:
            data = b32decode(text.upper() + "=" * (-len(text) % 8))
        except Base64Error:
            return None
        if not data.isascii():
            return None
        inside = self._inside(data, deep)
        if inside is None or inside == data:
            return None if inside is None else text
        made = b32encode(inside).decode().rstrip("=")
        return made.lower() if text.islower() else made

    def _of_base85(self, text: str, deep: int) -> str:
        try:
            data = b85decode(text)
        except ValueError:
            return text
        inside = self._inside(data, deep) if data.isascii() else None
        return text if inside is None or inside == data else b85encode(inside).decode()

    def _inside(self, data: bytes, deep: int) -> bytes | None:
        """Bytes without secrets; None if they are neither packed nor text."""
        if bodies.form_of(data) or (b"\0" in data[:64] and wide(data)):
            return self.data(data, (), None)
        try:
            words = data.decode()
        except UnicodeDecodeError:
            words = "\0"
        if not words.isprintable() and _has_controls(words):
            made = self.packed(data, ()) if len(data) >= _SMALLEST else data
            return None if made is data else made
        return self.leaf(words, (), None, mark=False, deep=deep + 1).encode("utf-8", "surrogatepass")

    def _not_base64(self, text: str) -> str:
        if len(self._no_base64) < _WORDS:
            self._no_base64.add(text)
        return text


def all_unquoted(runs: list[str]) -> dict[str, tuple[bytes, str]]:
    """Of percent-encoded words those that are text inside: its bytes, and itself."""
    whole = unquoted("\n".join(runs))
    datas = whole.split(b"\n")
    if len(datas) != len(runs):
        datas = list(map(unquoted, runs))
    elif whole.isascii():
        return dict(zip(runs, zip(datas, whole.decode().split("\n"), strict=True), strict=True))
    plain: dict[str, tuple[bytes, str]] = {}
    for run, data in zip(runs, datas, strict=True):
        try:
            plain[run] = data, data.decode()
        except UnicodeDecodeError:
            continue
    return plain


def all_quoted(changed: dict[str, tuple[bytes, str]]) -> dict[str, str]:
    """Words, each with its bytes and the text that it has now -> percent-encoded as they were."""
    nows = [now.encode("utf-8", "surrogatepass") for _, now in changed.values()]
    datas = [data for data, _ in changed.values()]
    if list(map(len, nows)) == list(map(len, datas)) and not any(map(b"\n".__contains__, datas)):
        whole = escaped_alike("\n".join(changed), b"\n".join(datas), b"\n".join(nows))
        made = [] if whole is None else whole.split("\n")
        if len(made) == len(nows):
            return dict(zip(changed, made, strict=True))
    return {
        run: escaped_alike(run, data, now) or quote_from_bytes(now)
        for run, data, now in zip(changed, datas, nows, strict=True)
    }


def _all_lines(data: bytes, each: int, kept: int) -> list[str] | None:
    """Of so many bytes each the first ones, if all of them are plain text on one line, and none seems to be packed."""
    first = bytearray(data)
    for size in range(each, kept, -1):
        del first[kept::size]
    text = first.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        return None
    lines = [text[at : at + kept] for at in range(0, len(text), kept)]
    return lines if bodies.MAY_BE_PACKED.isdisjoint([line[:2] for line in lines]) else None


def _has_controls(text: str) -> bool:
    return _CONTROLS.search(text) is not None


def _as_hex(before: str, capitals: bool, data: bytes) -> str:
    made = data.hex()
    return before + (made.upper() if capitals else made)


def _as_base64(url: bool, padded: bool, data: bytes) -> str:
    made = b64encode(data, altchars=b"-_" if url else None).decode()
    return made if padded else made.rstrip("=")


def _folds(text: str) -> list[str]:
    """A text in parts: every other one is folded Base64."""
    out = [""]
    for number, part in enumerate(_FOLDED.split(text)):
        if number % 2 and _ROWS.fullmatch(part) is None:
            out += [part, ""]
        else:
            out[-1] += part
    return out


def _may_be_folded(text: str) -> bool:
    """Whether a line ends in as many characters as folded Base64 has."""
    return any(len(line) > 47 and " " not in line[-48:] for line in text.split("\n", _LINES))
