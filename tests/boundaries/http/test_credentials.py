"""A credential that only production or only the replay sends is told, and does not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import requests

import replay
from replay.core.compare import unexpected
from replay.surfaces.text import verdict_text
from tests.boundaries.http.server import Server
from tests.recordings import record

Ask = Callable[[str, dict[str, str]], int]
CLIENTS: dict[str, Ask] = {
    "httpx": lambda url, headers: httpx.get(url, headers=headers, trust_env=False).status_code,
    "requests": lambda url, headers: requests.get(url, headers=headers).status_code,
}
HEADERS: dict[str, dict[str, str]] = {"now": {}}


@replay.capture
def ask(client: str, url: str) -> int:
    """With whatever headers there are now."""
    return CLIENTS[client](url, HEADERS["now"])


@pytest.fixture
def server() -> Iterator[Server]:
    """Answers anybody."""
    running = Server()
    yield running
    running.stop()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key"])
@pytest.mark.parametrize("had", [True, False], ids=["production", "the replay"])
def test_a_credential_of_one_side_is_told(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, client: str, name: str, had: bool
) -> None:
    """Production may have been refused without it: a reader has to know."""
    sent: dict[str, str] = {name: "Bearer s3cret-of-ours"}
    monkeypatch.setitem(HEADERS, "now", sent if had else {})
    (recording,) = record(tmp_path, lambda: ask(client, f"{server.url}/json?n=1"))
    assert replay.run(recording).difference == ()
    monkeypatch.setitem(HEADERS, "now", {} if had else sent)
    verdict = replay.run(recording)
    (found,) = verdict.difference
    assert (verdict.status, unexpected(verdict.difference)) == ("reproduced", [])
    assert (found.path, found.kind) == (
        f"interaction[0].request $.headers.{name.lower()}", "removed" if had else "added",
    )  # fmt: skip
    assert found.note == "does not count: a laptop may have no credentials"
    assert "s3cret" not in verdict_text(verdict, recording)


def test_another_credential_is_no_difference(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is nobody knows: the recording has none."""
    monkeypatch.setitem(HEADERS, "now", {"authorization": "Bearer s3cret-of-ours"})
    (recording,) = record(tmp_path, lambda: ask("httpx", f"{server.url}/json?n=1"))
    monkeypatch.setitem(HEADERS, "now", {"Authorization": "Bearer another"})
    assert replay.run(recording).difference == ()
