"""Two recordings side by side: input, context, interactions (aligned), outcome."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from replay.core.codec import Value
from replay.core.compare import differences
from replay.core.notes import with_note, without_notes
from replay.core.parts import Parts
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference
from replay.engine.apart import aligned
from replay.surfaces import documents, said
from replay.surfaces.literals import literal, tree
from replay.surfaces.page import Page, when
from replay.surfaces.printable import escape
from replay.surfaces.text import difference_lines, outcome_line


class Step(msgspec.Struct, frozen=True):
    """A pair of aligned interactions that differ, or one that only one of the recordings has."""

    a: Interaction | None
    b: Interaction | None
    request: tuple[Difference, ...] = ()
    answer: tuple[Difference, ...] = ()


class Compared(msgspec.Struct, frozen=True):
    """All that differs between recordings `a` and `b`."""

    input: tuple[Difference, ...]
    context: tuple[Difference, ...]
    steps: tuple[Step, ...]
    outcome: tuple[Difference, ...]
    entrypoint: tuple[str, str] | None = None

    @property
    def same(self) -> bool:
        return not (self.input or self.context or self.steps or self.outcome or self.entrypoint)


def compare(a: Recording, b: Recording) -> Compared:
    """What differs from `a` to `b`. Interactions are aligned by what they ask."""
    outcome = tuple(differences(a.outcome.payload, b.outcome.payload))
    if a.outcome.state != b.outcome.state:
        outcome = (Difference("$", "changed", outcome_line(a.outcome), outcome_line(b.outcome)),)
    return Compared(
        input=tuple(differences(*said.inputs(a, b))),
        context=tuple(differences(_context(a), _context(b))),
        steps=tuple(step for step in _aligned(a, b) if step.a is None or step.b is None or step.request or step.answer),
        outcome=outcome,
        entrypoint=None if a.entrypoint == b.entrypoint else (a.entrypoint, b.entrypoint),
    )


def _context(recording: Recording) -> Value:
    """Without what was noted of the recording itself: the pseudonyms of two processes differ."""
    return with_note(without_notes(recording), "redaction", None).context


def _aligned(a: Recording, b: Recording) -> Iterator[Step]:
    """Those of `a` in their order, each with the one of `b` that answered the same question or one like it, then what
    only `b` has."""
    ours, theirs = Parts(a), Parts(b)
    matched, left = aligned(a, b)
    for one, other in zip(a.interactions, matched, strict=True):
        if other is None:
            yield Step(one, None)
            continue
        answered = differences(*said.answers((ours, one), (theirs, other)))
        yield Step(one, other, tuple(differences(*said.requests(one, other))), tuple(answered))
    yield from (Step(None, other) for other in left)


def diff_text(a: Recording, b: Recording, found: Compared, page: Page) -> str:
    """The differences in lines; `recorded` is A, `now` is B."""
    lines = [
        page.row("A", f"{escape(a.id)}  {escape(a.entrypoint)}  {when(a.started_at)}  {outcome_line(a.outcome)}"),
        page.row("B", f"{escape(b.id)}  {escape(b.entrypoint)}  {when(b.started_at)}  {outcome_line(b.outcome)}"),
    ]
    if found.same:
        return "\n".join([*lines, "", "No differences."])
    if found.entrypoint:
        lines += ["", page.heading("Entry point"), page.row("differs", " / ".join(map(escape, found.entrypoint)))]
    for title, values in (("Input", found.input), ("Context", found.context)):
        if values:
            lines += ["", page.heading(title), *difference_lines(values, page, _AB)]
    if found.steps:
        lines += ["", page.heading("Interactions")]
        for step in found.steps:
            lines += _step_lines(step, page)
    if found.outcome:
        lines += ["", page.heading("Outcome"), *difference_lines(found.outcome, page, _AB)]
    return "\n".join(lines)


_AB = ("A", "B")


def _step_lines(step: Step, page: Page) -> Iterator[str]:
    one = step.a or step.b
    assert one is not None
    what = f"{escape(one.boundary)} {escape(one.target)}"
    if step.a is None or step.b is None:
        asked = "" if one.boundary == "http" else f" {literal(tree(one.request))}"
        yield page.row(f"only in {'B' if step.a is None else 'A'}", f"#{one.seq} {what}{asked}")
        return
    if not (step.request or step.answer):
        return
    also = "" if step.a.target == step.b.target else f" / {escape(step.b.target)}"
    yield page.row(f"#{step.a.seq} / #{step.b.seq}", f"{what}{also}")
    for label, found in (("request", step.request), ("answer", step.answer)):
        yield from difference_lines(found, page, _AB, label)


def document(found: Compared) -> documents.Document:
    """`{same, entrypoint, input, context, interactions: [{a, b, request, answer}], outcome}`."""
    return {
        "same": found.same,
        "entrypoint": list(found.entrypoint) if found.entrypoint else None,
        "input": [documents.difference(one) for one in found.input],
        "context": [documents.difference(one) for one in found.context],
        "interactions": [
            {
                "a": None if step.a is None else documents.interaction(step.a),
                "b": None if step.b is None else documents.interaction(step.b),
                "request": [documents.difference(one) for one in step.request],
                "answer": [documents.difference(one) for one in step.answer],
            }
            for step in found.steps
        ],
        "outcome": [documents.difference(one) for one in found.outcome],
    }
