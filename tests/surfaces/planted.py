"""Functions with one planted failure each, and what production answered them: recorded for real by the tests."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import urllib3

import replay

WORLD: dict[str, Any] = {}
"""What the world answers now."""
SECRET = "Ada Byron of Ockham Lane"
"""Private, and nothing that redaction could find."""
TABLE = {"low": 1, "high": 2}
_turns = [0]


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_stream = isinstance(WORLD["body"], str)
        body = (WORLD["body"] if is_stream else json.dumps(WORLD["body"])).encode()
        if "Content-Encoding" in WORLD.get("headers", {}):
            body = gzip.compress(body)
        self.send_response(WORLD.get("status", 200))
        kind = "text/event-stream" if is_stream else "application/json"
        for name, value in {"Content-Type": kind, **WORLD.get("headers", {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def api() -> Iterator[None]:
    """An API on loopback, its address in the variable `PLANTED_URL`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    os.environ["PLANTED_URL"] = f"http://127.0.0.1:{server.server_port}/things"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        del os.environ["PLANTED_URL"]


@replay.boundary
def customer(name: str) -> Any:
    """The world's customer."""
    found = WORLD["customer"]
    found = found.pop(0) if isinstance(found, list) else found
    if isinstance(found, Exception):
        raise type(found)(*found.args)  # a new one: a shared one gathers the frames of every raise
    return {"id": WORLD.get("number", 0), "about": f"{SECRET} " * 30, **found}


@replay.model("risk", score=lambda out: out["score"])
def risk(features: dict[str, Any]) -> Any:
    """The world's model."""
    return WORLD["risk"]


@replay.boundary
async def slow(name: str) -> str:
    """Answers when the world says."""
    await asyncio.sleep(WORLD["delays"][name])
    return name


def get() -> Any:
    """The API's answer."""
    return urllib3.request("GET", os.environ["PLANTED_URL"], retries=False)


@replay.capture
def null_field(ticket: Any) -> str:
    return str(customer("c")["plan"].upper())


@replay.capture
def missing_key(ticket: Any) -> int:
    return len(customer("c")["plan"])


@replay.capture
def nested(ticket: Any) -> float:
    return 10 / customer("c")["limits"]["seats"]["most"]


@replay.capture
def raised(ticket: Any) -> str:
    return str(customer("c")["plan"])


@replay.capture
def api_field(ticket: Any) -> int:
    return int(get().json()["price"]) + 1


@replay.capture
def api_header(ticket: Any) -> float:
    return float(get().headers["X-Wait"])


@replay.capture
def api_status(ticket: Any) -> int:
    answer = get()
    if answer.status == 207:
        raise ValueError("half an answer")
    return 1


@replay.capture
def score(ticket: Any) -> float:
    found = risk({"amount": 3})["score"]
    return 1 / (0.0 if found > 1 else 1.0)


@replay.capture
def label(ticket: Any) -> int:
    return TABLE[risk({"amount": 3})["label"]]


@replay.capture
def streamed(ticket: Any) -> int:
    events = [json.loads(line[6:]) for line in get().data.decode().splitlines() if line.startswith("data: {")]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    return TABLE[json.loads(text)["label"]]


@replay.capture
def flagged(ticket: Any) -> int:
    if replay.flag("new-prices", WORLD.get("flag", False)):
        raise RuntimeError("the new prices are not ready")
    return 1


@replay.capture
def variable(ticket: Any) -> int:
    return int(os.environ["PLANTED_LIMIT"])


@replay.capture
def clock(ticket: Any) -> int:
    if int(time.time() * 1000) % 2:
        raise RuntimeError("an odd millisecond")
    return 1


@replay.capture
def unset(ticket: Any) -> int:
    if replay.flag("new-prices", WORLD.get("flag", False)) and os.environ.get("PLANTED_REGION") == "us":
        raise RuntimeError("no new prices there")
    return 1


@replay.capture
def draw(ticket: Any) -> int:
    if random.random() < 0.5:
        raise RuntimeError("tails")
    return 1


@replay.capture
async def order(ticket: Any) -> int:
    came: list[str] = []

    async def one(name: str) -> None:
        came.append(await slow(name))

    await asyncio.gather(one("a"), one("b"))
    if came[0] == "b":
        raise RuntimeError("b came first")
    return 1


@replay.capture
def input_type(ticket: Any) -> bool:
    return bool(ticket["seats"] > 3)


@replay.capture
def input_text(ticket: Any) -> int:
    return len(ticket["name"].encode("ascii"))


@replay.capture
def input_date(ticket: Any) -> int:
    return date.fromisoformat(ticket["day"]).year


@replay.capture
def input_flag(ticket: Any) -> int:
    return [1][int(ticket["urgent"])]


@replay.capture
def empty_list(ticket: Any) -> int:
    return int(max(ticket["items"]))


@replay.capture
def long_list(ticket: Any) -> int:
    one, two = ticket["items"]
    return int(one + two)


@replay.capture
def one_item(ticket: Any) -> float:
    return sum(10 / item["count"] for item in ticket["lines"])


@replay.capture
def together(ticket: Any) -> int:
    if ticket["kind"] == "refund" and customer("c")["plan"] == "free":
        raise RuntimeError("no refunds of free plans")
    customer("c")
    return 1


@replay.capture
def two_inputs(ticket: Any) -> float:
    return 1 / (ticket["left"] - ticket["right"])


@replay.capture
def twice(ticket: Any) -> str:
    first = customer("c")["plan"]
    second = customer("c")["plan"]
    return str(first + "/" + second.upper())


@replay.capture
def payload(ticket: Any) -> int:
    return int(json.loads(get().json()["payload"])["amount"] + 1)


@replay.capture
def tool_call(ticket: Any) -> int:
    events = [json.loads(line[6:]) for line in get().data.decode().splitlines() if line.startswith("data: {")]
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    return TABLE[json.loads("".join(call["function"]["arguments"] for call in calls))["level"]]


@replay.capture
def local_zone(ticket: Any) -> int:
    if time.localtime(1_700_000_000).tm_hour < 12:  # 22:13 UTC
        raise RuntimeError("closed in the morning")
    return 1


@replay.capture
def duplicate(ticket: Any) -> int:
    names = [line["name"] for line in ticket["lines"]]
    if len(set(names)) < len(names):
        raise RuntimeError("one name twice")
    return len(names)


def _shares(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    try:
        order = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        share = json.dumps(100 / order["seats"])
    except Exception:
        start("500 Internal Server Error", [])
        return [b"sorry"]
    start("200 OK", [])
    return [share.encode()]


shares = replay.WSGI(_shares, target=f"{__name__}:shares")


@replay.capture
def paces(ticket: Any) -> float:
    at = 0
    while at != 10:
        at += ticket["pace"]
    return 10 / ticket["left"]


@replay.capture
def picks(ticket: Any) -> float:
    return 10 / random.choice((5, 0, 0, 0, 0))


@replay.capture
def every_price(ticket: Any) -> int:
    return int(sum(line["price"] * 100 for line in customer("c")["lines"]))


@replay.capture
def evening(ticket: Any) -> str:
    if ticket["kind"] != "urgent" and not customer("c")["plan"].isupper():
        return "tomorrow"
    return due(ticket["kind"], ticket["hour"])


def due(kind: str, hour: int) -> str:
    if kind != "urgent":
        return "at noon"
    return f"at {range(24)[hour + 4]}"


@replay.capture
def not_set(ticket: Any) -> int:
    return len(os.environ["PLANTED_REGION"])


@replay.capture
def far(ticket: Any) -> str:
    plan = customer("c")["plan"]
    customer("d")
    return _in_capitals({"plan": plan})


def _in_capitals(state: dict[str, Any]) -> str:
    return str(state["plan"].upper())


@replay.capture
def yielded(ticket: Any) -> Iterator[float]:
    total = 0.0
    for item in ticket["lines"]:
        price = item["price"]
        total += 10 / price
        yield total


def _share(
    ticket: Any,
) -> float:
    whole = 10
    parts = ticket["parts"]
    return whole / parts


@replay.capture
def handed_on(ticket: Any) -> float:
    scale = 2
    return scale * _share(ticket)


@replay.capture
def by_place(ticket: Any) -> float:
    return 10 / float(list(ticket.values())[-1])


@replay.capture
def flaky(ticket: Any) -> int:
    _turns[0] += 1
    if _turns[0] % 2:
        raise RuntimeError("every other time")
    return 1


STATE = {"closed": False}
"""What no recording holds."""


@replay.capture
def outside(ticket: Any) -> int:
    if STATE["closed"] and ticket["left"] > 0:
        raise RuntimeError("closed")
    return 1


PLANS = {"free": 0, "team": 10}


@replay.capture
def two_names(ticket: Any) -> int:
    return int(ticket["net"] + ticket["tax"])


@replay.capture
def of_a_table(ticket: Any) -> int:
    plan = ticket["plan"]
    return PLANS[plan.lower()]


@replay.capture
def two_zeros(ticket: Any) -> float:
    return 1 / ticket["left"] + 1 / ticket["right"]


@replay.capture
def no_guess(ticket: Any) -> float:
    return 1 / (len(ticket["code"].split("-")) == 4)


@replay.capture
def either(ticket: Any) -> int:
    if ticket["left"] == 9 or ticket["right"] == 9:
        raise RuntimeError("a nine")
    return 1


@replay.boundary
def rows(number: int) -> Any:
    """Of a database."""
    return WORLD["rows"]


@replay.capture
def tags_of_rows(ticket: Any) -> Any:
    """Fails for a row without tags; where there is no row, later."""
    found = rows(ticket["id"])
    tags = [tag.lower() for row in found for tag in row["tags"]]
    return found[0]["id"], tags
