"""What a call leaves in its arguments: a boundary's is given again, that of a unit of work is compared."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import pytest

import replay
from replay.boundaries import ALL
from replay.boundaries.clock import move_to, pauses, wait
from replay.core.codec import Limits, Value, encode
from replay.core.edits import Edit
from replay.core.filling import Filling
from replay.core.left import LARGEST, Left, Marked, answer_of, given
from replay.core.recording import Recording
from replay.core.snapshot import snapshot, snapshot_call
from replay.engine.mutation import mutate
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.surfaces.production import way
from tests.engine import filled
from tests.engine.filled import KINDS, Desk, Order, User
from tests.recordings import again, normalised, record

ROOT = Path(__file__).parent.parent.parent
STRUCT = '{"$struct":{"type":"replay:Filled","fields":{"returned":'


@pytest.fixture(autouse=True)
def unedited() -> Iterator[None]:
    """The application as it was recorded."""
    yield
    filled.EDITED.clear()
    filled.RAN.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_boundary_filled_is_filled_again(tmp_path: Path, kind: str) -> None:
    """Containers and objects change in place, and what was returned is what was given, if it was."""
    (recording,) = record(tmp_path, lambda: filled.fills(kind))
    assert recording.interactions[0].answer.text.startswith(STRUCT)
    filled.RAN.clear()
    verdict, second = again(recording)
    assert (verdict.status, verdict.difference, filled.RAN) == ("reproduced", (), [])
    assert normalised(second) == normalised(recording)


@pytest.mark.parametrize("how", filled.GIVEN)
def test_what_was_given_stays_what_it_is(tmp_path: Path, how: str) -> None:
    """What is held of it elsewhere is changed as in production: sorted, linked and refilled ones are the same ones."""
    (recording,) = record(tmp_path, lambda: filled.changes(how))
    filled.RAN.clear()
    verdict = replay.run(recording)
    assert (verdict.status, verdict.difference, filled.RAN) == ("reproduced", (), [])


def test_what_is_awaited_fills_when_it_has_come(tmp_path: Path) -> None:
    """A part of what was filled, given as the answer, is that part."""
    (recording,) = record(tmp_path, filled.waits)
    assert recording.outcome.value == [{"found": [1, 2, 3]}, ["mine", "a", "b"]]
    filled.RAN.clear()
    assert (replay.run(recording).status, filled.RAN) == ("reproduced", [])


def test_an_older_recording_has_the_answer_alone(tmp_path: Path) -> None:
    """It is read as ever: the argument stays as it was."""
    (recording,) = record(tmp_path, lambda: filled.fills("set"))
    (one,) = recording.interactions
    plain = msgspec.structs.replace(one, answer=encode(one.answer.decode().fields["returned"]))
    verdict = replay.run(msgspec.structs.replace(recording, interactions=(plain,)))
    assert [(each.path, each.kind) for each in verdict.difference[:2]] == [("$[0]", "removed"), ("$[0]", "added")]


def test_other_arguments_keep_what_is_their_own(tmp_path: Path) -> None:
    """Only what production changed is changed: the rest of an argument may be another by now."""
    (recording,) = record(tmp_path, lambda: filled.fills("list"))
    (one,) = recording.interactions
    answer = one.answer.text.replace("between", "other")
    verdict = replay.run(
        msgspec.structs.replace(recording, interactions=(msgspec.structs.replace(one, answer=Value(answer)),))
    )
    assert [(each.path, each.actual) for each in verdict.difference] == [("$[0][1]", "other")]


@pytest.mark.parametrize("shape", [
    '{"returned":1,"args":5,"kwargs":null}', '{"returned":1,"args":[[1]],"kwargs":{"x":1}}', '{"returned":1}',
    '{"returned":{"$ref":7},"args":[],"kwargs":{}}', '{"returned":1,"args":{"a":1},"kwargs":[]}',
])  # fmt: skip
def test_a_bundle_may_hold_any_shape(tmp_path: Path, shape: str) -> None:
    """What is malformed ends in a verdict."""
    (recording,) = record(tmp_path, lambda: filled.fills("set"))
    (one,) = recording.interactions
    text = f'{{"$struct":{{"type":"replay:Filled","fields":{shape}}}}}'
    hostile = msgspec.structs.replace(one, answer=Value(text))
    assert replay.run(msgspec.structs.replace(recording, interactions=(hostile,))).status != "reproduced"


async def _all_of(items: AsyncIterator[int]) -> list[int]:
    return [each async for each in items]


def _settled(order: dict[str, Any], **kwargs: Any) -> Callable[[], Any]:
    return lambda: filled.settle(order, **kwargs)


@pytest.mark.parametrize(("work", "edit", "path"), [
    (_settled({"lines": [1, 2]}), "total", "$.args[0].total"),
    (_settled({"lines": []}, notes=["a"]), "notes", "$.kwargs.notes[1]"),
    (_settled({"lines": [], "raises": 1}), "total", "$.args[0].total"),
    (lambda: asyncio.run(filled.settle_later(Order([]))), "total", "$.args[0].total"),
    (lambda: Desk().settle({}), "total", "$.args[0].total"),
    (lambda: filled.reads({}), "total", "$"),
    (lambda: list(filled.each_of([])), "total", "$.args[0][0]"),
    (lambda: next(filled.each_of([])), "total", "$.args[0][0]"),
    (lambda: asyncio.run(_all_of(filled.each_of_later([]))), "total", "$.args[0][0]"),
])  # fmt: skip
def test_what_is_left_in_the_input_is_compared(tmp_path: Path, work: Callable[[], Any], edit: str, path: str) -> None:
    """A function that returns nothing is judged by what it did to its arguments."""
    (recording,) = record(tmp_path, work)
    assert (replay.run(recording).status, replay.run(recording).difference) == ("reproduced", ())
    filled.EDITED.add(edit)
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert any(each.path.startswith(f"input afterwards {path}") for each in verdict.difference)


def test_a_coroutine_is_over_before_its_loop_is(tmp_path: Path) -> None:
    """Tasks that it began are cancelled with a loop, and change more: neither what it left nor what it gave."""

    async def served() -> None:
        await filled.begins({})
        await asyncio.sleep(0)

    (recording,) = record(tmp_path, lambda: asyncio.run(served()))
    assert (recording.outcome.value, recording.context.tree["left"]["args"]) == ({"tasks": 1}, [{"tasks": 1}])
    verdict = replay.run(recording)
    assert (verdict.status, verdict.difference) == ("reproduced", ())


def test_an_object_of_its_own_is_no_argument(tmp_path: Path) -> None:
    """What a method does to its object is its own affair."""
    (recording,) = record(tmp_path, lambda: Desk().settle({}))
    filled.EDITED.add("served")
    assert replay.run(recording).status == "reproduced"


def test_what_is_not_known_is_not_compared(tmp_path: Path) -> None:
    """Of an older recording, of large arguments, and of those of which not all can be stored."""
    (recording,) = record(tmp_path, _settled({"lines": [1]}))
    context = {name: value for name, value in recording.context.tree.items() if name != "left"}
    older = msgspec.structs.replace(recording, context=encode(context))
    (large,) = record(tmp_path, _settled({"lines": [1], "more": "x" * (LARGEST + 1)}))
    filled.EDITED.add("total")
    assert "left" in recording.context.tree
    assert [replay.run(each).status for each in (recording, older, large)] == ["changed", "reproduced", "reproduced"]
    assert "left" not in large.context.tree


def test_what_did_not_change_is_not_stored_twice(tmp_path: Path) -> None:
    """Neither of a unit of work, nor of a boundary."""
    (recording,) = record(tmp_path, lambda: filled.reads({"a": [1]}))
    assert recording.context.tree["left"] == {}
    (plain,) = record(tmp_path, lambda: replay.capture(name="tests.engine.filled:reads")(len)("text"))
    assert "left" not in plain.context.tree


def test_an_argument_that_only_got_another_owner_is_the_same() -> None:
    """The quick copy of a value says how many own it; what is stored does not."""
    inner = [1, 2]
    arguments = ({"inner": inner},)
    before = snapshot_call(arguments, {})
    answer = Left(snapshot(5), before, snapshot({"returned": 5, "args": list(arguments), "kwargs": {}}))
    assert answer.settle().text == "5"


@pytest.mark.parametrize("exact", [False, True])
def test_what_was_returned_is_copied_once(monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    """It is read off the copy that has the arguments too, and is what it is alone: its bytes, lists met twice, gaps."""
    monkeypatch.setattr("replay.core.snapshot._CALLS_BUFFERS", exact)
    names = ["".join(["a", "da"])] * 2
    before = given(({"names": names},), {})
    names[1] = "".join(["a", "da"])  # an equal one: the copy is another, what is stored is not
    twice = [b"x"]
    deep: list[Any] = []
    for _ in range(Limits().depth - 1):
        deep = [deep]
    value = {"first": names[0], "bytes": bytearray(b"x"), "twice": [twice, twice], "deep": deep}
    answer = answer_of(value, 0, before, ({"names": names},), {})
    assert isinstance(answer, Left)
    alone = snapshot(value)
    assert answer.settle() == alone.settle()
    assert answer.size == before.size + answer.whole.size


def test_ignored_fields_are_ignored_there_too(tmp_path: Path) -> None:
    """The same patterns as for a result."""
    recording: Recording
    (recording,) = record(tmp_path, _settled({"lines": [1, 2]}))
    filled.EDITED.add("total")
    assert replay.run(recording, ignore=["$.args[0].total"]).status == "reproduced"


def _deep() -> Order:
    return Order([Order([{"n": [User()]}], 1.5)], 2.0**60, {"k": 10**30})


def test_objects_that_did_not_change_are_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """That they did not is seen by what they hold: encoding them takes ten times as long."""
    order = _deep()
    order.extra["lock"] = Lock()  # of no library object it is looked for
    before = given((order,), {})
    monkeypatch.setattr("replay.core.left.snapshot_call", lambda args, kwargs: pytest.fail("encoded again"))
    assert answer_of(5, 0, before, (order,), {}).settle() == encode(5)


def _inner(order: Order) -> Any:
    return order.lines[0].lines[0]["n"][0]


CHANGES: dict[str, Callable[[Order], Any]] = {
    "a number": lambda order: setattr(order, "total", order.total * 2.0),
    "one further in": lambda order: setattr(order.lines[0], "total", 2.5),
    "a large one": lambda order: order.extra.update(k=order.extra["k"] + 1),
    "an item more": lambda order: order.lines[0].lines[0]["n"].append(1),
    "an entry more": lambda order: order.lines[0].lines[0].update(m=0),
    "nothing is left": lambda order: order.extra.clear(),
    "another in its place": lambda order: order.lines.__setitem__(0, []),
    "of an object": lambda order: setattr(_inner(order), "draft", 2),
    "a name more": lambda order: setattr(_inner(order), "new", None),
    "a name less": lambda order: delattr(_inner(order), "draft"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_an_object_is_seen(change: str) -> None:
    """Wherever it is, and though the new value may stand where the old one stood."""
    order = _deep()
    before = given((order,), {})
    CHANGES[change](order)
    assert answer_of(5, 0, before, (order,), {}).settle().text.startswith(STRUCT)


def test_what_is_too_much_to_be_marked_is_encoded_again() -> None:
    """So is what holds itself, or another kind of container."""
    mine: list[Any] = [User()]
    mine.append(mine)
    for arguments in ([User(), *map(str, range(300))], mine, [User(), deque("a")]):
        before = given((arguments,), {})
        assert isinstance(before, Marked)
        assert before.marks is None
        assert answer_of(5, 0, before, (arguments,), {}).settle() == encode(5)


def test_what_was_left_is_edited_as_answers_are(tmp_path: Path) -> None:
    """`replay fuzz` fills arguments with other values, and says so."""
    (recording,) = record(tmp_path, lambda: filled.fills("list"))
    edits = [Edit("call[0].args[0][1]", "set", None)]
    verdict = replay.run(mutate(recording, edits))
    assert [(each.path, each.actual) for each in verdict.difference] == [("$[0][1]", None)]
    assert way(recording, edits) == "tests.engine.filled:fill leaves null at [1]"
    edit = Edit("call[0].returned", "set", 5)
    assert way(recording, [edit]) == "tests.engine.filled:fill answers the number 5"
    assert [each.path for each in replay.run(mutate(recording, [edit])).difference] == ["$[4]"]


@pytest.mark.parametrize("edit", [
    Edit("call[0].args[0]", "set", None), Edit("call[0].args[0]", "twice"), Edit("call[0].args[0]", "drop"),
    Edit("call[0].args", "set", []), Edit("call[0].kwargs.also", "drop"), Edit("call[0].kwargs", "set", {}),
    Edit("call[0].returned", "drop"), Edit("call[0]", "set", 5),
])  # fmt: skip
def test_no_call_puts_another_argument_in_the_place_of_one(tmp_path: Path, edit: Edit) -> None:
    """Such an edit would find failures that cannot happen: it does nothing."""
    (recording,) = record(tmp_path, lambda: filled.fills("mapping"))
    assert mutate(recording, [edit]).interactions == recording.interactions


def test_a_find_that_asks_with_other_arguments_is_filled_as_its_run_was(tmp_path: Path) -> None:
    """What the find's call was given lacks a name: that is none which the call puts there."""
    (recording,) = record(tmp_path, lambda: filled.counts({"lines": [1, 2]}))
    runs = Stage(recording, boundaries=ALL, runners=RUNNERS, targets=Targets(ROOT), move=move_to, wait=wait,
                 pauses=pauses)  # fmt: skip
    edits = (Edit("input.args[0].lines", "drop"),)
    execution = runs.execute(edits)
    assert execution.failure is not None
    assert execution.failure.error_type == "KeyError"
    verdict = replay.run(runs.recorded(execution, edits))
    assert (verdict.status, verdict.divergences) == ("reproduced", ())


def test_tuples_that_share_their_parts_are_looked_at_once() -> None:
    """A bundle of two kilobytes would take for ever; and one that stays is the same one."""
    before, after = ([1],), ([1, 2],)
    for _ in range(80):
        before, after = (before, before), (after, after)  # type: ignore[assignment]
    asked = encode({"args": [before, []], "kwargs": {}})
    now = asked.decode()
    left = encode({"returned": None, "args": [after, [after]], "kwargs": {}}).decode()
    Filling(asked.decode(), left).fill(tuple(now["args"]), {})
    assert now["args"][1][0] is now["args"][0]
    inner = now["args"][0]
    while type(inner) is tuple:
        inner = inner[0]
    assert inner == [1, 2]


def test_what_is_left_does_not_make_a_recording_too_large(tmp_path: Path) -> None:
    """It is given up before anything that a replay needs."""
    (recording,) = record(tmp_path, _settled({"lines": [], "raises": "x" * 4_000}), max_recording_bytes=8_000)
    assert "left" not in recording.context.tree
    assert recording.gaps == ()
