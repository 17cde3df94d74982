"""The clock: where time starts at replay, and how it moves.

Capture adds nothing to a call of the clock: the recording keeps its start, its zone and the time of every interaction.
Replay runs on time-machine's clock, which stands still except where the player moves it: at interactions and sleeps.
It goes back only where a mutation says that it was set.
The monotonic clocks and the event loops of the replayed code are virtual with it (see `timeline`, `waits` and
`virtual_loop`); those of all other code are real.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from time import localtime
from typing import Any

from replay.boundaries.seam import Seam, rebind
from replay.boundaries.timeline import Timeline
from replay.core.near import Near
from replay.core.recording import Recording
from replay.core.sound import LONGEST
from replay.core.surroundings import SETTINGS
from replay.core.verdict import Spans
from replay.core.world import here
from replay.errors import Unanswerable

_SECOND = 1_000_000_000
_ZONE = re.compile(r"[A-Za-z0-9_+\-/<>,.:]{1,64}")
"""Of a zone's name or a POSIX rule. Names never start with `/` or `:` and never climb: TZ would read any file."""

_sleep = time.sleep
_lock = threading.Lock()
_clocks: list[_Clock] = []
"""The running virtual clocks, innermost last."""
_timelines: list[Timeline] = []
"""Their times."""


class _Clock:
    """One virtual clock, in nanoseconds."""

    def __init__(self, traveller: Any, now: int, settings: Sequence[tuple[int, int]] = ()) -> None:
        """`settings`: after how many nanoseconds from `now` on it is set, and by how many."""
        self.traveller = traveller
        self.now = self._began = now
        self._settings = settings
        self._passed = self._set = 0

    def advance(self, nanoseconds: int) -> None:
        """Move on; never backwards, but where it was set."""
        if nanoseconds > 0:
            self._shift(nanoseconds)
            if self._settings:
                self._passed += nanoseconds
                while self._set < len(self._settings) and self._settings[self._set][0] <= self._passed:
                    self._set += 1
                    self._shift(self._settings[self._set - 1][1])

    def back_to(self, now: int) -> None:
        """Stand where it stood, for another run."""
        if now != self.now:
            self._shift(now - self.now)
        self._passed, self._set = now - self._began, 0

    def _shift(self, nanoseconds: int) -> None:
        """Whole seconds are moved apart: a float keeps nanoseconds only over short spans."""
        self.now += nanoseconds
        if not -_SECOND < nanoseconds < _SECOND:
            seconds, nanoseconds = divmod(nanoseconds, _SECOND)
            self.traveller.shift(seconds)
        if nanoseconds:
            self.traveller.shift(nanoseconds / _SECOND)


def move_to(nanoseconds: int) -> None:
    """Let the virtual clock stand at this time since the epoch, unless it is past it. Without a replay: nothing."""
    if _timelines:
        _timelines[-1].move_to(nanoseconds)


def shift(nanoseconds: int) -> None:
    """Let the virtual clock move on by this much."""
    if _timelines:
        _timelines[-1].shift(nanoseconds)


def begin() -> None:
    """The unit of work begins: it is the time at which it did in production, whatever was waited for until now."""
    if _timelines:
        from replay.boundaries.virtual_loop import set_back

        set_back(_timelines[-1].begin(_clocks[-1].back_to))


def wait(nanoseconds: int, ends_at: int | None = None, /, *, computed: bool = False) -> None:
    """Let the calling thread wait this long in virtual time. `ends_at`: for a recorded answer, which production got
    then (nanoseconds since the epoch). `computed`: it computed there, and so long at most."""
    if not _timelines:
        return
    if computed and ends_at is not None:
        _timelines[-1].compute(nanoseconds, ends_at)
    else:
        _timelines[-1].sleep(nanoseconds, ends_at)


def linger(elapsed: int) -> bool:
    """The entry point has ended: let the threads that it left go on by one step. False: none of them would by so many
    nanoseconds after the start."""
    return bool(_timelines) and _timelines[-1].linger(elapsed)


def pauses() -> int:
    """How often code has waited of its own, not for an answer, since the replay began."""
    return _timelines[-1].pauses if _timelines else 0


def waited() -> int:
    """Nanoseconds for which code has waited, in virtual time, since the replay began."""
    return _timelines[-1].waited if _timelines else 0


def near() -> tuple[Near, ...]:
    """When things came at about the same time, of which the recording does not say which was first."""
    return tuple(_timelines[-1].nears.values()) if _timelines else ()


def stood() -> Spans | None:
    """Where the virtual clock stood since the replay began; None: that is not known."""
    return _timelines[-1].stood if _timelines else None


def now() -> int | None:
    """Where the virtual clock stands, nanoseconds since the epoch; None without a replay."""
    with _lock:
        return _clocks[-1].now if _clocks else None


def _tapped_sleep(*given: Any, **named: Any) -> None:
    if named or len(given) != 1:  # gevent's may be called without; of Python's own the original says what is wrong
        return _sleep(*given, **named)
    seconds: float = given[0]
    world = here()
    if world is None or (not world.live and seconds < 0):  # the original says what is wrong with a negative time
        return _sleep(seconds)
    return world.sleep(seconds, _sleep)


_named: dict[str | None, str | None] = {}
"""Value of TZ -> the zone's name; asked once a process and value."""


def _zone_name(setting: str | None) -> str | None:
    """The zone by name: from TZ, else from where the system's link points; None if it has no name."""
    if setting is not None and not setting.lstrip(":").startswith("/"):
        return setting.lstrip(":") or "UTC"
    try:
        path = setting.lstrip(":") if setting else os.readlink("/etc/localtime")
    except OSError:
        return None
    return path.rpartition("zoneinfo/")[2] if "zoneinfo/" in path else None


def zone() -> str:
    """The local zone as a value for TZ: its name (`Europe/Berlin`), else the present offset (`<+0200>-02:00`)."""
    setting = os.environ.get("TZ")
    if setting not in _named:
        _named[setting] = _zone_name(setting)
    name = _named[setting]
    if name is not None:
        return name
    offset = localtime().tm_gmtoff or 0
    hours, minutes = divmod(abs(offset) // 60, 60)
    ahead = offset >= 0
    return f"<{'+' if ahead else '-'}{hours:02}{minutes:02}>{'-' if ahead else ''}{hours:02}:{minutes:02}"


def _checked(recorded: object) -> str | None:
    """The recorded zone, if it may be given to TZ: a bundle must not choose a file to read."""
    if recorded is None:
        return None
    if isinstance(recorded, str) and _is_zone(recorded):
        return recorded
    raise Unanswerable(f"The recording's time zone {recorded!r} is not the name of a zone. Record it again.")


@lru_cache(maxsize=64)
def _is_zone(recorded: str) -> bool:
    return bool(_ZONE.fullmatch(recorded)) and recorded[0] not in "/:" and ".." not in recorded


def recorded_zone(recording: Recording) -> str | None:
    """The zone of a recording, as a value for TZ; None: it has none. Raises Unanswerable if it names no zone."""
    context = recording.facts
    return _checked(context.get("zone") if isinstance(context, dict) else None)


def _settings(recording: Recording) -> list[tuple[int, int]]:
    """When the clock was set, nanoseconds since the start, and by how much. Raises Unanswerable for what is none."""
    context = recording.facts
    if not isinstance(context, dict) or SETTINGS not in context:
        return []
    try:
        pairs = sorted((int(offset), int(by)) for offset, by in context[SETTINGS])
    except (TypeError, ValueError):
        pairs = [(-1, 0)]
    if all(0 <= offset <= LONGEST and abs(by) <= LONGEST for offset, by in pairs):
        return pairs
    raise Unanswerable(f"The recording's `{SETTINGS}` are no pairs of nanoseconds. Record it again.")


def _set_zone(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    time.tzset()


@cache
def _parts() -> tuple[Any, Any, Any]:
    """What only a replay needs; asyncio comes with it."""
    from time_machine import travel

    from replay.boundaries.virtual_loop import start_waits
    from replay.boundaries.waits import timelines

    return travel, start_waits, timelines


class _Playing(AbstractContextManager[None]):
    """The zone and the virtual clock of one replay. A search enters one for each of its runs: generators would take
    longer than what they do."""

    __slots__ = ("_clock", "_is_elsewhere", "_settings", "_started_at", "_timeline", "_travel", "_zone", "_zone_before")

    def __init__(self, started_at: int, name: str | None, settings: Sequence[tuple[int, int]]) -> None:
        self._started_at, self._zone, self._settings = started_at, name, settings

    def __enter__(self) -> None:
        travel, start_waits, _ = _parts()
        self._is_elsewhere = self._zone is not None and self._zone != zone() and hasattr(time, "tzset")
        if self._is_elsewhere:
            self._zone_before = os.environ.get("TZ")
            _set_zone(self._zone)
        try:
            seconds, rest = divmod(self._started_at, _SECOND)
            self._travel = travel(seconds, tick=False)
            settings = [(offset + rest, by) for offset, by in self._settings]
            self._clock = clock = _Clock(self._travel.start(), seconds * _SECOND, settings)
        except BaseException:
            self._leave_zone()
            raise
        clock.advance(rest)
        self._timeline = timeline = Timeline(self._started_at, clock.advance)
        with _lock:
            _clocks.append(clock)
            _timelines.append(timeline)
        start_waits(timeline)

    def __exit__(self, *raised: object) -> None:
        _parts()[2].remove(self._timeline)
        with _lock:
            _clocks.remove(self._clock)
            _timelines.remove(self._timeline)
        self._timeline.close()
        self._travel.stop()
        self._leave_zone()

    def again(self) -> bool:
        """See `Renewed`: nobody chose another zone, and there was one thread, which only waited."""
        if (self._zone is not None and self._zone != zone()) or not self._timeline.restart(self._started_at):
            return False
        self._clock.back_to(self._started_at)
        return True

    def _leave_zone(self) -> None:
        if self._is_elsewhere:
            _set_zone(self._zone_before)


class ClockBoundary(Seam):
    """`time.sleep` asks the world; at replay the wall clock is the recording's."""

    _installed = False
    move = staticmethod(move_to)
    """For the player: the wall clock, nanoseconds since the epoch."""
    shift = staticmethod(shift)
    """For the player: how much of a sleep to let pass, nanoseconds."""

    def install(self) -> None:
        """Patch `time.sleep`."""
        if self._installed:
            return
        self._installed = True
        time.sleep = _tapped_sleep  # what is no number fails as it does there
        rebind({"sleep": (_sleep, _tapped_sleep)})

    def begin(self) -> dict[str, Any]:
        """`zone`: a value for TZ."""
        return {"zone": zone()}

    def playing(self, recording: Recording) -> AbstractContextManager[None]:
        """Time starts at `recording.started_at`, in its zone, and moves only by `move` and `shift`."""
        return _Playing(recording.started_at, recorded_zone(recording), _settings(recording))

    def describe(self) -> dict[str, str]:
        """The version of time-machine, without importing it."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return {"time-machine": version("time-machine")}
        except PackageNotFoundError:
            return {}


clock = ClockBoundary("clock")
