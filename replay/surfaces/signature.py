"""The signature that a command is given: in a file of one of the known forms, or as a type and a place."""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.sentry import is_event, read_event
from replay.core.signature import Signature, SignatureError, checked, named
from replay.core.tracebacks import LARGEST, read_traceback


def read_signature(text: str | bytes) -> Signature:
    """The signature in a Sentry event (JSON) or in a traceback's text. Raises SignatureError."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig", "replace")
    if not text.strip():
        raise SignatureError("the signature is empty: give a Sentry event as JSON, or a traceback as text")
    event = is_event(text) if len(text) <= LARGEST else None
    if event is not None and (('File "' not in text and 'File \\"' not in text) or _has_exception(event)):
        return read_event(event)
    return read_traceback(text)


def _has_exception(event: Any) -> bool:
    try:
        read_event(event)
    except SignatureError:
        return False
    return True


def signature_of(given: bytes | None, error: str | None, at: str | None, message: str | None) -> Signature:
    """The signature that the command line gives. Raises SignatureError."""
    if given is None:
        if error is None or at is None:
            raise SignatureError("say what to look for: --signature FILE, or --error TYPE with --at FILE:FUNCTION")
        found = named(error, at)
    elif at is not None:
        raise SignatureError("--at is for --error TYPE without --signature, which has frames of its own")
    else:
        found = read_signature(given)
        if error is not None:
            found = msgspec.structs.replace(found, error_type=checked(error, "--error"))
    return found if message is None else msgspec.structs.replace(found, message=message)
