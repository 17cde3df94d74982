"""A service whose answers vary from run to run, each for another reason: the example project of `--check`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.surfaces.projects import environment

SERVICE = """\
import asyncio
import ctypes
import os
import random
import time
import uuid
from datetime import datetime
from pathlib import Path

import replay

COUNTER = Path({counter!r})
LIBC = ctypes.CDLL(None)
LIBC.time.restype = ctypes.c_long
OWN = random.Random()
DRAW = {{"draw": random.random}}
WAYS = {{
    "ordered": lambda names: list({{*names}}),
    "numbered": lambda names: id(names),  # lambda
}}
ZONE = time.strftime("%z", time.localtime(0))  # zone


class Ticket:
    pass


def numbered():
    text = COUNTER.read_text()  # file
    fresh = COUNTER.with_suffix(f".{{os.getpid()}}")
    fresh.write_text(str(int(text) + 1))
    fresh.replace(COUNTER)  # at once: replays run side by side, and one would read it empty
    return text


@replay.boundary
def send(order, nonce=None):
    return {{"ok": True, "order": order}}


@replay.boundary
def ship(order, seconds=None):
    time.sleep(0.01)
    return order


@replay.capture
async def clean(names):
    async def one(name):
        await asyncio.sleep(0)
        return send(name)["order"]

    return {{"sent": await asyncio.gather(*(one(name) for name in names)), "at": datetime.now().isoformat()}}


@replay.capture
def tagged(names):
    tags = set(names)
    items = list(tags)  # set
    line = ",".join(tags)  # joined
    return {{"items": items, "line": line}}


@replay.capture
def untaped(name):
    ticket = Ticket()
    score = OWN.random()  # generator
    number = id(ticket)  # address
    label = f"ticket-{{number}}"
    now = LIBC.time(None)  # native
    key = str(uuid.UUID(int=OWN.getrandbits(128), version=4))
    return {{
        "name": name,
        "score": score,
        "label": label,
        "now": now,
        "key": key,
        "count": numbered(),
        "rows": [{{"id": OWN.random(), "row": row}} for row in range(3)],  # rows
    }}


@replay.capture
def bound(name):
    return {{"draw": DRAW["draw"]()}}  # bound


@replay.capture
def asks(order):
    nonce = OWN.getrandbits(64)  # nonce
    first = send(order, nonce=nonce)
    second = send(order + "-2", nonce=str(uuid.UUID(int=OWN.getrandbits(128), version=4)))  # inline
    return [first, second]


@replay.capture
def orders(url):
    import httpx

    with httpx.Client() as client:
        for number in range(2):
            key = OWN.getrandbits(64)  # key
            mark = str(OWN.random())  # mark
            client.post(url + "/orders", params={{"mark": mark}}, json={{"number": number, "key": key}})
        return client.get(url + "/orders").json()


@replay.capture
def fails(name):
    ticket = Ticket()
    raise ValueError(f"no plan for {{id(ticket)}}")  # fails


@replay.capture
def placed(name):
    return {{"folder": os.getcwd(), "zone": ZONE}}  # folder


@replay.capture
def fields(name):
    return {{str(OWN.random()): name}}


@replay.capture
def minted(name):
    job = uuid.uuid5(uuid.NAMESPACE_URL, f"{{name}} {{time.time_ns()}}")  # job
    send(name, nonce=str(job))
    raise ValueError(f"job {{job}} of {{name}} failed")


@replay.capture
def looped(names):
    sent = 0
    for tag in set(names):  # loop
        sent += send(tag)["ok"]
    return sent


@replay.capture
def timed(order):
    began, at = time.monotonic(), time.time()
    ship(order)
    took = time.monotonic() - began  # took
    ship(order, seconds=took)
    text = f"shipped in {{time.time() - at:.6f}} s"  # wall
    return {{"took": took, "text": text, "at": time.time()}}


@replay.capture
def shown(name):
    text = f"of {{Ticket()}}"  # shown
    return {{"text": text, "number": WAYS["numbered"](name)}}


@replay.capture
def crowded(name):
    at = time.time(); own = id(Ticket()); drawn = random.random()  # crowded
    items = list({{*name}}); steady = uuid.uuid4().hex; clock = time.process_time_ns()  # of names
    return {{"at": at, "own": own, "drawn": drawn, "items": items, "clock": clock, "steady": steady,
            "both": [random.random(), time.process_time(), os.getpid(), time.time()]}}  # both
"""

RECORD = """\
import asyncio
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

draw = random.random  # bound before the patch
import replay
import svc

replay.init(service="svc", spool="spool", keep=replay.always())
svc.DRAW["draw"] = draw


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_GET(self):
        body = json.dumps({"orders": 2}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Shop)
threading.Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(svc.clean(["a", "b", "c"]))
svc.tagged(list("abcdefgh"))
svc.untaped("ann")
svc.bound("ann")
svc.asks("o")
svc.orders(f"http://127.0.0.1:{server.server_port}")
try:
    svc.fails("ann")
except ValueError:
    pass
svc.placed("ann")
svc.fields("ann")
try:
    svc.minted("ann")
except ValueError:
    pass
svc.looped(list("abcdefgh"))
svc.crowded("abcdefgh")
svc.timed("o")
svc.shown("ann")
server.shutdown()
server.server_close()
assert replay.flush()
"""


def make(folder: Path) -> Path:
    """Write the project, run it once while it records itself, and gather the recordings in one bundle."""
    from replay.store.bundle import open_bundle, write_bundle

    counter = folder / "counter"
    counter.write_text("0")
    (folder / "svc.py").write_text(SERVICE.format(counter=str(counter)))
    (folder / "record.py").write_text(RECORD)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")
    seeded = environment() | {"PYTHONHASHSEED": "1"}  # of an unknown seed, orders may be alike by chance
    done = subprocess.run([sys.executable, "record.py"], cwd=folder, env=seeded, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = [recording for part in sorted((folder / "spool").rglob("*.replay.db")) for recording in open_bundle(part)]
    found.sort(key=lambda recording: recording.started_at)
    (folder / "captures").mkdir()
    return write_bundle(found, folder / "captures" / "noisy.replay.db")


def line_of(mark: str) -> int:
    """The line of the service that ends with this comment."""
    lines = SERVICE.splitlines()
    return 1 + next(number for number, line in enumerate(lines) if line.endswith(f"  # {mark}"))
