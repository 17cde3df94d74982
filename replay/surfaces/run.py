"""Opening a bundle and replaying a recording."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from replay.boundaries import ALL, known
from replay.boundaries.clock import linger, move_to, near, stood, wait, waited
from replay.boundaries.model import predict
from replay.core.promoted import promoted, with_onward
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.engine.invariants import load as load_modules
from replay.engine.mutant import Mutant
from replay.engine.onward import Onward
from replay.engine.player import OnAsk, Player
from replay.engine.session import Session
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.errors import UsageError
from replay.store.bundle import Bundle, open_bundle
from replay.surfaces.config import bounded, compared, load
from replay.surfaces.init import install, listen, replaying

_ALL = ("$",)
"""A pattern of `ignore`: the outcome, whatever it is."""


def open(path: str | os.PathLike[str]) -> Bundle:
    """The bundle at `path`. Raises BundleError if it is missing, damaged, of a newer format, or no bundle."""
    return open_bundle(Path(path))


def run(
    recording: Recording,
    *,
    root: str | os.PathLike[str] | None = None,
    allow: Sequence[str] = (),
    targets: Mapping[str, str] | None = None,
    live: Collection[str] = (),
    ignore: Collection[str] | None = (),
    tolerance: float | None = None,
    writable: Collection[str] = (),
    on_ask: OnAsk | None = None,
    onward: bool = False,
    once: bool = False,
) -> Verdict:
    """Replay `recording` in this process, offline.

    `root`: the project whose code may be imported (default: the folder of the nearest `pyproject.toml`, else the
    current one). `allow`: further modules. `targets`: entry point -> the one to run instead. `live`: boundaries that
    are not replayed. `ignore`: paths of the outcome that are not compared (`$.items[*].id`); None: it is not compared
    at all. `tolerance`: relative, for numbers, from 0 to below 1; None: that of the configuration. `writable`: folders
    that the code may write to, beside the temporary one. `on_ask`: called where an interaction was asked, before it is
    served. `onward`: run as the test of a fix does, with the answers that `replay promote` added and draws that go on.
    `once`: for debuggers, it is not run again where it only asks what production's process had asked before.
    A mutation (`replay.mutations`) runs as in a search: another request than the recorded ones gets the nearest
    recorded answer, and its verdict compares with its parent. Options are added to those of `[tool.replay-harness]`.
    Never raises for what the recording or the code does: the verdict says it. Raises UsageError for an option, a
    configuration or an invariant that cannot be meant, and for what is no recording.
    """
    if not isinstance(recording, Recording):
        raise UsageError(f"replay.run takes a recording, replay.open(PATH)[ID], not a {type(recording).__qualname__}.")
    compared(ignore or (), "ignore")
    bounded(tolerance or 0.0, "tolerance")
    known(live, "live")
    config = load(root)
    place = str(config.root)
    if place not in sys.path:
        sys.path.insert(0, place)
    install()
    if config.imports:
        with replaying():
            load_modules(config.imports)
    session = Session(
        boundaries=ALL,
        runners=RUNNERS,
        targets=Targets(config.root, (*config.allow, *allow), {**config.targets, **(targets or {})}),
        move=move_to,
        wait=wait,
        linger=linger,
        near=near,
        stood=stood,
        waited=waited,
        listen=listen,
        live=live,
        ignore=_ALL if ignore is None else (*config.ignore, *ignore),
        tolerance=config.tolerance if tolerance is None else tolerance,
        on_ask=on_ask,
        once=once,
        folders=(*config.writable, *writable),
        player=Mutant if _has_not_run(recording) else Onward if onward else Player,
        predict=predict,
    )
    with replaying():
        return session.run(_with_answers(recording) if onward else recording)


def _has_not_run(recording: Recording) -> bool:
    """Whether it is a mutation that says how its parent ended; a find of a search says how it ended itself."""
    strategies = sys.modules.get("replay.engine.strategies")  # who never loaded it has no such mutation
    return strategies is not None and isinstance(recording, strategies.Mutated)


def _with_answers(recording: Recording) -> Recording:
    """The recording with the answers that were added for a fix; without them if no recorder writes such numbers."""
    found = promoted(recording)
    try:
        return recording if found is None else with_onward(recording, found.onward)
    except ValueError:
        return recording
