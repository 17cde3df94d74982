"""The demo's third parties: a CRM, a billing API and an OpenAI-compatible model server on loopback.

They behave as such servers do, bad days included. Which day a request meets depends on what is asked only: the
thousands of a customer's number are its cohort (`COHORTS`), the model server reads the ticket. Nothing is needed but
the standard library. `python -m replay.surfaces.demo.servers` prints the three addresses as one line of JSON, then
serves until its standard input ends.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any
from urllib.parse import urlsplit

COHORTS = {
    1: "plain",
    2: "trial ended: the CRM says `plan: null`",
    3: "moved to billing v2: `amountDue` instead of `amount_due`",
    4: "CRM busy: 503 with Retry-After once, then well",
    5: "billing down for this account: 503",
    6: "CRM slower than any client waits",
    7: "model server drops the stream",
    8: "enterprise",
    9: "deleted: 404",
}
CONTEXT_TOKENS = 8_192
PAUSE = 0.002
SLOW = 4.0
PLANS = ("Free", "Team", "Team", "Business")
LABELS = {
    "billing": ("invoice", "refund", "charged", "rechnung", "facture", "factura", "請求", "payment"),
    "login": ("password", "log in", "login", "2fa", "passwort", "ログイン"),
    "bug": ("error", "crash", "bug", "traceback", "broken", "fehler", "outage", "500"),
    "cancellation": ("cancel", "kündig", "résili", "close my account"),
}
SPANISH = {"billing": "facturación", "login": "acceso", "bug": "error", "cancellation": "baja", "question": "consulta"}


def cohort(text: str) -> int:
    """The cohort that an id (`cus_3014`, `acct_3014`) belongs to, 0 if it has none."""
    found = re.search(r"_(\d)\d{3}$", text)
    return int(found.group(1)) if found else 0


class Handler(BaseHTTPRequestHandler):
    """What the three have in common: keep-alive, request ids, JSON."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name = "server"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the demo's terminal is not theirs."""

    def version_string(self) -> str:
        """The `Server` header, with nothing of the interpreter in it."""
        return self.name

    def request_id(self, extra: bytes = b"") -> str:
        """Equal for equal requests, so that two runs of the demo can be compared."""
        return "req_" + sha256(self.path.encode() + extra).hexdigest()[:20]

    def reply(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        """One JSON answer, compressed if the client takes it so."""
        body = json.dumps(data, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("X-Request-Id", self.request_id())
        if len(body) > 400 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Crm(Handler):
    """`GET /customers/{id}`; without an id the first page of all customers, as such APIs have it."""

    name = "crm/4.11"
    seen: Counter[str] = Counter()

    def do_GET(self) -> None:
        """Answer for the customer's cohort."""
        number = urlsplit(self.path).path.removeprefix("/customers/")
        self.seen[number] += 1
        limits = {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": str(max(0, 600 - self.seen.total()))}
        kind = cohort(number)
        if number == "":
            page = [self.customer("cus_1001"), self.customer("cus_1002")]
            self.reply(200, {"object": "list", "data": page, "next": "/customers/?after=cus_1002"}, limits)
        elif kind in (0, 9):
            error = {"code": "not_found", "message": f"no customer {number!r}", "doc": "https://crm.example/errors#404"}
            self.reply(404, {"error": error}, limits)
        elif kind == 4 and self.seen[number] % 2:
            self.reply(503, {"error": {"code": "busy", "message": "try again"}}, limits | {"Retry-After": "1"})
        else:
            if kind == 6:
                sleep(SLOW)
            self.reply(200, self.customer(number), limits | {"ETag": f'W/"{number}-7"'})

    @staticmethod
    def customer(number: str) -> dict[str, Any]:
        """A customer's record."""
        kind, digits = cohort(number), number[-4:]
        plan = {2: None, 8: "Enterprise"}.get(kind, PLANS[int(digits) % len(PLANS)])
        return {
            "id": number,
            "object": "customer",
            "name": ("Renée Ångström", "李小龙", "O'Brien & Söhne GmbH", "Ada Lovelace")[int(digits) % 4],
            "plan": plan,
            "account_id": f"acct_{digits}",
            "since": f"20{10 + int(digits) % 15}-0{1 + int(digits) % 9}-1{int(digits) % 10}",
            "tags": ["migrated"] if kind == 3 else [],
            "owner": {"id": "usr_17", "email": "owner@crm.example"},
        }


class Billing(Handler):
    """`GET /accounts/{id}/invoices`."""

    name = "billing-edge"

    def do_GET(self) -> None:
        """Answer for the account's cohort."""
        account = urlsplit(self.path).path.removeprefix("/accounts/").removesuffix("/invoices")
        kind = cohort(account)
        if kind == 5:
            self.reply(503, {"message": "upstream connect error"}, {"Retry-After": "30"})
            return
        version, field = ("2026-03-01", "amountDue") if kind == 3 else ("2024-11-20", "amount_due")
        digits = int(account[-4:]) if kind else 0
        invoices = [
            {
                "id": f"in_{digits}{index}",
                "object": "invoice",
                field: (digits * 37 + index * 1_900) % 60_000,
                "currency": ("eur", "usd", "jpy")[digits % 3],
                "due_date": f"2026-{1 + (digits + index) % 12:02}-28",
                "status": "open",
            }
            for index in range(1 + digits % 3)
        ]
        data = {"object": "list", "data": invoices, "has_more": False}
        self.reply(200, data, {"Api-Version": version, "Request-Cost": "1", "Vary": "Accept-Encoding"})


class Model(Handler):
    """`POST /v1/chat/completions`, streaming: an OpenAI-compatible server."""

    name = "model-gateway"

    def do_POST(self) -> None:
        """Stream the answer in pieces of a few characters, as a model writes."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = json.loads(raw)
        answer, reason = self.answer(asked["messages"][-1]["content"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Request-Id", self.request_id(raw))
        self.send_header("OpenAI-Processing-Ms", str(20 + len(raw) // 200))
        self.send_header("X-RateLimit-Remaining-Requests", "9999")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cut = len(answer) // 2 if cohort(str(asked.get("user", ""))) == 7 else None
        for event in self.events(answer[:cut], reason, self.request_id(raw)):
            if cut is not None and event["choices"][0]["finish_reason"]:
                self.close_connection = True  # no last chunk: the connection just ends
                return
            self.send(f"data: {json.dumps(event)}\n\n".encode())
            sleep(PAUSE)
        self.send(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def send(self, data: bytes) -> None:
        """One chunk of the transfer encoding."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    @staticmethod
    def answer(text: str) -> tuple[str, str]:
        """What the model says of a ticket, with the reason why it stopped."""
        low = text.lower()
        label = next((name for name, words in LABELS.items() if any(word in low for word in words)), "question")
        priority = "high" if "production is down" in low else "low" if label == "question" else "normal"
        if "urgent" in low or "dringend" in low:
            priority = "urgent"
        confidence = round(0.55 + int(sha256(text.encode()).hexdigest()[:2], 16) / 600, 2)
        said = {"label": label, "priority": priority, "confidence": confidence}
        if "responde en español" in low:
            said["label"] = SPANISH[label]
        answer = json.dumps(said, ensure_ascii=False)
        if "```" in text:  # code in, code out
            answer = f"```json\n{answer}\n```"
        if len(text.encode()) // 4 > CONTEXT_TOKENS:
            return answer[:22], "length"
        return answer, "stop"

    @staticmethod
    def events(answer: str, reason: str, number: str) -> Iterator[dict[str, Any]]:
        """The chunks of a chat completion."""

        def event(delta: dict[str, str], finish: str | None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            head = {"id": "chatcmpl-" + number[4:], "object": "chat.completion.chunk", "created": 1767225600}
            return head | {"model": "triage-mini-2026-01", "system_fingerprint": "fp_2f41", "choices": [choice]}

        yield event({"role": "assistant", "content": ""}, None)
        for start in range(0, len(answer), 8):
            yield event({"content": answer[start : start + 8]}, None)
        yield event({}, reason)


class Server(ThreadingHTTPServer):
    """A server whose threads do not outlive the process."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; everything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def start() -> dict[str, Server]:
    """The three servers, each running in a thread of its own on a free port."""
    servers = {kind.__name__.lower(): Server(("127.0.0.1", 0), kind) for kind in (Crm, Billing, Model)}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return servers


def main() -> None:
    """Print the addresses, serve until standard input ends."""
    ports = {name: server.server_address[1] for name, server in start().items()}
    print(json.dumps(ports | {"started": formatdate(usegmt=True)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
