"""Units of work that end well and do wrong: what the judges' tests record once and then explore."""

from __future__ import annotations

import json
import logging
from typing import Any, TypedDict

import urllib3

import replay

REFUNDS = replay.Policy(
    "refunds", owner="payments", escalation="#refunds", acts=["tests.engine.till:pay*"],
    automatic=lambda result: result["paid"] == "at once",
)  # fmt: skip


class Receipt(TypedDict):
    """What a customer gets."""

    plan: str
    total: int
    paid: str


@replay.boundary
def customer(number: int) -> dict[str, Any]:
    """What the customer system says."""
    return {"plan": "pro", "credit": 5, "at_once": False}


@replay.boundary
def pay_back(number: int) -> dict[str, Any]:
    """Money leaves."""
    return {"ok": True}


@replay.boundary
def remember(text: str) -> None:
    """Written for its effect."""


@replay.boundary
def archive(text: str) -> None:
    """Written for its effect."""


@replay.boundary
def announce(text: str) -> None:
    """Written for its effect."""


@replay.model("risk", score=lambda out: out["score"], threshold=0.9, policy=REFUNDS)
def risk(number: int) -> dict[str, Any]:
    """How sure the model is."""
    return {"score": 0.95}


@replay.capture
def receipt(number: int) -> Receipt:
    """Believes what the customer system says of the plan; pays unless the model is very unsure."""
    found = customer(number)
    replay.note(credit=found["credit"])
    if not risk(number)["score"] < 0.2:
        pay_back(number)
    return {
        "plan": found["plan"],
        "total": 10 - int(found["credit"]),
        "paid": "at once" if found["at_once"] else "soon",
    }


@replay.capture
def book(number: int) -> str:
    """Forgets a write, makes one twice, and swallows errors; says `done` whatever happens."""
    found = customer(number)
    if found["plan"] != "free":
        remember("booked")
    try:
        archive("booked")
    except OSError:
        logging.getLogger("till").exception("the archive of %s is away", number)
    try:
        announce("booked")
    except Exception:
        number = 0
    if found["credit"] is None:
        remember("booked")
    return "done"


@replay.capture
def wrongly(number: int) -> int:
    """Has never returned what it says."""
    return str(customer(number)["credit"])  # type: ignore[return-value]


@replay.capture
def totals(ticket: dict[str, Any]) -> int:
    """Fails for seats that are no number, and before that for a name that is no text."""
    name = ticket["name"].strip()
    return int(ticket["seats"] + 1) + len(name)


@replay.capture
def tidy(number: int) -> None:
    """Returns nothing, early for some."""
    if customer(number)["plan"] == "free":
        return
    try:
        remember("tidy")
    except OSError:
        return


@replay.capture
def order_goods(url: str) -> str:
    """Orders once more where it cannot read the answer, and says so whatever becomes of it."""
    for _ in range(2):
        answer = urllib3.request("POST", url, json={"goods": "apples"}, retries=False)
        try:
            json.loads(answer.data)
            break
        except ValueError:
            continue
    return "ordered"
