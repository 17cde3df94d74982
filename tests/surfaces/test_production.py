"""How production comes to an edit, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.store.bundle import open_bundle
from replay.surfaces.production import NOTHING_CHANGED, way
from tests.engine import till
from tests.engine.conftest import record as record  # a fixture
from tests.surfaces import projects


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("input.args[0]", "set", ""), "a caller passes an empty string at argument 0"),
        (Edit("input.args[0].name", "drop"), "a caller leaves out name"),
        (Edit("call[0].plan", "set", None), "tests.engine.till:customer answers null at plan"),
        (Edit("call[0].credit", "set", float("nan")), "tests.engine.till:customer answers NaN at credit"),
        (Edit("call[0].limits[2].seats", "twice"), "tests.engine.till:customer answers limits[2].seats twice"),
        (Edit("call[0]", "fault", "refused"), "tests.engine.till:customer refuses the connection"),
        (Edit("call[0]", "slow", 2.0), "tests.engine.till:customer takes 2 s longer"),
        (Edit("model[1]", "chat", "truncated"), "the model's answer is cut: it ran out of tokens"),
        (Edit("model[1].score", "set", 0.5), "the model risk answers the number 0.5 at score"),
        (Edit("clock.started_at", "set", 1709251199 * 10**9), "it runs at another time: 2024-02-29 23:59:59+00:00"),
        (Edit("clock.started_at", "at", "2024-03-31T02:30:00"), "it runs at another time: 2024-03-31T02:30:00"),
        (Edit('draws["0"].random[0]', "set", 0.0), "chance draws another number"),
    ],
)
def test_of_a_function(record: Callable[..., list[Recording]], edit: Edit, said: str) -> None:
    """Its caller, what it asks, the clock, chance."""
    assert way(record(lambda: till.receipt(7))[0], [edit]) == said


@pytest.mark.parametrize(
    ("operator", "path", "argument", "said"),
    [
        ("set", "input.body.subject", "", "a client sends an empty string at subject"),
        ("drop", "input.headers.accept", None, "a client leaves out headers.accept"),
        ("answer", "http[0]", [503, "1"], " answers with status 503"),
        ("set", "http[0].body.plan", None, " answers null at plan"),
        ("html", "http[0]", None, " is down, and a proxy answers with an HTML page"),
        ("fault", "http[0]", "timeout", " does not answer in time"),
        ("packing", "http[0]", "cut", " compresses its answer wrongly"),
        ("breaks_at", "http[0].stream", 10, " breaks off within its answer"),
        ("set", "http[0].stream.json.label", "x", ' streams "x" at json.label'),
    ],
)
def test_of_a_web_application(operator: str, path: str, argument: object, said: str) -> None:
    """Its client, and the servers that it asks, by their hosts."""
    recording = next(iter(open_bundle(projects.ROOT / "captures" / "demo-null-field.replay.db")))
    host = recording.interactions[0].target.split("/")[2] if said.startswith(" ") else ""
    assert recording.interactions[0].boundary == "http"
    assert way(recording, [Edit(path, operator, argument)]) == host + said


def test_of_several_edits_and_of_none(record: Callable[..., list[Recording]]) -> None:
    """All that has to come together; or the recording as it is."""
    recording = record(lambda: till.receipt(7))[0]
    both = [Edit("call[0].plan", "set", None), Edit("model[1].score", "set", 0.5)]
    assert way(recording, both) == (
        "tests.engine.till:customer answers null at plan, and the model risk answers the number 0.5 at score"
    )
    assert way(recording, []) == NOTHING_CHANGED
