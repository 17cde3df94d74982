"""JSON in a text, as a place of its own."""

from __future__ import annotations

from typing import Any

import pytest

from replay.core.changes import Gone, changed
from replay.core.messages import Verbatim
from replay.core.nested import document, within
from replay.core.opened import Unfit


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ('{"a": {"b": 1}, "c": 2}', '{"a": {"b": null}, "c": 2}'),
        ('{"a":{"b":1}}\n', '{"a":{"b":null}}\n'),
        (' {"a": {"b": "é"}}', ' {"a": {"b": null}}'),
        ('```json\n{"a": {"b": 1}}\n```', '```json\n{"a": {"b": null}}\n```'),
        ('Here it is:\n```json\n{"a": {"b": 1}}\n```\nBye', 'Here it is:\n```json\n{"a": {"b": null}}\n```\nBye'),
        ('{\n  "a": {\n    "b": 1\n  }\n}', '{\n  "a": {\n    "b": null\n  }\n}'),
    ],
)
def test_an_edit_is_written_back_in_the_style_of_the_text(text: str, edited: str) -> None:
    """What stands around the document stays."""
    assert changed(text, ("json", "a", "b"), lambda value: None) == edited


def test_what_else_is_done_to_it() -> None:
    """A name goes, or stands twice; all of it is something else; JSON in JSON."""
    text = '{"a": 1, "é": 2}'
    assert changed(text, ("json", "a"), lambda value: Gone()) == '{"é": 2}'
    assert changed(text, ("json",), lambda value: Verbatim(b'{"a":1,"a":2}')) == '{"a":1,"a":2}'
    assert changed(text, ("json",), lambda value: []) == "[]"
    inner = '{"text": "{\\"a\\": 1}"}'
    assert changed(inner, ("json", "text", "json", "a"), lambda value: 2) == '{"text": "{\\"a\\": 2}"}'
    assert changed({"m": text}, ("m", "json", "a"), lambda value: value) == {"m": text}


@pytest.mark.parametrize(
    "text",
    ["", "plain", "12", '"x"', "{", "{} and more", "see {} there", "[1, 2", "[link](there)", "x" * 70_000 + "{}",
     "[" * 5000],
)  # fmt: skip
def test_other_texts_hold_none(text: str) -> None:
    """Nor do they have such a place."""
    assert within(text) == []
    with pytest.raises(Unfit):
        changed(text, ("json", "a"), lambda value: None)


@pytest.mark.parametrize("new", [object(), {1, 2}, Gone()])
def test_what_no_document_can_be(new: Any) -> None:
    """The edit does nothing."""
    assert document("[1]") == [1]
    with pytest.raises(Unfit):
        changed("[1]", ("json",), lambda value: new)
