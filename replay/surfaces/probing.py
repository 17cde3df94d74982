"""What a fresh process does besides, when `replay run --check` wants to know what a replay asked and did."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from replay.boundaries.timeline import Timeline
from replay.core.codec import Value
from replay.core.recording import Interaction
from replay.engine.player import OnAsk
from replay.surfaces.config import load
from replay.surfaces.job import Asked, Job


class Probed:
    """What was found out. Of a job without a probe: nothing."""

    def __init__(self) -> None:
        self.on_ask: OnAsk | None = None
        self.asked: list[Asked] = []
        self.trace = b""


@contextmanager
def probing(job: Job) -> Iterator[Probed]:
    """Watch what runs meanwhile, as the job's probe says."""
    found, probe = Probed(), job.probe
    if probe is None:
        yield found
        return
    from replay.engine.user_code import UserCode, place
    from replay.surfaces.tracing import Tracer, pack

    root = load(job.options.root).root
    ours = UserCode(root)

    def on_ask(interaction: Interaction, request: Value) -> None:
        frame = next(ours.outward(sys._getframe(1)), None)
        found.asked.append(Asked(interaction.seq, request, None if frame is None else place(frame)))

    found.on_ask = on_ask
    if probe.switch_interval is not None:
        sys.setswitchinterval(probe.switch_interval)
    if probe.tick is not None:
        Timeline.tick = probe.tick
    if not probe.trace:
        yield found
        return
    _import_first(job)
    tracer = Tracer(root)
    with tracer.running():
        yield found
    found.trace = pack(tracer.trace)


def _import_first(job: Job) -> None:
    """What a replay itself may import as it runs: under a tracer that takes seconds."""
    import deepdiff  # noqa: F401  # imported for what it does
    import time_machine  # noqa: F401

    if any(interaction.boundary == "http" for interaction in job.recording.interactions):
        import replay.boundaries.http.cassette  # noqa: F401
