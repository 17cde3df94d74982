"""The demo's service: it triages support tickets, the way teams build such a service.

`POST /tickets` looks the customer up in a CRM (httpx), fetches the open invoices (requests), asks a model for label
and priority (openai, streaming), keeps the customer's history in SQLite, and answers with a queue and a due date.
It passes its own happy-path tests. The traffic of `replay.surfaces.demo.tickets` shows what those tests did not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import requests
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from openai import AsyncOpenAI

import replay

QUEUES = {
    "billing": "finance",
    "login": "identity",
    "bug": "engineering",
    "cancellation": "retention",
    "question": "frontline",
}
SAME_DAY_HOURS = {"urgent": 1, "high": 4}
BUSINESS_DAYS = {"normal": 1, "low": 3}
REVIEW_BELOW = 0.6
LARGE_ACCOUNT_SEATS = 50
QA_RATE = 0.05
PROMPT_LIMIT = 12_000
INSTRUCTIONS = (
    "You triage support tickets. Answer with one JSON object and nothing else: "
    '{"label": billing|login|bug|cancellation|question, "priority": urgent|high|normal|low, "confidence": 0..1}'
)
SCHEMA = """
create table if not exists ticket (
  reference text primary key, customer text not null, fingerprint text not null, label text not null, subject text
);
create index if not exists ticket_customer on ticket (customer);
"""


# --- the world: CRM, billing, model, database ---------------------------------------------------------------------


@cache
def crm_client(base_url: str) -> httpx.AsyncClient:
    """One connection pool for the CRM."""
    return httpx.AsyncClient(base_url=base_url, timeout=3.0, headers={"User-Agent": "triage/2.3"})


@cache
def model_client(base_url: str) -> AsyncOpenAI:
    """One connection pool for the model server."""
    return AsyncOpenAI(
        base_url=base_url, api_key=os.environ.get("MODEL_API_KEY", "demo-key"), timeout=10, max_retries=1
    )


async def fetch_customer(customer_id: str, sender: str) -> dict[str, Any] | None:
    """The customer's CRM record, None if there is no such customer. A busy CRM is asked again, twice."""
    client = crm_client(os.environ["CRM_URL"])
    headers = {"X-On-Behalf-Of": sender} if sender else {}
    for attempt in range(3):
        response = await client.get(f"/customers/{customer_id}", headers=headers)
        if response.status_code != 503:
            break
        wait = min(float(response.headers.get("Retry-After", 1)), 0.05 * 2**attempt)
        await asyncio.sleep(wait + random.uniform(0, 0.02))
    if response.status_code == 404:
        return None
    response.raise_for_status()
    customer: dict[str, Any] = response.json()
    return customer


def open_invoices(account_id: str) -> list[dict[str, Any]]:
    """The account's open invoices; none while billing is down, since a ticket must not wait for billing."""
    url = f"{os.environ['BILLING_URL']}/accounts/{account_id}/invoices"
    response = requests.get(url, params={"status": "open", "limit": "20"}, timeout=5)
    if response.status_code >= 500:
        return []
    response.raise_for_status()
    invoices: list[dict[str, Any]] = response.json()["data"]
    return invoices


async def classify(subject: str, body: str, customer_id: str) -> dict[str, Any]:
    """What the model makes of the ticket: label, priority, confidence."""
    stream = await model_client(os.environ["MODEL_URL"]).chat.completions.create(
        model="triage-mini",
        messages=[
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": f"Subject: {subject}\n\n{body[:PROMPT_LIMIT]}"},
        ],
        temperature=0,
        user=customer_id,
        stream=True,
    )
    text = ""
    async for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    answer: dict[str, Any] = json.loads(text)
    return answer


def migrate() -> None:
    """Make the table if there is none. Done once, before the service starts."""
    with closing(sqlite3.connect(os.environ["TRIAGE_DATABASE"])) as db, db:
        db.executescript(SCHEMA)


@replay.boundary
def history(customer_id: str, fingerprint: str) -> dict[str, Any]:
    """How many tickets the customer wrote before, the last label, and whether this one is already here."""
    with closing(sqlite3.connect(os.environ["TRIAGE_DATABASE"], timeout=10)) as db:
        rows = db.execute(
            "select label, fingerprint from ticket where customer = ? order by rowid desc", (customer_id,)
        ).fetchall()
    return {
        "count": len(rows),
        "last_label": rows[0][0] if rows else None,
        "duplicate": any(row[1] == fingerprint for row in rows),
    }


@replay.boundary
def save(reference: str, customer_id: str, fingerprint: str, label: str, subject: str) -> None:
    """Keep the ticket for later lookups of its customer."""
    with closing(sqlite3.connect(os.environ["TRIAGE_DATABASE"], timeout=10)) as db, db:
        row = (reference, customer_id, fingerprint, label, subject)
        db.execute("insert into ticket values (?, ?, ?, ?, ?)", row)


# --- the rules ----------------------------------------------------------------------------------------------------


def fingerprint_of(subject: str, body: str) -> str:
    """Equal for the same ticket sent twice, however its spaces were mangled on the way."""
    return hashlib.sha256(" ".join(f"{subject} {body}".split()).encode()).hexdigest()[:16]


def zone_of(ticket: dict[str, Any]) -> ZoneInfo:
    """The sender's time zone. Mail gateways send Windows names and nonsense: those count as UTC."""
    try:
        return ZoneInfo(ticket.get("timezone") or "UTC")
    except (KeyError, ValueError, TypeError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return ZoneInfo("UTC")


def age_hours(ticket: dict[str, Any], zone: ZoneInfo, now: datetime) -> float | None:
    """How long ago the ticket was written, None if its date cannot be read."""
    try:
        created = datetime.fromisoformat(str(ticket.get("created_at")))
    except ValueError:
        return None
    if created.tzinfo is None:
        created = created.replace(tzinfo=zone)
    return round((now - created).total_seconds() / 3600, 1)


def due_at(priority: str, zone: ZoneInfo, now: datetime) -> datetime:
    """When we promise an answer, on the customer's wall clock: in hours if it is urgent, else by end of business."""
    local = now.astimezone(zone).replace(microsecond=0)
    if priority in SAME_DAY_HOURS:
        return local.replace(hour=local.hour + SAME_DAY_HOURS[priority])
    day = local.replace(hour=18, minute=0, second=0)
    for _ in range(BUSINESS_DAYS.get(priority, 1)):
        day += timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
    return day


def raise_priority(priority: str, ticket: dict[str, Any], customer: dict[str, Any], owed_cents: int) -> str:
    """Large accounts, enterprise plans and customers about to be dunned do not wait."""
    if priority in SAME_DAY_HOURS:
        return priority
    plan = customer["plan"].lower()
    if plan == "enterprise" and ticket.get("seats", 0) > LARGE_ACCOUNT_SEATS:
        return "high"
    return "normal" if owed_cents > 50_000 else priority


# --- the endpoints ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Hand over what was recorded when the service stops: uvicorn ends with the signal that stopped it."""
    yield
    replay.flush(20)


api = FastAPI(title="triage", lifespan=lifespan)


def problem(status: int, detail: str) -> JSONResponse:
    """An error in the form of RFC 9457."""
    content = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")


@api.get("/health")
async def health() -> dict[str, str]:
    """For the load balancer."""
    return {"status": "ok"}


@api.post("/tickets")
async def create_ticket(request: Request) -> JSONResponse:
    """Triage one ticket."""
    try:
        ticket = json.loads(await request.body())
    except ValueError as error:
        return problem(400, f"not JSON: {error}")
    if not isinstance(ticket, dict):
        return problem(400, "a ticket is a JSON object")
    subject, body = str(ticket.get("subject") or ""), str(ticket.get("body") or ticket.get("text") or "")
    if not (subject.strip() or body.strip()):
        return problem(422, "the ticket is empty")
    customer_id = str(ticket.get("customer_id") or ticket.get("customerId") or "")
    customer = await fetch_customer(customer_id, str(ticket.get("from") or ""))
    if customer is None:
        return problem(404, "no such customer")
    return JSONResponse(await triage(ticket, subject, body, customer_id, customer), 201)


async def triage(
    ticket: dict[str, Any], subject: str, body: str, customer_id: str, customer: dict[str, Any]
) -> dict[str, Any]:
    """Everything the answer to a readable ticket of a known customer says."""
    fingerprint = fingerprint_of(subject, body)
    invoices, past = await asyncio.gather(
        asyncio.to_thread(open_invoices, customer["account_id"]),
        asyncio.to_thread(history, customer_id, fingerprint),
    )
    owed_cents = sum(invoice["amount_due"] for invoice in invoices)
    answer = await classify(subject, body, customer_id)
    replay.note(label=answer["label"], confidence=answer["confidence"])
    priority = raise_priority(answer["priority"], ticket, customer, owed_cents)
    now, zone = datetime.now(UTC), zone_of(ticket)
    due = due_at(priority, zone, now)
    reference = f"T-{now.astimezone(zone):%Y%m%d}-{uuid.uuid4().hex[:8].upper()}"
    queue = QUEUES[answer["label"]]
    await asyncio.to_thread(save, reference, customer_id, fingerprint, answer["label"], subject)
    return {
        "reference": reference,
        "queue": queue,
        "priority": priority,
        "due_at": due.isoformat(),
        "age_hours": age_hours(ticket, zone, now),
        "review": answer["confidence"] < REVIEW_BELOW or random.random() < QA_RATE,
        "owed_cents": owed_cents,
        "earlier_tickets": past["count"],
        "duplicate": past["duplicate"],
    }


app = replay.ASGI(api, target="replay.surfaces.demo.service:app")


def main() -> None:
    """Serve on the port in `PORT`, recording into the folder in `REPLAY_SPOOL`."""
    replay.init(
        service="triage",
        spool=os.environ.get("REPLAY_SPOOL", "captures"),
        keep=replay.on_error() | replay.status_at_least(500),
        environ=("CRM_URL", "BILLING_URL", "MODEL_URL"),
    )
    migrate()
    port = int(os.environ.get("PORT", "8000"))
    uvicorn.run("replay.surfaces.demo.service:app", host="127.0.0.1", port=port, log_level="warning", lifespan="on")


if __name__ == "__main__":
    main()
