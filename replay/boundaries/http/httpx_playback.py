"""What httpx does for each call and need not at replay, where no network takes longer: a third of the time of a call.

Nothing of this is patched before the first replay, and nothing of it differs outside of one.
"""

from __future__ import annotations

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
