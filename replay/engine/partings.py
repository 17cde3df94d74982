"""Where a replay left its recording: noted as it happens, named once all is known.

When a request has no answer, what it was is not yet known: the recorded request that it resembles may still be asked
(then it was an extra one) or never (then it is that one, changed). So too for an answer out of turn: what was passed
over is asked later (reordered) or never (missing). `settle` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.redaction.marks import MASK, Known, marks_of, places_of
from replay.core.redaction.own import holds_pseudonym, stands_for
from replay.core.verdict import MOST_NOTED, Difference, Divergence, DivergenceKind, Frame
from replay.core.world import Request, Shelf
from replay.engine.follows import Course, linked
from replay.engine.keyed import keyed
from replay.engine.waiting import Waiting, alike

_COMPARED = 50
"""Recorded requests compared to find the nearest."""
_SHOWN = 200
"""Characters of a value in a message."""


class _Refused(msgspec.Struct):
    """A request without an answer."""

    number: int
    """Of its divergence."""
    request: Request
    asked: Value
    shelf: Shelf
    own: str
    """The recorded lane that it would have followed."""
    otherwise: DivergenceKind
    """What it is if no recorded request is its counterpart."""
    pair: Interaction | None


class Partings:
    """The divergences of one replay. Not locked: the player writes under its lock."""

    def __init__(self, recording: Recording, waiting: Waiting, where: Callable[[], tuple[Frame, ...]]) -> None:
        self.found: list[Divergence] = []
        self.course = Course()
        self._recording = recording
        self._waiting = waiting
        self._where = where
        self._refused: list[_Refused] = []
        self._jumps: list[tuple[int, Interaction]] = []
        self._told: list[tuple[int, str]] = []
        self._dry: set[tuple[str, str]] = set()

    def note(self, divergence: Divergence) -> int:
        """Keep it; its number, -1 if there are too many."""
        if len(self.found) >= MOST_NOTED:
            return -1
        self.found.append(divergence)
        self.course.noted.append(self.course.answered.get(divergence.lane, 0))
        return len(self.found) - 1

    def refuse(
        self, shelf: Shelf, request: Request, asked: Value, lane: str, own: str, spent: Sequence[Interaction]
    ) -> tuple[Divergence, str]:
        """Nothing answers `asked`. Gives what is known for now, and that in words for the application."""
        expected = self._waiting.expected(own)
        again = next((i for i in spent if _equal(i, request, asked)), None)
        before = self._asked_before(request, asked)
        pair = None
        if before is None and expected is not None:
            pair = next(self._counterparts(request, [expected]), None)
        otherwise: DivergenceKind = "extra" if again is None else "exhausted"
        nearest, fields = self._nearest(shelf, request, asked, own) if pair is None else (pair, None)
        if pair is None and again is not None:
            nearest, fields = again, ()
        divergence = Divergence(
            kind=otherwise,
            lane=lane,
            boundary=request.boundary,
            target=request.target,
            asked=asked,
            nearest=nearest,
            differences=tuple(fields or ()),
            where=self._where(),
            seq=None if expected is None else expected.seq,
            follows=before,
        )
        refused = _Refused(len(self.found), request, asked, shelf, own, otherwise, pair)
        if pair is not None:
            self._waiting.go_past(pair)
            divergence = self._paired(divergence, refused, pair)
        message = describe(divergence)
        number = self.note(divergence)
        if number >= 0:
            self._told.append((number, message))
            if before is None:
                self._refused.append(refused)
        return divergence, message

    def out_of_turn(self, request: Request, asked: Value, lane: str, answered: Interaction) -> None:
        """`asked` is answered, before other requests of its lane that production asked first."""
        passed = self._waiting.before(answered)
        if not passed:
            return
        number = self.note(
            Divergence(
                kind="reordered",
                lane=lane,
                boundary=request.boundary,
                target=request.target,
                asked=asked,
                nearest=passed[0],
                where=self._where(),
                seq=passed[0].seq,
            )
        )
        for interaction in passed:
            self._waiting.go_past(interaction)
        if number >= 0:
            self._jumps.append((number, passed[0]))

    def dry(self, lane: str, kind: str) -> None:
        """More random draws of a kind than production took. The first one is noted."""
        if (lane, kind) not in self._dry:
            self._dry.add((lane, kind))
            where = self._where()
            self.note(Divergence(kind="exhausted", lane=lane, boundary="random", target=kind, where=where))

    def beyond(self, read: Interaction, lane: str, message: str) -> None:
        """More of an answer was read than the recording holds."""
        number = self.note(
            Divergence(
                kind="exhausted",
                lane=lane,
                boundary=read.boundary,
                target=read.target,
                nearest=read,
                differences=(Difference("$", "added", actual=message),),
                where=self._where(),
                seq=read.seq,
            )
        )
        self._told.append((number, message))

    def apart(self, read: Interaction, lane: str, found: Sequence[Difference]) -> None:
        """What the code told an answer as it read on is something else. With production's key not what redaction made
        of the same."""
        found = [each for each in found if not self._is_same(each, read.seq)]
        if not found:
            return
        self.note(
            Divergence(
                kind="redaction-altered" if all(self._is_told(each, read.seq) for each in found) else "changed",
                lane=lane,
                boundary=read.boundary,
                target=read.target,
                nearest=read,
                differences=tuple(found),
                where=self._where(),
                seq=read.seq,
            )
        )

    def _is_same(self, field: Difference, seq: int) -> bool:
        """Production's key makes of what the code says what the recording has."""
        key = keyed(self._recording)
        if key is None or field.kind != "changed" or not self._is_told(field, seq):
            return False
        known = Known(marks_of(self._recording))
        return stands_for(field.recorded, field.actual, known, frozenset(), key)

    def _is_told(self, field: Difference, seq: int) -> bool:
        """Redaction put something else there."""
        place, marked = f"interaction[{seq}].answer", places_of(marks_of(self._recording))
        return any(where == place and path.startswith(field.path) for where, path, _ in marked)

    def unread(self, read: Interaction, lane: str, taken: int, whole: int) -> None:
        """Less of an answer was read than in production."""
        lost = Difference("$.pieces", "removed", recorded=f"{whole} pieces were read, the end counted; now {taken}")
        self.note(msgspec.structs.replace(_missing(read), lane=lane, differences=(lost,)))

    def settle(self, untaken: Sequence[tuple[str, str, int]]) -> None:
        """The run is over. `untaken`: recorded draws (lane, kind, number) that nobody drew."""
        left = {interaction.seq: interaction for interaction in self._waiting.left()}
        for number, passed in self._jumps:
            if left.pop(passed.seq, None) is not None:
                self.found[number] = msgspec.structs.replace(
                    self.found[number], kind="missing", boundary=passed.boundary, target=passed.target, asked=None
                )
        for refused in self._refused:
            self._name(refused, left)
        for interaction in left.values():
            self.note(_missing(interaction))
        for lane, kind, number in untaken:
            lost = Difference("$", "removed", recorded=f"{number} recorded draws of {kind} were not taken")
            self.note(Divergence(kind="missing", lane=lane, boundary="random", target=kind, differences=(lost,)))

    def link(self, outcome: Outcome) -> None:
        """Say which follow from an earlier one. An error that we raised may be what ended the unit of work."""
        if not self.found:
            return
        ended_by = None
        if outcome.state == "raised":
            text = outcome.payload.text
            ended_by = next((number for number, message in self._told if _quoted(message) in text), None)
        self.found = linked(self.found, self.course, {i.seq for i in self._waiting}, self._recording, ended_by)

    def _name(self, refused: _Refused, left: dict[int, Interaction]) -> None:
        """Its counterpart is a request like it that production asked and the replay did not; if there is none, it is
        one too many."""
        divergence = self.found[refused.number]
        pair = left.pop(refused.pair.seq, None) if refused.pair is not None else None
        if pair is None:
            due = [i for i in left.values() if self._was_due(i, divergence, refused.own)]
            due.sort(key=lambda i: (i.lane != refused.own, i.target != refused.request.target, i.seq))
            pair = next(self._counterparts(refused.request, due), None)
            if pair is not None:
                del left[pair.seq]
        if pair is None:
            self.found[refused.number] = msgspec.structs.replace(divergence, kind=refused.otherwise)
        elif pair is not refused.pair:
            self.found[refused.number] = self._paired(divergence, refused, pair)

    def _was_due(self, interaction: Interaction, divergence: Divergence, own: str) -> bool:
        """Whether it could have been asked where the refused request was: a later one of the same lane could not."""
        if interaction.seq == divergence.seq or self._waiting.is_passed(interaction):
            return True
        followed = interaction.lane == own or interaction.lane in self.course.recorded.values()
        return not followed and interaction is self._waiting.expected(interaction.lane)

    def _counterparts(self, request: Request, among: Sequence[Interaction]) -> Any:
        taken = {refused.pair.seq for refused in self._refused if refused.pair is not None}
        return (i for i in among if i.seq not in taken and alike(i, request))

    def _paired(self, divergence: Divergence, refused: _Refused, pair: Interaction) -> Divergence:
        refused.pair = pair
        fields = _fields(refused.shelf, refused.request, refused.asked, pair)
        masked = self._recording.redacted and fields and all(self._is_masked(field, pair.seq) for field in fields)
        return msgspec.structs.replace(
            divergence,
            kind="redaction-altered" if masked else "changed",
            nearest=pair,
            differences=tuple(fields),
            seq=pair.seq,
        )

    def is_masked(self, shelf: Shelf, request: Request, asked: Value, recorded: Interaction) -> bool:
        """Whether `asked` differs from a request, which need not be one of the recording, only where redaction put
        something else; what stands around that is the same."""
        fields = _fields(shelf, request, asked, recorded) if recorded.target == request.target else ()
        known = Known(marks_of(self._recording))
        return bool(fields) and all(_is_redacted(field, known) for field in fields)

    def _is_masked(self, field: Difference, seq: int) -> bool:
        """Redaction put something else there, or in what this part holds."""
        if MASK in str(field.recorded):
            return True
        path = field.path if field.path.startswith("$") else f"$.{field.path}"
        place = f"interaction[{seq}].request"
        return any(
            where == place and (marked == path or marked.startswith((f"{path}.", f"{path}[")))
            for where, marked, _ in places_of(marks_of(self._recording), "own")
        )

    def _asked_before(self, request: Request, asked: Value) -> int | None:
        """The first refusal of the same request: this one is another try."""
        for refused in self._refused:
            if refused.request.target == request.target and refused.asked.text == asked.text:
                return refused.number
        return None

    def _nearest(
        self, shelf: Shelf, request: Request, asked: Value, own: str
    ) -> tuple[Interaction | None, Sequence[Difference]]:
        waiting = [i for i in self._waiting.left() if i.boundary == request.boundary][:_COMPARED]
        compared = [(i, _fields(shelf, request, asked, i)) for i in waiting]
        if not compared:
            return None, ()
        return min(compared, key=lambda pair: (pair[0].target != request.target, pair[0].lane != own, len(pair[1])))


def _is_redacted(field: Difference, known: Known) -> bool:
    """A laptop may have another credential, or none."""
    recorded = field.recorded
    if recorded == MASK or recorded in known:
        return True
    return holds_pseudonym(str(recorded), known) and stands_for(recorded, field.actual, known)


def _fields(shelf: Shelf, request: Request, asked: Value, recorded: Interaction) -> list[Difference]:
    fields = list(shelf.differences(recorded, asked))
    if recorded.target != request.target and not fields:
        fields.append(Difference("target", "changed", recorded.target, request.target))
    return fields


def _equal(interaction: Interaction, request: Request, asked: Value) -> bool:
    return interaction.target == request.target and interaction.request.text == asked.text


def _missing(interaction: Interaction) -> Divergence:
    return Divergence(
        kind="missing",
        lane=interaction.lane,
        boundary=interaction.boundary,
        target=interaction.target,
        nearest=interaction,
        seq=interaction.seq,
    )


def describe(divergence: Divergence) -> str:
    """One divergence in two or three sentences, for the exception that the application sees."""
    lines = [f"replay: no recorded answer for {divergence.boundary} {divergence.target} ({divergence.kind})."]
    near = divergence.nearest
    if near is not None and divergence.differences:
        fields = ", ".join(_field(d) for d in divergence.differences[:5])
        lines.append(f"Nearest recorded request: #{near.seq} {near.target}; differs in {fields}.")
    elif near is not None:
        lines.append(f"It was recorded as #{near.seq}, whose answer is already served.")
    if divergence.where:
        frame = divergence.where[-1]
        lines.append(f"Asked at {frame.file}:{frame.line} in {frame.function}.")
    return " ".join(lines)


def _field(difference: Difference) -> str:
    recorded, now = (repr(side) for side in (difference.recorded, difference.actual))
    return f"{difference.path} (recorded {recorded[:_SHOWN]}, now {now[:_SHOWN]})"


def _quoted(message: str) -> str:
    """As it stands in an encoded error."""
    return msgspec.json.encode(message).decode()[1:-1]
