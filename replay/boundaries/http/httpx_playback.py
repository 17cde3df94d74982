"""What httpx does for each call and need not at replay, where no network takes longer: a third of the time of a call.

Nothing of this is patched before the first replay, and nothing of it differs outside of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial, wraps
from http.cookiejar import CookieJar
from types import ModuleType
from typing import Any

from replay.boundaries.http.httpx_clients import streams
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
    client: Any = getattr(module, "_client", None)
    if hasattr(client, "BoundSyncStream") and hasattr(client, "BoundAsyncStream"):
        played = streams(module)[2]
        easy = partial(_is_easy, module.Response, (client.BoundSyncStream, client.BoundAsyncStream), played)
        module.Response.read = _reading(module.Response.read, easy)
        module.Response.aread = _reading_async(module.Response.aread, easy)
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


def _reading(original: Callable[[Any], bytes], is_easy: Callable[[Any], bool]) -> Callable[[Any], bytes]:
    """Reads a body at once, not through the six generators that httpx lays around each."""

    @wraps(original)
    def read(response: Any) -> bytes:
        world = here()
        if world is None or world.live or not is_easy(response):
            return original(response)
        response.is_stream_consumed = True
        content: bytes = b"".join(response.stream._stream)
        response._content, response._num_bytes_downloaded = content, len(content)
        response.close()
        return content

    return read


def _reading_async(original: Callable[[Any], Any], is_easy: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """The same of one that is waited for."""

    @wraps(original)
    async def aread(response: Any) -> bytes:
        world = here()
        if world is None or world.live or not is_easy(response):
            return await original(response)  # type: ignore[no-any-return]
        response.is_stream_consumed = True
        content: bytes = b"".join([part async for part in response.stream._stream])
        response._content, response._num_bytes_downloaded = content, len(content)
        await response.aclose()
        return content

    return aread


def _is_easy(plain: Any, bound: tuple[Any, Any], played: Any, response: Any) -> bool:
    """Whether its body is a recorded one that nobody has read of, is not encoded, and ends well."""
    stream: Any = vars(response).get("stream")
    if type(response) is not plain or type(stream) not in bound or type(body := stream._stream) is not played:
        return False
    is_untouched = not (response.is_stream_consumed or response.is_closed or hasattr(response, "_content"))
    return body.is_easy and is_untouched and "content-encoding" not in response.headers


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
