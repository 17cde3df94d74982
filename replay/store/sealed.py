"""Sealed bundles: encrypted to public keys (age, X25519: https://age-encryption.org/v1), signed (Ed25519, RFC 8032).

A sealed bundle keeps the suffix `.replay.db`: its first bytes tell it. Signed is, before it is encrypted,
`RPLYSIG` 0x01, the signer's public key (32 bytes), the signature (64), the bundle; the signature is over a fixed text,
the format version and the bundle. The process that seals needs no key that opens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replay.errors import BundleError, UsageError

AGE = b"age-encryption.org/v1\n"
SIGNED = b"RPLYSIG\x01"
IDENTITY, SIGNERS = "REPLAY_IDENTITY", "REPLAY_SIGNERS"
"""The environment of a reader: a file of age identities; public keys of signers, hex, commas between them."""
_CONTEXT = b"replay bundle, format "
_PUBLIC = re.compile(r"[0-9a-f]{64}")
_INSTALL = "install replay-harness[sealed]"


def is_sealed(data: bytes) -> bool:
    """Whether these are the first bytes of a sealed bundle."""
    return data.startswith((AGE, SIGNED))


class Seal:
    """Seals what is written. Raises UsageError for keys that cannot be meant, and where the packages are missing."""

    def __init__(self, recipients: Sequence[str] = (), sign_with: str | bytes | None = None) -> None:
        """`recipients`: age public keys (`age1...`). `sign_with`: an Ed25519 private key, 32 bytes or hex."""
        self._recipients = [_recipient(each) for each in ([recipients] if isinstance(recipients, str) else recipients)]
        self._signer = None if sign_with is None else _signer(sign_with)

    def __call__(self, data: bytes) -> bytes:
        """The sealed form of a bundle's bytes."""
        if self._signer is not None:
            public = self._signer.public_key().public_bytes_raw()
            data = SIGNED + public + self._signer.sign(_signed(data)) + data
        if self._recipients:
            import pyrage

            data = pyrage.encrypt(data, self._recipients)
        return data


def _recipient(text: str) -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise UsageError(f"Sealing to a public key needs pyrage: {_INSTALL}.") from error
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except Exception as error:
        raise UsageError("seal_to takes age public keys (age1...), as `age-keygen` prints them.") from error


def _signer(key: str | bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise UsageError(f"Signing needs cryptography: {_INSTALL}.") from error
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key) if isinstance(key, str) else key)
    except (ValueError, TypeError):
        raise UsageError("sign_with takes the 32 bytes of an Ed25519 private key, or 64 hex digits.") from None


def _signed(data: bytes) -> bytes:
    """What a signature is over: bytes 60 to 63 of the bundle are its format version."""
    return _CONTEXT + data[60:64] + data


def unsealed(data: bytes) -> bytes:
    """The bytes of the bundle; of one that is not sealed the same, unless only signed ones are wanted.

    Raises BundleError (`bundle-sealed`, `bundle-unsigned`, `bundle-altered`) without the path.
    """
    if data.startswith(AGE):
        data = _decrypted(data)
    wanted = _wanted()
    if data.startswith(SIGNED):
        return _verified(data, wanted)
    if wanted:
        raise BundleError(f"it is not signed, and {SIGNERS} asks for a signature. Nothing of it was used",
                          slug="bundle-unsigned")  # fmt: skip
    return data


def _wanted() -> set[str]:
    """Whose signatures are asked for; none: no signature is. A variable that is set and names nobody, as where a secret
    of a build server is missing, asks for one that nobody can give."""
    given = os.environ.get(SIGNERS)
    if given is None:
        return set()
    keys = {each.strip().lower() for each in given.split(",") if each.strip()}
    if not keys or not all(map(_PUBLIC.fullmatch, keys)):
        raise BundleError(f"{SIGNERS} is set and takes public keys, 64 hex digits each, commas between; unset it where "
                          "bundles need no signature", slug="bundle-unsigned")  # fmt: skip
    return keys


def _decrypted(data: bytes) -> bytes:
    file = os.environ.get(IDENTITY)
    if not file:
        raise BundleError(f"it is sealed; set {IDENTITY} to the file of the key (`age-keygen` makes such)",
                          slug="bundle-sealed")  # fmt: skip
    try:
        import pyrage
    except ImportError as error:
        raise BundleError(f"it is sealed, and opening it needs pyrage: {_INSTALL}", slug="bundle-sealed") from error
    try:
        lines = Path(file).read_text(encoding="utf-8").split("\n")
        keys = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.startswith("AGE-SECRET-KEY-")]
    except Exception as error:
        what = error.strerror if isinstance(error, OSError) else "it holds no age identity"
        raise BundleError(f"it is sealed, and the key file of {IDENTITY} cannot be read ({what})",
                          slug="bundle-sealed") from None  # fmt: skip
    try:
        return bytes(pyrage.decrypt(data, keys))
    except Exception as error:
        if "No matching keys" in str(error) or not keys:
            raise BundleError(f"it is sealed to other keys than those of {IDENTITY}", slug="bundle-sealed") from None
        raise BundleError("it was changed or cut after it was sealed", slug="bundle-altered") from None


def _verified(data: bytes, wanted: set[str]) -> bytes:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise BundleError(f"it is signed, and checking that needs cryptography: {_INSTALL}",
                          slug="bundle-sealed") from error  # fmt: skip
    at = len(SIGNED)
    public, signature, data = data[at : at + 32], data[at + 32 : at + 96], data[at + 96 :]
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _signed(data))
    except (InvalidSignature, ValueError):
        raise BundleError("its signature is not that of its content", slug="bundle-altered") from None
    if wanted and public.hex() not in wanted:
        raise BundleError(f"it is signed by {public.hex()[:16]}..., which {SIGNERS} does not name",
                          slug="bundle-unsigned")  # fmt: skip
    return data
