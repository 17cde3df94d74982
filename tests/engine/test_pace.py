"""What a thread reads comes at replay when it came in production: piece by piece, not all of it at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.boundaries.http.server import Server
from tests.engine import paced

Record = Callable[..., list[Recording]]
NEAR = 0.04
"""Seconds that a machine at work may add to a wait."""


class SlowServer(Server):
    """Pauses before the head, before each piece, and before the end."""

    async def _send(self, writer: Any, *parts: bytes) -> None:
        for part in parts:
            await asyncio.sleep(paced.PAUSE)
            writer.write(part)
            await writer.drain()

    async def _chunked_slowly(self, writer: Any, *pieces: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self._send(writer, head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n")

    async def _paced(self, writer: Any, body: bytes) -> None:
        await self._chunked_slowly(writer, *(token.encode() for token in paced.TOKENS))

    async def _of_a_length(self, writer: Any, body: bytes) -> None:
        await self._send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", b"one ", b"two ", b"tre ")

    async def _until_the_end(self, writer: Any, body: bytes) -> bool:
        await self._send(writer, b"HTTP/1.1 200 OK\r\n\r\n", b"one ", b"two ", b"tre ")
        await asyncio.sleep(paced.PAUSE)
        return False

    async def _chat_completions(self, writer: Any, body: bytes) -> None:
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        deltas = [{"index": 0, "delta": {"content": token}, "finish_reason": None} for token in paced.TOKENS]
        events = [b"data: %b\n\n" % json.dumps({**base, "choices": [delta]}).encode() for delta in deltas]
        await self._chunked_slowly(writer, *events, b"data: [DONE]\n\n")

    async def _messages(self, writer: Any, body: bytes) -> None:
        events = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}
                  for token in paced.TOKENS]  # fmt: skip
        said = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
        await self._chunked_slowly(writer, *said)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Slow, for all of the tests here."""
    running = SlowServer()
    paced.URL["base"] = running.url
    yield running
    running.stop()


def _is_near(now: paced.Told, live: paced.Told) -> bool:
    """What a client computes, as it makes itself and its first request, is no virtual time."""
    (first, *times), (live_first, *live_times) = ([seconds for seconds, _ in told] for told in (now, live))
    gaps = zip([each - first for each in times], [each - live_first for each in live_times], strict=True)
    return paced.PAUSE <= first <= live_first and all(abs(one - other) < NEAR for one, other in gaps)


def _replayed(recording: Recording) -> paced.Told:
    started = time.perf_counter()
    verdict = replay.run(recording)
    assert time.perf_counter() - started < 20
    assert not verdict.divergences, verdict
    assert verdict.outcome is not None
    assert verdict.outcome.state == "returned", verdict.outcome.payload.text
    told: paced.Told = verdict.outcome.value
    return told


@pytest.mark.parametrize("client", paced.CLIENTS)
def test_each_piece_comes_when_it_came(record: Record, server: Server, client: str) -> None:
    """Head, pieces and end, in virtual time."""
    (recording,) = record(lambda: paced.reads(client))
    live, now = recording.outcome.value, _replayed(recording)
    assert live[-1][0] - live[0][0] > 2 * paced.PAUSE
    assert [what for _, what in now] == [what for _, what in live]
    assert _is_near(now, live), (now, live)


def test_pieces_of_a_generator_come_when_they_came(record: Record) -> None:
    """A named function that yields."""
    (recording,) = record(paced.generates)
    live, now = recording.outcome.value, _replayed(recording)
    assert [what for _, what in now] == [*paced.TOKENS, "end"]
    assert _is_near(now, live), (now, live)


@pytest.mark.parametrize("client", ["httpx", "requests", "openai"])
def test_code_that_stops_after_some_time_stops_at_the_same_piece(record: Record, server: Server, client: str) -> None:
    """The first piece comes within the limit, the second is too late."""
    (recording,) = record(lambda: paced.gives_up(client, 1.5 * paced.PAUSE))
    assert recording.outcome.value.startswith("3 of them"), recording.outcome.value
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict


def test_streams_of_two_threads_come_in_turn(record: Record, server: Server) -> None:
    """Their pieces come in the order in which they came."""
    (recording,) = record(paced.reads_two)
    assert [name for name, _ in recording.outcome.value] == ["a", "b"] * 4
    assert {replay.run(recording).status for _ in range(3)} == {"reproduced"}


@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
def test_a_task_waits_for_the_first_piece_behind_the_head(record: Record, server: Server, client: str) -> None:
    """A head that came long before it comes so again."""
    (recording,) = record(lambda: asyncio.run(paced.awaits(client)))
    live, now = recording.outcome.value, _replayed(recording)
    assert [what for _, what in now] == [200, *paced.TOKENS]
    assert all(abs(one[0] - other[0]) < NEAR for one, other in zip(now, live, strict=True)), (now, live)
