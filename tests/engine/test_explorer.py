"""The search over mutations: what it finds, how small, the same each time, and what it keeps of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import unwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.boundaries import ALL
from replay.boundaries.clock import move_to, pauses, wait
from replay.boundaries.http.exchange import HttpRequest
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.core.world import Request
from replay.engine.constants import constants_of
from replay.engine.explorer import Explorer
from replay.engine.finished import Run
from replay.engine.mutant import Taken
from replay.engine.mutation import Edits, read_edits
from replay.engine.progress import Progress
from replay.engine.runs import Ran, Runner
from replay.engine.session import Session
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.errors import Unanswerable
from tests.engine import desk, hours, units

Record = Callable[..., list[Recording]]
ROOT = Path(__file__).parent.parent.parent
TARGETS = Targets(ROOT)


def stage(recording: Recording, **options: Any) -> Stage:
    """Where its mutations run."""
    return Stage(
        recording, boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait, pauses=pauses,
        allowed=("Declared",), **options,
    )  # fmt: skip


def explore(recording: Recording, executions: int = 1500, seed: int = 0, **options: Any) -> Progress:
    """A search with the constants of the code."""
    return Explorer(stage(recording), seed=seed, executions=executions, constants=constants_of, **options).explore()


def summary(progress: Progress) -> list[tuple[str, list[str]]]:
    """Types and edits of what was found, in order."""
    return [(find.failure.error_type, [str(edit) for edit in find.edits]) for find in progress.finds]


@pytest.fixture
def order(record: Record) -> Recording:
    """The benign order."""
    return record(desk.record_order)[0]


def test_it_finds_failures_next_door_with_their_smallest_edit(order: Recording) -> None:
    """A null in an answer, a missing name, and what needs two edits together."""
    found = summary(explore(order))
    assert ("AttributeError", ["call[0].plan: null"]) in found
    assert ("KeyError", ["call[0].plan: drop"]) in found
    pair = next(edits for kind, edits in found if kind == "ArithmeticError")
    assert pair == ['input.args[0].currency: "JPY"', "input.args[0].gift: true"]


def test_a_find_has_the_smallest_values(order: Recording) -> None:
    """Made so by Hypothesis: nothing around the character that matters."""
    found = Explorer(stage(order, properties=[notes_can_be_sent]), executions=1200, constants=constants_of).explore()
    edits = next(find.edits for find in found.finds if find.failure.kind == "invariant")
    assert [(edit.path, edit.argument) for edit in edits] == [("input.args[0].note", "\ud800")]


def notes_can_be_sent(run: Run) -> None:
    """A property that a lone surrogate breaks."""
    run.input["args"][0].get("note", "").encode() if isinstance(run.input["args"][0].get("note"), str) else b""


def test_what_was_found_before_is_tried_first(order: Recording) -> None:
    """It does not count in the budget, and the search goes on as it would without."""
    before = explore(order, 60, seed=3)
    kept = [find.edits for find in before.finds]
    again = explore(order, 1, first=kept)
    assert summary(again) == summary(before)
    assert [find.executions for find in again.finds] == list(range(2, 2 + len(kept)))
    whole, other = explore(order, 400, seed=4), explore(order, 400, seed=4, first=kept)
    known = {find.failure.fingerprint for find in before.finds}
    news = [find.edits for find in whole.finds if find.failure.fingerprint not in known]
    assert news != []
    assert [find.edits for find in other.finds[len(kept) :]][: len(news)] == news
    fine = (Edit("input.args[0].note", "set", "x"),)
    assert explore(order, 1, first=[fine]).finds == []


def test_declared_errors_are_no_finds(order: Recording) -> None:
    """And they are, where they are not declared."""
    assert not any(kind.endswith("Declared") for kind, _ in summary(explore(order, 400)))
    undeclared = Stage(order, boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    found = summary(Explorer(undeclared, executions=400).explore())
    assert any(kind.endswith("Declared") for kind, _ in found)


def test_equal_seeds_give_equal_finds(order: Recording) -> None:
    """In the same order, after the same number of executions."""
    one, two = explore(order, 800, seed=3), explore(order, 800, seed=3)
    assert summary(one) == summary(two)
    assert [find.executions for find in one.finds] == [find.executions for find in two.finds]
    assert [find.recording for find in one.finds] == [find.recording for find in two.finds]


SEED_0 = [
    ("AttributeError", ["call[0].plan: null"]),
    ("TimeoutError", ['call[2]: fault "timeout"']),
    ("TimeoutError", ['call[0]: fault "timeout"']),
    ("ConnectionResetError", ['call[1]: fault "reset"']),
    ("ConnectionResetError", ['call[0]: fault "reset"']),
    ("KeyError", ["call[0].plan: drop"]),
    ("ConnectionRefusedError", ['call[1]: fault "refused"']),
    ("ConnectionRefusedError", ['call[0]: fault "refused"']),
    ("AttributeError", ["call[2]: null"]),
    ("TypeError", ["call[0]: null"]),
    ("ArithmeticError", ['input.args[0].currency: "JPY"', "input.args[0].gift: true"]),
]


@pytest.mark.parametrize("workers", [0, 2])
def test_every_python_finds_the_same_in_the_same_order(order: Recording, workers: int) -> None:
    """Written down under 3.11; the suite runs under others too. Who means to change the search writes it anew."""
    assert summary(explore(order, workers=workers)) == SEED_0


@pytest.mark.parametrize("seed", range(5))
def test_what_the_code_reads_is_edited_first(record: Record, seed: int) -> None:
    """Of 70 places three are read: a search of 12 runs finds what an edit of those does."""
    (recording,) = record(lambda: desk.greeting(7))
    found = [edits for _, edits in summary(explore(recording, 12, seed))]
    assert ["call[0].address.city: null"] in found
    assert ["call[0].address: null"] in found


def test_each_find_is_a_recording_that_reproduces(order: Recording) -> None:
    """A strict replay, without the search, ends in the same failure; the lineage says what was edited."""
    session = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    finds = explore(order).finds
    assert len(finds) >= 3
    for find in finds:
        assert find.recording is not None
        verdict = session.run(find.recording)
        assert (verdict.status, verdict.left_over) == ("reproduced", 0)
        assert find.recording.error_type == find.failure.error_type
        assert find.recording.parent_digest == order.digest
        assert read_edits(find.recording.edits) == find.edits


def test_each_failure_is_shown_once(order: Recording) -> None:
    """By type and place."""
    finds = explore(order).finds
    fingerprints = [find.failure.fingerprint for find in finds]
    assert len(set(fingerprints)) == len(fingerprints)


def test_the_incidents_own_failure_is_no_find(record: Record) -> None:
    """What production saw already is known."""
    broken = record(lambda: desk.drawing(0))[0]
    assert broken.error_type == "ValueError"
    assert all(find.failure.error_type != "ValueError" for find in explore(broken, 200).finds)


def test_draws_beyond_the_recorded_ones_are_kept_with_the_find(record: Record) -> None:
    """The find holds what was drawn, so that it replays; and equal searches draw equal values."""
    drawing = record(lambda: desk.drawing(2))[0]
    found = [next(f for f in explore(drawing, 200).finds if f.failure.error_type == "KeyError") for _ in range(2)]
    assert found[0].failure.message == found[1].failure.message
    assert found[0].recording is not None
    session = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    assert session.run(found[0].recording).status == "reproduced"


def test_the_budget_is_kept(order: Recording) -> None:
    """By number (but for the shrinking of the last find) or by time."""
    assert explore(order, 50).executions <= 50 + 60
    began = time.monotonic()
    progress = Explorer(stage(order), seconds=0.5).explore()
    assert progress.stopped == "the budget"
    assert time.monotonic() - began < 20


def test_ctrl_c_keeps_what_was_found(order: Recording) -> None:
    """The search ends, its finds stay, the process goes on."""
    sent: list[int] = []

    def interrupt(progress: Progress) -> None:
        if len(progress.finds) == 2 and not sent:
            sent.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    progress = explore(order, 100_000, on_progress=interrupt)
    assert progress.stopped == "interrupted"
    assert len(progress.finds) == 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_what_does_not_end_is_found_and_the_search_goes_on(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hang has no recording, as it has no end."""
    recording = record(lambda: desk.waiting("text"))[0]
    monkeypatch.setattr(desk, "HANGS", True)
    progress = Explorer(stage(recording, limit=0.5), executions=200).explore()
    hangs = [find for find in progress.finds if find.failure.kind == "hang"]
    assert [(find.recording, len(find.edits)) for find in hangs] == [(None, 1)]
    assert progress.stopped == "nothing left to try"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_what_hangs_at_a_place_leaves_its_other_failures_small(record: Record) -> None:
    """A text that is too long, at the place whose empty text never ends."""
    recording = record(lambda: desk.endless("text"))[0]
    progress = Explorer(stage(recording, limit=0.5), executions=300).explore()
    kinds = [find.failure.kind for find in progress.finds]
    assert kinds.index("hang") < len(kinds) - 1
    (long,) = (find for find in progress.finds if find.failure.error_type == "OverflowError")
    assert [(edit.operator, edit.argument[0]) for edit in long.edits] == [("long", 301)]


def test_the_functions_get_their_own_code_back(order: Recording) -> None:
    """A search leaves no marks in the project's code, nor a signal handler, nor a world."""
    inner = desk.order.__wrapped__  # type: ignore[attr-defined]
    before, handler = inner.__code__, signal.getsignal(signal.SIGALRM)
    explore(order, 30)
    assert inner.__code__ is before
    assert signal.getsignal(signal.SIGALRM) is handler
    assert desk.order({"customer": 1, "items": ["a"]}) == {"plan": "PRO", "total": 10}


def test_a_recording_that_does_not_replay_is_not_explored(order: Recording) -> None:
    """Its mutations would say nothing."""
    lost = msgspec.structs.replace(order, interactions=())
    with pytest.raises(Unanswerable, match="cannot be replayed as it is"):
        explore(lost, 10)


class Test_a_mutant_answers_as_far_as_sense_goes:
    """Where a strict replay would stop."""

    def test_another_request_gets_the_nearest_answer(self, order: Recording) -> None:
        """Of the same target, and it is counted."""
        ran = stage(order).execute([Edit("input.args[0].customer", "set", 8)])
        assert ran.outcome is not None
        assert ran.outcome.payload.decode() == {"plan": "PRO", "total": 20}
        assert (ran.stretched, ran.diverged) == (1, False)

    def test_a_request_more_gets_an_answer_again(self, order: Recording) -> None:
        """The same question, the same answer."""
        ran = stage(order).execute([Edit("input.args[0].items[0]", "twice")])
        assert ran.outcome is not None
        assert ran.outcome.payload.decode()["total"] == 30

    def test_a_request_less_is_no_divergence(self, order: Recording) -> None:
        """Nothing is missed."""
        ran = stage(order).execute([Edit("input.args[0].items[0]", "drop")])
        assert (ran.diverged, ran.stretched) == (False, 0)

    def test_what_nothing_answers_ends_it_without_a_find(self, record: Record) -> None:
        """The code asks what production never asked: how that ends says nothing of the code."""
        empty = record(lambda: desk.order({"items": []}))[0]
        ran = stage(empty).execute([Edit("input.args[0].items", "set", ["a"])])
        assert (ran.diverged, ran.failure) == (True, None)


def test_which_thread_asks_first_is_no_difference(record: Record) -> None:
    """It is another one each time, and no search may call that a failure; what one thread asks has an order."""
    (threads,) = record(lambda: units.threaded(["a", "b", "c", "d"]))
    (order,) = record(desk.record_order)
    for recording, is_same in ((threads, True), (order, False)):
        ran = stage(recording).execute(())
        assert len(ran.taken) > 1
        assert (msgspec.structs.replace(ran, taken=ran.taken[::-1]).effect == ran.effect) is is_same


def test_headers_of_a_request_are_no_difference(order: Recording) -> None:
    """Clients count in them, or tell of the request before (stripe); what is asked is method, URL and body."""
    ran = stage(order).execute(())

    def asks(headers: list[tuple[str, str]], body: bytes) -> str:
        asked = HttpRequest("httpx", "POST", "http://h/p", headers, body)
        taken = Taken(ran.taken[0].answered_by, Request("http", asked.target, asked), asked.settle(), "0")
        return msgspec.structs.replace(ran, taken=(taken,)).effect

    hostile = '],"body":{"$bytes":"x"}'
    assert asks([("X-Count", "1")], b'{"a": 1}') == asks([("X-Count", "2"), ("X-More", hostile)], b'{"a": 1}')
    assert asks([], b'{"a": 1}') != asks([], b'{"a": 2}')
    assert asks([("X", "],")], b"],") != asks([("X", "],")], b"")


def test_replay_run_needs_no_search(order: Recording) -> None:
    """The public `replay.run` reproduces a find."""
    find = explore(order, 300).finds[0]
    assert find.recording is not None
    assert replay.run(find.recording, root=ROOT).status == "reproduced"


def test_the_clock_jumps_within_the_work(record: Record) -> None:
    """What has expired meanwhile, another day: nobody waited for it, and a strict replay ends in the same way."""
    (recording,) = record(hours.export)
    progress = explore(recording, 200)
    found = {find.failure.message: find for find in progress.finds}
    assert {"the token has expired", "two days in one export"} <= set(found)
    expired = found["the token has expired"]
    assert [(edit.path, edit.operator) for edit in expired.edits] == [("timing[1]", "jump")]
    assert replay.run(expired.recording).status == "reproduced"
    late = {edit.path: edit for edit in found["two days in one export"].edits}
    assert set(late) <= {"timing[1]", "timing[2]"}
    assert not any(each.failure.error_type == "TimeoutError" and "half an hour" in each.failure.message
                   and any(edit.operator == "jump" for edit in each.edits) for each in progress.finds)  # fmt: skip


def test_the_clock_is_set_back_within_the_work(record: Record) -> None:
    """The wall clock alone, while one answer is under way; a strict replay of the find ends in the same way."""
    (recording,) = record(hours.pace)
    (found,) = (each for each in explore(recording, 100).finds if each.failure.error_type == "ValueError")
    assert [(edit.operator, edit.argument) for edit in found.edits] == [("jump", -61.0)]
    assert (found.failure.error_type, found.failure.message) == ("ValueError", "it took -61 s")
    assert replay.run(found.recording).status == "reproduced"


def test_the_clock_of_an_event_loop_jumps_too(record: Record) -> None:
    """Its own clock does not: no time-out comes of it."""
    (recording,) = record(lambda: asyncio.run(hours.export_later()))
    progress = explore(recording, 100)
    (found,) = (each for each in progress.finds if each.failure.error_type == "PermissionError")
    assert [(edit.path, edit.operator) for edit in found.edits] == [("timing[1]", "jump")]
    assert replay.run(found.recording).status == "reproduced"


def test_a_find_has_its_answers_when_its_run_had_them(record: Record) -> None:
    """What is asked first need not be answered first: a strict replay of the find ends in the same way."""
    (recording,) = record(lambda: asyncio.run(hours.in_turn(["pear", "apple"])))
    edits, runs = (Edit("input.args[0]", "reverse"),), stage(recording)
    execution = runs.execute(edits)
    assert execution.failure is not None
    assert execution.failure.message == "out of turn"
    assert replay.run(runs.recorded(execution, edits)).status == "reproduced"


def test_json_in_a_text_is_edited_inside(record: Record) -> None:
    """A name that a model left out, not a text that happens to lack it."""
    recording = record(lambda: desk.amount('```json\n{"amount": 12, "items": [{"name": "pear"}]}\n```'))[0]
    found = summary(explore(recording))
    for edit in ("items[0].name: null", "items: []", "items: drop"):
        assert [f"input.args[0].json.{edit}"] in [edits for _, edits in found]


class Counted:
    """A runner of mutations, and how many of these used up the memory."""

    def __init__(self, inner: Runner) -> None:
        self.inner, self.workers, self.full = inner, inner.workers, 0

    def run(self, batch: Sequence[Edits], *, until: float | None = None, together: bool = False) -> list[Ran]:
        """Its answers."""
        answers = self.inner.run(batch, until=until, together=together)
        self.full += sum(each.failure is not None and each.failure.kind == "memory" for each in answers)
        return answers

    def recorded(self, edits: Edits) -> tuple[Ran, Recording | None]:
        """Its answer."""
        return self.inner.recorded(edits)

    def close(self) -> None:
        """End it."""
        self.inner.close()


def test_what_uses_up_the_memory_is_not_tried_over_and_over(record: Record) -> None:
    """It takes seconds each time, and hides what another edit does. Other places are searched on."""
    recording = record(lambda: desk.hold({"count": 2, "label": "x"}))[0]
    counted: list[Counted] = []

    def around(runner: Runner) -> Runner:
        counted.append(Counted(runner))
        return counted[0]

    progress = explore(recording, 1500, around=around)
    assert {"memory", "error"} == {find.failure.kind for find in progress.finds}
    assert counted[0].full < 20


def test_places_that_do_nothing_alone_are_edited_together(record: Record) -> None:
    """Two numbers that must become the third; nothing is left to try only when pairs of them were."""
    recording = record(lambda: desk.alike({"a": 1, "b": 2, "c": 3}))[0]
    progress = Explorer(stage(recording), executions=9000).explore()
    (found,) = (edits for error, edits in summary(progress) if error == "ArithmeticError")
    assert sorted(found) == ["input.args[0].b: 1", "input.args[0].c: 1"]


def test_the_timer_of_the_limit_is_the_real_one(order: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as a run ends may leave its world in place, whose timers are virtual: the tick then ended the process."""

    @wraps(signal.setitimer)
    def virtual(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        return 0.0, 0.0

    with stage(order).limited():
        monkeypatch.setattr(signal, "setitimer", virtual)
    monkeypatch.undo()
    assert unwrap(signal.getitimer)(signal.ITIMER_REAL) == (0.0, 0.0)
    monkeypatch.setattr(signal, "setitimer", virtual)
    with stage(order).limited():
        assert unwrap(signal.getitimer)(signal.ITIMER_REAL) != (0.0, 0.0)
