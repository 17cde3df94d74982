"""A test with three httpx calls: replayed by us and by a vcrpy cassette in YAML.

The same bundle opened each time is compared with what was checked before, as it is for tests that name recordings of
one bundle; of several in turn, more than are remembered, each is looked through anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from shutil import copy
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import replay
from replay.engine import recorder
from replay.store.looked import MOST
from tests.benchmarks import measure
from tests.benchmarks.calls import captured, three_calls
from tests.benchmarks.workload import order

OURS = "replay, the bundle opened each time"
OTHER = "replay, another bundle each time"
OPEN = "replay, the bundle opened once"
VCR = "vcrpy, YAML cassette"

ROOT = Path(__file__).parents[2]


def run(*, rounds: int = 21, batch_ns: int = 40_000_000) -> dict[str, float]:
    """Name of the variant -> nanoseconds of CPU for one run of the test, verdict included."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        with serving() as address:
            bundle = _record_ours(place, address)
            expected = _with_cassette(place, address, "once")
        others = cycle([Path(copy(bundle, place / f"{number}.replay.db")) for number in range(MOST + 1)])
        once = replay.open(bundle)
        recording = next(iter(once))

        def ours() -> None:
            opened = next(iter(replay.open(bundle)))
            assert replay.run(opened, root=ROOT).green

        def ours_other() -> None:
            opened = next(iter(replay.open(next(others))))
            assert replay.run(opened, root=ROOT).green

        def ours_opened() -> None:
            assert replay.run(recording, root=ROOT).green

        def cassette() -> None:
            assert _with_cassette(place, address, "none") == expected

        verdict = replay.run(recording, root=ROOT)
        assert verdict.green, verdict
        cases: dict[str, measure.Case] = {OPEN: ours_opened, OURS: ours, OTHER: ours_other, VCR: cassette}
        found = measure.interleaved(cases, rounds=rounds, batch_ns=batch_ns)
        return {name: median(costs) for name, costs in found.items()}


class _Api(BaseHTTPRequestHandler):
    """Answers of about 5 KB."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart: the second would wait 40 ms for the first's ack

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(size))["a"]
        body = json.dumps({"id": f"x{asked}", "a": order(asked), "b": order(asked + 1), "pad": "z" * 900}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """An API on loopback; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _record_ours(place: Path, address: str) -> Path:
    replay.init(service="benchmark", spool=place, keep=replay.always())
    try:
        captured(address)
        assert replay.flush(20)
    finally:
        recorder.configure(None)
    (bundle,) = place.glob("*.replay.db")
    return bundle


def _with_cassette(place: Path, address: str, mode: str) -> list[Any]:
    import vcr

    with vcr.use_cassette(str(place / "cassette.yaml"), record_mode=mode, match_on=["method", "uri"]):
        return three_calls(address)


def rows(found: dict[str, float]) -> list[tuple[str, str]]:
    """Name and cost in microseconds, with how many times ours (the bundle opened once) it is."""
    ours = found[OPEN]
    return [
        (name, f"{cost / 1000:,.0f} µs" + ("" if name == OPEN else f", {cost / ours:.1f} x"))
        for name, cost in found.items()
    ]
