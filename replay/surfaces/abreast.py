"""Replays of several recordings at a time, told in the recordings' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.surfaces import fresh
from replay.surfaces.isolation import Replayer

_LOOK = 0.05
"""Seconds between two looks whether all have ended."""


def replayed(
    recordings: Iterable[tuple[str, Recording]], replay: Replayer, jobs: int, began: Callable[[str], object]
) -> Iterator[tuple[str, Recording, Verdict]]:
    """Replay each of `recordings` (a bundle's path, and one in it), `jobs` at a time. `began` is told whose verdict
    comes next.

    Recordings are read as they are needed. When whoever asks for the verdicts is interrupted, the processes of replays
    under way are ended. Raises what `replay` raises.
    """
    if jobs == 1:
        for path, recording in recordings:
            began(f"{path}::{recording.id}")
            yield path, recording, replay(recording)
        return
    under_way: deque[tuple[str, Recording, Future[Verdict]]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for path, recording in recordings:
                under_way.append((path, recording, pool.submit(replay, recording)))
                if len(under_way) > jobs:
                    yield _first(under_way, began)
            while under_way:
                yield _first(under_way, began)
        finally:
            _end([future for _, _, future in under_way])


def _first(
    under_way: deque[tuple[str, Recording, Future[Verdict]]], began: Callable[[str], object]
) -> tuple[str, Recording, Verdict]:
    path, recording, future = under_way[0]
    began(f"{path}::{recording.id}")
    verdict = future.result()
    under_way.popleft()
    return path, recording, verdict


def _end(futures: list[Future[Verdict]]) -> None:
    """Let none of them begin, and end those that have."""
    left = {future for future in futures if not future.cancel()}
    while left:
        fresh.end_all()  # one may be about to start its process
        left = wait(left, _LOOK).not_done
