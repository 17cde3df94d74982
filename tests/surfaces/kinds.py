"""A project whose entry points are of every kind, each with the same bug, and what records one incident of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from replay.store.bundle import open_bundle, write_bundle
from tests.surfaces import projects

KINDS = ("plain", "later", "pieces", "trickle", "method", "asgi", "wsgi", "handled")
BUG = "return plan.upper()"
FIX = 'return (plan or "free").upper()'
CODE = """\
import json
from dataclasses import dataclass
import flask
import replay


@replay.boundary
def plan_of(name):
    return {"plan": None}


def shown(plan):
    return plan.upper()


@replay.capture
def plain(name):
    return shown(plan_of(name)["plan"])


@replay.capture
async def later(name):
    return shown(plan_of(name)["plan"])


@replay.capture
def pieces(name):
    yield "plan"
    yield shown(plan_of(name)["plan"])


@replay.capture
async def trickle(name):
    yield "plan"
    yield shown(plan_of(name)["plan"])


@dataclass
class Desk:
    greeting: str

    @replay.capture
    def method(self, name):
        return self.greeting + shown(plan_of(name)["plan"])


async def site(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    name = json.loads((await receive())["body"])["name"]
    body = shown(plan_of(name)["plan"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def page(environ, start_response):
    size = int(environ["CONTENT_LENGTH"])
    name = json.loads(environ["wsgi.input"].read(size))["name"]
    body = shown(plan_of(name)["plan"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


asgi = replay.ASGI(site, target="kinds:asgi")
wsgi = replay.WSGI(page, target="kinds:wsgi")
desk = flask.Flask("desk")


@desk.post("/plan")
def desk_plan():
    return shown(plan_of(flask.request.get_json()["name"])["plan"])


handled = replay.WSGI(desk, target="kinds:handled")
"""
RECORD = """\
import asyncio, io, sys
import replay
replay.init(service="kinds", version="1.2", spool="spool", keep=replay.on_error())
import kinds

BODY = b'{"name": "bob"}'


async def drain(stream):
    return [each async for each in stream]


async def ask():
    pieces = [{"type": "http.request", "body": BODY, "more_body": False}]

    async def receive():
        return pieces.pop()

    async def send(message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/plan", "query_string": b"a=1", "scheme": "http",
             "headers": [(b"content-type", b"application/json")], "server": None, "client": None,
             "http_version": "1.1", "root_path": ""}
    await kinds.asgi(scope, receive, send)


def ask_wsgi(app=kinds.wsgi):
    from wsgiref.util import setup_testing_defaults
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/plan", "CONTENT_TYPE": "application/json",
               "CONTENT_LENGTH": str(len(BODY)), "wsgi.input": io.BytesIO(BODY)}
    setup_testing_defaults(environ)
    answer = app(environ, lambda *arguments: None)
    pieces = list(answer)
    answer.close()
    return pieces


def ask_flask():
    ask_wsgi(kinds.handled)
    raise AttributeError("it answered 500")


WORK = {
    "plain": lambda: kinds.plain("bob"),
    "later": lambda: asyncio.run(kinds.later("bob")),
    "pieces": lambda: list(kinds.pieces("bob")),
    "trickle": lambda: asyncio.run(drain(kinds.trickle("bob"))),
    "method": lambda: kinds.Desk("hello ").method("bob"),
    "asgi": lambda: asyncio.run(ask()),
    "wsgi": ask_wsgi,
    "handled": ask_flask,
}
for work in WORK.values():
    try:
        work()
    except AttributeError:
        continue
    raise SystemExit("did not fail")
assert replay.flush()
"""


def record(folder: Path) -> Path:
    """The project, and its eight incidents in one bundle outside it."""
    project = folder / "project"
    project.mkdir()
    (project / "kinds.py").write_text(CODE)
    (project / "pyproject.toml").write_text("[tool.replay-harness]\n[tool.ruff]\nline-length = 100\n")
    (folder / "record.py").write_text(RECORD)
    environment = {**projects.environment()}
    environment["PYTHONPATH"] = f"{project}:{environment['PYTHONPATH']}"
    done = subprocess.run([sys.executable, "record.py"], cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = [each for path in sorted((folder / "spool").rglob("*.replay.db")) for each in open_bundle(path)]
    assert len(found) == len(KINDS)
    write_bundle(sorted(found, key=lambda each: each.started_at), folder / "incidents.replay.db")
    return project
