"""The fix certificate: what `replay verify` found as a machine-readable, signed statement, and as Markdown.

The statement is an in-toto Statement v1 (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
Signed, it is the payload of a DSSE envelope (https://github.com/secure-systems-lab/dsse), with Ed25519 (RFC 8032).
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from replay import __version__
from replay.errors import ReplayError, UsageError
from replay.surfaces.page import count
from replay.surfaces.printable import clip, escape
from replay.surfaces.trial import Ran
from replay.surfaces.verify import Finding, Neighbour, words

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:replay-harness:fix-verification:v1"
SHOWN = 20
"""Neighbours that fail, changed files: how many of them are listed."""
Document = dict[str, Any]


def statement(found: Finding, created: datetime | None = None) -> Document:
    """`{_type, subject, predicateType, predicate}`; the subjects are the tree that was tried and the bundle's file.

    The predicate: `{result: "verified" | "refused" | "unfinished", reasons, incident, base, head, neighbours, tool,
    created}`.
    """
    head = {"gitTree": found.tree} | ({} if found.changed else {"gitCommit": found.head_commit})
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": found.name, "digest": head},
            {"name": found.path.name, "digest": {"sha256": sha256(found.path.read_bytes()).hexdigest()}},
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "result": found.result,
            "reasons": found.reasons,
            "incident": {
                "id": found.recording.id,
                "digest": found.recording.digest,
                "origin": found.origin,
                "entrypoint": found.recording.entrypoint,
                "started_at": found.recording.started_at,
            },
            "base": {"revision": found.revision, "commit": found.base_commit, **_run(found.before.incident)},
            "head": {
                "commit": found.head_commit,
                "tree": found.tree,
                "dirty": bool(found.changed),
                "changed": list(found.changed[:SHOWN]),
                **_run(found.now.incident),
            },
            "neighbours": {
                "asked": found.asked,
                "tried": len(found.neighbours),
                "seed": found.seed,
                "telling": found.telling,
                "survived": found.counted("survived"),
                "fail": found.counted("fails"),
                "failed_before": found.counted("failed before"),
                "not_judged": found.counted("not judged"),
                "failures": [_neighbour(each) for each in found.neighbours if each.standing == "fails"][:SHOWN],
                "executions": found.executions,
            },
            "tool": {"name": "replay-harness", "version": __version__, "python": sys.version.split()[0]},
            "created": (created or datetime.now(UTC)).isoformat(timespec="seconds"),
        },
    }


def _run(ran: Ran) -> Document:
    found: Document = {"outcome": ran.ended}
    if ran.ended == "failed":
        found |= {"error_type": ran.error_type, "message": ran.message, "file": ran.file, "line": ran.line,
                  "function": ran.function}  # fmt: skip
    elif ran.reason:
        found["reason"] = ran.reason
    return found


def _neighbour(each: Neighbour) -> Document:
    return {
        "edits": [edit.tree() for edit in each.edits],
        "changes": words(each.edits),
        "before": _run(each.before),
        "now": _run(each.now),
    }


# Signing ----------------------------------------------------------------------------------------------------------


def private_key(key: Path) -> Any:
    """An Ed25519 private key, PEM (PKCS #8), not encrypted. Raises UsageError (`key`), ReplayError
    (`sealed-not-installed`)."""
    serialization, ed25519 = _cryptography()
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{key} cannot be read as a private key ({error}). {_MAKE}", slug="key") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{key} is no Ed25519 key. {_MAKE}", slug="key")
    return private


def signed(found: Document, private: Any) -> Document:
    """A DSSE envelope around the statement."""
    serialization, _ = _cryptography()
    payload = json.dumps(found, ensure_ascii=True, sort_keys=True).encode()
    public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = {"keyid": sha256(public).hexdigest(), "sig": b64encode(private.sign(_framed(payload))).decode()}
    return {"payloadType": PAYLOAD, "payload": b64encode(payload).decode(), "signatures": [signature]}


def opened(envelope: Any, key: Path) -> Document:
    """The statement of an envelope whose signature is that of `key`: an Ed25519 public key, PEM.

    Raises UsageError (`key`), ReplayError (`certificate`) if it is not signed by it.
    """
    serialization, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{key} cannot be read as a public key ({error}). That of key.pem is made with: "
                         "openssl pkey -in key.pem -pubout -out public.pem", slug="key") from error  # fmt: skip
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise UsageError(f"{key} is no Ed25519 key", slug="key")
    try:
        payload = b64decode(envelope["payload"], validate=True)
        given = [b64decode(each["sig"], validate=True) for each in envelope["signatures"]]
        if envelope["payloadType"] != PAYLOAD:
            raise ValueError("another type of payload")
    except (KeyError, TypeError, ValueError, Base64Error) as error:
        raise ReplayError("this is no signed certificate", slug="certificate") from error
    for each in given:
        try:
            public.verify(each, _framed(payload))
        except InvalidSignature:
            continue
        document: Document = json.loads(payload)
        if document.get("predicateType") != PREDICATE or not isinstance(document.get("predicate"), dict):
            raise ReplayError("it is signed with that key, and no certificate of a fix", slug="certificate")
        return document
    raise ReplayError("it is not signed with that key, or was altered since", slug="certificate")


_MAKE = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ReplayError(
            "signing and checking need the library `cryptography`: install the extra `sealed`",
            slug="sealed-not-installed",
        ) from error
    return serialization, ed25519


def _framed(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


# For the pull request ---------------------------------------------------------------------------------------------


def markdown(found: Finding, *, signed_by: str | None) -> str:
    """A summary for the pull request."""
    lines = [f"## Fix {found.result}: {_code(_incident(found), 80)}", ""]
    lines += [f"- {_text(reason)}" for reason in found.reasons]
    lines += [""] if found.reasons else []
    lines += ["| | commit | the incident |", "|---|---|---|",
              f"| before ({_code(found.revision)}) | `{found.base_commit[:12]}` | {_ended(found.before.incident)} |",
              f"| now | {_now(found)} | {_ended(found.now.incident)} |", ""]  # fmt: skip
    lines += list(_around(found))
    tool = f"replay-harness {__version__}, seed {found.seed}, {found.executions:,} executions"
    seal = f"Signed, key `{signed_by[:16]}`." if signed_by else "Not signed."
    recorded = f"Recording `{found.recording.id[:40].replace('`', '')}`, digest `{found.recording.digest[:16]}`"
    lines += [f"{recorded}; {tool}. {seal}", ""]
    return "\n".join(lines)


def _around(found: Finding) -> Iterator[str]:
    yield (
        f"Of {len(found.neighbours):,} neighbours of the incident, {found.telling:,} fail in the same way before; now "
        f"{found.counted('survived'):,} pass, {found.counted('fails'):,} fail, {found.counted('failed before'):,} fail "
        f"for another reason than the incident's, {found.counted('not judged'):,} could not be judged."
    )
    yield ""
    failing = [each for each in found.neighbours if each.standing == "fails"]
    if failing:
        yield from ("| with | now |", "|---|---|")
        for each in failing[:SHOWN]:
            yield f"| {_code(' and '.join(words(each.edits)))} | {_ended(each.now)} |"
        if len(failing) > SHOWN:
            yield f"| and {len(failing) - SHOWN:,} more | |"
        yield ""


def _incident(found: Finding) -> str:
    ran = found.before.incident
    return str(ran) if ran.ended == "failed" else found.recording.entrypoint


def _now(found: Finding) -> str:
    commit = f"`{found.head_commit[:12]}`"
    return f"{commit} with {count(len(found.changed), 'file')} changed" if found.changed else commit


def _ended(ran: Ran) -> str:
    return "passes" if ran.ended == "passed" else _code(str(ran)) if ran.ended == "failed" else _text(str(ran))


def _code(text: str, longest: int = 160) -> str:
    """Recorded text in a cell of a table, as code: nothing in it is Markdown or HTML."""
    plain = clip(escape(text), longest).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain.strip() else "` `"


def _text(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#@&" else char for char in clip(escape(text), 400))
