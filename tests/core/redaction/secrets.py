"""Secrets of the public rule families, made by seed; none opens anything."""

from __future__ import annotations

import json
import string
from base64 import b64encode, urlsafe_b64encode
from random import Random

HEX, LOWER, ALNUM = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_letters + string.digits
WORD = ALNUM + "_-"
FAMILIES: dict[str, tuple[str, str, int]] = {
    "aws": ("AKIA", string.ascii_uppercase + "234567", 16), "aws-session": ("ASIA", string.ascii_uppercase, 16),
    "google": ("AIza", ALNUM, 35), "github": ("ghp_", ALNUM, 36), "github-app": ("ghs_", ALNUM, 36),
    "github-fine": ("github_pat_", ALNUM, 82), "gitlab": ("glpat-", ALNUM, 20), "npm": ("npm_", ALNUM, 36),
    "pypi": ("pypi-AgEIcHlwaS5vcmc", ALNUM, 80), "rubygems": ("rubygems_", HEX, 48), "docker": ("dckr_pat_", WORD, 27),
    "stripe": ("sk_live_", ALNUM, 24), "stripe-restricted": ("rk_live_", ALNUM, 30), "square": ("sq0atp-", ALNUM, 22),
    "shopify": ("shpat_", HEX, 32), "slack": ("xoxb-", ALNUM, 40), "slack-app": ("xapp-1-", ALNUM, 40),
    "twilio": ("SK", HEX, 32), "mailgun": ("key-", HEX, 32), "brevo": ("xkeysib-", HEX, 64),
    "anthropic": ("sk-ant-api03-", ALNUM, 93), "openai": ("sk-proj-", ALNUM, 48), "openai-old": ("sk-", ALNUM, 48),
    "hugging-face": ("hf_", string.ascii_letters, 34), "replicate": ("r8_", ALNUM, 37), "groq": ("gsk_", ALNUM, 52),
    "digitalocean": ("dop_v1_", HEX, 64), "databricks": ("dapi", HEX, 32), "vault": ("hvs.", ALNUM, 90),
    "pulumi": ("pul-", HEX, 40), "linear": ("lin_api_", ALNUM, 40), "figma": ("figd_", ALNUM, 43),
    "grafana": ("glc_", ALNUM, 60), "new-relic": ("NRAK-", string.ascii_uppercase + string.digits, 27),
    "supabase": ("sbp_", HEX, 40), "sentry": ("sntrys_", ALNUM, 60), "planetscale": ("pscale_tkn_", ALNUM, 43),
    "atlassian": ("ATATT3", ALNUM, 180), "tailscale": ("tskey-auth-", ALNUM, 30), "postman": ("PMAK-", HEX, 24),
}  # fmt: skip


def make(family: str, random: Random) -> tuple[str, str]:
    """A secret of the family, and the part of it that must not be seen anywhere."""
    prefix, letters, size = FAMILIES[family]
    body = "".join(random.choices(letters, k=size))
    if family == "postman":
        body += "-" + "".join(random.choices(HEX, k=34))
    if family == "brevo":
        body += "-" + "".join(random.choices(ALNUM, k=16))
    return prefix + body, body


def jwt(random: Random) -> tuple[str, str]:
    """A signed token that names somebody."""
    name = "".join(random.choices(LOWER, k=12))
    parts = [json.dumps(each, separators=(",", ":")).encode() for each in ({"alg": "HS256"}, {"sub": name, "exp": 1})]
    head, body = (urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signature = "".join(random.choices(WORD, k=43))
    return f"{head}.{body}.{signature}", signature


def pem(random: Random) -> tuple[str, str]:
    """A private key."""
    body = b64encode(random.randbytes(240)).decode()
    text = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{text}\n-----END RSA PRIVATE KEY-----", body[64:120]


def url(random: Random) -> tuple[str, str]:
    """User and password in a URL."""
    word = "".join(random.choices(ALNUM, k=14))
    return f"postgresql://app:{word}@db.internal:5432/shop", word


def card(random: Random) -> tuple[str, str]:
    """A card number that passes Luhn."""
    from replay.core.redaction.checks import luhn

    body = "4" + "".join(random.choices(string.digits, k=14))
    number = next(body + digit for digit in string.digits if luhn(body + digit))
    return number, number


def mail(random: Random) -> tuple[str, str]:
    """A mail address."""
    local = "".join(random.choices(string.ascii_lowercase, k=6)) + "." + "".join(random.choices(LOWER, k=7))
    return f"{local}@example.org", local


OTHERS = {"jwt": jwt, "pem": pem, "url": url, "card": card, "mail": mail}
