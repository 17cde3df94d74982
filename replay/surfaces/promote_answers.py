"""Answers for what a fix asks where production had failed already, given as values on the command line."""

from __future__ import annotations

import json

from replay.core.codec import encode
from replay.core.recording import Interaction
from replay.engine.borrowed import as_answer
from replay.errors import UsageError

EMPTY = encode({"args": [], "kwargs": {}})


def given(text: str) -> Interaction:
    """The answer that `TARGET=JSON` says, of a `@replay.boundary` function. Raises UsageError."""
    target, separator, value = text.partition("=")
    module, colon, name = target.strip().partition(":")
    if not separator or not (module and colon and name):
        raise UsageError(f"--answer {text}: give TARGET=JSON, e.g. shop.store:save=null")
    try:
        answer = encode(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--answer {text}: what follows `=` is not JSON ({error})") from error
    return as_answer("call", target.strip(), EMPTY, answer)
