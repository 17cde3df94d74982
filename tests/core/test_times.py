"""Times that are counted from a moment of the recording, and texts that tell such."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from replay.core.times import both_counted, both_inside, both_tell
from replay.core.verdict import Shown, Window

NOW = datetime(2026, 11, 30, 21, 8, 54, 100_000, tzinfo=UTC)
SECOND = 1_000_000_000
START = int(NOW.timestamp() * 10) * SECOND // 10
WINDOW = Window(START, START + SECOND // 20)
LATER = NOW + timedelta(milliseconds=20)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


def text(moment: datetime, form: str = "%Y-%m-%d %H:%M:%S.%f") -> str:
    return moment.strftime(form)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (NOW + HOUR, LATER + HOUR), ((NOW - WEEK).isoformat(), (LATER - WEEK).isoformat()),
        ((NOW + WEEK).replace(tzinfo=None), (LATER + WEEK).replace(tzinfo=None)),
        (text(NOW + 520 * WEEK), text(LATER + 520 * WEEK)),
        (NOW.timestamp() + 3600, LATER.timestamp() + 3600),
        (int(NOW.timestamp() * 1000) + 60_000, int(LATER.timestamp() * 1000) + 60_000),
        (str(NOW.timestamp() - 60), str(LATER.timestamp() - 60)),
    ],
)  # fmt: skip
def test_an_expiry_is_as_far_from_the_moment_as_before(one: Any, two: Any) -> None:
    """So many whole seconds from two moments of the recording, in every usual form."""
    assert both_counted(one, two, WINDOW)
    assert both_counted(two, one, WINDOW)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (NOW + HOUR, LATER + HOUR + timedelta(seconds=1)), (NOW + HOUR, LATER + HOUR - timedelta(seconds=1)),
        (NOW + HOUR, NOW + HOUR + timedelta(milliseconds=90)),
        (NOW + HOUR + timedelta(milliseconds=300), LATER + HOUR + timedelta(milliseconds=300)),
        (NOW.timestamp() + 3600, LATER.timestamp() + 3601), (int(NOW.timestamp()) + 60, int(NOW.timestamp()) + 61),
        (NOW.timestamp() + 1e9, LATER.timestamp() + 1e9), (10**12, 10**12 + 1), (12, 13), (True, False),
        (date(2026, 12, 7), date(2026, 12, 8)), ((NOW + HOUR).isoformat(), LATER + HOUR), ("a", "b"),
        ("2026-12-07T10:00:00Z", "2026-12-07T10:00:01Z"), ("2026-12-07T10:00", "2026-12-07T10:01"),
    ],
)  # fmt: skip
def test_another_distance_is_another_value(one: Any, two: Any) -> None:
    """A second more is a bug, and a number that lies far off is no time."""
    assert not both_counted(one, two, WINDOW)


def test_what_is_written_in_seconds_or_minutes_moves_with_them() -> None:
    """Where the recording went over into the next."""
    over = Window(START + 8 * SECOND // 10, START + 11 * SECOND // 10)
    assert both_counted(int(NOW.timestamp()) + 60, int(NOW.timestamp()) + 61, over)
    assert both_counted("2026-12-07T21:08:54Z", "2026-12-07T21:08:55Z", over)
    assert not both_counted("2026-12-07T21:08:54Z", "2026-12-07T21:08:56Z", over)
    minute = Window(START + 5 * SECOND, START + 7 * SECOND)
    assert both_counted("2026-12-07T21:08", "2026-12-07T21:09", minute)
    assert not both_counted("2026-12-07T21:08", "2026-12-07T21:10", minute)
    assert both_tell("It is 21:08 on Monday.", "It is 21:09 on Monday.", minute)
    assert both_tell("It is 09:08 PM.", "It is 09:09 PM.", minute)


@pytest.mark.parametrize(
    "said",
    [
        "You are helpful. It is {0}. Answer as JSON.", '{{"now": "{0}", "task": "label"}}',
        "from {0} to {1}", "ts>{0} AND ts<{1} AND id=77", "<Created>{0}</Created>", "at {2} (epoch {3})",
        "It is Monday, {2} in Tokyo", "{0}: label it",
    ],
)  # fmt: skip
def test_a_text_that_tells_the_time(said: str) -> None:
    """A prompt, a query: the same words around moments of the recording. As bytes, too."""
    one, two = (
        said.format(text(each), (each - HOUR).isoformat(), text(each + timedelta(hours=9), "%H:%M:%S.%f"),
                    each.timestamp()) for each in (NOW, LATER)
    )  # fmt: skip
    assert one != two
    assert both_tell(one, two, WINDOW)
    assert both_tell(one.encode(), two.encode(), WINDOW)
    assert not both_tell(one, two + "!", WINDOW)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (f"It is {text(NOW)}", f"It is {text(LATER + timedelta(seconds=3))}"),
        (f"It is {text(NOW)} for 1", f"It is {text(LATER)} for 2"),
        (f"It is {text(NOW)}", f"It is {text(LATER)} and {text(LATER)}"),
        ("meet at 12:30", "meet at 12:31"), ("ratio 10:10:10", "ratio 10:10:11"), ("id 1234567890", "id 1234567891"),
        ("same", "other"), (f"It is {text(NOW)}", f"It is {text(LATER)}".encode()),
        ("in 9999999999999999999", "in 9999999999999999998"), ("2026-99-99 99:99:99", "2026-99-99 99:99:98"),
    ],
)  # fmt: skip
def test_a_text_that_tells_something_else(one: Any, two: Any) -> None:
    """Another time, other words, numbers that are no time."""
    assert not both_tell(one, two, WINDOW)


TOKYO, NOON = timezone(timedelta(hours=9)), datetime(2026, 11, 30, 12, tzinfo=UTC)
ODD = timedelta(microseconds=1_457)
MAIL = "%a, %d %b %Y %H:%M:%S"


def _told(one: Any, two: Any, window: Window) -> bool:
    """Whether two are told apart: by themselves and, of texts, in a longer one."""
    if both_inside(one, two, window) or both_counted(one, two, window):
        return False
    return not (isinstance(one, str) and isinstance(two, str) and both_tell(f"at {one}.", f"at {two}.", window))


@pytest.mark.parametrize("apart", [timedelta(0), HOUR, -WEEK])
@pytest.mark.parametrize(
    ("one", "two"),
    [
        (lambda at: at, lambda at: at.astimezone(TOKYO)), (lambda at: at, lambda at: at.replace(tzinfo=None)),
        (datetime.isoformat, lambda at: at.astimezone(TOKYO).isoformat()),
        (datetime.isoformat, lambda at: at.replace(tzinfo=TOKYO).isoformat()),
        (datetime.isoformat, lambda at: f"{at.isoformat()[:-6]}-00:00"),
        (datetime.isoformat, lambda at: f"{at.isoformat()[:-6]}Z"),
        (datetime.isoformat, lambda at: at.isoformat()[:-6]),
        (lambda at: f"{at.isoformat()[:-6]}Z", lambda at: at.isoformat()[:-6]),
        (lambda at: text(at, "%Y-%m-%d %H:%M%z"), lambda at: text(at.astimezone(TOKYO), "%Y-%m-%d %H:%M%z")),
        (lambda at: text(at, "%Y-%m-%d %H:%M:%S%z"), lambda at: text(at.astimezone(TOKYO), "%Y-%m-%d %H:%M:%S%z")),
        (lambda at: text(at, f"{MAIL} %z"), lambda at: text(at.astimezone(TOKYO), f"{MAIL} %z")),
        (lambda at: text(at, f"{MAIL} GMT"), lambda at: text(at, f"{MAIL} UTC")),
        (lambda at: text(at, f"{MAIL} CET"), lambda at: text(at, f"{MAIL} JST")),
        (lambda at: text(at, f"{MAIL} GMT"), lambda at: text(at, f"{MAIL} GMT".replace("%a", "%A"))),
    ],
)  # fmt: skip
def test_a_moment_that_is_written_in_another_zone(one: Any, two: Any, apart: timedelta) -> None:
    """Also where it is the same moment: who is asked may not read it, or read another one."""
    recorded, actual = one(NOW + apart), two(LATER + apart)
    assert not _told(recorded, one(LATER + apart), WINDOW)
    assert not _told(two(NOW + apart), actual, WINDOW)
    assert _told(recorded, actual, WINDOW)
    assert _told(actual, recorded, WINDOW)


@pytest.mark.parametrize("apart", [timedelta(0), HOUR, -WEEK])
@pytest.mark.parametrize(
    ("one", "two"),
    [
        (datetime.isoformat, lambda at: at.isoformat(timespec="milliseconds")),
        (datetime.isoformat, lambda at: at.isoformat(timespec="seconds")),
        (lambda at: at.isoformat(timespec="milliseconds"), lambda at: at.isoformat(timespec="seconds")),
        (lambda at: at, lambda at: at.replace(microsecond=0)),
        (datetime.isoformat, lambda at: at.replace(microsecond=0).isoformat()),
        (lambda at: text(at, "%Y-%m-%d %H:%M:%S,%f")[:-3], lambda at: text(at, "%Y-%m-%d %H:%M:%S")),
        (lambda at: text(at, "%Y-%m-%d %H:%M:%S,%f")[:-3], lambda at: text(at, "%Y-%m-%d %H:%M:%S,000")),
        (datetime.timestamp, lambda at: float(int(at.timestamp()))),
        (lambda at: str(at.timestamp()), lambda at: str(int(at.timestamp()))),
        (lambda at: str(at.timestamp()), lambda at: str(float(int(at.timestamp())))),
        (lambda at: int(at.timestamp() * 1_000), lambda at: int(at.timestamp()) * 1_000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seconds", [0, 3])
def test_a_moment_that_is_written_less_finely(one: Any, two: Any, apart: timedelta, seconds: int) -> None:
    """Milliseconds that are cut to whole seconds, or come where none were; however long the recording took."""
    window = Window(START, WINDOW.end + seconds * SECOND)
    recorded, actual = one(NOW + apart + ODD), two(LATER + apart + ODD)
    assert not _told(recorded, one(LATER + apart + ODD), window)
    assert _told(recorded, actual, window)
    assert _told(actual, recorded, window)


@pytest.mark.parametrize(
    "form", [lambda at: at, datetime.isoformat, datetime.timestamp, lambda at: str(at.timestamp())]
)
@pytest.mark.parametrize("apart", [timedelta(0), HOUR])
def test_a_clock_that_is_read_as_a_second_begins(form: Any, apart: timedelta) -> None:
    """`isoformat` writes no fraction then. A replay reads it close to that."""
    start = int(NOON.timestamp()) * SECOND
    one, two = form(NOON + apart), form(NOON + apart - timedelta(microseconds=12_457))
    window = Window(start - 20_000_000, start + 30_000_000)
    for recorded, actual in ((one, two), (two, one)):
        assert not _told(recorded, actual, window)
        assert _told(recorded, actual, Window(start - 20_000_000, start - 10_000_000))


@pytest.mark.parametrize(
    ("one", "two"),
    [("2026-11-30T21:08:54.1Z", "2026-11-30T21:08:54.12Z"), ("2026-11-30 21:08:54,12", "2026-11-30 21:08:54,1"),
     ("2026-11-30T21:08:54.1201Z", "2026-11-30T21:08:54.121003Z")],
)  # fmt: skip
def test_zeros_at_the_end_are_left_out(one: str, two: str) -> None:
    """As other languages and some libraries do."""
    assert both_tell(one, two, WINDOW)


def test_a_fraction_of_zeros_is_written_by_who_writes_it_always() -> None:
    """Who leaves them out writes none."""
    assert _told("2026-11-30T12:00:00.000Z", "2026-11-30T12:00:01Z", Window(START - 10**6 * SECOND, START))


def _waiting() -> Window:
    """A recording that asks, waits for three seconds, and goes on."""
    end = START + 32 * SECOND // 10
    return Window(START, end, lambda: [Window(START, START + SECOND // 20), Window(START + 31 * SECOND // 10, end)])


AFTER = NOW + timedelta(seconds=3, milliseconds=150)
READ = AFTER - timedelta(milliseconds=40)


def _forms(moment: datetime) -> list[Any]:
    seconds = moment.timestamp()
    return [
        moment, moment.replace(tzinfo=None), moment.isoformat(), text(moment), seconds, str(seconds),
        int(seconds * 1000), int(seconds), moment.isoformat(timespec="seconds"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", range(9))
def test_a_clock_is_read_in_the_same_part_of_a_recording(form: int) -> None:
    """`now() - 1` lay in the window, too, while the code waited: it was a time like any other."""
    recorded, now, earlier, before = (
        _forms(each)[form] for each in (AFTER, READ, READ - timedelta(seconds=1), NOW + timedelta(milliseconds=10))
    )
    assert both_inside(recorded, now, _waiting())
    assert not both_inside(recorded, earlier, _waiting())
    assert not both_inside(before, _forms(NOW + timedelta(seconds=1, milliseconds=10))[form], _waiting())
    assert not both_inside(recorded, before, _waiting())
    assert both_inside(recorded, earlier, Window(START, _waiting().end))


def test_a_clock_that_something_else_read_meanwhile() -> None:
    """A thread that computes while the code waits: nobody knows when it does so in a replay."""
    meanwhile = NOW + timedelta(seconds=1)
    assert both_inside(meanwhile.isoformat(), NOW.isoformat(), _waiting())
    assert not both_inside(meanwhile.isoformat(), (NOW + timedelta(seconds=9)).isoformat(), _waiting())


def _showing(behind: int | None, *moments: datetime) -> Window:
    """A replay of a recording of three seconds, whose clock stood at these."""
    spans = [(_nanoseconds(each), _nanoseconds(each)) for each in moments]
    return Window(START, START + 3 * SECOND, clock=lambda asked: Shown(spans, behind))


def _nanoseconds(moment: datetime) -> int:
    return START + int((moment - NOW).total_seconds() * 1e6) * 1000


@pytest.mark.parametrize("form", range(9))
def test_a_time_that_no_clock_showed(form: int) -> None:
    """Production computed for a second before it read it; the replay's clock stood still. What it did not show is
    another time, though it lies in the window."""
    recorded, now, earlier = (_forms(NOW + timedelta(seconds=each))[form] for each in (2.5, 1.5, 0.5))
    assert both_inside(recorded, now, _showing(None, NOW, NOW + timedelta(seconds=1.5)))
    assert not both_inside(recorded, earlier, _showing(None, NOW + timedelta(seconds=1.5)))


@pytest.mark.parametrize("form", [0, 2, 4, 6, 7])
def test_an_expiry_is_counted_from_a_time_that_the_clock_showed(form: int) -> None:
    """Not from one of a second before."""
    recorded, now, earlier = (_forms(NOW + HOUR + timedelta(seconds=each))[form] for each in (2.5, 1.5, 0.5))
    span = _showing(None, NOW + timedelta(seconds=1.5))
    assert both_counted(recorded, now, span)
    assert not both_counted(earlier, recorded, _showing(None, NOW + timedelta(seconds=0.5)))
    assert both_inside(NOW + timedelta(seconds=2.5), NOW + timedelta(seconds=1.5), span)


@pytest.mark.parametrize("counted", [timedelta(0), HOUR])
def test_a_replay_is_behind_by_what_production_computed(counted: timedelta) -> None:
    """No more, and never ahead."""
    alike = both_counted if counted else both_inside
    late, early = (NOW + counted + timedelta(seconds=each) for each in (2.5, 1.5))
    moments = [NOW + timedelta(seconds=each) for each in (0.5, 1.5, 2.5)]
    assert alike(late, early, _showing(SECOND, *moments))
    assert not alike(late, early, _showing(SECOND // 10, *moments))
    assert not alike(early, late, _showing(SECOND, *moments))
    assert alike(early, late, _showing(None, *moments))
