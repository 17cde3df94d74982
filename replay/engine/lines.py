"""Which lines of the project's functions a run reaches, at the cost of one byte written a statement.

The project's modules are compiled once more from their source with a mark before each statement, and the functions
that exist take that code until the search ends: same lines, same names, same frames. `sys.settrace` would be told of
every call in every library as well, which makes a run with an HTTP client five times slower. A function is left alone
if its source no longer gives the code that it has, and statements outside functions are not counted.
"""

from __future__ import annotations

import ast
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

from replay.core.verdict import Frame

Line = tuple[str, int]
Key = tuple[str, str, int]
LARGEST = 4 << 20
"""Bytes of a source file that is read."""
_PACKAGE = str(Path(__file__).parent.parent)
_MARK = "replay: a line was reached"
_NUMBER = "replay: it is number "
"""Constants that the compiler keeps; in the code that runs the marks' own bytes and the number take their place."""


def in_project(root: Path, file: str) -> bool:
    """Whether a file is the project's own code: below the root, and no installed package. Our demo counts."""
    if file.startswith(_PACKAGE):
        return "/demo/" in file
    return file.startswith(f"{root}/") and "site-packages" not in file and "/.venv/" not in file


class Lines:
    """The lines of the project that runs reach. `close` gives the functions their own code back."""

    def __init__(self, root: Path, packages: tuple[str, ...] = ()) -> None:
        """`packages`: folders and files of installed code whose lines count too."""
        self.root, self._packages = root, packages
        self.lines: list[Line] = []
        """By the number of their mark."""
        self._marks = bytearray()
        self._seen = 0
        self._files: dict[str, dict[Key, tuple[CodeType, CodeType]]] = {}
        self._changed: list[tuple[FunctionType, CodeType]] = []
        self._modules = 0

    def prepare(self) -> None:
        """Mark the functions of the project's modules that are loaded by now. To be called again costs little."""
        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        fresh = [file for file in self._loaded() if file not in self._files]
        for file in fresh:
            self._files[file] = self._compiled(file)
        if fresh:
            for each in gc.get_objects():
                if type(each) is FunctionType and self._is_there(each):
                    self._exchange(each)

    def _is_there(self, function: FunctionType) -> bool:
        """Whether its code stands in one of the files. That of its module is looked at first: to read `__code__` raises
        an audit event, and there are tens of thousands of functions."""
        file = dict.get(function.__globals__, "__file__")
        return type(file) is str and file in self._files and function.__code__.co_filename in self._files

    def start(self) -> None:
        """A run begins."""
        self._marks[:] = bytes(len(self._marks))

    def reached(self) -> int:
        """The lines that the run has reached, as a number with a byte, 1 or 0, for each."""
        return int.from_bytes(self._marks, "little")

    def marks(self) -> bytes:
        """The same as bytes, without the zeros at the end."""
        return bytes(self._marks.rstrip(b"\0"))

    def add(self, reached: int) -> bool:
        """Count lines as seen; whether there were new ones."""
        before, self._seen = self._seen, self._seen | reached
        return self._seen != before

    def learn(self, line: Line) -> None:
        """Number a line that another process has marked."""
        self.lines.append(line)
        self._marks.append(0)

    @property
    def count(self) -> int:
        """Lines seen so far."""
        return self._seen.bit_count()

    @property
    def files(self) -> list[str]:
        """Files with a line that was seen."""
        seen = self._seen.to_bytes(len(self._marks), "little")
        return sorted({file for (file, _), mark in zip(self.lines, seen, strict=True) if mark})

    def close(self) -> None:
        """Undo what `prepare` did."""
        for function, code in self._changed:
            function.__code__ = code
        self._changed.clear()

    def _loaded(self) -> Iterator[str]:
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if type(file) is not str or not file.endswith(".py"):
                continue
            if in_project(self.root, file) or (self._packages and file.startswith(self._packages)):
                yield file

    def _compiled(self, file: str) -> dict[Key, tuple[CodeType, CodeType]]:
        """By name and first line: the code of each function as it is, and with marks."""
        made = _compilation(file)
        if made is None:
            return {}
        first = len(self.lines)
        self.lines += [(file, number) for number in made.numbers]
        self._marks += bytes(len(made.numbers))
        ours = {_key(code): code for code in _codes(self._with_marks(made.marked, first))}
        return {_key(code): (code, ours[_key(code)]) for code in _codes(made.plain) if _key(code) in ours}

    def _with_marks(self, code: CodeType, first: int) -> CodeType:
        constants: list[Any] = []
        for each in code.co_consts:
            if type(each) is CodeType:
                each = self._with_marks(each, first)
            elif type(each) is str and each.startswith(_NUMBER):
                each = first + int(each.removeprefix(_NUMBER))
            constants.append(self._marks if each == _MARK else each)
        return code.replace(co_consts=tuple(constants))

    def _exchange(self, function: FunctionType) -> None:
        code = function.__code__
        found = self._files[code.co_filename].get(_key(code))
        if found is None or found[0] != code or found[1].co_freevars != code.co_freevars:
            return
        function.__code__ = found[1]
        self._changed.append((function, code))


class _Compilation(NamedTuple):
    """A file with marks that are still to be numbered."""

    state: tuple[int, int]
    plain: CodeType
    marked: CodeType
    numbers: list[int]
    """Of the line of each mark."""


_made: dict[str, _Compilation] = {}
"""By file: each recording of a search has lines of its own, of the same files."""


def _compilation(file: str) -> _Compilation | None:
    """None if it cannot be had."""
    try:
        about = os.stat(file)
        state = (about.st_mtime_ns, about.st_size)
        made = _made.get(file)
        if made is None or made.state != state:
            source = Path(file).read_bytes() if about.st_size <= LARGEST else b""
            marks = _Marked()
            plain = compile(source, file, "exec", dont_inherit=True)
            tree = ast.fix_missing_locations(marks.visit(ast.parse(source, file)))
            made = _made[file] = _Compilation(
                state, plain, compile(tree, file, "exec", dont_inherit=True), marks.numbers
            )
        return made
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_name, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if type(each) is CodeType:
            yield each
            yield from _codes(each)


class _Marked(ast.NodeTransformer):
    """Puts `MARKS[number] = 1` before each statement of a function."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._inside = 0

    def visit_FunctionDef(self, node: Any) -> Any:
        self._inside += 1
        self._fill(node)
        self._inside -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def generic_visit(self, node: ast.AST) -> Any:
        self._fill(node)
        return node

    def _fill(self, node: Any) -> None:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, name, self._block(block, has_docstring=isinstance(node, _DOCUMENTED) and name == "body"))
        for name in ("handlers", "cases"):
            for each in getattr(node, name, ()):
                self._fill(each)

    def _block(self, block: list[ast.stmt], *, has_docstring: bool) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for place, statement in enumerate(block):
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            visited = self.visit(statement)
            if self._inside and not (place == 0 and has_docstring and is_text):
                out.append(self._mark(statement))
            out.append(visited)
        return out

    def _mark(self, statement: ast.stmt) -> ast.stmt:
        place = ast.Subscript(ast.Constant(_MARK), ast.Constant(f"{_NUMBER}{len(self.numbers)}"), ast.Store())
        self.numbers.append(statement.lineno)
        mark = ast.Assign([place], ast.Constant(1))
        for node in ast.walk(mark):
            ast.copy_location(node, statement)
        return mark


_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def standing(root: Path, within: str) -> tuple[Frame, ...]:
    """The frames of the project on the stack of the calling thread, outermost first; `within`: the file whose function
    runs the project's code, where the stack is another's."""
    found: list[Frame] = []
    frame = sys._getframe(1).f_back
    while frame is not None and frame.f_code.co_filename != within:
        code = frame.f_code
        if in_project(root, code.co_filename):
            found.append(Frame(code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return tuple(reversed(found))


def last_raised(root: Path, run: Callable[[], object]) -> Frame | None:
    """Where in the project the last exception was raised while `run` ran: of an error that a framework swallowed.
    Its type is the frame's `source`."""
    with raising(root) as found:
        run()
    return innermost(found)


@contextmanager
def raising(root: Path) -> Iterator[list[Frame]]:
    """Where exceptions pass through the project's code in this thread, each frame in turn."""
    found: list[Frame] = []

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        return inside if in_project(root, frame.f_code.co_filename) else None

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and argument[0] not in (StopIteration, StopAsyncIteration, GeneratorExit):
            name = argument[0].__qualname__
            found.append(Frame(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, name))
        return inside

    before = sys.gettrace()
    sys.settrace(called)
    try:
        yield found
    finally:
        sys.settrace(before)


def innermost(found: Sequence[Frame]) -> Frame | None:
    """Where the last of these was raised; None: there is none."""
    last = found[-1] if found else None
    for each in reversed(found):  # it passes outwards: the first frame of the last error is where it was raised
        if last is None or each.source != last.source:
            break
        last = each
    return last
