"""The kind `difference`: the same mutation ends in another way in another version of the code.

Each mutation runs here and, beside it, in a process that has the other version. What they return is compared in its
canonical encoding, errors by type and message. Where one of them asked what the recording does not answer, or did not
come to an end, nothing is compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from replay.core.compare import differences, unexpected
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Difference
from replay.engine.failures import Failure, printable
from replay.engine.mutation import Edits
from replay.engine.player import window
from replay.engine.runs import Ran, Runner, ended

_SHOWN = 120
"""Characters of a value."""


class Theirs(msgspec.Struct, frozen=True, array_like=True):
    """How a mutation ended in the other version."""

    result: bytes
    """As `Ran.result`; empty: it is not to be compared."""
    outcome: Outcome | None = None
    """If it was asked for."""


class Other(Protocol):
    """Runs mutations in the other version."""

    name: str
    """The revision, as it was given."""

    def send(self, batch: Sequence[Edits], *, whole: bool = False) -> None:
        """Start them. `whole`: outcomes are wanted too."""
        ...

    def receive(self) -> list[Theirs]:
        """How those that were sent last ended, in their order."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Against:
    """A runner that compares. A `Runner`."""

    def __init__(self, inner: Runner, other: Other, recording: Recording, *, ignore: Collection[str] = (),
                 tolerance: float = 0.0) -> None:  # fmt: skip
        self.workers = inner.workers
        self._inner, self._other, self._recording = inner, other, recording
        self._ignore, self._tolerance = ignore, tolerance
        self.compared = 0
        """Mutations that both versions ended."""
        self._judged: dict[tuple[bytes, bytes], Failure | None] = {}

    def run(self, batch: Sequence[Edits], *, until: float | None = None, together: bool = False) -> list[Ran]:
        if not batch:
            return []
        self._other.send(batch)
        try:
            rans = self._inner.run(batch, until=until, together=together)
        finally:
            theirs = self._other.receive()
        return [self._compared(*each) for each in zip(batch, rans, theirs, strict=False)]

    def recorded(self, edits: Edits) -> tuple[Ran, Recording | None]:
        ran, recording = self._inner.recorded(edits)
        self._other.send([edits])
        return self._compared(edits, ran, self._other.receive()[0]), recording

    def close(self) -> None:
        self._inner.close()
        self._other.close()

    def _compared(self, edits: Edits, ran: Ran, theirs: Theirs) -> Ran:
        if not (ran.result and theirs.result) or ran.diverged:
            return ran
        self.compared += 1
        if ran.result == theirs.result:
            return ran
        key = (ran.result, theirs.result)
        if key not in self._judged:
            self._judged[key] = self._difference(edits)
        found = self._judged[key]
        if found is None:
            return ran
        frames = ran.failure.frames if ran.failure is not None else ()
        return msgspec.structs.replace(ran, failure=msgspec.structs.replace(found, frames=frames))

    def _difference(self, edits: Edits) -> Failure | None:
        _, recording = self._inner.recorded(edits)
        self._other.send([edits], whole=True)
        theirs = self._other.receive()[0].outcome
        if recording is None or theirs is None:
            return None
        now = recording.outcome
        if now.state == theirs.state == "returned":
            found = unexpected(differences(
                theirs.payload, now.payload, window=window(self._recording), ignore=self._ignore,
                tolerances=self._tolerance,
            ))  # fmt: skip
            return self._results(found) if found else None
        kind = f"{_how(now)} instead of {_how(theirs)}"
        return Failure("difference", printable(kind), f"now {ended(now)}; {self._other.name}: {ended(theirs)}", ())

    def _results(self, found: Sequence[Difference]) -> Failure:
        first = found[0]
        theirs = "nothing" if first.kind == "added" else _shown(first.recorded)
        ours = "nothing" if first.kind == "removed" else _shown(first.actual)
        more = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
        place = re.sub(r"\[\d+\]", "[*]", first.path)
        message = f"{first.path}: now {ours}; {self._other.name}: {theirs}{more}"
        return Failure("difference", printable(f"another {place}"), printable(message), ())


def _how(outcome: Outcome) -> str:
    return "a result" if outcome.state == "returned" else str(outcome.payload.error_type)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
