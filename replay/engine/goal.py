"""A signature in the code that is here: which lines its frames mean, how near a run came, whether a failure is it.

The frames may come from another machine and another day: files match by the end of their paths, places by function
and by the text of the line. On the way to the failing line stand milestones: each function, in it the blocks around
the line that goes on, and that line. How many of them a run reached, one after the other, is how near it came.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from replay.core.fingerprint import foreign
from replay.core.recording import Outcome
from replay.core.signature import Signature, SignatureError, function_name, is_type, plain
from replay.core.verdict import Frame
from replay.engine.failures import Failure, relative
from replay.engine.lines import LARGEST, Lines, in_project

_INSTALLED = ("site-packages/", "dist-packages/")
_FOLDERS = ("", "src/", "lib/", "app/")
"""Below the project's root, where the code of an installed package may lie."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Spot(msgspec.Struct, frozen=True):
    """One frame of the signature, in the code that is here."""

    frame: Frame
    """As the signature has it."""
    file: str
    """Here, absolute."""
    function: str
    first: int
    """First line of the function."""
    last: int
    lines: frozenset[int] = frozenset()
    """That have the frame's text, within the function. Empty: the text is not known, or is not there any more."""


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
        frames = plain(signature.frames)
        if not signature.error_type:
            raise SignatureError("the traceback ends before the line that says the error's type: add --error TYPE")
        if not frames:
            raise SignatureError("the signature has no frames: give the whole traceback, or --at FILE:FUNCTION")
        found = [(number, spot) for number, frame in enumerate(frames) if (spot := self._spot(frame)) is not None]
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
        return is_type(self.signature.error_type, name)

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
        wanted, found = self.signature.message, failure.message.strip()
        return not wanted or wanted == found or wanted.startswith(f"{found}\n") or failure.kind == "status"

    def differs(self, outcome: Outcome) -> str | None:
        """What is not as in the signature beyond type and place: the library's frames, the cause, the members."""
        body = _body(outcome.payload.tree)
        if outcome.state != "raised" or body is None:
            return None  # a status: the error behind it is not told
        if self.tail and not self._is_tail(body):
            return f"it does not end in {self.tail[-1].function} of {_short(self.tail[-1].file)}"
        wanted = [each.error_type for each in self.signature.members]
        held = [str(each.get("type")) for member in body.get("members", ()) if (each := _body(member)) is not None]
        if any(not any(is_type(name, each) for each in held) for name in wanted):
            return f"its members are {', '.join(held) or 'none'}"
        cause, given = self.signature.cause, _body(body.get("cause", body.get("context")))
        if cause is not None and given is not None and not is_type(cause.error_type, str(given.get("type"))):
            return f"it was raised from {given.get('type')}"
        return None

    def _is_tail(self, body: dict[str, Any]) -> bool:
        frames = plain(Frame(str(f[0]), int(f[1]), str(f[2])) for f in body["frames"])
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

    def _spot(self, frame: Frame) -> Spot | None:
        files = list(self._files(frame.file))
        if files and not _is_library(frame.file):
            files += [file for file in _loaded(self.root) if file not in files]  # the function may have moved
        spots = [spot for file in files if (spot := _in_file(file, frame, exact=self.signature.exact)) is not None]
        return next((spot for spot in spots if spot.lines), spots[0] if spots else None)

    def _files(self, told: str) -> Iterator[str]:
        """The files here that a path may mean, the likeliest first."""
        parts = PurePosixPath(told.replace("\\", "/")).parts
        library = _is_library(told)
        starts = [_after(parts)] if library else range(1 if told[:1] == "/" else 0, len(parts))
        for start in starts:
            end = "/".join(parts[start:])
            for folder in _FOLDERS:
                if end and ".." not in parts and (self.root / folder / end).is_file():
                    yield str(self.root / folder / end)
        least = len(parts) - starts[0] if library else 1
        known = [(file, _common(file, parts)) for file in _loaded(self.root)] if least else []
        yield from (file for file, same in sorted(known, key=lambda pair: -pair[1]) if same >= least)

    def _milestones(self) -> Iterator[Milestone]:
        for number, spot in enumerate(self.spots):
            node = _function_at(spot)
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


def way_to(function: ast.AST, line: int) -> Iterator[int]:
    """First lines of the statements that are reached on the way to a line: of each block around it, then its own."""
    node: Any = function
    while True:
        for name in _BLOCKS:
            inner = [each for each in getattr(node, name, ()) if each is not None]
            around = next((each for each in inner if _holds(each, line)), None)
            if around is not None:
                break
        else:
            return
        if isinstance(around, ast.ExceptHandler) or type(around).__name__ == "match_case":
            node = around
            continue
        is_last = isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not any(
            _holds(each, line) for name in _BLOCKS for each in getattr(around, name, ())
        )
        if node is not function and not (is_last and inner[0] is around):
            yield inner[0].lineno
        if is_last:
            yield around.lineno
            return
        node = around


def _holds(node: Any, line: int) -> bool:
    first = getattr(node, "lineno", None)
    if first is None:  # a case of `match`
        return any(_holds(each, line) for each in node.body)
    return bool(first <= line <= (node.end_lineno or first))


def _mask(lines: Lines, milestone: Milestone) -> int:
    """The marks of a milestone, as a number; none where its function has no marks."""
    mask = 0
    for mark, (file, line) in enumerate(lines.lines):
        if file == milestone.file and line in milestone.lines:
            mask |= 1 << (8 * mark)
    return mask


@lru_cache(maxsize=64)
def tree_of(file: str) -> ast.Module | None:
    """The source of a file; None if it cannot be read."""
    try:
        source = Path(file).read_bytes()
        return ast.parse(source, file) if len(source) <= LARGEST else None
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _source(file: str) -> tuple[str, ...]:
    try:
        return tuple(Path(file).read_text("utf-8", "replace").splitlines())
    except OSError:
        return ()


def _functions(file: str, name: str) -> list[FunctionNode]:
    tree = tree_of(file)
    if tree is None:
        return []
    if name == "<lambda>":
        return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]


def _function_at(spot: Spot) -> FunctionNode | None:
    return next((each for each in _functions(spot.file, spot.function) if each.lineno == spot.first), None)


def _in_file(file: str, frame: Frame, *, exact: bool) -> Spot | None:
    """A frame in a file that is here; None if there is no such function. Of several the one with the text, then the
    one around the line, then the first."""
    spots = []
    for node in _functions(file, frame.function) or _generators(file, frame):
        last = node.end_lineno or node.lineno
        lines = (
            frozenset({frame.line} if node.lineno <= frame.line <= last else ()) if exact else _lines(file, node, frame)
        )
        spots.append(Spot(frame, file, frame.function, node.lineno, last, lines))
    around = [spot for spot in spots if spot.first <= frame.line <= spot.last]
    return next((spot for spot in (*(each for each in spots if each.lines), *around, *spots)), None)


def _generators(file: str, frame: Frame) -> list[Any]:
    """Of a generator expression: those of the file that begin where a line has the frame's text."""
    tree = tree_of(file)
    if frame.function != "<genexpr>" or tree is None:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.GeneratorExp)]


def _lines(file: str, node: Any, frame: Frame) -> frozenset[int]:
    text = frame.source.strip()
    if not text:
        return frozenset()
    source = _source(file)
    last = min(node.end_lineno or node.lineno, len(source))
    found = {line for line in range(node.lineno, last + 1) if source[line - 1].strip() == text}
    return frozenset({frame.line} if frame.line in found else found)


def _is_library(file: str) -> bool:
    return foreign(file) or file.startswith("<")


def _after(parts: Sequence[str]) -> int:
    """Where the path of an installed package's file begins, behind the folder of packages."""
    places = [number for number, part in enumerate(parts) if f"{part}/" in _INSTALLED]
    return places[-1] + 1 if places else len(parts)


def _loaded(root: Path) -> list[str]:
    """The project's modules that are loaded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return sorted({file for file in files if type(file) is str and file.endswith(".py") and in_project(root, file)})


def _common(file: str, parts: Sequence[str]) -> int:
    """How many parts two paths have in common at their ends."""
    count = 0
    for one, two in zip(reversed(PurePosixPath(file).parts), reversed(parts), strict=False):
        if one != two:
            break
        count += 1
    return count


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


def _nothing(frames: Sequence[Frame], root: Path) -> str:
    some = ", ".join(f"{_short(frame.file)} in {frame.function}" for frame in frames[-3:])
    return (
        f"no frame of the signature is in the project at {root}: looked for {some}; name the project with --root, "
        "or check out the code that failed"
    )


def project_name(spot: Spot, root: Path) -> str:
    """Its file, as the project names it."""
    return relative(root, spot.file)
