"""Every boundary in both worlds: what was answered live is answered again, and no answer is left over."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import ProxyHandler, build_opener

import numpy as np
import pytest

from replay.boundaries import ALL, by_kind, install
from replay.boundaries.call import boundary
from replay.boundaries.clock import move_to
from replay.boundaries.environ import configure as allow
from replay.boundaries.environ import flag
from replay.boundaries.model import model
from replay.core.recording import Recording
from replay.core.snapshot import snapshot
from replay.core.world import World, current
from replay.engine.keep import always
from replay.engine.player import Player, window
from replay.engine.recorder import Captured, Settings, begin, configure

install()
RAN: list[object] = []
"""What asked the real world."""


@boundary
def lookup(key: str) -> dict[str, object]:
    RAN.append(key)
    if key == "missing":
        raise LookupError("no such key", key)
    return {"key": key, "drawn": random.random()}


@boundary
async def fetch(key: str) -> bytes:
    RAN.append(key)
    await asyncio.sleep(0.001)
    return key.encode() + os.urandom(4)


@boundary
def rows(count: int) -> Iterator[float]:
    RAN.append(count)
    for _ in range(count):
        yield random.random()
    if count > 2:
        raise ConnectionError("cut off")


@boundary
async def tokens(count: int) -> AsyncIterator[str]:
    RAN.append(count)
    for _ in range(count):
        yield secrets.token_hex(2)


@model("fraud-v3", score=lambda out: out["score"], threshold=0.5)
def predict(amount: int) -> dict[str, float]:
    RAN.append(amount)
    return {"score": random.random()}


def _calls() -> object:
    try:
        lookup("missing")
    except LookupError as error:
        return [lookup("a"), lookup("b"), error.args]
    return None


def _gathered() -> object:
    async def run() -> list[bytes]:
        return list(await asyncio.gather(*(fetch(key) for key in "abcd")))

    return asyncio.run(run())


def _streams() -> object:
    seen: list[object] = list(rows(2))
    steps = rows(9)
    seen.append(next(steps))
    del steps
    try:
        seen.append(list(rows(3)))
    except ConnectionError as error:
        seen.append(error.args)
    return seen


def _async_streams() -> object:
    async def run() -> list[str]:
        return [token async for token in tokens(3)]

    return asyncio.run(run())


def _threads() -> object:
    with ThreadPoolExecutor(2) as pool:
        return [pool.submit(lookup, key).result() for key in "abc"]


def _draws() -> object:
    items = list(range(9))
    random.shuffle(items)
    return [items, random.gauss(0, 1), uuid.uuid4(), random.Random().random(), np.random.rand(3).tolist(),
            np.random.default_rng().random()]  # fmt: skip


def _credentials() -> object:
    return [lookup(secrets.token_hex(8))["key"], len(os.urandom(16))]


def _clock() -> object:
    time.sleep(0.01)
    now = datetime.now()
    return [now.year, now.astimezone().utcoffset()]


def _environ() -> object:
    return [os.environ.get("SHOP_REGION"), flag("new-checkout", bool(os.environ.get("SHOP_LIVE")))]


ROWS: list[tuple[str, Callable[[], object], bool]] = [
    ("call", _calls, True),
    ("call", _gathered, True),
    ("call", _streams, True),
    ("call", _async_streams, True),
    ("call", _threads, True),
    ("model", lambda: [predict(3), predict(3)], True),
    ("random", _draws, True),
    ("random", _credentials, False),
    ("clock", _clock, True),
    ("environ", _environ, True),
]
"""Boundary, what runs, and whether the values are those of production (credentials are not)."""


@contextmanager
def _in(world: Any) -> Iterator[None]:
    token = current.set(world)
    try:
        yield
    finally:
        current.reset(token)


def record(run: Callable[[], object]) -> tuple[object, Recording]:
    """Run it live; give what came out and the recording."""
    kept: list[Captured] = []
    configure(Settings(service="test", keep=always(), sink=kept.append, begin=tuple(b.begin for b in ALL)))
    try:
        recorder = begin("function", "m:f", snapshot(None))
        assert recorder is not None
        with _in(recorder):
            value = run()
        recorder.end("returned", snapshot, value)
    finally:
        configure(None)
    return value, kept[0].settle()


def play(recording: Recording, run: Callable[[], object]) -> tuple[object, Player]:
    """Run it against the recording."""
    shelves = {}
    for seam in ALL:
        shelf = seam.shelf([i for i in recording.interactions if i.boundary == seam.kind], window(recording))
        if shelf is not None:
            shelves[seam.kind] = shelf
    with ExitStack() as stack:
        for seam in ALL:
            stack.enter_context(seam.playing(recording))
        player = Player(recording, shelves=shelves, move=move_to)
        world: World = player
        with _in(world):
            value = run()
        player.close()
    return value, player


@pytest.mark.parametrize(("kind", "run", "same"), ROWS, ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(ROWS)])
def test_the_recording_answers_as_the_world_did(
    kind: str, run: Callable[[], object], same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same values, nothing asked live, every answer served, none left over."""
    assert kind in by_kind
    monkeypatch.setenv("SHOP_REGION", "eu")
    monkeypatch.setenv("SHOP_LIVE", "1")
    allow(["SHOP_REGION"])
    expected, recording = record(run)
    allow([])
    monkeypatch.delenv("SHOP_REGION")
    monkeypatch.delenv("SHOP_LIVE")
    RAN.clear()
    value, player = play(recording, run)
    assert player.divergences == []
    assert player.left_over == []
    assert player.served == len(recording.interactions)
    assert RAN == []
    assert not same or value == expected
    assert play(recording, run)[0] == value


class _Counting(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        body = f"{self.path} {self.asked}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_http_answers_without_its_server() -> None:
    """The http row: the server is stopped before the replay."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Counting)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/item"

    def run() -> list[bytes]:
        bodies = []
        for _ in range(3):
            with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
                bodies.append(response.read())
        return bodies

    try:
        expected, recording = record(run)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert expected == [b"/item 1", b"/item 2", b"/item 3"]
    value, player = play(recording, run)
    assert value == expected
    assert (player.divergences, player.left_over, player.served) == ([], [], 3)
