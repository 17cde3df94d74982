"""What a report says of one incident, or of a campaign of many, in the order in which it is read.

Gathered from recording, verdict and given documents; how it looks is the business of each form. Texts are as they were
recorded: each form escapes what it writes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from replay.core.cause import minimal_of
from replay.core.fingerprint import mine
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Difference, Divergence, Frame, Verdict
from replay.surfaces.grouping import Group, fingerprint
from replay.surfaces.known_values import known_values
from replay.surfaces.literals import bare, error_body, literal, tree
from replay.surfaces.printable import clip, escape
from replay.surfaces.report.given import Cause as Isolated
from replay.surfaces.report.given import Fuzzed, FuzzFind, Why
from replay.surfaces.report.messages import message
from replay.surfaces.report.timeline import Timeline, timeline
from replay.surfaces.report.trees import Node, of_tree, of_value
from replay.surfaces.text import count, counts, duration, frames, glance, outcome_line, parted, user_frames, when

TITLE = 240
"""Columns of a title."""
DIFFERENCES = 60
"""Differing fields shown of one pair of values."""
LATER = 20
"""Divergences shown below the first."""
GAPS = 100
FRAMES = 40
FINDS = 50
_ENDED = {"passed": "passes", "past": "gets past the failing line", "same": "fails in the same way",
          "other": "fails in another way", "foreign": "asks what nothing answers",
          "unresolved": "ends in no clear way"}  # fmt: skip
LISTED = 12
"""Names in one line."""
COMPARED = 2
"""Of recordings, whose names are long."""


SAID = {"recorded": "not replayed"}
"""Of statuses that are not said as they are."""


class Side(msgspec.Struct, frozen=True):
    """One differing place, both sides of it; None: nothing there."""

    path: str
    recorded: Node | None
    now: Node | None
    note: str = ""


class Parting(msgspec.Struct, frozen=True):
    """A divergence: what was asked now, the nearest that production asked, the code that asked."""

    kind: str
    sentence: str
    frames: tuple[Line, ...]
    asked: tuple[Node, ...]
    nearest: tuple[Node, ...]
    nearest_name: str
    sides: tuple[Side, ...]


class Line(msgspec.Struct, frozen=True):
    """A line of code."""

    place: str
    function: str
    source: str
    library: bool = False


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    state: str
    sentence: str
    error_type: str = ""
    message: str = ""
    result: tuple[Node, ...] = ()
    lines: tuple[Line, ...] = ()
    """Of an error: lines of the project, innermost first."""
    more_lines: tuple[Line, ...] = ()
    """All lines, libraries included, innermost first; empty if they are the same."""
    because: tuple[str, ...] = ()
    """The chain of causes, nearest first."""


class Scored(msgspec.Struct, frozen=True):
    """A model's output; `score` and `threshold` drawn on a line from 0 to `full`."""

    number: str
    name: str
    facts: tuple[tuple[str, str], ...]
    score: float | None = None
    threshold: float | None = None
    full: float = 1.0

    @property
    def drawn(self) -> bool:
        return self.score is not None and 0 <= self.score <= self.full

    def units(self, value: float | None) -> int:
        """A value's place on a line of 1,000 units."""
        return 0 if value is None else max(0, min(1000, round(value / self.full * 1000)))


class Cause(msgspec.Struct, frozen=True):
    """What `replay why` isolated."""

    sentence: str
    values: tuple[Side, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    chain: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of one recording."""

    name: str
    id: str
    title: str
    entrypoint: str
    status: str
    """The verdict, or `recorded` if it was not replayed."""
    sentence: str
    explained: str
    when: str
    took: str
    service: str
    fingerprint: str
    error: bool
    input: tuple[Node, ...]
    recorded: Ending
    now: Ending | None = None
    reason: str = ""
    served: str = ""
    cause: Cause | None = None
    partings: tuple[Parting, ...] = ()
    more_partings: int = 0
    sides: tuple[Side, ...] = ()
    expected: tuple[Side, ...] = ()
    """Differences that do not count, with why."""
    timeline: Timeline
    scored: tuple[Scored, ...] = ()
    edits: tuple[str, ...] = ()
    finds: tuple[FuzzFind, ...] = ()
    tried: str = ""
    """What fuzzing did, in one sentence."""
    provenance: tuple[tuple[str, str], ...]
    context: Node
    redacted: str
    gaps: tuple[tuple[str, str, str], ...] = ()
    more_gaps: int = 0
    commands: tuple[tuple[str, str], ...] = ()
    """What it does, and the command."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Many incidents."""

    incidents: tuple[Incident, ...]
    groups: tuple[Group, ...]
    counts: tuple[tuple[str, int], ...]
    """Verdicts, most frequent first."""
    tried: str = ""
    finds: tuple[FuzzFind, ...] = ()
    """Of a fuzz document that belong to none of the recordings."""
    made: str = ""
    """Version of this package."""

    @property
    def summed(self) -> str:
        """The verdicts in one line: `3 reproduced, 1 diverged`."""
        return ", ".join(f"{number:,} {SAID.get(status, status)}" for status, number in self.counts)


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
        tried=_tried(fuzzed) if finds or (fuzzed is not None and not fuzzed.finds) else "",
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
    if recording.status == "error" and recording.outcome.state == "returned":
        return f"HTTP {recording.http_response_status_code} from {escape(recording.entrypoint)}"
    if recording.outcome.state == "returned":
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
        return f"now {outcome_line(verdict.outcome)}"
    return "the same failure" if recording.status == "error" else "the same result"


def _service(recording: Recording) -> str:
    parts = (recording.service_name, recording.service_version, recording.deployment_environment_name)
    return " ".join(part for part in parts if part)


def ending(outcome: Outcome, entrypoint: str) -> Ending:
    """How it ended, in parts."""
    node = tree(outcome.payload)
    if outcome.state == "returned":
        return Ending("returned", outcome_line(outcome), result=message("result", bare(node)))
    if outcome.state == "unfinished":
        return Ending("unfinished", outcome_line(outcome))
    every = frames(node)
    project = user_frames(every, entrypoint)[::-1]
    stack = every[::-1][:FRAMES] if len(every) > len(project) else []
    body = error_body(node)
    told = body.get("message")
    return Ending(
        "raised",
        outcome_line(outcome),
        str(body.get("type", "?")),
        told if isinstance(told, str) else literal(told),
        lines=tuple(line_of(each, entrypoint) for each in project),
        more_lines=tuple(line_of(each, entrypoint) for each in stack),
        because=tuple(_because(body)),
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
        None if found.kind == "removed" else of_value(found.actual),
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
        "" if near is None else f"#{near.seq} {near.boundary} {near.target}, at +{duration(near.offset_ns)}",
        tuple(map(side, found.differences[:DIFFERENCES])),
    )


def _scored(recording: Recording) -> Iterator[Scored]:
    for call in recording.model_calls:
        tokens = (("tokens in", call.input_tokens), ("tokens out", call.output_tokens))
        facts = [("operation", f"{call.provider_name} {call.operation_name}"), ("asked for", call.request_model),
                 *((name, None if value is None else f"{value:,}") for name, value in tokens),
                 ("finished", ", ".join(call.finish_reasons))]  # fmt: skip
        yield Scored(f"#{call.seq}", call.response_model or call.request_model or "model", _known(facts))
    for one in recording.predictions:
        values = [value for value in (one.score, one.threshold) if value is not None]
        full = max([1.0, *(value for value in values if value < float("inf"))])
        facts = [("label", one.label), ("decision", one.decision), ("policy", one.policy), ("owner", one.owner),
                 ("escalation", one.escalation)]  # fmt: skip
        yield Scored(f"#{one.seq}", one.name, _known(facts), one.score, one.threshold, full)


def _known(facts: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in facts if value)


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


def _tried(fuzzed: Fuzzed | None) -> str:
    if fuzzed is None:
        return ""
    found = count(len(fuzzed.finds), "failure")
    return (
        f"{count(fuzzed.executions, 'mutation')} run in {duration(fuzzed.seconds * 1e9)}, seed {fuzzed.seed}: {found}"
    )


def caused(why: Why) -> Cause:
    """What a document of `replay why` says."""
    values = tuple(_side(one.path, one.passing, one.value, one.of) for one in why.values)
    several = len(why.values) > 1
    chain = tuple(
        f"{link.path if several else ''} {link.what}: {glance(link.file)}:{link.line} in {link.function}".strip()
        for link in why.chain
    )
    facts = [("proof", f"{one.path}: {_proof(one)}") for one in why.values]
    if why.isolated and why.reproduced_again is not None:
        again = f"{'fails' if why.reproduced_again else 'does not fail'} in the same way"
        passes = {None: "", True: "; without the cause it passes", False: "; without the cause it does not pass"}
        facts.append(("in fresh processes", again + passes[why.passed_again]))
    facts += [
        ("but", why.reason if why.isolated else ""),
        ("needed to get there", ", ".join(why.conditions[:LISTED])),
        ("does not matter", _listed(why.irrelevant)),
        ("compared with", _listed(why.compared, COMPARED) or why.side),
        ("runs", f"{why.runs:,} of at most {why.most_runs:,}" if why.runs else ""),
    ]
    return Cause(_cause(why), values, _known(facts), chain)


def remembered(recording: Recording) -> Cause | None:
    """What `replay why` stored with the incident; None if it has not isolated a cause."""
    found = known_values(recording)
    if not found:
        return None
    values = tuple(_side(one.path, one.cure, one.value, one.of) for one in found)
    return Cause(_together(len(found)), values, (("found by", "replay why, which stored it with the incident"),))


def _side(path: str, passing: str | None, failing: str | None, of: str | None) -> Side:
    return Side(
        path, Node("", "another value" if passing is None else passing), _told(failing), f"of {of}" if of else ""
    )


def _cause(why: Why) -> str:
    if not why.isolated:
        return f"Not isolated: {why.reason or 'no reason given'}"
    return _together(len(why.values))


def _together(number: int) -> str:
    if number == 1:
        return "It fails with this value, and passes with others in its place."
    return f"It fails only if these {number} values come together."


def _proof(one: Isolated) -> str:
    parts = [f"with {one.good:,} of {count(one.tried, 'other value')} it passes" if one.tried else ""]
    parts += [f"with the cause alone it {_ended(one.fails_with)}" if one.fails_with else ""]
    parts += [f"with all but it, it {_ended(one.passes_without)}" if one.passes_without else ""]
    return "; ".join(part for part in parts if part)


def _ended(word: str) -> str:
    return _ENDED.get(word, word)


def _told(text: str | None) -> Node | None:
    return None if text is None else Node("", text)


def _listed(names: Sequence[str], most: int = LISTED) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def tried(fuzzed: Fuzzed | None) -> str:
    """What fuzzing did, in one sentence."""
    return _tried(fuzzed)


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
    yield from _known(list(facts.items()))


def _quiet(recording: Recording) -> Any:
    """The context without random draws, which are many and mean nothing to a reader."""
    node = bare(tree(recording.context))
    return {key: part for key, part in node.items() if key != "draws"} if isinstance(node, dict) else node


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
