"""What the code logs at replay is told beside what it logged in production."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import HEARD, MOST_LOGS, Log, Recording
from replay.core.verdict import Difference
from replay.engine.logged import MOST, Line, logged
from tests.engine import logging_app
from tests.surfaces.report.samples import recording as made

Record = Callable[..., list[Recording]]


@pytest.fixture(autouse=True)
def _as_in_production() -> Iterator[None]:
    logging_app.SAYS.clear()
    yield
    logging_app.SAYS.clear()


def told(verdict: replay.Verdict) -> list[tuple[str, str]]:
    """What is said of log lines; nothing of it counts."""
    assert verdict.status == "reproduced", verdict
    return [(each.kind, each.recorded or each.actual) for each in verdict.difference if each.path == "logs"]


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ([], []),
        (["others"], []),
        (["warning"], [("removed", "ERROR tests.shop: order 7 could not be paid by ann")]),
        (["error"], [("removed", "WARNING tests.shop: 7 took 0.7 s")]),
        (["error", "warning", "more"], [("added", "ERROR tests.shop: is lost")]),
        (["error", "warning", "others"], [("added", "ERROR tests.shop: order %d could not be paid by %s"),
                                          ("added", "WARNING tests.shop: took s")]),
    ],
)  # fmt: skip
def test_what_only_one_of_them_logs(record: Record, says: list[str], found: list[tuple[str, str]]) -> None:
    """By level, logger and template, whatever the arguments are."""
    (recording,) = record(lambda: logging_app.pay(7))
    logging_app.SAYS[:] = says
    assert told(replay.run(recording)) == found


def test_where_production_did_not_hear_all(record: Record) -> None:
    """An older recording, and one of a service that set up logging after `init`, say nothing of what it did not log."""
    (recording,) = record(lambda: logging_app.pay(7))
    assert recording.facts[HEARD] is True
    context = {name: each for name, each in recording.context.decode().items() if name != HEARD}
    logging_app.SAYS[:] = ["error", "more"]
    older = msgspec.structs.replace(recording, context=encode(context))
    assert told(replay.run(older)) == [("removed", "WARNING tests.shop: 7 took 0.7 s")]


def test_what_a_service_that_lost_the_handler_says(record: Record) -> None:
    """It does not claim to hear."""

    def work() -> None:
        root = logging.getLogger()
        handlers, root.handlers = root.handlers, []
        try:
            logging_app.pay(7)
        finally:
            root.handlers = handlers

    (recording,) = record(work)
    assert HEARD not in recording.facts
    assert recording.logs == ()


def test_a_diverged_run_says_nothing_of_it(record: Record) -> None:
    """What it would have logged, it did not come to."""
    (recording,) = record(lambda: logging_app.pay(7))
    verdict = replay.run(msgspec.structs.replace(recording, input=encode({"args": [8], "kwargs": {}})))
    assert verdict.status == "diverged"
    assert not [each for each in verdict.difference if each.path == "logs"]


def lines(*messages: str) -> tuple[Log, ...]:
    """Of production."""
    return tuple(Log(offset_ns=1, level="ERROR", logger="a", message=each) for each in messages)


def test_many_lines_are_counted_and_bounded() -> None:
    """A bundle may hold any lines; where some were left out nothing is said."""
    recording = made(logs=lines("it", "it", "is"))
    assert logged(recording, []) == [
        Difference("logs", "removed", recorded=each, note="log lines are told and do not count")
        for each in ("ERROR a: is", "ERROR a: it (2 times)")
    ]
    assert len(logged(made(logs=lines(*map("x{}".format, range(100)))), [])) == MOST
    assert logged(made(logs=lines(*["it"] * MOST_LOGS)), []) == []


@pytest.mark.parametrize(
    ("template", "recorded", "same"),
    [
        ("%s", "", True),
        ("%s%s%s%s%s", "x" * 2_000, True),
        ("a %(b)s c", "a 1 c", True),
        ("a %5.2f c", "a 1 d", False),
        ("100%% of %d", "100% of 7", True),
        ("%d a a %d", "1 a 2", False),
        ("aa%saa", "aaa", False),
    ],
)
def test_what_a_template_may_become(template: str, recorded: str, same: bool) -> None:
    """Its parts stand in the line, in their order, and none twice."""
    assert Line("ERROR", "a", "0123", template).is_as(recorded) is same
