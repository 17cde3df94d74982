"""What stands for a secret: of the same type and length, the same for the same value, and of no use to anyone.

A pseudonym depends on a key that never leaves the service. It has as many characters as what it stands for, and each
of the same sort, so that lengths, cuts and formats of what holds it stay true; lower case of a pseudonym is the
pseudonym of the lower case. Digits are permuted by a Feistel network (Luby and Rackoff, 1988; unbalanced halves as in
NIST SP 800-38G), so that no two numbers of one length become one. Text of eight letters and more ends in a check of
itself: a pseudonym is told from a secret without the key, and redacting twice changes nothing.
"""

from __future__ import annotations

import json
import re
from array import array
from base64 import b64decode, urlsafe_b64encode
from calendar import isleap
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from hashlib import blake2b, sha256, shake_256
from ipaddress import IPv4Address, ip_address
from typing import Any

import msgspec

from replay.core.redaction.alike import DIGITS, alike, all_alike, laid_over, like
from replay.core.redaction.checks import beyond, is_written, luhn, no_days, remainder, with_check, written_like
from replay.core.written import json_bytes

_ROUNDS = 8
_FIRST = bytes(8)
_TURNS = 20
"""In which what was drawn twice is drawn again."""
_LONGEST = 2000
"""Bits of a number that is permuted; longer ones take quadratic time."""
_SMALL, _KEPT = 1000, 10_000
"""Numbers below which what a round adds is kept, and how many of such."""
_MARKED = 8
"""Letters and digits from which a pseudonym carries its check."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[^\s@<>\"]{1,64}+@(?:[A-Za-z0-9-]{1,63}+\.){0,8}+[A-Za-z-]{2,63}+")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(.*)", re.DOTALL)
_WRITTEN_DAY = re.compile(r"(\d\d)([./-])(\d\d)\2(\d{4})")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_NONE: frozenset[int] = frozenset()
KINDS_OF_NETS = {
    "": frozenset({0, 10, 127, 169, 172, 192, *range(224, 256)}), "192.": frozenset({168}),
    "172.": frozenset(range(16, 32)), "169.": frozenset({254}),
}  # fmt: skip
"""What says that an address is a private one, or of many: code decides by it (RFC 1918, 3927, 5771)."""
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_IBAN = re.compile(r"([A-Z]{2})\d\d([ ]?)[A-Z0-9]{2,4}(?:[ ]?[A-Z0-9]{1,4}){2,7}")
_REST = bytes(code for code in range(128) if not chr(code).isalnum())
_NUMERIC = re.compile(r"[+(]?\d[\d ()./-]*")
_FORMLESS = re.compile(r"(?!eyJ|[A-Z]{2}\d\d|[0-9A-Fa-f]{1,8}[:-])[A-Za-z](?=[^@]*\Z)(?![0-9A-Fa-f]{31}\Z)")
"""What has none of the forms below."""
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_PREFIX = re.compile(
    r"(?:(?:sk|rk|pk)_(?:live|test)_|sk-ant-(?:api|admin)\d\d-|sk-proj-|sk-svcacct-|sk-or-v1-|sk-|gh[pousr]_|"
    r"github_pat_|gl[a-z]{2,6}-|xox[a-z]-|xapp-|A(?:KIA|SIA|BIA|CCA|GPA|IDA|ROA|NPA|IPA)|AIza|ya29\.|GOCSPX-|npm_|"
    r"pypi-AgEIcHlwaS5vcmc|SG\.|hf_|do[opr]_v1_|shp(?:at|ca|pa|ss)_|dapi)"
)
PREFIXED = frozenset(map("".join, zip(*[iter("skrkpkghgiglxoxaAKASABACAGAIARANyaGOnppySGhfdoshda")] * 2, strict=True)))
"""How what that matches begins."""
_KEPT_CLAIMS = frozenset({"iss", "aud", "typ", "alg", "scope", "scp", "azp", "token_use", "amr", "acr", "kty", "crv",
                          "role", "roles", "group", "groups", "permissions", "entitlements", "plan", "tier", "locale",
                          "zoneinfo", "type", "use", "token_type", "ver", "version", "env", "realm_access",
                          "resource_access", "features"})  # fmt: skip
"""Claims that name nobody: code decides by them."""


class Pseudonyms:
    """The pseudonyms of one key (any bytes; 16 and more)."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key, digest_size=32, person=b"replay-pseudonym").digest()
        self._known: dict[str, str] = {}
        self._rounds: dict[str, int] = {}
        self._orders: dict[str, list[int]] = {}
        self._kinds = self._forms()
        self.id = blake2b(self._key, digest_size=6, person=b"replay-key-id").hexdigest()
        """Names the key in recordings; tells nothing of it."""

    def of(self, value: str, *, mail: bool = True) -> str:
        """What stands for a text. `mail`: where it looks like a mail address, it is one."""
        if not mail and "@" in value:
            return self._text(value)
        found = self._known.get(value)
        if found is None:
            if len(self._known) > 10_000:
                self._known.clear()
            found = self._known[value] = self._made(value)
        return found

    def drawn(self, values: Sequence[str]) -> list[str]:
        """Letters for letters, digits for digits of all of them at once, drawn by the key and all of them: quick, and
        another one for the same value among others."""
        made = self._drawn("\n".join(values), len(values))
        if made is None:
            return list(map(self.of, values))
        for turn in range(_TURNS):
            if len(set(made)) == len(made):
                break
            first: dict[str, int] = {}
            again = [at for at, one in enumerate(made) if first.setdefault(one, at) != at]  # two became one
            fresh = self._drawn("\n".join(values[at] for at in again), len(again), turn + 1)
            for at, one in zip(again, fresh or (), strict=True):
                made[at] = one
        return made

    def _drawn(self, joined: str, number: int, turn: int = 0) -> list[str] | None:
        if not joined.isascii() or joined.count("\n") != number - 1:
            return None
        data = joined.encode()
        stream = self._shaken(data, len(data), turn)
        return all_alike(data, stream).decode().split("\n")

    def drawn_hex(self, values: Sequence[str]) -> list[str]:
        """The same for hexadecimal digits: 32 for each."""
        stream = self._shaken("\n".join(values).encode(), 16 * len(values), 0).hex()
        return [stream[at : at + 32] for at in range(0, len(stream), 32)]

    def drawn_bytes(self, values: Sequence[str], number: int) -> bytes:
        """So many that the key and all of these decide."""
        return self._shaken("\n".join(values).encode(), number, 0)

    def _shaken(self, data: bytes, size: int, turn: int) -> bytes:
        seed = blake2b(data, key=self._key, person=b"replay-drawn", salt=turn.to_bytes(8, "big")).digest()
        return shake_256(seed).digest(size)

    def number(self, value: int) -> int:
        """What stands for a whole number: as many digits, the same sign."""
        if value.bit_length() > _LONGEST:  # nobody's number
            return 0
        digits = str(abs(value))
        made = self._number(digits)
        while made[0] == "0" and (
            len(digits) > 1 or value < 0
        ):  # walk the cycle until it is a number of that length again
            made = self._number(made)
        return int(made) if value >= 0 else -int(made)

    def _number(self, digits: str) -> str:
        """A permutation of texts of so many digits, and of cards' numbers: those keep their first six, and the check;
        no other becomes one."""
        if not 13 <= len(digits) <= 19:
            return self.digits(digits)
        if luhn(digits):
            return with_check(digits[:6] + self.digits(digits[6:-1]))
        made = self.digits(digits)
        while luhn(made):  # walk the cycle
            made = self.digits(made)
        return made

    def digits(self, value: str) -> str:
        """A permutation of all texts of so many digits."""
        size = len(value)
        if size == 0:
            return value
        if size == 1:
            order = sorted(DIGITS, key=lambda digit: self._stream(b"digit", digit, 1))
            return order[int(value)]
        half = size // 2
        left, right = value[:half], value[half:]
        for turn in range(_ROUNDS):
            bound = 10 ** len(left)
            mixed = (int(left) + self._round(f"{turn}|{size}|{right}", bound)) % bound
            left, right = right, str(mixed).zfill(len(left))
        return left + right

    def _round(self, said: str, bound: int) -> int:
        """What one round adds. Of short numbers the same is asked again and again."""
        if (found := self._rounds.get(said)) is None:
            mark = blake2b(said.encode(), key=self._key, person=b"replay-feistel").digest()
            found = int.from_bytes(mark, "big") % bound
            if bound <= _SMALL and len(self._rounds) < _KEPT:
                self._rounds[said] = found
        return found

    def _made(self, value: str) -> str:
        if _FORMLESS.match(value):
            return self._text(value)
        for matches, make in self._kinds:
            if matches.fullmatch(value):
                made = make(value)
                if made is not None:
                    return made
        return self._text(value)

    def _forms(self) -> tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...]:
        return (
            (_UUID, self._uuid), (_EMAIL, self._email), (_DAY, self._day), (_WRITTEN_DAY, self._written_day),
            (_IPV4, self._ip), (_IPV6, self._ip), (_IBAN, self._iban), (_NUMERIC, self._numeric), (_JWT, self._jwt),
        )  # fmt: skip

    # Kinds: None where the text only looks like it -------------------------------------------------------------

    def _text(self, value: str) -> str:
        """Letters for letters, digits for digits; a vendor's prefix and everything else stay."""
        start = len(prefix(value))
        stream = self._stream(b"text", value.lower(), 2 * len(value))
        made = _checked(value[:start] + alike(value[start:], stream[2 * start :]))
        return made if made != value else made.swapcase()

    def _uuid(self, value: str) -> str:
        """Version and variant stay (RFC 9562)."""
        stream = self._stream(b"uuid", value.replace("-", "").lower(), 32)
        out, number = [], -1
        for char in value:
            if char == "-":
                out.append(char)
                continue
            number += 1
            made = char if number in (12, 16) else "0123456789abcdef"[stream[number] % 16]
            out.append(made.upper() if char.isupper() and made.isalpha() else made)
        return _checked_uuid("".join(out), value)

    def _email(self, value: str) -> str | None:
        """The part before the @; code branches on the domain, and mail of whole domains names no person."""
        local, _, domain = value.rpartition("@")
        return f"{self._text(local)}@{domain}"

    def _day(self, value: str) -> str | None:
        """Another day of the same year: a permutation of them, or of those that are none and fail alike."""
        year, month, day, rest = _DAY.fullmatch(value).groups()  # type: ignore[union-attr]
        if rest and rest[0] not in "T ":
            return None
        try:
            found = date(int(year), int(month), int(day))
        except ValueError:
            kind = isleap(int(year)), beyond(month, 12), beyond(day, 31)
            none = self._among(f"{month}-{day}", no_days(*kind), f"{year} {kind}")
            return None if none is None else f"{year}-{none}{rest}"
        first = date(found.year, 1, 1)
        order = self._order("leap day", 0, 365) if isleap(found.year) else self._order("day", 0, 364)
        made = order[(found - first).days]
        return (first + timedelta(days=made)).isoformat() + rest

    def _among(self, value: str, alike: Sequence[str], said: str) -> str | None:
        """A permutation of these; None if it is none of them."""
        if value not in alike:
            return None
        return alike[self._order(f"{said} of {len(alike)}", 0, len(alike) - 1)[alike.index(value)]]

    def _written_day(self, value: str) -> str | None:
        """`31.12.1999`: another day of the same year, each number above 12 or not as before, so that it is a day in the
        same orders, and `31.2.1999` in none; a permutation of those."""
        one, mark, two, year = _WRITTEN_DAY.fullmatch(value).groups()  # type: ignore[union-attr]
        if not 1 <= int(one) <= 31 or not 1 <= int(two) <= 31:
            return None
        leap = isleap(int(year))
        kind = is_written(leap, int(one), int(two)), int(one) > 12, int(two) > 12
        made = self._among(f"{one}{two}", written_like(leap, *kind), f"written {leap} {kind}")
        return None if made is None else f"{made[:2]}{mark}{made[2:]}{mark}{year}"

    def _ip(self, value: str) -> str | None:
        """Digit for digit within what an address may be, prefixes kept equal (Xu et al., Crypto-PAn, 2002), a private
        one private; the addresses of this host stay."""
        try:
            address = ip_address(value)
        except ValueError:
            return None
        if address.is_loopback or address.is_unspecified:
            return value
        if not isinstance(address, IPv4Address):
            return self._groups(value)
        out: list[str] = []
        before = ""
        for part in value.split("."):
            low, high = {1: (0, 9), 2: (10, 99)}.get(len(part), (100, 255))
            order, kept = self._order(f"{before}|{low}", low, high), KINDS_OF_NETS.get(before, _NONE)
            made = int(part)
            if made not in kept:
                made = order[made - low]
                while made in kept:
                    made = order[made - low]
            out.append(str(made))
            before += part + "."
        return ".".join(out)

    def _order(self, said: str, low: int, high: int) -> list[int]:
        """A permutation of these numbers."""
        if (found := self._orders.get(said)) is None:
            if len(self._orders) > _KEPT:
                self._orders.clear()
            size = high - low + 1
            numbers = array("I", self._stream(b"ip", said, 4 * size))
            found = self._orders[said] = sorted(range(low, high + 1), key=lambda each: (numbers[each - low], each))
        return found

    def _groups(self, value: str) -> str:
        stream = self._stream(b"ip6", value.lower(), len(value))
        return "".join(
            char if char in ":" else
            DIGITS[stream[at] % 9 + 1] if char.isdigit() else "abcdef"[stream[at] % 6]
            for at, char in enumerate(value)
        )  # fmt: skip

    def _iban(self, value: str) -> str | None:
        """Of the same country, with check digits that are right where they were (ISO 13616)."""
        bare = value.replace(" ", "")
        if not 15 <= len(bare) <= 34:
            return None
        stream = self._stream(b"iban", bare, 2 * len(bare))
        body = alike(bare[4:], stream)
        country = bare[:2]
        right = 98 - remainder(body + country + "00")
        if remainder(bare[4:] + bare[:4]) != 1:  # a wrong one stays wrong: code refuses it
            right = (right - 1 + stream[-1] % 96) % 97 + 2
        return laid_over(f"{country}{right:02}{body}", value)

    def _numeric(self, value: str) -> str | None:
        digits = re.sub(r"\D", "", value)
        if len(digits) > _LONGEST // 4:  # each half would be read as a number
            return None
        made = self._number(digits)
        return laid_over(made, value, only_digits=True)

    def _jwt(self, value: str) -> str | None:
        """Decodes as before (RFC 7519); claims that name someone are pseudonyms, the signature signs nothing."""
        head, body, signature = value.split(".")
        try:
            claims = msgspec.json.decode(from_base64(body))
            made = self._claims(claims)
            text = _written_as(from_base64(body), claims)(made) if made != claims else b""
        except (ValueError, RecursionError):
            return None
        if not isinstance(claims, dict):
            return None
        packed = _packed(text) if text else body
        return f"{head}.{packed}.{self._text(signature)}" if len(packed) == len(body) else None

    def _claims(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: item if name in _KEPT_CLAIMS else self._claims(item) for name, item in tree.items()}
        if isinstance(tree, list):
            return [self._claims(item) for item in tree]
        return self.of(tree) if type(tree) is str else tree

    def _stream(self, kind: bytes, value: str, size: int) -> bytes:
        """That many bytes that only the key and the value decide."""
        data = value.encode("utf-8", "surrogatepass")
        seed = blake2b(data, key=self._key, person=b"replay-" + kind).digest()
        if size <= 64:
            return blake2b(seed, salt=_FIRST).digest()[:size]
        return b"".join(blake2b(seed, salt=at.to_bytes(8, "big")).digest() for at in range(size // 64 + 1))[:size]


def prefix(text: str) -> str:
    """That of a vendor's key, which stays."""
    if text[:2] not in PREFIXED:
        return ""
    found = _PREFIX.match(text)
    return found[0] if found and len(text) - found.end() >= _MARKED else ""


def _bare(text: str) -> str:
    """Its letters and digits."""
    return text.encode("ascii", "ignore").translate(None, _REST).decode()


def _checked(text: str) -> str:
    """The text, its last letters and digits replaced by a check of those before."""
    bare = _bare(text)
    if len(bare) < _MARKED:
        return text
    count = 3 if len(bare) < 16 else 4
    mark = sha256(bare[:-count].lower().encode() + b"replay").digest()
    numbers = mark[0] * 256 + mark[1], mark[2] * 256 + mark[3], mark[4] * 256 + mark[5], mark[6] * 256 + mark[7]
    if len(bare) == len(text):
        return text[:-count] + "".join(map(like, text[-count:], numbers))
    out, at = list(text), len(text)
    for number in range(count - 1, -1, -1):
        at -= 1
        while not (out[at].isascii() and out[at].isalnum()):
            at -= 1
        out[at] = like(out[at], numbers[number])
    return "".join(out)


def _checked_uuid(text: str, form: str) -> str:
    bare = text.replace("-", "").lower()
    mark = sha256(bare[:-6].encode() + b"replay").hexdigest()[:6]
    made = iter(bare[:-6] + mark)
    return "".join(
        char if char == "-" else (nxt.upper() if old.isupper() else nxt)
        for char, old, nxt in ((c, o, "" if c == "-" else next(made)) for c, o in zip(text, form, strict=True))
    )


def is_pseudonym(text: str) -> bool:
    """Whether a text carries the check of a pseudonym. Of others, one in some 10,000 does."""
    if _UUID.fullmatch(text):
        return _checked_uuid(text, text).lower() == text.lower()
    if "@" in text and _EMAIL.fullmatch(text):
        text = text.rpartition("@")[0]
    elif _JWT.fullmatch(text):
        text = text.rpartition(".")[2]
    return len(_bare(text)) >= _MARKED and _checked(text) == text


def claims_of(text: str) -> dict[str, Any]:
    """Those of a JSON Web Token; of any other text none."""
    if not _JWT.fullmatch(text):
        return {}
    try:
        claims = msgspec.json.decode(from_base64(text.split(".")[1]))
    except (ValueError, RecursionError):
        return {}
    return claims if type(claims) is dict else {}


def _written_as(text: bytes, value: Any) -> Callable[[Any], bytes]:
    """What writes JSON as it is written there; else as most do."""
    for write in _WRITERS:
        if write(value) == text:
            return write
    return _WRITERS[0]


_WRITERS: tuple[Callable[[Any], bytes], ...] = (
    lambda value: bytes(json_bytes(value)),
    lambda value: json.dumps(value).encode(),
    lambda value: json.dumps(value, ensure_ascii=False).encode(),
    lambda value: json.dumps(value, separators=(",", ":")).encode(),
)


def from_base64(text: str) -> bytes:
    """Base64 of either alphabet, also of both (which Python 3.15 warns of), with or without padding."""
    return b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


def _packed(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
