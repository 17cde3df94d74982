"""What a signature suggests: values out of messages and templates, names in lines, conditions around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.core.codec import Value
from replay.core.signature import Signature
from replay.core.verdict import Frame
from replay.engine.goal import Goal
from replay.engine.leads import Leads, values_in
from replay.engine.operators.site import Site
from tests.engine import desk

SHOP = """\
def price(row, plan):
    amount = row["price"]
    if plan == "free" and row.get("count", 0) > 3:
        raise ValueError(f"no {amount!r} for {plan}, at most %s")
    wait = row["headers"].get("retry-after")
    if wait is not None:
        return float(wait)
    return float(amount)
"""


def leads(tmp_path: Path, text: str, message: str = "", **more: Any) -> Leads:
    (tmp_path / "shop.py").write_text(SHOP)
    frame = Frame("/srv/shop.py", 1, "price", text)
    return Leads(Goal(Signature(error_type="ValueError", message=message, frames=(frame,), **more), tmp_path))


def tried(found: Leads, *sites: Site) -> list[list[list[Any]]]:
    return [[edit.tree() for edit in edits] for edits in found.edits(sites, {})]


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("'plan'", ["plan"]),
        ("invalid literal for int() with base 10: '12,50'", ["12,50", 10]),
        ("could not convert string to float: 'N/A'", ["N/A"]),
        ("'utf-8' codec can't encode character '\\ud83d' in position 35: x", ["utf-8", "\ud83d", "\ud800", 35, "x"]),
        ("unknown currency: XYZ", ["XYZ"]),
        ("unknown currency XYZ", []),
        ("at least 3.5 of -7", [3.5, -7]),
        ("seats must be '7'", ["7", 7]),
        ("refund", ["refund"]),
        ("", []),
    ],
)
def test_values_are_read_out_of_messages(message: str, values: list[Any]) -> None:
    """What is in quotes, numbers, the end; characters that the named codec lacks."""
    assert list(values_in(message)) == values


def test_the_value_goes_where_its_name_stands(tmp_path: Path) -> None:
    """`amount` is not in the recording; what flows into it is."""
    found = leads(tmp_path, "return float(amount)", "could not convert string to float: 'N/A'")
    sites = [Site("call[0]", ("id",), "a"), Site("call[0]", ("price",), 12)]
    edits = [each[0] for each in tried(found, *sites)]
    assert ["call[0].price", "set", None] in edits[:2]
    assert ["call[0].price", "drop", None] in edits[:2]
    assert edits.index(["call[0].price", "set", "N/A"]) < edits.index(["call[0].id", "set", "N/A"])


def test_a_template_gives_its_values_back(tmp_path: Path) -> None:
    """Each to the name in its hole."""
    text = 'raise ValueError(f"no {amount!r} for {plan}, at most %s")'
    found = leads(tmp_path, text, "no '12' for trial, at most %s")
    first = tried(found, Site("input", ("args", 0, "price"), 3), Site("call[0]", ("plan",), "pro"))[:3]
    assert first == [
        [["input.args[0].price", "set", "12"]],
        [["input.args[0].price", "set", "'12'"]],
        [["call[0].plan", "set", "trial"]],
    ]


def test_conditions_around_the_line_are_met_together(tmp_path: Path) -> None:
    """Two edits, before any that is guessed."""
    text = 'raise ValueError(f"no {amount!r} for {plan}, at most %s")'
    found = leads(tmp_path, text)
    sites = Site("input", ("args", 0, "count"), 1), Site("call[0]", ("plan",), "pro")
    assert [["call[0].plan", "set", "free"], ["input.args[0].count", "set", 4]] in tried(found, *sites)[:6]


def test_a_name_that_the_recording_lacks_is_added(tmp_path: Path) -> None:
    """To the mapping that the code reads it from."""
    found = leads(tmp_path, "return float(wait)")
    assert [["call[0].headers", "add", ["retry-after", "x"]]] in tried(found, Site("call[0]", ("headers",), {"a": "b"}))


def test_reported_variables_come_first(tmp_path: Path) -> None:
    """They are what production had."""
    found = leads(tmp_path, "return float(amount)", variables=(("price", "12,50"),))
    assert tried(found, Site("input", ("args", 0, "price"), "3"))[0] == [["input.args[0].price", "set", "12,50"]]


def test_the_reported_time_is_tried(tmp_path: Path) -> None:
    """And other hours."""
    found = leads(tmp_path, "return float(amount)", when="2026-11-01T10:00:07+00:00")
    edits = [each[0] for each in tried(found, Site("clock", ("started_at",), 10**18))]
    assert edits[0] == ["clock.started_at", "at", "2026-11-01T10:00:07+00:00"]
    assert ["clock.started_at", "set", 10**18 + 3600 * 10**9] in edits


def test_recordings_are_told_apart_by_the_names_they_hold(tmp_path: Path, record: Callable[..., Any]) -> None:
    """Of the line, and of what flows into it."""
    found = leads(tmp_path, "return float(amount)")
    (order,) = [msgspec.structs.replace(each, interactions=()) for each in record(desk.record_order)]
    renamed = msgspec.structs.replace(order, input=Value(order.input.text.replace("currency", "price")))
    assert (found.held(order), found.held(renamed)) == (0, 1)


def test_no_edit_is_suggested_twice(tmp_path: Path) -> None:
    """Nor without end."""
    found = leads(tmp_path, "return float(amount)", " ".join(f"'{number}'" for number in range(500)))
    sites = [Site("call[0]", (f"k{number}",), "x") for number in range(200)]
    edits = [str(each) for each in tried(found, *sites)]
    assert len(edits) == len(set(edits)) <= 4000
