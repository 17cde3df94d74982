"""What an exception group holds."""

from __future__ import annotations

from typing import Any

import pytest

from replay.core.codec import encode
from replay.core.members import leaves, types, way


def body(error: BaseException) -> Any:
    """What `$error` holds of it."""
    tree = encode(error).tree
    return tree.get("$error") or tree["$id"][1]["$error"]


def raised(error: BaseException) -> BaseException:
    """With a frame of this function."""
    try:
        raise error
    except BaseException as caught:
        return caught


def test_the_members_of_nested_groups() -> None:
    """In their order; their types once, sorted: which task failed first is chance."""
    inner = ExceptionGroup("inner", [KeyError("a"), ValueError("b")])
    group = body(ExceptionGroup("outer", [inner, TypeError("c"), KeyError("d")]))
    assert [each["message"] for each in leaves(group)] == ["'a'", "b", "c", "'d'"]
    assert types(group) == ("KeyError", "TypeError", "ValueError")
    assert (leaves(body(KeyError("a"))), types(body(KeyError("a")))) == ([], ())


def test_the_way_leads_into_the_first_member() -> None:
    """The group's frames, then those of what failed."""
    member = raised(KeyError("a"))
    own, inside = body(raised(ExceptionGroup("g", [KeyError("b")])))["frames"], body(member)["frames"]
    found = way(body(raised(ExceptionGroup("g", [member, raised(ValueError("z"))]))))
    assert found == own + inside
    assert way(body(member)) == inside


@pytest.mark.parametrize(
    "odd", [{}, {"members": 3}, {"members": [None, 7, "x", {"$id": [1]}, {"$id": 3}, {"$error": []}, {"$ref": 1}]}]
)
def test_what_a_stranger_wrote_has_no_members(odd: dict[str, Any]) -> None:
    """A bundle is untrusted."""
    assert (leaves(odd), types(odd), way(odd)) == ([], (), [])


def test_a_deep_nest_of_groups_ends() -> None:
    """However it was made."""
    tree: dict[str, Any] = {"type": "KeyError", "frames": [["a.py", 1, "f"]]}
    for _ in range(5000):
        tree = {"type": "ExceptionGroup", "frames": [["a.py", 2, "g"]], "members": [{"$error": tree}]}
    assert leaves(tree) == []
    assert len(way(tree)) == 20
