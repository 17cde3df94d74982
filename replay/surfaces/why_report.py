"""What `replay why` says: the cause with its proof, as lines for people, as one JSON document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from replay.core.edits import parse, shown_json
from replay.core.opened import Kept, Typed
from replay.core.parts import Parts
from replay.core.verdict import Frame
from replay.engine.apart import MISSING
from replay.engine.finding import CauseValue, Finding
from replay.surfaces.documents import Document
from replay.surfaces.page import Page, count
from replay.surfaces.printable import escape
from replay.surfaces.shortened import named
from replay.surfaces.why import Answer

SHOWN = 70
"""Characters of a value."""
LISTED = 6
"""Irrelevant places that are named."""
COMPARED = 2
"""Recordings compared with that are named."""
_WHERE = {"asked": "asked", "first seen": "seen", "first read": "read", "failed": "failed"}
_ENDS = {"passed": "passes", "past": "gets past the failing line", "same": "fails in the same way",
         "other": "fails in another way", "foreign": "asks what nothing answers", "unresolved": "cannot be told",
         "": "was not run"}  # fmt: skip


def document(answer: Answer) -> Document:
    """`{incident, isolated, reason, failure: {error_type, message, frames}, side, compared, values, conditions,
    irrelevant, chain, runs, most_runs, reproduced_again, passed_again}`.

    A value is `{path, of, value, others: [{value, ended}], good, tried, fails_with, passes_without}`, its values as
    JSON text; `ended` is `passed`, `past` (beyond the failing line), `same`, `other`, `foreign` or `unresolved`. A link
    of the chain is `{path, what: asked | first seen | first read | failed, file, line, function}`.
    """
    finding, failure = answer.finding, answer.finding.failure
    return {
        "incident": f"{answer.path}::{answer.incident.id}",
        "isolated": finding.isolated,
        "reason": finding.reason,
        "failure": None if failure is None else {
            "error_type": failure.error_type, "message": failure.message, "frames": [_place(f) for f in failure.frames],
        },
        "side": finding.side,
        "compared": list(finding.compared),
        "values": [_value(answer, each) for each in finding.values],
        "conditions": list(finding.conditions),
        "irrelevant": list(finding.irrelevant),
        "chain": [{"path": link.path, "what": link.what, **_place(link.frame)} for link in finding.chain],
        "runs": finding.runs,
        "most_runs": finding.most,
        "reproduced_again": answer.failing_again,
        "passed_again": answer.passing_again,
    }  # fmt: skip


def _place(frame: Frame) -> Document:
    return {"file": frame.file, "line": frame.line, "function": frame.function}


def _value(answer: Answer, each: CauseValue) -> Document:
    return {
        "path": each.path,
        "of": _of(answer, each.path),
        "value": shown(each.here),
        "others": [{"value": shown(other.value), "ended": other.ended} for other in each.alternatives],
        "good": each.good,
        "tried": len(each.alternatives),
        "fails_with": each.fails_with,
        "passes_without": each.passes_without,
    }


def text(answer: Answer, page: Page) -> str:
    """The cause or why there is none, the proof, the chain, what does not matter, what it took."""
    return "\n".join(_lines(answer, page))


def _lines(answer: Answer, page: Page) -> Iterator[str]:
    name = named(f"{answer.path}::{answer.incident.id}")
    yield page.heading(escape(name))
    for label, said in _rows(answer, page):
        yield from page.wrapped(label, escape(said))
    yield from _chain(answer.finding, page)
    yield from _effort(answer, page)
    if answer.finding.isolated:
        yield page.whole("next", escape(f"replay minimize {shlex.quote(name)}{answer.code}"))


def _rows(answer: Answer, page: Page) -> Iterator[tuple[str, str]]:
    finding, failure = answer.finding, answer.finding.failure
    if failure is not None:
        where = "".join(f" at {f.file}:{f.line} in {f.function}" for f in failure.frames[-1:])
        said = f"{failure.error_type}: {failure.message}" if failure.message else failure.error_type
        yield "failure", page.cut(said, 300) + where
    if not finding.isolated:
        yield "cause", f"not isolated: {finding.reason}"
    for number, value in enumerate(finding.values if finding.isolated else ()):
        yield "cause" if number == 0 else "and", _sentence(answer, value)
        yield "proof", _proof(finding, value)
    if finding.isolated and finding.reason:
        yield "but", finding.reason
    yield from _beside(finding, page)


def _chain(finding: Finding, page: Page) -> Iterator[str]:
    """A row each link: where, and below it the line of code. What is read where it fails has no row of its own."""
    several = len(finding.values) > 1
    failed = [link.frame for link in finding.chain if link.what == "failed"]
    there = [link for link in finding.chain if link.what == "first read" and link.frame in failed]
    for link in finding.chain:
        if link in there:
            continue
        place = escape(f"{link.frame.file}:{link.frame.line}")
        path = f"{escape(link.path)}: " if link.path and several else ""
        reads = ", ".join(escape(each.path) for each in there) if several else "it"
        are = "are" if len(there) > 1 else "is"
        also = f", where {reads} {are} first read" if there and link.what == "failed" else ""
        row = page.whole(_WHERE[link.what], f"{path}{place} in {escape(link.frame.function)}{also}")
        yield page.linked(row, place, link.frame.file)
        if link.frame.source:
            yield page.row("", f"    {escape(link.frame.source)}")


def _sentence(answer: Answer, value: CauseValue) -> str:
    of = _of(answer, value.path)
    return f"{value.path} = {shown(value.here, _first_good(value))}" + (f", of {of}" if of else "")


def _first_good(value: CauseValue) -> Any:
    return next((each.value for each in value.alternatives if each.ended in ("passed", "past")), None)


def _proof(finding: Finding, value: CauseValue) -> str:
    if finding.side == "recordings":
        said = [f"a recording beside it that gets this value {_ENDS[value.fails_with]}; "
                f"without it, it {_ENDS[value.passes_without]}"]  # fmt: skip
        if len(finding.values) > 1:
            said = [said[0].replace("this value", "all of the cause")]
    elif finding.together:
        other = shown(_first_good(value), value.here)
        return (
            f"with {other} in its place, and another value in those of the rest, the code {_ENDS[value.passes_without]}"
        )
    else:
        said = [f"with another value in its place the code {_ENDS[value.passes_without]}"]
    tried = [each for each in value.alternatives if each.ended not in ("unresolved", "foreign", "")]
    foreign = sum(each.ended == "foreign" for each in value.alternatives)
    if tried:
        still = [each for each in tried if each.ended == "same"]
        seen = "seen elsewhere" if finding.side == "recordings" else "tried in its place"
        said.append(f"{value.good:,} of {count(len(tried), 'other value')} {seen} cure it"
                    + (f", e.g. {shown(_first_good(value), value.here)}" if value.good else ""))  # fmt: skip
        if still:
            verb = "does" if len(still) == 1 else "do"
            said.append(f"{len(still):,} {verb} not, e.g. {shown(still[0].value, value.here)}")
    if foreign:
        said.append(f"with {foreign:,} more it {_ENDS['foreign']}")
    return "; ".join(said)


def _beside(finding: Finding, page: Page) -> Iterator[tuple[str, str]]:
    most = page.most(LISTED)
    if finding.conditions:
        yield "needed", "to come that far: " + ", ".join(finding.conditions[:most])
    if finding.irrelevant:
        names = ", ".join(finding.irrelevant[:most])
        more = f" and {len(finding.irrelevant) - most:,} more (--json)" if len(finding.irrelevant) > most else ""
        yield "no matter", f"{count(len(finding.irrelevant), 'other place')}: {names}{more}"


def _effort(answer: Answer, page: Page) -> Iterator[str]:
    finding = answer.finding
    if finding.side == "recordings":
        beside = f"compared with {count(len(finding.compared), 'recording')}:"
    elif finding.side == "mutations":
        beside = f"none of {count(answer.beside, 'recording')} beside it gets past the failing line: values made up"
    else:
        beside = "compared with nothing"
    yield from page.wrapped("runs", f"{finding.runs:,} of at most {finding.most:,}; {beside}")
    yield from (page.whole("", escape(named(name))) for name in finding.compared[: page.most(COMPARED)])
    if len(finding.compared) > page.most(COMPARED):
        yield page.row("", f"and {len(finding.compared) - COMPARED:,} more (--json)")
    if finding.isolated and finding.interrupted:
        yield page.row("again", "not tried in a fresh process: interrupted, so the cause is not stored")
    if answer.failing_again:
        also = {True: "; the run without the cause ends there as it did here",
                False: "; the run without the cause ends otherwise there", None: ""}[answer.passing_again]  # fmt: skip
        yield from page.wrapped("again", f"it fails in the same way in a fresh process{also}")


def _of(answer: Answer, path: str) -> str:
    root = parse(path.replace("[*]", "[0]"))[0]
    if root.startswith("timing["):
        number = int(root[7:-1])
        return next((f"{i.boundary}[{i.seq}] {i.target}: when it was asked and how long it took, nanoseconds"
                     for i in answer.incident.interactions if i.seq == number), "")  # fmt: skip
    interaction = Parts(answer.incident).interaction(root)
    return "" if interaction is None else interaction.target


def shown(value: Any, beside: Any = None) -> str:
    """A value in a few words; of a long text the part in which it is apart from another."""
    if value is MISSING:
        return "(not there)"
    if type(value) is Kept:
        return _kept(value.tree)
    if type(value) is str and len(shown_json(value)) > SHOWN:
        start = _apart(value, beside) if type(beside) is str and len(value) > SHOWN else 0
        part = value[start : start + SHOWN]
        while len(shown_json(part)) > SHOWN:  # what is cut is text, not the way it is written
            part = part[:-1]
        left = f"... ({len(value):,} characters)" if len(part) < len(value) else ""
        return f"{'...' if start else ''}{shown_json(part)}{left}"
    if type(value) is int and value > 10**18 and value < 4 * 10**18:
        return f"{value} ({datetime.fromtimestamp(value // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ})"
    found = shown_json(plain(value))
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}... ({len(found):,} characters)"


def _apart(value: str, other: str) -> int:
    """A little before the first character in which two texts are apart."""
    pairs = enumerate(zip(value, other, strict=False))
    return max(0, next((at for at, (one, two) in pairs if one != two), 0) - 10)


def _kept(tree: Any) -> str:
    """An answer that is shown whole."""
    if isinstance(tree, Mapping) and isinstance(tree.get("error"), Mapping):
        phase = tree["error"].get("phase")
        return f"raised {tree['error'].get('type')}" + (f" ({phase})" if phase else "")
    if isinstance(tree, Mapping) and "$error" in tree and isinstance(tree["$error"], Mapping):
        return f"raised {tree['$error'].get('type')}"
    if isinstance(tree, Mapping) and "status" in tree and "pieces" in tree:
        return f"HTTP {tree['status']} ({tree.get('end')})"
    found = shown_json(tree)
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}..."


def plain(value: Any) -> Any:
    """An opened value as plain data, for people."""
    if isinstance(value, Typed):
        return {name: plain(item) for name, item in value.fields.items()}
    if isinstance(value, Kept):
        return value.tree
    if isinstance(value, dict):
        return {name if isinstance(name, str) else repr(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
