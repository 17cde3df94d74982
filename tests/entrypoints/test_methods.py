"""Captured methods of ordinary classes: their object is stored and rebuilt, and what is not stored is never guessed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import thread_time
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.core.standins import Record
from replay.engine.mutation import mutate
from replay.surfaces.literals import literal, tree
from replay.surfaces.plainly import plain_input
from tests.engine.conftest import record as record
from tests.entrypoints import desks
from tests.entrypoints.desks import Desk, Hoard, Login, Night, Ring, Table, Wild

Recorded = Callable[..., list[Recording]]


class _Crm(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"plan": "Team"} if "/plans/" in self.path else {"owed": 42}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def crm() -> Iterator[tuple[str, Callable[[], None]]]:
    """Its address, and what stops it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Crm)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    yield f"http://127.0.0.1:{server.server_port}", stop
    stop()


def test_a_method_is_replayed_on_its_object(record: Recorded, crm: tuple[str, Callable[[], None]]) -> None:
    """Settings, a cache, an object of the project; clients, a logger and a lock made anew; no server left."""
    address, stop = crm
    desk = Desk(address)
    desk.seen.append("before")
    (recording,) = record(lambda: desk.quote({"id": "t1"}))
    stop()
    verdict = replay.run(recording)
    assert (verdict.status, verdict.served, verdict.reason) == ("reproduced", 2, None)
    assert recording.outcome.value == {"rate": 10, "owed": 42, "seen": 2, "limit": 3}
    assert {gap.path: gap.type for gap in recording.gaps} == {
        "input.args[0].prices.hasher": "_hashlib.HASH",
        "input.args[0].hasher": "_hashlib.HASH",
    }


def test_a_subclass_and_its_class_method(record: Recorded) -> None:
    """The object and the class of a call are those of production, not those that the entry point is named after."""
    night = Night("http://crm")
    first, second, third = record(lambda: (night.reads("limit"), Night.named("x"), Desk.named("y")))
    by_value = {str(each.outcome.value): each for each in (first, second, third)}
    assert sorted(by_value) == ["7", "Desk y", "Night x"]
    assert {replay.run(each).status for each in by_value.values()} == {"reproduced"}


def test_properties(record: Recorded) -> None:
    """What stands around a captured function is looked through."""
    first, second = record(lambda: (Night("http://crm").twice, Night("http://crm").thrice))
    assert [first.outcome.value, second.outcome.value] == [14, 21]
    assert [replay.run(each).status for each in (first, second)] == ["reproduced", "reproduced"]


def test_coroutines_and_generators(record: Recorded) -> None:
    """All four kinds bring their object."""
    desk = Desk("http://crm", limit=5)

    async def use() -> None:
        await desk.later(2)
        assert [page async for page in desk.stream(3)] == [0, 5, 10]

    found = record(lambda: (asyncio.run(use()), list(desk.pages(2))))
    assert {each.entrypoint.rpartition(".")[2] for each in found} == {"later", "stream", "pages"}
    assert [(replay.run(each).status, replay.run(each).reason) for each in found] == [("reproduced", None)] * 3


@pytest.mark.parametrize(
    ("how", "place"),
    [
        ("nested", "self.prices.hasher (_hashlib.HASH)"),
        ("truth", "self.hasher (_hashlib.HASH)"),
        ("hidden", "self.hasher (_hashlib.HASH)"),
    ],
)
def test_what_was_not_stored_is_never_guessed(record: Recorded, how: str, place: str) -> None:
    """Using it ends in a reason, also where the code hides the error and answers as recorded."""
    (recording,) = record(lambda: Desk("http://crm").reads(how))
    verdict = replay.run(recording)
    assert verdict.status == "unanswerable"
    assert f"it used {place}" in (verdict.reason or "")
    assert "incident_targets" in (verdict.reason or "")


def test_what_native_code_refuses_by_its_type_is_noticed(record: Recorded) -> None:
    """`json.dumps` asks nothing of a value that it cannot write: the message gives it away."""
    (recording,) = record(lambda: Desk("http://crm").reads("json"))
    assert recording.error_type == "TypeError"
    verdict = replay.run(recording)
    assert (verdict.status, "not stored" in str(verdict.reason) or "it used" in str(verdict.reason)) == (
        "unanswerable",
        True,
    )


def test_handing_it_on_is_no_use_of_it(record: Recorded) -> None:
    """As an argument of a boundary and in the result it is what it was: a type that was not stored."""
    (recording,) = record(lambda: Desk("http://crm").reads("hands on"))
    verdict = replay.run(recording)
    assert (verdict.status, verdict.served) == ("reproduced", 1)


def test_no_code_of_the_object_runs(record: Recorded) -> None:
    """Neither when it is stored nor when it is rebuilt."""
    wild = Wild()
    desks.RAN.clear()
    (recording,) = record(lambda: wild.double(4))
    assert replay.run(recording).status == "reproduced"
    assert desks.RAN == []
    assert recording.input.decode()["args"][0] == Record("$object", "tests.entrypoints.desks:Wild", {"amount": 3})


def test_a_record_may_hold_what_is_not_stored(record: Recorded) -> None:
    """A dataclass too, as long as that field is not used."""
    table = Table(4)
    first, second = record(lambda: (table.times(2), table.count()))
    status = {each.entrypoint.rpartition(".")[2]: replay.run(each).status for each in (first, second)}
    assert status == {"times": "reproduced", "count": "unanswerable"}


def test_an_object_that_holds_itself(record: Recorded) -> None:
    """It is one object again."""
    (recording,) = record(lambda: Ring().around())
    assert (recording.outcome.value, replay.run(recording).status) == (3, "reproduced")


def test_a_large_object_costs_little(record: Recorded) -> None:
    """What is too large is not even copied; the rest is there."""
    hoard = Hoard()
    started = thread_time()
    first, second = record(lambda: (hoard.small(2), hoard.large()))
    assert thread_time() - started < 2
    status = {each.entrypoint.rpartition(".")[2]: replay.run(each).status for each in (first, second)}
    assert status == {"small": "reproduced", "large": "unanswerable"}
    assert max(len(each.input.text) for each in (first, second)) < 1000


def test_arguments_are_not_opened(record: Recorded) -> None:
    """An object of the class that is an argument, here of a static method, stays opaque: it cannot be run."""
    (recording,) = record(lambda: Desk.merged(Desk("http://crm"), 1))
    assert "$object" not in recording.input.text
    assert replay.run(recording).status == "unanswerable"


@pytest.mark.parametrize(
    "name", ["subprocess:Popen", "httpx:Client", "tests.entrypoints.desks:Prices", "tests.entrypoints.desks:Gone"]
)
def test_a_bundle_does_not_choose_the_class(record: Recorded, name: str) -> None:
    """Rebuilt is the class that the entry point stands in, or one below it; another one is refused."""
    (recording,) = record(lambda: Desk("http://crm").reads("limit"))
    text = recording.input.text.replace('"tests.entrypoints.desks:Desk"', f'"{name}"', 1)
    verdict = replay.run(msgspec.structs.replace(recording, input=Value(text, recording.input.gaps)))
    assert verdict.status == "unanswerable"
    assert "no such class" in (verdict.reason or "")


def test_what_is_made_anew_is_on_our_list(record: Recorded) -> None:
    """A bundle cannot have other objects made, and strange settings make none."""
    (recording,) = record(lambda: Desk("http://crm").reads("hidden"))
    for old, new in (('"logging:Logger"', '"os:system"'), ('"base_url":"http://crm"', '"base_url":7')):
        assert old in recording.input.text
        text = recording.input.text.replace(old, new)
        verdict = replay.run(msgspec.structs.replace(recording, input=Value(text, recording.input.gaps)))
        assert verdict.status == "unanswerable"


def test_edits_reach_what_the_object_holds(record: Recorded) -> None:
    """A place of it has a path like any other."""
    (recording,) = record(lambda: Desk("http://crm").reads("limit"))
    changed = mutate(recording, [Edit("input.args[0].limit", "set", 9)])
    verdict = replay.run(changed)
    assert verdict.outcome is not None
    assert (verdict.status, verdict.outcome.value) == ("changed", 9)


def test_it_is_shown_and_written_as_a_record(record: Recorded) -> None:
    """`replay show` and a promoted test name the class and each attribute; what was not stored says so."""
    (recording,) = record(lambda: Table(4).times(2))
    assert "Table(limit=4, hasher=<_hashlib.HASH, not stored>)" in literal(tree(recording.input))
    (recording,) = record(lambda: Desk("http://crm").reads("limit"))
    shown = literal(tree(recording.input))
    assert "Desk(limit=3, client=Client(base_url='http://crm'), session=Session(), log=Logger(name='desk')" in shown
    written = plain_input(recording)["args"][0]
    assert (written["<type>"], written["limit"]) == ("tests.entrypoints.desks:Desk", 3)
    assert written["hasher"] == "<_hashlib.HASH, not stored>"
    assert written["client"] == "Client(base_url='http://crm')"


def test_secrets_of_an_object_and_beside_it(record: Recorded) -> None:
    """Attributes are redacted by name like keys, arguments by the names of their parameters; it still replays."""
    (recording,) = record(lambda: Login().enter("hunter22hunter"), redaction_key="k" * 32)
    for secret in ("tok-live-4711-abcdef", "hunter22hunter", "key-live-4712-abc"):
        assert secret not in recording.input.text
    assert '"base_url":"http://accounts"' in recording.input.text
    assert '"attempts":1' in recording.input.text
    assert replay.run(recording).status == "reproduced"


def test_a_function_that_an_object_of_a_library_keeps(record: Recorded) -> None:
    """Actors of dramatiq: the name is that of the actor, the mark is on its function. Nothing else in it is run."""
    (recording,) = record(lambda: desks.charge(0))
    verdict = replay.run(recording)
    assert (verdict.status, recording.entrypoint) == ("reproduced", "tests.entrypoints.desks:charge")
    verdict = replay.run(msgspec.structs.replace(recording, entrypoint="tests.entrypoints.desks:unmarked"))
    assert verdict.status == "unanswerable"
