"""Keys against repeating are drawn anew at each run; which requests share one is compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import replay
from replay.core.verdict import Verdict
from tests.boundaries.http import repeating
from tests.boundaries.http.server import Server
from tests.recordings import record

SHARED, FRESH, LAST = (False, True, True), (False, False, False), (False, False, True)


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    repeating.NOW.clear()
    yield
    repeating.NOW.clear()


def _paths(verdict: Verdict) -> set[str]:
    """Fields in which requests differ."""
    return {each.path for found in verdict.divergences for each in found.differences if found.asked is not None}


@pytest.mark.parametrize("client", ["httpx", "requests"])
@pytest.mark.parametrize("kind", repeating.KEYS)
@pytest.mark.parametrize("shared", [SHARED, FRESH, LAST])
def test_which_requests_share_a_key(
    tmp_path: Path, server: Server, client: str, kind: str, shared: tuple[bool, ...]
) -> None:
    """A retry with a new key is paid for twice; another request with the same one is never made."""
    (recording,) = record(tmp_path, lambda: repeating.charges(client, server.url, kind, shared))
    server.stop()
    assert [replay.run(recording).green for _ in range(2)] == [True] * 2
    repeating.NOW["kind"] = "secret" if kind == "drawn" else "drawn"
    assert not _paths(replay.run(recording)), "the keys themselves are others each time"
    repeating.NOW.clear()
    for other in {SHARED, FRESH, LAST} - {shared}:
        repeating.NOW["shared"] = other
        verdict = replay.run(recording)
        assert verdict.status == "diverged"
        assert "headers.idempotency-key" in _paths(verdict)
