"""Runs that a replay tool reports as clean while the application got wrong bytes or none: red here, each of them.

The list starts from keploy's pull request 4570 (https://github.com/keploy/keploy/pull/4570), which counts eleven such
defects of one tool; of it the first, fourth, fifth and tenth could be read. The others are from neighbouring threads of
that project, named at each test, and from what can go wrong between a recording and an application that hides its
errors ("derived").
In every test the application ends in the result that was recorded: only the verdict can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from tests import silent_units as units
from tests.boundaries.http.server import Server
from tests.recordings import answering, record, with_interactions

Take = Callable[[Callable[[], Any]], Recording]


@pytest.fixture
def server() -> Iterator[Server]:
    """Stopped by `take`: no replay can reach it."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def take(tmp_path: Path, server: Server) -> Iterator[Take]:
    """The recording of what `work()` did, checked to be green as it stands."""

    def one(work: Callable[[], Any]) -> Recording:
        (recording,) = record(tmp_path, work)
        server.stop()
        verdict = replay.run(recording)
        assert verdict.green, verdict
        return recording

    units.CHANGE.clear()
    units.COUNT["polled"] = 0
    yield one
    units.CHANGE.clear()


def _red(recording: Recording, *change: str) -> Verdict:
    """The verdict on the edited application: the same result as recorded, and not green."""
    units.CHANGE.update(change)
    verdict = replay.run(recording)
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value
    assert (verdict.green, verdict.status) == (False, "diverged")
    return verdict


def _kinds(verdict: Verdict) -> list[str]:
    return [divergence.kind for divergence in verdict.divergences]


def test_a_repeated_request_gets_its_own_answer_each_time(take: Take) -> None:
    """Keploy 4570, 1: the first of several answers was served for ever. Here each is served once, in order, and one
    request more than recorded has none."""
    recording = take(units.polls)
    assert recording.outcome.value == "1,2,3"
    assert _kinds(_red(recording, "once-more")) == ["exhausted"]


@pytest.mark.parametrize("client", ["requests", "httpx"])
@pytest.mark.parametrize(("change", "field"), [("origin", "headers.origin"), ("range", "headers.range")])
def test_headers_that_choose_another_answer(take: Take, server: Server, client: str, change: str, field: str) -> None:
    """Keploy 4570, 4: a recording with fewer headers answered a request with `Origin`, for which a server's answer has
    others. And, derived, another part of a file."""
    (found,) = _red(take(lambda: units.chooses(server.url, client)), change).divergences
    assert (found.kind, [each.path for each in found.differences]) == ("changed", [field])


@pytest.mark.parametrize("client", ["requests", "httpx"])
@pytest.mark.parametrize("case", [*units.HEADERS, *units.QUERIES])
def test_a_request_that_only_looks_alike(take: Take, server: Server, client: str, case: str) -> None:
    """Derived, after keploy 4570, 4: another tenant, version, format, language, session or order of values."""
    recording = take(lambda: units.asks_alike(server.url, client, case))
    (found,) = _red(recording, "edited").divergences
    assert found.kind == "changed"


@pytest.mark.parametrize("reads", [units.reads_a_cursor, units.reads_a_held_cursor], ids=["itself", "held"])
def test_an_answer_that_no_recording_can_hold(take: Take, reads: Any) -> None:
    """Derived: a database's cursor, alone or held. It may be shown and passed on; who reads it is told."""
    (found,) = _red(take(reads), "reads").divergences
    assert (found.kind, found.seq) == ("exhausted", 0)
    assert "sqlite3.Cursor, which no recording can hold" in str(found.differences)


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_a_large_answer_is_served_whole_or_missed(take: Take, server: Server, client: str) -> None:
    """Keploy 4570, 5: of 8 KiB and more nothing was served, and nothing missed. Here all of it is; and where the bundle
    has lost it the run is not green."""
    recording = take(lambda: units.large(server.url, client))
    assert recording.outcome.value == 76_800
    node = recording.interactions[0].answer.text
    pieces = node[node.index('"pieces":') : node.index(',"decoded"')]
    lost = answering(recording, 0, pieces, '"pieces":[]')
    lost = answering(lost, 0, '"dropped":0', '"dropped":76800')
    verdict = replay.run(lost)
    assert (verdict.green, verdict.outcome is not None and verdict.outcome.value) == (False, 76_800)


def test_a_miss_that_the_application_swallows(take: Take, server: Server) -> None:
    """Keploy 4273 (review): a miss inside a run that otherwise passes must surface."""
    assert _kinds(_red(take(lambda: units.swallows(server.url)), "other")) == ["changed"]


def test_a_similar_request_is_not_the_same_request(take: Take, server: Server) -> None:
    """Keploy issue 2510: another id was answered with the recorded one's row, and the test passed."""
    recording = take(lambda: units.posts(server.url))
    (found,) = _red(recording, "other").divergences
    assert [field.path for field in found.differences] == ["body.filter.id"]


def test_a_miss_that_looks_like_a_lost_connection(take: Take, server: Server) -> None:
    """Keploy 4464: a miss closed the connection, which applications are made to live with."""
    assert _kinds(_red(take(lambda: units.falls_back(server.url)), "other")) == ["extra", "missing"]


def test_nothing_was_served_at_all(take: Take, server: Server) -> None:
    """Keploy 4605: a run whose traffic never reached the tool passed as isolated."""
    verdict = _red(take(lambda: units.forgets(server.url)), "less", "nothing")
    assert (verdict.served, verdict.left_over) == (0, 2)


def test_answers_that_are_left_over(take: Take, server: Server) -> None:
    """Derived: what production asked and the code asks no longer."""
    verdict = _red(take(lambda: units.forgets(server.url)), "less")
    assert ([(d.kind, d.seq) for d in verdict.divergences], verdict.served) == ([("missing", 0)], 1)


def test_a_stream_that_ends_where_the_recording_ends(take: Take, server: Server) -> None:
    """Derived: the recording has the beginning of a body; served as if it were all, the code would read a whole one."""
    assert _kinds(_red(take(lambda: units.reads(server.url)), "on")) == ["exhausted"]


def test_an_error_on_the_wire_is_not_the_end_of_the_body(take: Take, server: Server) -> None:
    """Keploy 4360 (bodies framed otherwise than on the wire), and derived: a reset served as a clean end hands over a
    part as the whole. Replayed it is the reset; and a recording in which it is a clean end is not the same."""
    recording = take(lambda: units.downloads(server.url))
    assert recording.outcome.value == "ReadError"
    node = recording.interactions[0].answer.tree
    assert (node["end"], node["error"]["phase"]) == ("error", "body")
    text = recording.interactions[0].answer.text
    start = text.index('"error":{')
    clean = answering(recording, 0, '"end":"error"', '"end":"complete"')
    clean = answering(clean, 0, text[start:], '"error":null}')
    verdict = replay.run(clean)
    assert (verdict.green, verdict.status) == (False, "changed")


@pytest.mark.parametrize("client", ["requests", "httpx"])
@pytest.mark.parametrize(("framing", "body"), [("trailer", b"hello"), ("extension", b"hello"),
                                               ("like_an_end", b"before 0\r\nafter")])  # fmt: skip
def test_where_a_chunked_body_ends(take: Take, server: Server, client: str, framing: str, body: bytes) -> None:
    """Keploy 4570, 10: its end was looked for as bytes, so that bodies were cut and later exchanges of the connection
    lost. Here all are whole, and the last one is missed where it is not."""
    recording = take(lambda: units.frames(server.url, client, framing))
    bodies = [b"".join(data for _, data in each.answer.decode()["pieces"]) for each in recording.interactions]
    assert (len(bodies), bodies[:2]) == (3, [body] * 2)
    assert [each.answer.tree["end"] for each in recording.interactions] == ["complete"] * 3
    verdict = _red(with_interactions(recording, recording.interactions[:-1]))
    assert (_kinds(verdict), verdict.unanswered) == (["extra"], 1)


def test_an_answer_that_never_came_is_not_an_empty_one(take: Take) -> None:
    """Keploy 4397: what was not captured was replayed as a closed connection. Here: asked, and still on its way when
    the recording ended. Code that now waits for it gets no value."""
    recording = take(units.leaves_behind)
    assert recording.interactions[0].state == "unfinished"
    assert _kinds(_red(recording, "waits")) == ["exhausted"]


def test_a_miss_in_a_background_thread(take: Take, server: Server) -> None:
    """Derived: nobody looks at what a thread raised."""
    assert _kinds(_red(take(lambda: units.in_background(server.url)), "other")) == ["changed"]


@pytest.mark.parametrize(("change", "kinds"), [("other", ["changed"]), ("drops", ["missing"])])
def test_a_task_that_fails_or_is_dropped(take: Take, server: Server, change: str, kinds: list[str]) -> None:
    """Derived: `gather(return_exceptions=True)`, and a task that was cancelled before it asked."""
    assert _kinds(_red(take(lambda: asyncio.run(units.gathers(server.url))), change)) == kinds


def test_one_answer_for_two_who_ask(take: Take) -> None:
    """Derived: an answer is served once, also when two threads ask for it at the same time."""
    verdict = _red(take(units.asks_twice), "twice")
    assert (verdict.served, verdict.unanswered, _kinds(verdict)) == (1, 1, ["exhausted"])


def test_a_recording_that_lost_an_answer(take: Take, server: Server) -> None:
    """Keploy 4502: a call whose answer came last was lost from the recording, which then looked whole."""
    recording = take(lambda: asyncio.run(units.gathers(server.url)))
    verdict = _red(with_interactions(recording, recording.interactions[:-1]))
    assert (_kinds(verdict), verdict.unanswered) == (["extra"], 1)


@pytest.mark.parametrize(("how", "kind"), [("early", "missing"), ("late", "missing"), ("sends", "changed"),
                                           ("throws", "changed")])  # fmt: skip
def test_a_stream_that_is_left_or_told_otherwise(take: Take, how: str, kind: str) -> None:
    """Derived: production read all pieces and the end; what the code sends into a generator is a request, too."""
    recording = take(lambda: units.leaves_rows(how))
    verdict = _red(recording, "other")
    assert _kinds(verdict) == [kind]
    assert verdict.divergence is not None
    assert verdict.divergence.differences[0].path.startswith(("$.pieces", "$.error"))


def test_an_asynchronous_stream_that_is_left(take: Take) -> None:
    """Derived: as far as production read, though that was not to its end."""
    recording = take(lambda: asyncio.run(units.leaves_rows_async()))
    assert _kinds(_red(recording, "other")) == ["missing"]


def test_an_asynchronous_stream_that_is_left_at_the_end(take: Take) -> None:
    """Its closing is cancelled with the loop."""
    recording = take(lambda: asyncio.run(units.leaves_ticks()))
    assert _kinds(_red(recording, "other")) == ["missing"]


@pytest.mark.parametrize("client", ["requests", "httpx-async"])
def test_a_body_that_came_after_the_end_is_waited_for_by_nobody(take: Take, server: Server, client: str) -> None:
    """Tasks of `asyncio.gather` read on when another has failed, and are recorded for as long as the writer waits."""
    recording = take(lambda: units.leaves_a_body(server.url, client))
    (asked,) = recording.interactions
    ended = with_interactions(recording, [msgspec.structs.replace(asked, state="unfinished")])
    units.CHANGE.add("other")
    assert replay.run(ended).status == "reproduced"
    assert replay.run(recording).status == "diverged"


@pytest.mark.parametrize("client", ["requests", "httpx", "httpx-async"])
def test_a_body_that_is_not_read(take: Take, server: Server, client: str) -> None:
    """Derived: the application got no bytes of an answer that production read."""
    recording = take(lambda: units.leaves_a_body(server.url, client))
    assert _kinds(_red(recording, "other")) == ["missing"]
