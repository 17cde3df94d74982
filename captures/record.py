"""Records the sample bundles: `python -m captures.record`, from the project's root.

Each is a real run against local servers: the functions of `captures.recorded`, and one incident of each bug that the
demo's service has. An existing bundle is replaced.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

import replay
from captures import recorded
from replay.core.recording import Recording
from replay.store.bundle import write_bundle
from replay.surfaces.demo import demonstrate
from replay.surfaces.demo.servers import Handler, Server, start

HERE = Path(__file__).parent
QUESTION = "Please refund the invoice, I was charged twice. Thanks! 🙏"
DEMO = {
    "AttributeError: 'NoneType'": "null-field",
    "KeyError: 'amount_due'": "renamed-field",
    "JSONDecodeError: Expecting": "code-fence",
    "APIConnectionError": "cut-stream",
    "JSONDecodeError: Unterminated": "out-of-tokens",
    "ValueError: hour": "midnight",
    "UnicodeEncodeError: 'utf-8'": "half-an-emoji",
    "KeyError: 'account_id'": "no-customer",
    "TypeError: '>'": "number-as-text",
    "ReadTimeout": "slow-crm",
}
"""How the demo's failures begin -> the bundle's name."""


class Messages(Handler):
    """`POST /v1/messages`, streaming: an Anthropic-compatible server."""

    name = "messages"

    def do_POST(self) -> None:
        """Stream a fixed answer, event by event."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Request-Id", self.request_id(raw))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in self.events():
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def events() -> Iterator[dict[str, Any]]:
        """The events of one message."""
        message = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-demo", "content": []}
        usage = {"input_tokens": 21, "output_tokens": 1}
        head = message | {"stop_reason": None, "stop_sequence": None, "usage": usage}
        yield {"type": "message_start", "message": head}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        yield {"type": "ping"}
        for text in ("I have ", "refunded ", "the second ", "charge."):
            delta = {"type": "text_delta", "text": text}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}}
        yield {"type": "message_stop"}


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """The demo's servers and the one above: name -> address."""
    running = start() | {"messages": Server(("127.0.0.1", 0), Messages)}
    threading.Thread(target=running["messages"].serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield {name: f"http://127.0.0.1:{server.server_address[1]}" for name, server in running.items()}
    finally:
        for server in running.values():
            server.shutdown()
            server.server_close()


def calls(at: dict[str, str]) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Name of the bundle -> what is called to record it."""
    crm, billing = at["crm"], at["billing"]
    return {
        "requests": (recorded.with_requests, (crm, billing, 1042)),
        "urllib3": (recorded.with_urllib3, (crm, 1043)),
        "httpx": (recorded.with_httpx, (crm, 4001)),
        "httpx2": (recorded.with_httpx2, (crm, 1044)),
        "aiohttp": (recorded.with_aiohttp, (crm, billing, 1046)),
        "openai-stream": (recorded.stream_openai, (at["model"] + "/v1", QUESTION)),
        "anthropic-stream": (recorded.stream_anthropic, (at["messages"], QUESTION)),
        "threads": (recorded.in_threads, (crm, list(range(1100, 1108)))),
        "gather": (recorded.gathered, (crm, billing, list(range(1200, 1206)))),
        "clock-and-random": (recorded.draw_a_winner, (["Ada", "Grace", "Edsger", "Barbara"], "Pacific/Kiritimati")),
        "naive-date": (recorded.late_fee, ("2026-10-25T02:30:00", "Europe/Berlin")),
    }


def record_calls(spool: Path) -> Iterator[tuple[str, Recording]]:
    """Call each function once, recording it."""
    with servers() as at:
        for name, (function, arguments) in calls(at).items():
            replay.init(service="samples", spool=spool / name, keep=replay.always())
            try:
                made = function(*arguments)
                if inspect.iscoroutine(made):
                    asyncio.run(made)
            except TypeError:
                if name != "naive-date":
                    raise
            yield name, _only(spool / name)


def record_demo(folder: Path) -> Iterator[tuple[str, Recording]]:
    """One incident of each bug of the demo's service."""
    result = demonstrate(folder)
    for opening, name in DEMO.items():
        group = next(
            group
            for group in result.failures.values()
            if f"{group[0].error_type.rpartition('.')[2]}: {group[0].message}".startswith(opening)
        )
        one = min(group, key=lambda incident: incident.path.stat().st_size)
        yield f"demo-{name}", replay.open(one.path)[one.id]


def _only(folder: Path) -> Recording:
    if not replay.flush(10):
        raise SystemExit(f"{folder}: what was recorded did not reach the disk in 10 s")
    (recording,) = [recording for path in folder.glob("**/*.replay.db") for recording in replay.open(path)]
    return recording


def anonymous(recording: Recording, name: str) -> Recording:
    """The recording under its name, with nothing of this machine: its kernel, its folders in the frames."""
    text = recording.outcome.payload.text
    for place in (f"{HERE.parent}/", sys.prefix, sys.base_prefix):
        text = text.replace(place, "")
    payload = msgspec.structs.replace(recording.outcome.payload, text=text)
    outcome = msgspec.structs.replace(recording.outcome, payload=payload)
    told = recording.context.text.replace(platform.platform(), platform.system())
    context = msgspec.structs.replace(recording.context, text=told)
    return msgspec.structs.replace(recording, id=name, outcome=outcome, context=context)


def main() -> None:
    """Record all, replay each, write it."""
    with TemporaryDirectory() as temporary:
        found = [*record_calls(Path(temporary)), *record_demo(Path(temporary) / "demo")]
    for name, original in found:
        recording = anonymous(original, name)
        verdict = replay.run(recording)
        path = write_bundle([recording], HERE / f"{name}.replay.db", overwrite=True)
        path.chmod(0o644)
        print(f"{path.name:32} {path.stat().st_size:7,} bytes  {len(recording.interactions):3} asked  {verdict.status}")
        if not verdict.green:
            raise SystemExit(f"{path} does not replay: {verdict.divergence or verdict.difference or verdict.reason}")


if __name__ == "__main__":
    main()
