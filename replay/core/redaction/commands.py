"""Secrets that are told by the line in which they stand: options of commands, SQL, settings in files of several forms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from replay.core.redaction.finding import Rule
from replay.core.redaction.values import DRAWN, is_value

NAMED = r"(?i:[\w.-]{0,60}?(?=[pstcamed])(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|(?:api|access|private|client|secret|master|encryption|decryption|signing)[_-]?key))"
"""Names of secrets, as keys of settings, to their end."""
VALUE = r"(?:(?<=')[^'\n]{4,400}+(?=')|(?<=\")[^\"\n]{4,400}+(?=\")|[^\s\"'|;&<>]{4,400}+)"
_ARROWS = "|".join(
    rf"(?i:(?<={name}{space}{arrow}))"
    for name in (
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "api key",
    )
    for space in ("", " ", "[\"'] ")
    for arrow in ("->", "-->")
)
"""What stands before an arrow that leads to a secret, and the arrow."""
_COMMANDS = r"(?:mysql\w{0,9}|mariadb[\w-]{0,12}|sshpass|docker|podman|helm|redis-cli|ldap[a-z]{3,9}|az|mongo\w{0,9}|sqlcmd|curl|smbclient|https?|zip|unzip|7z\w?|snmp[a-z]{3,9})"
_ARGUMENTS = rf"(?:[ \t]{{1,9}}+(?!{_COMMANDS}[ \t])[^\s|;&]{{1,300}}+){{0,30}}?[ \t]{{1,9}}+"
"""Words between a command and its option; the next command ends them."""


_ASKS = r"(?:S: ?|<{1,3} ?)?(?:\+|334)"
_SAYS = r"(?:C: ?|>{1,3} ?)?"
"""What stands before a line of the server, of the client, in a log of both."""
SAID_BY = r"(?: ?:C| ?>{1,3})?"
"""The same of the client, read from its end: see `Rule.behind`."""


BACKWARDS = (
    r"(?i:(?:(?:drow|dw|esarhp|edoc)?ssap|dwp|terces|nekot|s?laitnederc|"
    r"yek[_-]?(?:ipa|ssecca|etavirp|tneilc|terces|retsam|noitpyrc(?:ne|ed)|gningis)))"
)
"""The same names as they end, read from their end: see `Rule.behind`."""
_LETTERS = re.compile(r"[A-Za-z0-9_-]+(?![?*+{])")
_LISTED = r"'(?:([^'\n]{4,400}+)|[^'\n]{0,3}+)'"
_COLUMN = re.compile(rf"\s{{1,9}}+[\"`\]]?{BACKWARDS}")


def _option(commands: Sequence[str], options: str, secret: str = VALUE) -> re.Pattern[str]:
    """What follows an option of a command on the same line."""
    return re.compile(rf"(?:{'|'.join(map(_at_its_start, commands))}){_ARGUMENTS}{options}[\"']?({secret})")


def _at_its_start(command: str) -> str:
    """A command that no longer word ends in. Its letters come first: what begins with such is looked for in C."""
    letters = _LETTERS.match(command)[0]  # type: ignore[index]  # each begins so
    return rf"{letters}(?<![\w.-]{letters}){command[len(letters) :]}"


def _no_word(text: str) -> bool:
    """Behind an option in prose: `use --token instead` has none."""
    return not re.fullmatch(r"[A-Za-z]?[a-z]+[.,:;!?)]?|-.*|[$<{\[%].*|\*+|\.+", text)


def _no_port(text: str) -> bool:
    return not re.fullmatch(r"[\d.:/]+(?:tcp|udp)?|[$<{].*|\*+", text)


COMMANDS: tuple[Rule, ...] = (
    Rule("option", re.compile(
        rf"-(?<![\w-]-)-?(?=[a-z]{{3}}|[a-z]-){NAMED}[ \t]{{1,9}}+[\"']?({VALUE})"), ("--", " -storepass", " -keypass", "-password ", "-passwd ", "-passphrase ", "-pass ", "-token ", "-secret ", "-key "), _no_word),
    Rule("option", _option((r"mysql\w{0,9}", r"mariadb[\w-]{0,12}"), "-p"), ("mysql", "mariadb"), _no_port),
    Rule("option", _option(("sshpass",), "-p[ \t]?"), ("sshpass",)),
    Rule("option", _option((r"docker[ \t]+login", r"podman[ \t]+login", r"helm(?:[ \t]+registry)?[ \t]+login"), "-p[ \t=]?"), ("docker", "podman", "helm")),
    Rule("option", _option(("redis-cli",), "-a[ \t]?"), ("redis-cli",)),
    Rule("option", _option(("ldap[a-z]{3,9}",), "-w[ \t]?"), ("ldap",)),
    Rule("option", _option((r"az[ \t]+login", r"mongo\w{0,9}"), "-p[ \t]?"), ("az login", "mongo")),
    Rule("option", _option(("sqlcmd",), "-P[ \t]?"), ("sqlcmd",)),
    Rule("option", _option(("curl",), r"(?:(?:-[uU]|--(?:proxy-)?user)[ \t=]{0,9}+[\"']?[^\s\"':|;&]{1,100}+:|"
                                    r"(?:-b|--cookie)[ \t=]{0,9}+[\"']?[^\s\"'=;|&]{1,100}+=)"), ("curl",)),
    Rule("option", _option(("smbclient",), r"(?:-U|--user)[ \t=]{0,9}+[\"']?[^\s\"'%|;&]{1,100}+%"), ("smbclient",)),
    Rule("option", _option((r"https?(?=[ \t])",), r"(?:-a|--auth)[ \t=]{0,9}+[\"']?[^\s\"':|;&]{1,100}+:"), ("http ", "https ")),
    Rule("option", _option((r"openssl[ \t]+(?:enc|cms|smime|aes|des|bf|rc4|camellia|chacha)[\w-]{0,30}",), "-[kK][ \t]{1,9}+"), ("openssl",)),
    Rule("option", re.compile(r"[nN](?<=\b.)[eE][tT][ \t]+[uU][sS][eE][rR][ \t]+(?:/\w{1,20}+[ \t]+){0,3}+(?!/)(?:\"[^\"\n]{1,60}+\"|[^\s\"]{1,60}+)[ \t]+[\"']?"
                              r"((?=[^\s\"'A-Za-z]{0,60}+[A-Za-z])(?=\S{0,60}?[\d!@#$%^&+~])[^\s/\"'*][^\s\"']{3,200}+)(?=[ \t]+/|[\"']|[ \t]*(?:[\r\n]|\Z))"),
         ("net user", "NET USER")),
    Rule("option", re.compile(r"net(?<=\bnet)[ \t]+use[ \t][^\n]{0,40}?\\\\[^\s]{1,200}+[ \t]{1,9}+(?:/user:[^\s]{1,100}+[ \t]{1,9}+)?[\"']?([^\s/\"'*][^\s\"']{3,200}+)"), ("net use", "NET USE")),
    Rule("option", _option(("zip", "unzip"), "-P[ \t]?"), ("zip -", "zip\t-")),
    Rule("option", _option(("7z[ar]?",), "-p"), ("7z ", "7za ", "7zr ")),
    Rule("option", _option(("snmp[a-z]{3,9}",), "-[cAX][ \t]?"), ("snmp",)),
    Rule("option", re.compile(r"(?:echo|printf)[ \t]{1,9}+[\"']?([^\s\"'|$]{4,400}+)[\"']?[ \t]{0,9}+\|[^\n|]{1,200}?(?:--password-stdin|--with-token|-passin stdin|--passphrase-fd)"),
         ("--password-stdin", "--with-token", "-passin stdin", "--passphrase-fd")),
    Rule("option", re.compile(  # of network devices
        r"(?:snmp-server community|enable (?:secret|password)|key-string|tacacs-server[^\n]{0,60}? key|radius-server[^\n]{0,60}? key|username \S{1,60}+ (?:password|secret))[ \t]{1,9}+"
        r"(?:\d[ \t]{1,9}+)?(?=[^\s]*\d)([^\s\"']{4,400}+)"), ("snmp-server ", "enable secret", "enable password", "key-string", "-server ", "username ")),
    Rule("option", re.compile(r"(?:sqlplus(?:[ \t]+-\w{1,9}){0,4}[ \t]+|oracle:thin:)[\w$#]{1,60}/([^\s@/\"']{2,100}+)@"), ("sqlplus", "oracle:thin:")),
    Rule("option", re.compile(r"htpasswd[ \t]+-\w{0,9}b\w{0,9}[ \t]+\S{1,200}+[ \t]+\S{1,100}+[ \t]+[\"']?([^\s\"']{4,200}+)"), ("htpasswd",)),
    Rule("option", re.compile(r"-pass(?:in|out)?[ \t]+[\"']?pass:([^\s\"']{4,200}+)"), ("pass:",)),
    Rule("scheme", re.compile(r"[Aa](?i:uthorization)[\"']?[ \t]{0,9}[:=][ \t]{0,9}[\"']?(?:(?i:token|apikey|jwt|key|negotiate|ntlm|sso-key) |(?!(?i:bearer|basic) )[A-Za-z][\w-]{1,20}+ (?=[A-Za-z._~+/:-]{0,400}+\d))([A-Za-z0-9._~+/:-]{8,4000}+=*)"),
         ("uthorization", "UTHORIZATION")),
    Rule("digest-response", re.compile(
        r"[Rrm](?<=\b.)(?:(?<=[Rr])esponse=[\\]{0,3}\"?(?=[0-9A-Fa-f]{32})|(?<=m)ac=[\\]{0,3}\"(?=[A-Za-z0-9+/]{12}))([A-Za-z0-9+/]{12,128}+={0,2})"), ("esponse=", "mac=")),
    Rule("option", re.compile(r"(?:AUTH(?<=\bAUTH)(?! (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM))(?: [\w.-]{1,60})?|requirepass(?<=\brequirepass)|masterauth(?<=\bmasterauth)) [\"']?((?=[^\s\"']*\d)[^\s\"']{8,200}+)"),
         ("AUTH ", "requirepass", "masterauth")),
    Rule("assigned", re.compile(r"ConvertTo-SecureString[ \t]{1,9}(?:-String[ \t]{1,9})?[\"']([^\"'\n]{4,200}+)"), ("-SecureString",), is_value),
    Rule("assigned", re.compile(r":(?:5432|\*):[^\s:]{1,100}+:[^\s:]{1,100}+:([^\s:@/]{4,200}+)(?=\s|\Z)"), (":5432:", ":*:")),
    Rule("assigned", re.compile(r"\";s:\d{1,4}:\"([^\"\n]{4,400}+)"), ("\";s:",), is_value, behind=re.compile(rf"{BACKWARDS}[\w.-]{{0,60}}+\"")),
    Rule("element", re.compile(
        r">[\w -]{0,30}?(?i:pass(?:word|wd|phrase|code)|secret|token|api[ _-]?key|\bpin\b)[ :]{0,3}(?:</\w{1,9}>\s{0,9}){1,3}+<(?:td|dd|string)\b[^<>]{0,99}+>\s{0,9}+"
        r"(?:<\w{1,9}+>\s{0,9}+){0,2}+([^<>\s]{4,400}+)"), ("</td>", "</th>", "</dt>", "</key>"), is_value),
    Rule("password-hash", re.compile(
        r"(?:\$(?:2[abxy]\$\d\d|(?:[156]|apr1|y|7|2y)(?:\$(?:rounds=\d{1,9}|j\w{2,4}))?)|,p=\d{1,5})"
        r"\$([./A-Za-z0-9+$]{22,200}+)"), ("$2", "$1$", "$5$", "$6$", "$apr1$", "$y$", ",p=")),
    Rule("password-hash", re.compile(r"(?:pbkdf2_sha\d{1,3}\$\d{1,9}|pbkdf2:sha\d{1,3}(?::\d{1,9}){1,3}|scrypt(?::\d{1,9}){1,3})\$([A-Za-z0-9+/$]{16,300}+=?)"),
         ("pbkdf2", "scrypt:")),
    Rule("scheme", re.compile(  # SMTP, IMAP, POP (RFC 4616, 7628)
        rf"AUTH(?:ENTICATE)? (?:PLAIN|XOAUTH2|OAUTHBEARER)(?:\r?\n{_ASKS}[^\n]{{0,80}}+)?\s{{1,3}}+{_SAYS}([A-Za-z0-9+/]{{8,4000}}+={{0,2}}+)"),
         ("AUTH PLAIN", "AUTHENTICATE ", "AUTH XOAUTH2", "AUTH OAUTH")),
    Rule("login", re.compile(rf"334 UGFzc3dvcmQ6\s{{1,4}}+{_SAYS}([A-Za-z0-9+/]{{4,400}}+={{0,2}}+)"), ("334 UGFzc3dvcmQ6",)),
    Rule("assigned", re.compile(
        r" LOGIN (?:\"[^\"\n]{1,200}+\"|[^\s\"]{1,200}+) \"?([^\s\"]{4,200}+)"), (" LOGIN ",),
         behind=re.compile(rf"(?:(?=[\w.]{{0,11}}\d)[\w.]{{1,12}}+|\.){SAID_BY}(?:\s|\Z)")),
    Rule("assigned", re.compile(r"PASS ([^\s]{4,200}+)(?<=\S)(?=\r?\n|\Z)"), ("USER ",), behind=re.compile(rf"{SAID_BY}(?:\n|\Z)")),
    Rule("digest-response", re.compile(r"APOP (?<=\bAPOP )\S{1,200}+ ([0-9a-fA-F]{32})\b"), ("APOP ",)),
    Rule("assigned", re.compile(  # in other languages
        r"[cCsSwWhHпП密パ비](?i:(?<=c)ontraseña|(?<=s)enha|(?<=w)achtwoord|(?<=h)asło|(?<=s)alasana|(?<=п)ароль|(?<=密)[码碼]|(?<=パ)スワード|(?<=비)밀번호)[\"']?[ \t]{0,9}+[:=\uff1a][ \t]{0,9}+[\"']?([^\s\"',;&<>]{4,400}+)"),
         ("contrase", "Contrase", "enha", "wachtwoord", "Wachtwoord", "has\u0142o", "Has\u0142o", "alasana", "\u0430\u0440\u043e\u043b\u044c", "\u5bc6", "\u30d1\u30b9\u30ef", "\ube44\ubc00"), is_value),
    Rule("assigned", re.compile(r" is: ?[\"'`]?([^\s\"'<>`]{5,400}+)"), (" is:",), is_value,
         behind=re.compile(r"(?i:(?:drow|esarhp|edoc)ssap|terces|nekot|yek)")),
    Rule("assigned", re.compile(r"[sS](?i:et password for)[ \t][^\s=]{1,200}+[ \t]{0,3}=[ \t]{0,3}(?i:(?:old_)?password\()?'([^'\n]{4,400}+)'"), ("PASSWORD FOR ", "password for "), is_value),
    Rule("field", re.compile(r"type=[\"']?password\b[^<>]{0,200}?\bvalue=[\"']?([^\"'\s<>]{4,400}+)"), ("type=",), is_value),
    Rule("assigned", re.compile(r"_(?:authToken|password|auth)[ \t]{1,9}+([^\s\"']{8,4000}+)"), ("_authToken ", "_auth ", "_password ")),
    Rule("assigned", re.compile(r"[ \t]((?=[A-Za-z0-9]{12})(?=[A-Za-z]{0,40}?\d)(?=\d{0,40}+[A-Za-z])[A-Za-z0-9]{12,400}+)(?![\w/.-])"),
         ("oken ", "key ", "KEY ", "OKEN ", "ecret ", "assword ", "assphrase ", "asscode ", "asswd ", "ASSWORD ", "oken\t", "key\t", "assword\t"),
         behind=re.compile(
             r"(?i:(?:nekot|yek)[ _-]?(?:ssecca|ipa|htua|reraeb|hserfer|noisses)|terces (?:tneilc|remusnoc|derahs)|(?:esarhp|drow|edoc|dw)ssap)")),
    Rule("assigned", re.compile(
        r"[\"'`](?<=[ \t].)((?=[^\s\"'`]{0,99}?\d)(?=[^\s\"'`]{0,99}?[A-Za-z])[^\s\"'`]{8,400}+)[\"'`]"),
         ("oken \"", "oken '", "oken `", "key \"", "key '", "key `", "assword \"", "assword '", "assword `"), is_value,
         behind=re.compile(r"[ \t](?i:nekot(?! detcepxen)(?!\w)|yek ipa|(?:drow|dw|edoc|esarhp)ssap)")),
    Rule("assigned", re.compile(  # of capitals, small letters and digits in two places, or signs
        r"[pP](?i:ass(?:word|wd|phrase|code))[ \t]((?=\S{0,60}?[A-Z])(?=\S{0,60}?[a-z])(?=\S{0,60}?(?:\d[^\d\s]{1,40}+\d|\d\S{0,60}?[!@#$%^*+~]|[!@#$%^*+~]\S{0,60}?\d))"
        r"(?!(?i:argon|bcrypt|pbkdf|scrypt|sha|md5|hmac|base64)|\S{0,60}?\d{4}-\d\d-\d\d)[^\s\"'`,;&<>(){}\[\]/|=]{7,99}+(?<![.?:]))"),
         ("assword ", "assphrase ", "asscode ", "asswd ", "ASSWORD ", "assword\t"), is_value),
    Rule("assigned", re.compile(rf"-{{1,2}}>(?:{_ARROWS})[ \t]{{0,9}}+[\"']?((?!(?:[A-Z][a-z]+){{1,9}}+\d?\b)(?=[^\s\"',;|]{{0,99}}?\d)[^\s\"',;&<>(){{}}\[\]|]{{6,400}}+)(?![(\[])"), ("->",), is_value),
    Rule("assigned", re.compile(  # a row of its own, as psql and Markdown show it
        r"\|[ \t]{1,9}+((?=[^\s|]{0,99}?\d)[^\s|\"']{6,400}+)[ \t|]{0,40}+(?=\r?\n|\Z)"),
         ("| ",), is_value, behind=re.compile(rf"[ \t]{{0,40}}+{BACKWARDS}[\w.-]{{0,60}}+[ \t|]{{0,40}}+(?:\n|\Z)")),
    Rule("assigned", re.compile(
        r"[tT](?<![\w-].)(?i:oken)(?<!nexpected token)[ \t]((?=[A-Za-z_-]{0,60}+\d)(?=[\d_-]{0,60}+[A-Za-z])[A-Za-z0-9_-]{16,400}+)(?![\w/.])"), ("oken ", "OKEN ")),
    Rule("assigned", re.compile(
        r" (?:was|provided|provided:|given:|supplied:|used:|received:|sent:) [\"'`]?"
        r"((?=[^\s\"'<>`]{0,99}?\d)[^\s\"'<>`]{5,99}[^\s\"'<>`.,;:!?)])"),
         ("assword was ", "oken was ", "key was ", "ecret was ", " provided", " given: ", " supplied: ", " used: ", " received: ", " sent: "), is_value,
         behind=re.compile(r"(?i:(?:drow|dw|esarhp|edoc)ssap|yek ipa|nekot|terces)")),
    Rule("assigned", re.compile(r"[cC](?i:rypt\((?:(?<=\bcrypt\()|(?:(?<=\baes_encrypt\()|(?<=\baes_decrypt\()|(?<=\bpgp_sym_encrypt\()|(?<=\bpgp_sym_decrypt\())[^,()']{1,200}+,[ \t]?))'([^'\n]{4,400}+)'"),
         ("crypt(", "CRYPT(")),
    Rule("field", re.compile(
        rf"form-data;[^\r\n]{{0,200}}?name=\"?{NAMED}\"?[^\r\n]{{0,200}}+(?:\r?\n[\w-]{{1,40}}+:[^\r\n]{{0,200}}+){{0,4}}+(?:\r?\n){{2}}([^\r\n]{{4,4000}}+)"),
         ("form-data;",), is_value),
    Rule("scheme", re.compile(r"AWS (?<=\bAWS )[A-Z0-9]{16,128}+:([A-Za-z0-9+/]{20,60}+=?)"), ("AWS ",)),
    Rule("option", re.compile(r"(?:bindpw(?<=\bbindpw)|rootpw(?<=\brootpw))[ \t]{1,9}+[\"']?([^\s\"']{4,200}+)"), ("bindpw", "rootpw")),
    Rule("password-hash", re.compile(r"\{S?SHA\d{0,3}\}([A-Za-z0-9+/]{20,200}+={0,2}+)"), ("SHA}", "SHA256}", "SHA512}")),
    Rule("signature", re.compile(r"[Ss]ignature(?:-\d{1,3})?+[\"']?[ \t]{0,9}+[:=][ \t]{0,9}+[\"']?(?:sha\d{1,3}=|t=\d{1,20},v\d=)([0-9a-fA-F]{24,200}+)"),
         ("=sha", ": sha", "\"sha", "'sha", ",v")),
    Rule("assigned", re.compile(  # of calls
        r"(?:auth=|Auth|login|Authenticator|Credentials?)\([\"'][^\"'\n]{1,100}+[\"'],[ \t]?[\"']([^\"'\n]{4,200}+)[\"']\)"),
         ("auth=(", "Auth(", "login(", "Authenticator(", "Credential(", "Credentials("), is_value),
    Rule("element", re.compile(
        r"(?:name|key|id)=[\"'][\w.:-]{0,60}?(?i:pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|(?:api|private|access|client)[_-]?key)[\"'][^<>]{0,200}+>\s{0,20}+"
        r"(?:<!\[CDATA\[|<(?:value|string)>)?+\s{0,9}+([^<>\s]{4,4000}?)(?:\]\]>)?+\s{0,9}+</"),
         ("</property>", "</entry>", "</string>", "</value>", "</param>", "</setting>", "</item>", "</field>", "</var>", "</arg>"), is_value),
    Rule("element", re.compile(
        r">[\w -]{0,30}?(?i:pass(?:word|wd|phrase|code)|secret|token|api[ _-]?key|\bpin)[ :]{0,3}</(?:b|strong|em|i|label|span)>[ :]{0,3}(?:<(?:code|span|tt|kbd)\b[^<>]{0,99}+>)?([^<>\s]{4,400}+)"),
         ("</b>", "</strong>", "</em>", "</i>", "</label>", "</span>"), is_value),
    Rule("otp", re.compile(
        r"(\d(?<=[ :=].)(?:\d\d[ -]\d{3}|\d{4,9}))\b"),
         (*(name + mark for name in ("code", "Code", "CODE", "otp", "OTP", "pin", "PIN") for mark in " :="),
          "ime password", "ime Password", "IME PASSWORD"),
         behind=re.compile(r"[ :=]{1,3}(?i:si )?(?i:edoc(?:ssap)? (?:noita(?:cifirev|mrifnoc|citnehtua)|ytiruces|emit-eno|nigol|ssecca|af[2m])|drowssap emit-eno|pto|nip)(?!\w)")),
    Rule("token", re.compile(  # of services that name it just so
        r"[kKmM](?<=[\s?&(\[{,;\"'].)(?:(?<=[kK])(?i:ey)|(?<=[mM])(?i:agic))="
        rf"({DRAWN.pattern})(?![\w./:+%=-])"),
         ("key=", "Key=", "KEY=", "magic=")),
    Rule("oauth-code", re.compile(r"[?&]code=([^\s&#\"'<>]{8,2000}+)(?:&(?!code=)[^\s&\"'<>]{0,400}+){0,8}?(?=&state=)"), ("&state=",)),
    Rule("private-key", re.compile(  # a JSON Web Key (RFC 7518)
        r"\\{0,3}\"(?:d|p|q|dp|dq|qi|k)\\{0,3}\"\s{0,9}+:\s{0,9}+\\{0,3}\"([A-Za-z0-9_-]{16,4000}+)"), ('"kty"', '\\"kty')),
    Rule("path-token", re.compile(
        r"/(?:bot(?=\d{3,15}:)|(?:hooks?|webhooks?|incoming|tokens?|(?:password[_-])?reset(?:[_-]password)?|verify|activate|confirm|invite|magic(?:[_-]link)?|unsubscribe)/"
        r"(?:\d{1,20}+/)?(?=[\w.~-]{0,60}?\d)(?=[\d.~_-]{0,60}+[A-Za-z]))(\d{3,15}+:[\w-]{6,300}+|[\w.~-]{16,300}+)"),
         ("/bot", "hook", "/incoming/", "/token", "reset", "/verify/", "/activate/", "/confirm/", "/invite/", "/magic", "/unsubscribe/")),
    Rule("assigned", re.compile(r"(?:machine[ \t]+\S{1,200}+|default)\s{1,9}+login\s{1,9}+\S{1,200}+\s{1,9}+password\s{1,9}+[\"']?([^\s\"']{3,400}+)"),
         ("machine ", "default ")),
    Rule("assigned", re.compile(
        r"[iI \t](?i:(?<=i)dentified(?:[ \t]+with[ \t]+[\w\"'`]{1,60})?[ \t]+by|(?<=[ \t])password)(?:[ \t]+password)?[ \t]+[\"']?((?<=')[^'\n]{4,400}+(?=')|(?<=\")[^\"\n]{4,400}+(?=\"))"),
         ("IDENTIFIED ", "identified ", "PASSWORD '", "password '"), is_value),
    Rule("assigned", re.compile(rf"[Esc](?<=\b.)(?:(?<=E)NV|(?<=s)et(?:env|x| -\w{{1,3}})|(?<=c)onfig(?:ure)? set)[ \t]+{NAMED}[ \t]+[\"']?({VALUE})"),
         ("ENV ", "setenv ", "setx ", "set -", " set "), is_value),
    Rule("assigned", re.compile(r":[ \t]*(?:(?:&|!!?+)[\w/:.-]{0,60}+[ \t]+){0,2}[|>][+-]?\d?[ \t]*\r?\n[ \t]+(\S[^\n]{3,400}(?:\n[ \t]+[^\n:]{4,400}){0,60})"), (": |", ": >", ": !", ": &"), is_value,
         behind=re.compile(rf"[\"']?{BACKWARDS}")),
    Rule("assigned", re.compile(
        rf"(?:name|key):[ \t]*[\"']?{NAMED}[\"']?[ \t]*\r?\n[ \t]*value:[ \t]*[\"']?({VALUE})"), ("value:",), is_value),
    Rule("assigned", re.compile(r"=\{([^{}\s]{4,200}+)\}"), ("={",), is_value, behind=re.compile(r"(?i:dwp(?!\w)|drowssap)")),
    Rule("assigned", re.compile(r"[\"'],[ \t]?b?\\{0,3}[\"']((?:[^\"'\\\n]){4,400}+)\\{0,3}[\"'][)\]]"),
         ("', '", '", "', "', b'", "','", '","'), is_value, behind=re.compile(rf"\\{{0,3}}+{BACKWARDS}[\w.-]{{0,60}}+[\"']\\{{0,3}}b?[(\[]")),
    Rule("assigned", re.compile(
        r"[nNiIlL<!](?<=\s.)(?:(?<=[nN])(?i:ot\s{1,9}+i?like\s{1,9}+)|(?<=[iI])(?i:like\s{1,9}+)|(?<=[lL])(?i:ike\s{1,9}+)|(?<=<)>\s{0,9}+|(?<=!)=\s{0,9}+)"
        r"'%?+([^'%\n]{4,400}+)"), ("LIKE '", "like '", "<> '", "!= '"), is_value, behind=_COLUMN),
    Rule("assigned", re.compile(
        r"[nNiI](?<=\s.)(?:(?<=[nN])(?i:ot\s{1,9}+in)|(?<=[iI])[nN])\s{0,9}+\(\s{0,9}+" + _LISTED + rf"(?:,\s{{0,9}}+{_LISTED}" * 7 + ")?" * 7),
         ("IN (", "in ("), is_value, behind=_COLUMN, each_group=True),
    Rule("assigned", re.compile(  # what pydantic says of a field
        r"\n  [^\n]{1,400}?input_value=[\"']?([^\n]{4,400}?)[\"']?, input_type="),
         ("input_value=",), behind=re.compile(rf"{BACKWARDS}[\w.-]{{0,140}}+(?:\n|\Z)")),
    Rule("url-password", re.compile(r":(?<=[\w.-]:)([^\s@/\"']{4,200}+)@(?:tcp|unix)\("), ("@tcp(", "@unix(")),
    Rule("field", re.compile(  # its value before its name
        r"<(?:input|meta)\b(?=[^<>]{0,400}?\b(?:name|id)=[\"'][\w.:-]{0,40}?(?i:csrf|xsrf|token|password|secret|api[_-]?key))[^<>]{0,300}?\b(?:value|content)=[\"']([^\"'<>]{4,4000}+)"),
         ("value=", "content="), is_value),
    Rule("option", re.compile(rf"--from-literal[= \t][\"']?[\w.-]{{1,200}}+=({VALUE})"), ("--from-literal",)),
    Rule("option", re.compile(rf"gh(?<=\bgh)[ \t]+secret[ \t]+set[ \t][^\n|;&]{{0,200}}?(?:-b|--body)[ \t=][\"']?({VALUE})"), ("gh secret",)),
    Rule("option", re.compile(rf"vault(?<=\bvault)[ \t]+login[ \t]+(?:-[\w=-]{{1,60}}+[ \t]+){{0,4}}[\"']?(?!-)({VALUE})"), ("vault login",), _no_word),
    Rule("assigned", re.compile(rf"\[{NAMED}(?::[\w:]{{1,60}})?\] => ([^\s]{{4,400}}+)"), ("] => ",), is_value),
    Rule("assigned", re.compile(rf"\[\"{NAMED}\"(?::[\w:\"]{{1,60}})?\]=>\s{{1,20}}+string\(\d{{1,6}}\) \"([^\"\n]{{4,400}}+)"), ("]=>",), is_value),
    Rule("option", _option(("mosquitto_(?:pub|sub)",), "-P[ \t]?"), ("mosquitto_",)),
    Rule("option", _option((r"psexec(?:64)?(?:\.exe)?", r"PsExec(?:64)?(?:\.exe)?", r"Psexec(?:64)?(?:\.exe)?", r"psExec(?:64)?(?:\.exe)?"), "-p[ \t]{1,9}+"), ("sexec", "sExec")),
    Rule("option", _option(("xfreerdp",), "/p:"), ("xfreerdp",)),
    Rule("option", re.compile(r"rabbitmqctl[ \t]+(?:add_user|change_password)[ \t]+\S{1,100}+[ \t]+[\"']?([^\s\"']{4,200}+)"), ("rabbitmqctl",)),
    Rule("option", re.compile(r":(?<=[\w.-]:)([^\s\"':|]{4,200}+)[\"']?[ \t]{0,9}+\|[ \t]{0,9}+(?:sudo )?chpasswd"), ("chpasswd",)),
    Rule("option", re.compile(r"(?:--with-token|--password-stdin)[ \t]{0,9}+<<<[ \t]{0,9}+[\"']?([^\s\"'$]{4,400}+)"), ("<<<",)),
    Rule("option", re.compile(r"stats(?<=\bstats)[ \t]+auth[ \t]+[^\s:]{1,60}+:([^\s]{4,200}+)"), ("stats auth",)),
    Rule("assigned", re.compile(r"[uU](?i:serpassword|nicodepwd):: ?([A-Za-z0-9+/]{4,400}+={0,2}+)"), ("assword:: ", "Pwd:: ")),
    Rule("assigned", re.compile(  # of languages that say the type between
        r":[ \t]{0,3}+[A-Z]?[a-z][\w.]{0,30}+(?:\[[\w., |]{0,40}+\])?(?:[ ]?[|][ ]?None)?\??[ \t]{0,3}+=[ \t]{0,3}+[\"']([^\"'\n]{4,400}+)[\"']"),
         ("str = ", "tring = ", "String? = ", "None = ", "Str = "), is_value, behind=re.compile(rf"[ \t]{{0,3}}+{BACKWARDS}")),
    Rule("assigned", re.compile(r"[sw](?<=\b.)(?:(?<=s)et|(?<=w)ith)(?i:password|passphrase|secret|token|apikey|secretkey)\([\"']([^\"'\n]{4,400}+)[\"']"),
         ("assword(", "assphrase(", "ecret(", "oken(", "piKey(", "retKey("), is_value),
)  # fmt: skip
"""Each has its hint: most texts have none of them."""
