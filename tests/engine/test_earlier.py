"""What the process had asked before a recording, and keeps: a replay, whose process is new, gets it from there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import msgspec
import pytest

import replay
from replay.core.compare import unexpected
from replay.core.notes import with_note
from replay.core.recording import Recording
from replay.engine import recorder, remembering
from replay.engine.earlier import LEFT_OUT, NAME, REMEMBERED, earlier, left_out, was_recalled
from replay.engine.recorder import Settings
from replay.engine.remembering import MOST_THINGS, SELDOM, Memory
from replay.engine.user_code import user_code
from replay.store.bundle import write_bundle
from replay.surfaces.debug_steps import Step, Steps
from replay.surfaces.minimize import shorten
from replay.surfaces.page import Page
from replay.surfaces.report.facts import incident
from replay.surfaces.run import run as replay_recording
from replay.surfaces.text import recalled
from replay.surfaces.waterfall import recording_text
from replay.surfaces.why import Options
from tests.engine import tokens
from tests.engine.test_explorer import stage

Record = Callable[..., list[Recording]]
SECRET = "s3cr3t-of-production-4711"
ASKED: list[str] = []
TOGETHER = Barrier(MOST_THINGS + 1)
ROOT = Path(__file__).parents[2]


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"access_token": f"token-of-production-{len(ASKED)}", "expires_in": 3600})

    def do_GET(self) -> None:
        if self.path == "/together":
            TOGETHER.wait(20)
        is_bad = "bad" in self.path or ("flaky" in self.path and self.path in ASKED)
        self._answer({"total": 7, "pad": "x" * (60_000 if "large" in self.path else 1)}, 500 if is_bad else 200)

    def _answer(self, value: Any, status: int = 200) -> None:
        ASKED.append(self.path)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        world = {"base": f"http://127.0.0.1:{server.server_port}", "secret": SECRET, "client": "httpx"}
        monkeypatch.setenv("TOKENS_BASE", world["base"])  # of a process that is new
        for name, value in world.items():
            monkeypatch.setitem(tokens.WORLD, name, value)
        tokens.forget()
        yield
        tokens.forget()
        server.shutdown()
        thread.join()


def _targets(recording: Recording) -> list[str]:
    return [each.interaction.target.replace(tokens.WORLD["base"], "") for each in earlier(recording)]


def _orders(*numbers: int) -> Callable[[], None]:
    return lambda: [tokens.order(number) for number in numbers] and None


@pytest.mark.parametrize("client", ["httpx", "requests", "aiohttp"])
def test_a_token_that_the_process_keeps(record: Record, client: str) -> None:
    """Asked in the first unit of work, used in the second; what redaction masked in the request is another here."""
    tokens.WORLD["client"] = client
    first, second = record(_orders(1, 2))
    assert [_targets(each) for each in (first, second)] == [[], ["POST /oauth/token"]]
    tokens.forget()
    tokens.WORLD["secret"] = "of a laptop"
    asked = len(ASKED)
    verdict = replay.run(second)
    assert verdict.status == "reproduced", verdict
    assert len(ASKED) == asked
    (noted,) = [each for each in verdict.difference if each.path.endswith("/oauth/token")]
    assert noted.note == REMEMBERED
    assert replay.run(second).difference == (), "kept from the replay before"


def test_what_it_holds_is_redacted(tmp_path: Path) -> None:
    replay.init(service="test", spool=tmp_path, keep=replay.always())
    try:
        _orders(1, 2)()
        assert replay.flush(20)
    finally:
        recorder.configure(None)
    recordings = [each for path in tmp_path.iterdir() for each in replay.open(path)]
    found = [text for each in recordings for text in (each.context.text,) if "oauth" in text]
    assert found
    assert not any(SECRET in text or "token-of-production" in text for text in found)
    assert all(each.id == each.digest[:16] for each in recordings)


@pytest.mark.parametrize("masked", [False, True])
def test_another_way_to_it_is_told(record: Record, monkeypatch: pytest.MonkeyPatch, masked: bool) -> None:
    """Whether production kept it is not known. Code that begins to ask it is red; what follows is seen."""
    _, second = record(_orders(1, 2))
    tokens.WORLD["secret"] = "of a laptop" if masked else SECRET
    monkeypatch.setattr(tokens, "token", tokens.direct.__wrapped__)
    verdict = replay.run(second)
    assert verdict.status == "diverged", "what is asked again in a process that might keep it, nothing keeps"
    assert [(each.kind, each.target.rpartition("/")[2]) for each in verdict.divergences] == [("extra", "token")]
    assert verdict.served == 2
    assert "had asked http POST" in (verdict.reason or "")
    assert (verdict.reason or "").startswith("state: ")


def test_another_way_to_what_is_kept(record: Record) -> None:
    """In production another entry point came first: a process that keeps it by now does not ask."""
    _, second = record(lambda: [tokens.reading("orders"), tokens.writing("orders")])
    tokens.forget()
    verdict = replay.run(second)
    assert verdict.status == "reproduced", verdict
    assert [each.path.rpartition("/")[2] for each in verdict.difference if each.note == REMEMBERED] == ["token"]
    assert verdict.served == 1


def test_a_debugger_sees_one_run(record: Record) -> None:
    """And where it is asked that it was asked before the recording."""
    _, second = record(lambda: [tokens.reading("orders"), tokens.writing("orders")])
    tokens.forget()
    steps = Steps(second, user_code(ROOT), Page(), None, -1)
    assert replay_recording(second, on_ask=steps.on_ask, once=True).status == "diverged"
    assert [(each["seq"], each["lane"]) for each in steps.documents] == [(1, NAME), (0, "0")]
    step = Step(interaction=earlier(second)[0].interaction, asked=second.input, stack=())
    assert next(steps._text(step)).startswith("#1  http POST http://127.0.0.1:")
    assert next(steps._text(step)).endswith("/oauth/token  in production before the recording")


def test_another_end_behind_another_way(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The world is as it was recorded, the code is another."""
    _, second = record(lambda: [tokens.reading("orders"), tokens.writing("orders")])
    tokens.forget()
    get = tokens._get
    monkeypatch.setattr(tokens, "_get", lambda path: {"total": -get(path)["total"]})
    assert replay.run(second).status == "changed"


def test_two_that_keep_the_same(record: Record) -> None:
    """Each asks once: a process that has kept what both asked does not ask."""
    *_, last = record(lambda: [tokens.through(*each) for each in ([0], [1], [0, 1])])
    tokens.CLIENTS[:] = [tokens.Client(), tokens.Client()]
    verdict = replay.run(last)
    assert verdict.status == "reproduced", verdict
    assert verdict.served == 2


def test_what_is_not_kept_any_more(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked twice, on the way on which production asked once."""
    _, second = record(lambda: [tokens.reading("orders", "orders") for _ in range(2)])
    tokens.forget()
    monkeypatch.setattr(tokens, "_kept", type("Drops", (dict,), {"__contains__": lambda self, name: False})())
    verdict = replay.run(second)
    assert verdict.status == "diverged"
    assert [(each.kind, each.target.rpartition("/")[2]) for each in verdict.divergences] == [("exhausted", "token")]
    assert "as if it did not keep" in (verdict.reason or "")


class _Drops(dict[str, Any]):
    """A cache that keeps nothing."""

    def __contains__(self, name: object) -> bool:
        return False


def test_a_cache_that_is_dropped(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once in each run, on the way on which production asked once for many: green in a process that is new."""
    _, second = record(_orders(1, 2))
    tokens.forget()
    monkeypatch.setattr(tokens, "_kept", _Drops())
    verdict = replay.run(second)
    assert verdict.status == "changed"
    (found,) = unexpected(verdict.difference)
    assert found.path.endswith("/oauth/token")
    assert "in each of two runs" in (verdict.reason or "")
    assert replay_recording(second, once=True).green


@pytest.mark.parametrize("work", [lambda number: asyncio.run(tokens.order_awaited(number)), tokens.Desk().order])
def test_what_each_run_has_anew_may_keep_it(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: Callable[[int], Any]
) -> None:
    """An event loop, an object: that it is asked again is told, and does not count."""
    _, second = record(lambda: [work(number) for number in (1, 2)])
    tokens.forget()
    verdict = replay.run(second)
    assert verdict.status == "reproduced"
    assert [each.note for each in verdict.difference if was_recalled(each)] == [REMEMBERED]
    assert recalled(verdict).endswith("/oauth/token")
    tokens.forget()
    monkeypatch.setattr(tokens, "_kept", _Drops())
    verdict = replay.run(second)
    assert verdict.status == "reproduced"
    (found,) = filter(was_recalled, verdict.difference)
    assert "a second run in the same process asks it again" in str(found.note)
    assert recalled(verdict).endswith("/oauth/token, and asked again in a second run")


def test_a_cached_function_that_is_cached_no_more(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = record(lambda: [tokens.converted(each) for each in (3, 6)])
    tokens.forget()
    assert [replay.run(second).green for _ in range(2)] == [True] * 2
    with monkeypatch.context() as changed:
        changed.setattr(tokens, "rates", tokens.rates.__wrapped__)
        assert replay.run(second).status == "changed"


def test_tokens_of_one_endpoint(record: Record) -> None:
    """One for each scope."""
    work = [("orders",), ("bills",), ("orders", "bills")]
    *_, last = record(lambda: [tokens.reading(*each) for each in work])
    assert _targets(last) == ["POST /oauth/token"] * 2
    tokens.forget()
    verdict = replay.run(last)
    assert verdict.status == "reproduced", verdict


def test_what_a_recording_asks_itself_is_its_own(record: Record) -> None:
    """Of what is asked for by another customer it takes nothing along: the process works on that, and does not keep
    it."""
    *_, last = record(lambda: [tokens.priced(each) for each in ("eur", "usd")])
    assert _targets(last) == []


@pytest.mark.parametrize(("ways", "taken"), [(MOST_THINGS, MOST_THINGS), (MOST_THINGS + 1, 0)])
def test_what_is_asked_with_ever_other_arguments_is_not_kept(record: Record, ways: int, taken: int) -> None:
    """A table that a process keeps is asked for in a few ways; what works for one of many, in as many."""

    def work() -> None:
        for number in range(ways):
            tokens.priced(f"c{number}")
            for _ in range(2 * SELDOM):
                tokens.asking()

    assert len(_targets(record(work)[-1])) == taken


def test_a_token_that_is_asked_for_with_another_proof_each_time_is_kept(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signed assertion has the time in it."""

    def work() -> None:
        for number in range(MOST_THINGS + 3):
            monkeypatch.setitem(tokens.WORLD, "secret", f"proof-{number}")
            tokens.forget()
            tokens.order(number)
            for _ in range(2 * SELDOM):
                tokens.asking()

    assert "POST /oauth/token" in _targets(record(work)[-1])


def test_who_asks_before_the_first_is_answered_may_keep_it(record: Record) -> None:
    """Requests that come at once to a process that has just begun."""

    def work() -> None:
        with ThreadPoolExecutor(MOST_THINGS + 1) as pool:
            list(pool.map(tokens.asking, ["/together"] * (MOST_THINGS + 1)))
        tokens.asking()

    assert _targets(record(work)[-1]) == ["GET /together"]


def test_the_last_good_answer_is_taken_along(record: Record) -> None:
    """What failed in between is not what the process keeps."""

    def work() -> None:
        for paths in (("/flaky",), *[("/rates",)] * 20, ("/flaky",), ()):
            try:
                tokens.asking(*paths)
            except Exception:
                pass

    (last,) = (each for each in record(work) if not each.interactions)
    assert _targets(last) == ["GET /flaky"]


@pytest.mark.parametrize(
    ("now", "status"),
    [({"secret": "of-a-laptop-4712"}, "reproduced"), ({"secret": ""}, "diverged"), ({"task": "deletes"}, "diverged")],
    ids=["secret", "no secret", "task"],
)
def test_what_stands_around_a_secret_is_asked_too(record: Record, now: dict[str, str], status: str) -> None:
    tokens.WORLD["task"] = "reads"
    _, second = record(lambda: [tokens.briefed(), tokens.briefed()])
    assert _targets(second) == ["POST /briefing"]
    tokens.forget()
    tokens.WORLD.update(now)
    assert replay.run(second).status == status


def test_another_request_is_told(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = record(_orders(1, 2))
    tokens.forget()
    post = tokens._post
    monkeypatch.setattr(tokens, "_post", lambda path, form: post(path, {**form, "client_id": "other"}))
    assert replay.run(second).status == "diverged"


def test_a_boundary_below_a_cache(record: Record) -> None:
    _, second = record(lambda: [tokens.converted(each) for each in (3, 6)])
    tokens.forget()
    verdict = replay.run(second)
    assert verdict.status == "reproduced"
    assert [each.path for each in verdict.difference] == ["call tests.engine.tokens:fetched"]


def test_a_search_has_it_too(record: Record) -> None:
    _, second = record(_orders(1, 2))
    tokens.forget()
    ran = stage(second).run(second)
    assert ran.failure is None
    assert [each.request.target.rpartition("/")[2] for each in ran.taken] == ["token", "2"]


def test_what_many_units_of_work_ask_is_not_taken_along(record: Record) -> None:
    """One that ends before it asks what all others do: nobody keeps that."""
    usual = [("/rates",)] * 20
    recordings = record(lambda: [tokens.asking(*paths) for paths in [("/keys", "/rates"), *usual, ()]])
    assert _targets(recordings[-1]) == ["GET /keys"]


def test_the_last_answer_is_taken_along(record: Record) -> None:
    """A token that expires is asked for now and then."""
    work = [("/token", "/rates"), *[("/rates",)] * 20, ("/token", "/rates"), ("/rates",)]
    recordings = record(lambda: [tokens.asking(*paths) for paths in work])
    assert _targets(recordings[-1]) == ["GET /token"]
    (found,) = earlier(recordings[-1])
    assert found.interaction.answer.text.count('"Date"') == 1
    assert found.interaction.request.text == recordings[21].interactions[0].request.text


@pytest.mark.parametrize(
    ("before", "last", "expected"),
    [
        ([("/bad/1",)], (), []),
        ([("/large/x",)], (), []),
        ([("/users/17",), ("/keys",)], ("/users/18",), ["GET /keys"]),
        ([(f"/users/{n}",) for n in range(9)] + [("/keys",)], (), ["GET /keys"]),
        ([(f"/users/{n}/orders",) for n in range(9)] + [("/keys",)], (), ["GET /keys"]),
        ([(f"/users/{name}",) for name in "abcdefghi"] + [("/keys",)], (), ["GET /keys"]),
        ([("/v1/keys", "/v2/keys", "/v3/keys")], ("/v4/keys",), ["GET /v1/keys", "GET /v2/keys", "GET /v3/keys"]),
        ([("/keys", "/keys?of=other")], (), ["GET /keys", "GET /keys"]),
        (
            [tuple(f"/a{'b' * n}/keys" for n in range(20))],
            (),
            [f"GET /a{'b' * n}/keys" for n in range(remembering.TAKEN)],
        ),
    ],
    ids=["failed", "large", "thing", "things", "parts of things", "names", "versions", "alike", "most"],
)
def test_what_is_taken_along(
    record: Record, before: list[tuple[str, ...]], last: tuple[str, ...], expected: list[str]
) -> None:
    def work() -> None:
        for paths in (*before, last):
            try:
                tokens.asking(*paths)
            except Exception:
                pass

    assert _targets(record(work)[-1]) == expected


def test_what_had_no_room_is_told(record: Record) -> None:
    """Where the code asks it: the process may have kept it."""
    paths = tuple(f"/a{'b' * n}/keys" for n in range(20))
    work: list[tuple[str, ...]] = [paths[:10], paths[10:], paths[-1:], ()]
    *_, asking, last = record(lambda: [tokens.asking(*each) for each in work])
    names = [f"http GET {tokens.WORLD['base']}{path}" for path in paths[remembering.TAKEN :]]
    assert left_out(last) == set(names)
    verdict = replay.run(msgspec.structs.replace(last, input=asking.input))
    assert [each.kind for each in verdict.divergences] == ["extra"]
    assert f"had asked {names[-1]} before this recording" in (verdict.reason or "")
    assert left_out(with_note(last, LEFT_OUT, {"no": "list"})) == left_out(record(_orders(1))[0]) == set()


def test_what_its_own_entry_point_asked_comes_first(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same operation, before what others asked first."""
    monkeypatch.setattr(remembering, "TAKEN", 1)
    *_, last = record(lambda: [tokens.converted(3), tokens.order(1), tokens.order(2)])
    assert _targets(last) == ["POST /oauth/token"]
    tokens.forget()
    *_, last = record(lambda: [tokens.order(1), tokens.converted(3), tokens.converted(6)])
    assert _targets(last) == ["tests.engine.tokens:fetched"]


def test_a_process_that_asks_for_ever_other_things(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_SELDOM", 10)
    paths = [(f"/a{'b' * n}/keys",) for n in range(12)]
    assert [_targets(each) for each in record(lambda: [tokens.asking(*each) for each in [*paths, ()]])][-1] == []


def test_the_smallest_recording_has_it_too(record: Record, tmp_path: Path) -> None:
    """It is found in a process that keeps the token, and replayed in one that does not."""
    recordings = record(lambda: [tokens.halved(number) for number in (1, 0)])
    (incident,) = (each for each in recordings if each.status == "error")
    path = write_bundle([incident], tmp_path / "incident.replay.db")
    made = shorten(path, incident, Options(root=str(ROOT)))
    assert made.verdict is not None, made.smaller.reason
    assert made.verdict.status == "reproduced", made.verdict


def test_things_leave_room_for_what_is_asked_later(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_TARGETS", 12)
    paths = [*((f"/users/{number}",) for number in range(30)), ("/keys",), ()]
    assert _targets(record(lambda: [tokens.asking(*each) for each in paths])[-1]) == ["GET /keys"]


def test_a_unit_of_work_that_asks_for_many_things(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_TARGETS", 12)
    paths = [tuple(f"/users/{number}" for number in range(30)), ("/keys",), ()]
    assert _targets(record(lambda: [tokens.asking(*each) for each in paths])[-1]) == ["GET /keys"]


def test_it_can_be_turned_off(record: Record) -> None:
    assert [_targets(each) for each in record(_orders(1, 2), earlier=False)] == [[], []]


def test_it_hears_before_the_writer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that two threads encode at the same time could be written as nothing."""
    events: list[str] = []
    hear = Memory.hear
    monkeypatch.setattr(Memory, "hear", lambda self, *given: (events.append("heard"), hear(self, *given))[1])
    recorder.configure(Settings(service="test", keep=replay.always(), memory=Memory(),
                                sink=lambda captured: events.append("handed over")))  # fmt: skip
    try:
        tokens.order(1)
    finally:
        recorder.configure(None)
    assert events == ["heard", "handed over"]


@pytest.mark.parametrize("name", ["hear", "beside", "place"])
def test_a_fault_of_it_loses_nothing_else(record: Record, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def broken(*arguments: Any) -> Any:
        raise ValueError(name)

    monkeypatch.setattr(Memory, name, broken)
    before = recorder.dropped["earlier-failed"]
    first, second = record(_orders(1, 2))
    assert recorder.dropped["earlier-failed"] > before
    assert not earlier(second)
    assert [len(each.interactions) for each in (first, second)] == [2, 1]


def test_what_no_recorder_wrote_is_not_there(record: Record) -> None:
    _, second = record(_orders(1, 2))
    whole = second.context.tree[NAME]
    one = whole[0]["interaction"]
    damages = [7, [7], [{}], [{**whole[0], "where": "x"}], [{"interaction": one}]]
    texts = ["", "no JSON", "[" * 100_000, '{"$error":7}', "null", '{"status":7,"end":"complete","pieces":7}']
    damages += [[{**whole[0], "interaction": {**one, name: {**one[name], "text": text}}}]
                for text in texts for name in ("request", "answer")]  # fmt: skip
    damages += [[{**whole[0], "interaction": {**one, **each}}]
                for each in ({"state": "unfinished"}, {"boundary": "clock"}, {"seq": "x"})]  # fmt: skip
    for damage in damages:
        altered = with_note(second, NAME, damage)
        tokens.forget()
        assert replay.run(altered).status == "diverged"


@pytest.mark.parametrize("number", [-1, 0, 1 << 62])
def test_any_number_will_do(record: Record, number: int) -> None:
    """They are not those of the recording's own interactions; the bundle is a stranger's."""
    *_, last = record(lambda: [tokens.reading(*each) for each in (["orders"], ["bills"], ["orders", "bills"])])
    whole = [{**each, "interaction": {**each["interaction"], "seq": number}} for each in last.context.tree[NAME]]
    altered = with_note(last, NAME, whole * 5_000)
    tokens.forget()
    assert replay.run(altered).status == "reproduced"
    assert len(earlier(altered)) == remembering.TAKEN


def test_an_answer_that_ends_before_it_is_read(record: Record) -> None:
    """No recorder takes it along."""
    _, second = record(_orders(1, 2))
    (whole,) = second.context.tree[NAME]
    answer = json.loads(whole["interaction"]["answer"]["text"])
    text = json.dumps({**answer, "pieces": [], "end": "abandoned"})
    cut = {**whole, "interaction": {**whole["interaction"], "answer": {"text": text, "gaps": []}}}
    tokens.forget()
    verdict = replay.run(with_note(second, NAME, [cut]))
    assert [each.kind for each in verdict.divergences][:1] == ["exhausted"]


def test_it_is_shown(record: Record) -> None:
    _, second = record(_orders(1, 2))
    (line,) = [line for line in recording_text(second).splitlines() if line.strip().startswith("earlier")]
    assert line.split() == ["earlier", "http", "POST", f"{tokens.WORLD['base']}/oauth/token"]


def test_what_had_no_room_is_shown_too(record: Record) -> None:
    """A line each."""
    (first,) = record(_orders(1))
    names = [f"http GET https://idp.example.org/keys/{number}" for number in range(2)]
    lines = [line.strip() for line in recording_text(with_note(first, LEFT_OUT, names)).splitlines()]
    told = [f"{name} (no room for its answer)" for name in names]
    at = lines.index(told[1])
    assert lines[at - 1].split(maxsplit=1) == ["earlier", told[0]]


def test_a_report_says_so(record: Record) -> None:
    """Where it says that it ended as in production."""
    _, second = record(_orders(1, 2))
    tokens.forget()
    told = incident("x.replay.db", second, replay.run(second)).sentence
    assert told == f"the same result; answered from before the recording: http POST {tokens.WORLD['base']}/oauth/token"
