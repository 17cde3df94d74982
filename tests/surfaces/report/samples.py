"""Recordings, verdicts and documents with the same text in every field that a stranger may fill."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from replay.core.codec import Gap, Value, encode
from replay.core.recording import Interaction, Log, ModelCall, Outcome, Prediction, Recording
from replay.core.verdict import Difference, Divergence, Frame, Verdict
from replay.surfaces.report.caused import caused
from replay.surfaces.report.facts import incident
from replay.surfaces.report.given import Cause, Change, Fuzzed, FuzzFind, Link, Place, Tried, Why
from replay.surfaces.report.incidents import Campaign, Incident
from replay.surfaces.report.make import Made, gather

STARTED = 1_790_000_000_000_000_000
MS = 1_000_000
FILE = "/srv/release-41/shop/app.py"


def error(text: str = "'NoneType' object has no attribute 'upper'", kind: str = "AttributeError") -> Value:
    """An encoded error with a cause and frames of the project and of a library."""
    frames = [
        ["/usr/lib/python3.11/site-packages/web/app.py", 90, "call", "return self.app()"],
        [FILE, 12, "handle", "triage(ticket)"],
        [FILE, 40, f"triage{text[:0]}", 'customer["plan"].upper()'],
    ]
    cause = {"$error": {"type": "KeyError", "message": text, "args": [], "frames": []}}
    body = {"type": kind, "message": text, "args": [], "frames": frames, "cause": cause}
    return Value(msgspec.json.encode({"$error": body}).decode())


def http(seq: int, text: str, **fields: Any) -> Interaction:
    """A request whose answer came in pieces."""
    body = json.dumps({"plan": None, "name": text})
    answer = {
        "status": 200, "reason": "OK", "headers": [["content-type", "application/json"], ["x-note", text]],
        "pieces": [[2 * MS, body[:9].encode()], [5 * MS, body[9:].encode()]],
        "decoded": False, "end": "complete", "error": None,
    }  # fmt: skip
    request = {"method": "GET", "url": f"https://crm/{text}", "headers": [["accept", text]], "body": b""}
    given: dict[str, Any] = {
        "seq": seq, "lane": "0", "boundary": "http", "target": f"GET https://crm/{text}", "request": encode(request),
        "answer": encode(answer), "state": "returned", "offset_ns": seq * 10 * MS, "duration_ns": 8 * MS, **fields,
    }  # fmt: skip
    return Interaction(**given)


def recording(text: str = "ann", **fields: Any) -> Recording:
    """An incident with something of everything."""
    call = Interaction(
        seq=1, lane="0.1", boundary=f"c{text}", target=f"shop.crm:{text}", state="raised", offset_ns=20 * MS,
        request=encode({"args": [{"k" + text: text}], "kwargs": {"k" + text: 1}}), answer=error(text),
        duration_ns=5 * MS,
    )  # fmt: skip
    given: dict[str, Any] = {
        "id": "rec-1", "kind": "function", "entrypoint": f"shop.app:triage{text}", "started_at": STARTED,
        "duration_ns": 60 * MS, "outcome": Outcome("raised", error(text)),
        "input": encode({"args": [{"from": text, "k" + text: {"deep": [text, {"n": 1.5}]}}], "kwargs": {}}),
        "context": encode({"zone": text, "python": "3.11.7", "platform": text, "notes": {"k" + text: text}}),
        "interactions": (http(0, text), call, http(2, text, lane="0.1", state="unfinished")),
        "logs": (Log(offset_ns=15 * MS, level=f"l{text}", logger=text, message=text),),
        "model_calls": (ModelCall(seq=2, operation_name=text, provider_name=text, request_model=text,
                                  input_tokens=12, finish_reasons=(text,)),),
        "predictions": (Prediction(seq=1, name=text, label=text, score=0.41, threshold=0.6, decision=text,
                                   policy=text, owner=text, escalation=text),),
        "gaps": (Gap(text, text, text),),
        "trace_id": text, "span_id": text, "sentry_event_id": text, "service_name": text, "service_version": text,
        "deployment_environment_name": text, "http_request_method": text, "http_route": text,
        "parent_digest": text, "edits": encode([["input.args[0]", text, text]]),
        **fields,
    }  # fmt: skip
    return Recording(**given)


def diverged(text: str = "ann", **fields: Any) -> Verdict:
    """The code asked something else, and the end differs."""
    divergence = Divergence(
        kind="changed", lane="0", boundary="http", target=f"GET https://crm/{text}", asked=encode({"id": text}),
        nearest=http(0, text),
        differences=(Difference(f"$.{text}", "changed", text, text + "2"), Difference("$.note", "added", None, text)),
        where=(Frame("shop/app.py", 40, "triage", f"plan = fetch({text!r})"),),
    )  # fmt: skip
    given: dict[str, Any] = {
        "id": "rec-1", "status": "diverged", "recorded": recording(text).outcome,
        "outcome": Outcome("returned", encode({"label": text, "k" + text: [1, {"deep": text}]})),
        "divergence": divergence, "divergences": (divergence,), "served": 2, "unanswered": 1, "seconds": 0.25,
        "difference": (
            Difference("$.label", "type", text, 7),
            Difference(f"$.k{text}", "changed", 1, 2, f"note {text}"),
        ),
        "reason": f"nondeterministic: {text}", "path": "captures/x.replay.db",
        **fields,
    }  # fmt: skip
    return Verdict(**given)


def why(text: str = "ann") -> Why:
    """A cause."""
    tried = (Tried(text, "same"), Tried(f'"{text}"', "passed"))
    return Why(
        incident=f"captures/{text}.replay.db::rec-1", isolated=True, side=text, compared=(text,),
        values=(Cause(f"http[0].body.{text}", "null", f"GET {text}", tried, 1, 2, text, text),), conditions=(text,),
        irrelevant=(text, "clock"), chain=(Link(text, text, "shop/app.py", 40, text),), runs=31, most_runs=600,
        reproduced_again=True, passed_again=True,
    )  # fmt: skip


def fuzzed(text: str = "ann") -> Fuzzed:
    """A find next to it."""
    find = FuzzFind(
        kind="error", error_type=f"e{text}", message=f"m{text}", frames=(Place(text, 3, text),),
        changes=(Change(f"input.{text}", text), Change("clock.started_at", None)), bundle=f"finds/{text}.replay.db",
        recording=f"captures/{text}.replay.db::rec-1",
    )  # fmt: skip
    return Fuzzed(finds=(find,), executions=1200, seconds=2.5, seed=7)


def one(text: str = "ann", **fields: Any) -> Incident:
    """Everything about one incident."""
    return incident(
        f"captures/{text}.replay.db", recording(text), diverged(text), cause=caused(why(text)), fuzzed=fuzzed(text),
        **fields,
    )  # fmt: skip


def single(text: str = "ann") -> Campaign:
    """A report of one incident."""
    return Campaign(incidents=(one(text),), groups=(), counts=(("diverged", 1),), made="0")


def campaign(text: str = "ann") -> tuple[Campaign, Made]:
    """A report of three: an incident that diverged, one that reproduced, a result that is not replayed."""
    path = f"captures/{text}.replay.db"
    good = Outcome("returned", encode({"label": text}))
    found = [
        (path, recording(text)),
        (path, recording(text, id="rec-2", started_at=STARTED + 86_400 * 10**9, interactions=(), logs=())),
        (path, recording(text, id="rec-3", outcome=good, edits=None)),
    ]
    verdicts = {
        "rec-1": diverged(text),
        "rec-2": Verdict(id="rec-2", status="reproduced", recorded=recording(text).outcome, seconds=0.5),
        "rec-3": Verdict(id="rec-3", status="unanswerable", recorded=good, reason=text),
    }

    def replayed(path: str, recording: Recording) -> Verdict:
        return verdicts[recording.id]

    made_of, made = gather(found, replayed, owners={"shop": text}, whys=[why(text)], fuzzed=fuzzed(text))
    return msgspec.structs.replace(made_of, made="0"), made
