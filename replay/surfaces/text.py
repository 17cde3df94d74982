"""A verdict as an engineer reads it at 3 a.m.: what production saw, what happened now, where they part."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from replay.core.behind import says_nothing
from replay.core.codec import Value, encode
from replay.core.compare import unexpected
from replay.core.filling import recorded_left
from replay.core.fingerprint import mine
from replay.core.members import leaves, way
from replay.core.parts import Parts
from replay.core.recording import Outcome, Recording
from replay.core.verdict import MOST_NOTED, Difference, Divergence, Frame, Verdict, Violation
from replay.engine.earlier import NAME as EARLIER
from replay.engine.earlier import REMEMBERED, was_recalled
from replay.engine.spots import is_library
from replay.surfaces.asking import got_line, request_line
from replay.surfaces.hints import perhaps
from replay.surfaces.literals import (
    STRING,
    answered,
    bare,
    error_body,
    error_headline,
    literal,
    raised_by,
    referred,
    tree,
)  # fmt: skip
from replay.surfaces.page import LABEL, Page, count, duration, here, when
from replay.surfaces.printable import columns, escape, pad
from replay.surfaces.unset import advice, behind

FRAMES = 3
"""Lines of user code shown of an error."""
BODY = 80
"""Characters of an answer's body in a line."""
FIELDS = 16
"""Items shown of a mapping that has a line for each."""
HELD = 4
"""Members of an exception group that have a line each."""
LATER = 6
"""Divergences that have a line each, below those that are shown in full."""
DIFFERENCES = 12
"""Differing fields shown."""
_OURS = "replay: no recorded answer"
"""How an error begins that we raised into the code."""
_BESIDE = 32
"""Columns beside a text that differs: whose it is, quotes, and how long it is."""


def headline(verdict: Verdict) -> str:
    """One line without colours: the status and why."""
    if verdict.violations:
        first = verdict.violations[0]
        return f"{verdict.status}, and breaks an invariant: {broke(first)}"
    if verdict.status == "reproduced":
        return f"reproduced: {outcome_line(verdict.recorded)}{handled(verdict)}{recalled(verdict)}"
    if verdict.status == "changed":
        now = outcome_line(verdict.outcome) if verdict.outcome else "nothing"
        return f"changed: {elsewhere(verdict) or f'recorded {outcome_line(verdict.recorded)}; now {now}'}"
    if verdict.status == "unanswerable":
        return f"unanswerable: {escape(verdict.reason or 'no reason given')}"
    if verdict.divergence is None:
        return "diverged: no recorded answer was asked for"
    named = "diverged (nondeterministic)" if (verdict.reason or "").startswith("nondeterministic") else "diverged"
    return f"{named}: {parted(verdict.divergence)}"


def handled(verdict: Verdict) -> str:
    """What the code handled before it answered, as the end of a line; empty if that is not known."""
    place = verdict.handled
    return "" if place is None else f"; it handled {_raised_at(place)}"


def recalled(verdict: Verdict) -> str:
    """What was answered though production did not ask it in this recording, as the end of a line."""
    found = [each for each in verdict.difference if was_recalled(each)]
    if not found:
        return ""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    again = ", and asked again in a second run" if any(each.note != REMEMBERED for each in found) else ""
    return f"; answered from before the recording: {escape(found[0].path)}{more}{again}"


def _raised_at(place: Frame) -> str:
    return f"{escape(place.source)} at {escape(place.file)}:{place.line} in {escape(place.function)}"


def elsewhere(verdict: Verdict) -> str | None:
    """What differs in a run whose end says the same in a line: something beside it, or beyond what a line shows."""
    apart = unexpected(verdict.difference)
    if not apart or verdict.outcome is None or outcome_line(verdict.outcome) != outcome_line(verdict.recorded):
        return None
    return _apart(apart[0], 60, ("recorded", "now"))


def broke(violation: Violation) -> str:
    """An invariant that does not hold, in one line."""
    place = f" ({escape(f'{here(violation.file)}:{violation.line}')})" if violation.file else ""
    return f"{escape(violation.invariant)}: {escape(violation.message)}{place}"


def outcome_line(outcome: Outcome) -> str:
    """How something ended, in one line."""
    node = tree(outcome.payload)
    if outcome.state == "raised":
        return headline_of(node)
    if outcome.state == "unfinished":
        return "unfinished: the process or stream ended first"
    behind = raised_by(outcome)
    if behind is not None:
        return f"answered {node['status']} after {headline_of(behind)}"
    if says_nothing(outcome):
        return f"answered {node['status']}: {literal(node.get('body'), longest=BODY)}"
    return literal(node)


def headline_of(node: Any) -> str:
    """Type and message of an encoded error, of a group with its first member's, in one line."""
    body = error_body(node)
    return ": ".join(map(said_of, (body, *leaves(body)[:1])))


def parted(divergence: Divergence) -> str:
    """What a divergence is, in one line."""
    what = f"{escape(divergence.boundary)} {escape(divergence.target)}"
    return {
        "changed": f"asked {what} with other values than recorded",
        "extra": f"asked {what}, which production did not ask",
        "missing": f"did not ask {what}, which production asked",
        "reordered": f"asked {what} in another order than production",
        "redaction-altered": f"asked {what}, where redaction replaced what production asked",
        "exhausted": f"went on with {what} further than production"
        if divergence.differences
        else f"asked {what} more often than production",
        "refused": f"reached for the real world ({escape(divergence.boundary)}): {escape(divergence.target)}",
    }[divergence.kind]


def verdict_text(verdict: Verdict, recording: Recording, page: Page | None = None) -> str:
    """The whole verdict, in lines; plain text unless the page shows colours."""
    page = page or Page()
    lines = [
        f"{page.status(verdict.status)}  {page.heading(page.cut(escape(recording.entrypoint), page.width - 14))}",
        page.row(
            "recorded", f"{when(recording.started_at)}, took {duration(recording.duration_ns)}{_service(recording)}"
        ),
        page.whole("named", name_of(verdict)),
        "",
        page.heading("What production saw"),
        *input_lines(recording, page),
        *outcome_lines(recording.outcome, page, recording.entrypoint),
    ]
    if verdict.status == "unanswerable":
        lines += [
            "",
            page.heading("Why it could not be run here"),
            *_wrapped(verdict.reason or "no reason given", page),
        ]
    elif verdict.outcome is not None:
        now = outcome_lines(verdict.outcome, page, recording.entrypoint)
        lines += ["", page.heading("What happened now"), *now]
    if verdict.handled is not None:
        lines.append(page.row("handled", f"{_raised_at(verdict.handled)}, before it answered"))
    lines += _parting(verdict, page)
    if verdict.violations:
        lines += ["", page.heading("Invariants that it breaks")]
        lines += [page.row("broken" if at == 0 else "", broke(each)) for at, each in enumerate(verdict.violations)]
    lines += ["", page.row("answers", counts(verdict)), page.whole("next", _next(verdict))]
    return "\n".join(lines)


def counts(verdict: Verdict) -> str:
    """What was served of the recording, in one line."""
    return (
        f"{verdict.served:,} served, {verdict.left_over:,} left over, {verdict.unanswered:,} unanswered, "
        f"in {duration(verdict.seconds * 1e9)}"
    )


def name_of(verdict: Verdict) -> str:
    """`PATH::ID`, or the id if no path is known."""
    return escape(f"{verdict.path}::{verdict.id}" if verdict.path else verdict.id)


def input_lines(recording: Recording, page: Page) -> Iterator[str]:
    """The input, a line each argument or field; of a mapping that is too long for one, a line each of its items."""
    yield from _fields_of(_read(recording, bare(tree(recording.input))), "input", page)


def left_lines(recording: Recording, page: Page) -> Iterator[str]:
    """The arguments at the end, if they are known to be others than at the start."""
    left = recorded_left(recording)
    if left is not None and left is not recording.input:
        yield from _fields_of(bare(tree(left)), "left", page)


def _fields_of(node: Any, label: str, page: Page) -> Iterator[str]:
    fields = _fields(node)
    if fields is None:
        yield page.row(label, literal(node, longest=page.text))
    elif not fields:
        yield page.row(label, "no arguments")
    for name, part in fields or ():
        line = f"{escape(name)} {literal(part, longest=page.text)}"
        inner = bare(part)
        if columns(line) <= page.room or not _is_mapping(inner):
            yield page.row(label, line)
        else:
            yield page.row(label, f"{escape(name)}, {count(len(inner), 'item')}:")
            for key, item in list(inner.items())[: page.most(FIELDS)]:
                yield page.row("", f"  {literal(key, longest=page.short)}: {literal(item, longest=page.text)}")
            if len(inner) > page.most(FIELDS):
                yield page.row("", f"  … {len(inner) - FIELDS:,} more")
        label = ""


def _read(recording: Recording, node: Any) -> Any:
    """Of a web request whose body is JSON that body, instead of its bytes."""
    if recording.kind not in ("asgi", "wsgi") or not _is_mapping(node) or "body" not in node:
        return node
    part = Parts(recording).get("input")
    body = part.value.get("body") if part is not None and isinstance(part.value, dict) else None
    return {**node, "body": encode(body).tree} if isinstance(body, dict | list) else node


def _is_mapping(node: Any) -> bool:
    return isinstance(node, dict) and not any(key.startswith("$") for key in node)


def _fields(node: Any) -> list[tuple[str, Any]] | None:
    """Arguments, or fields of a request; None if the input has another form."""
    if not _is_mapping(node):
        return None
    fields: list[tuple[str, Any]] = []
    for key, item in node.items():
        if key == "args" and _sequence(item) is not None:
            fields += [(f"argument {i}", part) for i, part in enumerate(_sequence(item) or ())]
        elif key == "kwargs" and _is_mapping(bare(item)):
            fields += [(f"{name}=", part) for name, part in bare(item).items()]
        else:
            fields.append((key, item))
    return fields


def _sequence(node: Any) -> list[Any] | None:
    """The items of an encoded list or tuple."""
    node = bare(node)
    if isinstance(node, dict) and len(node) == 1 and "$tuple" in node:
        node = node["$tuple"]
    return node if isinstance(node, list) else None


def outcome_lines(outcome: Outcome, page: Page, entrypoint: str) -> Iterator[str]:
    """How it ended; of an error also the innermost lines of user code, innermost first."""
    line = outcome_line(outcome)
    if outcome.state != "raised":
        shown = literal(answered(outcome), longest=page.text) if outcome.state == "returned" else line
        yield page.row("result", shown)
    node = raised_by(outcome)
    if node is None:
        return
    kind, message = error_headline(node)
    if message.startswith(_OURS):
        message = message.partition(r"\n")[0]  # vcrpy's words follow ours
    yield page.row("error", message if _is_ours(kind, message) else f"{kind}: {message}" if message else kind)
    held = leaves(error_body(node))
    for each in held[: page.most(HELD)]:
        yield page.row("holds", said_of(each))
    if len(held) > page.most(HELD):
        yield page.row("", f"and {len(held) - HELD:,} more")
    yield from frame_lines(user_frames(frames(node), entrypoint), page)
    cause = error_body(node).get("cause")
    if cause:
        yield page.row("because", literal(referred(cause, node), longest=page.text))


def _is_ours(kind: str, message: str) -> bool:
    """Whether a replay raised it: then its type, which is there for the code under test, says nothing to a reader."""
    return message.startswith("replay: ") and kind.startswith(("replay.errors.", "vcr.errors."))


def said_of(body: dict[str, Any]) -> str:
    """Type and message of an error, by what it holds."""
    kind, message = error_headline({"$error": body})
    return f"{kind}: {message}" if message else kind


def frames(node: Any) -> list[Frame]:
    """The frames of an encoded error, innermost last, of a group those of its first member behind its own; what is not
    one is left out."""
    found = []
    for item in way(error_body(node)):
        values = list(item.values()) if isinstance(item, dict) else item
        try:
            found.append(msgspec.convert(dict(zip(Frame.__struct_fields__, values, strict=False)), Frame))
        except (TypeError, msgspec.ValidationError):
            continue
    return found


def user_frames(all_frames: list[Frame], entrypoint: str) -> list[Frame]:
    """The innermost frames that are neither a library's nor ours; all, if there is none."""
    return list(mine(all_frames, entrypoint) or all_frames)[-FRAMES:]


def frame_lines(found: Iterable[Frame], page: Page, first: str = "at") -> Iterator[str]:
    """Lines of code, innermost first."""
    found = list(found)
    places = [(f"{here(frame.file)}:{frame.line} in {frame.function}", frame.source.strip()) for frame in found]
    width = max((len(place) for place, _ in places), default=0)
    fits = page.pipe or all(width + 2 + len(source) <= page.room for _, source in places)
    for index, ((place, source), frame) in enumerate(reversed(list(zip(places, found, strict=True)))):
        label = "by" if index else first
        shown = f"{escape(place).ljust(width)}  {escape(source)}".rstrip() if fits else escape(place)
        yield page.linked(page.whole(label, shown), f"{escape(here(frame.file))}:{frame.line}", frame.file)
        if fits:
            continue
        if source:
            yield page.row("", f"    {escape(source)}")


def _parting(verdict: Verdict, page: Page) -> Iterator[str]:
    if verdict.divergence is not None:
        yield from ("", page.heading("Where they part"), *divergence_lines(verdict.divergence, page))
        yield from _unset(verdict, page)
        yield from _later(verdict, page)
    elif verdict.status == "diverged":
        yield from (
            "",
            page.heading("Where they part"),
            page.row("", "no recorded answer was asked for: nothing was checked"),
        )
        yield from _unset(verdict, page)
    if verdict.reason and verdict.status != "unanswerable":
        yield from ("", page.heading("What else may be the reason"), *_wrapped(verdict.reason, page))
    apart = [each for each in verdict.difference if each.path != "$" or not _ended_otherwise(verdict)]
    if apart and verdict.status != "unanswerable" and not _ended_by_us(verdict):
        title = (
            "Differences of the outcome" if verdict.divergence or verdict.status == "reproduced" else "Where they part"
        )
        yield from ("", page.heading(title), *difference_lines(apart, page))


def divergence_lines(divergence: Divergence, page: Page) -> Iterator[str]:
    """One divergence: who asked what, the nearest recorded request, and the fields that differ."""
    yield page.row(divergence.kind if len(divergence.kind) < LABEL else "", parted(divergence))
    yield from frame_lines(divergence.where[-FRAMES:], page, "went on" if divergence.kind == "missing" else "at")
    if divergence.asked is not None:
        yield page.row("asked", request_line(divergence.boundary, divergence.target, divergence.asked, page.text))
    near = divergence.nearest
    if near is None:
        if divergence.kind not in ("refused", "missing"):
            yield page.row("recorded", "nothing like it")
        yield from difference_lines(divergence.differences, page)
        yield from _hint(divergence, page)
        return
    asked = request_line(near.boundary, near.target, near.request, page.text)
    label = "nearest" if divergence.kind == "extra" else "recorded"
    if near.lane == EARLIER:
        yield page.row("earlier", f"{asked}, before the recording")
    else:
        yield page.row(label, f"#{near.seq} at +{duration(near.offset_ns)}: {asked}")
    yield page.row("answered", got_line(near, page.text))
    if divergence.kind != "extra" or near.target == divergence.target:
        yield from difference_lines(divergence.differences, page)
    yield from _hint(divergence, page)


def _hint(divergence: Divergence, page: Page) -> Iterator[str]:
    said = perhaps(divergence)
    if said is not None:
        yield from page.wrapped("perhaps", said)


def _unset(verdict: Verdict, page: Page) -> Iterator[str]:
    """What the error says that came instead of a request, where a variable is not set that its line reads."""
    divergence = verdict.divergence
    node = None if verdict.outcome is None else raised_by(verdict.outcome)
    if node is None or (divergence is not None and divergence.kind != "missing"):
        return
    names = behind(*error_headline(node), [frame for frame in frames(node) if not is_library(frame.file)])
    if names:
        target = divergence.nearest.target if divergence is not None and divergence.nearest is not None else None
        yield from page.wrapped("perhaps", advice(names, target))


def _later(verdict: Verdict, page: Page) -> Iterator[str]:
    """The other divergences: the first that stands on its own in full, a line for each of a few more."""
    later = list(enumerate(verdict.divergences))[1:]
    own = next((pair for pair in later if pair[1].follows is None), None)
    if own is not None:
        later.remove(own)
        title = "And another one, which does not follow from the first"
        yield from ("", page.heading(title), *divergence_lines(own[1], page))
    if not later:
        return
    yield ""
    following = sum(one.follows is not None for _, one in later)
    known = "at least " if len(verdict.divergences) == MOST_NOTED else ""
    title = f"{known}{count(len(later), 'more divergence')}, {following:,} of them following from an earlier one"
    yield page.heading(title[0].upper() + title[1:])
    most = page.most(LATER)
    for _, one in later[:most]:
        place = "" if one.seq is None else f"#{one.seq} "
        line = f"{place}{escape(one.boundary)} {escape(one.target)}"
        yield page.row("follows" if one.follows is not None else "", f"{pad(one.kind, 10)} {line}")
    if len(later) > most:
        yield page.row("", f"and {known}{len(later) - most:,} more")


def _ended_otherwise(verdict: Verdict) -> bool:
    """Whether one of them raised and the other did not: both ends stand above."""
    return verdict.outcome is not None and verdict.recorded.state != verdict.outcome.state


def _ended_by_us(verdict: Verdict) -> bool:
    """Whether the error of the replay is our own refusal, which stands above: how it differs says nothing."""
    if verdict.divergence is None or verdict.outcome is None or verdict.outcome.state != "raised":
        return False
    return error_headline(tree(verdict.outcome.payload))[1].startswith(_OURS)


def difference_lines(
    found: Iterable[Difference], page: Page, sides: tuple[str, str] = ("recorded", "now"), label: str = "differs"
) -> Iterator[str]:
    """Differing fields: path and both sides. Where they do not fit on one line, each side has its own."""
    found = tuple(found)
    for difference in found[: page.most(DIFFERENCES)]:
        yield from _difference(difference, page, sides, label)
    if len(found) > page.most(DIFFERENCES):
        yield page.row("", f"and {len(found) - DIFFERENCES:,} more")


def _apart(difference: Difference, short: int, sides: tuple[str, str]) -> str:
    before = "nothing" if difference.kind == "added" else plain(difference.recorded, short)
    after = "nothing" if difference.kind == "removed" else plain(difference.actual, short)
    return f"{escape(difference.path)}: {sides[0]} {before}, {sides[1]} {after}"


def _difference(difference: Difference, page: Page, sides: tuple[str, str], label: str) -> Iterator[str]:
    """`$.plan: recorded 'pro', now None (expected: time inside the recorded window)`"""
    if difference.kind == "unknown":
        lost = f"{plain(difference.recorded, page.short)}: {escape(difference.note or '')}"
        yield page.row(difference.kind, f"{escape(difference.path)}: {lost}")
        return
    path = escape(difference.path)
    note = f" (expected: {escape(difference.note)})" if difference.note else ""
    if difference.kind == "type":
        note = f" (another type){note}"
    line = f"{_apart(difference, page.short, sides)}{note}"
    if page.pipe or columns(line) <= page.room:
        yield page.row(label, line)
        return
    longest = min(page.short, max(20, page.room - _BESIDE))
    yield page.row(label, path + note)
    for side, value, is_there in (
        (sides[0], difference.recorded, difference.kind != "added"),
        (sides[1], difference.actual, difference.kind != "removed"),
    ):
        yield page.row("", f"{side:>8} {plain(value, longest) if is_there else 'nothing'}")


def plain(value: Any, longest: int = STRING) -> str:
    """Any Python value as one escaped line, without calling code of its class."""
    from replay.core.codec import encode

    return literal(tree(value if isinstance(value, Value) else encode(value)), longest=longest)


def _wrapped(text: str, page: Page) -> Iterator[str]:
    for line in text.splitlines():
        yield from (f"  {part}" for part in page.broken(escape(line), page.width - 2))


def _service(recording: Recording) -> str:
    parts = (recording.service_name, recording.service_version, recording.deployment_environment_name)
    found = " ".join(escape(part) for part in parts if part)
    return f", by {found}" if found else ""


def _next(verdict: Verdict) -> str:
    name = shlex.quote(escape(f"{verdict.path}::{verdict.id}")) if verdict.path else verdict.id
    if verdict.status == "unanswerable":
        return f"replay doctor --path {shlex.quote(escape(verdict.path or '.'))}"
    return f"replay show {name}"
