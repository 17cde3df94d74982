"""What a replay makes anew has the settings that it was read with; what has a part of the user's own is not read."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
import requests
from requests.structures import CaseInsensitiveDict

from replay.core.families import anew


def _session(**attributes: Any) -> requests.Session:
    session = requests.Session()
    for name, value in attributes.items():
        setattr(session, name, value)
    return session


def _locked() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


MADE: list[Callable[[], Any]] = [
    lambda: httpx.Client(base_url="http://crm/v1", params={"a": "1"}, timeout=3, headers={"x-tenant": "t"}),
    lambda: httpx.AsyncClient(follow_redirects=True, auth=("a", "b")),
    lambda: httpx2.Client(base_url="http://crm/v1", max_redirects=3),
    lambda: _session(params={"a": "1"}, headers=CaseInsensitiveDict({"X-Tenant": "t"}), stream=True),
    lambda: openai.OpenAI(api_key="k", base_url="http://models/v1", max_retries=0, timeout=4),
    lambda: openai.AsyncOpenAI(api_key="k", default_query={"v": "2"}),
    lambda: anthropic.Anthropic(api_key="k", base_url="http://models"),
    lambda: anthropic.AsyncAnthropic(api_key="k", max_retries=5),
    lambda: logging.getLogger("tests.anew"),
    threading.Lock,
    threading.RLock,
    asyncio.Lock,
    lambda: asyncio.Semaphore(4),
]  # fmt: skip
REFUSED: list[Callable[[], Any]] = [
    lambda: httpx.Client(event_hooks={"request": [print]}),
    lambda: httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))),
    lambda: httpx.Client(auth=httpx.DigestAuth("a", "b")),
    lambda: httpx.Client(cookies={"a": "b"}),
    lambda: type("Own", (httpx.Client,), {})(),
    lambda: _session(auth=print),
    lambda: _session(proxies={"http": "http://proxy"}),
    lambda: _session(hooks={"response": [print]}),
    lambda: openai.OpenAI(api_key="k", http_client=httpx2.Client()),
    _locked,
    threading.Event,
    lambda: object(),
]


@pytest.mark.parametrize("make", MADE)
def test_settings_are_those_of_the_original(make: Callable[[], Any]) -> None:
    """Read, made, and read again: the same."""
    original = make()
    kind, settings = anew.read(original) or ("", {})
    made = anew.make(kind, settings)
    assert (type(made), anew.read(made)) == (type(original), (kind, settings))
    assert "'k'" not in repr(settings)


@pytest.mark.parametrize("make", REFUSED)
def test_what_cannot_be_promised_is_not_read(make: Callable[[], Any]) -> None:
    """Hooks, transports, cookies, credentials that ask, subclasses, locked locks, anything else."""
    assert anew.read(make()) is None


def test_only_what_is_on_the_list_is_made() -> None:
    """A bundle may name anything."""
    with pytest.raises(ValueError, match="os:system"):
        anew.make("os:system", {})
