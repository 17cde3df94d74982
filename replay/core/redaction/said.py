"""Secrets that are told by what is said around them: codes and numbers in prose, logins of protocols, address cards."""

from __future__ import annotations

import re

from replay.core.redaction.commands import SAID_BY
from replay.core.redaction.finding import Rule
from replay.core.redaction.values import DRAWN, is_value

_CODE = r"\d{5,8}|\d{3}[ -]\d{3}"
_SIGNS = r"(?:C: ?|>{1,3} ?)?"
"""What stands before a line of the client, in a log of both."""
_OF_OTHERS = (
    r"(?!(?i:zip|post|country|area|discount|promo|coupon|product|status|error|exit|order|tracking|employee|dial))"
)
"""Codes that are no secrets."""
_WITH_DIGIT = r"(?=[^\s\"',;&<>]{0,99}?\d)[^\s\"',;&<>]{3,399}[^\s\"',;&<>.:!?)\u3002\uff0c]"
_MIXED = r"(?=[^\s/]{0,60}?\d)(?=[^\s/]{0,60}?[a-z])(?=[^\s/]{0,60}?[A-Z])"

SAID: tuple[Rule, ...] = (
    Rule("otp", re.compile(
        rf"[yY](?<=\b.)(?i:our) (?:{_OF_OTHERS}[A-Za-z][\w-]{{0,20}}+ ){{0,3}}?(?i:(?:pass)?code|otp|pin)(?i: is|:)?:? {{0,2}}({_CODE})\b(?![.,]?\d)"),
         ("code is ", "Code is ", "CODE IS ", "code: ", "Code: ", "code ", "otp is", "OTP is", "pin is", "PIN is")),
    Rule("otp", re.compile(r"(\d(?<![\w.,/].)(?:\d{4,7}+|\d\d[ -]\d{3})) is your (?:[\w-]{1,20}+ ){0,4}?(?i:(?:pass)?code|otp|pin|password)\b"),
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
    Rule("assigned", re.compile(r"OPER \S{1,60}+ :?(\S{4,200}+)(?=\r?\n|\Z)"), ("OPER ",), behind=re.compile(rf"{SAID_BY}(?:\n|\Z)")),
    Rule("scheme", re.compile(rf"AUTH(?:ENTICATE)? (?:CRAM-MD5|DIGEST-MD5)\s{{1,3}}+(?:S: ?|<{{1,3}} ?)?(?:334|\+) [A-Za-z0-9+/=]{{4,2000}}+\s{{1,4}}+{_SIGNS}([A-Za-z0-9+/]{{12,2000}}+={{0,2}}+)"),
         ("CRAM-MD5", "DIGEST-MD5")),
    Rule("phone", re.compile(r"TEL(?<=[\n.]TEL)[;:](?:[^:\r\n]{0,100}:)?(?:tel:)?([+(]?\d[\d ()./-]{5,30}\d)(?=\r?\n|\Z|;)"), ("\nTEL", ".TEL")),  # RFC 6350
    Rule("birth", re.compile(r"BDAY(?<=\nBDAY)[;:](?:[^:\r\n]{0,100}:)?(\d{4}-?\d\d-?\d\d)"), ("\nBDAY",)),
    Rule("assigned", re.compile(r"variable[ \t]+\"[\w-]{0,60}?(?i:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)_?key)\"[ \t]*\{[^{}]{0,400}?default[ \t]*=[ \t]*\"([^\"\n]{4,400}+)\""),
         ("variable \"",)),
    Rule("assigned", re.compile(
        r"-[ \t]+value:[ \t]*[\"']?([^\s\"']{4,400}+)[\"']?[ \t]*\r?\n[ \t]+name:[ \t]*[\"']?[\w.-]{0,60}?(?i:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)[_-]?key)[\"']?[ \t]*(?=\r?\n|\Z)"),
         ("- value:",)),
    Rule("assigned", re.compile(  # in other languages
        rf"[pPşŞlLhH](?i:(?<=p)arola(?: d'ordine|)|(?<=ş)ifre(?:m|niz|si|)|(?<=l)ösenord(?:et|)|(?<=h)eslo)[\"']?[ \t]{{0,9}}+[:=\uff1a][ \t]{{0,9}}+[\"']?({_WITH_DIGIT})"),
         ("arola", "ifre", "senord", "eslo"), is_value),
    Rule("assigned", re.compile(
        rf"[pPcCkKsSwWlL密](?i:(?<=p)as(?:se est|swort (?:ist|lautet)|sword è)|(?<=c)ontraseña es|(?<=k)ennwort (?:ist|lautet)|(?<=s)enha é|(?<=w)achtwoord is|"
        rf"(?<=l)ösenord(?:et)? är|(?<=密)(?:码[是为]|碼[是為]))[ :\uff1a]{{0,3}}[\"']?({_WITH_DIGIT})"),
         ("passe est", "contraseña es", "Contraseña es", "wort ist", "wort lautet", "enha é", "assword è", "achtwoord is", "senord är", "senordet är", "密码是", "密码为", "密碼是", "密碼為"), is_value),
    Rule("token", re.compile(
        rf"[kK](?<=[\s(\[{{,;\"'].)(?i:ey): {{1,2}}[\"'`]?({DRAWN.pattern})(?![\w/:+%=-]|\.\w)"),
         ("key: ", "Key: ", "KEY: ")),
    Rule("assigned", re.compile(rf"[cClL](?i:(?:(?<=c)red(?:ential)?s|(?<=l)ogin)(?: are|:)?:?) \w[\w.@-]{{1,40}} ?/ ?({_MIXED}[^\s/\"',;<>()]{{6,99}}[^\s/\"',;<>().:!?])(?![/\w]|\.\w)"),
         ("redentials", "creds", "Creds", "ogin"), is_value),
    Rule("assigned", re.compile(r"WIFI:(?:[A-OQ-Z]:[^;\n]{0,100};){0,4}P:((?:[^;\\\n]|\\.){4,200}+);"), ("WIFI:",)),
    Rule("private-key", re.compile(r"client-key-data[\"']?:[ \t]{0,9}[\"']?([A-Za-z0-9+/]{16,9000}+={0,2}+)"), ("client-key-data",)),
    Rule("digest-response", re.compile(r"PasswordDigest=\\{0,3}\"([A-Za-z0-9+/]{12,128}+={0,2}+)"), ("PasswordDigest=",)),
    Rule("option", re.compile(r"lftp[ \t]+(?:-e[ \t]+[^\s]{1,60}[ \t]+)?-u[ \t]+[\"']?[^\s,]{1,60}+,([^\s\"']{4,200}+)"), ("lftp ",)),
    Rule("option", re.compile(r"(?:echo|printf)[ \t]+(?:-\w{1,3}[ \t]+)?[\"']?((?=[^\s|]{0,60}?\d)[^\s\"'$|\\]{4,200}+)(?:\\n)?[\"']?[ \t]{0,9}+\|[ \t]{0,9}+sudo -S"), ("sudo -S",)),
)  # fmt: skip
"""Each has its hint: most texts have none of them."""
