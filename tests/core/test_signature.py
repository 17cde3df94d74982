"""Signatures: which types are the same, what `--at` means, frames of every version of Python."""

from __future__ import annotations

import pytest

from replay.core.signature import FRAMES, SignatureError, is_type, named, plain, shortened
from replay.core.verdict import Frame


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("KeyError", "KeyError", True),
        ("ReadTimeout", "httpx.ReadTimeout", True),
        ("httpx.ReadTimeout", "httpx.ReadTimeout", True),
        ("json.JSONDecodeError", "json.decoder.JSONDecodeError", True),
        ("shop.errors:NoPlan", "shop.errors.NoPlan", True),
        ("requests.exceptions.ReadTimeout", "httpx.ReadTimeout", False),
        ("KeyError", "IndexError", False),
        ("Error", "KeyError", False),
    ],
)
def test_types_are_told_by_as_much_of_their_names_as_both_say(wanted: str, found: str, same: bool) -> None:
    """A Sentry event often has no module, a traceback has it."""
    assert is_type(wanted, found) is same


def test_a_type_and_a_place_are_a_signature() -> None:
    """A line makes it exact; a Windows path keeps its drive."""
    found = named("shop.errors:NoPlan", "shop/billing.py:parse")
    assert (found.error_type, found.exact) == ("shop.errors.NoPlan", False)
    assert found.frames == (Frame("shop/billing.py", 0, "parse"),)
    assert named("KeyError", "C:\\app\\shop.py:parse:12").frames == (Frame("C:\\app\\shop.py", 12, "parse"),)
    assert named("KeyError", "shop.py:parse:12").exact


@pytest.mark.parametrize("at", ["", "shop.py", "shop.py:", ":parse", "shop.py:parse:x", "a:b:c:1"])
def test_what_is_no_place_is_refused(at: str) -> None:
    """With what to give instead."""
    with pytest.raises(SignatureError, match="FILE:FUNCTION"):
        named("KeyError", at)


@pytest.mark.parametrize("error", ["", "Key Error", "1", "shop..NoPlan", "x;y"])
def test_what_is_no_type_is_refused(error: str) -> None:
    """Neither is a message."""
    with pytest.raises(SignatureError, match="type of an exception"):
        named(error, "shop.py:parse")


def test_comprehensions_are_part_of_their_function() -> None:
    """As from Python 3.12 on, where they are no frames of their own."""
    older = [Frame("a.py", 3, "Shop.total", "return ["), Frame("a.py", 4, "<listcomp>", "int(each)")]
    assert plain(older) == [Frame("a.py", 4, "total", "int(each)")]


def test_a_recursion_keeps_both_ends() -> None:
    """The entry point and where it ended."""
    frames = [Frame("a.py", number, "f") for number in range(1000)]
    kept = shortened(frames)
    assert len(kept) == FRAMES
    assert (kept[0], kept[-1]) == (frames[0], frames[-1])
