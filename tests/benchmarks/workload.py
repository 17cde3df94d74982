"""What is measured: a unit of work of about 2 KB with three parts, as a service has them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from string import ascii_lowercase
from typing import Any

Order = dict[str, Any]
Part = Callable[..., Any]


def order(seed: int = 1) -> Order:
    """About 2 KB of JSON-like data."""
    draw = Random(seed)

    def words(size: int) -> str:
        return "".join(draw.choice(ascii_lowercase + "   ") for _ in range(size))

    lines = [
        {"sku": f"A-{draw.randrange(10**6):06}", "count": draw.randrange(1, 9), "price": round(draw.random() * 90, 2),
         "title": words(28), "labels": [words(6), words(5)], "note": None}
        for _ in range(9)
    ]  # fmt: skip
    return {
        "id": f"{draw.getrandbits(128):032x}",
        "customer": {"number": draw.randrange(10**9), "name": words(20), "mail": "someone@example.com",
                     "roles": ["buyer", "admin"], "active": True,
                     "address": {"street": words(18), "town": words(9), "code": f"{draw.randrange(99999):05}"}},
        "lines": lines,
        "options": {"currency": "EUR", "coupon": None, "gift": False, "weights": [draw.random() for _ in range(6)]},
        "text": words(320),
    }  # fmt: skip


def look_up(customer: Order) -> Order:
    """Ask the customer system."""
    name = " ".join(customer["name"].split())
    return {"number": customer["number"], "name": name, "mail": customer["mail"].lower(), "plan": "pro",
            "address": dict(customer["address"]), "roles": list(customer["roles"])}  # fmt: skip


def price(lines: list[Order]) -> Order:
    """Ask the billing system."""
    totals = []
    for line in lines:
        if not isinstance(line["sku"], str) or line["count"] <= 0:
            raise ValueError("a line that cannot be")
        amount = line["price"] * line["count"]
        totals.append({"sku": line["sku"], "title": line["title"].strip(), "total": round(amount, 2)})
    return {"lines": totals, "total": round(sum(each["total"] for each in totals), 2)}


def classify(text: str, *, temperature: float = 0.2) -> Order:
    """Ask the model."""
    words = text.split()
    return {"model": "m-1", "label": " ".join(words[:3]), "usage": {"input": len(words), "output": 12}}


def unit(look_up: Part, price: Part, classify: Part) -> Callable[[Order], Order]:
    """A handler of orders over these three parts."""

    def handle(order: Order) -> Order:
        customer = look_up(order["customer"])
        prices = price(order["lines"])
        answer = classify(order["text"], temperature=0.1)
        return {"id": order["id"], "customer": customer, "prices": prices, "answer": answer, "text": order["text"]}

    return handle
