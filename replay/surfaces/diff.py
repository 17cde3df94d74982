"""Two recordings side by side: input, context, interactions (aligned), outcome."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

import msgspec

from replay.core.codec import Value
from replay.core.compare import differences
from replay.core.families.scalars import raw
from replay.core.notes import with_note, without_notes
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference
from replay.surfaces import documents
from replay.surfaces.literals import literal, tree
from replay.surfaces.printable import escape
from replay.surfaces.text import Page, difference_lines, outcome_line, when


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
    """What differs from `a` to `b`. Interactions are aligned by boundary and target."""
    outcome = tuple(differences(a.outcome.payload, b.outcome.payload))
    if a.outcome.state != b.outcome.state:
        outcome = (Difference("$", "changed", outcome_line(a.outcome), outcome_line(b.outcome)),)
    return Compared(
        input=tuple(differences(a.input, b.input)),
        context=tuple(differences(_context(a), _context(b))),
        steps=tuple(step for step in _aligned(a, b) if step.a is None or step.b is None or step.request or step.answer),
        outcome=outcome,
        entrypoint=None if a.entrypoint == b.entrypoint else (a.entrypoint, b.entrypoint),
    )


def _context(recording: Recording) -> Value:
    """Without what was noted of the recording itself: the pseudonyms of two processes differ."""
    return with_note(without_notes(recording), "redaction", None).context


def _said(answer: Value) -> Value:
    """Without when each piece came, which is never the same twice; an HTTP body whole, however the network cut it."""
    held = answer.decode() if '"pieces"' in answer.text else None
    pieces = held.get("pieces") if type(held) is dict else None
    if type(pieces) is not list or not all(type(each) is list and each for each in pieces):
        return answer
    tree = dict(answer.tree)
    if "status" in tree and all(len(each) == 2 and type(each[1]) is bytes for each in pieces):
        del tree["pieces"]
        tree.pop("offset_ns", None)
        tree["body"] = raw(b"".join(each[1] for each in pieces))
    elif type(tree["pieces"]) is list:
        tree["pieces"] = [[0, *each[1:]] for each in tree["pieces"]]
    return msgspec.structs.replace(answer, text=msgspec.json.encode(tree).decode())


def _aligned(a: Recording, b: Recording) -> Iterator[Step]:
    keys_a = [(i.boundary, i.target) for i in a.interactions]
    keys_b = [(i.boundary, i.target) for i in b.interactions]
    for kind, start_a, end_a, start_b, end_b in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        if kind == "equal":
            pairs = zip(a.interactions[start_a:end_a], b.interactions[start_b:end_b], strict=True)
            for one, other in pairs:
                yield Step(
                    one,
                    other,
                    tuple(differences(one.request, other.request)),
                    tuple(differences(_said(one.answer), _said(other.answer))),
                )
            continue
        yield from (Step(one, None) for one in a.interactions[start_a:end_a])
        yield from (Step(None, other) for other in b.interactions[start_b:end_b])


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
        yield page.row(f"only in {'B' if step.a is None else 'A'}", f"#{one.seq} {what} {literal(tree(one.request))}")
        return
    yield page.row(f"#{step.a.seq} / #{step.b.seq}", what)
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
