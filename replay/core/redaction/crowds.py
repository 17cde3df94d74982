"""Texts with hundreds of secrets: a list of addressees, an export. What stands for each is drawn, of all at once.

Where a text has more secrets than `CROWD`, one keyed stream over all of them takes the place of one hash for each, and
they are looked for elsewhere as they are, not in every spelling. Equal ones stay equal in all of the recording; in
another recording something else stands for them. What is not plain letters and digits has its own pseudonym as ever.
"""

from __future__ import annotations

import operator
import re
from binascii import a2b_base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import zip_longest
from typing import Any, NamedTuple

from replay.core.redaction.alike import capitals, laid_over
from replay.core.redaction.checks import luhn, weighed, with_check
from replay.core.redaction.finding import Found
from replay.core.redaction.marks import NEVER
from replay.core.redaction.patterns import EMAIL
from replay.core.redaction.pseudonyms import KINDS_OF_NETS, PREFIXED, Pseudonyms, prefix

Draw = Callable[[list[str]], list[str]]
_Net = dict[str | int, Any]
"""Part of an address -> what stands for it, and the net behind it; as numbers those that stand for one already."""
_PARTS = [(0, list(map(str, range(10)))), (10, list(map(str, range(10, 100)))), (100, list(map(str, range(100, 256))))]
"""By their digits: the first, and all."""
CROWD = 500
"""Secrets of one text from which they are a crowd."""
LARGEST = 40_000
"""From which on they are masked one by one after all: what is done at once would hold up other threads."""
PIECE = 1 << 15
"""Characters that are taken apart at once."""
_BATCH = 1000
"""Secrets that are drawn at once, so that other threads get their turn."""
_FORMS = (
    r"(?:[+(]?\d[\d ()./-]*+$|\d{4}-\d\d-\d\d|[0-9A-Fa-f-]{32,36}$|[0-9A-Fa-f]*:|eyJ|[A-Z]{2}\d\d|[A-Za-z]+://|"
    r"(?i:basic|bearer|token|digest|jwt) )"
)
_FORMED = re.compile(_FORMS.replace("$", r"\Z"))
"""What begins so may have a form that is to be kept."""
_FORMED_LINES = re.compile(rf"(?m)\n(?={_FORMS})([^\n]*+)")
_NUMBER = re.compile(
    r"(?!\d{4}-\d\d-\d\d|\d\d([./-])\d\d\1\d{4}\Z|\d+(?:\.\d+){3}\Z)[+(]?\d(?=(?:[ ()./-]*\d){5})[\d ()./-]*+"
)
"""No day, no address, and none of so few digits that two would become one."""
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}")
_IPV4 = re.compile(r"(?!127\.|0\.0\.0\.0\Z)(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}")
_SHAPED = frozenset({
    "cookie", "authorization", "scheme", "token", "url-password", "url-user", "ip", "birth", "card", "iban", "ssn",
    "phone", "webhook", "jwt",
})  # fmt: skip
"""Kinds of which each has its own way."""
_NUMBERS = frozenset({"card", "phone"})
_PAIRED = "url-password"
"""The kind of a name with a password."""
_CREDENTIALS = frozenset({"token", "scheme", "authorization"})
_SIGNS = re.compile(rb"[:\0]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_MAIL = re.compile(r"[^\s@<>\",]{1,64}+@[A-Za-z0-9.-]++")
_MAIL_LINES = re.compile(f"(?m)^{_MAIL.pattern}$")
_ODD = ("@", "://", "%")
_WORD = re.compile(r"[\w%=]")
_LONG = re.compile(r"@.{32}")
_GAP = "\0"
"""Stands for a secret: no mail address has it, or goes on over it."""
_MOST = 1000
"""Texts that are kept apart from the first walk to the second."""
_BEGINNING = 1000
"""Characters of a text that tell of most that it is no list."""
_DOMAIN = re.compile(r"(@[^\n]*\n)")


def cut(text: str, ends: str = " \n") -> Iterator[str]:
    """A long text in pieces that end where a line or a word does: while one is looked through, other threads wait."""
    at, size = 0, len(text)
    while size - at > PIECE:
        end = max(text.rfind(mark, at, at + PIECE) for mark in ends) + 1
        if end <= 0:
            break
        yield text[at:end]
        at = end
    yield text[at:]


def _at_mails(text: str) -> list[str]:
    """A text in parts: every other one is a mail address."""
    if text.find("@", 1) < 0:
        return [text]
    out = [""]
    for piece in cut(text):
        split = EMAIL.pattern.split(piece)
        out[-1] += split[0]
        out += split[1:]
    return out


def is_crowd(number: int) -> bool:
    """Whether so many secrets of one text are."""
    return CROWD < number <= LARGEST


class Parts(NamedTuple):
    """A text, taken apart at its secrets."""

    between: list[str]
    """One more than there are secrets."""
    secrets: list[str]
    kinds: dict[str, str]
    """Secret -> its kind."""
    masks: dict[str, str | None]
    """Secret -> what stands for it; None: to be said."""

    def apart(self, text: str) -> None:
        """Add a text, taken apart at its mail addresses."""
        split = _at_mails(text)
        self.between.extend(split[::2])
        self.secrets.extend(split[1::2])
        self.kinds.update(dict.fromkeys(split[1::2], EMAIL.kind))

    def with_mails(self, between: list[str], found: list[Found], secrets: list[str]) -> None:
        """Add secrets with what stands between them, which may have mail addresses: all of that is taken apart as
        one."""
        split = _at_mails(_GAP.join(between))
        rest = iter(secrets)
        for gap, mail in zip_longest(split[::2], split[1::2]):
            first, *others = gap.split(_GAP)
            self.between.append(first)
            for other in others:
                self.secrets.append(next(rest))
                self.between.append(other)
            if mail is not None:
                self.secrets.append(mail)
        kinds: dict[str, str] = {}
        for each, secret in zip(found, secrets, strict=True):
            kinds.setdefault(secret, each.kind)
        kinds.update(dict.fromkeys(split[1::2], EMAIL.kind))
        self.kinds.update((secret, kinds[secret]) for secret in self.secrets)

    def secret(self, text: str, kind: str, paired: bool) -> None:
        """Add one; of a name and a password both. `paired`: such are told apart without a look at each."""
        if kind != _PAIRED or not (paired or _in_parts(text)):
            self.secrets.append(text)
            self.kinds.setdefault(text, kind)
            return
        each = text.split(":")
        self.secrets.extend(each)
        self.between.extend([":"] * (len(each) - 1))
        for one in each:
            self.kinds.setdefault(one, kind)

    def all_pairs(self, between: list[str], pairs: list[str], mails: bool) -> bool:
        """Add a text in which nothing but names with their passwords was found, and no mail address is, at once. False:
        it is not such a text."""
        if not _in_parts(":".join(pairs)) or any(pair.count(":") != 1 for pair in pairs):
            return False
        if mails and any(gap.find("@", 1) >= 0 for gap in between):
            return False
        self.secrets.extend(":".join(pairs).split(":"))
        self.kinds.update(dict.fromkeys(self.secrets, _PAIRED))
        self.between.extend([":"] * (len(between) + len(pairs)))
        self.between[::2] = between
        return True

    def one_by_one(self, text: str, between: list[str], found: list[Found], pairs: list[str], mails: bool) -> None:
        """Add a text, taken apart at what was found."""
        if mails and not pairs and _GAP not in text:
            self.with_mails(between, found, [text[each.start : each.end] for each in found])
            return
        if mails or pairs:
            paired = _in_parts(":".join(pairs))
            for each, gap in zip([*found, None], between, strict=True):
                if mails:
                    self.apart(gap)
                else:
                    self.between.append(gap)
                if each is not None:
                    self.secret(text[each.start : each.end], each.kind, paired)
            return
        self.between.extend(between)
        self.secrets.extend(text[each.start : each.end] for each in found)
        for each, secret in zip(found, self.secrets, strict=True):
            self.kinds.setdefault(secret, each.kind)

    def joined(self, between: list[str]) -> str:
        """The text, with what stands for its secrets. `between`: what stands between them now."""
        out: list[Any] = [""] * (len(between) + len(self.secrets))
        out[::2] = between
        shown = self.masks if all(self.masks.values()) else {text: made or text for text, made in self.masks.items()}
        out[1::2] = map(shown.__getitem__, self.secrets)
        return "".join(out)


class Crowd:
    """The secrets of such texts."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._parts: dict[str, Parts] = {}
        self._lists: set[str] = set()
        self._later: dict[Draw, list[str]] = defaultdict(list)
        self.late: dict[str, str] = {}
        """Secrets of which it is said later what stands for them -> kind."""
        self.secrets: dict[str, str] = {}
        """Secret -> what stands for it."""
        self.drawn: set[str] = set()
        """All that stands for one."""
        self.kinds: dict[str, str] = {}
        self.domains: set[str] = set()
        """What follows the names of mail addresses: it stays, but for what is a secret in other places."""
        self.made: list[str] = []
        """Texts as they are now: each is known again as a whole."""

    def parts(self, text: str, found: list[Found], mails: bool) -> Parts:
        """The text in parts. `mails`: those are not among the found."""
        parts = self._parts.get(text)
        if parts is None:
            ends = [*zip([0, *(each.end for each in found)], [*(each.start for each in found), len(text)], strict=True)]
            parts = Parts([], [], {}, {})
            pairs = [text[each.start : each.end] for each in found if each.kind == _PAIRED]
            gaps = [text[start:end] for start, end in ends]
            if not (pairs and len(pairs) == len(found) and parts.all_pairs(gaps, pairs, mails)):
                parts.one_by_one(text, gaps, found, pairs, mails)
            if len(self._parts) < _MOST:
                self._parts[text] = parts
        return parts

    def list_of(self, text: str) -> Parts | None:
        """The parts of a list of mail addresses, in which nothing else is written; None of any other text."""
        if text not in self._lists and text not in self._parts:
            beginning = EMAIL.pattern.split(text[:_BEGINNING])
            if len(beginning) == 1 or _WORD.search("".join(beginning[:-1:2])):
                return None
            parts = Parts([], [], {}, {})
            parts.apart(text)
            if not _is_list(parts) or len(self._parts) >= _MOST:
                return None
            self._parts[text] = parts
            self._lists.add(text)
        return self._parts[text] if text in self._lists else None

    def kind_of(self, text: str) -> str | None:
        """The first kind of secret in a text that was taken apart."""
        parts = self._parts.get(text)
        return None if parts is None else next(iter(parts.kinds.values()), None)

    def note(self, text: str) -> None:
        """Keep how a text is now, if any of its secrets may be of a crowd."""
        if self.secrets and len(self.made) < _MOST:
            self.made.append(text)

    def takes(self, text: str, kind: str) -> bool:
        """Keep a secret to be drawn with others, if only its letters and digits say what it is. Its kind has had its
        way with it."""
        sort = self._sort_of(text, kind)
        if sort is not None:
            self._later[sort].append(text)
            self.late[text] = kind
        return sort is not None

    def of_form(self, texts: list[str], *, pairs: bool) -> set[str]:
        """Those of which not just letters and digits are drawn. `pairs`: a name with a password may be encoded in
        one."""
        lines = "\n".join(["", *texts])
        if not lines.isascii() or lines.split() != texts or any(map(lines.__contains__, _ODD)):
            formed = {text for text in texts if _is_odd(text)}
            return formed | self.of_form([text for text in texts if text not in formed], pairs=pairs)
        formed = set(_FORMED_LINES.findall(lines))
        if not NEVER.isdisjoint(lines.lower().split("\n")[1:]) or not NEVER.isdisjoint(texts):
            formed.update(text for text in texts if text in NEVER or text.lower() in NEVER)
        return formed | _pairs([text for text in texts if text not in formed]) if pairs else formed

    def are_mails(self, texts: list[str]) -> set[str]:
        """Those that are a mail address and nothing else."""
        return set(_MAIL_LINES.findall("\n".join(texts))).intersection(texts)

    def take(self, found: Iterable[tuple[str, str]]) -> None:
        """Keep more to be drawn with others, text and kind: of these only letters and digits, or of a mail address."""
        fresh: dict[str, str] = {}
        late, known = self.late, self.secrets
        for text, kind in found:
            if text not in late and text not in known:
                fresh.setdefault(text, kind)
        if fresh:
            mails = [text for text, kind in fresh.items() if kind == EMAIL.kind]
            self._later[self._drawn] += [text for text in fresh if fresh[text] != EMAIL.kind] if mails else fresh
            if mails:
                self._later[self._mails] += mails
            late.update(fresh)

    def _sort_of(self, text: str, kind: str) -> Draw | None:
        if "@" in text:
            return self._mails if kind == EMAIL.kind and _MAIL.fullmatch(text) else None
        if not text.isascii():
            return None
        if _FORMED.match(text) is None:
            return self._drawn
        if _is_number(text):
            return self._numbers
        if _UUID.fullmatch(text):
            return self._uuids
        return self._addresses if _IPV4.fullmatch(text) else None

    def any_drawn(self, texts: Iterable[str]) -> bool:
        """Whether one of these stands for a secret, or something will stand for it."""
        return not (self.drawn.isdisjoint(texts) and self.late.keys().isdisjoint(texts))

    def draw_late(self, left: Set[str], pause: Callable[[int], None]) -> None:
        """Say what stands for all that was kept."""
        for draw, texts in self._later.items():
            fresh = [text for text in dict.fromkeys(texts) if text not in left and text not in self.secrets]
            for at in range(0, len(fresh), _BATCH):
                pause(sum(map(len, fresh[at : at + _BATCH])))
                self._keep(fresh[at : at + _BATCH], draw)
        self.kinds.update(self.late)
        self._later.clear()
        self.late = {}

    def _keep(self, texts: list[str], draw: Draw) -> None:
        made = draw(texts)
        self.secrets.update(zip(texts, made, strict=True))
        self.drawn.update(made)

    def draw(self, kinds: Mapping[str, str], mails: bool, left: Set[str], pause: Callable[[int], None]) -> None:
        """Say what stands for these, where nothing does yet. `mails`: those of that kind are mail addresses for sure.
        `left`: those for which something else does."""
        by_kind: dict[str, list[str]] = {}
        for text, kind in kinds.items():
            by_kind.setdefault(kind, []).append(text)
        for kind, texts in by_kind.items():
            if not (left.isdisjoint(texts) and self.secrets.keys().isdisjoint(texts)):
                texts = [text for text in texts if text not in left and text not in self.secrets]
            if kind in _NUMBERS:
                sorts = {self._numbers: list(filter(_is_number, texts))}
            elif kind == EMAIL.kind:
                sorts = {self._mails: texts if mails else [text for text in texts if _MAIL.fullmatch(text)]}
            elif kind in _CREDENTIALS:
                plain = _plain(texts)
                pairs = _pairs(plain)
                sorts = {self._drawn: [text for text in plain if text not in pairs] if pairs else plain}
            elif kind == _PAIRED:
                sorts = {self._drawn: _plain([text for text in texts if ":" not in text and "%" not in text])}
            elif kind == "ip":
                sorts = {self._addresses: list(filter(_IPV4.fullmatch, texts))}
            elif kind in _SHAPED:
                sorts = {}
            else:
                numbers = [text for text in texts if text.isdecimal()]
                rest = [text for text in texts if not text.isdecimal()] if numbers else texts
                plain = _plain(rest)
                sorts = {self._drawn: plain}
                if len(plain) < len(texts):
                    some = texts if 32 in set(map(len, numbers)) else rest
                    sorts[self._uuids] = list(filter(_UUID.fullmatch, some))
                    sorts[self._numbers] = [text for text in numbers if len(text) > 5]
            for draw, some in sorts.items():
                for at in range(0, len(some), _BATCH):
                    pause(sum(map(len, some[at : at + _BATCH])))
                    self._keep(some[at : at + _BATCH], draw)
                self.kinds.update(dict.fromkeys(some, kind))

    def _mails(self, texts: list[str]) -> list[str]:
        """Of `Ada@x.co` the one of `ada@x.co`, with its capitals; domains stay."""
        if not "".join(texts).islower():
            small = [text.lower() for text in texts]
            if small != texts:
                fresh = [text for text in dict.fromkeys(small) if text not in self.secrets]
                self._keep(fresh, self._mails)
                self.kinds.update(dict.fromkeys(fresh, EMAIL.kind))
                return capitals(texts, [self.secrets[text] for text in small])
        halves = _DOMAIN.split("\n".join(texts) + "\n")
        self.domains.update(halves[1::2])
        ends = (end[:-1] for end in halves[1::2])
        return self._other(texts, map(str.__add__, self._pseudonyms.drawn(halves[:-1:2]), ends))

    def _drawn(self, texts: list[str]) -> list[str]:
        """Of a vendor's keys the prefixes stay."""
        heads = {at: head for at, text in enumerate(texts) if text[:2] in PREFIXED and (head := prefix(text))}
        tails = list(texts)
        for at, head in heads.items():
            tails[at] = tails[at][len(head) :]
        made = self._pseudonyms.drawn(tails)
        for at, head in heads.items():
            made[at] = head + made[at]
        return self._other(texts, made)

    def _numbers(self, texts: list[str]) -> list[str]:
        """Digits for digits. Cards pass their check and are of the same bank; numbers have as many digits."""
        made = self._pseudonyms.drawn(texts)
        if "".join(texts).isdecimal():
            for at, one in enumerate(made):
                if one[0] == "0":
                    made[at] = _numbered(texts[at], one)
        else:
            made = list(map(_numbered, texts, made))
        by_size: dict[int, list[int]] = defaultdict(list)
        for at, text in enumerate(texts):
            if 13 <= len(text) <= 19 and text.isdecimal():
                by_size[len(text)].append(at)
        for places in by_size.values():
            cards = [at for at, last in zip(places, weighed([texts[at] for at in places]), strict=True) if not last]
            bodies = [f"{texts[at][:6]}{made[at][6:-1]}" for at in cards]
            checks = weighed([f"{body}0" for body in bodies]) if bodies else b""
            for at, body, last in zip(cards, bodies, checks, strict=True):
                made[at] = f"{body}{-last % 10}"
        return made

    def _uuids(self, texts: list[str]) -> list[str]:
        """Of the same version and variant (RFC 9562); written in two ways it is one."""
        bare = dict.fromkeys(text.replace("-", "").lower() for text in texts)
        made = dict(zip(bare, self._pseudonyms.drawn_hex(list(bare)), strict=True))
        return [_as_uuid(text, made[text.replace("-", "").lower()]) for text in texts]

    def _addresses(self, texts: list[str]) -> list[str]:
        """Numbers of as many digits; what begins alike begins alike, no two become one, and a private one is one."""
        draws = iter(self._pseudonyms.drawn_bytes(texts, 4 * len(texts)))
        nets: _Net = {}
        _keep_kinds(nets)
        out = []
        for text in texts:
            net, made = nets, []
            for part in text.split("."):
                known = net.get(part)
                if known is None:
                    low, names = _PARTS[len(part) - 1]
                    at = next(draws) % len(names)
                    while low + at in net:
                        at = (at + 1) % len(names)
                    net[low + at] = known = net[part] = (names[at], {})
                made.append(known[0])
                net = known[1]
            out.append(".".join(made))
        return self._other(texts, out)

    def _other(self, texts: list[str], made: Iterable[str]) -> list[str]:
        """Of a short one by chance the same is drawn."""
        drawn = list(made)
        if any(map(operator.eq, drawn, texts)):
            drawn = [new if new != old else self._pseudonyms.of(old) for new, old in zip(drawn, texts, strict=True)]
        return drawn


def _numbered(text: str, made: str) -> str:
    """What was drawn for a number, as one of its sort; of a card in one word see `_numbers`."""
    if not text.isdecimal():
        bare = "".join(filter(str.isdecimal, text))
        if 13 <= len(bare) <= 19 and luhn(bare):
            drawn = "".join(filter(str.isdecimal, made))
            return laid_over(with_check(bare[:6] + drawn[6:-1]), text)
    return f"{text[0]}{made[1:]}" if text[0] != "0" == made[0] else made


def _in_parts(text: str) -> bool:
    """Whether each of its parts is a secret by itself."""
    return NEVER.isdisjoint(text.lower().split(":"))


def _is_number(text: str) -> bool:
    return (text.isdecimal() and len(text) > 5) or _NUMBER.fullmatch(text) is not None


def _keep_kinds(net: _Net) -> None:
    """What says the kind of a net stands for itself."""
    for before, numbers in KINDS_OF_NETS.items():
        inner = net[before[:-1]][1] if before else net
        inner.update((key, (str(number), {})) for number in numbers for key in (str(number), number))


def _as_uuid(text: str, drawn: str) -> str:
    bare = text.replace("-", "")
    made = f"{drawn[:12]}{bare[12]}{drawn[13:16]}{bare[16]}{drawn[17:]}"
    if len(text) > len(bare):
        made = f"{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"
    return made.upper() if text.isupper() else made.lower()


def _is_list(parts: Parts) -> bool:
    """Whether no word stands between them, and no domain is as long as a key."""
    return _WORD.search("".join(set(parts.between))) is None and _LONG.search("\n".join(parts.kinds)) is None


def _is_odd(text: str) -> bool:
    return not text.isascii() or text.split() != [text] or any(map(text.__contains__, _ODD))


def _plain(texts: list[str]) -> list[str]:
    """Those that are `_is_plain`: all are looked at at once."""
    lines = "\n".join(["", *texts])
    if not lines.isascii() or "@" in lines or lines.count("\n") != len(texts):
        return list(filter(_is_plain, texts))
    formed = set(_FORMED_LINES.findall(lines))
    return [text for text in texts if text not in formed]


def _is_plain(text: str) -> bool:
    """Whether nothing but its letters and digits is to be kept in shape."""
    return text.isascii() and _FORMED.match(text) is None and "@" not in text


def may_be_pair(text: str) -> bool:
    """Whether `user:password` in Base64 may be in it."""
    try:
        data = a2b_base64(text.rstrip("=") + "==") if len(text) >= 4 and text.isascii() else b""
    except ValueError:
        return False
    return (b":" in data or data.count(0) == 2) and _BASE64.fullmatch(text) is not None


def _pairs(texts: list[str]) -> set[str]:
    """Those that `may_be_pair`: what is nothing but letters and digits is decoded all at once."""
    whole = "".join(texts)
    if not whole.isascii() or not whole.isalnum():
        return set(filter(may_be_pair, texts))
    by_size: dict[int, list[str]] = defaultdict(list)
    for text in texts:
        by_size[len(text)].append(text)
    found: set[str] = set()
    for size, some in by_size.items():
        if size >= 4 and size % 4 != 1:
            filled = "/" * (-size % 4)  # none of what that adds is a sign that is looked for
            data = a2b_base64(f"{filled}".join(some) + filled)
            each = len(data) // len(some)
            found.update({some[at.start() // each] for at in _SIGNS.finditer(data)})
    return {text for text in found if may_be_pair(text)}
