"""Secrets that are told by what is said around them: codes and numbers in prose, logins of protocols, address cards."""

from __future__ import annotations

import re

from replay.core.redaction.finding import Rule

_CODE = r"\d{5,8}|\d{3}[ -]\d{3}"
_SIGNS = r"(?:C: ?|>{1,3} ?)?"
"""What stands before a line of the client, in a log of both."""
_OF_OTHERS = (
    r"(?!(?i:zip|post|country|area|discount|promo|coupon|product|status|error|exit|order|tracking|employee|dial))"
)
"""Codes that are no secrets."""

SAID: tuple[Rule, ...] = (
    Rule("otp", re.compile(
        rf"[yY](?<=\b.)(?i:our) (?:{_OF_OTHERS}[A-Za-z][\w-]{{0,20}}+ ){{0,3}}?(?i:(?:pass)?code|otp|pin)(?i: is|:)?:? {{0,2}}({_CODE})\b(?![.,]?\d)"),
         ("code is ", "Code is ", "CODE IS ", "code: ", "Code: ", "code ", "otp is", "OTP is", "pin is", "PIN is")),
    Rule("otp", re.compile(r"((?:\d(?<![\w.,/].)\d{4,7}+|\d(?<![\w.,/].)\d\d[ -]\d{3})) is your (?:[\w-]{1,20}+ ){0,4}?(?i:(?:pass)?code|otp|pin|password)\b"),
         (" is your ",)),
    Rule("otp", re.compile(
        rf"[uUeEtT](?<=\b.)(?i:(?<=u)se|(?<=e)nter|(?<=t)ype) (?:the |this )?(?i:(?:[\w-]{{1,20}} )?(?:pass)?code |otp |pin )?({_CODE}) (?i:to (?:sign|log|verify|confirm|complete|continue|finish|reset|authenticate))\b"),
         (" to sign", " to log", " to verify", " to confirm", " to complete", " to continue", " to finish", " to reset", " to authenticate")),
    Rule("otp", re.compile(rf"[cC](?<=\b.)(?i:ode (?:lautet|ist|est)|ódigo es|odice è):? ({_CODE})\b"),
         ("ode lautet ", "ode ist ", "ode est ", "ódigo es ", "odice è ")),
    Rule("ssn", re.compile(r"[sS](?<=\b.)(?i:sn|ocial security)(?i: (?:number|no\.?))?(?: is|#)?[ :=#]{1,3}+(\d{3}([ -]?)\d\d\2\d{4})\b"),
         ("SSN", "ssn", "ocial security", "ocial Security", "OCIAL SECURITY")),
    Rule("ssn", re.compile(r"#(?<=[sS][sS][nN]#)(\d{3}-?\d\d-?\d{4})\b"), ("SSN#", "ssn#")),
    Rule("private-key", re.compile(  # of PuTTY: lines of Base64
        r"Private-Lines: \d{1,3}\r?\n((?:[A-Za-z0-9+/=]{4,76}+(?=\r?\n|\Z)(?:\r?\n(?=[A-Za-z0-9+/=]{4,76}+(?:\r?\n|\Z)))?+){1,200}+)"), ("Private-Lines: ",)),
    Rule("assigned", re.compile(  # RESP, of Redis
        r"\$4\r?\n(?i:auth)\r?\n(?:\$\d{1,3}\r?\n[^\r\n]{1,100}+\r?\n(?=\$))?\$\d{1,4}\r?\n([^\r\n]{4,400}+)"), ("$4\n", "$4\r\n")),
    Rule("assigned", re.compile(r"NickServ[ \t]{1,3}:?(?i:identify|register|ghost|recover|release)[ \t](?:[^\s@]{1,60}+[ \t])?(\S{4,200}+)"), ("NickServ",)),
    Rule("assigned", re.compile(rf"(?:\A|\n){_SIGNS}OPER \S{{1,60}}+ :?(\S{{4,200}}+)(?=\r?\n|\Z)"), ("OPER ",)),
    Rule("scheme", re.compile(rf"AUTH(?:ENTICATE)? (?:CRAM-MD5|DIGEST-MD5)\s{{1,3}}+(?:S: ?|<{{1,3}} ?)?(?:334|\+) [A-Za-z0-9+/=]{{4,2000}}+\s{{1,4}}+{_SIGNS}([A-Za-z0-9+/]{{12,2000}}+={{0,2}}+)"),
         ("CRAM-MD5", "DIGEST-MD5")),
    Rule("phone", re.compile(r"TEL(?<=[\n.]TEL)[;:](?:[^:\r\n]{0,100}:)?(?:tel:)?([+(]?\d[\d ()./-]{5,30}\d)(?=\r?\n|\Z|;)"), ("\nTEL", ".TEL")),  # RFC 6350
    Rule("birth", re.compile(r"BDAY(?<=\nBDAY)[;:](?:[^:\r\n]{0,100}:)?(\d{4}-?\d\d-?\d\d)"), ("\nBDAY",)),
    Rule("assigned", re.compile(r"variable[ \t]+\"[\w-]{0,60}?(?i:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)_?key)\"[ \t]*\{[^{}]{0,400}?default[ \t]*=[ \t]*\"([^\"\n]{4,400}+)\""),
         ("variable \"",)),
    Rule("assigned", re.compile(
        r"-[ \t]+value:[ \t]*[\"']?([^\s\"']{4,400}+)[\"']?[ \t]*\r?\n[ \t]+name:[ \t]*[\"']?[\w.-]{0,60}?(?i:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)[_-]?key)[\"']?[ \t]*(?=\r?\n|\Z)"),
         ("- value:",)),
)  # fmt: skip
"""Each has its hint: most texts have none of them."""
