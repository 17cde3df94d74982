"""What a boundary raises is of the class that the code catches, if its library is known and imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError
from django.db.utils import DatabaseError

import replay
from replay.core.recording import Recording
from replay.engine.targets import Targets

Record = Callable[..., list[Recording]]


@replay.boundary
def store(order: int) -> None:
    """A driver's error."""
    error = IntegrityError("duplicate key")
    error.pgcode = "23505"  # type: ignore[attr-defined]
    raise error


@replay.capture
def insert(order: int) -> str:
    """By the base class, as most do."""
    try:
        store(order)
    except DatabaseError as error:
        return f"{type(error).__name__} {error.pgcode}"  # type: ignore[attr-defined]
    return "stored"


def test_an_error_of_a_driver_is_caught(record: Record) -> None:
    """A class of the same name stood for it, which no clause caught."""
    (recording,) = record(lambda: insert(1))
    assert recording.outcome.value == "IntegrityError 23505"
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict


@pytest.mark.parametrize(
    ("module", "name", "is_known"),
    [
        ("django.db.utils", "IntegrityError", True),
        ("django.http.response", "HttpResponse", False),
        ("django.nowhere", "IntegrityError", False),
        ("_pytest.outcomes", "Failed", False),
    ],
)
def test_of_most_libraries_errors_alone_are_rebuilt(module: str, name: str, is_known: bool) -> None:
    """No other class of theirs, and nothing is imported for a bundle."""
    import django.http.response  # noqa: F401  # it is there, and no error

    assert (Targets(Path(__file__).parent.parent.parent).resolve(module, name) is not None) == is_known
