"""A recording as text: input, context, interactions as a waterfall with timing, logs, models, outcome, gaps."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any

from replay.core.cause import known_cause, minimal_of
from replay.core.left import LEFT
from replay.core.recording import Interaction, ModelCall, Prediction, Recording
from replay.core.redaction.marks import marks_of
from replay.engine.earlier import LEFT_OUT, earlier, left_out
from replay.engine.earlier import NAME as EARLIER
from replay.surfaces.asking import answer_line
from replay.surfaces.literals import bare, literal, tree
from replay.surfaces.page import Page, count, duration, when
from replay.surfaces.printable import columns, escape, pad
from replay.surfaces.shortened import named
from replay.surfaces.tables import STATUS, Cell, Column, Narrower, Short, drawn
from replay.surfaces.text import input_lines, left_lines, outcome_lines

LOGS = 30
"""Log lines shown."""
WIDE = 100
"""Columns from which on a list shows durations and whole dates."""
GAPS = 20
"""Gaps shown."""
_MANY = frozenset({"draws", "threads"})
"""Of the context, what is shown as a number of each."""
_TOLD = frozenset({EARLIER, LEFT_OUT, LEFT, "redaction"})
"""Of the context, what is told elsewhere."""
_KEY = 20
"""Characters of a key's id: a bundle may hold anything."""


def recording_text(recording: Recording, page: Page | None = None, path: str | None = None) -> str:
    """Everything recorded, in sections; plain text unless the page shows colours."""
    page = page or Page()
    lines = list(_head(recording, page, path))
    sections = (
        ("Input", input_lines(recording, page)),
        ("Context", _context(recording, page)),
        (f"Interactions ({len(recording.interactions):,})", waterfall(recording, page)),
        ("Models", _models(recording, page)),
        ("Logs", _logs(recording, page)),
        ("Outcome", _outcome(recording, page)),
        ("Gaps: what could not be kept whole", _gaps(recording, page)),
    )
    for title, content in sections:
        body = list(content)
        if body:
            lines += ["", page.heading(title), *body]
    return "\n".join(lines)


def _outcome(recording: Recording, page: Page) -> Iterator[str]:
    yield from outcome_lines(recording.outcome, page, recording.entrypoint)
    yield from left_lines(recording, page)


def _head(recording: Recording, page: Page, path: str | None) -> Iterator[str]:
    name = page.cut(escape(recording.entrypoint), page.width - 10)
    yield f"{page.status(recording.status)}  {page.heading(name)}  {page.paint(recording.kind, dim=True)}"
    yield page.whole("named", escape(named(f"{path}::{recording.id}") if path else recording.id))
    yield page.row("recorded", f"{when(recording.started_at)}, took {duration(recording.duration_ns)}")
    http = (recording.http_request_method, recording.http_route, recording.http_response_status_code)
    service = (recording.service_name, recording.service_version, recording.deployment_environment_name)
    facts = {
        "service": " ".join(str(part) for part in service if part),
        "http": " ".join(str(part) for part in http if part is not None),
        "trace": recording.trace_id,
        "sentry": recording.sentry_event_id,
        "made from": recording.parent_digest,
    }
    for label, fact in facts.items():
        if fact:
            yield page.row(label, escape(fact))
    if recording.redacted:
        yield page.row("redacted", _masked(recording))
    if recording.edits is not None:
        edits = literal(tree(recording.edits), longest=page.short)
        minimal = minimal_of(recording)
        yield page.row("edits", edits if minimal is None else f"minimal: {minimal}")


def _context(recording: Recording, page: Page) -> Iterator[str]:
    node = bare(tree(recording.context))
    if not isinstance(node, dict) or any(key.startswith("$") for key in node):
        yield page.row("context", literal(node, longest=page.short))
        return
    told = known_cause(recording) is not None
    if told:
        yield from _cause(recording, page)
    for key, item in node.items():
        if (item or item == 0) and not (told and key == "cause") and key not in _TOLD:
            yield page.row(escape(str(key)), _sizes(item) if key in _MANY else literal(item, longest=page.short))
    before = [escape(each.name) for each in earlier(recording)]
    before += [f"{escape(each)} (no room for its answer)" for each in sorted(left_out(recording))]
    for number, name in enumerate(before):
        yield page.row("earlier" if number == 0 else "", name)


def _masked(recording: Recording) -> str:
    """What redaction masked, by kind, and the key by which it did."""
    marks = marks_of(recording)
    kinds, key = marks.get("kinds"), marks.get("key")
    found = kinds.items() if isinstance(kinds, dict) else ()
    held = ", ".join(f"{escape(str(kind))} {number:,}" for kind, number in found if type(number) is int)
    named = f" (key {escape(key[:_KEY])})" if isinstance(key, str) else ""
    return f"{held or 'secrets'}: masked before it was written{named}"


def _cause(recording: Recording, page: Page) -> Iterator[str]:
    from replay.surfaces.known_values import known_values

    for number, known in enumerate(known_values(recording)):
        yield page.row("cause" if number == 0 else "and", escape(str(known)))


def _sizes(draws: Any) -> str:
    """Recorded random draws, and when threads began, are many and mean nothing to a reader: only how many there are."""
    if not isinstance(draws, dict):
        return literal(draws)
    parts = []
    for kind, values in draws.items():
        size = len(values) if isinstance(values, list | dict) else 1
        parts.append(f"{escape(str(kind))}: {size:,}")
    return ", ".join(parts)


def waterfall(recording: Recording, page: Page) -> Iterator[str]:
    """A line each interaction: number, lane (if there are several), boundary, target, bar, start, duration, answer."""
    found = recording.interactions
    if not found:
        return
    total = max(recording.duration_ns, *(i.offset_ns + i.duration_ns for i in found), 1)
    lanes = {i.lane for i in found}
    lane = min(page.most(12), max(4, *(columns(escape(name)) for name in lanes))) if len(lanes) > 1 else 0
    seam = max(5, *(columns(escape(i.boundary)) for i in found))
    free = page.width - (4 + 2 + (lane + 2 if lane else 0) + seam + 2 + 2 + 2 + 9 + 2 + 8 + 2)
    bar = max(3, min(30, free // 4))
    answer = max(4, free // 4)
    target = max(4, free - bar - answer)
    if page.pipe:
        target = max(5, *(columns(escape(i.target)) for i in found))
    place = f"{'lane'.ljust(lane)}  " if lane else ""
    head = f"{'#':>4}  {place}{pad('seam', seam)}  {pad('asked', target)}  {pad('', bar)}  {'start':>9}  {'took':>8}  "
    yield page.paint(page.cut(f"{head}answer", page.width), dim=True)
    for one in found:
        place = f"{pad(escape(one.lane), lane)}  " if lane else ""
        asked = escape(one.target) if page.pipe else _asked(one, target)
        drawn = page.paint(timing_bar(one, total, bar), fg="cyan")
        times = f"{'+' + duration(one.offset_ns):>9}  {duration(one.duration_ns):>8}"
        yield (
            f"{one.seq:>4}  {place}{pad(escape(one.boundary), seam)}  {pad(asked, target)}  {drawn}  {times}  "
            f"{_painted(one, answer, page)}"
        )


def _asked(interaction: Interaction, width: int) -> str:
    """What was asked; of a URL that does not fit, the method and the end of its path."""
    text = escape(interaction.target)
    method, separator, url = text.partition("://")
    if not separator or interaction.boundary != "http":
        return text
    method = method.partition(" ")[0]
    room = width - len(method) - 2
    return f"{method} {url}" if columns(url) <= room + 1 or room < 1 else f"{method} …{url[-room:]}"


def _painted(interaction: Interaction, width: int, page: Page) -> str:
    """The answer, red where it was no success."""
    line = page.cut(answer_line(interaction, page.short), width)
    refused = interaction.boundary == "http" and line[:1] in ("4", "5", "n")
    return page.paint(line, fg="red") if refused or interaction.state != "returned" else line


def timing_bar(interaction: Interaction, total: int, width: int) -> str:
    """When it ran, drawn in `width` columns that stand for `total` nanoseconds; never empty."""
    start = max(0, min(width - 1, interaction.offset_ns * width // total))
    size = max(1, min(width - start, round(interaction.duration_ns * width / total)))
    mark = "█" if size > 1 or interaction.duration_ns * width >= total // 2 else "▏"
    return " " * start + mark * size + " " * (width - start - size)


def _models(recording: Recording, page: Page) -> Iterator[str]:
    for call in recording.model_calls:
        yield page.row(f"#{call.seq}", _call(call))
    for prediction in recording.predictions:
        yield page.row(f"#{prediction.seq}", _prediction(prediction))


def _call(call: ModelCall) -> str:
    model = call.response_model or call.request_model or "?"
    parts = [f"{escape(call.provider_name)} {escape(call.operation_name)} {escape(model)}"]
    if call.input_tokens is not None or call.output_tokens is not None:
        parts.append(f"tokens {_number(call.input_tokens)} in, {_number(call.output_tokens)} out")
    if call.finish_reasons:
        parts.append(f"finished: {escape(', '.join(call.finish_reasons))}")
    return ", ".join(parts)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _prediction(prediction: Prediction) -> str:
    parts = [escape(prediction.name)]
    if prediction.label is not None:
        parts.append(f"label {escape(prediction.label)!r}")
    if prediction.score is not None:
        limit = f" (threshold {prediction.threshold:g})" if prediction.threshold is not None else ""
        parts.append(f"score {prediction.score:g}{limit}")
    for label, fact in (("decision", prediction.decision), ("policy", prediction.policy), ("owner", prediction.owner)):
        if fact:
            parts.append(f"{label} {escape(fact)}")
    return ", ".join(parts)


def _logs(recording: Recording, page: Page) -> Iterator[str]:
    for log in recording.logs[: page.most(LOGS)]:
        text = f"{escape(log.level):<7} {escape(log.logger)}: {escape(log.message)}"
        yield page.row("+" + duration(log.offset_ns), text)
    if len(recording.logs) > page.most(LOGS):
        yield page.row("", f"and {count(len(recording.logs) - LOGS, 'more line')}")


def _gaps(recording: Recording, page: Page) -> Iterator[str]:
    for gap in recording.gaps[: page.most(GAPS)]:
        yield page.row(escape(gap.reason), f"{escape(gap.path)}: {escape(gap.type)}")
    if len(recording.gaps) > page.most(GAPS):
        yield page.row("", f"and {count(len(recording.gaps) - GAPS, 'more')}")


def list_text(rows: list[dict[str, Any]], page: Page, short: Short | None = None) -> str:
    """A table in a terminal, in a pipe a line each recording that stands by itself; else a heading each bundle.

    `short`: the shortest name of a recording, by path and id, for a table that has no room for the whole.
    """
    if page.pipe:
        return "\n".join(_piped(rows))
    errors = sum(row["status"] == "error" for row in rows)
    ran = {str(row["entrypoint"]) for row in rows}
    of = f" of {escape(*ran)}" if len(ran) == 1 else ""
    total = f"{count(len(rows), 'recording')}{of}, {errors:,} ended in an error"
    narrower = [("drop", "entry point"), *_NARROWER] if of else _NARROWER
    table = drawn(_COLUMNS, [list(_cells(row, short)) for row in rows], page, narrower=narrower) if rows else None
    if table is not None:
        return f"{table}\n{total}"
    lines: list[str] = []
    path = None
    for row in rows:
        if row["path"] != path:
            path = row["path"]
            lines.append(page.heading(escape(str(path))))
        lines.append(_row(row, page, alone=bool(of)))
    lines += ([""] if rows else []) + [total]
    return "\n".join(lines)


def _piped(rows: list[dict[str, Any]]) -> Iterator[str]:
    """For `grep`, `awk` and `xargs`: the name that other verbs take, status, start, duration, entry point, HTTP status
    and type of error, `-` for what there is none of; no blanks in any."""
    cells = [[escape(text) for text in (quote(f"{row['path']}::{row['id']}"), str(row["status"]),
                                        _moment(row["started_at"]),
                                        duration(row["duration_ns"]).replace(" ", ""), str(row["entrypoint"]) or "-",
                                        str(row["http_response_status_code"] or "-"), str(row["error_type"] or "-"))]
             for row in rows]  # fmt: skip
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(map(pad, row, widths)).rstrip()


def _moment(nanoseconds: int) -> str:
    """`2026-11-29T16:30:04Z`"""
    return when(nanoseconds).replace(" UTC", "Z").replace(" ", "T")


_COLUMNS = (Column("recording", whole=True), Column("status", whole=True), Column("started (UTC)", whole=True),
            Column("took", right=True, whole=True), Column("entry point", ratio=3),
            Column("ended with", whole=True))  # fmt: skip
_NARROWER: tuple[Narrower, ...] = (
    ("short", "started (UTC)"), ("short", "recording"), ("short", "ended with"), ("drop", "took"),
    ("drop", "entry point"), ("drop", "status"),
)  # fmt: skip


def _cells(row: dict[str, Any], short: Short | None) -> Iterator[Cell]:
    """Of a table: the recording by the name that other verbs take."""
    status, started = escape(str(row["status"])), when(row["started_at"])
    path, id = str(row["path"]), str(row["id"])
    yield Cell(escape(f"{path}::{id}"), short=None if short is None else escape(short(path, id)))
    yield Cell(status, STATUS.get(status, ""))
    yield Cell(started[:19], short=started[5:16])
    yield Cell(duration(row["duration_ns"]))
    yield Cell(escape(str(row["entrypoint"])))
    code, error = row["http_response_status_code"], str(row["error_type"] or "")
    yield Cell(escape(f"{code or ''} {error}".strip()), short=escape(_ended(code, error)))


def _ended(code: Any, error: str) -> str:
    """Status and class, without the modules that it is in."""
    return f"{code or ''} {error.rpartition('.')[2]}".strip()


def _row(row: dict[str, Any], page: Page, *, alone: bool) -> str:
    """`alone`: the entry point is that of all, and stands below."""
    what = str(row["error_type"] or "")
    code = row["http_response_status_code"]
    if code is not None:
        what = f"{code} {what}".strip()
    started = when(row["started_at"])
    times = f"{started}  {duration(row['duration_ns']):>8}" if page.width >= WIDE else started[5:16]
    left = max(12, page.width - 16 - 5 - len(times) - 9)
    if columns(what) > left - (0 if alone else 12):
        what = _ended(code, str(row["error_type"] or ""))
    what = escape(what)
    entrypoint = "" if alone else pad(escape(str(row["entrypoint"])), max(12, left - columns(what))) + " "
    status = page.status(pad(escape(str(row["status"])), 5))
    return (f"  {pad(escape(str(row['id'])), 16)}  {status}  {times}  {entrypoint}{what}").rstrip()
