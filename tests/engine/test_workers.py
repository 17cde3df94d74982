"""Forked workers: whatever the code does to its process is a find, and the search goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine import workers
from replay.engine.constants import constants_of
from replay.engine.deaths import common, died, stack
from replay.engine.explorer import Explorer
from replay.engine.lines import Lines
from replay.engine.progress import Find, Progress
from replay.engine.workers import Workers
from tests.engine import desk, rough
from tests.engine.test_explorer import ROOT, stage, summary

Record = Callable[..., list[Recording]]
pytestmark = pytest.mark.skipif(not workers.available(), reason="nothing can be forked here")
MEMORY = 64 << 20


def explore(recording: Recording, *, count: int = 2, executions: int = 120, limit: float = 1.0, **options: Any
            ) -> Progress:  # fmt: skip
    """A search in workers."""
    return Explorer(
        stage(recording, limit=limit), executions=executions, constants=constants_of, workers=count, memory=MEMORY,
        **options,
    ).explore()  # fmt: skip


def harmed(record: Record, monkeypatch: pytest.MonkeyPatch, kind: str, **options: Any) -> Progress:
    """A search around a unit that does some harm if its text is empty."""
    recording = record(lambda: rough.work("text"))[0]
    monkeypatch.setattr(rough.Harm, "kind", kind)
    return explore(recording, **options)


def where(find: Find) -> list[str]:
    """The functions of its frames."""
    return [frame.function for frame in find.failure.frames]


@pytest.mark.parametrize(
    ("harm", "kind", "error_type", "function"),
    [
        ("sys.exit", "exit", "SystemExit", "<lambda>"),
        ("os._exit", "exit", "os._exit", "<lambda>"),
        ("segfault", "crash", "SIGSEGV", "segfault"),
        ("abort", "crash", "SIGABRT", "work"),
        ("kill", "crash", "SIGTERM", None),
        ("fill", "memory", "MemoryError", "fill"),
        ("crumbs", "memory", "MemoryError", None),
        ("deep", "error", "RecursionError", "deep"),
        ("interrupt", "error", "KeyboardInterrupt", None),
        ("spin", "hang", "Overrun", "spin"),
        ("native", "hang", "Overrun", "native"),
    ],
)
def test_harm_is_a_find_of_its_kind(record: Record, monkeypatch: pytest.MonkeyPatch, harm: str, kind: str,
                                    error_type: str, function: str | None) -> None:  # fmt: skip
    """With the place where the project's code was and its one edit; and all other mutations are run too."""
    progress = harmed(record, monkeypatch, harm, limit=1.0 if kind == "hang" else 30.0)
    expected = {(kind, error_type)}
    if harm == "crumbs":  # CPython 3.13.0 itself may die where no memory is left
        expected.add(("crash", "SIGSEGV"))
    bad = [find for find in progress.finds if (find.failure.kind, find.failure.error_type) in expected]
    assert [[str(edit) for edit in find.edits] for find in bad] == [['input.args[0]: ""']]
    assert function is None or function in where(bad[0])
    assert "TypeError" in {find.failure.error_type for find in progress.finds}
    assert progress.stopped in ("nothing left to try", "the budget")


def test_what_a_thread_does_to_itself_is_no_harm(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.exit` in a thread ends the thread."""
    assert {find.failure.kind for find in harmed(record, monkeypatch, "later").finds} == {"error"}


@pytest.mark.parametrize("harm", ["none", "os._exit"])
def test_finds_do_not_depend_on_the_number_of_workers(
    record: Record, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Equal seeds, equal finds, equal order and numbers."""
    order = record(desk.record_order)[0]
    monkeypatch.setattr(rough.Harm, "kind", harm)
    told = []
    for count in (0, 1, 2, 3):
        progress = explore(order, count=count, executions=900, seed=3, limit=30.0)  # a stall of the machine is no hang
        assert progress.workers == count
        told.append((
            summary(progress), [find.executions for find in progress.finds],
            [find.recording for find in progress.finds], progress.executions, progress.lines,
        ))  # fmt: skip
    assert len(told[0][0]) >= 3
    assert told[1:] == told[:1] * 3


def test_ctrl_c_keeps_what_was_found_and_leaves_no_process(record: Record) -> None:
    """The workers end with the search."""
    order = record(desk.record_order)[0]
    before = _children()
    sent: list[int] = []

    def interrupt(progress: Progress) -> None:
        if len(progress.finds) == 2 and not sent:
            sent.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    progress = explore(order, executions=100_000, on_progress=interrupt)
    assert (progress.stopped, len(progress.finds)) == ("interrupted", 2)
    assert _children() <= before


def _children() -> set[str]:
    """Of this process, zombies too. Multiprocessing has one that stays, where an earlier test used that."""
    return {number for file in Path("/proc/self/task").glob("*/children") for number in file.read_text().split()}


def test_the_time_is_kept(record: Record) -> None:
    """Also in the middle of a batch."""
    order = record(desk.record_order)[0]
    began = time.monotonic()
    progress = Explorer(stage(order), seconds=0.5, workers=2).explore()
    assert progress.stopped in ("the budget", "nothing left to try")
    assert time.monotonic() - began < 20


def test_a_batch_is_answered_in_its_order(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies in the middle takes no answer with it; what it died of is tried twice."""
    recording = record(lambda: rough.work("text"))[0]
    monkeypatch.setattr(rough.Harm, "kind", "os._exit")
    lines = Lines(ROOT)
    pool = Workers(stage(recording), lines, 2, limit=5.0, memory=None)
    batch = [(Edit("input.args[0]", "set", "x" * number),) for number in (1, 2, 0, 3, 0, 4, 5, 6, 7, 8, 9)]
    try:
        ends = [ran.ended if ran.failure is None else ran.failure.error_type for ran in pool.run(batch)]
    finally:
        pool.close()
        lines.close()
    died = "os._exit"
    assert ends == [
        *("returned 1", "returned 2", died, "returned 3", died), *(f"returned {number}" for number in range(4, 10))
    ]  # fmt: skip


def test_one_death_may_have_been_the_doing_of_another_run() -> None:
    """How a process ended, and what its stack says."""
    trace = (
        f"Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f (most recent call first):\n"
        f'  File "/usr/lib/python3/json.py", line 3 in loads\n  File "{ROOT}/shop.py", line 7 in inner\n'
        f'  File "{ROOT}/shop.py", line 20 in outer\n'
    )
    failure = died(signal.SIGSEGV, trace, ROOT)
    assert (failure.kind, failure.error_type) == ("crash", "SIGSEGV")
    assert [(frame.file, frame.line, frame.function) for frame in failure.frames] == [
        ("shop.py", 20, "outer"), ("shop.py", 7, "inner")
    ]  # fmt: skip
    assert died(3 << 8, "", ROOT).message == "the process ended with status 3"


def test_where_it_goes_round_is_what_all_looks_share() -> None:
    """The function of the loop, not what it happens to call."""

    def look(*frames: tuple[int, str]) -> Any:
        text = "".join(f'  File "{ROOT}/a.py", line {line} in {name}\n' for line, name in frames)
        return stack("Current thread 0x1 (most recent call first):\n" + text, ROOT)

    shared = common([look((9, "helper"), (5, "loop"), (2, "top")), look((6, "loop"), (2, "top"))])
    assert [(frame.line, frame.function) for frame in shared] == [(2, "top"), (5, "loop")]


def test_far_more_work_or_memory_for_as_much_data_is_a_find(record: Record) -> None:
    """Counted in lines and bytes; the baseline's neighbours are not told."""
    slow = explore(record(lambda: rough.quadratic("a", 3))[0], limit=30.0, executions=60)
    assert ("growth", "growth of time") in {(find.failure.kind, find.failure.error_type) for find in slow.finds}
    finds = explore(record(lambda: rough.work("a"))[0]).finds
    assert [(find.failure, find.edits) for find in finds if find.failure.kind == "growth"] == []


def test_what_ends_in_two_ways_is_told_once(record: Record) -> None:
    """A unit that counts its runs, in a bad mood."""
    found = explore(record(lambda: rough.moody("fine"))[0], executions=60).finds
    assert [find.failure.kind for find in found].count("nondeterminism") == 1
