"""Secrets that are told by how they look. Every pattern is bounded and possessive: its time grows with the text only.

A naive pattern for mail addresses takes seconds over 40 KB of one letter; here no part can be matched in two ways.
The prefixes are those that vendors publish for their keys, as secret scanners (gitleaks, GitHub, GitLab) list them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from replay.core.redaction.keys import kind_of
from replay.core.redaction.pseudonyms import luhn

CHUNK = 1 << 13
"""Characters that are looked through at once, so that other threads get their turn."""
_REACH = 8192
"""Longest secret: a PEM block of a 4096-bit key has 3,300 characters."""

_SHORT_REACH = 1024
"""Longest secret of those that stand at the start of a word, with what must stand before it."""

_VENDOR = (
    # cloud
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}+", r"AIza[\w-]{35}+", r"ya29\.[\w-]{20,400}+", r"GOCSPX-[\w-]{24,40}+",
    r"do[opr]_v1_[a-f0-9]{64}+", r"hvs\.[\w-]{20,200}+", r"hvb\.[\w-]{100,300}+", r"LTAI[A-Za-z0-9]{16,24}+",
    r"dapi[a-f0-9]{32}+", r"pul-[a-f0-9]{40}+", r"dp\.(?:pt|st|ct|sa)\.[\w.-]{40,80}+", r"fo1_[\w-]{43}+",
    r"fm[12][ar]?_[A-Za-z0-9+/=]{90,400}+", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,70}+", r"nfp_[A-Za-z0-9]{36,44}+",
    r"EZ[AT]K[A-Za-z0-9]{50,60}+", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,80}+", r"tskey-[\w-]{16,80}+",
    # code and packages
    r"gh[pousr]_[A-Za-z0-9]{36,255}+", r"github_pat_\w{22,255}+", r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|soat|agent|imt)-[\w.-]{20,70}+",
    r"npm_[A-Za-z0-9]{36}+", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,250}+", r"rubygems_[a-f0-9]{48}+", r"dckr_[po]at_[\w-]{27,40}+",
    r"ATATT3[\w=-]{100,250}+", r"ATCTT3[\w=-]{100,250}+", r"ATBB[A-Za-z0-9]{32}+", r"CLOJARS_[a-z0-9]{60}+",
    r"figd_[\w-]{40,60}+", r"lin_api_[A-Za-z0-9]{40}+", r"lin_oauth_[A-Za-z0-9]{40,70}+", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}+",
    r"oy2[a-z0-9]{43}+", r"sqp_[a-f0-9]{40}+", r"squ_[a-f0-9]{40}+", r"ntn_[A-Za-z0-9]{43,50}+", r"secret_[A-Za-z0-9]{43}+",
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}+", r"sntr[yu][su]_[\w=+/-]{40,400}+", r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}+",
    r"glc_[A-Za-z0-9+/]{32,400}={0,2}+", r"NRAK-[A-Z0-9]{27}+", r"NRII-[\w-]{32}+", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}+",
    r"phc_[A-Za-z0-9]{40,50}+", r"phx_[A-Za-z0-9]{40,50}+", r"sbp_[a-f0-9]{40}+", r"sb_secret_[\w-]{20,60}+",
    r"rdme_[a-z0-9]{70}+", r"pnu_[A-Za-z0-9]{36}+", r"CFPAT-[\w-]{43}+", r"tfp_[\w.=-]{59}+", r"ddp?_[A-Za-z0-9]{36,40}+",
    # payments
    r"[srp]k_(?:live|test|prod)_[A-Za-z0-9]{10,247}+", r"whsec_[A-Za-z0-9+/=]{24,80}+", r"sq0(?:atp|csp|idp)-[\w-]{22,60}+",
    r"EAAA[\w-]{60}+", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}+", r"FLWSECK(?:_TEST)?-[a-h0-9]{32}-X", r"duffel_(?:live|test)_[\w=-]{43}+",
    r"shippo_(?:live|test)_[a-f0-9]{40}+", r"access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}+", r"fio-u-[\w-]{64}+",
    # messages
    r"xox[abeoprs]-[A-Za-z0-9-]{10,250}+", r"xapp-\d-[A-Za-z0-9-]{20,200}+", r"xoxe\.xox[bp]-\d-[A-Za-z0-9]{100,200}+",
    r"SG\.[\w-]{22}\.[\w-]{43}+", r"(?:SK|AC)[a-f0-9]{32}+", r"key-[a-f0-9]{32}+", r"[a-f0-9]{32}-us\d{1,2}+",
    r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}+", r"\d{8,10}+:AA[\w-]{33}+", r"[MNO][A-Za-z\d]{23,27}+\.[\w-]{6}\.[\w-]{27,38}+",
    r"EAA[A-Za-z0-9]{80,300}+", r"sl\.[\w-]{130,152}+", r"AAAA[\w-]{7}:APA91b[\w-]{100,200}+",
    # models
    r"sk-ant-(?:api|admin|sid|oat)\d\d-[\w-]{80,120}+", r"sk-(?:proj|svcacct|admin|or-v1)-[\w-]{20,200}+",
    r"sk-[A-Za-z0-9]{20,64}+", r"hf_[A-Za-z0-9]{30,40}+", r"api_org_[A-Za-z]{34}+", r"r8_[A-Za-z0-9]{37,40}+", r"gsk_[A-Za-z0-9]{48,56}+",
    r"pplx-[A-Za-z0-9]{48,56}+", r"xai-[A-Za-z0-9]{70,90}+", r"nvapi-[\w-]{60,70}+", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}+",
    r"sk-lf-[a-f0-9-]{36}+", r"pcsk_[\w]{60,80}+", r"AGE-SECRET-KEY-1[A-Z0-9]{58}+", r"ops_eyJ[A-Za-z0-9+/=]{50,900}+",
)  # fmt: skip

_WORDS = (
    r"pass(?:word|wd|phrase|code)", r"pwd", r"private[_-]?key", r"secret(?:[_-]?key)?", r"shared[_-]?access[_-]?key",
    r"session(?:[_-]?id)?", r"signature", r"ssn", r"token", r"credential", r"client[_-]?key", r"cookie", r"csrf", r"cvv",
    r"api[_-]?key", r"access[_-]?key", r"account[_-]?key", r"auth(?:orization)?", r"otp", r"iban", r"dsn",
    r"signing[_-]?key", r"encryption[_-]?key", r"master[_-]?key", r"pass(?<=_pass)",
    *(each + r"(?=\\{0,3}[\"'])" for each in ("pin", "sid", "sig", "hmac", "jwt", "bearer", "pass", "totp", "cvc", "cvn")),
)  # fmt: skip
"""What stands at the start of a word; the last ones only as names in quotes, as in JSON."""
_WITHIN = (
    r"Pass(?:word|wd|phrase|code)|Pwd|Secret(?:Key)?|Token|Credentials?|Session(?:I[dD])?|Signature|Cookie|Csrf|Otp|Dsn|"
    r"(?:Private|Client|Api|Access|Account|Signing|Master)Key|"
    r"passw(?:or)?d|passphrase|secret|credential|apikey|PASSW(?:OR)?D|PASSPHRASE|SECRET|TOKEN|APIKEY"
)
"""What ends a word: `accessToken`, `PGPASSWORD`."""
_ASSIGNED = r"(?:\\{0,3}+[\"'])?+[ \t]{0,2}+(?:=|:=|:|=>)[ \t]{0,2}+(?:\\{0,3}+[\"'])?+"
_ASSIGNABLE = r"[^\s\"',;&<>(){}\[\]\\]{4,400}+"

_BEGINNINGS = frozenset(re.match(r"[a-z]+", each)[0] for each in _WORDS)  # type: ignore[index]  # each begins so


class Found(msgspec.Struct, frozen=True):
    """A secret in a text."""

    start: int
    end: int
    kind: str


class Rule(msgspec.Struct, frozen=True):
    """How one kind of secret looks."""

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    """One of these is in every text that has such a secret; empty: always look. A hint is found far faster."""
    accept: Callable[[str], bool] = bool
    shortest: int = 1
    """Characters of a text below which it holds none."""
    names: frozenset[str] = frozenset()
    """One of these is in every text that has such a secret, in upper or lower case; empty: always look."""
    skips: bool = False
    """The pattern matches all up to the next secret (see `_at_words`)."""


def _by_letter(patterns: Sequence[str]) -> str:
    """One of them; those that begin with the same letter share it, so that most are dismissed with it."""
    found: dict[str, list[str]] = {}
    for each in patterns:
        letter = each[0] if each[0].isalnum() else ""
        found.setdefault(letter, []).append(each[len(letter) :])
    ordered = sorted(found.items(), key=lambda item: item[0] == "")  # what begins with anything last
    return "(?:" + "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in ordered) + ")"


def _at_words(letters: str, head: str, secret: str, tail: str = "") -> re.Pattern[str]:
    """Of a secret that only stands at the start of a run of `letters`: takes whole runs up to the first that is one.
    Looking at each letter of a text takes ten times as long. Group 1 is the secret; none: there is none further on."""
    here = rf"(?<![{letters}]){head}"
    return re.compile(
        rf"[^{letters}]*+(?:(?!{here}{secret}{tail})[{letters}]++[^{letters}]*+)*+(?:{here}({secret}){tail})?"
    )


def card(text: str) -> bool:
    """Whether it is a card's number (ISO/IEC 7812)."""
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 2 and luhn(digits)


_NOT_VALUES = frozenset(
    [
        "true",
        "false",
        "null",
        "none",
        "undefined",
        "expired",
        "invalid",
        "missing",
        "required",
        "unset",
        "empty",
        "redacted",
        "string",
        "bearer",
        "basic",
        "self",
        "request",
        "response",
        "config",
        "settings",
        "value",
        "nil",
        "token",
        "password",
        "secret",
    ]
)


_NAME = re.compile(r"[A-Za-z_][A-Za-z_.]*")


def _value(text: str) -> bool:
    """What is assigned in prose and code: a value rather than a word of the language."""
    if text.lower() in _NOT_VALUES or "[redacted" in text or set(text) <= set("*.x-_<>{}$"):
        return False
    if _NAME.fullmatch(text):  # `session=self.session`, `auth=None`: code
        return not ("." in text or "_" in text) and kind_of(text) is None
    return True


WEBHOOK = Rule("webhook", re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|"
    r"\.office(?:365)?\.com/webhook(?:b2)?/|hooks\.zapier\.com/hooks/catch/|api\.telegram\.org/(?:file/)?bot)"
    r"(\d{6,12}+:[\w-]{30,50}+|[A-Za-z0-9][A-Za-z0-9/+_@-]{11,300}+)"),
    ("hooks", "webhook", "telegram"))  # fmt: skip
"""Addresses whose paths are secrets."""
RULES: tuple[Rule, ...] = (
    Rule("private-key", re.compile(
        r"-----BEGIN [A-Z ]{0,30}?PRIVATE KEY(?: BLOCK)?-----((?:[A-Za-z0-9+/=\s\\.:,]|-(?!-)){20,7000}+)-----END "),
        ("PRIVATE KEY",)),
    Rule("jwt", re.compile(r"(?<![\w.-])eyJ[A-Za-z0-9_-]{5,4000}+\.eyJ[A-Za-z0-9_-]{5,4000}+\.[A-Za-z0-9_-]{0,1000}+"),
         ("eyJ",)),
    Rule("vendor-key", _at_words("A-Za-z0-9_-", r"(?=[A-Za-z0-9]{2}[\w.-])", _by_letter(_VENDOR), "(?![A-Za-z0-9])"), shortest=14, skips=True),
    Rule("url-password", re.compile(
        r"://(?<=[a-z0-9+.-]{2}://)([^\s/?#@:\"'<>\[\]]{0,200}+:[^\s/?@\"'<>]{1,300}+(?:@[^\s/?@\"'<>]{1,300}+(?=@)){0,3}+)@"),
        ("://",)),
    Rule("url-user", re.compile(r"https?://([A-Za-z0-9_]{16,200}+)@"), ("@",)),
    WEBHOOK,
    Rule("scheme", re.compile(r"(?i:\b(?:bearer|basic)) ([A-Za-z0-9._~+/-]{12,4000}+=*)"), ("earer ", "asic ", "EARER ", "ASIC ")),
    Rule("assigned", _at_words(
        "A-Za-z", rf"(?i:{_by_letter(_WORDS)}){_ASSIGNED}", _ASSIGNABLE), ("=", ":"), _value, names=_BEGINNINGS, skips=True),
    Rule("assigned", re.compile(rf"(?<=[A-Za-z0-9])(?:{_WITHIN}){_ASSIGNED}({_ASSIGNABLE})"), ("=", ":"), _value, names=_BEGINNINGS),
    Rule("assigned", re.compile(
        r" is (?i:(?<=password is )|(?<=passphrase is )|(?<=passcode is )|(?<=secret is )|(?<=token is )|(?<=key is ))[\"'`]?"
        r"((?=[^\s\"'<>`]{0,99}?\d)[^\s\"'<>`]{5,99}[^\s\"'<>`.,;:!?)])"), (" is ",), _value),
    Rule("element", re.compile(  # XML: the end of an element names it
        r">\s{0,9}+([^<>\s]{4,4000}+)\s{0,9}+</[\w:.-]{0,30}?(?i:pass(?:word|wd|phrase|code)|pwd|secret|token|credential|"
        r"(?:api|private|access|client)[_-]?key|session[_-]?id|signature|csrf|cvv|ssn|iban|otp|cookie)>"), ("</",), _value),
    Rule("field", re.compile(  # HTML
        r"name=[\"'](?=[\w.:-]{0,40}?(?:[Cc]srf|[Xx]srf|[Tt]oken))[\w.:-]{1,60}+[\"']"
        r"(?:\s++(?!value|content)[\w-]{1,40}+=[\"'][^\"'<>]{0,80}+[\"']){0,4}+\s++(?:value|content)=[\"']([^\"'<>]{4,4000}+)"),
        ("value=", "content="), _value),
    Rule("card", _at_words(
        r"\d", r"(?<![.,:+/-])(?<![\dA-Fa-f-][A-Fa-f])(?<!^[A-Fa-f])(?=[\d -]{13})",  # no part of a UUID, nor of a digest
        r"\d(?:[ -]?\d){12,18}+", r"(?![\d-]|[A-Fa-f](?:[\dA-Fa-f-]|$))"), (), card, 13, skips=True),
    Rule("email", re.compile(
        r"([A-Za-z0-9](?<![A-Za-z0-9._%+/=:-].)[A-Za-z0-9._%+-]{0,63}+@(?:[A-Za-z0-9-]{1,63}+\.(?=\w)){1,8}+[A-Za-z]{2,24}+)"
        r"(?![A-Za-z0-9])"), ("@",)),
)  # fmt: skip
"""In the order in which they are tried; what one has found the next do not look into. Group 1 is the secret, if there
is a group."""


def compiled(pattern: str, name: str) -> Rule:
    """A rule of the project: group 1 is the secret, if it has one. Raises ValueError, which says why.

    google-re2 compiles it where that is installed: its time is linear for every pattern.
    """
    try:
        import re2  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            found = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"it is no regular expression ({error})") from error
        if _blows_up(pattern):
            raise ValueError("it repeats what repeats already, which may take for ever; install google-re2 "
                         "(replay-harness[redaction]), or write the inner one possessive (`a++`)") from None  # fmt: skip
    else:
        try:
            found = re2.compile(pattern)
        except re2.error as error:
            raise ValueError(f"google-re2 does not accept it ({error})") from error
    if found.search(""):
        raise ValueError("it matches the empty text")
    return Rule(name, found)


_REPEATS = re.compile(r"\((?:[^()\\]|\\.){0,200}?[+*}](?![+])(?:[^()\\]|\\.){0,200}?\)[+*{](?!\?)")


def _blows_up(pattern: str) -> bool:
    """A group that repeats and holds something that repeats."""
    return _REPEATS.search(pattern) is not None


def find(text: str, rules: Sequence[Rule], pause: Callable[[int], None]) -> Iterator[Found]:
    """The secrets of a text, in its order, none inside another. `pause` is called now and then with the number of
    characters looked at."""
    taken: list[Found] = []
    size, small = len(text), ""
    for rule in rules:
        if size < rule.shortest:
            continue
        if rule.hints and not any(hint in text for hint in rule.hints):
            continue
        if rule.names:
            small = small or text.lower()
            if not any(name in small for name in rule.names):
                continue
        fresh = [
            Found(start, end, rule.kind)
            for start, end in (_word_spans if rule.skips else _spans)(text, rule, pause)
            if not any(start < each.end and each.start < end for each in _near(taken, start, end))
        ]
        if fresh:
            taken = sorted([*taken, *fresh], key=lambda each: each.start)
    yield from taken


def _near(taken: Sequence[Found], start: int, end: int) -> Sequence[Found]:
    """Those that may overlap: `taken` is in order and none overlaps another."""
    from bisect import bisect_left

    at = bisect_left(taken, start, key=lambda each: each.end)
    return taken[at : at + 1 + (end - start)] if at < len(taken) and taken[at].start < end else ()


def _spans(text: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    group = 1 if rule.pattern.groups else 0
    at, size = 0, len(text)
    while at < size:
        reached = at + CHUNK
        last = at
        for match in rule.pattern.finditer(text, at, min(size, reached + _REACH)):
            if match.start() >= reached:
                break
            last = match.end()
            start, end = match.span(group)
            if end > start and rule.accept(text[start:end]):
                yield start, end
        pause(min(CHUNK, size - at))
        at = max(reached, last)


def _word_spans(text: str, rule: Rule, pause: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    at, size = 0, len(text)
    while at < size:
        began, end = at, min(size, at + CHUNK)
        while (match := rule.pattern.match(text, at, end)) is not None and match.end(1) >= 0:
            start, stop = match.span(1)
            if stop == end < size:  # perhaps cut short: the next look begins before it
                break
            at = stop
            if rule.accept(text[start:stop]):
                yield start, stop
        pause(end - began)
        at = size if end == size else max(at, end - _SHORT_REACH)
