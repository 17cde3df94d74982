"""What used up the memory in production, or in a search, does not use up that of whoever replays it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import replay
from replay.core.recording import Recording
from replay.engine import memory

Record = Callable[..., list[Recording]]
LARGE = 3 << 30
"""Bytes that are asked for and never touched."""


class Room:
    """What is left where `hoard` runs."""

    ends = True


@replay.capture
def hoard(size: int) -> int:
    """Comes to the end of the memory, or holds so many bytes."""
    if Room.ends:
        raise MemoryError
    return len(bytearray(size))


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory ends where it is recorded, and is plenty where it is replayed."""
    monkeypatch.setattr(Room, "ends", True)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS takes no limit of memory")


def test_what_used_up_the_memory_has_a_limit_at_replay(record: Record) -> None:
    """It ends as it did, on a machine that could give far more; afterwards the limit is gone."""
    incident = record(lambda: hoard(LARGE))[0]
    before = resource.getrlimit(resource.RLIMIT_AS)
    Room.ends = False
    assert replay.run(incident).status == "reproduced"
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_other_recordings_have_none(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take what the machine has."""
    monkeypatch.setattr(Room, "ends", False)
    good = record(lambda: hoard(LARGE))[0]
    assert replay.run(good).status == "reproduced"


def test_a_500_of_a_mutation_may_be_the_end_of_memory(record: Record) -> None:
    """Frameworks make one of the error. Of an incident of production it says nothing."""
    Room.ends = False
    answered = record(lambda: hoard(1))[0]
    failed = msgspec.structs.replace(answered, http_response_status_code=500)
    found: list[Any] = [memory.is_used_up(each) for each in (
        answered, failed, msgspec.structs.replace(failed, edits=()),
    )]  # fmt: skip
    assert found == [False, False, True]
