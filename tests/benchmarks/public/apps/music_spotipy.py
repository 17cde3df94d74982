"""Tracks of an artist."""

from __future__ import annotations

from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials

import replay

ANSWER = b'{"access_token": "NgCXRK", "token_type": "Bearer", "expires_in": 3600}'


@replay.capture
def sign_in(address: str) -> str:
    """How to sign the requests."""
    service = SpotifyClientCredentials(client_id="a", client_secret="b", cache_handler=MemoryCacheHandler())
    service.OAUTH_TOKEN_URL = f"{address}/api/token"
    return f"Bearer {service.get_access_token(as_dict=False)}"


def record(address: str) -> None:
    sign_in(address)
