"""What stands for a text that is a secret, or holds some in a form of its own: credentials, cookies, lists, URLs."""

from __future__ import annotations

import re
from abc import abstractmethod
from base64 import b64decode, b64encode
from urllib.parse import quote_from_bytes

from replay.core.redaction.crowds import may_be_pair
from replay.core.redaction.encoded import DEEPEST, Encoded
from replay.core.redaction.escapes import PERCENT, around, escaped_alike, unquoted
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import NEVER, Path
from replay.core.redaction.needles import SHORTEST

_SCHEME = re.compile(r"(?i)(basic|bearer|token|digest|negotiate|apikey|jwt) +(\S.*)\Z", re.DOTALL)
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(#\S*)?\Z")
_IN_URLS = frozenset({"url-password", "url-user", "session"})
"""Kinds that are percent-encoded where they are found."""
_UNLIKE_A_LINK = frozenset({"password", "secret", "api-key", "access-key", "private-key", "custom"})
"""Kinds whose values only look like a URL."""
_UNLIKE_A_MAIL = frozenset({"password", "secret", "api-key", "access-key", "private-key", "url-password", "assigned"})
"""Kinds whose values only look like a mail address: `Summer@Rome24` has no domain that may stay."""


class Replaced(Encoded):
    """Says what stands for a secret."""

    @abstractmethod
    def url(self, text: str, path: Path, *, mark: bool = True) -> str:
        """A URL: its host stays, names of its query say what they hold."""

    def value(self, text: str, kind: str | None) -> str:
        """What stands for all of a text: of a header with a scheme and of cookies for their values."""
        if drawn := self.crowd.secrets.get(text):
            return drawn
        if (
            text in self.crowd.late
            or text in NEVER
            or text.lower() in NEVER
            or text in self.known
            or text in self.allowed
        ):
            return text
        if text[0].isspace() or text[-1].isspace():
            return around(text, lambda bare: self.value(bare, kind))
        if kind == "option" and text[0] == "-" and len(text) > 2:  # one of one letter, with its value
            return text[:2] + self.value(text[2:], kind)
        if kind == "cookie":
            return self._cookies(text)
        if kind == "login":
            return self._login(text)
        if kind in ("authorization", "assigned") and (found := _SCHEME.match(text)):
            return text[: found.start(2)] + self._credentials(found[2], kind)
        if kind in ("scheme", "authorization", "token"):
            return self._credentials(text, kind)
        if kind == "url-password" and ":" in text:
            return ":".join(self.value(part, kind) if part else "" for part in text.split(":"))
        if kind in ("ip", "email") and "," in text:
            return ",".join(around(part, lambda bare: self.value(bare, kind)) for part in text.split(","))
        if "://" in text and (found := URL.match(text)) and (kind not in PERSONAL):
            made = self.url(text, (), mark=False)
            if made != text or kind not in _UNLIKE_A_LINK:
                return made
            made = found[1] + self._pseudonyms.of(text[found.end(1) :])
            self.learn(text, made, kind)
            self.learn(text[found.end(1) :], made[found.end(1) :], kind)
            return made
        if kind == "email" and "<" in text:
            return self.flat(text, DEEPEST)
        if kind == "email" and "@" not in text:
            return self.flat(text, 0)
        if kind in _IN_URLS and "%" in text and "+" not in text and PERCENT.search(text):
            plain = unquoted(text)
            inside = self.value(plain.decode("utf-8", "surrogateescape"), kind).encode("utf-8", "surrogateescape")
            made = escaped_alike(text, plain, inside) or quote_from_bytes(inside)
        elif self.late(text, kind or "?"):
            return text
        else:
            made = self._pseudonyms.of(text, mail=kind not in _UNLIKE_A_MAIL)
        self.learn(text, made, kind or "?")
        return made

    def _login(self, text: str) -> str:
        """A password in Base64, as mail clients say it."""
        try:
            made = b64encode(self.value(b64decode(text).decode(), "password").encode()).decode()
        except ValueError:
            made = self._pseudonyms.of(text)
        self.learn(text, made, "password")
        return made

    def _credentials(self, text: str, kind: str) -> str:
        """`user:password` in Base64, else a token."""
        if may_be_pair(text):
            try:
                pair = b64decode(text + "=" * (-len(text) % 4)).decode()
            except (ValueError, UnicodeDecodeError):
                pair = ""
            if pair.count("\0") == 2 and pair.replace("\0", "").isprintable():  # SASL, of two names and a password
                names, _, password = pair.rpartition("\0")
                packed = b64encode(f"{names}\0{self.value(password, 'password')}".encode()).decode()
                self.learn(text, packed, kind)
                return packed
            if ":" in pair and pair.isprintable():
                user, _, password = pair.partition(":")
                user = self.value(user, "password") if len(user) >= SHORTEST else user  # elsewhere it would stay
                made = f"{user}:{self.value(password, 'password') if password else ''}"
                packed = b64encode(made.encode()).decode()
                packed = packed if text.endswith("=") else packed.rstrip("=")
                self.learn(text, packed, kind)
                return packed
        if text in self.known or self.late(text, kind):
            return text
        made = self._pseudonyms.of(text)
        self.learn(text, made, kind)
        return made

    def _cookies(self, text: str) -> str:
        parts = re.split(r"(;\s*|,\s*(?=[^\s;,=]{1,200}=))", text)  # several of Set-Cookie are put together by commas
        if len(parts) > 2 * self.few:
            values = dict.fromkeys(part.partition("=")[2] for part in parts)
            self.many("session", [value for value in values if len(value) >= SHORTEST and value[0] != '"'])
        out: list[str] = []
        for at, part in enumerate(parts):
            name, mark, value = part.partition("=")
            bare = name.strip().lower()
            if not mark or bare in ("path", "domain", "expires", "max-age", "samesite"):
                stays = mark or (not out and len(parts) > 1) or at % 2 or bare in ("secure", "httponly", "")
                out.append(part if stays else self.value(part, "session"))
            else:
                quoted = value[:1] == '"' == value[-1:] and len(value) > 1
                inner = value[1:-1] if quoted else value
                is_plain = len(inner) < SHORTEST and self._rules.kind_of(name.strip()) is None  # `lang=de` is no secret
                masked = inner if is_plain else self.value(inner, "session")
                out.append(f"{name}={chr(34)}{masked}{chr(34)}" if quoted else f"{name}={masked}")
        return "".join(out)
