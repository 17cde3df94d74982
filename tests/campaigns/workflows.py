"""Services around models, as teams write them, over a world in memory; `changes` changes what stands below the mark."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import replay

ASKED: list[tuple[Any, ...]] = []
"""What the world was asked."""
MOST = 60
"""Requests of one run: a change may ask for ever."""
_ONE = threading.Lock()


class Endless(BaseException):
    """It asks for ever."""


def _asked(*what: Any) -> int:
    with _ONE:
        ASKED.append(what)
        if len(ASKED) > MOST:
            raise Endless
        return sum(each[0] == what[0] for each in ASKED)


@replay.boundary
def chat(messages: list[dict[str, Any]], *, model: str = "small", temperature: float = 0.0) -> dict[str, Any]:
    """Asks for two tools, then answers; of JSON the first is broken."""
    number = _asked("chat", json.loads(json.dumps(messages)), model, temperature)
    if "JSON" in messages[0]["content"]:
        return {"content": '{"total": 12' if number == 1 else '{"total": 12, "items": ["a", "b"]}', "tool": None}
    if number < 3 and "tools" in messages[0]["content"]:
        return {"content": "", "tool": {"name": ("weather", "price")[number - 1], "arguments": {"of": f"x{number}"}}}
    return {"content": f"answer {number}", "tool": None, "tokens": 40 * number}


@replay.boundary
def tool(name: str, arguments: dict[str, Any]) -> Any:
    """One of them fails."""
    _asked("tool", name, arguments)
    if name == "price":
        raise LookupError("no price")
    return {"degrees": 21}


@replay.boundary
def embed(text: str) -> list[float]:
    """Two numbers."""
    _asked("embed", text)
    return [len(text) / 10, text.count("e") / 2]


@replay.boundary
def search(vector: list[float], *, top: int, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Documents by distance."""
    _asked("search", vector, top, filters)
    return [{"id": f"d{at}", "text": "text " * at, "distance": at / 10} for at in range(1, top + 1)]


@replay.boundary
def rerank(query: str, texts: list[str]) -> list[float]:
    """The longest is best but for one."""
    _asked("rerank", query, texts)
    return [0.2 if at == 2 else len(text) / 40 for at, text in enumerate(texts)]


@replay.boundary
def tokens_of(prompt: str) -> Iterator[str]:
    """A stream of pieces."""
    _asked("tokens_of", prompt)
    yield from ("Hel", "lo", "", " wor", "ld", "[END]", "never")


@replay.boundary
async def tokens_later(prompt: str) -> AsyncIterator[str]:
    """A stream of pieces."""
    _asked("tokens_later", prompt)
    for each in ("one ", "two ", "three"):
        await asyncio.sleep(0)
        yield each


@replay.boundary
async def backend(name: str, query: str) -> str:
    """The first one is slow."""
    _asked("backend", name, query)
    await asyncio.sleep(0.08 if name == "primary" else 0.005)
    return f"{name}: {query}"


@replay.boundary
def put(table: str, value: Any, *, key: str = "", ttl: int = 0) -> bool:
    """False where the key is there already."""
    _asked("put", table, value, key, ttl)
    return key != "m2"


@replay.boundary
def rows(statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """Of a database."""
    _asked("rows", statement, arguments)
    return [(1, "ann", 30.5, None), (2, "bob", 12.0, "late"), (3, "cid", 0.0, None)][: 3 if arguments[0] < 5 else 0]


@replay.boundary
def flaky(item: int) -> int:
    """Even ones above 2 fail."""
    _asked("flaky", item)
    if item > 2 and item % 2 == 0:
        raise TimeoutError(f"item {item}")
    return item * 10


@replay.boundary
def down(number: int) -> str:
    """Fails but for the fifth."""
    if _asked("down", number) < 5:
        raise ConnectionError("down")
    return "up"


@replay.boundary
async def listed(cursor: str | None, limit: int) -> dict[str, Any]:
    """Three pages."""
    _asked("listed", cursor, limit)
    at = int(cursor or 0)
    return {"items": [at, at + 1][:limit], "cursor": str(at + 2) if at < 4 else None}


# What changes begins here.


@replay.capture
def agent(question: str, most: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You have tools."}, {"role": "user", "content": question.strip()},
    ]  # fmt: skip
    used = []
    for step in range(most):
        found = chat(messages, model="large" if step == 0 else "small")
        call = found["tool"]
        if call is None:
            return {"answer": found["content"], "steps": step + 1, "used": used}
        try:
            result = json.dumps(tool(call["name"], call["arguments"]))
        except LookupError as error:
            result = f"error: {error}"
        used.append(call["name"])
        messages.append({"role": "tool", "name": call["name"], "content": result})
    return {"answer": None, "steps": most, "used": used}


@replay.capture
def retrieves(query: str, tenant: str) -> dict[str, Any]:
    vector = [round(each, 3) for each in embed(query.lower())]
    found = search(vector, top=5, filters={"tenant": tenant})
    close = [each for each in found if each["distance"] < 0.5]
    scores = rerank(query, [each["text"].strip() for each in close])
    ranked = sorted(zip(scores, close, strict=True), key=lambda pair: -pair[0])[:2]
    context = "\n".join(f"[{at}] {each['text'].strip()}" for at, (_, each) in enumerate(ranked, 1))
    answer = chat([{"role": "user", "content": f"{context}\n\n{query}"}], temperature=0.2)
    return {"answer": answer["content"], "sources": [each["id"] for _, each in ranked]}


@replay.capture
def proxies(prompt: str) -> Iterator[str]:
    number = 0
    for piece in tokens_of(prompt[:200]):
        if piece == "[END]":
            break
        if not piece:
            continue
        number += 1
        yield f"id: {number}\ndata: {json.dumps({'delta': piece})}\n\n"
    yield f"event: done\ndata: {number}\n\n"


@replay.capture
async def proxies_later(prompt: str) -> AsyncIterator[str]:
    text = ""
    async for piece in tokens_later(prompt):
        text += piece
        yield f"data: {piece}\n\n"
    put("texts", text.strip(), ttl=60)


@replay.capture
def extracts(text: str) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": text}]
    for attempt in range(3):
        found = chat(messages)["content"]
        try:
            value = json.loads(found)
        except ValueError as error:
            messages.append({"role": "user", "content": f"That is no JSON: {error.args[0]}. Again."})
            continue
        missing = {"total", "items"} - value.keys()
        if missing:
            messages.append({"role": "user", "content": f"Missing: {sorted(missing)}"})
            continue
        return {**value, "attempts": attempt + 1}
    raise ValueError("no JSON")


@replay.capture
def cached(query: str, known: list[dict[str, Any]]) -> str:
    vector = embed(query)
    best, score = None, 0.0
    for each in known:
        near = 1 - abs(each["vector"][0] - vector[0]) - abs(each["vector"][1] - vector[1])
        if near > score:
            best, score = each, near
    if best is not None and score >= 0.9:
        return str(best["answer"])
    answer = chat([{"role": "user", "content": query}])["content"]
    put("cache", {"vector": vector, "answer": answer}, key=hashlib.sha256(query.encode()).hexdigest()[:8], ttl=3600)
    return str(answer)


@replay.capture
async def hedges(query: str) -> str:
    first = asyncio.ensure_future(backend("primary", query))
    done, _ = await asyncio.wait({first}, timeout=0.03)
    if done:
        return first.result()
    second = asyncio.ensure_future(backend("secondary", query))
    done, pending = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    return sorted(each.result() for each in done)[0]


class Breaker:
    def __init__(self, most: int, rest: float) -> None:
        self.most, self.rest = most, rest
        self.failed, self.until = 0, 0.0

    def call(self, number: int) -> str:
        if self.failed >= self.most and time.monotonic() < self.until:
            return "open"
        try:
            found = down(number)
        except ConnectionError:
            self.failed += 1
            self.until = time.monotonic() + self.rest
            return "failed"
        self.failed = 0
        return found


@replay.capture
def breaks(times: int) -> list[str]:
    breaker = Breaker(2, 0.2)
    out = []
    for number in range(times):
        out.append(breaker.call(number))
        if number % 3 == 2:
            time.sleep(0.25)
    return out


@replay.capture
def consumes(messages: list[dict[str, Any]]) -> dict[str, int]:
    counts = {"done": 0, "twice": 0, "dead": 0}
    for message in messages:
        if not put("seen", message["id"], key=message["id"], ttl=86_400):
            counts["twice"] += 1
            continue
        if message.get("attempts", 0) >= 3 or "amount" not in message:
            put("dead", message)
            counts["dead"] += 1
            continue
        put("ledger", [message["id"], round(message["amount"] * 1.19, 2)])
        counts["done"] += 1
    return counts


@replay.capture
def batches(items: list[int]) -> dict[str, Any]:
    failed: dict[int, str] = {}
    total = 0
    with ThreadPoolExecutor(2) as pool:
        jobs = [(item, pool.submit(flaky, item)) for item in items]
        for item, job in jobs:
            try:
                total += job.result(timeout=5)
            except TimeoutError as error:
                failed[item] = str(error)
    if len(failed) * 2 > len(items):
        raise RuntimeError(f"{len(failed)} of {len(items)} failed")
    put("totals", total)
    return {"total": total, "failed": failed, "status": "partial" if failed else "done"}


@replay.capture
def moderates(text: str, flags: dict[str, bool]) -> str:
    toxic, long = embed(text)
    if flags.get("strict") or long > 2:
        toxic += 0.5
    if toxic >= 3:
        put("blocked", text[:20])
        return "blocked"
    if toxic > 1.5 and flags.get("human", True):
        put("reviews", {"text": text, "score": round(toxic, 1)}, key=f"r{len(text)}")
        return "waits"
    return "fine"


@replay.capture
def bills(least: int) -> list[dict[str, Any]]:
    out = []
    for number, name, amount, note in rows("select id, name, amount, note from bills where id >= ? limit ?", least, 10):
        if amount == 0:
            continue
        fee = 5 if note is not None else 0
        due = datetime.now(UTC).date() + timedelta(days=14)
        out.append({"id": number, "name": name.title(), "amount": amount + fee, "due": due.isoformat()})
    if out:
        put("bills", max(each["amount"] for each in out))
    return out


@replay.capture
def imports(text: str) -> dict[str, Any]:
    good, bad = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, amount = line.partition(";")
        try:
            good.append((name.strip(), float(amount.replace(",", "."))))
        except ValueError:
            bad.append(number)
    for at in range(0, len(good), 2):
        put("rows", good[at : at + 2])
    return {"good": len(good), "bad": bad}


@replay.capture
def webhook(body: str, digest: str) -> int:
    expected = hmac.new(b"a", body.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, digest.removeprefix("sha256=")):
        return 401
    event = json.loads(body)
    if event["type"] not in ("paid", "refunded"):
        return 204
    if not put("events", event["id"], key=event["id"]):
        return 200
    sign = -1 if event["type"] == "refunded" else 1
    put("balance", sign * event["amount"])
    return 201


@replay.capture
async def paginates(limit: int) -> list[int]:
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = await listed(cursor, limit)
        found += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break
    both = await asyncio.gather(*(backend("secondary", str(each)) for each in found[-2:]))
    put("listed", sorted(both))
    return found


@replay.capture
def grants(user: str) -> dict[str, Any]:
    now = int(time.time())
    token = "".join(random.choice("abcdef") for _ in range(8))
    put("tokens", {"user": user, "expires": now + 3600}, key=token, ttl=3600)
    return {"token": token, "expires": now + 3600, "refresh": now + 3600 - 300}


@replay.capture
def polls(most: int) -> str:
    wait = 0.02
    deadline = time.monotonic() + 10
    for number in range(most):
        try:
            return down(number)
        except ConnectionError:
            if time.monotonic() + wait > deadline:
                break
            time.sleep(wait)
            wait = min(wait * 2, 0.1)
    return "gave up"


_SIGNED = '{"id": "e1", "type": "refunded", "amount": 7}'
_SIGNATURE = hmac.new(b"a", _SIGNED.encode(), hashlib.sha256).hexdigest()
RUNS: list[tuple[str, tuple[Any, ...]]] = [
    ("agent", (" What now? ", 5)), ("agent", ("And now?", 2)), ("retrieves", ("Where is the Tree", "acme")),
    ("proxies", ("hi",)), ("proxies_later", ("hi",)), ("extracts", ("total 12",)),
    ("cached", ("the tree", [{"vector": [0.8, 1.5], "answer": "hit"}, {"vector": [0.5, 1.0], "answer": "other"}])),
    ("cached", ("x", [{"vector": [0.8, 1.5], "answer": "hit"}])), ("hedges", ("q",)), ("breaks", (8,)),
    ("consumes", ([{"id": "m1", "amount": 10.0}, {"id": "m2", "amount": 1.0},
                   {"id": "m3", "amount": 2.0, "attempts": 3}, {"id": "m4"}],)),
    ("batches", ([1, 2, 3, 4],)), ("batches", ([4, 6, 1],)), ("moderates", ("meet me here", {})),
    ("moderates", ("here we see thee", {"strict": True})), ("moderates", ("a long text about parcels and trees", {})),
    ("moderates", ("a", {})), ("bills", (1,)), ("bills", (9,)), ("imports", ("# x\na;1,5\n\nb;y\nc;2\nd;3\n",)),
    ("webhook", (_SIGNED, f"sha256={_SIGNATURE}")), ("webhook", (_SIGNED, "sha256=00")), ("paginates", (2,)),
    ("grants", ("ann",)), ("polls", (6,)), ("polls", (3,)),
]  # fmt: skip
