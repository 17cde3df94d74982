"""Plain objects of libraries are kept, and given to the code again."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections import ChainMap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest
import requests
from grpc._channel import _InactiveRpcError, _RPCState
from psycopg.types.range import Range

import replay
from replay.core.codec import encode
from replay.core.opened import Opened
from replay.core.standins import Record
from tests.boundaries.http.server import Server
from tests.recordings import record

CIMultiDict, MultiDict = (getattr(pytest.importorskip("multidict"), name) for name in ("CIMultiDict", "MultiDict"))
URL = pytest.importorskip("yarl").URL
WORLD: dict[str, Any] = {}


def _response() -> requests.Response:
    made = requests.Response()
    made.status_code, made.url, made._content = 503, "http://crm/1", b'{"plan": "team"}'
    made.headers["Retry-After"] = "3"
    return made


VALUES: dict[str, tuple[Any, Any]] = {
    "range": (Range(1, 5), lambda found: (found.lower, 3 in found)),
    "arguments": (Namespace(plan="team"), lambda found: found.plan),
    "layers": (ChainMap({"a": 1}, {"b": 2}), lambda found: (found["b"], len(found.maps))),
    "moment": (time.gmtime(86_400), lambda found: (found.tm_year, found.tm_zone, tuple(found))),
    "several": (MultiDict([("a", "1"), ("a", "2")]), lambda found: found.getall("a")),
    "headers": (CIMultiDict({"Age": "1"}), lambda found: found["AGE"]),
    "address": (URL("http://crm/1?deep=2"), lambda found: (found.host, found.query["deep"])),
    "response": (_response(), lambda found: (found.json(), found.status_code, found.ok, found.headers["retry-after"])),
    "answer": (
        httpx.Response(404, json={"plan": 1}, request=httpx.Request("GET", "http://crm/1")),
        lambda found: (found.json(), found.is_error, str(found.url), found.headers["Content-Type"]),
    ),
    "inside": ({"ranges": [Range(1, 2), Range(3, 4)]}, lambda found: [each.upper for each in found["ranges"]]),
}


@replay.boundary
def world(name: str) -> Any:
    """What a library returns, or raises."""
    found = WORLD[name][0]
    if isinstance(found, BaseException):
        raise found
    return found


@replay.capture
def used(name: str) -> str:
    """What the code reads of it."""
    return repr(WORLD[name][1](world(name)))


@replay.capture
def given(name: str) -> Any:
    return world(name)


@pytest.mark.parametrize("name", VALUES)
def test_the_code_reads_it_as_in_production(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is plain in it is there; handing it on is the same end."""
    monkeypatch.setattr(sys.modules[__name__], "WORLD", dict(VALUES))
    recordings = record(tmp_path, lambda: (used(name), given(name)))
    assert [replay.run(each).status for each in recordings] == ["reproduced"] * 2


@pytest.mark.parametrize("name", ["headers", "address", "response", "answer"])
def test_nothing_of_a_secret_is_in_them(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names stand beside their values and addresses are whole, as redaction reads them."""
    secret, headers = "tulip-garden", {"Authorization": "Bearer tulip-garden", "Host": "crm"}
    asked = requests.Request("GET", "http://crm/1", headers=headers).prepare()
    response = _response()
    response.request = asked
    values = {
        "headers": CIMultiDict(headers),
        "address": URL(f"http://ann:{secret}@crm/1"),
        "response": response,
        "answer": httpx.Response(200, content=b"", request=httpx.Request("GET", "http://crm/1", headers=headers)),
    }
    monkeypatch.setitem(WORLD, name, (values[name],))
    (recording,) = record(tmp_path, lambda: given(name))
    text = recording.interactions[0].answer.text
    assert secret not in text
    assert name == "address" or "uthorization" in text


def test_an_answer_that_is_returned_is_compared_by_what_it_says(tmp_path: Path, server: Server) -> None:
    """Not by how long it took, nor by what it was read from; one that was not read is none."""
    recordings = record(tmp_path, lambda: (fetched(server.url + "/echo?1"), streamed(server.url + "/echo?1")))
    server.stop()
    verdicts = [replay.run(each) for each in recordings]
    assert [each.status for each in verdicts] == ["reproduced"] * 2
    assert [len(each.difference) for each in verdicts] == [0, 1]


class RefusedError(Exception):
    """As the mistral SDK's: the answer, with its request, is one of its arguments."""


@replay.capture
def refused(client: str, url: str) -> None:
    agent = {"User-Agent": f"shop/{WORLD['version']}", "Authorization": f"Bearer {WORLD['key']}", **WORLD["more"]}
    if client == "not sent":
        raise RefusedError("refused", httpx.Request("POST", url, headers=agent))
    answer = (httpx.post if client == "httpx" else requests.post)(url, headers=agent, json={"a": 1})
    raise RefusedError("refused", answer)


@pytest.mark.parametrize("client", ["httpx", "requests", "not sent"])
def test_of_the_request_of_an_answer_who_asked_is_not_compared(
    client: str, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop has another key, and another version of the SDK; what chooses the answer counts."""
    for name, value in {"version": "1.0", "key": "sk-0123456789abcdef0123456789abcdef", "more": {}}.items():
        monkeypatch.setitem(WORLD, name, value)
    (recording,) = record(tmp_path, lambda: refused(client, server.url + "/echo?1"))
    server.stop()
    monkeypatch.setitem(WORLD, "version", "1.1")
    monkeypatch.setitem(WORLD, "key", "sk-aaaa456789abcdef0123456789abcdef")
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict.difference
    monkeypatch.setitem(WORLD, "more", {"Accept": "text/csv"})
    assert replay.run(recording).status == ("changed" if client == "not sent" else "diverged")


@replay.capture
def made(client: str) -> Any:
    headers = {"X-Plan": WORLD["plan"]}
    if client == "httpx":
        return {"send": httpx.Request("POST", "https://shop.example/", headers=headers)}
    return [requests.Request("POST", "https://shop.example/", headers=headers).prepare()]


@pytest.mark.parametrize("client", ["httpx", "requests"])
def test_of_a_request_that_the_code_makes_all_is_compared(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what the unit of work is for: nobody else compares it."""
    monkeypatch.setitem(WORLD, "plan", "team")
    (recording,) = record(tmp_path, lambda: made(client))
    assert replay.run(recording).status == "reproduced"
    monkeypatch.setitem(WORLD, "plan", "free")
    assert replay.run(recording).status == "changed"


@replay.capture
def asked_with(email: str) -> httpx.Headers:
    whose = {"Customer": WORLD["customer"] or email, "Plan": WORLD["plan"]}
    return httpx.Headers({"Accept": "*/*", "Authorization": f"Bearer {WORLD['key']}", **whose})


def test_a_credential_of_its_own_in_a_mapping_is_known_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it, nor what the code was given."""
    for name, value in {"key": "sk-0123456789abcdef0123456789abcdef", "plan": "team", "customer": ""}.items():
        monkeypatch.setitem(WORLD, name, value)
    (recording,) = record(tmp_path, lambda: asked_with("ann.smith@example.org"))
    monkeypatch.setitem(WORLD, "key", "sk-aaaa456789abcdef0123456789abcdef")
    assert replay.run(recording).status == "reproduced"
    for name, value in {"plan": "free", "customer": "bob.jones@example.org"}.items():
        with monkeypatch.context() as change:
            change.setitem(WORLD, name, value)
            assert replay.run(recording).status == "changed"


@replay.capture
def fetched(url: str) -> httpx.Response:
    return httpx.get(url)


@replay.capture
def streamed(url: str) -> requests.Response:
    with requests.get(url, stream=True) as response:
        return response


@pytest.fixture
def server() -> Iterator[Server]:
    """Stopped before the replays."""
    running = Server()
    yield running
    running.stop()


@replay.capture
def rescued() -> str:
    try:
        world("failed")
    except grpc.RpcError as error:
        return f"{error.code()} {error.details()}"  # type: ignore[attr-defined]
    return "well"


def test_the_code_of_an_error_of_grpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error holds the state of the call, and that a lock."""
    state = _RPCState((), (), (), grpc.StatusCode.NOT_FOUND, "no such parcel")
    monkeypatch.setitem(WORLD, "failed", (_InactiveRpcError(state),))
    (recording,) = record(tmp_path, rescued)
    assert recording.outcome.value == "StatusCode.NOT_FOUND no such parcel"
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict


class Message:
    """As the one of Protocol Buffers."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def ListFields(self) -> list[tuple[Any, Any]]:
        return [(SimpleNamespace(name=name), item) for name, item in self._fields.items()]

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["_fields"][name]


Message.__module__ = "google.protobuf.message"
Repeated = type("RepeatedScalarContainer", (tuple,), {})


class Parcel(Message):
    """As a class that is generated."""


@replay.capture
def tracked() -> Any:
    parcel = world("parcel")
    return [parcel.number, list(parcel.stops), parcel.sender.number]


def test_a_message_of_protocol_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields that are set, by name: they are redacted, edited and blamed as others are."""
    for name in ("google.protobuf", "google.protobuf.message"):
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
    parcel = Parcel(number=7, stops=Repeated(["a", "b"]), sender=Parcel(number=1))
    monkeypatch.setitem(WORLD, "parcel", (parcel,))
    (recording,) = record(tmp_path, tracked)
    opened = Opened(recording.interactions[0].answer).value
    assert (opened.tag, opened.fields["number"]) == ("$message", 7)
    assert not recording.gaps
    assert replay.run(recording).status == "reproduced"


def test_what_is_not_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported for a bundle: the code is stopped where it uses it, and is told what to do."""
    monkeypatch.setattr(sys.modules[__name__], "WORLD", dict(VALUES))
    (recording,) = record(tmp_path, lambda: used("range"))
    monkeypatch.delitem(sys.modules, "psycopg.types.range")
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert "psycopg.types.range.Range, whose module is not imported here" in str(verdict.outcome)
    assert isinstance(recording.interactions[0].answer.decode(), Record)


@pytest.mark.parametrize(
    "text",
    [
        '{"$state":{"type":"subprocess:Popen","fields":{"pid":1}}}',
        '{"$state":{"type":"argparse:ArgumentParser","fields":{}}}',
        '{"$items":{"type":"builtins:list","items":{"$tuple":[1]}}}',
        '{"$message":{"type":"subprocess:Popen","fields":{"args":"true"}}}',
    ],
)
def test_no_other_class_is_made(text: str) -> None:
    """A bundle says which: those that are not listed are only shown."""
    value = encode(None)
    found = type(value)(text, ()).decode(lambda module, name: getattr(sys.modules.get(module), name, None))
    assert isinstance(found, Record)


def test_what_triggers_a_function_in_the_cloud_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, messages and events of Azure Functions and CloudEvents are nothing but their attributes."""

    class QueueMessage:
        def __init__(self, body: bytes) -> None:
            self.__body = body

        def get_body(self) -> bytes:
            return self.__body

    QueueMessage.__module__, QueueMessage.__qualname__ = "azure.functions.queue", "QueueMessage"
    module = ModuleType("azure.functions.queue")
    module.QueueMessage = QueueMessage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.functions.queue", module)
    kept = encode(QueueMessage(b"3"))
    assert (kept.gaps, kept.decode().get_body()) == ((), b"3")


class Model:
    """As the rows of peewee and Tortoise are."""


Model.__module__ = "peewee"


class Item(Model):
    """A class of the project."""

    def __init__(self) -> None:
        raise AssertionError("read from a database")

    @property
    def price(self) -> int:
        return self.__dict__["__data__"]["price"]  # type: ignore[no-any-return]


def test_a_row_of_an_orm_is_an_instance_of_the_projects_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made again of its attributes, if the project allows its class."""
    module = ModuleType("peewee")
    module.Model = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "peewee", module)
    row = object.__new__(Item)
    row.__dict__["__data__"] = {"price": 3}
    kept = encode(row)
    again = kept.decode(lambda module, name: Item if (module, name) == (__name__, "Item") else None)
    assert (kept.gaps, type(again), again.price) == ((), Item, 3)
    assert isinstance(kept.decode(lambda module, name: ModuleType), Record)
