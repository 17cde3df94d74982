"""A unit of work that sends the same request several times, each with a key against repeating."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import requests

import replay

KEYS: dict[str, Callable[[], str]] = {
    "drawn": lambda: str(uuid.uuid4()),
    "secret": lambda: secrets.token_hex(16),
}
NOW: dict[str, Any] = {}
"""What a change of the code makes another: `shared`, `kind`."""


@replay.capture
def charges(client: str, url: str, kind: str, shared: Sequence[bool]) -> str:
    """Each request with the key of the one before it, or with another one."""
    key, kind = "", NOW.get("kind", kind)
    send: Any = requests.post if client == "requests" else httpx.post
    for is_shared in NOW.get("shared", shared):
        key = key if key and is_shared else KEYS[kind]()
        try:
            send(f"{url}/echo", json={"amount": 7}, headers={"Idempotency-Key": key}, timeout=10)
        except BaseException:
            return "done"
    return "done"
