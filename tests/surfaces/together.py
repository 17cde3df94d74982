"""Units of work that run all at once over shared clients."""

from __future__ import annotations

from typing import Any

import httpx
import requests

import replay

shared: dict[str, Any] = {}


@replay.capture
async def in_task(url: str, name: str) -> list[str]:
    """Two requests over one client for all tasks; at replay a client of its own, since the loop is another."""
    own = None if "client" in shared else httpx.AsyncClient(trust_env=False)
    client = own or shared["client"]
    try:
        found = [(await client.get(f"{url}/echo?{name}={step}")).text for step in range(2)]
    finally:
        if own is not None:
            await own.aclose()
    return found


@replay.capture
def in_thread(url: str, name: str) -> list[str]:
    """Two requests over one session for all threads."""
    with requests.Session() as session:
        session.trust_env = False
        return [session.get(f"{url}/echo?{name}={step}", timeout=20).text for step in range(2)]
