"""Errors that a web framework answers for: Django and Flask say so, others log them (see `replay.core.behind`)."""

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

from replay.boundaries.seam import when_imported
from replay.core.world import here, lost


def install() -> None:
    """Listen. Neither framework is imported for it."""
    when_imported("django.core.signals", _listen_to_django)
    when_imported("flask.signals", _listen_to_flask)


def logged(record: logging.LogRecord) -> None:
    """A log line: what was raised where it was written may be what the answer comes of."""
    if record.levelno >= logging.ERROR and type(record.exc_info) is tuple:
        _handled(record.exc_info[1], is_sure=False)


def _listen_to_django(signals: ModuleType) -> None:
    signals.got_request_exception.connect(_said_by_django, weak=False, dispatch_uid="replay")


def _listen_to_flask(signals: ModuleType) -> None:
    signals.got_request_exception.connect(_said_by_flask, weak=False)


def _said_by_django(sender: Any, **named: Any) -> None:
    try:
        _handled(sys.exception(), is_sure=True)
    except Exception:
        lost("handled-failed")


def _said_by_flask(sender: Any, exception: Any = None, **named: Any) -> None:
    try:
        _handled(exception, is_sure=True)
    except Exception:
        lost("handled-failed")


def _handled(error: Any, *, is_sure: bool) -> None:
    world = here()
    if world is not None and isinstance(error, BaseException):
        world.handled(error, is_sure=is_sure)
