"""What a boundary raises is of the class that the code catches, if its library is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psycopg
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


@replay.boundary
def track(parcel: int) -> None:
    """The error of a library that nobody knows."""
    raise sys.modules["parcels_sdk"].NotFound(parcel)


@replay.capture
def parcel(number: int) -> str:
    try:
        track(number)
    except Exception as error:
        sdk = sys.modules.get("parcels_sdk")
        if sdk is not None and isinstance(error, sdk.NotFound):
            return f"{type(error).__name__} {error.code} {error}"
        raise
    return "found"


class NotFound(Exception):
    """Of that library."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no parcel {number}")
        self.code = 404


def _sdk() -> ModuleType:
    sdk = ModuleType("parcels_sdk")
    kind = type("NotFound", (NotFound,), {"__module__": "parcels_sdk"})
    sdk.NotFound = kind  # type: ignore[attr-defined]
    return sdk


def test_an_error_of_any_library_that_is_imported_is_caught(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class is there already, and no code of it is run to make one."""
    monkeypatch.setitem(sys.modules, "parcels_sdk", _sdk())
    (recording,) = record(lambda: parcel(1))
    assert recording.outcome.value == "NotFound 404 no parcel 1"
    verdict = replay.run(recording)
    assert (verdict.status, verdict.reason) == ("reproduced", None), verdict


def test_one_of_a_library_that_is_not_imported_is_told(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands under the name that was recorded, and the verdict says that no clause takes it for the real one."""
    monkeypatch.setitem(sys.modules, "parcels_sdk", _sdk())
    (recording,) = record(lambda: parcel(1))
    monkeypatch.delitem(sys.modules, "parcels_sdk")
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert verdict.reason is not None
    assert verdict.reason.startswith(f"stand-in: the recording holds parcels_sdk.NotFound (of {__name__}:track)")


@pytest.mark.parametrize(
    ("module", "name", "is_known"),
    [
        ("django.db.utils", "IntegrityError", True),
        ("django.http.response", "HttpResponse", False),
        ("django.nowhere", "IntegrityError", False),
        ("_pytest.outcomes", "Failed", False),
        ("pluggy", "HookCallError", False),
        ("deepdiff.diff", "DeepDiff", False),
    ],
)
def test_of_most_libraries_errors_alone_are_rebuilt(module: str, name: str, is_known: bool) -> None:
    """No other class of theirs, and nothing is imported for a bundle."""
    import deepdiff  # noqa: F401  # it is there, and no error
    import django.http.response  # noqa: F401  # it is there, and no error

    assert (Targets(Path(__file__).parent.parent.parent).resolve(module, name) is not None) == is_known


class PGresult:
    """As libpq's, of which only what the server said can be kept."""

    __module__ = "psycopg_binary._psycopg"

    def error_field(self, field: int) -> bytes | None:
        return {ord("C"): b"23505", ord("n"): b"orders_pkey"}.get(int(field))


@replay.boundary
def save(order: int) -> None:
    raise psycopg.errors.UniqueViolation("duplicate key", info=PGresult())  # type: ignore[arg-type]


@replay.capture
def saved(order: int) -> str:
    try:
        save(order)
    except psycopg.errors.UniqueViolation as error:
        return f"{error.sqlstate} {error.diag.constraint_name}"
    return "saved"


def test_what_the_server_said_of_an_error_of_psycopg(record: Record) -> None:
    """It is kept as psycopg pickles it; the code found nothing there."""
    (recording,) = record(lambda: saved(1))
    assert recording.outcome.value == "23505 orders_pkey"
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict


class Error(Exception):
    """As psycopg2's, which is in C: what it holds can be set by its `__setstate__` only."""

    __module__ = "psycopg2"
    __slots__ = ("pgcode", "pgerror")

    def __setstate__(self, state: Any) -> None:
        for name, value in state.items():
            vars(Error)[name].__set__(self, value)


@replay.boundary
def put(order: int) -> None:
    error = Error("duplicate key")
    error.__setstate__({"pgcode": "23505", "pgerror": "ERROR: duplicate key"})
    raise error


@replay.capture
def putting(order: int) -> str:
    try:
        put(order)
    except Error as error:
        return f"{error.pgcode} {error.pgerror}"
    return "put"


def test_the_code_of_an_error_of_psycopg2(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in no dictionary."""
    monkeypatch.setitem(sys.modules, "psycopg2", SimpleNamespace(Error=Error))
    (recording,) = record(lambda: putting(1))
    verdict = replay.run(recording)
    assert (verdict.status, verdict.outcome.value) == ("reproduced", "23505 ERROR: duplicate key"), verdict


@replay.boundary
def ship(order: int) -> None:
    error = ValueError("lost")
    error.cursor = iter([1])  # type: ignore[attr-defined]
    raise error


@replay.capture
def shipped(order: int) -> int:
    try:
        ship(order)
    except ValueError as error:
        return next(error.cursor)  # type: ignore[attr-defined]
    return 0


def test_what_an_error_holds_and_no_recording_can(record: Record) -> None:
    """It is told by name where the code uses it, as in what is returned."""
    (recording,) = record(lambda: shipped(1))
    verdict = replay.run(recording)
    assert verdict.status == "diverged", verdict
    assert "holds a list_iterator" in str(verdict.outcome), verdict


def _made_of_it() -> type[Exception]:
    """As botocore makes one for each code that the service may answer."""
    return type("NoSuchParcel", (ParcelError,), {"__module__": __name__})


class ParcelError(Exception):
    """What the code catches."""


@replay.boundary
def receive(order: int) -> None:
    raise _made_of_it()(f"no parcel {order}")


@replay.capture
def received(order: int) -> str:
    try:
        receive(order)
    except ParcelError as error:
        return f"{type(error).__name__}: {error}"
    return "received"


def test_an_error_of_a_class_that_no_module_has(record: Record) -> None:
    """It is caught by the base that one has."""
    (recording,) = record(lambda: received(1))
    assert recording.outcome.value == "NoSuchParcel: no parcel 1"
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict
