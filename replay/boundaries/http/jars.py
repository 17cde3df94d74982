"""Cookies that a request has of its client's jar, told from those that the code gave it.

What a jar holds may be older than the unit of work: a client that lives as long as its process keeps what an earlier
answer set (a load balancer's, a bot check's). No recording has those, so a replay asks without them.
`CookieJar.add_cookie_header` is where requests, httpx and urllib take them from; aiohttp has a jar of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.http.exchange import safely
from replay.boundaries.seam import when_imported
from replay.core.world import here

_latest: ContextVar[str | None] = ContextVar("replay_jar_cookies", default=None)
"""The cookies that the latest request of this task or thread has of a jar."""
_installed = False


def install() -> None:
    """Patch `http.cookiejar` when it is imported. Idempotent."""
    global _installed
    if not _installed:
        _installed = True
        when_imported("http.cookiejar", patch)


def patch(module: ModuleType) -> None:
    """Patch `CookieJar` of `module` (`http.cookiejar`)."""
    module.CookieJar.add_cookie_header = _around(module.CookieJar.add_cookie_header)


def _around(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def add_cookie_header(self: Any, request: Any) -> Any:
        done = original(self, request)
        if here() is not None:
            safely(_note, request)
        return done

    return add_cookie_header


def _note(request: Any) -> None:
    added = request.get_new_headers() if hasattr(request, "get_new_headers") else request.unredirected_hdrs
    text = added.get("Cookie")
    _latest.set(text if type(text) is str else None)


def latest() -> str | None:
    """The text of the `Cookie` header, if the request that is made now has it of a jar."""
    return _latest.get()
