"""Answers to the same question, asked many times, become small together; what is asked out of turn is found quickly."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replay
from replay.core.codec import encode
from replay.core.parts import Parts
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.world import Request
from replay.engine.alike import MANY, crowds, together
from replay.engine.minimize import minimize
from replay.engine.waiting import Waiting, alike
from replay.surfaces.why import Options, at_work
from tests.engine import batch
from tests.recordings import record

ROOT = Path(__file__).parent.parent.parent


def nightly(folder: Path, count: int) -> Recording:
    def work() -> None:
        with suppress(KeyError):
            batch.nightly(count)

    (found,) = record(folder, work)
    assert found.error_type == "KeyError"
    return found


def test_a_batch_takes_as_many_runs_whatever_its_size(tmp_path: Path) -> None:
    """What is read of no answer goes from all at once, and the failure stays."""
    runs = []
    for count in (30, 120):
        incident = nightly(tmp_path / f"{count}", count)
        with at_work(incident, Options(root=str(ROOT))) as stage:
            made = minimize(incident, stage, runs=3000)
        assert made.recording is not None, made.reason
        assert not made.stopped
        assert replay.run(made.recording, root=ROOT).status == "reproduced"
        parts = Parts(made.recording)
        answers = {str(part.value) for name in parts.names() if (part := parts.get(name)) and name.startswith("call[")}
        assert answers == {"{'name': '', 'seats': 0}", "{'price': 0.0, 'note': ''}", "None"}
        runs.append(made.finding.runs)
    assert runs[1] < 1.5 * runs[0], runs


def test_names_go_where_nothing_reads_them_and_what_stays_is_neutral() -> None:
    """Of all at once, at any depth; values of another shape among them are left as they are."""
    values: dict[str, Any] = {f"call[{at}]": {"a": {"b": at + 2, "c": "x"}, "d": [1, 2], "e": "no"} for at in range(5)}
    values["call[5]"] = None
    tried = []

    def test(new: dict[str, Any]) -> bool:
        tried.append(new)
        return all(
            value is None or ("b" in value.get("a", {}) and value.get("d") is not None) for value in new.values()
        )

    made = together(values, test)
    assert made == {**{f"call[{at}]": {"a": {"b": 0}, "d": []} for at in range(5)}, "call[5]": None}
    assert len(tried) < 20
    assert together({"call[1]": None, "call[2]": True}, test) == {"call[1]": None, "call[2]": True}


def test_only_what_was_asked_often_is_a_crowd() -> None:
    """Numbers in a path do not matter; values and faults of the clock are no answers."""
    asked = ["GET https://h/items/1", "GET https://h/users/1"]
    interactions = [
        Interaction(seq=seq, boundary="http", target=asked[seq == 3].replace("1", f"{seq}"), lane="", offset_ns=0,
                    duration_ns=0, request=encode({}), state="returned", answer=encode({}))
        for seq in range(MANY + 1)
    ]  # fmt: skip
    recording = recording_of(interactions)
    names = ["input", "clock", *(f"http[{seq}]" for seq in range(MANY + 1)), "timing[0]"]
    assert crowds(recording, names) == {
        f"http[{seq}]": "http GET https://h/items/*" for seq in range(MANY + 1) if seq != 3
    }
    assert crowds(recording, names[:-2]) == {}


def recording_of(interactions: list[Interaction]) -> Recording:
    return Recording(id="r", kind="function", entrypoint="m:f", started_at=1, duration_ns=1, input=encode({}),
                     outcome=Outcome("returned", encode(None)), context=encode({}),
                     interactions=tuple(interactions))  # fmt: skip


TARGETS = ["GET https://h/a/b/1", "GET https://h/a/b/2", "GET https://g/a/b/1", "GET https://g/c", "m:f"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["http", "call"]), st.sampled_from(TARGETS), st.sampled_from("xyz")), max_size=8
    ),
    st.lists(
        st.tuples(st.sampled_from(["http", "call"]), st.sampled_from(TARGETS), st.sampled_from("xyz")), max_size=8
    ),
)
def test_the_nearest_is_that_of_the_same_target_then_one_alike_of_the_own_lane(
    kept: list[tuple[str, str, str]], asked: list[tuple[str, str, str]]
) -> None:
    """As looking at all of them says, whatever was taken before."""
    interactions = [
        Interaction(seq=seq, boundary=boundary, target=target, lane=lane, offset_ns=0, duration_ns=0,
                    request=encode({}), state="returned", answer=encode({}))
        for seq, (boundary, target, lane) in enumerate(kept)
    ]  # fmt: skip
    waiting = Waiting(recording_of(interactions), ())
    left = list(interactions)
    for boundary, target, lane in asked:
        request = cast(Request, SimpleNamespace(boundary=boundary, target=target))
        among = [i for i in left if (i.boundary, i.target) == (boundary, target)] or [
            i for i in left if alike(i, request)
        ]
        wanted = min(among, key=lambda i: (i.lane != lane, i.seq), default=None)
        assert waiting.nearest(request, lane) is wanted
        assert waiting.later(request) == [
            i for i in left if i.boundary == boundary and (boundary == "http" or i.target == target)
        ]
        if wanted is not None:
            waiting.take(wanted)
            left.remove(wanted)
    assert waiting.left() == left


@pytest.mark.parametrize("value", ["", b"", [], (), {}, 0, 0.0, False, None])
def test_what_is_neutral_already_stays(value: object) -> None:
    """An empty text that has to stay ended `replay minimize` with a traceback, and 0 became 1."""
    from replay.engine.reduce import reduced

    tried = []

    def test(new: object) -> bool:
        tried.append(new)
        return True

    assert encode(reduced(value, test)) == encode(value)
    assert not tried
