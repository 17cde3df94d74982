"""Which failures are the same one: by what was raised, and by the project's own code on the way to it.

Recorded frames name files of the machine that recorded them, so files are told apart by their path below the folder
that the entry point's module was imported from, and lines only where both sides ran the same source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import msgspec

from replay.core.verdict import Frame

FRAMES = 6
"""Of the project, innermost, that tell failures apart: a recursion has any number."""
FAR = 2
"""Parts of a file's path that are kept where the project's folder is not known."""
_OURS = re.compile(r"(^|[/\\])replay[/\\](core|boundaries|engine|entrypoints)[/\\]")
_FOREIGN = re.compile(rf"site-packages|dist-packages|[/\\]lib[/\\]python3\.|^<|{_OURS.pattern}")
_INLINED = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""Functions of their own up to Python 3.11, and none from 3.12 on."""
_LIVE = re.compile(r"[/\\]replay[/\\]boundaries[/\\](call|stream)\.py$")
_INSTALLED = re.compile(r".*(?:site|dist)-packages[/\\]([^/\\]+?)(?:\.py$|[/\\])")


def places(frames: Iterable[Frame], *, lines: bool) -> tuple[tuple[Any, ...], ...]:
    """The innermost frames, each once: file and function, and the line if `lines`."""
    every = inlined(frames)
    named = ((one.file, one.line, one.function) if lines else (one.file, one.function) for one in every)
    return tuple(dict.fromkeys(named))[-FRAMES:]


def inlined(frames: Iterable[Frame]) -> list[Frame]:
    """Frames as every version of Python has them: a comprehension is a part of the function around it (PEP 709)."""
    found: list[Frame] = []
    for frame in frames:
        if frame.function.rpartition(".")[2] in _INLINED and found and found[-1].file == frame.file:
            found[-1] = msgspec.structs.replace(frame, function=found[-1].function)
        else:
            found.append(frame)
    return found


def foreign(file: str) -> bool:
    """Whether a file is a library's or ours, going by its path: recorded files need not be on this machine."""
    return _FOREIGN.search(file) is not None


def own(frames: Sequence[Frame], entrypoint: str) -> Sequence[Frame]:
    """The frames of the project; the innermost of all, if there is none."""
    return mine(frames, entrypoint) or frames[-1:]


def mine(frames: Sequence[Frame], entrypoint: str = "") -> Sequence[Frame]:
    """The frames of the project.

    The package that `entrypoint` (`module:qualname`) is in is the project, also where production installed it."""
    package = entrypoint.partition(":")[0].partition(".")[0]
    return [frame for frame in frames if not foreign(frame.file) or _installed(frame.file, package)]


def asking(frames: Sequence[Frame]) -> Sequence[Frame]:
    """The frames down to the first call of a boundary: what is below it went live, and a replay does not run it."""
    live = next((place for place, frame in enumerate(frames) if _LIVE.search(frame.file)), len(frames))
    return frames[:live]


def _installed(file: str, package: str) -> bool:
    found = _INSTALLED.match(file)
    return found is not None and found[1] == package and _OURS.search(file) is None


def below(entrypoint: str, frames: Iterable[Frame]) -> list[Frame]:
    """The frames with files named from the folder that `entrypoint` (`module:qualname`) was imported from.

    Files elsewhere keep the last parts of their path: a release folder must not make two failures of one.
    """
    found = list(frames)
    root = _root(entrypoint.partition(":")[0], found)
    return [msgspec.structs.replace(frame, file=_short(frame.file, root)) for frame in found]


def _root(module: str, frames: list[Frame]) -> str | None:
    path = module.replace(".", "/")
    for frame in frames:
        file = frame.file.replace("\\", "/")
        for ending in (f"/{path}.py", f"/{path}/__init__.py"):
            if path and f"/{file}".endswith(ending):
                return file[: len(file) - len(ending) + 1]
    return None


def _short(file: str, root: str | None) -> str:
    file = file.replace("\\", "/")
    if root is not None and file.startswith(root):
        return file[len(root) :]
    return "/".join(PurePosixPath(file).parts[-FAR:])


def digest(*facts: Any) -> str:
    """Twelve hex digits that are equal for equal facts (SHA-256 of their JSON)."""
    return sha256(msgspec.json.encode(facts)).hexdigest()[:12]
