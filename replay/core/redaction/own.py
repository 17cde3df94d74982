"""What the code has of its own where the recording has a pseudonym: a credential of its environment, one that it makes.

Only the pseudonyms of a text may differ. What stands around them is what the code says, and has to be the same. A mail
address that the code makes of what it was given has a digest in the recording: only that one may stand there. With the
key of production's redaction each text tells its pseudonym: then any personal datum may, and only that very one.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote

from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import MOST, Known, digest_of, is_digest, is_like
from replay.core.redaction.pseudonyms import Pseudonyms, is_pseudonym
from replay.core.redaction.streams import style_of

_LEVELS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=\")(?:[^\"\\]|\\.)+(?=\")", r"[^\s\"'<>]+", r"[^\s\"'<>&?;,(){}\[\]]+",
        r"[^\s\"'<>&?;,(){}\[\]=]+={0,2}",
        r"(?<=/bot)\d+:[\w-]+|(?:(?<=[\s\"'(\[]-[A-Za-z])|(?<=\A-[A-Za-z]))[^\s\"'<>;,|&)\]]+",
        r"[^\s\"'<>&?;,(){}\[\]=:@/#]+={0,2}",
    )
)  # fmt: skip
"""Where a pseudonym may begin and end, from whole texts in quotes to the parts of a URL, which Telegram begins with
`bot`, and what stands in one with an option of one letter."""
_OUTSIDE = re.compile(r"[\s\"'<>]")
_MOST = 20_000
"""Parts of a text that are looked at."""
_MOST_OWN, _LONGEST_OWN, _PARTS = 200, 300, 12
"""Own data of a text that are looked at; characters of each, and words or marks that it may have before and behind
where it differs."""
_BOUND = re.compile(r"(?<![^\W_])|(?![^\W_])")
"""Not between two letters or digits."""
_ENDS = (".", ":", "!", "?")
_PERSONAL = re.compile(
    r"[A-Z]{2}\d\d ?[A-Z0-9][A-Z0-9 ]{9,40}|[^@\s]{1,64}@[^@\s]{1,255}|[+(]?\d[\d ()./-]{6,40}|\d{1,3}(?:\.\d{1,3}){3}"
)
"""What looks as if it said who someone is, whatever named it in prose: a bank account, an address, a number, a day."""
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    unquote, lambda text: b64decode(text, validate=True).decode(), lambda text: bytes.fromhex(text).decode(),
)  # fmt: skip
_LONG = 1000
"""Characters of a text that may have hundreds."""
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
"""Words that may hold another spelling."""
_CHECKED = Known({"pseudonyms": []})
_WORD = re.compile(r"[^\W_]+")
_ROLES = frozenset({
    "abuse", "admin", "alerts", "billing", "bounce", "bounces", "case", "contact", "customer", "donotreply", "event",
    "feedback", "hello", "help", "hostmaster", "inbound", "info", "invoice", "mailer", "marketing", "news",
    "newsletter", "noreply", "notifications", "office", "order", "orders", "payments", "postmaster", "privacy",
    "receipts", "reply", "return", "returns", "sales", "security", "service", "services", "support", "system", "team",
    "thread", "ticket", "tickets", "updates", "user", "webmaster",
})  # fmt: skip
"""Words of addresses that name no person (RFC 2142 and the like)."""


def stands_for(
    recorded: Any,
    actual: Any,
    known: Known,
    made: Collection[str] | None = None,
    keyed: Pseudonyms | None = None,
    *,
    whole: bool = True,
    checked: bool = False,
    fixed: Collection[str] = (),
) -> bool:
    """Whether `actual` may be what the code has of its own where the recording has pseudonyms or an old digest.

    `known`: the pseudonyms of the recording. `made`: digests of what may stand there, if it is not just any text.
    `keyed`: those of production's key; what they make of the code's own may stand there, too. `whole`: also where
    nothing stands around it. `checked`: without the key, only in the place of a pseudonym that carries its check.
    `fixed`: digests of pseudonyms in whose place not just any text may stand: nothing but what the key makes of it.
    """
    if type(recorded) is not type(actual) or type(recorded) not in (str, bytes, int):
        return False
    if type(recorded) is int:
        return (whole and made is None) or (keyed is not None and keyed.number(actual) == recorded)
    one, two = (each if isinstance(each, str) else each.decode("latin-1") for each in (recorded, actual))
    if not two or two in known:
        return False
    if made is None and digest_of(one) not in fixed:
        if one == two or is_pseudonym(one) or one in known:
            return whole
        if is_digest(one):
            return whole and is_like(one, two)
    if keyed is not None and any(way(two, one, known, keyed) for way in _WAYS):
        return True

    def may_stand(own: str, masked: str) -> bool:
        if not own or _OUTSIDE.search(own) or own in known:
            return False
        if made is None:
            if digest_of(masked) not in fixed:
                return True
        elif "@" in own and _bound(masked, own) in made:
            return True
        return keyed is not None and keyed.of(own) == masked

    return _differs_in(_pseudonyms(one, _CHECKED if checked else known), one, two, may_stand)


def holds_pseudonym(text: str, known: Known) -> bool:
    """Whether redaction has put one into the text. `known`: the pseudonyms of the recording."""
    return bool(_pseudonyms(text, known))


def fixed_of(
    said: Iterable[tuple[str, str]],
    secrets: Mapping[str, str],
    kinds: Mapping[str, str],
    is_given: Callable[[str, str], bool],
) -> Iterator[str]:
    """Digests of the pseudonyms beside a credential of the code's own (place, text) that stand for personal data, or
    for what the code was given: it has to say those very ones."""
    for place, text in said:
        for secret, masked in secrets.items():
            kind = kinds.get(secret, "")
            if masked in text and (
                not kind or kind in PERSONAL or _PERSONAL.fullmatch(secret) is not None or is_given(masked, place)
            ):
                yield digest_of(masked)


def made_of(
    secrets: Mapping[str, str], kinds: Mapping[str, str], given: str, is_own: Callable[[str], bool]
) -> Iterator[str]:
    """Digests of the mail addresses that the code made of what it was given, of roles, or of initials. The digest tells
    nobody more: the words stand in the recording. `secrets`: what stands for each; `given`: what the code was given;
    `is_own`: whether it had what stands for one before it was given that, as where a server repeats what it is told."""
    words: set[str] | None = None
    given = given.lower()
    mails = ((text, masked) for text, masked in secrets.items() if kinds.get(text) == "email")
    for text, masked in islice(mails, MOST):
        if masked.lower() in given and not is_own(masked):
            continue
        local, mark, _ = text.rpartition("@")
        if mark and len(local) <= 64:
            words = set(_WORD.findall(given)) if words is None else words
            if all(len(word) < 3 or word in _ROLES or word in words for word in _WORD.findall(local.lower())):
                yield _bound(masked, text)


def _holds(own: str, masked: str, known: Known, keyed: Pseudonyms) -> bool:
    """`_becomes` of what they hold in another spelling."""
    for undone in _SPELLINGS:
        try:
            inner, outer = undone(own), undone(masked)
        except ValueError:
            continue
        if inner != outer and (inner, outer) != (own, masked) and _becomes(inner, outer, known, keyed):
            return True
    return False


def _encodes(own: str, masked: str, known: Known, keyed: Pseudonyms) -> bool:
    """`_becomes` of texts in which words are encoded: each that differs holds what the other's becomes."""
    if len(own) != len(masked):
        return False
    out, at = [], 0
    for run in islice(_ENCODED.finditer(own), _MOST_OWN):
        word, other = run[0], masked[run.start() : run.end()]
        out.append(own[at : run.start()])
        out.append(other if word != other and _holds(word, other, known, keyed) else word)
        at = run.end()
    made = "".join([*out, own[at:]])
    return made != own and (made == masked or _becomes(made, masked, known, keyed))


def _rewritten(own: str, masked: str, known: Known, keyed: Pseudonyms) -> bool:
    """Whether redaction makes `masked` of JSON by writing texts anew that hold data: as they were written, all else."""
    if own[:1] not in ("{", "[") or masked[:1] != own[:1] or "\\" not in own:
        return False
    try:
        before, after = json.loads(own), json.loads(masked)
        if not _agree(before, after, known, keyed):
            return False
        write = style_of(own, before)
        return write is not None and write(after) == masked
    except (ValueError, RecursionError):
        return False


def _of_many(own: str, masked: str, known: Known, keyed: Pseudonyms) -> bool:
    """Whether redaction makes `masked` of a long text: what stands for hundreds of data is drawn of all of them."""
    return len(own) == len(masked) >= _LONG and _redacted(own, keyed) == masked


@lru_cache(maxsize=16)
def _redacted(text: str, keyed: Pseudonyms) -> str:
    from replay.core.redaction.rules import Redaction, Rules
    from replay.core.redaction.sweep import Sweep  # only where there is a key

    sweep = Sweep(Rules(Redaction()), keyed, lambda size: None)
    sweep.leaf(text, (), None)
    sweep.arm()
    return sweep.leaf(text, (), None)


def _agree(own: Any, masked: Any, known: Known, keyed: Pseudonyms) -> bool:
    """Whether each text and number is the same in both, or becomes the other's."""
    if type(own) is not type(masked):
        return False
    if type(own) is dict:
        return list(own) == list(masked) and all(_agree(own[name], masked[name], known, keyed) for name in own)
    if type(own) is list:
        return len(own) == len(masked) and all(_agree(*each, known, keyed) for each in zip(own, masked, strict=True))
    if own == masked:
        return True
    if type(own) is str:
        return _becomes(own, masked, known, keyed) or _holds(own, masked, known, keyed)
    return type(own) is int and str(masked) in known and keyed.number(own) == masked


def _becomes(own: str, masked: str, known: Known, keyed: Pseudonyms) -> bool:
    """Whether redaction makes `masked` of `own`: wherever they differ, one has the other's pseudonym. Each is as long
    as what it stands for, and begins and ends where a word does."""
    if len(own) != len(masked):
        return False
    at = 0
    for _ in range(_MOST_OWN):
        at = next((number for number in range(at, len(own)) if own[number] != masked[number]), len(own))
        if at == len(own):
            return True
        first = max(0, at - _LONGEST_OWN)
        bounds = [first + each.start() for each in _BOUND.finditer(own[first : at + _LONGEST_OWN])]
        starts = [each for each in bounds if each <= at][-_PARTS:]
        ends = [each for each in bounds if each > at][:_PARTS]
        at = next((
            end for end in reversed(ends) for start in starts
            if masked[start:end] in known and keyed.of(own[start:end]) == masked[start:end]
        ), -1)  # fmt: skip
        if at < 0:
            return False
    return False


_WAYS = (_becomes, _holds, _encodes, _rewritten, _of_many)


def _bound(masked: str, text: str) -> str:
    """Says that this text is what a pseudonym stands for."""
    return digest_of(f"{masked}\n{text}")


def _pseudonyms(text: str, known: Known) -> list[tuple[int, int]]:
    """Where they are, in the order of the text; none if there are too many places to look at."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(text), 0)]
    looked = 0
    while waiting:
        start, end, level = waiting.pop()
        at = start
        rest: list[tuple[int, int, int]] = []
        for match in _LEVELS[level].finditer(text, start, end):
            looked += 1
            if looked > _MOST:
                return []
            word = match[0]
            if word.endswith(_ENDS) and "@" in word:  # the end of a sentence is none of an address
                word = word.rstrip("".join(_ENDS))
            if is_pseudonym(word) or word in known:
                found.append((match.start(), match.start() + len(word)))
                rest.append((at, match.start(), level + 1))
                at = found[-1][1]
            elif level:
                rest.append((*match.span(), level + 1))
                at = match.end()
        rest.append((at, end, level + 1))
        waiting += [each for each in rest if each[0] < each[1] and each[2] < len(_LEVELS)]
    return sorted(found)


def _differs_in(spans: list[tuple[int, int]], one: str, two: str, may_stand: Callable[[str, str], bool]) -> bool:
    """Whether `two` is `one` with other texts in these places that may stand there."""
    done = at = 0
    for number, (start, end) in enumerate(spans):
        before = one[done:start]
        if not two.startswith(before, at):
            return False
        at += len(before)
        following = one[end : spans[number + 1][0] if number + 1 < len(spans) else len(one)]
        last = number + 1 == len(spans)
        stop = at + end - start
        if not (two.startswith(following, stop) and (not last or stop + len(following) == len(two))):
            stop = len(two) - len(following) if last else two.find(following, at + 1)
        own = two[at:stop]
        if own != one[start:end] and not may_stand(own, one[start:end]):
            return False
        done, at = end, stop
    return bool(spans) and two[at:] == one[done:]
