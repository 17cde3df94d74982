"""A function that logs."""

from __future__ import annotations

import logging

import replay

SHOP = logging.getLogger("tests.shop")
SAYS: list[str] = []
"""What the code says now; empty: what it said in production."""


@replay.boundary
def lookup(order: int) -> int:
    """Something to be asked."""
    return order


@replay.capture
def pay(order: int) -> int:
    """Says what went wrong, and goes on."""
    lookup(order)
    said = SAYS or ["error", "warning"]
    if "error" in said:
        SHOP.error("order %d could not be paid by %s", order, "ann")
    if "warning" in said:
        SHOP.warning(f"{order} took 0.{order} s")
    if "more" in said:
        SHOP.error(f"{order} is lost")
    if "others" in said:
        SHOP.error("order %d could not be paid by %s", order + 1, "bob")
        SHOP.warning(f"{order} took 0.{order}9 s")
    SHOP.info("done")
    logging.getLogger("asyncio").error("Task was destroyed but it is pending!")
    return order
