"""How a worker ended before its run did, read as a failure: the status of the process and the stack that was left."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from replay.core.verdict import Frame
from replay.engine.failures import Failure, relative
from replay.engine.lines import in_project

EXIT_MARK = "replay: os._exit"
"""Written before the stack of a call of `os._exit`."""
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')
Stack = tuple[Frame, ...]
"""Frames of the project, outermost first."""


def died(status: int, trace: str, root: Path) -> Failure:
    """The failure of a process that ended by itself. `status`: as `os.waitpid` gives it; `trace`: what `faulthandler`
    has written."""
    frames = stack(trace, root)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return Failure("crash", name, f"the process was ended by {name}", frames)
    how = "os._exit" if EXIT_MARK in trace else "exit"
    return Failure("exit", how, f"the process ended with status {os.WEXITSTATUS(status)}", frames)


def hung(limit: float, looks: Sequence[str], root: Path) -> Failure:
    """The failure of a run that did not end. `looks`: what `faulthandler` has written, several times."""
    found = [each for each in (stack(look, root) for look in looks) if each]
    return Failure("hang", "Overrun", f"did not end within {limit:g} s", common(found))


def stack(trace: str, root: Path) -> Stack:
    """Of the thread that was running; if it ran no code of the project, of the first one that did."""
    threads: list[tuple[bool, list[Frame]]] = []
    for line in trace.splitlines():
        frame = _FRAME.match(line)
        if frame is None:
            threads.append((line.startswith("Current thread"), []))
        elif threads and in_project(root, frame[1]):
            threads[-1][1].append(Frame(relative(root, frame[1]), int(frame[2]), frame[3]))
    found = sorted((each for each in threads if each[1]), key=lambda each: not each[0])
    return tuple(reversed(found[0][1])) if found else ()


def common(looks: Sequence[Stack]) -> Stack:
    """The frames that all looks share: the last of them is where it goes round."""
    if not looks:
        return ()
    (outermost, _), *_ = Counter((look[0].file, look[0].function) for look in looks).most_common(1)
    # one that was read while it was written lacks its outer frames
    first, *others = [look for look in looks if (look[0].file, look[0].function) == outermost]
    shared: list[Frame] = []
    for place, frame in enumerate(first):
        same = [other[place] for other in others if len(other) > place]
        if len(same) < len(others) or any((each.file, each.function) != (frame.file, frame.function) for each in same):
            break
        lines = {frame.line, *(each.line for each in same)}
        shared.append(Frame(frame.file, min(lines), frame.function))
        if len(lines) > 1:
            break
    return tuple(shared)
