"""More than can be written: memory stays bounded, and every recording offered is written or counted by reason."""

from __future__ import annotations

import os
import statistics
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.core.codec import encode
from replay.engine import recorder
from replay.engine.redaction import Redacting
from replay.store import durable
from replay.store.limiter import Limits
from replay.store.spool import Spool
from tests.core.redaction.test_redactor import CROWDS, HOSTILE, REDACTOR
from tests.store.conftest import make_recording
from tests.store.test_spool import Captured


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_thousand_a_second_on_a_slow_disk(tmp_path: Path, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of 50 ms an fsync: memory grows by no more than the queue's limit, and nothing is lost uncounted."""
    real = os.fsync
    monkeypatch.setattr(durable.os, "fsync", lambda handle: (time.sleep(0.05), real(handle))[1])
    limit = 8 << 20
    spool = Spool(tmp_path, service="shop", max_queue_bytes=limit, max_bytes=16 << 20,
                  limits=Limits(same_first=10**9, all_first=10**9))  # fmt: skip
    ids = map(str, count())

    class Heavy(Captured):
        def __init__(self, urgent: bool) -> None:
            super().__init__(size=4096, urgent=urgent, settle=lambda: make_recording(next(ids), interactions=()))
            self.held = bytes(4096 - 700)

    before, most, offered = resident(), 0, 0
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        while offered < elapsed * 10_000:
            spool.put(Heavy(offered % 10 == 0))
            offered += 1
        most = max(most, resident() - before)
        time.sleep(0.005)
    assert spool.flush(120)
    stats = spool.stats()
    assert stats["captured"] == offered == stats["written"] + sum(stats["dropped"].values())
    assert set(stats["dropped"]) <= {"queue-full", "spool-busy"}
    assert stats["dropped"]["queue-full"] > offered / 10
    assert offered > seconds * 2000  # on a machine that is busy otherwise
    assert most < 3 * limit
    assert spool.close(20)


def test_an_error_storm_stays_within_its_limit(tmp_path: Path) -> None:
    """A service of which every request fails, each with another message, keeps the first few of each failure."""

    @replay.capture(name="storm:unit")
    def unit(n: int) -> None:
        if n % 2:
            raise ValueError(f"customer {n} is unknown")
        raise KeyError(n)

    replay.init(service="storm", spool=tmp_path, same_failure=(5, 1.0), on_sigterm=False)
    before = replay.stats()  # of tests before this one
    try:
        for n in range(2000):
            with pytest.raises((ValueError, KeyError)):
                unit(n)
        assert replay.flush(30)
        stats = replay.stats()
    finally:
        recorder.configure(None)
    recordings = [recording for path in tmp_path.glob("*.replay.db") for recording in replay.open(path)]
    assert sorted(r.error_type or "" for r in recordings) == ["KeyError"] * 5 + ["ValueError"] * 5
    assert stats["dropped"]["storm"] == 1990
    assert stats["captured"] - before["captured"] == 2000


def test_requests_beside_a_saturated_writer(tmp_path: Path) -> None:
    """The slower of requests that wait and work stay about as quick as without the writer, which would else keep the
    interpreter for a switch interval each time (then they are 5 to 20 times as slow)."""

    def request() -> float:
        started = time.perf_counter()
        for _ in range(5):
            time.sleep(0.0005)
            sum(i * i for i in range(1500))
        return time.perf_counter() - started

    def slow_ones() -> float:
        return statistics.quantiles((request() for _ in range(150)), n=20)[-1]

    spool = Spool(tmp_path, service="shop", max_queue_bytes=1 << 30, max_bytes=8 << 20)
    found: list[recorder.Captured] = []

    @replay.capture(name="shop:unit")
    def unit(value: Any) -> Any:
        return value

    class Line:
        __slots__ = ("count", "sku")

        def __init__(self, n: int) -> None:
            self.sku, self.count = f"x{n}", n

    recorder.configure(recorder.Settings(service="shop", keep=replay.always(), sink=found.append))
    try:
        unit([{"line": [n, str(n), float(n)]} for n in range(300)])
    finally:
        recorder.configure(None)

    def settle() -> Any:
        return make_recording(os.urandom(8).hex()) if found[0].settle() else None

    ratios = []
    for _ in range(4):
        bare = slow_ones()
        for _ in range(3000):
            spool.put(Captured(size=1000, settle=settle))
        time.sleep(0.05)
        ratios.append(slow_ones() / bare)
        assert spool.stats()["queued"] > 0, "the writer was not busy all the time"
        spool._samples.clear()
        assert spool.flush(60)
    assert min(ratios) < 2, ratios
    assert spool.close(20)


@pytest.mark.slow
def test_hostile_texts_stall_nobody(tmp_path: Path) -> None:
    """40 KB of each, redacted by the writer: a thread that wants the interpreter every millisecond waits no longer than
    20 ms for it. The best of five rounds counts: machines are busy."""
    spool = Spool(tmp_path, service="shop", limits=Limits(same_first=10**9, all_first=10**9))
    redacting = Redacting(lambda: REDACTOR)
    recordings = [make_recording(name, input=encode({"text": text})) for name, text in {**HOSTILE, **CROWDS}.items()]
    longest = []
    for _ in range(5):
        gaps, due = [0.0], time.monotonic() + 60
        for each in recordings:
            spool.put(Captured(size=40_000, urgent=True, settle=partial(redacting, each)))
        while spool.stats()["queued"] and time.monotonic() < due:
            began = time.perf_counter()
            time.sleep(0.001)
            gaps.append(time.perf_counter() - began)
        longest.append(max(gaps))
    assert spool.stats()["dropped"] == {}
    assert min(longest) < 0.02, longest
    assert spool.close(20)


def test_shed_by_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its share of CPU capture sheds samples, then the bodies of incidents; later it comes back by itself."""
    from replay.engine import load as loads

    now, cpu = [0], [0]
    monkeypatch.setattr(loads, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(loads, "thread_time_ns", lambda: cpu[0])
    load = loads.Load(loads.Shares(cpu=0.25))
    found: list[recorder.Captured] = []
    settings = recorder.Settings(service="load", keep=replay.always(), sink=found.append, load=load)

    @replay.boundary
    def asked() -> str:
        return "x" * 5000

    @replay.capture(name="load:unit")
    def unit(fails: bool) -> None:
        asked()
        if fails:
            raise ValueError

    def run() -> list[tuple[str, bool]]:
        found.clear()
        unit(False)
        with pytest.raises(ValueError):
            unit(True)
        return [(each.state, bool(each.settle().interactions[0].answer.gaps)) for each in found]

    def window(share: float) -> None:
        load.round()
        now[0] += loads.WINDOW_NS
        cpu[0] += int(share * loads.WINDOW_NS)
        load.round()

    recorder.configure(settings)
    try:
        monkeypatch.setattr(recorder, "perf_counter_ns", lambda: now[0])
        everything = [("returned", False), ("raised", False)]
        assert run() == everything
        before = recorder.dropped["shed"]
        window(0.3)
        assert run() == [("raised", False)]
        assert recorder.dropped["shed"] == before + 1
        window(0.3)
        assert run() == [("raised", True)]
        window(0.1)
        assert run() == [("raised", False)]
        now[0] += 2 * loads.WINDOW_NS  # the writer has nothing to do, so nobody measures
        run()
        assert run() == everything
    finally:
        recorder.configure(None)


@pytest.mark.parametrize(("milliseconds", "level"), [(10, 0), (30, 1)])
def test_shed_by_latency(milliseconds: int, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its share of the requests' time, too; requests of less than a millisecond do not count."""
    from replay.engine import load as loads

    now = [0]
    monkeypatch.setattr(loads, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(loads, "thread_time_ns", lambda: 0)
    load = loads.Load(loads.Shares(latency=0.2))
    load.round()
    load.ended(milliseconds * 1_000_000, 100_000_000)
    for _ in range(100):
        load.ended(900_000, 999_999)
    now[0] += loads.WINDOW_NS
    load.round()
    assert load.level(now[0]) == level


def test_budget_of_one_recording() -> None:
    """The largest answers are cut first, also while it runs; every cut is a gap, every interaction is listed."""
    found: list[recorder.Captured] = []
    recorder.configure(recorder.Settings(service="b", keep=replay.always(), sink=found.append, most_bytes=200_000,
                                         most_interactions=50))  # fmt: skip

    @replay.boundary
    def asked(n: int) -> str:
        return "x" * n

    held = []

    @replay.capture(name="b:unit")
    def unit() -> None:
        for n in range(60):
            asked(2_000 if n % 10 else 100_000)
            held.append(sum(each.answer.size for each in recorder_here().tickets if each.answer is not None))

    def recorder_here() -> Any:
        from replay.core.world import current

        return current.get()

    try:
        unit()
    finally:
        recorder.configure(None)
    (captured,) = found
    recording = captured.settle()
    assert captured.size <= 200_000
    assert max(held) < 500_000
    assert len(recording.interactions) == 50
    cut = [each.seq for each in recording.interactions if each.answer.gaps]
    assert {0, 10, 20, 30, 40} <= set(cut)
    assert {gap.reason for gap in recording.gaps} == {"budget-bytes", "truncated-count"}
    assert all(each.answer.decode() == "x" * 2_000 for each in recording.interactions if each.seq not in cut)


@pytest.mark.parametrize("values", [{"rows": [[n, str(n)] for n in range(10_000)]}, {"line": Path("a")}])
def test_time_for_copies_is_bounded(values: dict[str, Any]) -> None:
    """Large values, and those that no quick copy takes: past the budget calls go on unrecorded, and the gap says so."""
    found: list[recorder.Captured] = []

    @replay.boundary
    def asked(values: Any) -> Any:
        return values

    @replay.capture(name="copies:unit")
    def unit() -> int:
        return sum(asked(values) is values for _ in range(2000))

    recorder.configure(recorder.Settings(service="copies", keep=replay.always(), sink=found.append,
                                         most_copying_ns=20_000_000))  # fmt: skip
    try:
        assert unit() == 2000
    finally:
        recorder.configure(None)
    recording = found[0].settle()
    number = len(recording.interactions)
    assert 0 < number < 2000
    assert [(gap.path, gap.reason, gap.type) for gap in recording.gaps if gap.path == "interaction"] == [
        ("interaction", "budget-time", f"{2000 - number} more")
    ]
    assert {each.answer.text for each in recording.interactions} == {recording.interactions[0].answer.text}
