"""Mapped classes, as services have them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

import replay


class Base(DeclarativeBase):
    """Of all."""


class Order(Base):
    """With lines that know their order."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    total: Mapped[Decimal | None]
    lines: Mapped[list[Line]] = relationship(back_populates="order")
    notes: Mapped[list[Note]] = relationship()


class Line(Base):
    """Of an order."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    sku: Mapped[str]
    order: Mapped[Order] = relationship(back_populates="lines")


class Note(Base):
    """Never loaded."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


engine = create_engine("sqlite://")


@replay.boundary
def load(number: int) -> Order:
    """With its lines, without its notes."""
    with Session(engine) as session:
        return session.scalars(select(Order).where(Order.id == number).options(selectinload(Order.lines))).one()


@replay.boundary
def rows(number: int) -> list[Any]:
    """A row, and a mapping of one."""
    with Session(engine) as session:
        query = text("select customer, count(*) n from orders where id = :id")
        return [session.execute(query, {"id": number}).one(), session.execute(query, {"id": number}).mappings().one()]


@replay.boundary
def save(order: Order) -> str:
    """Compared by what it is given."""
    return order.customer


@replay.capture
def summary(number: int) -> dict[str, Any]:
    """What code does with them."""
    order, (row, mapping) = load(number), rows(number)
    customer, count = row
    order.customer = customer.upper()
    try:
        notes = len(order.notes)
    except Exception as error:
        notes = type(error).__name__  # type: ignore[assignment]
    return {
        "total": order.total,
        "skus": [line.sku for line in order.lines],
        "row": (row.customer, row.n, row._asdict(), count),
        "mapping": dict(mapping),
        "notes": notes,
        "saved": save(order),
        "new": save(Order(customer="new", lines=[Line(sku="x")])),
        "order": order,
    }
