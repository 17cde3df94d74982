"""What httpx does for each call and need not at replay, where no network takes longer: a third of the time of a call.

Nothing of this is patched before the first replay, and nothing of it differs outside of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from http.cookiejar import CookieJar
from types import ModuleType
from typing import Any

from replay.core.world import here

LONGEST = 2000
"""Characters of a URL that is remembered."""
MOST = 256
"""URLs that are."""
_patched: set[str] = set()


def patch(module: ModuleType) -> None:
    """Patch httpx or httpx2. A second call does nothing."""
    if module.__name__ in _patched:
        return
    _patched.add(module.__name__)
    module.Cookies.extract_cookies = _cookies(module.Cookies.extract_cookies)
    urls: Any = getattr(module, "_urls", None)
    if hasattr(urls, "urlparse"):
        urls.urlparse = _parsing(urls.urlparse)
    default: Any = getattr(getattr(module, "_transports", None), "default", None)
    if hasattr(default, "create_ssl_context"):
        default.create_ssl_context = _trusting(default.create_ssl_context)


def _cookies(original: Callable[..., None]) -> Callable[..., None]:
    """Leaves out an answer that sets none, as httpx2 does: httpx makes urllib's request and response of each."""

    @wraps(original)
    def extract_cookies(cookies: Any, response: Any) -> None:
        world = here()
        if world is not None and not world.live and _is_plain(cookies.jar):
            headers = response.headers
            made_by_hand = getattr(response, "_request", None) is None  # which httpx refuses
            if "set-cookie" not in headers and "set-cookie2" not in headers and not made_by_hand:
                return
        original(cookies, response)

    return extract_cookies


def _is_plain(jar: Any) -> bool:
    """Whether nothing of the application's looks at what the jar is shown."""
    return type(jar) is CookieJar and "extract_cookies" not in vars(jar)


def _parsing(original: Callable[..., Any]) -> Callable[..., Any]:
    """Parses each URL once: what comes of it never changes."""
    known: dict[str, Any] = {}

    @wraps(original)
    def urlparse(url: str = "", **parts: Any) -> Any:
        world = here()
        if parts or type(url) is not str or len(url) > LONGEST or world is None or world.live:
            return original(url, **parts)
        found = known.get(url)
        if found is None:
            found = original(url)
            if len(known) >= MOST:
                known.clear()
            known[url] = found
        return found

    return urlparse


def _trusting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Loads the usual certificates once, for all clients that are made without any of their own: they take twenty times
    as long as three calls, and nothing is encrypted."""
    known: dict[tuple[Any, ...], Any] = {}

    @wraps(original)
    def create_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        world = here()
        if verify is not True or cert or world is None or world.live:
            return original(verify=verify, cert=cert, trust_env=trust_env)
        key = (trust_env, *(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        found = known.get(key)
        if found is None:
            found = known[key] = original(verify=verify, cert=cert, trust_env=trust_env)
        return found

    return create_ssl_context
