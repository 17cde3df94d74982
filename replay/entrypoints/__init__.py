"""What starts a recording, and how each kind is run again."""

from __future__ import annotations

from typing import Any

from replay.core.codec import Resolve
from replay.core.recording import Kind, Outcome, Recording
from replay.entrypoints.turn import Runner


def _run_function(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.function import run_function

    return run_function(recording, target, resolve)


def _run_asgi(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.asgi_replay import run_asgi

    return run_asgi(recording, target, resolve)


def _run_wsgi(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.wsgi_replay import run_wsgi

    return run_wsgi(recording, target, resolve)


def _run_block(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.block import run_block

    return run_block(recording, target, resolve)


RUNNERS: dict[Kind, Runner] = {
    "function": _run_function,
    "asgi": _run_asgi,
    "wsgi": _run_wsgi,
    "block": _run_block,
}
"""How a recording of each kind is run again."""
