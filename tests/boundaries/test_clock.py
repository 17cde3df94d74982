"""The clock: stands where the recording began, in its zone, and moves forward, but where a mutation set it back."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from time import monotonic, sleep

import pytest

from replay.boundaries.clock import begin, clock, move_to, now, shift, stood, wait, zone
from replay.boundaries.order import MOST_SPANS, real_sleep
from replay.core.world import Boundary, Renewed
from replay.errors import Unanswerable
from tests.boundaries.worlds import Listener, Teller, a_recording, inside

clock.install()
START = 1_709_634_151_123_456_789


def test_time_starts_at_the_recording() -> None:
    """The wall clock stands at the start, to the nanosecond, however it is read; after the replay it is real."""
    before = time.time_ns()
    with clock.playing(a_recording(START, zone="UTC")):
        assert time.time_ns() == START
        assert time.time_ns() == START
        assert datetime(2024, 3, 5, 10, 22, 31, 123456, UTC) == datetime.now(UTC)
        assert time.clock_gettime(time.CLOCK_REALTIME) == pytest.approx(START / 1e9)
    assert time.time_ns() >= before
    assert now() is None


def test_the_clock_moves_forward_only() -> None:
    """`move_to` and `shift` take it on, exactly; back it never goes."""
    with clock.playing(a_recording(START, zone="UTC")):
        move_to(START + 1)
        assert time.time_ns() == START + 1
        move_to(START - 10**9)
        assert time.time_ns() == START + 1
        shift(90_061_000_000_007)
        assert START + 1 + 90_061_000_000_007 == time.time_ns() == now()
        shift(-5)
        assert time.time_ns() == START + 1 + 90_061_000_000_007
        for _ in range(1000):
            shift(333_333_333)
        assert time.time_ns() == START + 1 + 90_061_000_000_007 + 333_333_333_000


async def _begins() -> None:
    begin()


def test_where_the_clock_stood() -> None:
    """Each place, those that lie close together as one; not known once it has followed the real one, or after very many
    places."""
    second = 10**9
    assert stood() is None
    with clock.playing(a_recording(START, zone="UTC")):
        for step in (500, second, 500, 2 * second):
            shift(step)
        assert stood() == [(START, START + 500), (START + 500 + second, START + 1000 + second),
                           (START + 1000 + 3 * second,) * 2]  # fmt: skip
        asyncio.run(_begins())
        assert stood() == [(START, START)]
        for _ in range(MOST_SPANS):
            shift(second)
        assert stood() is None
    with clock.playing(a_recording(START, zone="UTC")):
        monotonic()
        real_sleep(1.1)
        monotonic()
        assert stood() is None


def test_the_clock_is_set_at_a_moment_of_the_work() -> None:
    """It goes on from there, the monotonic one never notices, and another run of the same finds it as it was."""
    minute, second = 60 * 10**9, 10**9
    playing = clock.playing(a_recording(START, zone="UTC", clock_settings=[[5 * second, -minute], [7 * second, 3]]))
    with playing:
        for _ in range(2):
            began = monotonic()
            wait(5 * second - 1)
            assert time.time_ns() == START + 5 * second - 1
            wait(second + 1)
            assert time.time_ns() == START + 6 * second - minute
            wait(2 * second)
            assert time.time_ns() == START + 8 * second - minute + 3
            assert monotonic() >= began
            assert isinstance(playing, Renewed)
            assert playing.again()
            assert time.time_ns() == START


@pytest.mark.parametrize("given", [7, "ab", [[1]], [["x", 2]], [[-1, 2]], [[1, 10**30]], {"a": 1}, [[1, 2, 3]]])
def test_settings_that_are_no_times_are_refused(given: object) -> None:
    """A bundle of unknown origin may hold anything."""
    with (
        pytest.raises(Unanswerable, match="clock_settings"),
        clock.playing(a_recording(START, zone="UTC", clock_settings=given)),
    ):
        pass


def test_without_a_replay_moving_does_nothing() -> None:
    """The real clock cannot be moved."""
    shift(10**18)
    move_to(2**62)
    assert time.time_ns() < 2**62


def test_the_loop_keeps_its_time() -> None:
    """The monotonic clock runs on, so an asynchronous sleep ends."""
    with clock.playing(a_recording(START, zone="UTC")):
        started = monotonic()
        asyncio.run(asyncio.sleep(0.02))
        assert 0.015 <= monotonic() - started < 10


def test_the_zone_is_the_recording_s() -> None:
    """Local time is that of production; afterwards TZ is as it was."""
    before = os.environ.get("TZ")
    names = time.tzname
    with clock.playing(a_recording(START, zone="Asia/Kolkata")):
        assert datetime.now().isoformat(timespec="seconds") == "2024-03-05T15:52:31"
        assert time.strftime("%Z") == "IST"
    assert before == os.environ.get("TZ")
    assert names == time.tzname


@pytest.mark.parametrize("given", ["/etc/passwd", ":/etc/passwd", "../../etc/passwd", 7, "", "a\0b"])
def test_a_zone_that_is_no_name_is_refused(given: object) -> None:
    """A bundle cannot make the C library read a file of its choice."""
    with pytest.raises(Unanswerable, match="time zone"), clock.playing(a_recording(START, zone=given)):
        pass


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("Europe/Berlin", "Europe/Berlin"), (":Europe/Berlin", "Europe/Berlin"), ("", "UTC"), ("<+03>-3", "<+03>-3"),
     ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo")],
)  # fmt: skip
def test_the_zone_is_kept_by_name(monkeypatch: pytest.MonkeyPatch, setting: str, expected: str) -> None:
    """`begin` gives a value for TZ that means the same on another machine."""
    monkeypatch.setenv("TZ", setting)
    assert {"zone": expected} == clock.begin()


def test_a_zone_without_a_name_is_kept_as_an_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only a file is known, the present offset is kept, and it plays."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    monkeypatch.setenv("TZ", "/tmp/no-such-zone")
    try:
        offset = zone()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert offset == "<+0530>-05:30"
    with clock.playing(a_recording(START, zone=offset)):
        assert datetime.now().strftime("%H:%M") == "15:52"


def test_a_sleep_asks_the_world() -> None:
    """`time.sleep`, also imported by name before the patch, is the world's; without one it sleeps."""
    for world in (Listener(), Teller(Listener())):
        with inside(world):
            time.sleep(0.5)
            sleep(0.25)
        assert world.slept == [0.5, 0.25]
    started = monotonic()
    time.sleep(0.02)
    assert monotonic() - started >= 0.015


def test_a_negative_sleep_fails_at_replay_too() -> None:
    """The error is the original's."""
    with inside(Teller(Listener())), pytest.raises(ValueError, match="must be non-negative"):
        time.sleep(-1)


def test_it_is_a_boundary() -> None:
    """It has the protocol's shape."""
    seam: Boundary = clock
    assert seam.kind == "clock"
    assert "time-machine" in seam.describe()
