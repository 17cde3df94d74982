"""What `replay hunt` says: the incident that it made, or how near it came; as lines for people, as one document."""

from __future__ import annotations

from replay.surfaces.documents import Document
from replay.surfaces.fuzz_report import find_document, find_lines
from replay.surfaces.hunt import Report
from replay.surfaces.page import Page, count, duration
from replay.surfaces.printable import escape

_AS_IT_IS = {
    "error": "the recording is this incident as it is",
    "ok": "replayed as it is, the recording fails so: the code has changed, or depends on what no recording holds",
}


def document(report: Report) -> Document:
    """`{finds, executions, seconds, seed, lines, workers, diverged, stopped, signature: {error_type, message, frames},
    nearest: {told, recording}, unlike, boundary, tried, skipped: [{recording, reason}]}`; a find is as of `fuzz`."""
    signature = report.signature
    return {
        "finds": [find_document(kept) for kept in report.finds],
        "executions": report.executions,
        "seconds": report.seconds,
        "seed": report.seed,
        "lines": report.lines,
        "workers": report.workers,
        "diverged": report.diverged,
        "stopped": report.stopped,
        "signature": {
            "error_type": signature.error_type,
            "message": signature.message,
            "frames": [{"file": f.file, "line": f.line, "function": f.function} for f in signature.frames],
        },
        "nearest": {"told": report.nearest, "recording": report.nearest_recording},
        "unlike": report.unlike,
        "boundary": report.cut,
        "tried": report.tried,
        "skipped": [{"recording": name, "reason": reason} for name, reason in report.skipped],
    }


def text(report: Report, page: Page) -> str:
    """The signature, then the find or how near it came, then the sums."""
    signature = report.signature
    what = ": ".join(filter(None, (part for each in (signature, *signature.leaves[:1])
                                   for part in (each.error_type, each.message.partition("\n")[0]))))  # fmt: skip
    lines = [page.row("hunted", page.cut(escape(what), page.width - 10))]
    if signature.way:
        last = signature.way[-1]
        place = f"{last.file}:{last.line}" if last.line else last.file
        lines.append(page.row("raised in", f"{escape(last.function)} of {escape(place)}"))
    if report.cut is not None:
        lines.append(
            page.row("note", escape(f"{report.cut} raised it, which no replay runs: its answer has to be the error"))
        )
    lines.append("")
    for kept in report.finds:
        lines += [*find_lines(kept, page)]
        if not report.is_said:
            lines.append(page.row("note", "the message is another one: other values lead to the same line"))
        if not kept.find.edits:
            lines.append(page.row("note", _AS_IT_IS[kept.parent.status]))
        lines.append("")
    for name, reason in report.skipped:
        lines += [f"{page.status('unanswerable')}  {escape(name)}: {escape(reason)}", ""]
    if not report.finds:
        lines += [*_missed(report, page), ""]
    rate = report.executions / report.seconds if report.seconds else 0.0
    lines.append(
        f"{'found' if report.finds else 'not found'} in {count(report.executions, 'execution')} "
        f"({duration(report.seconds * 1e9)}, {rate:,.0f} a second) around {count(len(report.tried), 'recording')}, "
        f"{count(report.lines, 'line')} reached; "
        f"{count(report.workers, 'worker') if report.workers else 'in this process'}; seed {report.seed}; "
        f"ended by {report.stopped or 'nothing to run'}"
    )
    return "\n".join(lines)


def _missed(report: Report, page: Page) -> list[str]:
    if not report.nearest:
        return [page.row("nearest", "nothing could be run")]
    found = [page.row("nearest", escape(report.nearest))]
    if report.nearest_recording:
        found.append(page.row("around", escape(report.nearest_recording)))
    if report.unlike is not None:
        found.append(page.row("note", escape(f"a failure of that type came from there, but {report.unlike}")))
    found.append(
        page.row("try", "more --seconds, another --seed, or captures of requests more like the one that failed")
    )
    return found
