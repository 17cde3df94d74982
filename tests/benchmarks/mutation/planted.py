"""A parcel service with 22 failures planted next door to what it saw, of kinds that production knows.

One of them is armed at a time, so that each is measured alone. Whatever else goes wrong is refused, as a service does
that checks its input.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx

import replay

armed = 0
"""Number of the failure that can happen; 0: none."""
KINDS = {
    1: "a field is null", 2: "an answer lacks a name", 3: "a list is empty", 4: "a number comes as text",
    5: "a product beyond 64 bits", 6: "a score is no number", 7: "text that cannot be encoded",
    8: "text that grows in upper case", 9: "a code with a space", 10: "a date in another format",
    11: "an id twice, deep in an answer", 12: "two fields are missing", 13: "another type in an answer, and a flag",
    14: "another label, and a score by a threshold", 15: "Retry-After is a date",
    16: "tool arguments are no JSON, and a text is empty", 17: "an embedding of another size",
    18: "a rare state, and a larger number", 19: "an empty page that says there is more",
    20: "three fields together", 21: "a weight close to nothing", 22: "a long text beyond ASCII",
}  # fmt: skip
LEAST = {number: 2 if number in (12, 13, 14, 16, 18) else 3 if number == 20 else 1 for number in KINDS}
"""Edits without which each does not happen."""
VOUCHERS = frozenset({"WELCOME-5", "FRIENDS-15"})
client = httpx.Client(trust_env=False)


class Planted(Exception):
    """The failure that was armed."""


class Refused(Exception):
    """Declared: what came in is wrong, and is told so."""


def planted(number: int) -> None:
    if number == armed:
        raise Planted(KINDS[number])


@replay.model("risk", score=lambda out: out["confidence"])
def risk(reference: str, total: int) -> dict[str, Any]:
    """What the model says of a shipment."""
    return {"label": "fine", "confidence": 0.94, "scores": {"fine": 0.94, "fraud": 0.04, "lost": 0.02},
            "embedding": [0.1, -0.2, 0.3, 0.05, 0.0, 0.7, -0.4, 0.25]}  # fmt: skip


@replay.model("router")
def router(reference: str) -> dict[str, Any]:
    """Which carrier the language model calls."""
    call = {"name": "book", "arguments": '{"carrier": "north", "days": 3}'}
    return {"choices": [{"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [call]}}],
            "usage": {"total_tokens": 118}}  # fmt: skip


@replay.boundary
def fees(currency: Any) -> dict[str, Any]:
    """What the fees are."""
    return {
        "base": "EUR",
        "zones": [{"zone": "north", "fee": 4.2, "since": 1709630}, {"zone": "south", "fee": 5.1, "since": 1709630}],
        "page": {"next": None, "has_more": False},
        "valid_from": "2024-03-01",
    }  # fmt: skip


@replay.boundary
def depot(pieces: int) -> dict[str, Any]:
    """What lies in the depot."""
    shelves = [{"id": 7, "code": "A-100", "left": 40}, {"id": 9, "code": "B-200", "left": 3}]
    return {"halls": [{"shelves": shelves}], "state": "open"}


@replay.capture
def ship(order: dict[str, Any], address: str) -> int:
    """Send the parcels of an order: its cost."""
    try:
        return _ship(order, address)
    except (Planted, Refused):
        raise
    except Exception as error:
        raise Refused(type(error).__name__) from error


def _ship(order: dict[str, Any], address: str) -> int:
    _sender(order["sender"])
    _placed(order["placed"])
    _offer(order)
    _remark(order.get("remark"))
    total, pieces = _parcels(order["parcels"])
    _priced(fees(order.get("currency")), order.get("priority") is True)
    _stored(depot(pieces), pieces)
    total += _label(address, order["reference"])
    _judged(risk(order["reference"], total))
    _routed(router(order["reference"]), order.get("voucher"))
    return total


def _sender(sender: dict[str, Any]) -> None:
    if "company" in sender and sender["company"] is None:
        planted(1)
    name = sender.get("name")
    if isinstance(name, str):
        try:
            name.encode()
        except UnicodeEncodeError:
            planted(7)
        if len(name.upper()) > len(name):
            planted(8)


def _placed(placed: str) -> None:
    try:
        datetime.fromisoformat(placed)
    except ValueError:
        if len(placed) == 10 and placed[2] == placed[5] == "/":
            planted(10)
        raise


def _offer(order: dict[str, Any]) -> None:
    voucher, currency = order.get("voucher"), order.get("currency")
    if isinstance(voucher, str) and voucher not in VOUCHERS and voucher.strip() in VOUCHERS:
        planted(9)
    if currency is None:
        country = order["sender"].get("country")
        if country is None:
            planted(12)
    if currency == "JPY":
        hurried = order.get("priority") is True
        if hurried:
            paid = voucher is None
            if paid:
                planted(20)


def _remark(remark: Any) -> None:
    if isinstance(remark, str) and len(remark) > 255 and not remark.isascii():
        planted(22)


def _parcels(parcels: list[dict[str, Any]]) -> tuple[int, int]:
    if not isinstance(parcels, list):
        raise Refused("parcels")
    if not parcels:
        planted(3)
    total = pieces = 0
    for parcel in parcels:
        count, weight = parcel["count"], parcel["weight"]
        if type(count) is not int or type(weight) not in (int, float) or not math.isfinite(weight):
            raise Refused("parcel")
        if count < 0 or weight < 0:
            raise Refused("parcel")
        if 0 < weight < 0.005:
            planted(21)
        grams = count * round(weight * 1000)
        try:
            struct.pack("q", grams)
        except struct.error:
            planted(5)
            raise
        total, pieces = total + grams, pieces + count
    return total, pieces


def _priced(found: dict[str, Any], priority: bool) -> None:
    if "valid_from" not in found:
        planted(2)
    zones = found.get("zones")
    if not isinstance(zones, list):
        if priority:
            planted(13)
    elif not zones and found["page"].get("has_more") is True:
        planted(19)


def _stored(found: dict[str, Any], pieces: int) -> None:
    left = 0
    for shelf in _shelves(found):
        left += shelf["left"] if isinstance(shelf["left"], int) else 0
    if found.get("state") == "backlog":
        missing = pieces - left
        if missing > 0:
            planted(18)


def _shelves(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for hall in found["halls"]:
        seen = set()
        for shelf in hall["shelves"]:
            if shelf["id"] is not None and shelf["id"] in seen:
                planted(11)
            seen.add(shelf["id"])
            yield shelf


def _label(address: str, reference: str) -> int:
    answer = client.post(f"{address}/label", json={"reference": reference})
    if answer.status_code in (429, 503):
        wait = answer.headers.get("retry-after")
        if wait is not None and not wait.isdigit():
            planted(15)
        raise Refused("busy")
    cost = answer.json()["cost_cents"]
    if isinstance(cost, str) and cost.isdigit():
        planted(4)
    return int(cost)


def _judged(found: dict[str, Any]) -> None:
    for score in found["scores"].values():
        if isinstance(score, float) and math.isnan(score):
            planted(6)
    if isinstance(found["embedding"], list) and len(found["embedding"]) != 8:
        planted(17)
    if found["label"] == "fraud":
        confidence = float(found["confidence"])
        if 0.5 <= confidence < 0.55:
            planted(14)


def _routed(found: dict[str, Any], voucher: Any) -> None:
    choice = found["choices"][0]
    for call in choice["message"].get("tool_calls") or []:
        try:
            json.loads(call["arguments"])
        except ValueError:
            if choice["finish_reason"] == "tool_calls":
                free = voucher == ""
                if free:
                    planted(16)


ORDER = {
    "reference": "SH-20931",
    "placed": "2024-03-05T10:22:31Z",
    "currency": "EUR",
    "priority": False,
    "voucher": "WELCOME-5",
    "sender": {
        "number": 8812, "name": "Mara Lind", "company": "Lind AB", "mail": "mara@example.com", "country": "SE",
        "labels": ["regular", "fragile"],
        "address": {"street": "Storgatan 1", "code": "11122", "place": {"lat": 59.33, "lon": 18.06}},
    },
    "parcels": [
        {"code": "A-100", "count": 2, "weight": 12.5, "extras": {"colour": "red", "sides": [1.5, 2.25]}},
        {"code": "B-200", "count": 1, "weight": 3.0, "extras": {"colour": "blue", "sides": [0.5]}},
    ],
    "remark": "ring twice",
}  # fmt: skip
LABEL = {"id": "label_1", "cost_cents": 1240, "state": "printed", "retry": 0}
"""What the carrier's API answers."""
