"""Edits of what databases do to calls: constraints, locks, deadlocks, lost connections, as the driver would raise them.

Offered where the module of the called function uses a driver: its errors are the ones that the code may catch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from replay.core.faults import Raises
from replay.core.opened import Unfit
from replay.engine.operators.site import Change, Site, Tried

Make = Callable[[], BaseException]
_UNIQUE = 'duplicate key value violates unique constraint "items_pkey"'
_FOREIGN = 'insert or update on table "items" violates foreign key constraint "items_owner_fkey"'
_MANY = "Multiple rows were found when one was required"
_LOST = "server closed the connection unexpectedly"


def _raised(module: str, name: str, *args: Any) -> Make:
    """An error of a driver that is loaded; drivers are never imported for this."""

    def make() -> BaseException:
        kind = getattr(sys.modules.get(module), name, None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise Unfit("the driver is not loaded")
        return kind(*args)

    return make


def _wrapped(name: str, *args: Any) -> Make:
    """SQLAlchemy's error around the driver's."""
    return _raised("sqlalchemy.exc", name, "SELECT 1", {}, Exception(*args))


ERRORS: dict[str, dict[str, Make]] = {
    "sqlite3": {
        "unique": _raised("sqlite3", "IntegrityError", "UNIQUE constraint failed: items.id"),
        "foreign key": _raised("sqlite3", "IntegrityError", "FOREIGN KEY constraint failed"),
        "locked": _raised("sqlite3", "OperationalError", "database is locked"),
        "full": _raised("sqlite3", "OperationalError", "database or disk is full"),
        "lost": _raised("sqlite3", "OperationalError", "disk I/O error"),
    },
    "psycopg": {
        "unique": _raised("psycopg.errors", "UniqueViolation", _UNIQUE),
        "foreign key": _raised("psycopg.errors", "ForeignKeyViolation", _FOREIGN),
        "deadlock": _raised("psycopg.errors", "DeadlockDetected", "deadlock detected"),
        "serialization": _raised("psycopg.errors", "SerializationFailure", "could not serialize access"),
        "lost": _raised("psycopg", "OperationalError", _LOST),
    },
    "psycopg2": {
        "unique": _raised("psycopg2", "IntegrityError", _UNIQUE),
        "deadlock": _raised("psycopg2.extensions", "TransactionRollbackError", "deadlock detected"),
        "lost": _raised("psycopg2", "OperationalError", _LOST),
    },
    "sqlalchemy": {
        "unique": _wrapped("IntegrityError", _UNIQUE),
        "deadlock": _wrapped("OperationalError", "deadlock detected"),
        "no row": _raised("sqlalchemy.exc", "NoResultFound", "No row was found when one was required"),
        "many rows": _raised("sqlalchemy.exc", "MultipleResultsFound", _MANY),
        "lost": _wrapped("OperationalError", _LOST),
    },
}  # fmt: skip
"""Driver -> kind -> what it raises."""


def errors(site: Site) -> Iterator[Tried]:
    """Of a whole answer of a call: what the driver that its module uses would raise."""
    if site.steps or site.boundary != "call":
        return
    for driver in _drivers(sys.modules.get(site.target.partition(":")[0])):
        yield from (("database", [driver, kind]) for kind in ERRORS[driver])


def _drivers(module: ModuleType | None) -> list[str]:
    """Those that a name of the module comes from, e.g. by `import sqlite3` or `from psycopg import connect`."""
    if module is None:
        return []
    homes = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    tops = {home.partition(".")[0].removeprefix("_") for home in homes if type(home) is str}
    return [driver for driver in ERRORS if driver in tops and driver in sys.modules]


def _database(value: Any, what: list[str]) -> Any:
    driver, kind = what
    return Raises(ERRORS[driver][kind]())


CHANGES: dict[str, Change] = {"database": _database}
