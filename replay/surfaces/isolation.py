"""Which way a recording is replayed: in this process, in a fresh one, or in a fresh one under the kernel's guard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.errors import ReplayError, UsageError

Replayer = Callable[[Recording], Verdict]


def replayer(options: Mapping[str, Any], *, hard: bool = False, required: bool = False, in_process: bool = False,
             timeout: float | None = None) -> Replayer:  # fmt: skip
    """A function that replays with these options of `replay.run`.

    Raises UsageError for what excludes each other; ReplayError (`hard-isolation`) if `required` and not to be had.
    Where hard isolation is wanted and not to be had, stderr says so, and the isolation is soft.
    """
    if in_process and (hard or timeout is not None):
        raise UsageError("--in-process has neither hard isolation nor a time limit: leave it, or them, out")
    if hard and options.get("live"):
        raise UsageError("--live needs the real world, which hard isolation keeps away: give one of them")
    if options.get("live"):
        from replay.boundaries import known

        known(options["live"], "--live")
    hard = hard and _to_be_had(required)
    from replay.surfaces import fresh

    if in_process or not fresh.AVAILABLE:
        from replay.surfaces.run import run

        return partial(run, **options)
    return partial(
        fresh.replay_fresh, options=_options(options), timeout=fresh.TIMEOUT if timeout is None else timeout, hard=hard
    )


def _to_be_had(required: bool) -> bool:
    from replay.engine import lockdown

    reason = lockdown.unavailable()
    if reason is None:
        return True
    message = f"hard isolation is not available here: {reason}"
    if required:
        raise ReplayError(f"{message}; nothing was run (--require-hard)", slug="hard-isolation")
    print(f"replay: {message}. THE ISOLATION IS ONLY SOFT: native code can reach the real world.", file=sys.stderr)
    return False


def _options(options: Mapping[str, Any]) -> Any:
    from replay.surfaces.job import Options

    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    if found.get("root") is not None:
        found["root"] = str(found["root"])
    return Options(**found)
