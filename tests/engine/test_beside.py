"""Late, stale and refused answers, text with a form, and what contracts declare: found by the search, each named."""

import asyncio
import csv
import json
import sys
from collections.abc import Callable
from io import StringIO
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import fastapi
import pydantic
import pytest
from msgspec.structs import replace

from replay.boundaries import ALL
from replay.boundaries.clock import move_to, wait
from replay.core.codec import encode
from replay.core.edits import Edit
from replay.core.opened import Unfit
from replay.core.recording import Recording
from replay.engine.contract import Contract, contract_of, schema_of
from replay.engine.mutation import mutate
from replay.engine.operators.databases import ERRORS
from replay.engine.operators.forms import FORMS, form_of
from replay.engine.session import Session
from replay.engine.values import Profile
from replay.entrypoints import RUNNERS
from tests.core.test_parts import http, recording
from tests.engine import beside
from tests.engine.test_explorer import TARGETS, explore, summary

Record = Callable[..., list[Recording]]
JSON = [["Content-Type", "application/json"]]
TABLE = "name,count\nann,3\nbob,4\n"
PAGE = '<items>\n<item id="1">a</item><item id="2">b</item>\n</items>'
EVENTS = 'data: {"a": 1}\n\ndata: {"a": 2}\n\ndata: [DONE]\n\n'
TEXTS = {"csv": TABLE, "markup": PAGE, "url": "https://example.com:8080/a/b?x=1&y=2", "sse": EVENTS,
         "markdown": "# Title\n\n- see [the docs](https://example.com/)\n"}  # fmt: skip


def found_by(recording: Recording, name: str, executions: int = 1200) -> list[str]:
    """The edits of the find with this error."""
    finds = summary(explore(recording, executions))
    return next((edits for kind, edits in finds if kind.endswith(name)), [str(finds)])


def reproduces(recording: Recording, edit: Edit) -> str:
    """How a strict replay of the mutation ends."""
    session = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    outcome = session.run(mutate(recording, [edit])).outcome
    assert outcome is not None
    return outcome.payload.error_type or outcome.payload.text


def test_an_answer_that_comes_later_changes_the_order(record: Record) -> None:
    """The other one is first. Nobody waits for it in real time."""
    (recording,) = record(lambda: asyncio.run(beside.first_wins("k")))
    assert recording.outcome.value == "cache database"
    (edit,) = found_by(recording, "RuntimeError")
    assert edit.startswith("call[0]: slow 0.0")
    assert reproduces(recording, Edit("call[0]", "slow", 60.0)) == "RuntimeError"
    assert reproduces(recording, Edit("call[1]", "slow", 60.0)) == '"cache database"'


def test_an_answer_that_comes_too_late(record: Record) -> None:
    """Beyond the time that the code waits."""
    (recording,) = record(lambda: asyncio.run(beside.patient("k")))
    assert found_by(recording, "LookupError") == ["call[0]: slow 31.0"]
    assert reproduces(recording, Edit("call[0]", "slow", 1.0)) == '"cache"'


def test_a_stale_answer(record: Record) -> None:
    """The answer of before, once more."""

    def work() -> None:
        beside.STEPS = iter((10, 55, 99))
        beside.follow("j")

    (recording,) = record(work)
    (edit,) = found_by(recording, "ArithmeticError")
    assert edit in ("call[1]: stale 0", "call[2]: stale 1", "call[2]: stale 0", "call[1].percent: 10",
                    "call[2].percent: 55", "call[2].percent: 10", "call[0].percent: 55", "call[0].percent: 99",
                    "call[1].percent: 99")  # fmt: skip
    assert reproduces(recording, Edit("call[2]", "stale", 1)) == "ArithmeticError"
    assert reproduces(recording, Edit("call[2]", "stale", 7)) == "99"  # there is no such answer: nothing is changed
    assert "call[1]: stale 0" in [str(edit) for edit in _tried(recording)]


def _tried(recording: Recording) -> list[Edit]:
    from replay.core.parts import Parts
    from replay.engine.operators import suggested
    from replay.engine.places import places

    return [edit for site in places(Parts(recording), None, ()) for edit in suggested(site)]


def test_what_a_database_refuses(record: Record) -> None:
    """Offered where the called function's module uses the driver; raised as the driver's own error."""
    (recording,) = record(lambda: beside.store({"sku": "A-1"}))
    lines = [str(edit) for edit in _tried(recording)]
    assert 'call[0]: database "sqlite3", "unique"' in lines
    assert not any("psycopg" in line for line in lines)
    assert reproduces(recording, Edit("call[0]", "database", ["sqlite3", "unique"])) == "TypeError"
    assert reproduces(recording, Edit("call[0]", "database", ["sqlite3", "locked"])) == '"later"'
    assert found_by(recording, "TypeError") in (['call[0]: database "sqlite3", "unique"'], ["call[0]: null"],
                                                ['call[0]: database "sqlite3", "foreign key"'])  # fmt: skip


@pytest.mark.parametrize("driver", sorted(ERRORS))
def test_errors_are_those_of_the_driver(driver: str) -> None:
    """Of each driver that is installed; of one that is not loaded there are none, and none is imported."""
    loaded = driver in sys.modules
    for kind, make in ERRORS[driver].items():
        if loaded:
            assert isinstance(make(), Exception), kind
        else:
            with pytest.raises(Unfit):
                make()
    assert (driver in sys.modules) == loaded


@pytest.mark.parametrize("form", sorted(FORMS))
def test_each_kind_changes_a_text_of_its_form(form: str) -> None:
    """And says nothing of other texts than those of its form."""
    text = TEXTS[form]
    assert form_of(text) == form
    made = {kind: change(text) for kind, change in FORMS[form].items()}
    assert all(new != text for new in made.values()), [kind for kind, new in made.items() if new == text]
    assert len(set(made.values())) == len(made)
    for plain in ("", "hello", "a, b and c", "2024-01-01", '{"a": 1}', "x < y > z", "one\ntwo"):
        assert form_of(plain) is None


def text_of(edit: str) -> str:
    """What an edit makes of the argument."""
    path, _, text = edit.partition(": ")
    assert path == "input.args[0]"
    return str(json.loads(text))


def test_a_table_with_a_cell_of_two_lines(record: Record) -> None:
    """Damage where a reader of the form looks."""
    (recording,) = record(lambda: beside.total("name,count\nann,3\nbob,4\n"))
    assert recording.outcome.value == 7
    (edit,) = found_by(recording, "RecursionError")
    assert any("\n" in cell for row in csv.reader(StringIO(text_of(edit))) for cell in row)
    assert reproduces(recording, Edit("input.args[0]", "csv", "short row")) == "3"


def test_a_port_in_words(record: Record) -> None:
    """A URL as people write it."""
    (recording,) = record(lambda: beside.host("https://example.com/a"))
    (edit,) = found_by(recording, "ValueError")
    with pytest.raises(ValueError, match="Port"):
        urlsplit(text_of(edit)).port


# Contracts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def priced(record: Record) -> Recording:
    """A benign order of a declared type."""
    plan = beside.Plan("pro", 3)
    (recording,) = record(lambda: beside.price({"plan": plan, "note": None}))
    assert recording.outcome.value == 20
    return recording


def test_declared_values_are_tried(priced: Recording) -> None:
    """A member that no capture holds and no comparison names."""
    profile = Profile()
    profile.contract = contract_of(priced, beside.price)
    assert profile.contract
    finds = explore(priced, 400, profile=profile).finds
    found = {find.failure.error_type: find for find in finds}
    assert [str(edit) for edit in found["KeyError"].edits] == ['input.args[0].plan.name: "enterprise-2019"']
    labels = {
        kind: profile.contract.label(priced, mutate(priced, find.edits), find.edits) for kind, find in found.items()
    }
    assert (labels["KeyError"], labels["ZeroDivisionError"]) == ("inside", "inside")
    assert (labels["AssertionError"], labels["TypeError"]) == ("outside", "outside")
    blind = [edit.argument for find in explore(priced, 400).finds for edit in find.edits]
    assert "enterprise-2019" not in blind


def test_time_and_networks_keep_every_contract(priced: Recording) -> None:
    """What nobody can promise is no breach."""
    contract = contract_of(priced, beside.price)
    moved = [Edit("clock.started_at", "at", "2027-01-01T00:00:00")]
    assert contract.label(priced, mutate(priced, moved), moved) == "inside"
    assert Contract({}).label(priced, mutate(priced, moved), moved) == "inside"
    null = [Edit("input.args[0].note", "set", None)]
    assert Contract({}).label(priced, mutate(priced, null), null) is None


def test_bounds_and_what_lies_beside_them() -> None:
    """Of JSON Schema; references and alternatives are followed, also those that go in circles."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
            "code": {"type": "string", "minLength": 2, "maxLength": 3},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "next": {"$ref": "#"},
            "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
        },
    }
    contract = Contract({("input", ("args", 0)): schema})
    at = ("args", 0)
    assert contract.values("input", (*at, "count")) == (1, 0, 9, 10)
    assert contract.values("input", (*at, "code")) == ("xx", "x", "xxx", "xxxx")
    assert None in contract.values("input", (*at, "when"))
    assert "2024-02-30" in contract.values("input", (*at, "next", "next", "when"))
    assert contract.values("input", (*at, "kinds", 5)) == ("a", "b")
    assert contract.values("input", ("args", 1)) == ()
    assert contract.values("http[0]", at) == ()
    circle = Contract({("input", ()): {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 3}}}})
    assert circle.values("input", ("x",)) == ()


def test_a_web_application_and_the_services_it_calls() -> None:
    """FastAPI's own OpenAPI for the request, a document that is named for the answers."""
    app = fastapi.FastAPI()

    class Ticket(pydantic.BaseModel):
        plan: Literal["free", "team"]
        seats: Annotated[int, pydantic.Field(ge=1, le=50)] = 1

    @app.post("/tickets/{number}")
    def post(number: int, ticket: Ticket, page: Annotated[int, fastapi.Query(le=9)] = 1) -> None:
        """Nothing."""

    given = {"method": "POST", "path": "/tickets/7", "query_string": "", "headers": JSON,
             "body": [b'{"plan":"free"}'], "body_read": "whole"}  # fmt: skip
    document = {
        "servers": [{"url": "http://crm/v1"}],
        "paths": {"/customers/{id}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/Customer"}}}}}}}},
        "components": {"schemas": {"Customer": {"type": "object", "required": ["plan"],
                                                "properties": {"plan": {"enum": ["free", "pro"]}}}}},
    }  # fmt: skip
    asked = replace(http(b'{"plan":"free"}', JSON), target="GET http://crm/v1/customers/7")
    web = recording(asked, given=given, kind="asgi")
    contract = contract_of(web, app, [document])
    assert contract.values("input", ("body", "plan")) == ("free", "team")
    assert contract.values("input", ("body", "seats")) == (1, 0, 50, 51)
    assert "10" in contract.values("input", ("query", "page"))
    assert contract.values("http[0]", ("body", "plan")) == ("free", "pro")
    for edit, label in (
        (Edit("input.body.plan", "set", "team"), "inside"),
        (Edit("input.body.plan", "set", None), "outside"),
        (Edit("http[0].body.plan", "set", "pro"), "inside"),
        (Edit("http[0].body.plan", "drop"), "outside"),
        (Edit("http[0]", "fault", "timeout"), "inside"),
    ):
        assert contract.label(web, mutate(web, [edit]), [edit]) == label, edit
    assert not contract_of(replace(web, input=encode({"method": "GET", "path": "/other"})), app)


def test_annotations_that_say_nothing() -> None:
    """No schema, no error."""
    assert schema_of(Any) is None
    assert schema_of(Callable[[], int]) is None
    assert schema_of(int) == {"type": "integer"}
