"""What `replay run --check` changes, one thing at a time, to see what varies with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from replay.boundaries.timeline import Timeline
from replay.core.noise import with_noise
from replay.core.recording import Recording
from replay.engine.steps import STEPS
from replay.surfaces.job import Probe

AGAIN = "varies from run to run"
"""The cause of what varies though nothing is changed."""
_OFFSET = (25 * 3600 + 61) * 10**9
_HASH_SEEDS = ("1", "4242", "77777")
_ZONES = ("<+0545>-05:45", "<-0330>+03:30")
_LOCALES = ("tr_TR.UTF-8", "C")
_SWITCH = 1e-6
_SPANS = (50, 3, 6)
"""Thousandths by which everything takes longer. What decides something seldom does otherwise for three."""
COARSE = (500, 1_000)
"""The same, for what is measured in few digits."""
_TICK = 1_536
"""Nanoseconds a thousandth by which each reading of a monotonic clock moves it further."""


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is changed for a replay."""

    name: str
    probe: Probe = Probe()
    change: Callable[[Recording], Recording] = lambda recording: recording
    declared: bool = False
    """A replay sets it from the recording."""
    span: int = 0
    """Thousandths by which everything takes longer. What that moves evenly, and the clock does not, is how long
    something took: of that a recording has no more than how long answers took, without what the code computed."""
    folder: str | None = None
    """The working folder."""


BASE = Factor(name=AGAIN)


def factors(recording: Recording, folder: str, environ: Mapping[str, str | None]) -> list[Factor]:
    """What is changed, one at a time; never to what `environ`, in which the recording is replayed, has already."""
    seeds = [seed for seed in _HASH_SEEDS if seed != environ.get("PYTHONHASHSEED")]
    zone = next(zone for zone in _ZONES if zone != environ.get("TZ"))
    locale = next(name for name in _LOCALES if name != environ.get("LC_ALL"))
    return [
        *(Factor(name="hash seed", probe=Probe(environment={"PYTHONHASHSEED": seed})) for seed in seeds[:2]),
        Factor(name="time zone", probe=Probe(environment={"TZ": zone})),
        Factor(name="locale", probe=Probe(environment={"LC_ALL": locale, "LANGUAGE": None, "PYTHONUTF8": "0"})),
        Factor(name="working folder", probe=Probe(folder=folder), folder=folder),
        *map(longer, _SPANS),
        Factor(name="thread switch interval", probe=Probe(switch_interval=_SWITCH)),
        Factor(name="clock", change=lambda found: replace(found, started_at=found.started_at + _OFFSET), declared=True),
        Factor(name="recorded time zone", change=lambda found: with_context(found, zone=zone), declared=True),
    ]


def longer(span: int) -> Factor:
    """Everything takes so many thousandths longer."""
    tick = Timeline.tick + span * _TICK
    return Factor(name="time that it takes", probe=Probe(tick=tick), change=partial(_longer, span), span=span)


def _longer(span: int, recording: Recording) -> Recording:
    """All took that much longer, in the same order."""

    def later(nanoseconds: int) -> int:
        return nanoseconds * (1_000 + span) // 1_000

    interactions = tuple(
        replace(each, offset_ns=later(each.offset_ns), duration_ns=later(each.duration_ns))
        for each in recording.interactions
    )
    recording = replace(recording, interactions=interactions, duration_ns=later(recording.duration_ns))
    steps = recording.facts.get(STEPS) if isinstance(recording.facts, dict) else None
    if not isinstance(steps, dict):
        return recording
    moved = {
        lane: [later(each) if type(each) is int else each for each in taken] if isinstance(taken, list) else taken
        for lane, taken in steps.items()
    }
    return with_context(recording, **{STEPS: moved})


def with_context(recording: Recording, **changes: Any) -> Recording:
    context = recording.context.tree
    if not isinstance(context, dict):
        return recording
    text = msgspec.json.encode({**context, **changes}).decode()
    return replace(recording, context=replace(recording.context, text=text))


def settled(recording: Recording) -> Recording:
    """Without known noise, which is found anew. What replays draw does not depend on what is changed here."""
    context = recording.context.tree
    entropy = context.get("entropy") if isinstance(context, dict) else None
    if not isinstance(entropy, dict) or not entropy.get("seed"):
        recording = with_context(recording, entropy={"lengths": {}, "seed": recording.digest})
    return with_noise(recording, ())
