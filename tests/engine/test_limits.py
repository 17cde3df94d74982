"""A client's own time limit that is another one now: told where it decides, by every client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import replay
from replay.core.codec import Value
from replay.core.recording import Recording
from tests.boundaries.http.server import Server
from tests.engine import limited

Record = Callable[..., list[Recording]]
LATE = 0.4
"""Seconds."""
CLIENTS = [*limited.BLOCKING, *limited.AWAITED]


class LateServer(Server):
    """Answers late, or the second half."""

    async def _late(self, writer: Any, body: bytes) -> None:
        await asyncio.sleep(LATE)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data":[]}')

    async def _half(self, writer: Any, body: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none ")
        await writer.drain()
        await asyncio.sleep(LATE)
        writer.write(b"two ")

    _late_models = _half_models = _late


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """For all of the tests here."""
    running = LateServer()
    limited.URL["base"] = running.url
    yield running
    running.stop()


def _recorded(record: Record, limit: float | None, work: Callable[[], Any]) -> Recording:
    limited.LIMIT["seconds"] = limit
    (recording,) = record(work)
    return recording


def _replayed(recording: Recording, limit: float | None) -> replay.Verdict:
    limited.LIMIT["seconds"] = limit
    return replay.run(recording)


def _told(verdict: replay.Verdict) -> str:
    first = verdict.divergences[0].differences[0]
    return f"{verdict.divergences[0].kind}: {first.path} {first.recorded} {first.actual}"


@pytest.mark.parametrize("path", ["late", "half"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_limit_that_an_answer_took_longer_than(record: Record, server: Server, client: str, path: str) -> None:
    """Made shorter, it is over at replay as it would have been; longer or none, it decides nothing."""
    recording = _recorded(record, 30.0, lambda: limited.asks(client, path))
    assert recording.outcome.value == "asked"
    for limit in (30.0, 20.0, 60.0, None):
        verdict = _replayed(recording, limit)
        assert verdict.status == "reproduced", (limit, verdict)
    verdict = _replayed(recording, LATE / 8)
    assert verdict.status in ("changed", "diverged")
    assert verdict.outcome is not None
    assert verdict.outcome.value == "fell back"
    if client != "aiohttp total":
        assert verdict.divergences
        assert _told(verdict).startswith("changed: timeout 30 s; the answer took 0."), _told(verdict)
        assert _told(verdict).endswith(" 0.05 s")


@pytest.mark.parametrize("path", ["late", "half"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_limit_that_was_over(record: Record, server: Server, client: str, path: str) -> None:
    """Made longer, or taken away, no recording says what would have come; shorter, it is over all the same."""
    recording = _recorded(record, LATE / 4, lambda: limited.asks(client, path))
    assert recording.outcome.value == "fell back"
    for limit in (LATE / 4, LATE / 8):
        verdict = _replayed(recording, limit)
        assert verdict.status == "reproduced", (limit, verdict)
    for limit in (30.0, None):
        verdict = _replayed(recording, limit)
        assert verdict.status == "diverged"
        assert verdict.divergences[0].kind == "exhausted"
        if client != "aiohttp total":
            assert "gave up after 0.1 s" in _told(verdict), _told(verdict)


@pytest.mark.parametrize("client", ["httpx", "requests", "aiohttp"])
def test_a_limit_that_decides_nothing_but_what_nobody_reads(record: Record, server: Server, client: str) -> None:
    """The result is the same; that the request was given up is not."""
    recording = _recorded(record, None, lambda: limited.tells_nothing(client))
    verdict = _replayed(recording, LATE / 8)
    assert verdict.status == "diverged"
    assert verdict.divergences[0].differences[0].path == "timeout"


def test_a_limit_that_is_what_was_left_of_the_time(record: Record, server: Server) -> None:
    """What production computed before takes no time at replay, where more is left: that is no other limit."""
    limited.COMPUTES["seconds"] = 0.3
    try:
        (recording,) = record(lambda: limited.has_until(0.5))
    finally:
        limited.COMPUTES["seconds"] = 0.0
    assert recording.outcome.value == "fell back"
    assert replay.run(recording).status == "reproduced"


def test_recordings_without_limits_are_read(record: Record, server: Server) -> None:
    """As older checkouts wrote them: nothing is told of a limit."""
    recording = _recorded(record, 30.0, lambda: limited.asks("httpx", "late"))
    (asked,) = recording.interactions
    older = replace(asked, answer=Value(asked.answer.text.replace(',"limit":30.0', "")))
    assert older != asked
    recording = replace(recording, interactions=(older,))
    assert _replayed(recording, LATE / 8).status == "reproduced"


@pytest.mark.parametrize("limit", ["-1.0", "1e300", "1" + "0" * 400, '"soon"', "true", "[5.0]", "{}"])
def test_a_limit_that_is_none_is_not_held_to(record: Record, server: Server, limit: str) -> None:
    """A bundle is a stranger's: what no clock counts is no limit, and no number in the code is compared with it."""
    recording = _recorded(record, 30.0, lambda: limited.asks("httpx", "late"))
    (asked,) = recording.interactions
    odd = replace(asked, answer=Value(asked.answer.text.replace('"limit":30.0', f'"limit":{limit}')))
    assert odd != asked
    assert _replayed(replace(recording, interactions=(odd,)), LATE / 8).status == "reproduced"
