"""What is looked at where a run did not fail by itself: results, decisions, silent damage, and which kinds count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from replay.boundaries.model import predict
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.explorer import Explorer
from replay.engine.failures import Failure
from replay.engine.judges import Judges
from replay.engine.kinds import ALL, USUAL, chosen, counts
from replay.engine.lines import Lines
from replay.engine.progress import Progress
from replay.engine.runs import Here
from replay.errors import UsageError
from tests.engine import counter, till
from tests.engine.test_explorer import ROOT, stage

Record = Callable[..., list[Recording]]


@contextmanager
def judging(recording: Recording, *kinds: str) -> Iterator[Callable[..., Failure | None]]:
    """Gives what runs edits and tells how they failed."""
    here = stage(recording)
    here.judges = Judges(here, chosen(kinds or ("all",)), predict)
    lines = Lines(ROOT)
    runner = Here(here, lines)

    def judged(*edits: Edit) -> Failure | None:
        return runner.run([edits])[0].failure

    try:
        yield judged
    finally:
        runner.close()
        lines.close()


def search(recording: Recording, kinds: frozenset[str], executions: int = 300) -> Progress:
    """A search for these kinds."""
    here = stage(recording)
    here.judges = Judges(here, kinds, predict)
    return Explorer(here, executions=executions, counts=lambda failure: counts(failure, kinds)).explore()


@pytest.fixture
def receipt(record: Record) -> Recording:
    """A benign receipt."""
    return record(lambda: till.receipt(7))[0]


@pytest.fixture
def book(record: Record) -> Recording:
    """A benign entry in the books."""
    return record(lambda: till.book(7))[0]


def test_a_result_that_is_not_as_declared(receipt: Recording) -> None:
    """With its path, what was declared and what is there."""
    with judging(receipt) as judged:
        found = judged(Edit("call[0].plan", "set", None))
        assert judged(Edit("call[0].plan", "set", "free")) is None
    assert found is not None
    assert (found.kind, found.error_type, found.message) == (
        "schema", "returned $.plan", "declared str, is None",
    )  # fmt: skip
    assert found.frames[0].function == "receipt"


def test_what_the_recording_itself_breaks_is_told_once(record: Record) -> None:
    """Of no edit; of its mutations it is no news."""
    recording = record(lambda: till.wrongly(7))[0]
    with judging(recording) as judged:
        found = judged()
        assert found is not None
        assert (found.kind, found.message) == ("schema", "declared int, is str '5'")
        assert judged(Edit("call[0].credit", "set", 6)) is None


@pytest.mark.parametrize(
    ("score", "edits", "said"),
    [
        (0.5, (), "asked tests.engine.till:pay_back) where risk scored 0.5, below 0.9: the policy says review"),
        (float("nan"), (), "asked tests.engine.till:pay_back) where risk gave no score: the policy says fail-safe"),
        (0.1, (Edit("call[0].at_once", "set", True),), "its result says so) where risk scored 0.1"),
        (0.1, (), None),
        (0.91, (Edit("call[0].at_once", "set", True),), None),
    ],
)
def test_acting_by_itself_below_the_threshold(
    receipt: Recording, score: float, edits: tuple[Edit, ...], said: str | None
) -> None:
    """By what is asked after it, or by what the result says; not where nothing was done, or the score lets it pass."""
    with judging(receipt) as judged:
        found = judged(Edit("model[1].score", "set", score), *edits)
    if said is None:
        assert found is None
        return
    assert found is not None
    assert found.kind == "policy"
    assert said in found.message
    assert "(owner: payments)" in found.message


def test_a_lost_write(book: Recording) -> None:
    """Of a function that answers nothing: it is not made, and the result is the same."""
    with judging(book) as judged:
        found = judged(Edit("call[0].plan", "set", "free"))
    assert found is not None
    assert (found.kind, found.error_type) == ("silent", "lost tests.engine.till:remember")
    assert found.message == "tests.engine.till:remember was not made, and the result is the same"


def test_a_failed_write_that_nobody_tells(book: Recording) -> None:
    """It raised, and the result is the same."""
    with judging(book) as judged:
        found = judged(Edit("call[3]", "fault", "timeout"))
    assert found is not None
    assert found.message == "tests.engine.till:announce failed, and the result is the same"


def test_a_result_of_none_promises_nothing(record: Record) -> None:
    """It may return early; but a write that failed is lost there too."""
    recording = record(lambda: till.tidy(7))[0]
    with judging(recording, "silent:lost") as judged:
        assert judged(Edit("call[0].plan", "set", "free")) is None
        found = judged(Edit("call[1]", "fault", "timeout"))
    assert found is not None
    assert found.message == "tests.engine.till:remember failed, and the result is the same"


def test_a_write_that_is_made_twice(book: Recording) -> None:
    """Word for word, after it had succeeded."""
    with judging(book) as judged:
        found = judged(Edit("call[0].credit", "set", None))
    assert found is not None
    assert (found.kind, found.error_type) == ("silent", "repeated tests.engine.till:remember")


class _Shop(BaseHTTPRequestHandler):
    """Takes every order."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b'{"taken": 1}\n')

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def test_writes_over_http(record: Record) -> None:
    """An order that was taken is sent again, or failed and nobody says so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/orders"
        recording = record(lambda: till.order_goods(url))[0]
        server.shutdown()
        thread.join()
    with judging(recording, "silent") as judged:
        again, failed = judged(Edit("http[0]", "html")), judged(Edit("http[0]", "answer", [503, None]))
    assert again is not None
    assert again.message == f"POST {url} was made again, though it had succeeded"
    assert failed is not None
    assert failed.message == f"POST {url} failed, and the result is the same"


def test_an_error_that_is_only_logged(book: Recording) -> None:
    """Where it was logged, with the exception."""
    with judging(book) as judged:
        found = judged(Edit("call[2]", "fault", "timeout"))
    assert found is not None
    assert (found.kind, found.error_type) == ("silent", "logged")
    assert found.message == "till: the archive of 7 is away (TimeoutError: timed out)"
    assert [frame.function for frame in found.frames] == ["book"]


def test_an_error_that_is_swallowed(book: Recording) -> None:
    """By a clause that takes every exception; told where that rule is asked for alone."""
    with judging(book, "silent:swallowed") as judged:
        found = judged(Edit("call[3]", "fault", "timeout"))
        assert judged(Edit("call[0].credit", "set", 4)) is None
    assert found is not None
    assert (found.error_type, [frame.function for frame in found.frames]) == ("swallowed", ["book"])


def test_another_input_may_mean_other_writes(record: Record) -> None:
    """So it is not told."""
    recording = record(lambda: till.book(7))[0]
    with judging(recording, "silent:lost", "silent:repeated") as judged:
        edits = (Edit("call[0].plan", "set", "free"), Edit("input.args[0]", "set", 8))
        assert judged(*edits) is None


def test_a_search_counts_the_kinds_that_are_wanted(receipt: Recording, book: Recording) -> None:
    """No others, each once and by one edit; equal in forked workers."""
    kinds = chosen(["schema,policy"])
    found = search(receipt, kinds).finds
    assert {find.failure.kind for find in found} == {"schema", "policy"}
    assert all(len(find.edits) == 1 for find in found)
    here = stage(receipt)
    here.judges = Judges(here, kinds, predict)
    forked = Explorer(here, executions=300, counts=lambda failure: counts(failure, kinds), workers=2).explore().finds
    assert [(each.failure, each.edits) for each in forked] == [(each.failure, each.edits) for each in found]


def test_finds_of_what_was_asked_have_its_place(receipt: Recording, book: Recording) -> None:
    """The line that acted by itself, that made the write again."""
    silent = search(book, chosen(["silent"])).finds
    assert {"lost", "repeated", "logged"} <= {find.failure.error_type.partition(" ")[0] for find in silent}
    repeated = next(find for find in silent if find.failure.error_type.startswith("repeated"))
    acted = next(find for find in search(receipt, chosen(["policy"])).finds if find.failure.target)
    places = [find.failure.frames[-1] for find in (repeated, acted)]
    source = Path(till.__file__).read_text().splitlines()
    assert [frame.function for frame in places] == ["book", "receipt"]
    assert [source[frame.line - 1].strip() for frame in places] == ['remember("booked")', "pay_back(number)"]


def test_a_finds_prediction_is_recorded(receipt: Recording) -> None:
    """The score that it had, and what the policy said of it."""
    here = stage(receipt)
    here.predict = lambda interaction: (predict(interaction, here.resolve) or (None,))[0]
    edits = (Edit("model[1].score", "set", 0.5),)
    (found,) = here.recorded(here.execute(edits), edits).predictions
    assert (found.seq, found.name, found.score, found.decision) == (1, "risk", 0.5, "review")


def test_an_answer_that_is_not_as_the_application_declares(record: Record) -> None:
    """By its OpenAPI document; what it does declare is none."""
    recording = record(counter.ask)[0]
    with judging(recording, "schema") as judged:
        assert judged() is None
        assert judged(Edit("call[0].count", "set", 4)) is None
        found = judged(Edit("call[0].count", "set", "many"))
    assert found is not None
    assert (found.error_type, found.message) == ("returned $.body.count", "declared integer, is 'many'")


def test_kinds_are_chosen_by_name() -> None:
    """Those alone, beside the usual ones, without one, all rules of one; a wrong name is told what is near."""
    assert chosen([]) == USUAL
    assert chosen(["error, status"]) == {"error", "status"}
    assert chosen(["-growth"]) == USUAL - {"growth"}
    assert chosen(["+silent:swallowed"]) == USUAL | {"silent:swallowed"}
    assert chosen(["all"]) == set(ALL)
    assert chosen(["all", "-silent"]) == {kind for kind in ALL if not kind.startswith("silent")}
    with pytest.raises(UsageError, match="no kind of failure; did you mean schema"):
        chosen(["shema"])


def test_what_fails_as_the_recording_does(record: Record) -> None:
    """Other values at the place that decides it, a find for each place; what fails before that decides nothing. Without
    the option none."""

    def fails() -> Any:
        return till.totals({"seats": None, "name": "ann"})

    recording = record(fails)[0]
    assert recording.error_type == "TypeError"
    finds = Explorer(stage(recording), executions=200, same_failure=True).explore().finds
    alike = [find for find in finds if find.failure.kind == "same_failure"]
    assert [[edit.path for edit in find.edits] for find in alike] == [["input.args[0].seats"]]
    assert alike[0].failure.error_type == "TypeError"
    assert alike[0].recording is not None
    plain = Explorer(stage(recording), executions=200).explore().finds
    assert [find for find in plain if find.failure.kind == "same_failure"] == []
