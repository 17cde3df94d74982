"""What SQLAlchemy returns is kept, and given to the code again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Mapped, Session, mapped_column

import replay
from replay.core.codec import Value, encode
from replay.core.opened import Opened
from replay.core.standins import Record
from tests.core import orders
from tests.recordings import record


@pytest.fixture
def stored() -> Iterator[None]:
    """One order of two lines."""
    orders.Base.metadata.create_all(orders.engine)
    with Session(orders.engine) as session:
        lines = [orders.Line(sku="a"), orders.Line(sku="b")]
        session.add(orders.Order(id=7, customer="ada", total=Decimal("9.90"), lines=lines))
        session.commit()
    yield
    orders.Base.metadata.drop_all(orders.engine)
    orders.engine.dispose()


@pytest.mark.usefixtures("stored")
def test_mapped_instances_and_rows_replay(tmp_path: Path) -> None:
    """Loaded attributes, collections and back references, rows by name and place; what was not loaded raises; what the
    code makes itself is an argument like any other."""
    (recording,) = record(tmp_path, lambda: orders.summary(7))
    assert not recording.gaps
    orders.Base.metadata.drop_all(orders.engine)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict
    assert verdict.outcome is not None
    found = verdict.outcome.value
    expected = {"total": Decimal("9.90"), "skus": ["a", "b"], "mapping": {"customer": "ada", "n": 1},
                "row": ("ada", 1, {"customer": "ada", "n": 1}, 1), "notes": "DetachedInstanceError",
                "saved": "ADA", "new": "new"}  # fmt: skip
    assert {name: found[name] for name in expected} == expected


@pytest.mark.usefixtures("stored")
def test_a_class_that_was_never_queried() -> None:
    """SQLAlchemy completes classes at the first query, which a replay may never make."""
    with Session(orders.engine) as session:
        text = encode(session.get(orders.Order, 7)).text

    class Late(orders.Base):
        __tablename__ = "late"
        id: Mapped[int] = mapped_column(primary_key=True)
        customer: Mapped[str]

    read = Value(text.replace("tests.core.orders:Order", "shop:Late")).decode(lambda module, name: Late)
    assert isinstance(read, Late)
    assert read.customer == "ada"
    read.customer = "bob"
    assert inspect(read).detached


@pytest.mark.usefixtures("stored")
def test_without_the_class_they_are_stand_ins() -> None:
    """With their loaded attributes; and a part can be edited."""
    with Session(orders.engine) as session:
        value = encode(session.get(orders.Order, 7))
    read = value.decode()
    assert isinstance(read, Record)
    assert (read.type, read.fields["customer"]) == ("tests.core.orders:Order", "ada")
    assert Opened(value).value.fields["total"] == Decimal("9.90")
