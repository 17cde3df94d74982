"""Failures that are exception groups: what is in one tells it from another."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from replay.core.codec import encode
from replay.core.recording import Outcome, Recording
from replay.core.signature import Signature
from replay.core.verdict import Frame
from replay.engine.causes import why
from replay.engine.failures import Failure, error_of, is_allowed
from replay.engine.goal import Goal
from replay.engine.hunter import Hunt
from replay.engine.trials import identity
from tests.engine import gathered
from tests.engine.test_explorer import ROOT, explore, stage

Record = Callable[..., list[Recording]]
FAR = "/srv/app/tests/engine/gathered.py"
LINE = 'found.append((await customer(name))["plan"].upper())'


@pytest.fixture
def good(record: Record) -> Recording:
    """It went well."""
    return record(lambda: gathered.ask("ann", "bo", ann={"plan": "pro"}, bo={"plan": "free"}))[0]


def failure(*members: BaseException) -> Failure:
    """That of a group."""
    found = error_of(Outcome("raised", encode(ExceptionGroup("g", members))), ROOT)
    assert found is not None
    return found


def test_what_is_in_it_tells_one_group_from_another() -> None:
    """The types, whichever task was first; the message says what the first was."""
    one, other = failure(KeyError("plan"), ValueError("x")), failure(ValueError("x"), KeyError("plan"))
    assert (one.raised, one.fingerprint, identity(one)) == (other.raised, other.fingerprint, identity(other))
    assert one.raised == "ExceptionGroup of KeyError, ValueError"
    assert one.message == "g (2 sub-exceptions): KeyError: 'plan'"
    assert one.fingerprint != failure(KeyError("plan")).fingerprint
    assert failure(KeyError("plan")).fingerprint != failure(TypeError()).fingerprint


def test_a_group_of_declared_errors_is_declared() -> None:
    """As `except*` takes it; all of them have to be, or the group."""
    assert is_allowed(failure(KeyError("a"), ValueError("b")), ["LookupError", "ValueError"])
    assert is_allowed(failure(KeyError("a")), ["ExceptionGroup"])
    assert not is_allowed(failure(KeyError("a"), ValueError("b")), ["LookupError"])


def test_each_failure_of_a_task_is_a_find(good: Recording) -> None:
    """Though all leave the same line; what only a replay raises is none."""
    found = explore(good, 300).finds
    names = {each.failure.name for each in found}
    assert {f"ExceptionGroup of {kind}" for kind in ("KeyError", "TypeError", "AttributeError")} <= names
    assert {each.failure.frames[-1].function for each in found} == {"one"}
    assert not any("Divergence" in name for name in names)


def test_a_value_that_fails_in_another_way_does_not_fail_so(record: Record) -> None:
    """A null in the place of what is missing is another failure of the same group."""
    missing, null, good = (
        record(lambda held=held: gathered.ask("ann", ann=held))[0] for held in ({}, {"plan": None}, {"plan": "pro"})
    )
    found = why(missing, [("null", null), ("good", good)], stage, runs=200)
    (value,) = found.values
    assert value.path == "call[0].plan"
    assert {str(each.value): each.ended for each in value.alternatives} == {"None": "other", "pro": "passed"}
    assert found.failure is not None
    assert found.failure.frames[-1].function == "one"


def hunted(recording: Recording, *members: Signature) -> list[list[str]]:
    """The edits by which a group of such members comes about."""
    group = Frame(FAR, 1, "plans", "async with asyncio.TaskGroup() as group:")
    library = Frame("/usr/lib/python3.12/asyncio/taskgroups.py", 1, "__aexit__")
    said = f"unhandled errors in a TaskGroup ({len(members)} sub-exception)"
    signature = Signature(error_type="ExceptionGroup", message=said, frames=(group, library), members=members)
    hunt = Hunt(stage(recording), Goal(signature, ROOT, {"tests.engine.gathered:customer"}, [recording.entrypoint]),
                executions=500)  # fmt: skip
    hunt.explore()
    return [[str(edit) for edit in find.edits] for find in hunt.progress.finds]


def test_a_group_is_hunted_by_what_is_in_it(good: Recording) -> None:
    """Type and line of its member."""
    inside = Signature(error_type="KeyError", message="'plan'", frames=(Frame(FAR, 1, "plans.one", LINE),))
    assert hunted(good, inside) == [["call[0].plan: drop"]]
    other = msgspec.structs.replace(inside, error_type="AttributeError", message="'NoneType' object has no attribute "
                                    "'upper'")  # fmt: skip
    assert hunted(good, other) == [["call[0].plan: null"]]
