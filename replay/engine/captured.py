"""A recording that is kept, before it is encoded: what the request path hands to the writer."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from replay.core.behind import FAILED
from replay.core.codec import Gap, Value, encode
from replay.core.left import LEFT, noted
from replay.core.recording import TURNS, Interaction, Log, Outcome, Prediction, Recording, State, predicted
from replay.core.world import Reading, Settles, Ticket
from replay.engine.budget import cut_part, cut_tickets, size_of
from replay.engine.earlier import put_apart, with_earlier
from replay.engine.entropy import BELOW, Replacements, may_be_secret
from replay.engine.steps import STEPS, Clocked

if TYPE_CHECKING:
    from replay.engine.recorder import Recorder

PLAIN = frozenset({int, float, str, bytes, bool, type(None)})
"""Types of draws that are kept as they are."""
_urandom = os.urandom
_FRAMES = 5
"""Innermost frames that tell one failure from another: a recursion's depth does not."""
_nothing = encode(None)
_NOTHING_READ = Reading(None, None, None, None)


def _sign(ticket: Ticket) -> str:
    """See `TURNS`."""
    if ticket.cancelled is not None:
        return "c" if ticket.cancelled else "o"
    return "-" if ticket.turns is None else "w" if ticket.turns < 0 else str(ticket.turns)


class Captured:
    """A kept recording that is not yet encoded."""

    __slots__ = ("ended_ns", "payload", "recorder", "size", "state", "urgent")

    def __init__(self, recorder: Recorder, state: State, payload: Settles, ended_ns: int, urgent: bool) -> None:
        self.recorder = recorder
        self.state = state
        self.payload = payload
        self.ended_ns = ended_ns
        self.urgent = urgent
        size = 1024 + recorder.input.size + payload.size + 64 * len(recorder.logs) + size_of(recorder.tickets)
        for note in recorder.notes.values():
            size += note.size
        size += 0 if recorder.left is None else recorder.left.size
        size += sum(each.size for each in recorder.earlier)
        excess = size - recorder.settings.most_bytes
        if excess > 0 and recorder.left is not None:  # what is compared goes before what is served
            size -= recorder.left.size
            excess -= recorder.left.size
            recorder.left = None
        if excess > 0:
            left = cut_tickets(recorder.tickets, excess)
            self.payload, left = cut_part(payload, left)
            recorder.input, left = cut_part(recorder.input, left)
            size -= excess - left
        self.size = size

    @property
    def fingerprint(self) -> Hashable:
        """Equal for the same failure: the same type of error raised at the same lines, or behind the answer, whatever
        its message says; of an answer over HTTP that says so without an error, the same status of the same route."""
        recorder = self.recorder
        status = recorder.facts.get("http_response_status_code")
        kind = (recorder.entrypoint, self.state, status)
        raised: Settles | None = self.payload
        if self.state != "raised":
            raised = recorder.behind.error if recorder.behind is not None and (status or 0) >= FAILED else None
        if raised is None:
            return (*kind, recorder.facts.get("http_route"))
        tree = raised.settle().tree
        error = (tree["$id"][1] if "$id" in tree else tree).get("$error", {})
        frames = error.get("frames", ())[-_FRAMES:]
        return (*kind, error.get("type"), *((file, line) for file, line, *_ in frames))

    def note(self, name: str, value: object) -> None:
        """A fact to keep with it (`context.notes`), before it is settled."""
        self.recorder.notes[name] = _Now(value)

    def settle(self) -> Recording:
        """The recording. Off the request path."""
        recorder = self.recorder
        settings = recorder.settings
        gaps: list[Gap] = []
        seed, replaced = self._entropy()

        def settled(name: str, part: Settles | None) -> Value:
            value = _nothing if part is None else part.settle()
            gaps.extend(Gap(name + gap.path.removeprefix("$"), gap.reason, gap.type) for gap in value.gaps)
            return Value(replaced(value.text), value.gaps) if replaced.table else value

        interactions = tuple(
            Interaction(
                seq=seq,
                lane=ticket.lane,
                boundary=ticket.request.boundary,
                target=replaced(ticket.request.target),
                request=settled(f"interaction[{seq}].request", ticket.request.payload),
                answer=settled(f"interaction[{seq}].answer", ticket.answer),
                state=ticket.state,
                offset_ns=ticket.asked_ns - recorder.started_ns,
                duration_ns=max(0, (ticket.ended_ns or self.ended_ns) - ticket.asked_ns),
            )
            for seq, ticket in enumerate(recorder.tickets)
        )
        if recorder.overflow:
            reason = "budget-time" if recorder.full else "truncated-count"
            gaps.append(Gap("interaction", reason, f"{recorder.overflow} more"))
        gaps += [Gap("interaction", "unrecorded", missed) for missed in dict.fromkeys(recorder.missed)]
        given = settled("input", recorder.input)
        context = self._context(seed)
        held = None if recorder.left is None else noted(recorder.left.settle(), given)
        if held is not None:
            context[LEFT] = held
        model_call = settings.model_call
        recording = Recording(
            id="",
            kind=recorder.kind,
            entrypoint=recorder.entrypoint,
            started_at=recorder.started_at,
            duration_ns=self.ended_ns - recorder.started_ns,
            input=given,
            outcome=Outcome(self.state, settled("outcome", self.payload)),
            context=settled("context", _Now(context)),
            interactions=interactions,
            model_calls=tuple(filter(None, map(model_call, interactions))) if model_call else (),
            predictions=_predictions(recorder.tickets),
            logs=tuple(
                Log(offset_ns=at - recorder.started_ns, level=level, logger=logger, message=replaced(text))
                for at, level, logger, text in recorder.logs
            ),
            gaps=tuple(gaps),
            service_name=settings.service,
            service_version=settings.version,
            deployment_environment_name=settings.environment,
            **recorder.facts,
        )
        if recorder.earlier:
            recording = with_earlier(recording, recorder.earlier)
        recording = msgspec.structs.replace(recording, id=recording.digest[:16])
        if settings.redact is not None:
            recording = settings.redact(recording, frozenset(replaced.table.values()))
        if recorder.earlier:
            recording = put_apart(recording, recorder.earlier)
            recording = msgspec.structs.replace(recording, id=recording.digest[:16])
        return recording

    def _entropy(self) -> tuple[str, Replacements]:
        numbers: Counter[str] = Counter()
        draws = []
        for lane, value in self.recorder.entropies:
            draws.append((lane, numbers[lane], value))
            numbers[lane] += 1
        seed = _urandom(16).hex() if draws or self.recorder.choices else ""
        return seed, Replacements(seed, draws)

    def _context(self, seed: str) -> dict[str, Any]:
        recorder = self.recorder
        context: dict[str, Any] = {"python": platform.python_version(), "platform": _platform()}
        context["lanes"] = recorder.lanes.numbered_when
        for part in recorder.context:
            context.update(part)
        draws: dict[str, dict[str, list[Any]]] = {}
        for (lane, kind), values in recorder.draws.items():
            draws.setdefault(lane, {})[kind] = [v if type(v) in PLAIN else v.settle().decode() for v in values]
        sizes = [len(value) for _, value in recorder.entropies]
        is_kept = not may_be_secret([among for _, among, _ in recorder.choices], sizes)
        for lane, _, choice in recorder.choices if is_kept else ():
            draws.setdefault(lane, {}).setdefault(BELOW, []).append(choice)
        if draws:
            context["draws"] = draws
        if any(ticket.turns is not None for ticket in recorder.tickets):
            context[TURNS] = "".join(map(_sign, recorder.tickets))
        if isinstance(recorder.lanes.steps, Clocked):
            context[STEPS] = recorder.lanes.steps.since(recorder.started_ns)
        if seed:
            lengths: dict[str, list[int]] = {}
            for lane, value in recorder.entropies:
                lengths.setdefault(lane, []).append(len(value))
            context["entropy"] = {"seed": seed, "lengths": lengths, "choices": is_kept}
        if recorder.notes:
            context["notes"] = {name: value.settle().decode() for name, value in recorder.notes.items()}
        return context


@cache
def _platform() -> str:
    """As `platform.platform()`, which would start a process (`uname -p`) inside the service."""
    if not hasattr(os, "uname"):
        return platform.platform()
    system = os.uname()
    libc = "".join(platform.libc_ver()) if system.sysname == "Linux" else ""
    return f"{system.sysname}-{system.release}-{system.machine}" + (f"-with-{libc}" if libc else "")


class _Now:
    """A value that is encoded when settled; for what only the writer's thread sees."""

    size = 0

    def __init__(self, value: object) -> None:
        self._value = value

    def settle(self) -> Value:
        return encode(self._value)


def _predictions(tickets: Sequence[Ticket]) -> tuple[Prediction, ...]:
    return tuple(
        predicted(seq, ticket.request.target, read.score, read.label, read.threshold, read.policy)
        for seq, ticket in enumerate(tickets)
        if ticket.request.boundary == "model" and (read := ticket.reading or _NOTHING_READ)
    )
