"""A credential that only production or only the replay sends is told, and does not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import requests
from msgspec.structs import replace

import replay
from replay.core.compare import unexpected
from replay.engine.minimize import _without_headers
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


PRIORITY = "interaction[0].request $.headers.x-priority"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"X-Priority": "high"}, {"X-Priority": "low"}, (PRIORITY, "changed", "high", "low")),
        ({"X-Priority": "high"}, {}, (PRIORITY, "removed", "high", None)),
        ({}, {"X-Priority": "s3cret"}, (PRIORITY, "added", None, "sent")),
        ({"X-Priority": "high"}, {"x-priority": "high"}, None),
        ({"Traceparent": "00-1-1-01", "X-Request-Id": "a"}, {"X-Stainless-OS": "b", "User-Agent": "c"}, None),
        ({"X-Auth-Token": "8f14e45fceea167a5a36"}, {"X-Auth-Token": "45c48cce2e2d7fbdea1a"}, None),
    ],
)
def test_a_header_of_the_code_is_told(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, client: str, before: dict[str, str],
    now: dict[str, str], told: tuple[str, ...] | None,
) -> None:  # fmt: skip
    """One that counts for no answer, and is no client's: a service that gets another one may do something else."""
    monkeypatch.setitem(HEADERS, "now", before)
    (recording,) = record(tmp_path, lambda: ask(client, f"{server.url}/json?n=1"))
    monkeypatch.setitem(HEADERS, "now", now)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    found = [(each.path, each.kind, each.recorded, each.actual) for each in verdict.difference]
    assert found == ([] if told is None else [told])
    assert all(str(each.note).startswith("does not count") for each in verdict.difference)


def test_of_a_minimal_recording_no_header_is_missed(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has none but those that count."""
    monkeypatch.setitem(HEADERS, "now", {"X-Priority": "high"})
    (recording,) = record(tmp_path, lambda: ask("httpx", f"{server.url}/json?n=1"))
    (asked,) = recording.interactions
    bare = replace(asked, request=_without_headers(asked))
    assert replay.run(replace(recording, interactions=(bare,))).difference == ()
