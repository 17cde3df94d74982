"""A signature in the code that is here: which lines its frames mean, how near a run came, whether a failure is it.

The frames may come from another machine and another day: files match by the end of their paths, places by function
and by the text of the line. On the way to the failing line stand milestones: each function, in it the blocks around
the line that goes on, and that line. How many of them a run reached, one after the other, is how near it came.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from replay.core.members import types, way
from replay.core.recording import Outcome
from replay.core.signature import Signature, SignatureError, function_name, is_type, plain
from replay.core.verdict import Frame
from replay.engine.failures import Failure
from replay.engine.lines import Lines, in_project
from replay.engine.spots import function_at, spot_of, way_to


class Milestone(msgspec.Struct, frozen=True):
    """Something that must be reached on the way."""

    spot: int
    """Number of the frame that it belongs to."""
    file: str
    lines: frozenset[int]
    """First lines of statements, one of which is to be reached."""
    what: str
    """`function`, `block`, `line`."""


class Near(msgspec.Struct, frozen=True, order=True):
    """How near a run came; more is nearer."""

    reached: int = 0
    """Milestones."""
    place: bool = False
    """It failed where the signature does, with another type."""
    kind: bool = False
    """It raised the signature's type elsewhere."""


class Goal:
    """What is looked for."""

    def __init__(self, signature: Signature, root: Path, targets: Collection[str] = (),
                 entrypoints: Collection[str] = ()) -> None:  # fmt: skip
        """`targets`: boundary functions, as `module:qualname`: no replay runs them, so the frame that called the first
        of them is the last one. `entrypoints`: of the recordings; what is around them in the signature was not
        recorded. Raises SignatureError where the frames name nothing in the project."""
        self.signature, self.root = signature, root
        frames = plain(signature.way)
        if not signature.error_type:
            raise SignatureError("the traceback ends before the line that says the error's type: add --error TYPE")
        if not frames:
            raise SignatureError("the signature has no frames: give the whole traceback, or --at FILE:FUNCTION")
        found = [
            (number, spot)
            for number, frame in enumerate(frames)
            if (spot := spot_of(frame, root, exact=signature.exact)) is not None
        ]
        if not found:
            raise SignatureError(_nothing(frames, root), slug="signature-foreign")
        inside = [(number, each) for number, frame in enumerate(frames) for each in targets if _is_target(each, frame)]
        self.cut = inside[0][1] if inside else None
        """The boundary that raised, where it is one."""
        if inside:
            found = [(number, spot) for number, spot in found if number < inside[0][0]]
        starts = [number for number, frame in enumerate(frames) if any(_is_target(each, frame) for each in entrypoints)]
        found = [(number, spot) for number, spot in found if not starts or number >= starts[0]]
        if not found:
            raise SignatureError(f"{self.cut} is a boundary, which no replay runs: name the function that called it")
        self.spots = tuple(spot for _, spot in found)
        after = frames[found[-1][0] + 1 :]
        self.tail = () if self.cut else tuple(each for each in after if not _is_ours(each.file))
        """Frames of libraries that the last frame of the project called."""
        self.milestones = tuple(self._milestones())
        self._masks: list[int] = []
        self._marks = -1

    @property
    def files(self) -> list[str]:
        """Of the project."""
        return sorted({spot.file for spot in self.spots})

    @property
    def needs_outcome(self) -> bool:
        """Whether type and place alone do not say that a failure is the one."""
        return bool(self.tail or self.signature.members or self.signature.cause)

    # What a run did ---------------------------------------------------------------------------------------------

    def near(self, lines: Lines, reached: int, failure: Failure | None) -> Near:
        """How near a run came that reached these lines and failed so."""
        if self._marks != len(lines.lines):
            self._marks = len(lines.lines)
            self._masks = [_mask(lines, milestone) for milestone in self.milestones]
        count = 0
        for number, mask in enumerate(self._masks):
            if mask & reached:
                count = number + 1
            elif mask and count:  # what is before the first may lie outside of what was recorded
                break
        if failure is None:
            return Near(count)
        return Near(count, self.is_here(failure), self.is_kind(failure))

    def is_kind(self, failure: Failure) -> bool:
        """Whether it is of the signature's type; of a status, whether the error behind it is."""
        name = failure.frames[-1].source if failure.kind == "status" and failure.frames else failure.error_type
        return is_type(self.signature.error_type, name.partition(" of ")[0])

    def is_here(self, failure: Failure) -> bool:
        """Whether it came from where the signature's did."""
        frames = plain(failure.frames)
        if not frames:
            return False
        last, spot = frames[-1], self.spots[-1]
        if last.function != spot.function or (self.root / last.file) != Path(spot.file):
            return False
        return last.line in spot.lines if spot.lines else spot.first <= last.line <= spot.last

    def is_met(self, failure: Failure) -> bool:
        """Type and place are those of the signature."""
        return self.is_kind(failure) and self.is_here(failure)

    def is_said(self, failure: Failure) -> bool:
        """Whether its message is the signature's, as far as that is known; of a logged one lines may follow it."""
        wanted, found = _bare(self.signature.message), _bare(failure.message.strip())
        if failure.members:
            found = found[: len(wanted)]  # that of the first in the group stands behind its own
        return not wanted or wanted == found or wanted.startswith(f"{found}\n") or failure.kind == "status"

    def differs(self, outcome: Outcome) -> str | None:
        """What is not as in the signature beyond type and place: the library's frames, the cause, the members."""
        body = _body(outcome.payload.tree)
        if outcome.state != "raised" or body is None:
            return None  # a status: the error behind it is not told
        if self.tail and not self._is_tail(body):
            return f"it does not end in {self.tail[-1].function} of {_short(self.tail[-1].file)}"
        wanted = [each.error_type for each in self.signature.leaves]
        held = types(body)
        if any(not any(is_type(name, each) for each in held) for name in wanted):
            return f"its members are {', '.join(held) or 'none'}"
        cause, given = self.signature.cause, _body(body.get("cause", body.get("context")))
        if cause is not None and given is not None and not is_type(cause.error_type, str(given.get("type"))):
            return f"it was raised from {given.get('type')}"
        return None

    def _is_tail(self, body: dict[str, Any]) -> bool:
        frames = plain(Frame(str(f[0]), int(f[1]), str(f[2])) for f in way(body))
        ours = [number for number, frame in enumerate(frames) if _is_ours(frame.file)]
        last = max((n for n, f in enumerate(frames) if in_project(self.root, f.file)), default=-1)
        is_cut = any(number > last for number in ours)  # answered by a recording: the library got no further
        end = next((number for number in ours if number > last), len(frames))
        inside = frames[last + 1 : end]
        if not inside:
            return is_cut
        wanted = self.tail if is_cut else self.tail[-1:]
        return any(_is_alike(inside[-1], each) for each in wanted)

    def told(self, near: Near) -> str:
        """How near that is, in words."""
        total = len(self.spots)
        done = self.milestones[: near.reached]
        full = sum(each.what == "line" for each in done)
        text = f"reached {full} of {total} frames"
        if full < total:
            here = [each for each in done if each.spot == full]
            name = self.spots[full].function
            if not here:
                text += f"; {name} was not reached"
            elif len(here) == 1:
                text += f"; {name} was reached, the line not"
            else:
                text += f"; {name} was reached, and {len(here) - 1} of {self._blocks(full)} blocks around the line"
        if near.place and near.kind:
            text += "; it failed there so"
        elif near.place:
            text += f"; it failed there, but not with {self.signature.error_type}"
        elif near.kind:
            text += f"; {self.signature.error_type} was raised elsewhere"
        return text

    def _blocks(self, spot: int) -> int:
        return sum(each.what == "block" for each in self.milestones if each.spot == spot)

    # The code that is here --------------------------------------------------------------------------------------

    def _milestones(self) -> Iterator[Milestone]:
        for number, spot in enumerate(self.spots):
            node = function_at(spot)
            if isinstance(node, ast.Lambda) or node is None:
                continue
            what = "function" if spot.lines else "line"
            yield Milestone(number, spot.file, frozenset(range(spot.first, spot.last + 1)), what)
            if not spot.lines:
                continue
            ways = [list(way_to(node, line)) for line in sorted(spot.lines)]
            for level in range(min(map(len, ways)) - 1):
                yield Milestone(number, spot.file, frozenset(way[level] for way in ways), "block")
            yield Milestone(number, spot.file, frozenset(way[-1] for way in ways if way), "line")


def _mask(lines: Lines, milestone: Milestone) -> int:
    """The marks of a milestone, as a number; none where its function has no marks."""
    mask = 0
    for mark, (file, line) in enumerate(lines.lines):
        if file == milestone.file and line in milestone.lines:
            mask |= 1 << (8 * mark)
    return mask


def _is_target(target: str, frame: Frame) -> bool:
    """Whether a frame is in a boundary function: by its name, and by as much of the file's path as both tell."""
    module, _, name = target.partition(":")
    path = f"/{module.replace('.', '/')}"
    file = f"/{frame.file}".replace("\\", "/")
    is_file = any(
        file.endswith(end) or f"{path}{end[len(path) :]}".endswith(file)
        for end in (f"{path}.py", f"{path}/__init__.py")
    )
    return function_name(name) == frame.function and is_file


def _is_ours(file: str) -> bool:
    parts = PurePosixPath(file.replace("\\", "/")).parts
    return any(pair in _ROOMS for pair in pairwise(parts)) or "/vcr/" in file


_ROOMS = frozenset(("replay", room) for room in ("core", "boundaries", "engine", "entrypoints"))


def _is_alike(frame: Frame, wanted: Frame) -> bool:
    """The same function of a library, perhaps of another version."""
    return frame.function == wanted.function and _short(frame.file) == _short(wanted.file)


def _short(file: str) -> str:
    return "/".join(PurePosixPath(file.replace("\\", "/")).parts[-2:])


def _body(tree: Any) -> dict[str, Any] | None:
    """What an encoded error holds."""
    while isinstance(tree, dict) and "$id" in tree:
        tree = tree["$id"][1]
    found = tree.get("$error") if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else None


def _bare(message: str) -> str:
    """A message that is one quoted text, as of a KeyError, without its quotes: a log, or another language's runtime,
    may have written others."""
    if len(message) > 2 and message[0] == message[-1] and message[0] in "'\"":
        try:
            said = ast.literal_eval(message)
        except (SyntaxError, ValueError):
            return message
        return said if type(said) is str else message
    return message


def _nothing(frames: Sequence[Frame], root: Path) -> str:
    some = ", ".join(f"{_short(frame.file)} in {frame.function}" for frame in frames[-3:])
    return (
        f"no frame of the signature is in the project at {root}: looked for {some}; name the project with --root, "
        "or check out the code that failed"
    )
