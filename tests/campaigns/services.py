"""Services as people write them, over a world in memory; `changes` makes changes of what stands below the mark."""

from __future__ import annotations

import csv
import io
import time
import uuid
from collections.abc import Iterator
from typing import Any

import replay

ASKED: list[tuple[Any, ...]] = []
"""What the world was asked."""
MOST = 60
"""Requests of one run: a change may ask for ever."""


class Endless(BaseException):
    """It asks for ever."""


def _asked(*what: Any) -> int:
    ASKED.append(what)
    if len(ASKED) > MOST:
        raise Endless
    return sum(each[0] == what[0] for each in ASKED)


@replay.boundary
def page_of(number: int, size: int) -> dict[str, Any]:
    """Five orders in all."""
    _asked("page_of", number, size)
    orders = [{"id": at, "total": at * 2.5, "paid": at % 3 > 0} for at in range((number - 1) * size, number * size)]
    return {"items": [each for each in orders if each["id"] < 5], "next": number + 1 if number * size < 5 else None}


@replay.boundary
def charge(amount: int, *, key: str, currency: str = "EUR") -> str:
    """Works the second time."""
    if _asked("charge", amount, key, currency) < 2:
        raise ConnectionError("busy")
    return f"ch_{amount}"


@replay.boundary
def customer(number: int) -> dict[str, Any] | None:
    """Those below ten."""
    _asked("customer", number)
    return {"name": f"Customer {number}", "plan": "pro" if number % 2 else "free"} if number < 10 else None


@replay.boundary
def save(table: str, rows: list[Any], *, ttl: int = 0) -> None:
    """Answers nothing."""
    _asked("save", table, rows, ttl)


@replay.boundary
def score(text: str) -> float:
    """Of a ticket."""
    _asked("score", text)
    return min(0.99, len(text) / 40)


# What changes begins here.


@replay.capture
def pages(size: int) -> dict[str, Any]:
    items: list[Any] = []
    number: int | None = 1
    while number is not None:
        found = page_of(number, size)
        items.extend(found["items"])
        number = found["next"]
    paid = [each for each in items if each["paid"]]
    return {"count": len(items), "paid": sum(each["total"] for each in paid), "last": items[-1]["id"]}


@replay.capture
def pays(total: float, currency: str = "eur") -> str:
    cents = round(total * 100)
    if cents <= 0:
        raise ValueError("nothing to pay")
    key = str(uuid.uuid4())
    for attempt in range(3):
        try:
            done = charge(cents, key=key, currency=currency.upper())
        except ConnectionError:
            time.sleep(0.001 * attempt)
            continue
        save("payments", [done, attempt + 1])
        return done
    raise RuntimeError("gave up")


@replay.capture
def named(numbers: list[int]) -> list[str]:
    seen: dict[int, Any] = {}
    out = []
    for number in numbers:
        if number not in seen:
            seen[number] = customer(number)
            if seen[number] is not None:
                save("cache", [number], ttl=300 if seen[number]["plan"] == "pro" else 60)
        out.append(seen[number]["name"] if seen[number] else "unknown")
    return out


@replay.capture
def reports(numbers: list[int], least: float) -> str:
    rows = [(number, score("x" * number)) for number in numbers]
    rows = [row for row in rows if row[1] >= least]
    rows.sort(key=lambda row: (-row[1], row[0]))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["number", "score"])
    for number, found in rows:
        writer.writerow([number, f"{found:.3f}"])
    save("reports", [len(rows), rows[0][0]])
    return out.getvalue()


@replay.capture
def triages(ticket: dict[str, Any]) -> dict[str, Any]:
    found = score(ticket["text"].strip().lower())
    who = customer(ticket["customer"])
    if who is not None and who["plan"] == "pro":
        found = min(1.0, found + 0.1)
    if found >= 0.7 and ticket["amount"] <= 200:
        save("refunds", [ticket["amount"]])
        return {"action": "refund", "score": round(found, 2)}
    if found < 0.3:
        save("reviews", [ticket["id"], "unsure"])
        return {"action": "review", "score": round(found, 2)}
    return {"action": "queue", "score": round(found, 2)}


@replay.capture
def exports(skip: int) -> Iterator[str]:
    total = 0
    for at in range(1, 5):
        found = customer(at * 3)
        if found is None or at <= skip:
            continue
        total += at
        yield f"{at};{found['name']}"
    yield f"total;{total}"


RUNS: list[tuple[str, tuple[Any, ...]]] = [
    ("pages", (2,)), ("pays", (12.34,)), ("pays", (0,)), ("named", ([1, 2, 1, 99],)),
    ("reports", ([9, 30, 20, 12], 0.25)),
    ("triages", ({"id": 7, "customer": 3, "text": " I want my money back please ", "amount": 40},)),
    ("triages", ({"id": 8, "customer": 4, "text": "hello", "amount": 40},)),
    ("triages", ({"id": 9, "customer": 12, "text": "my parcel is late again", "amount": 300},)), ("exports", (1,)),
]  # fmt: skip
