"""Which names say that what they hold is secret.

A name is compared without case and separators: `X-Api-Key`, `apiKey` and `API_KEY` are one. Short words count only
as whole words of a name (`pin`, `ip`), so that `shipping` and `spin` stay. The list takes in the default deny list of
sentry-sdk (`sentry_sdk.scrubber.DEFAULT_DENYLIST` and `DEFAULT_PII_DENYLIST`, version 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")

ANYWHERE = {
    "authorization": "authorization", "cookie": "cookie", "password": "password", "passwd": "password",
    "passphrase": "password", "passcode": "password", "mysqlpwd": "password", "passwort": "password",
    "kennwort": "password", "motdepasse": "password", "contrasena": "password", "contrasea": "password",
    "secret": "secret", "credential": "credential",
    "apikey": "api-key", "privatekey": "private-key", "accesskey": "access-key", "clientkey": "client-key",
    "accountkey": "access-key", "signingkey": "private-key", "encryptionkey": "private-key",
    "masterkey": "private-key", "subscriptionkey": "api-key", "consumerkey": "client-key", "fernetkey": "private-key",
    "bindpw": "password", "rootpw": "password", "oauthverifier": "token", "geburtsdatum": "birth",
    "presharedkey": "secret", "sshkey": "private-key", "sharedkey": "private-key", "authkey": "api-key",
    "validationkey": "private-key", "decryptionkey": "private-key",
    "sessionid": "session", "phpsessid": "session", "usersession": "session", "csrf": "csrf", "xsrf": "csrf",
    "signature": "signature", "xforwardedfor": "ip", "xrealip": "ip", "ipaddress": "ip", "remoteaddr": "ip",
    "clientip": "ip", "dateofbirth": "birth", "birthdate": "birth", "birthday": "birth", "emailaddress": "email",
    "phonenumber": "phone", "socialsecurity": "ssn", "cardnumber": "card", "creditcard": "card",
    "accesstokens": "token", "authtokens": "token", "refreshtokens": "token", "apitokens": "token",
    "sessiontokens": "token", "bearertokens": "token", "devicetokens": "token", "passport": "identity",
    "taxnumber": "identity", "taxpayer": "identity", "nationalinsurance": "identity",
    "codeverifier": "token", "clientassertion": "token", "devicecode": "token", "samlresponse": "token",
    "privkey": "private-key", "recoverycode": "secret", "backupcode": "secret", "recoveryphrase": "secret",
    "seedphrase": "secret", "licensekey": "secret", "licencekey": "secret", "activationcode": "secret",
    "securitycode": "cvv", "securityanswer": "secret", "functionskey": "api-key", "accountnumber": "iban",
    "routingnumber": "iban", "sortcode": "iban", "insurancenumber": "identity", "wachtwoord": "password",
    "salasana": "password", "driverlicense": "identity", "driverslicense": "identity",
    "drivinglicence": "identity", "identitycard": "identity",
}  # fmt: skip
"""Part of a name, without separators -> kind."""
WORDS = {
    "token": "token", "auth": "authorization", "session": "session", "sid": "session", "symfony": "session",
    "dsn": "dsn", "otp": "otp", "totp": "otp", "pin": "pin", "cvv": "cvv", "cvc": "cvv", "ssn": "ssn", "iban": "iban",
    "email": "email", "mail": "email", "phone": "phone", "mobile": "phone", "msisdn": "phone", "dob": "birth",
    "ip": "ip", "sig": "signature", "hmac": "signature", "pwd": "password", "pass": "password", "jwt": "token",
    "pan": "card", "bearer": "token", "cvn": "cvv", "telephone": "phone", "cellphone": "phone", "accesstoken": "token",
    "authtoken": "token", "refreshtoken": "token", "idtoken": "token", "apitoken": "token", "usertoken": "token",
    "pw": "password", "senha": "password", "mnemonic": "secret",
    "psk": "secret", "sessiontoken": "token", "securitytoken": "token", "bearertoken": "token", "userpass": "password",
    "identitytoken": "token", "registrytoken": "token", "crumb": "csrf",
    "emails": "email", "phones": "phone", "ips": "ip", "ssns": "ssn", "ibans": "iban", "pins": "pin", "otps": "otp",
    "ipv4": "ip", "ipv6": "ip", "tel": "phone", "fax": "phone",
}  # fmt: skip
"""Whole word of a name -> kind."""
ELSEWHERE = ("contraseña", "hasło", "пароль", "密码", "密碼", "パスワード", "비밀번호")
"""Passwords, in letters that are not compared otherwise."""
PAIRS = {("tax", "id"): "identity", ("national", "id"): "identity", ("identity", "number"): "identity",
         ("verification", "code"): "otp", ("mfa", "code"): "otp", ("tfa", "code"): "otp", ("sms", "code"): "otp",
         ("card", "no"): "card", ("cc", "number"): "card", ("account", "no"): "iban"}  # fmt: skip
"""Two words of a name, one after the other -> kind. Run together they would be in `taxi_driver`."""
PERSONAL = frozenset({"email", "phone", "birth", "ip", "card", "iban", "ssn", "identity"})
"""Kinds that say who someone is; all others open something."""
_TAMES = frozenset({"type", "count", "limit", "budget", "url", "uri", "endpoint", "name", "expires", "expiry", "in",
                    "at", "age", "policy", "length", "enabled", "required", "valid", "status", "verified", "path",
                    "domain", "strength", "usage", "mode", "method", "version", "scheme", "level", "scopes", "scope",
                    "class", "template", "subject", "provider"})  # fmt: skip
"""A last word that turns a name into one of something else: `token_type`, `password_policy`, `email_verified`."""


def bare(name: str) -> str:
    """Lower case, without separators."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """`X-ApiKey_2` -> `x`, `api`, `key`, `2`."""
    return tuple(word.lower() for word in _BREAK.split(name[-200:]) if word)


@lru_cache(maxsize=8192)
def kind_of(name: str) -> str | None:
    """The kind of secret that a name announces, by the rules that are built in."""
    name = name[-200:]
    if not name.isascii() and any(each in name.lower() for each in ELSEWHERE):
        return "password"
    parts = words(name)
    if not parts or (len(parts) > 1 and parts[-1] in _TAMES):
        return None
    for part in parts:
        kind = WORDS.get(part) or (
            WORDS.get(part.rstrip("0123456789")) if part != "auth0" else None
        )  # `cvv2`, `phone1`
        if kind is not None:
            return kind
    for pair in pairwise(parts):
        if pair in PAIRS:
            return PAIRS[pair]
    text = bare(name)
    return next((kind for part, kind in ANYWHERE.items() if part in text), None)


def custom(names: Iterable[str]) -> frozenset[str]:
    """The project's own names, as they are compared: the whole name."""
    return frozenset(map(bare, names))
