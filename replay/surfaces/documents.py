"""What `--json` prints: verdicts and recordings as plain JSON documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Difference, Divergence, Frame, Verdict
from replay.surfaces.literals import error_body, tree
from replay.surfaces.text import frames

Document = dict[str, Any]
_INDENTED = 60
"""Levels. What is nested deeper stands in one line: of 5,000 brackets the blanks before them would take 50 MB."""
_LEAVES = frozenset({str, int, float, bool, type(None)})


def dumps(document: Any) -> str:
    """ASCII only: whatever was recorded, nothing of it can drive a terminal, or a build server that reads along."""
    indent = None if _is_deep(document) else 2
    return json.dumps(document, indent=indent, ensure_ascii=True, default=_stored).replace("##", "#\\u0023")


def _is_deep(document: Any) -> bool:
    level = [document]
    for _ in range(_INDENTED):
        level = [part for whole in level for part in _inside(whole) if type(part) not in _LEAVES]
        if not level:
            return False
    return True


def _inside(whole: Any) -> Iterable[Any]:
    if isinstance(whole, dict):
        return whole.values()
    return whole if isinstance(whole, list | tuple) else (_stored(whole),)


def dump_line(document: Any) -> str:
    """One line of JSON Lines (https://jsonlines.org), ASCII only as of `dumps`."""
    return json.dumps(document, ensure_ascii=True, default=_stored).replace("##", "#\\u0023")


def _stored(value: Any) -> Any:
    return tree(value if isinstance(value, Value) else encode(value))


def run_row(verdict: Verdict) -> Document:
    """`{path, id, status, outcome, divergence, divergences, difference, served, left_over, unanswered, seconds,
    violations: [{invariant, message, file, line}]}`; an unanswerable or nondeterministic one has also its `reason`;
    one that answers 500 or more, with no error that was heard of, `handled: {type, file, line, function}`, the last one
    that the code raised. `divergences` are all of them, in short."""
    row: Document = {
        "path": verdict.path,
        "id": verdict.id,
        "status": verdict.status,
        "outcome": None if verdict.outcome is None else outcome(verdict.outcome),
        "divergence": None if verdict.divergence is None else divergence(verdict.divergence),
        "divergences": [brief(found) for found in verdict.divergences],
        "difference": [difference(found) for found in verdict.difference],
        "served": verdict.served,
        "left_over": verdict.left_over,
        "unanswered": verdict.unanswered,
        "seconds": verdict.seconds,
        "violations": [msgspec.to_builtins(found) for found in verdict.violations],
    }
    if verdict.reason is not None:
        row["reason"] = verdict.reason
    if verdict.handled is not None:
        place = verdict.handled
        row["handled"] = {"type": place.source, "file": place.file, "line": place.line, "function": place.function}
    return row


def outcome(found: Outcome) -> Document:
    """`{state, value}`, of an error `{state, error_type, message, frames, value}`; `value` is the encoded tree."""
    node = tree(found.payload)
    document: Document = {"state": found.state, "value": node}
    if found.state == "raised":
        body = error_body(node)
        document |= {"error_type": found.payload.error_type, "message": body.get("message")}
        document["frames"] = [_frame(frame) for frame in frames(node)]
    return document


def divergence(found: Divergence) -> Document:
    """`{kind, seq, follows, lane, boundary, target, differences, where, asked, nearest}`."""
    return {
        **brief(found),
        "asked": None if found.asked is None else tree(found.asked),
        "nearest": None if found.nearest is None else interaction(found.nearest),
    }


def brief(found: Divergence) -> Document:
    """A divergence without requests and answers. `seq`: the interaction that production asked for there. `follows`: the
    number, in `divergences`, of the one that explains it; null: it stands on its own."""
    return {
        "kind": found.kind,
        "seq": found.seq,
        "follows": found.follows,
        "lane": found.lane,
        "boundary": found.boundary,
        "target": found.target,
        "differences": [difference(one) for one in found.differences],
        "where": [_frame(frame) for frame in found.where],
    }


def difference(found: Difference) -> Document:
    """`{path, kind, recorded, actual, note}`."""
    return {
        "path": found.path,
        "kind": found.kind,
        "recorded": _stored(found.recorded),
        "actual": _stored(found.actual),
        "note": found.note,
    }


def interaction(found: Interaction) -> Document:
    """The `interaction` table's columns, values as encoded trees."""
    return {
        "seq": found.seq,
        "lane": found.lane,
        "boundary": found.boundary,
        "target": found.target,
        "request": tree(found.request),
        "answer": tree(found.answer),
        "state": found.state,
        "offset_ns": found.offset_ns,
        "duration_ns": found.duration_ns,
    }


def recording(found: Recording, path: str | None) -> Document:
    """A whole recording: `list`'s columns with their values decoded, and what belongs to it."""
    document: Document = {"path": path}
    for name in found.__struct_fields__:
        value = getattr(found, name)
        document[name] = tree(value) if isinstance(value, Value) else value
    document |= {
        "digest": found.digest,
        "status": found.status,
        "error_type": found.error_type,
        "outcome": outcome(found.outcome),
        "interactions": [interaction(one) for one in found.interactions],
    }
    for name in ("model_calls", "predictions", "logs", "gaps"):
        document[name] = msgspec.to_builtins(getattr(found, name))
    return document


def list_rows(rows: Iterable[Document]) -> list[Document]:
    """Rows of the `recording` table and `path`; stored texts that are JSON are given as JSON."""
    return [{key: _column(key, value) for key, value in row.items()} for row in rows]


def _column(name: str, value: Any) -> Any:
    if name in ("input", "outcome", "context", "edits", "gaps") and isinstance(value, str):
        return tree(Value(value))
    return value


def _frame(frame: Frame) -> Document:
    return {"file": frame.file, "line": frame.line, "function": frame.function, "source": frame.source}
