"""One case, in a process of its own: the benign run is captured, its recording searched until the crash is found.

`python -m tests.benchmarks.public.drive APP SECONDS ERROR FUNCTION MESSAGE [ALLOWED...]`, in a folder with APP.py and
its libraries; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import replay
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine import recorder
from replay.engine.progress import Find, Progress
from replay.surfaces.fuzz import Options, before, fuzz
from tests.benchmarks.public.server import serving

SHOWN = 30
"""Characters of a text, or half of those of an edit."""
CONTEXT = 6
"""Characters around what differs."""


def main(app: str, seconds: str, error: str, function: str, message: str, *allowed: str) -> None:
    recordings = captured(app)

    def is_it(find: Find) -> bool:
        failure = find.failure
        names = [frame.function for frame in failure.frames]
        return failure.error_type.rpartition(".")[2] == error and function in names and message in failure.message

    enough: list[Find] = []

    def watch(progress: Progress) -> None:
        if not enough and progress.finds and is_it(progress.finds[-1]):
            enough.append(progress.finds[-1])
            raise KeyboardInterrupt  # as a user who has seen enough

    options = Options(seconds=float(seconds), workers=1, allowed=allowed, root=".", out=Path("finds"))
    report = fuzz(recordings, options, watch)
    found = next((kept for kept in report.finds if is_it(kept.find)), None)
    shown: dict[str, Any] = {
        "finds": [
            f"{kept.find.failure.error_type}: {kept.find.failure.message} {kept.find.failure.frames[-1:]}"
            for kept in report.finds
        ],
        "executions": report.executions,
        "seconds": report.seconds,
        "skipped": report.skipped,
    }
    if found is not None:
        find = found.find
        shown |= {"executions": find.executions, "seconds": find.seconds, "reproduced": found.reproduced,
                  "bundle": str(found.bundle or ""),
                  "edits": [words(edit, old) for edit, old in before(found.parent, find.edits)]}  # fmt: skip
    print(json.dumps({"found": found is not None, **shown}))


def words(edit: Edit, old: Any) -> str:
    """One edit in a line; of a text that is another one, where they differ."""
    new = edit.argument
    if edit.operator != "set" or type(old) is not str or type(new) is not str:
        return clip(str(edit), 2 * SHOWN)
    start = alike(old, new)
    end = alike(old[start:][::-1], new[start:][::-1])
    first = max(0, start - CONTEXT)
    was, now = old[first : len(old) - max(0, end - CONTEXT)], new[first : len(new) - max(0, end - CONTEXT)]
    return f"{edit.path}: {clip(json.dumps(was))} is {clip(json.dumps(now))}"


def alike(one: str, other: str) -> int:
    """Characters at the start that are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def clip(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def captured(app: str) -> list[tuple[str, Recording]]:
    """The recordings of the benign run, through the product."""
    module = import_module(app)
    replay.init(service=app, spool="captures", keep=replay.always())
    with ExitStack() as stack:
        answer = getattr(module, "ANSWER", None)
        module.record(*([] if answer is None else [stack.enter_context(serving(answer))]))
    assert replay.flush(20)
    recorder.configure(None)
    return [(str(path), each) for path in sorted(Path("captures").glob("*.replay.db")) for each in replay.open(path)]


if __name__ == "__main__":
    main(*sys.argv[1:])
