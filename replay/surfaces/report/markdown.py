"""The report in Markdown, for a comment on a pull request (GitHub Flavored Markdown, https://github.github.com/gfm/).

Recorded text stands in code spans only, in which neither markup nor mentions nor addresses mean anything, and never in
tables, whose cells a bar in a code span would end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from replay.surfaces.page import count, when
from replay.surfaces.printable import clip, escape
from replay.surfaces.report.given import FuzzFind
from replay.surfaces.report.incidents import SAID, Campaign, Ending, Incident, Line, Side
from replay.surfaces.report.trees import Node

MARK = "<!-- replay-harness report -->"
"""First line: a job that comments finds its earlier comment by it."""
LONGEST = 60_000
"""Characters; a comment on GitHub holds 65,536."""
STEPS = 30
SIDES = 20
VALUE = 200
"""Columns of a value."""
LINE = 2 * VALUE
"""Columns of any code span."""

SIGNS = {"reproduced": "🔴", "changed": "🟡", "diverged": "🟠", "unanswerable": "🟣", "recorded": "⚪"}


def text(campaign: Campaign) -> str:
    """The whole comment, ending in a newline."""
    found = campaign.incidents
    lines = [MARK]
    if len(found) == 1:
        lines += [f"## {_head(found[0])}", "", *_incident(found[0], "###")]
        return _joined(lines)
    lines += [f"## {count(len(found), 'recording')}: {campaign.summed}", ""]
    for group in campaign.groups:
        lines.append(
            f"- {_times(group.count)} {code(group.failure)} in {code(group.place)}, last seen "
            f"{when(group.last_seen)[:16]}{f', owner {code(group.owner)}' if group.owner else ''}; e.g. "
            f"{code(group.representative)}"
        )
    if campaign.tried:
        lines += ["", "### Neighbours tried", "", campaign.tried, "", *_finds(campaign.finds)]
    lines.append("")
    rest = 0
    for one in found:
        part = ["<details>", f"<summary>{_plain_head(one)}</summary>", "", *_incident(one, "###"), "", "</details>", ""]
        if sum(len(line) + 1 for line in (*lines, *part)) > LONGEST - LINE:
            rest += 1
        else:
            lines += part
    if rest:
        lines.append(f"And {rest:,} more, which this comment has no room for: see the HTML report.")
    return _joined(lines)


def _times(count: int) -> str:
    return "Once" if count == 1 else f"{count:,} times"


def code(text: str) -> str:
    """A code span that holds any text, cut at `LINE`. (GFM 6.3: as many backticks as the text has nowhere in a row.)"""
    text = clip(escape(text), LINE)
    if not text.strip():
        return "` `"
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{space}{text}{space}{fence}"


def block(lines: list[str], language: str = "") -> list[str]:
    """A fenced code block that holds any lines."""
    shown = [escape(line) for line in lines]
    fence = "`" * max(3, max((len(run) for line in shown for run in re.findall("`+", line)), default=0) + 1)
    return [f"{fence}{language}", *shown, fence]


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines)
    if len(text) > LONGEST:  # one incident alone: what stands first says most
        kept = text[:LONGEST].rpartition("\n\n")[0]
        text = f"{kept}\n\nCut here: see the HTML report."
    return f"{text}\n"


def _sign(one: Incident) -> str:
    return "🟢" if one.status == "reproduced" and not one.error else SIGNS[one.status]


def _status(one: Incident) -> str:
    return SAID.get(one.status, one.status)


def _head(one: Incident) -> str:
    return f"{_sign(one)} {_status(one)}: {code(clip(one.title, VALUE))}"


def _plain_head(one: Incident) -> str:
    """For a place where Markdown means nothing: HTML, every character that could mean something as a reference."""
    shown = "".join(
        char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in escape(clip(one.title, VALUE))
    )
    return f"{_sign(one)} {_status(one)}: <code>{shown}</code>"


def _incident(one: Incident, level: str) -> Iterator[str]:
    yield f"**{one.explained}** {code(one.sentence)}"
    yield ""
    yield f"- {code(one.name)}"
    service = f", by {code(one.service)}" if one.service else ""
    yield f"- {code(one.entrypoint)}, recorded {one.when}, took {one.took}{service}"
    if one.served:
        yield f"- answers: {one.served}"
    if one.cause:
        yield from (
            "",
            f"{level} Cause",
            "",
            _cause(one.cause.sentence),
            "",
            *_sides(one.cause.values, "passes with", "fails with"),
            *(f"- {name}: {code(value)}" for name, value in one.cause.facts),
        )
    if one.edits:
        yield from ("", f"{level} What was changed", "", *(f"- {code(clip(edit, VALUE))}" for edit in one.edits))
    yield from ("", f"{level} What production saw", "", *_ending(one.recorded))
    yield from (f"- {code(line)}" for line in _leaves(one.input))
    if one.now and one.status in ("changed", "diverged"):
        yield from ("", f"{level} What happened now", "", *_ending(one.now))
    if one.partings or one.sides:
        yield from ("", f"{level} What differs", "")
        for parting in one.partings:
            yield f"- **{parting.kind}**: {code(parting.sentence)}"
            yield from (f"  - at {line}" for line in map(_line, parting.frames[:3]))
            if parting.nearest_name:
                yield f"  - nearest: {code(clip(parting.nearest_name, VALUE))}"
            yield from (f"  {line}" for line in _sides(parting.sides, "production", "now"))
        yield from _sides(one.sides, "production", "now")
    if one.timeline.steps:
        yield from ("", "<details>", f"<summary>Time line ({len(one.timeline.steps):,})</summary>", "")
        for step in one.timeline.steps[:STEPS]:
            answer = f" → {code(clip(step.answer, VALUE))}" if step.kind == "interaction" else ""
            took = f", took {step.took}" if step.kind == "interaction" else ""
            yield f"- {step.at}{took}: {code(step.boundary or step.level)} {code(clip(step.what, VALUE))}{answer}"
        left = len(one.timeline.steps) + one.timeline.more - STEPS
        yield from ([f"- and {left:,} more"] if left > 0 else [])
        yield from ("", "</details>")
    if one.scored:
        yield from ("", f"{level} Models", "")
        for scored in one.scored:
            score = "" if scored.score is None else f", score {scored.score:g}"
            limit = "" if scored.threshold is None else f" (threshold {scored.threshold:g})"
            facts = "".join(f", {name} {code(value)}" for name, value in scored.facts)
            yield f"- {code(scored.number)} {code(scored.name)}{score}{limit}{facts}"
    if one.tried:
        yield from ("", f"{level} Neighbours tried", "", one.tried, "", *_finds(one.finds))
    yield from ("", f"{level} Next", "", *block([text for _, text in one.commands], "sh"))


def _ending(found: Ending) -> Iterator[str]:
    yield f"- {code(found.sentence)}"
    yield from (f"- at {line}" for line in map(_line, found.lines))
    yield from (f"- because of {code(line)}" for line in found.because)


def _line(line: Line) -> str:
    return f"{code(line.place)} in {code(line.function)}{f': {code(line.source)}' if line.source else ''}"


def _sides(found: tuple[Side, ...], left: str, right: str) -> Iterator[str]:
    for one in found[:SIDES]:
        note = f" ({code(one.note)})" if one.note else ""
        yield f"- {code(one.path)}: {left} {_value(one.recorded)}, {right} {_value(one.now)}{note}"
    if len(found) > SIDES:
        yield f"- and {len(found) - SIDES:,} more"


def _cause(sentence: str) -> str:
    """Ours; behind the colon of `Not isolated:` stands why, with names that were recorded."""
    ours, colon, why = sentence.partition(": ")
    return f"{ours}{colon}{code(why)}" if why else ours


def _value(node: Node | None) -> str:
    return "nothing" if node is None else code(clip(node.text or node.name, VALUE))


def _finds(found: tuple[FuzzFind, ...]) -> Iterator[str]:
    for find in found:
        what = f"{find.error_type}: {find.message}" if find.message else find.error_type
        changes = ", ".join(code(change.edit) for change in find.changes)
        happens = f", if {code(clip(find.happens, VALUE))}" if find.happens and find.changes else ""
        yield f"- {code(clip(what, VALUE))} with {changes or 'no change'}{happens}"


def _leaves(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The input in a few lines: a part each, of a body each field."""
    for node in nodes:
        for part in node.parts[:SIDES] or (node,):
            yield clip(f"{part.name} {part.text}".strip() or node.name, VALUE)
        if len(node.parts) > SIDES:
            yield f"and {len(node.parts) - SIDES:,} more"
