"""Secrets that are told by how they look. Every pattern is bounded and possessive: its time grows with the text only.

A naive pattern for mail addresses takes seconds over 40 KB of one letter; here no part can be matched in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from string import ascii_letters, digits

from replay.core.redaction.checks import luhn, weighed
from replay.core.redaction.commands import COMMANDS
from replay.core.redaction.finding import Rule, is_of_one_line
from replay.core.redaction.said import SAID
from replay.core.redaction.tools import TOOLS
from replay.core.redaction.values import is_value
from replay.core.redaction.vendors import HINTS, UNLIKE, VENDORS

_WORDS = (
    r"pass(?:word|wd|phrase|code|wort|e(?<=mot.de.passe))", r"kennwort", r"pwd", r"private[ _-]?key", r"secret(?:[ _-]?key(?:[_-]base)?)?", r"shared[_-]?access[_-]?key",
    r"session(?:[_-]?id)?", r"jsessionid", r"phpsessid", r"psk(?==)", r"pw(?=[ \t]?[:=])", r"pass(?=[ \t]?[:=][ \t]?[^\s\d]{0,60}+\d)", r"signature", r"ssn", r"token", r"credential", r"client[_-]?key", r"cookie", r"csrf", r"cvv",
    r"api[ _-]?key", r"access[ _-]?key", r"account[_-]?key", r"auth(?:orization|[_-]?key)?", r"otp", r"iban", r"dsn",
    r"signing[_-]?key", r"encryption[_-]?key", r"master[_-]?key", r"pass(?<=_pass)",
    r"subscription[_-]?key", r"fernet[_-]?key", r"consumer[_-]?key", r"code[_-]?verifier", r"client[_-]?assertion", r"samlresponse", r"pre[_-]?shared[_-]?key", r"bindpw", r"rootpw",
    r"pass(?:word|wd)[_-]?hash", r"hmac[_-]?key",
    *(rf"{each}(?=\\{{0,3}}[\"']|(?<=[?&]{each})=)" for each in ("pin", "sid", "sig", "hmac", "jwt", "bearer", "pass", "totp", "cvc", "cvn")),
)  # fmt: skip
"""What stands at the start of a word; the last ones only as names in quotes, as in JSON, and in queries."""
_WITHIN = (
    r"Pass(?:word|wd|phrase|code)", "Pwd", "Secret(?:Key)?", "Token", "Credentials?", "Session(?:I[dD])?", "Signature",
    "Cookie", "Csrf", "Otp", "Dsn", "PrivateKey", "ClientKey", "ApiKey", "AccessKey", "AccountKey", "SigningKey",
    "MasterKey", "passw(?:or)?d", "passphrase", "secret", "token(?<!subtoken)", "credential", "apikey", "PASSW(?:OR)?D", "PASSPHRASE", "SECRET",
    "TOKEN", "APIKEY",
)  # fmt: skip
"""What ends a word: `accessToken`, `PGPASSWORD`."""
_STEMS = tuple(sorted({re.match(r"[A-Za-z]{2,6}", each)[0] for each in _WITHIN}))  # type: ignore[index]  # so they begin
_ASSIGNED = (
    r"(?:(?=[\\\"'*_])(?:\\{0,3}+[\"']\]?|\*\*|_{1,2}))?+[ \t]{0,20}+(?:=|:=|:(?:\*\*)?|=>)[ \t]{0,20}+"
    r"(?:(?=[&!])(?<=:[ \t])(?:(?:&|!!?+(?!Ref|GetAtt|Sub|ImportValue))[\w/:.-]{0,60}+[ \t]{1,9}+){1,2}+)?+"  # YAML
    r"(?:(?=[b\\\"'\[<(])(?:b?+\\{0,3}+(?:\"\"\"|'''|[\"'])|"
    r"[\[<(](?=[^\s\[\]<>(),;\"'\d]{0,80}+\d)(?=[^\s\[\]<>(),;\"']{4,80}+[\]>)])))?+"
)
_QUOTED = (
    r"(?<=[^\\]\")(?:[^\"\\\n]|\\[^\n]){4,400}+(?=\")|(?<=\\\")[^\"\\\n]{4,400}+(?=\\)|"
    r"(?<=')[^'\\\n]{4,400}+(?=\\{0,3}'(?![A-Za-z]))"
)
_UNQUOTED = (
    r"(?![A-Za-z_][\w.]{0,60}+\([^)\n]{0,100}+\)(?![A-Za-z0-9])|!(?:Ref|GetAtt|Sub|ImportValue)\b)"  # a call, a reference
    r"[^\s\"',;&<>(){}\[\]\\](?>[^\s\"',;&<>)}\]\\]{3,399}+(?![&<])|"  # most have no `&` or `<`: far faster
    r"(?:[^\s\"',;&<>)}\]\\]|"
    r"&(?=[^\s&=;\"']{0,60}?[^\s&=;\"'A-Za-z_-])(?![^\s&]{0,60}[=;])|<(?![/!A-Za-z])){3,399}+)"  # no query, entity, tag
)
_ASSIGNABLE = f"(?:{_QUOTED}|{_UNQUOTED})"

_BEGINNINGS = frozenset(re.match(r"[a-z]+", each)[0] for each in _WORDS)  # type: ignore[index]  # each begins so


def _by_letter(patterns: Sequence[str], behind: str = "") -> str:
    """One of them; those that begin with the same letter share it, so that most are dismissed with it. `behind`: what
    stands before, looked at after the letter: where a pattern begins with a letter, others are passed over in C."""
    found: dict[str, list[str]] = {}
    for each in patterns:
        letter = each[0] if each[0].isalnum() else ""
        found.setdefault(letter, []).append(each[len(letter) :])
    ordered = sorted(found.items(), key=lambda item: item[0] == "")  # what begins with anything last
    before = f"(?<={behind}{{}})" if behind else ""
    return "(?:" + "|".join(f"{letter}{before.format(letter)}(?:{'|'.join(rest)})" for letter, rest in ordered) + ")"


_STARTS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2}")
_FIRST_TWO = frozenset(each[:2] for each in _BEGINNINGS)
_LONGEST_NAME = 24
_WORD_ENDS = frozenset({
    "rd", "wd", "se", "de", "rt", "ey", "et", "id", "sk", "pw", "ss", "re", "sn", "en", "al", "ie", "rf", "vv", "th",
    "on", "tp", "an", "er", "in", "ig", "ac", "wt", "vc", "vn", "sh",
})  # fmt: skip
"""The last two letters of each of `_WORDS`."""
_WITHIN_ENDS = frozenset({
    "rd", "wd", "se", "de", "et", "ey", "en", "al", "ls", "on", "id", "re", "ie", "rf", "tp", "sn",
})  # fmt: skip
_STEM = re.compile(f"(?<=[A-Za-z0-9])(?:{'|'.join(_STEMS)})")


def _names_before(text: str, end: int) -> list[int]:
    """Where one of `_WORDS` that ends there may begin."""
    found = _STARTS.finditer(text, max(0, end - _LONGEST_NAME), end)
    return [each.start() for each in found if each[0].lower() in _FIRST_TWO]


def _ends_before(text: str, end: int) -> list[int]:
    """Where one of `_WITHIN` that ends there may begin."""
    return [each.start() for each in _STEM.finditer(text, max(1, end - _LONGEST_NAME), end)]


_ASSIGNMENT = f"(?i:{_by_letter(_WORDS)}){_ASSIGNED}"


def _at_words(letters: str, head: str, secret: str, tail: str = "") -> re.Pattern[str]:
    """Of a secret that only stands at the start of a run of `letters`: takes whole runs up to the first that is one.
    Looking at each letter of a text takes ten times as long. Group 1 is the secret; none: there is none further on."""
    here = rf"(?<![{letters}]){head}({secret}){tail}"
    return re.compile(rf"[^{letters}]*+(?:(?(1)(?!)|(?:{here}|[{letters}]++[^{letters}]*+)))*+")  # (1): none after it


CARD = "card"
_ANY_CARD = r"\d(?:[ -]?\d){12,18}+"
_CARD = re.compile(_ANY_CARD + r"(?!\d)")
_COUNTED = re.compile(
    r"(?i)(?:n(?:ano)?s(?:ec(?:ond)?s?)?|time(?:stamp)?|counter|clock|elapsed|duration|offset|order|seq(?:uence)?|\bt[0-9]?|\bts|id)"
    r"(?: (?:no\.?|number|is))?[\"'\]]?[\s:=#([]{0,4}\Z"
)
"""What stands before a number that counts something."""
_UNIT = re.compile(r" ?(?:ns|nano|us|ms|ticks)\b")
_GROUP = re.compile(r"\d+")
_OF_TWO_DIGITS = re.compile(r"(?m)^(\d)\1*+(?:(\d)(?:\1|\2)*+)?+$")
_IN_ONE_WORD = re.compile(r"(?<![0-9])[2-6][0-9]{12,18}(?![0-9])")


def card(text: str) -> bool:
    """Whether it is a card's number (ISO/IEC 7812)."""
    digits = text if text.isdecimal() else re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and is_issued(digits) and luhn(digits) and len(set(digits)) > 2


def is_issued(digits: str) -> bool:
    """Whether cards begin so, of so many digits: `20240501120000` is a moment."""
    size, first = len(digits), digits[0]
    if first == "2":
        return (size == 16 and "2221" <= digits[:4] <= "2720") or (
            size == 15 and digits[:4] in ("2014", "2131", "2149")
        )
    if first == "3":
        return digits[1] in {14: "0689", 15: "47", 16: "05689"}.get(size, "")
    return first in "456"


_ONLY_DIGITS = bytes(ord("0") if chr(code) in digits else ord("\n") for code in range(256))


def may_have_card(text: str) -> bool:
    """Whether so many digits stand together, or with spaces and dashes between them."""
    return not text.isascii() or b"0" * 13 in text.encode().translate(_ONLY_DIGITS, b" -")


def may_count(number: str) -> bool:
    """Whether it may as well be a moment of a clock that counts nanoseconds."""
    return len(number) in (14, 16) and number[:2] == "30"


def card_at(text: str, start: int, stop: int) -> tuple[int, int]:
    """Of digits that look like one, where it is; a number may stand before it, and one behind."""
    if card(text[start:stop]):
        counted = may_count(text[start:stop]) and (
            _COUNTED.search(text, max(0, start - 40), start) or _UNIT.match(text, stop)
        )
        return (stop, stop) if counted else (start, stop)
    longer = _CARD.match(text, start)
    if longer is not None and longer.end() != stop and card(longer[0]):
        return longer.span()
    end = _GROUP.match(text, start).end()  # type: ignore[union-attr]  # it begins with a digit
    return end, end


def cards_in(text: str) -> Set[str]:
    """The numbers in one word that are cards': all of one length are checked at once."""
    numbers = set(_IN_ONE_WORD.findall(text))
    found: set[str] = set()
    for size in set(map(len, numbers)):
        some = [number for number in numbers if len(number) == size]
        found.update(number for number, last in zip(some, weighed(some), strict=True) if not last and is_issued(number))
    found = {number for number in found if not may_count(number)}
    return found.difference(match[0] for match in _OF_TWO_DIGITS.finditer("\n".join(found)))


WEBHOOK = Rule("webhook", re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|"
    r"\.office(?:365)?\.com/webhook(?:b2)?/|hooks\.zapier\.com/hooks/catch/|api\.telegram\.org/(?:file/)?bot)"
    r"(\d{6,12}+:[\w-]{30,50}+|[A-Za-z0-9][A-Za-z0-9/+_@-]{11,300}+)"),
    ("hooks", "webhook", "telegram"))  # fmt: skip
"""Addresses whose paths are secrets."""
_NO_DOMAINS = (
    r"[cm]?[jt]sx?|s?css|html?|json|png|jpe?g|gif|svg|webp|ico|txt|log|ya?ml|toml|xml|csv|pdf|exe|dll|jar|whl|tgz|tar|"
    r"gz|bz2|xz|lock|vue|map|diff|patch|wasm|alpine|slim|min"
)
"""What ends names of files and of images, and no address."""
EMAIL = Rule("email", re.compile(
    r"([A-Za-z0-9](?<![A-Za-z0-9._%+-].)(?!(?<=g)it@)[A-Za-z0-9._%+-]{0,63}+@(?:[A-Za-z0-9-]{1,63}+\.(?=\w)){1,8}+"
    rf"(?!(?:{_NO_DOMAINS})(?![A-Za-z0-9]))[A-Za-z]{{2,24}}+)"
    r"(?![A-Za-z0-9])"), ("@",), before=ascii_letters + digits + "._%+-")  # fmt: skip
"""Its group is all that it matches."""
LOOKS: tuple[Rule, ...] = (
    Rule("private-key", re.compile(
        r"-----BEGIN [A-Z ]{0,30}?PRIVATE KEY(?: BLOCK)?-----((?:[A-Za-z0-9+/=\s\\.:,]|-(?!-)){20,7000}+)-----END "),
        ("PRIVATE KEY",)),
    Rule("jwt", re.compile(r"(?<![\w.-])(?:(?!eyJ)[A-Za-z0-9]{1,20}+[_-]){0,4}+(eyJ[A-Za-z0-9_-]{5,4000}+\.eyJ[A-Za-z0-9_-]{5,4000}+\.[A-Za-z0-9_-]{0,1000}+)"),
         ("eyJ",), before=ascii_letters + digits + "_.-"),
    Rule("vendor-key", _at_words("A-Za-z0-9", r"(?=[A-Za-z0-9]{2}[\w.-])", _by_letter(VENDORS), "(?![A-Za-z0-9])"), shortest=14, skips=True, whole=True),
    Rule("vendor-key", _at_words("A-Za-z0-9", "", f"(?:{'|'.join(UNLIKE)})", "(?![A-Za-z0-9])"), HINTS, shortest=14, skips=True, whole=True),
    Rule("url-password", re.compile(
        r"://(?<=[a-z0-9+.-]{2}://)([^\s/?#@:\"'<>\[\]]{0,200}+:[^\s/?@\"'<>]{1,300}+(?:@[^\s/?@\"'<>]{1,300}+(?=@)){0,3}+(?=@)|"
        r"[^\s/?#@:.\"'<>\[\]]{0,100}+:(?!\d{0,5}+[/?#])[^\s@\"'<>:]{0,200}+(?::(?!//)[^\s@\"'<>:]{0,200}+){0,5}+(?=@))"),  # with a `/` in it; no port
        ("@",)),
    Rule("url-user", re.compile(r"https?://([A-Za-z0-9_]{16,200}+)@"), ("@",)),
    WEBHOOK,
    Rule("scheme", re.compile(r"[bB](?<=\b.)(?i:earer|asic) ([A-Za-z0-9._~+/-]{12,4000}+=*)"), ("earer ", "asic ", "EARER ", "ASIC ")),
    Rule("assigned", _at_words("A-Za-z", _ASSIGNMENT, _ASSIGNABLE), ("=", ":"), is_value, names=_BEGINNINGS, skips=True,
         one=re.compile(f"{_ASSIGNMENT}({_ASSIGNABLE})"), starts=_names_before, ends=_WORD_ENDS),
    Rule("assigned", re.compile(rf"{_by_letter(_WITHIN, '[A-Za-z0-9]')}{_ASSIGNED}({_ASSIGNABLE})"), ("=", ":"), is_value, names=_BEGINNINGS,
         inside=_STEMS, starts=_ends_before, ends=_WITHIN_ENDS),
    Rule("assigned", re.compile(
        r" is (?i:(?<=password is )|(?<=passphrase is )|(?<=passcode is )|(?<=secret is )|(?<=token is )|(?<=key is ))[\"'`]?"
        r"((?=[^\s\"'<>`]{0,99}?\d)[^\s\"'<>`]{5,99}[^\s\"'<>`.,;:!?)])"), (" is ",), is_value),
    Rule("element", re.compile(  # XML: the end of an element names it
        r">\s{0,9}+(?:<!\[CDATA\[)?([^<>\s]{4,4000}?)(?:\]\]>)?+\s{0,9}+</[\w:.-]{0,30}?(?i:pass(?:word|wd|phrase|code)|pwd|secret|token|credential|"
        r"(?:api|private|access|client)[_-]?key|session[_-]?id|signature|csrf|cvv|ssn|iban|otp|cookie)>"), ("</",), is_value),
    Rule("field", re.compile(  # HTML
        r"(?:name|key)=[\"'](?=[\w.:-]{0,40}?(?:[Cc]srf|[Xx]srf|[Tt]oken|[Pp]assword|[Ss]ecret|[Aa]pi[_-]?[Kk]ey))[\w.:-]{1,60}+[\"']"
        r"(?:\s++(?!value|content)[\w-]{1,40}+=[\"'][^\"'<>]{0,80}+[\"']){0,4}+\s++(?:value|content)=[\"']([^\"'<>]{4,4000}+)"),
        ("value=", "content="), is_value),
    Rule(CARD, _at_words(
        r"\d", r"(?=[\d -]{13})(?<![.,:+/-])(?<![\dA-Fa-f-][A-Fa-f])(?<!^[A-Fa-f])",  # no part of a UUID, nor of a digest
        rf"(?:\d{{13,19}}+|\d{{4}}(?: \d{{4}}){{3}}|{_ANY_CARD})", r"(?![\d-]|[A-Fa-f](?:[\dA-Fa-f-]|$))"), (), shortest=13, skips=True,
         at=card_at, sure=cards_in, may=may_have_card),
    EMAIL,
)  # fmt: skip


RULES = (*LOOKS[:6], *COMMANDS, *SAID, *TOOLS, *LOOKS[6:])
"""In the order in which they are tried; what one has found the next do not look into. Group 1 is the secret, if there
is a group."""

OF_ONE_LINE = frozenset((*LOOKS[1:11], *LOOKS[-2:], *filter(is_of_one_line, RULES)))
"""Rules that look at one line only: what they find in it is the same wherever it stands."""
