"""What a report says of one incident, or of a campaign of many, in the order in which it is read.

Gathered from recording, verdict and given documents; how it looks is the business of each form. Texts are as they were
recorded: each form escapes what it writes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from replay.core.cause import minimal_of
from replay.core.fingerprint import mine
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Difference, Divergence, Frame, Verdict
from replay.engine.earlier import NAME as EARLIER
from replay.engine.earlier import earlier
from replay.surfaces.grouping import fingerprint
from replay.surfaces.literals import answered, bare, error_body, literal, raised_by, tree
from replay.surfaces.page import count, duration, glance, when
from replay.surfaces.printable import clip, escape
from replay.surfaces.report.given import Fuzzed, FuzzFind
from replay.surfaces.report.incidents import Cause, Ending, Incident, Line, Parting, Scored, Side, known
from replay.surfaces.report.messages import message
from replay.surfaces.report.timeline import timeline
from replay.surfaces.report.trees import of_tree, of_value
from replay.surfaces.text import counts, elsewhere, frames, outcome_line, parted, recalled, user_frames

TITLE = 240
"""Columns of a title."""
DIFFERENCES = 60
"""Differing fields shown of one pair of values."""
LATER = 20
"""Divergences shown below the first."""
GAPS = 100
FRAMES = 40
FINDS = 50
_MANY = frozenset({"draws", "threads", "redaction"})
"""Parts of the context that hold a line for each draw, thread or masked place."""


def incident(path: str, recording: Recording, verdict: Verdict | None, *, cause: Cause | None = None,
             fuzzed: Fuzzed | None = None) -> Incident:  # fmt: skip
    """Everything about one recording; `verdict` None: it was not replayed."""
    name = f"{path}::{recording.id}"
    status = verdict.status if verdict is not None else "recorded"
    finds = _finds(name, recording.id, fuzzed)
    divergences = verdict.divergences or ((verdict.divergence,) if verdict.divergence else ()) if verdict else ()
    shown = divergences[:1] + tuple(one for one in divergences[1:] if one.follows is None)[:LATER]
    gaps = tuple(_gaps(recording))
    return Incident(
        name=name,
        id=recording.id,
        title=clip(_title(recording), TITLE),
        entrypoint=recording.entrypoint,
        status=status,
        sentence=_sentence(recording, verdict),
        explained=EXPLAINED[status],
        when=when(recording.started_at),
        took=duration(recording.duration_ns),
        service=_service(recording),
        fingerprint=fingerprint(recording).digest,
        error=recording.status == "error",
        input=message("input", bare(tree(recording.input))),
        recorded=ending(recording.outcome, recording.entrypoint),
        now=None if verdict is None or verdict.outcome is None else ending(verdict.outcome, recording.entrypoint),
        reason=(verdict.reason or "") if verdict is not None else "",
        served=counts(verdict) if verdict is not None else "",
        cause=cause,
        partings=tuple(map(_parting, shown)),
        more_partings=len(divergences) - len(shown),
        sides=tuple(side(one) for one in (verdict.difference if verdict else ()) if not one.note)[:DIFFERENCES],
        expected=tuple(side(one) for one in (verdict.difference if verdict else ()) if one.note)[:DIFFERENCES],
        timeline=timeline(recording),
        scored=tuple(_scored(recording)),
        edits=tuple(_edits(recording)),
        finds=finds[:FINDS],
        tried=tried(fuzzed) if finds or (fuzzed is not None and not fuzzed.finds) else "",
        provenance=tuple(_provenance(path, recording)),
        context=of_tree(_quiet(recording), "context"),
        redacted="Redaction rules masked values before it was written." if recording.redacted
        else "Only credentials of requests were masked; everything else is as production saw it.",
        gaps=gaps[:GAPS],
        more_gaps=max(0, len(gaps) - GAPS),
        commands=tuple(_commands(name, path, recording, verdict)),
    )  # fmt: skip


EXPLAINED = {
    "reproduced": "The same code, offline with the recorded answers, ended as in production.",
    "changed": "The world was as recorded and the code ended another way: it was fixed, or there is a new failure.",
    "diverged": "The code asked something that the recording cannot answer, so its end proves nothing yet.",
    "unanswerable": "It could not be run here.",
    "recorded": "Not replayed for this report: it shows the recording alone.",
}


def _title(recording: Recording) -> str:
    if recording.status == "error" and recording.outcome.state == "returned" and recording.error_type is None:
        return f"HTTP {recording.http_response_status_code} from {escape(recording.entrypoint)}"
    if recording.status == "ok":
        return f"{escape(recording.entrypoint)} returned {outcome_line(recording.outcome)}"
    return outcome_line(recording.outcome)


def _sentence(recording: Recording, verdict: Verdict | None) -> str:
    if verdict is None:
        return outcome_line(recording.outcome)
    if verdict.status == "unanswerable":
        return verdict.reason or "no reason given"
    if verdict.status == "diverged":
        return parted(verdict.divergence) if verdict.divergence else "no recorded answer was asked for"
    if verdict.status == "changed" and verdict.outcome is not None:
        return elsewhere(verdict) or f"now {outcome_line(verdict.outcome)}"
    return ("the same failure" if recording.status == "error" else "the same result") + recalled(verdict)


def _service(recording: Recording) -> str:
    parts = (recording.service_name, recording.service_version, recording.deployment_environment_name)
    return " ".join(part for part in parts if part)


def ending(outcome: Outcome, entrypoint: str) -> Ending:
    """How it ended, in parts."""
    node = raised_by(outcome)
    result = message("result", bare(answered(outcome))) if outcome.state == "returned" else ()
    if node is None:
        return Ending(outcome.state, outcome_line(outcome), result=result)
    every = frames(node)
    project = user_frames(every, entrypoint)[::-1]
    stack = every[::-1][:FRAMES] if len(every) > len(project) else []
    body = error_body(node)
    told = body.get("message")
    return Ending(
        outcome.state,
        outcome_line(outcome),
        str(body.get("type", "?")),
        told if isinstance(told, str) else literal(told),
        lines=tuple(line_of(each, entrypoint) for each in project),
        more_lines=tuple(line_of(each, entrypoint) for each in stack),
        because=tuple(_because(body)),
        result=result,
    )


def _because(body: dict[str, Any]) -> Iterator[str]:
    for _ in range(10):
        cause = body.get("cause") or body.get("context")
        if not cause:
            return
        yield literal(cause, longest=200)
        body = error_body(cause)


def line_of(frame: Frame, entrypoint: str = "") -> Line:
    """A frame as a report shows it."""
    is_library = not mine([frame], entrypoint)
    return Line(f"{glance(frame.file)}:{frame.line}", frame.function, frame.source.strip(), is_library)


def side(found: Difference) -> Side:
    """A difference with both sides as trees."""
    note = found.note or ("another type" if found.kind == "type" else "")
    return Side(
        found.path,
        None if found.kind == "added" else of_value(found.recorded),
        None if found.kind in ("removed", "unknown") else of_value(found.actual),
        note,
    )


def _parting(found: Divergence) -> Parting:
    near = found.nearest
    return Parting(
        found.kind,
        parted(found),
        tuple(map(line_of, found.where[::-1])),
        () if found.asked is None else message("asked now", bare(tree(found.asked))),
        () if near is None else message("production asked", bare(tree(near.request))),
        "" if near is None else f"#{near.seq} {near.boundary} {near.target}, {_when(near)}",
        tuple(map(side, found.differences[:DIFFERENCES])),
    )


def _when(asked: Interaction) -> str:
    return "before the recording" if asked.lane == EARLIER else f"at +{duration(asked.offset_ns)}"


def _scored(recording: Recording) -> Iterator[Scored]:
    for call in recording.model_calls:
        tokens = (("tokens in", call.input_tokens), ("tokens out", call.output_tokens))
        facts = [("operation", f"{call.provider_name} {call.operation_name}"), ("asked for", call.request_model),
                 *((name, None if value is None else f"{value:,}") for name, value in tokens),
                 ("finished", ", ".join(call.finish_reasons))]  # fmt: skip
        yield Scored(f"#{call.seq}", call.response_model or call.request_model or "model", known(facts))
    for one in recording.predictions:
        values = [value for value in (one.score, one.threshold) if value is not None]
        full = max([1.0, *(value for value in values if value < float("inf"))])
        facts = [("label", one.label), ("decision", one.decision), ("policy", one.policy), ("owner", one.owner),
                 ("escalation", one.escalation)]  # fmt: skip
        yield Scored(f"#{one.seq}", one.name, known(facts), one.score, one.threshold, full)


def _edits(recording: Recording) -> Iterator[str]:
    if recording.edits is None:
        return
    if minimal := minimal_of(recording):
        yield f"minimal: {minimal}"
        return
    node = bare(tree(recording.edits))
    for edit in node if isinstance(node, list) else [node]:
        if isinstance(edit, list) and len(edit) == 3:
            does = "" if edit[1] == "set" else f"{edit[1]} "
            yield f"{edit[0]}: {does}{literal(edit[2])}"
        else:
            yield literal(edit)


def _finds(name: str, id: str, fuzzed: Fuzzed | None) -> tuple[FuzzFind, ...]:
    if fuzzed is None:
        return ()
    return tuple(find for find in fuzzed.finds if find.recording == name or find.recording.endswith(f"::{id}"))


def tried(fuzzed: Fuzzed | None) -> str:
    """What fuzzing did, in one sentence."""
    if fuzzed is None:
        return ""
    found = count(len(fuzzed.finds), "failure")
    return (
        f"{count(fuzzed.executions, 'mutation')} run in {duration(fuzzed.seconds * 1e9)}, seed {fuzzed.seed}: {found}"
    )


def _provenance(path: str, recording: Recording) -> Iterator[tuple[str, str]]:
    context = bare(tree(recording.context))
    held = context if isinstance(context, dict) else {}
    facts = {
        "bundle": path,
        "recording": recording.id,
        "digest": f"sha256:{recording.digest}",
        "fingerprint": fingerprint(recording).digest,
        "entry point": recording.entrypoint,
        "kind": recording.kind,
        "service": recording.service_name,
        "version": recording.service_version,
        "environment": recording.deployment_environment_name,
        "recorded": f"{when(recording.started_at)}, took {duration(recording.duration_ns)}",
        "Python": " on ".join(str(held[key]) for key in ("python", "platform") if isinstance(held.get(key), str)),
        "time zone": held.get("zone") if isinstance(held.get("zone"), str) else None,
        "request": " ".join(
            str(part)
            for part in (recording.http_request_method, recording.http_route, recording.http_response_status_code)
            if part is not None
        ),
        "trace": recording.trace_id,
        "span": recording.span_id,
        "Sentry event": recording.sentry_event_id,
        "made from": recording.parent_digest and f"sha256:{recording.parent_digest}",
    }
    yield from known(list(facts.items()))


def _quiet(recording: Recording) -> Any:
    """The context without what is many and means nothing to a reader."""
    node = bare(tree(recording.context))
    if not isinstance(node, dict):
        return node
    before = {EARLIER: [each.name for each in earlier(recording)]} if EARLIER in node else {}
    return {key: part for key, part in (node | before).items() if key not in _MANY}


def _gaps(recording: Recording) -> Iterator[tuple[str, str, str]]:
    seen = set()
    values = {"input": recording.input, "outcome": recording.outcome.payload, "context": recording.context}
    for one in recording.interactions:
        values[f"interaction[{one.seq}].request"] = one.request
        values[f"interaction[{one.seq}].answer"] = one.answer
    found = [(gap.path, gap) for gap in recording.gaps]
    found += [(place + gap.path.removeprefix("$"), gap) for place, value in values.items() for gap in value.gaps]
    for path, gap in found:
        if path not in seen:
            seen.add(path)
            yield path, gap.reason, gap.type


_OF_FAILURES = ("why", "minimize", "promote", "verify")


def _commands(name: str, path: str, recording: Recording, verdict: Verdict | None) -> Iterator[tuple[str, str]]:
    from replay.surfaces.verbs import VERBS

    quoted = shlex.quote(escape(name))
    found = {
        "run": ("Replay it again, offline", f"replay run {quoted}"),
        "debug": ("Stop at the line, in a debugger", f"replay debug {quoted}"),
        "why": ("Isolate the value that makes it fail", f"replay why {quoted}"),
        "minimize": ("Make the smallest recording that fails the same way", f"replay minimize {quoted}"),
        "fuzz": ("Look for failures next to it", f"replay fuzz {quoted} --seconds 20"),
        "promote": ("Make a regression test of it", f"replay promote {quoted}"),
        "verify": ("Certify the fix against the commit that has the bug", f"replay verify {quoted} --base REV"),
        "show": ("Read the whole recording", f"replay show {quoted}"),
        "doctor": ("See why it cannot be run here", f"replay doctor --path {shlex.quote(escape(path))}"),
    }
    shut = verdict is not None and verdict.status == "unanswerable"
    for verb, (what, text) in found.items():
        fits = verb in ("show", "doctor") if shut else verb != "doctor"
        if verb == "verify":
            fits = verdict is not None and verdict.status == "changed"
        if verb in VERBS and fits and (recording.status == "error" or verb not in _OF_FAILURES):
            yield what, text
