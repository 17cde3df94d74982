"""Drives tickets through the service over HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from replay.surfaces.demo.tickets import Ticket


@dataclass(frozen=True)
class Sent:
    """One ticket and how the service answered."""

    ticket: Ticket
    status: int
    body: bytes


def drive(port: int, tickets: Sequence[Ticket], clients: int = 8) -> list[Sent]:
    """Send all tickets, `clients` at a time, each client over one connection kept alive."""
    queue: SimpleQueue[Ticket] = SimpleQueue()
    for ticket in tickets:
        queue.put(ticket)
    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(_client, [port] * clients, [queue] * clients))
    return [sent for part in parts for sent in part]


def _client(port: int, queue: SimpleQueue[Ticket]) -> list[Sent]:
    done: list[Sent] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        while True:
            ticket = queue.get_nowait()
            connection.request("POST", "/tickets", ticket.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            done.append(Sent(ticket, response.status, response.read()))
            if response.status >= 500:  # uvicorn hangs up after an error, without saying so
                connection.close()
    except Empty:
        return done
    finally:
        connection.close()
