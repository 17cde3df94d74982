"""The seams, explicitly and in order. Another one costs a file, a line here, and a row of the conformance test."""

from __future__ import annotations

from collections.abc import Iterable

from replay.boundaries import threads
from replay.boundaries.call import call as _call
from replay.boundaries.clock import clock as _clock
from replay.boundaries.environ import environ as _environ
from replay.boundaries.http import http as _http
from replay.boundaries.model import predictions as _model
from replay.boundaries.random import random as _random
from replay.core.world import Boundary
from replay.errors import UsageError

ALL: tuple[Boundary, ...] = (_http, _model, _call, _clock, _random, _environ)
by_kind: dict[str, Boundary] = {boundary.kind: boundary for boundary in ALL}


def known(kinds: Iterable[str], where: str) -> None:
    """Raises UsageError for what is the kind of no boundary."""
    for kind in kinds:
        if kind not in by_kind:
            raise UsageError(f"{where}: {kind!r} is no boundary; there are {', '.join(by_kind)}")


def install() -> None:
    """Patch every seam, once per process."""
    threads.install()
    for boundary in ALL:
        boundary.install()
