"""The redaction that a project asks for: its rules, its key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from replay.core.redaction.rules import Redaction
from replay.engine.redaction import KEY, Redacting, parameters
from replay.errors import UsageError

if TYPE_CHECKING:
    from replay.core.redaction.redactor import Redactor
    from replay.core.redaction.rules import Rules

SHORTEST = 16
"""Bytes of a key."""
_LATER = ("replay.core.redaction.pseudonyms", "replay.core.redaction.redactor", "replay.core.redaction.structure")
"""Imported while `replay.init` runs, not by the writer's thread: a child that is forked in the middle of another
thread's import finds the module's lock held for ever."""
_own: list[bytes] = []
"""The key of this process, made when it is needed."""


def of(own: Redaction | Mapping[str, Any] | bool | None, key: str | bytes | None) -> Redacting | None:
    """What `replay.init` was asked for; None: no redaction. Raises UsageError."""
    if own is False:
        return None
    chosen = _chosen(own)
    if not chosen.enabled:
        return None
    found = key_of(key)
    rules_of(chosen)  # a pattern that cannot be used is said now, not when the first recording is dropped
    for name in _LATER:
        import_module(name)
    return Redacting(partial(redactor, chosen, found))


def _chosen(own: Redaction | Mapping[str, Any] | bool | None) -> Redaction:
    if isinstance(own, Redaction):
        return own
    if own is None:
        from replay.surfaces.config import load_redaction

        return load_redaction()
    if own is True:
        return Redaction()
    try:
        strange = [name for name in own if name not in Redaction.__struct_fields__]  # type: ignore[union-attr]
        if strange:
            raise UsageError(f"replay.init(redact=...): unknown field {strange[0]!r}; "
                             f"it has {', '.join(Redaction.__struct_fields__)}.")  # fmt: skip
        return msgspec.convert(dict(own), Redaction)  # type: ignore[arg-type]
    except (msgspec.ValidationError, TypeError) as error:
        raise UsageError(
            f"replay.init(redact=...) takes replay.Redaction(keys=..., patterns=..., allow=...): {error}."
        ) from error


def key_of(key: str | bytes | None) -> bytes:
    """The given key, that of the environment, else one of this process. Raises UsageError for one too short."""
    given = key if key is not None else os.environ.get(KEY) or None
    if given is None:
        if not _own:
            _own.append(os.urandom(32))
        return _own[0]
    data = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else bytes(given)
    if len(data) < SHORTEST:
        raise UsageError(f"A redaction key has at least {SHORTEST} bytes (replay.init(redaction_key=...) or {KEY}); "
                         "`python -c 'import secrets; print(secrets.token_hex(32))'` makes one.")  # fmt: skip
    return data


def rules_of(own: Redaction) -> Rules:
    """Compiled. Raises UsageError for a pattern that cannot be used."""
    from replay.core.redaction.rules import Rules

    try:
        return Rules(own)
    except ValueError as error:
        raise UsageError(f"The redaction pattern {error}.", slug="config") from error


def redactor(own: Redaction, key: bytes) -> Redactor:
    """What redacts recordings."""
    from replay.core.redaction.pseudonyms import Pseudonyms
    from replay.core.redaction.redactor import Redactor

    return Redactor(rules_of(own), Pseudonyms(key), parameters)
