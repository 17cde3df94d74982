"""Secrets that tools of today write in forms of their own: long texts of settings, manifests, logs of builds, keys."""

from __future__ import annotations

import re

from replay.core.redaction.commands import BACKWARDS, VALUE
from replay.core.redaction.drawn import key_kind, name_before
from replay.core.redaction.finding import Rule
from replay.core.redaction.values import is_value

_ENTRY = r"(?:[ \t]+[\w.-]{1,200}+:[ \t]*(?:[\"']?([^\s\"'|>{\[][^\s\"']{3,9000}+)[\"']?)?[^\n]{0,200}\n?)"
"""A line of the data of a Secret, and what it holds."""
_ENTRIES = _ENTRY + f"(?:{_ENTRY}" * 11 + ")?" * 11
_ONE_DOCUMENT = r"(?:(?!---|kind:|data:|stringData:)[^\n]{0,200}\n){0,16}?"


def _is_drawn_word(text: str) -> bool:
    """Behind an option that has ways as well as keys: `--auth basic`."""
    return len(text) >= 16 and any(map(str.isdigit, text)) and is_value(text)


def _names_key(before: str, secret: str) -> bool:
    """Whether a name that ends in `key` and what stands behind it tell a secret."""
    return key_kind(name_before(before), secret) is not None


TOOLS: tuple[Rule, ...] = (
    Rule("api-key", re.compile(
        r"[kK](?:(?<=[A-Za-z0-9][_.-].)(?i:ey)|(?<=[A-Za-z0-9]K)ey)(?:_?\d{1,2})?+(?!\w)"
        r"(?:\\{0,3}+[\"'`])?+[\])]?+[ \t]{0,20}+(?:=>|->|:=|[=:|,>])?+[ \t]{0,20}+"
        r"(?:[\"',\s{]{0,9}+(?i:value)\\{0,3}+[\"']?+[ \t]{0,9}+[:=][ \t]{0,9}+)?+"
        r"(?:[A-Za-z]\w{2,11}\()?+(?:b?+\\{0,3}+[\"'`])?+(?:base64:)?+"
        r"((?=[^\s\"'=,]{14})[A-Za-z0-9_+/~-]{1,400}+(?:\.[A-Za-z0-9_+/~-]{1,200}+){0,4}+={0,2}+)(?![\w:%])"),
         ("_key", "-key", ".key", "_KEY", "-KEY", "Key"), told=_names_key),
    *(
        Rule("assigned", re.compile(  # texts of several lines, of TOML and Python
            rf"[=:][ \t]{{0,9}}+{mark}\\?\r?\n\s{{0,60}}+"
            rf"((?=[^\n]{{4}})(?:[^{mark[0]}\s\\]{{1,400}}+|\\(?!\s)|\\?\s{{1,60}}+(?!{mark})|{mark[0]}(?!{mark[1:]})){{1,200}}+)\\?\s{{0,60}}+{mark}"),
             (f"= {mark}", f"={mark}", f": {mark}"), is_value, behind=re.compile(rf"[ \t]{{0,9}}+[\"']?{BACKWARDS}"))
        for mark in ('"""', "\'\'\'")
    ),
    Rule("assigned", re.compile(  # of HCL and shells
        r"<<[-~]?[\"']?[A-Z_]{2,20}+[\"']?\r?\n[ \t]{0,60}+"
        r"([^\s<][^\n<]{3,400}(?:\n[^\n<]{1,400}){0,60}?)\r?\n[ \t]{0,60}+[A-Z_]{2,20}+(?=\W|\Z)"),
         ("<<",), is_value, behind=re.compile(rf"[ \t]{{0,9}}+[=:]?[ \t]{{0,9}}+{BACKWARDS}")),
    Rule("assigned", re.compile(  # of Kubernetes
        rf"kind: Secret[ \t]*\r?\n{_ONE_DOCUMENT}(?:data|stringData):[ \t]*\r?\n{_ENTRIES}"), ("kind: Secret",), is_value, each_group=True),
    Rule("assigned", re.compile(  # as `kubectl get` writes it
        rf"data:(?<![^\n]data:)[ \t]*\r?\n{_ENTRIES}{_ONE_DOCUMENT}kind: Secret\b"), ("kind: Secret",), is_value, each_group=True),
    Rule("assigned", re.compile(  # of pairs that JSON in prose has
        r"[\"'],\s{0,20}+\\{0,3}[\"'](?i:value)\\{0,3}[\"'][ \t]?:[ \t]?\\{0,3}[\"']([^\"'\\\n]{4,4000}+)"),
         ("value\"", "value'", "Value\"", "Value'", "value\\"), is_value,
         behind=re.compile(rf"\\{{0,3}}+\d?{BACKWARDS}[\w.-]{{0,60}}+[\"']\\{{0,3}}+[ \t]?:[ \t]?[\"']\\{{0,3}}+(?i:eman|yek)")),
    Rule("assigned", re.compile(r"=(?<=[ \t]=)[ \t]\"[^\"\n]{0,400}+\"[ \t]->[ \t]\"([^\"\n]{4,400}+)\""),  # what Terraform plans
         ("\" -> \"",), is_value, behind=re.compile(rf"[ \t]{{1,40}}+\"?{BACKWARDS}")),
    Rule("assigned", re.compile(r"[ \t](?:[ \t]{1,59}+|(?<=\t))((?=[^\s]{0,99}?\d)[^\s\"'|=:]{6,400}+)[ \t]{0,60}+(?=\r?\n|\Z)"),  # of tables of two columns
         ("word  ", "oken  ", "cret  ", "key  ", "KEY  ", "word\t", "oken\t", "cret\t"), is_value,
         behind=re.compile(rf"{BACKWARDS}[\w.-]{{0,60}}+[ \t]{{0,40}}+(?:\n|\Z)")),
    Rule("access-key", re.compile(  # of AWS: the other half of a key stands beside it
        r"A(?:K|S)IA[A-Z0-9]{16}(?![A-Z0-9])[^\n]{0,40}?[\s\"'|=:,]((?=[A-Z0-9/+]{0,40}[a-z])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=]))(?:[ \t]([A-Za-z0-9+/]{100,4000}+={0,2}))?"),
         ("AKIA", "ASIA"), each_group=True),
    Rule("assigned", re.compile(  # what Rust, Pydantic and others say around a value
        r"[:=][ \t]{0,3}+(?:Some|Just|Ok|Secret\w{0,9}|SensitiveStr)\(\\{0,3}[\"']([^\"'\\\n]{4,400}+)"),
         ("Some(", "Just(", "Ok(", "Secret"), is_value, behind=re.compile(rf"[ \t]{{0,3}}+{BACKWARDS}")),
    Rule("assigned", re.compile(r"define\([ \t]?[\"'][A-Z_]{2,30}_(?:KEY|SALT)[\"'],[ \t]{0,9}[\"']([^'\n]{16,200}+)[\"'][ \t]?\)"), ("define(",)),  # of WordPress
    Rule("assigned", re.compile(r"::add-mask::([^\s]{4,400}+)"), ("::add-mask::",)),
    Rule("csrf", re.compile(r"Jenkins-Crumb[\"']?[:=][ \t]{0,3}[\"']?([0-9a-f]{32,128}+)"), ("Jenkins-Crumb",)),
    Rule("private-key", re.compile(r"Unseal Key \d{1,2}: {1,3}([A-Za-z0-9+/]{40,60}+={0,2}+)"), ("Unseal Key",)),
    Rule("private-key", re.compile(r"-----BEGIN OpenVPN Static key V1-----\s((?:[0-9a-fA-F]{8,64}+\s{1,4}+){1,64}+)-----END "), ("OpenVPN Static",)),
    Rule("login", re.compile(r"<auth-user-pass>\s{0,9}[^\s<]{1,100}+\s{1,9}([^\s<]{4,200}+)"), ("<auth-user-pass>",)),
    Rule("secret", re.compile(r"PSK(?<=\bPSK)[ \t]{1,9}\"([^\"\n]{4,200}+)\""), ("PSK \"",)),
    Rule("option", re.compile(rf"--auth(?:[_-]?(?:key|token))?[ \t=]{{1,9}}+[\"']?({VALUE})"), ("--auth",), _is_drawn_word),
    Rule("option", re.compile(rf"mc(?<=\bmc)[ \t]+(?:alias[ \t]+set|config[ \t]+host[ \t]+add)[ \t]+\S{{1,60}}+[ \t]+\S{{1,200}}+[ \t]+\S{{1,100}}+[ \t]+[\"']?({VALUE})"), ("mc alias", "mc config")),
    Rule("option", re.compile(rf"config(?<=\bconfig)[ \t]+set[ \t](?:[^\s|;&]{{1,40}}+[ \t]+){{0,3}}?--secret[ \t]+[\w:.-]{{1,99}}+[ \t]+[\"']?({VALUE})"), ("--secret ",)),
    Rule("option", re.compile(r"wandb(?<=\bwandb)[ \t]+login[ \t]+(?:--\w[\w-]{1,20}+[ \t]+){0,3}([A-Za-z0-9_]{32,100}+)"), ("wandb login",)),
    Rule("path-token", re.compile(r"/(?:heartbeat|receiver/v1/http|api/[\w-]{1,60}\?code=|api/[\w/-]{1,90}\?code=)/?((?=[\w-]{0,90}?\d)[\w-]{24,200}+(?:={1,2}|%3[dD]){0,2})"),
         ("/heartbeat/", "/receiver/", "?code=")),
)  # fmt: skip
"""Each has its hint: most texts have none of them."""
