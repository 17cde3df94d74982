"""Units of work with failures next door: what the search's tests record once and then explore."""

from __future__ import annotations

import json
import random
import secrets
import time
import uuid
from typing import Any

import replay

HANGS = False


class Declared(Exception):
    """The code says of an input that it is wrong."""


@replay.boundary
def customer(number: int) -> dict[str, Any]:
    """What the customer system says."""
    return {"id": number, "plan": "pro", "notes": ["a", "b"], "limits": {"seats": 3}}


@replay.boundary
def item(sku: str) -> dict[str, Any]:
    """What the shop says of an article."""
    return {"sku": sku, "price": 10}


@replay.capture
def order(given: dict[str, Any]) -> dict[str, Any]:
    """Fails for a customer without a plan and for a gift in another currency; declares that it takes no empty order."""
    if not isinstance(given, dict) or not isinstance(given.get("items"), list) or not given["items"]:
        raise Declared("no items")
    found = customer(given.get("customer"))
    plan = found["plan"].upper()
    currency = given.get("currency", "EUR")
    if currency == "JPY":
        wrapped = given.get("gift")
        if wrapped is True:
            raise ArithmeticError("gifts have cents")
    total = 0
    for sku in given["items"]:
        price = item(sku).get("price")
        total += price if isinstance(price, int) else 0
    return {"plan": plan, "total": total}


@replay.capture
def drawing(count: int) -> list[Any]:
    """Draws as often as it is told, and asks the clock."""
    if not isinstance(count, int) or count > 100:
        raise Declared("too many")
    drawn = [random.random() for _ in range(count)]
    if not drawn:
        raise ValueError("nothing drawn")
    if count > 5:
        raise KeyError(f"{drawn[-1]} {secrets.token_hex(4)} {uuid.uuid4()}")
    return [drawn, int(time.time())]


@replay.capture
def waiting(text: str) -> int:
    """Does not end if the text is empty."""
    while HANGS and not text:
        pass
    return len(text)


def record_order() -> None:
    """The benign order that is recorded."""
    order({"customer": 7, "items": ["a", "b"], "currency": "EUR", "gift": False, "note": "soon"})


@replay.capture
def hold(what: dict[str, Any]) -> int:
    """Allocates without end, for a large count."""
    if what["count"] > 1000:
        raise MemoryError
    return int(what["count"]) + len(what["label"])


@replay.capture
def endless(text: str) -> int:
    """Never ends on an empty text, and fails on a long one."""
    while text == "":
        pass
    if len(text) > 300:
        raise OverflowError("too long")
    return len(text)


@replay.capture
def amount(answer: str) -> str:
    """Reads JSON out of a model's answer."""
    data = json.loads(answer.removeprefix("```json").removesuffix("```"))
    total = data["amount"]
    first = data["items"][0]
    name = first["name"].upper()
    return f"{name}: {total}"


@replay.capture
def alike(order: dict[str, Any]) -> int:
    """Fails where all three are the same, which no single edit makes them."""
    if order["a"] == order["b"] == order["c"]:
        raise ArithmeticError("all the same")
    return 1


@replay.boundary
def profile(number: int) -> dict[str, Any]:
    """Says a great deal of a customer."""
    return {"id": number, **{f"field{n}": n for n in range(60)}, "address": {"city": "Bern", "lines": ["a", "b"]}}


@replay.capture
def greeting(number: int) -> str:
    """Reads one thing of it."""
    found = profile(number)
    return "hello " + (found["address"]["city"]).upper()
