"""Errors that a web framework answers for: Django, Flask, Quart and Falcon say so, others log them, and code that
catches one itself makes the answer while it handles it (see `replay.core.behind`)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.seam import when_imported
from replay.core.behind import FAILED
from replay.core.world import here, lost


def install() -> None:
    """Listen. No framework is imported for it. Idempotent, as each of these is."""
    when_imported("django.core.signals", _listen_to_django)
    when_imported("flask.signals", _listen_to_flask)
    when_imported("quart.signals", _listen_to_quart)
    when_imported("django.http.response", _watch_django)
    when_imported("starlette.responses", _watch_starlette)
    when_imported("aiohttp.web_response", _watch_aiohttp)
    when_imported("starlette.middleware.exceptions", _watch_below_middleware)
    for module in ("falcon.app", "falcon.asgi.app"):
        when_imported(module, _watch_falcon)


def logged(record: logging.LogRecord) -> None:
    """A log line: what was raised where it was written may be what the answer comes of."""
    if record.levelno >= logging.ERROR and type(record.exc_info) is tuple:
        _handled(record.exc_info[1], is_sure=False)


def _listen_to_django(signals: ModuleType) -> None:
    signals.got_request_exception.connect(_said_by_django, weak=False, dispatch_uid="replay")


def _listen_to_flask(signals: ModuleType) -> None:
    signals.got_request_exception.connect(_said_by_flask, weak=False)


def _listen_to_quart(signals: ModuleType) -> None:
    signals.got_request_exception.connect(_said_by_quart, weak=False)


def _watch_django(responses: ModuleType) -> None:
    _watch(responses.HttpResponseBase, "__init__")


def _watch_aiohttp(responses: ModuleType) -> None:
    _watch(responses.StreamResponse, "__init__", "status")


def _watch_starlette(responses: ModuleType) -> None:
    """Each of its classes ends with the headers, when the status is known."""
    _watch(responses.Response, "init_headers")


def _watch_below_middleware(exceptions: ModuleType) -> None:
    """What leaves the routes goes to the service's middleware, which may answer for it once it is handled."""
    kind = exceptions.ExceptionMiddleware
    below = kind.__call__
    if hasattr(below, "__replay_watched__"):
        return

    @wraps(below)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        try:
            await below(self, scope, receive, send)
        except Exception as error:
            try:
                _handled(error, is_sure=False)
            except Exception:
                lost("handled-failed")
            raise

    call.__replay_watched__ = True  # type: ignore[attr-defined]
    kind.__call__ = call


def _watch_falcon(module: ModuleType) -> None:
    """What it catches is given to handlers, which answer: it tells nobody, but for a text in `wsgi.errors`."""
    handler = vars(module.App).get("_handle_exception")
    if handler is not None and not hasattr(handler, "__replay_watched__"):
        module.App._handle_exception = _told(handler)


def _told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A method that is called where an error is being handled, for the answer to it."""

    @wraps(handler)
    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            _handled(sys.exception(), is_sure=False)
        except Exception:
            lost("handled-failed")
        return handler(self, *args, **kwargs)

    told.__replay_watched__ = True  # type: ignore[attr-defined]
    return told


def _watch(kind: type, name: str, status: str = "status_code") -> None:
    made = getattr(kind, name)
    if not hasattr(made, "__replay_watched__"):
        setattr(kind, name, _watched(made, status))


def _watched(made: Callable[..., None], named: str) -> Callable[..., None]:
    """A method that makes an answer: of one of the service's failure, what is being handled is behind it."""

    @wraps(made)
    def watched(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        try:
            status = getattr(self, named)
            if type(status) is int and status >= FAILED:
                _handled(sys.exception(), is_sure=False)  # Django's own page: for want of a template
        except Exception:
            lost("handled-failed")

    watched.__replay_watched__ = True  # type: ignore[attr-defined]
    return watched


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


async def _said_by_quart(sender: Any, exception: Any = None, **named: Any) -> None:
    """A coroutine: any other listener would be run in a thread."""
    _said_by_flask(sender, exception)


def _handled(error: Any, *, is_sure: bool) -> None:
    world = here()
    if world is not None and isinstance(error, BaseException):
        world.handled(error, is_sure=is_sure)
