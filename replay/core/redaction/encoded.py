"""Prose and everything else that is no document: secrets by their looks, known ones, and what is encoded in it."""

from __future__ import annotations

import html
import re
from abc import abstractmethod
from base64 import b32decode, b32encode, b64decode, b64encode, b85decode, b85encode
from binascii import Error as Base64Error
from urllib.parse import quote_from_bytes

from replay.core.redaction import bodies, packed
from replay.core.redaction.crowds import CROWD
from replay.core.redaction.escapes import PERCENT, escaped_alike, letter, respelt, unquoted, wide
from replay.core.redaction.marks import Path
from replay.core.redaction.secrets import Secrets, apart

DEEPEST = 4
"""Encodings inside one another that are undone."""
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}+={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{24,}")
_BASE85 = re.compile(
    r"(?=[\w=+-]*+[!#$%&()*;<>?@^`{|}~][\w=+-]*+[!#$%&()*;<>?@^`{|}~])[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{20,}+"
)
"""All of a text, with two signs that Base64 has not."""
_SPELT = re.compile(
    r"(?:\\{1,4}u00[2-7][0-9A-Fa-f]){3}|(?:\\{1,4}x[2-7][0-9A-Fa-f]){3}|(?:&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});){3}|"
    r"(?:\\(?:0[4-7]|1[0-7])[0-7]){3}"
)
_SPELT_UNIT = re.compile(
    r"\\++u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}|\\++x[2-7][0-9A-Fa-f]|&#(?:x[0-9A-Fa-f]{2,4}|\d{2,3});|\\(?:0[4-7]|1[0-7])[0-7]|.",
    re.DOTALL,
)
"""Letters and signs as escapes, and all else as it is."""
_ENTITIES = {"&quot;": '"', "&lt;": "<", "&gt;": ">", "&apos;": "'", "&amp;": "&"}
_ENTITY = re.compile(r"&(?:quot|[lg]t|apos|amp);|.", re.DOTALL)
_HEX = re.compile(r"((?:0?[xX])?)((?:[0-9a-f]{2}){8,}+|(?:[0-9A-F]{2}){8,}+)")
_RUN = re.compile(r"[^\s\"'<>&=?]++")
_FOLDED = re.compile(r"(?<![A-Za-z0-9+/])((?:[A-Za-z0-9+/]{48,76}+\r?\n)++[A-Za-z0-9+/]{0,76}+={0,2}+)")
_LINES = 20_000
"""Whose lengths are looked at before their words."""
_WORDS = 10_000
"""That are remembered as no Base64."""
_SMALLEST = 24
"""Bytes that hold a name and a secret."""


class Encoded(Secrets):
    """Looks into text."""

    @abstractmethod
    def leaf(
        self, text: str, path: Path, kind: str | None, *, content: str = "", mark: bool = True, deep: int = 0
    ) -> str:
        """A text without secrets. `kind`: its name says that all of it is one."""

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
        plain = unquoted(text.replace("+", " "))
        made = self.data(plain, path, kind)
        if made == plain:
            return text
        return escaped_alike(text, plain, made) or quote_from_bytes(made, safe="")

    def flat(self, text: str, deep: int = 0) -> str:
        """Prose and everything else: patterns, known secrets, what is encoded in it."""
        if len(text) >= 4 * CROWD and (made := self._crowded(text, lambda rest: self._rest(rest, deep))) is not None:
            return made
        spans = self._find(text)
        if not spans:
            return self._rest(text, deep)
        between, masks, done, rest = [], [], 0, ""
        for found in spans:
            secret = text[found.start : found.end]
            made = self.secrets.get(secret) or self.crowd.secrets.get(secret) or self.value(secret, found.kind)
            rest += text[done : found.start]
            done = found.end
            if secret in self.secrets or secret in self.crowd.secrets or secret in self.crowd.late:
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
            text = _RUN.sub(lambda run: self._percent_part(run[0], deep) if "%" in run[0] else run[0], text)
        if len(text) < 16:
            return text
        if "&quot;" in text or "&lt;" in text:
            text = self._of_entities(text, deep)
        if ("\\u00" in text or "\\x" in text or "&#" in text or "\\1" in text) and _SPELT.search(text):
            text = self._spelt(text, deep)
        if text[0] > " " and _BASE85.fullmatch(text):
            return self._of_base85(text, deep)
        parts = _FOLDED.split(text) if "\n" in text and _may_be_folded(text) else [text]
        parts[::2] = [BASE64.sub(lambda part: self._decoded(part[0], deep), one) for one in parts[::2]]
        parts[1::2] = [self._folded(one, deep) for one in parts[1::2]]
        return "".join(parts)

    def _of_entities(self, text: str, deep: int) -> str:
        """JSON and XML within HTML: what changes are letters and digits only."""
        plain = text
        for entity, sign in _ENTITIES.items():
            plain = plain.replace(entity, sign)
        made = self.flat(plain, deep + 1)
        if made == plain:
            return text
        units = _ENTITY.findall(text)
        if len(made) != len(units):
            return html.escape(made)
        return "".join(unit if len(unit) > 1 else new for unit, new in zip(units, made, strict=True))

    def _spelt(self, text: str, deep: int) -> str:
        """Letters that are written as escapes of JSON, Python, C or HTML: what changes is written as it was."""
        units = _SPELT_UNIT.findall(text)
        plain = "".join(map(letter, units))
        made = self.flat(plain, deep + 1)
        if made == plain:
            return text
        if len(made) != len(units):
            return made
        return "".join(
            unit if old == new else respelt(unit, new) for unit, old, new in zip(units, plain, made, strict=True)
        )

    def _folded(self, text: str, deep: int) -> str:
        """Base64 in lines, as in mail (RFC 2045)."""
        parts = re.split(r"(\r?\n)", text)
        lines, breaks = parts[::2], [*parts[1::2], ""]
        whole = "".join(lines)
        made = self._decoded(whole, deep)
        if made == whole:
            no_text = whole in self._no_base64 or len(self._no_base64) >= _WORDS
            return BASE64.sub(lambda part: self._decoded(part[0], deep), text) if no_text else text
        return "".join(line + end for line, end in zip(bodies.cut(lines, made), breaks, strict=True))

    def _percent_part(self, text: str, deep: int) -> str:
        plain = unquoted(text)
        try:
            words = plain.decode()
        except UnicodeDecodeError:
            return text
        made = self.flat(words, deep + 1).encode("utf-8", "surrogatepass")
        return text if made == plain else escaped_alike(text, plain, made) or quote_from_bytes(made)

    def _decoded(self, text: str, deep: int) -> str:
        """A run of Base64 that is text inside."""
        if (made := self._needles.exact(text)) is not None:
            return made
        if text in self._no_base64 or text in self.crowd.drawn or text in self.crowd.late:
            return text
        if (digits := _HEX.fullmatch(text)) is not None:
            data = bytes.fromhex(digits[2])
            inside = self._inside(data, deep)
            if inside is not None and inside != data:
                made = inside.hex()
                return digits[1] + (made.upper() if digits[2].isupper() else made)
        bare = text.rstrip("=")
        if _BASE32.fullmatch(bare) and (made := self._of_base32(bare, deep)) is not None:
            return made + text[len(bare) :]
        if len(bare) % 4 == 1 or bare.isalpha() or bare.isdecimal():
            return text
        url = "-" in bare or "_" in bare
        try:
            data = b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_" if url else None)
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
        if not words.isprintable() and any(char < " " and char not in "\t\r\n" for char in words):
            made = self.packed(data, ()) if len(data) >= _SMALLEST else data
            return None if made is data else made
        return self.leaf(words, (), None, mark=False, deep=deep + 1).encode("utf-8", "surrogatepass")

    def _not_base64(self, text: str) -> str:
        if len(self._no_base64) < _WORDS:
            self._no_base64.add(text)
        return text


def _may_be_folded(text: str) -> bool:
    """Whether a line ends in as many characters as folded Base64 has."""
    return any(len(line) > 47 and " " not in line[-48:] for line in text.split("\n", _LINES))
