"""Why a replay that is not green may say nothing of the code: what a recording cannot tell, or does not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from replay.core.compare import unexpected
from replay.core.noise import OUTCOME
from replay.core.recording import Recording
from replay.core.redaction.marks import marks_of, places_of
from replay.core.verdict import Difference
from replay.engine.ambiguity import nondeterminism
from replay.engine.entropy import LONG

_MOST = 3
"""Places named in a reason."""


def doubts(recording: Recording, difference: Collection[Difference], short_draws: int) -> str | None:
    """What else than the code may have made a run end in another way; None if nothing did.

    `short_draws`: how many short ones of `secrets` and `os.urandom` the run made.
    """
    found = [nondeterminism(recording), *_masked(recording, difference), *_drawn(short_draws)]
    return " ".join(filter(None, found)) or None


def _masked(recording: Recording, difference: Collection[Difference]) -> Iterator[str]:
    if not recording.redacted:
        return
    masked = {path for place, path, _ in places_of(marks_of(recording)) if place == OUTCOME}
    paths = [each.path for each in unexpected(difference) if each.kind == "changed" and each.path in masked]
    if paths:
        more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
        yield (
            f"redacted: what production had at {', '.join(paths[:_MOST])}{more} is masked in the recording, so whether "
            "the code now says the same there cannot be told."
        )


def _drawn(number: int) -> Iterator[str]:
    if number:
        times = "once" if number == 1 else f"{number} times"
        yield (
            f"short draws: the code drew less than {LONG} bytes from `secrets` or `os.urandom` {times} (`choice`, "
            "`randbelow`, a code of some digits). No recording keeps what was drawn, so what is computed of it is "
            "another at each replay."
        )
