"""Recordings for tests: made for real, brought to a form in which two can be compared, changed in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

import replay
from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Verdict
from replay.engine import recorder


def record(folder: Path, work: Callable[[], Any], **options: Any) -> list[Recording]:
    """Run `work()` with capture on, whatever it raises; the recordings, read back from the bundles on disk."""
    options.setdefault("keep", replay.always())
    replay.init(service="test", spool=folder, **options)
    try:
        work()
    except Exception:
        pass
    finally:
        assert replay.flush(20)
        recorder.configure(None)
    bundles = sorted(folder.glob("*.replay.db"))
    found = [recording for path in bundles for recording in replay.open(path)]
    for path in bundles:
        path.unlink()
    return found


def normalised(recording: Recording) -> dict[str, Any]:
    """What a recording says, without when it was made and how the network cut the bodies."""
    context = recording.context.tree
    return {
        "entrypoint": recording.entrypoint,
        "input": recording.input.tree,
        "outcome": (recording.outcome.state, _timeless(recording.outcome.payload.tree)),
        "context": {name: context.get(name) for name in ("zone", "environ", "draws", "notes")},
        "interactions": sorted(
            (i.lane, number, i.boundary, i.target, msgspec.json.encode(i.request.tree), repr(_answer(i)), i.state)
            for number, i in enumerate(recording.interactions)
        ),
    }


def _answer(interaction: Interaction) -> Any:
    tree = interaction.answer.tree
    if isinstance(tree, dict) and "pieces" in tree and interaction.boundary == "http":
        body = b"".join(data for _, data in interaction.answer.decode()["pieces"])
        return {**_timeless(tree), "pieces": body}
    return _timeless(tree)


def _timeless(tree: Any) -> Any:
    """Without offsets, and without the lines of an error's frames."""
    if isinstance(tree, dict):
        return {name: _timeless(part) for name, part in tree.items() if name not in ("offset_ns", "frames")}
    return [_timeless(part) for part in tree] if isinstance(tree, list) else tree


def again(recording: Recording) -> tuple[Verdict, Recording]:
    """Replay it; the verdict, and the recording that this run would have made."""
    asked: dict[int, Value] = {}
    verdict = replay.run(recording, on_ask=lambda found, request: asked.update({found.seq: request}))
    assert verdict.outcome is not None
    interactions = tuple(
        msgspec.structs.replace(recording.interactions[seq], request=asked[seq]) for seq in sorted(asked)
    )
    return verdict, msgspec.structs.replace(recording, interactions=interactions, outcome=verdict.outcome)


def with_interactions(recording: Recording, interactions: Sequence[Interaction]) -> Recording:
    """The same, having asked these in this order."""
    numbered = (msgspec.structs.replace(one, seq=seq) for seq, one in enumerate(interactions))
    return msgspec.structs.replace(recording, interactions=tuple(numbered))


def without(recording: Recording, seq: int) -> Recording:
    """One interaction less."""
    return with_interactions(recording, [i for i in recording.interactions if i.seq != seq])


def swapped(recording: Recording, seq: int) -> Recording:
    """Two neighbours in the other order."""
    order = list(recording.interactions)
    order[seq], order[seq + 1] = order[seq + 1], order[seq]
    return with_interactions(recording, order)


def altered(recording: Recording, seq: int, old: str, new: str) -> Recording:
    """One request asked in other words."""
    one = recording.interactions[seq]
    text = one.request.text.replace(old, new)
    assert text != one.request.text
    changed = msgspec.structs.replace(one, request=Value(text), target=one.target.replace(old, new))
    return with_interactions(recording, [changed if i.seq == seq else i for i in recording.interactions])


def with_one_more(recording: Recording, seq: int, old: str, new: str) -> Recording:
    """A further request before interaction `seq`: that one in other words."""
    order = list(recording.interactions)
    order.insert(seq, altered(recording, seq, old, new).interactions[seq])
    return with_interactions(recording, order)


def answering(recording: Recording, seq: int, old: str, new: str) -> Recording:
    """One answer in other words."""
    one = recording.interactions[seq]
    text = one.answer.text.replace(old, new)
    assert text != one.answer.text
    changed = msgspec.structs.replace(one, answer=Value(text))
    return with_interactions(recording, [changed if i.seq == seq else i for i in recording.interactions])
