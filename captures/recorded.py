"""The entry points of the sample bundles: one for each client, and for each way to be concurrent.

`python -m captures.record` calls them against local servers; the test suite replays what it kept.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import anthropic
import httpx
import httpx2
import openai
import requests
import urllib3

import replay

Summary = dict[str, Any]


def summary(customer: dict[str, Any]) -> Summary:
    """What the callers want to know of a customer."""
    return {"name": customer["name"], "plan": customer["plan"], "since": date.fromisoformat(customer["since"]).year}


@replay.capture
def with_requests(crm: str, billing: str, number: int) -> Summary:
    """requests: a session, two hosts, gzip."""
    with requests.Session() as session:
        customer = session.get(f"{crm}/customers/cus_{number}", timeout=5)
        customer.raise_for_status()
        account = customer.json()["account_id"]
        url = f"{billing}/accounts/{account}/invoices"
        invoices = session.get(url, params={"status": "open"}, timeout=5).json()["data"]
    return summary(customer.json()) | {"owed": sum(invoice["amount_due"] for invoice in invoices)}


@replay.capture
def with_urllib3(crm: str, number: int) -> Summary:
    """urllib3: a 404 that is an answer, then a streamed body."""
    with urllib3.PoolManager(retries=False) as pool:
        missing = pool.request("GET", f"{crm}/customers/cus_9{number % 1000:03}")
        response = pool.request("GET", f"{crm}/customers/cus_{number}", preload_content=False)
        body = b"".join(response.stream(64))
        response.release_conn()
    return summary(json.loads(body)) | {"other": missing.status, "limit": missing.headers["x-ratelimit-limit"]}


@replay.capture
def with_httpx(crm: str, number: int) -> Summary:
    """httpx, sync: asks again after 503."""
    with httpx.Client(base_url=crm, timeout=5) as client:
        response = client.get(f"/customers/cus_{number}")
        tries = 1
        while response.status_code == 503 and tries < 3:
            response = client.get(f"/customers/cus_{number}")
            tries += 1
        return summary(response.json()) | {"tries": tries}


@replay.capture
async def with_httpx2(crm: str, number: int) -> Summary:
    """httpx2, async, the answer read in pieces."""
    async with (
        httpx2.AsyncClient(base_url=crm, timeout=5) as client,
        client.stream("GET", f"/customers/cus_{number}") as response,
    ):
        body = b"".join([piece async for piece in response.aiter_bytes()])
    return summary(json.loads(body)) | {"etag": response.headers["etag"]}


@replay.capture
async def with_aiohttp(crm: str, billing: str, number: int) -> Summary:
    """aiohttp: one session, one request after the other."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{crm}/customers/cus_{number}") as response:
            customer = await response.json()
        url = f"{billing}/accounts/{customer['account_id']}/invoices"
        async with session.get(url, params={"status": "open"}) as response:
            invoices = (await response.json())["data"]
    return summary(customer) | {"invoices": [invoice["id"] for invoice in invoices]}


@replay.capture
async def stream_openai(base_url: str, question: str) -> Summary:
    """The openai SDK, async, streaming."""
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": question}]
        stream = await client.chat.completions.create(model="triage-mini", messages=messages, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    return {"answer": json.loads("".join(pieces)), "pieces": len(pieces)}


@replay.capture
def stream_anthropic(base_url: str, question: str) -> Summary:
    """The anthropic SDK, sync, streaming."""
    with anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0) as client:
        asked: Any = [{"role": "user", "content": question}]
        with client.messages.stream(model="claude-demo", max_tokens=200, messages=asked) as stream:
            pieces = list(stream.text_stream)
            final = stream.get_final_message()
    return {"pieces": pieces, "stop": final.stop_reason, "tokens": final.usage.output_tokens}


@replay.capture
def in_threads(crm: str, numbers: list[int]) -> list[Summary]:
    """Four threads of a pool, each with requests of its own."""

    def one(number: int) -> Summary:
        return summary(requests.get(f"{crm}/customers/cus_{number}", timeout=5).json())

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, numbers))


@replay.capture
async def gathered(crm: str, billing: str, numbers: list[int]) -> list[Summary]:
    """`asyncio.gather` over one client; each task asks twice."""
    async with httpx.AsyncClient(timeout=5) as client:

        async def one(number: int) -> Summary:
            customer = (await client.get(f"{crm}/customers/cus_{number}")).json()
            account = customer["account_id"]
            invoices = (await client.get(f"{billing}/accounts/{account}/invoices")).json()["data"]
            return summary(customer) | {"open": len(invoices)}

        return await asyncio.gather(*map(one, numbers))


@replay.boundary
def exchange_rate(currency: str, day: date) -> float:
    """Stands for a table that changes daily."""
    return round(1 + (day.toordinal() % 97) / 1000 + len(currency) / 100, 4)


@replay.capture
def draw_a_winner(names: list[str], zone: str) -> Summary:
    """The clock, a time zone, random draws, a uuid, a function of the world."""
    now = datetime.now(UTC)
    local = now.astimezone(ZoneInfo(zone))
    order = random.sample(names, k=len(names))
    return {
        "winner": order[0],
        "weights": [round(random.gauss(10, 2), 6) for _ in range(3)],
        "ticket": uuid.uuid4(),
        "drawn_at": now,
        "claim_by": local.date() + timedelta(days=30),
        "weekday": local.strftime("%A"),
        "rate": exchange_rate("EUR", local.date()),
    }


@replay.capture
def late_fee(due: str, zone: str) -> int:
    """Fails, always: the due date has no zone and the clock has one. An incident that nobody has fixed yet."""
    late = datetime.now(ZoneInfo(zone)) - datetime.fromisoformat(due)
    return max(0, late.days) * 150
