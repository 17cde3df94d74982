"""Which lines of the project a run reaches."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replay.engine.lines import Lines, last_raised

SOURCE = '''\
"""A module."""
from __future__ import annotations


def plain(x):
    """A docstring stays one."""
    if x > 1:
        return "more"
    elif x == 1:
        y = [i for i in range(3)
             if i]
        return y
    try:
        return 1 / x
    except ZeroDivisionError as error:
        raise ValueError(
            "zero") from error
    finally:
        x = None


def closure(n):
    def inner(m):
        nonlocal n
        n += m
        return n
    return inner


class Shop:
    rate = 2

    async def sell(self, n):
        match n:
            case 1:
                return "one"
            case _:
                return self.rate

    def each(self):
        for i in range(2):
            yield i
        else:
            yield "end"
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, imported from a project of its own."""
    (tmp_path / "linesproject.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("linesproject")
    del sys.modules["linesproject"]


def numbers(lines: Lines) -> list[int]:
    """The lines that were reached since the start."""
    reached = lines.reached()
    return sorted({line for place, (_, line) in enumerate(lines.lines) if reached >> 8 * place & 1})


@pytest.fixture
def lines(module: Any, tmp_path: Path) -> Iterator[Lines]:
    """Prepared for the module."""
    found = Lines(tmp_path)
    found.prepare()
    yield found
    found.close()


def test_the_lines_of_a_run_are_known(module: Any, lines: Lines) -> None:
    """Those of its functions, statement by statement; the next run starts from none."""
    for argument, expected in ((5, [7, 8]), (1, [7, 9, 10, 12]), (2, [7, 8])):
        lines.start()
        module.plain(argument)
        assert numbers(lines) == expected


def test_only_new_lines_count(module: Any, lines: Lines) -> None:
    """`add` says whether a run reached any."""
    new = []
    for argument in (5, 6, 1, 5):
        lines.start()
        module.plain(argument)
        new.append(lines.add(lines.reached()))
    assert new == [True, False, True, False]
    assert (lines.count, [Path(file).name for file in lines.files]) == (5, ["linesproject.py"])


def test_errors_keep_their_lines(module: Any, lines: Lines) -> None:
    """A traceback reads as without marks."""
    with pytest.raises(ValueError, match="zero") as caught:
        module.plain(0)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.lineno, last.name) == (16, "plain")


def test_functions_of_every_kind_do_what_they_did(module: Any, lines: Lines) -> None:
    """Closures, coroutines, matches, generators and their `else`."""
    add = module.closure(1)
    assert (add(2), add(3)) == (3, 6)
    coroutine = module.Shop().sell(1)
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == "one"
    lines.start()
    assert list(module.Shop().each()) == [0, 1, "end"]
    assert numbers(lines) == [41, 42, 44]


def test_a_closure_that_exists_already_is_marked(module: Any, tmp_path: Path) -> None:
    """Functions are found wherever they are held."""
    add = module.closure(1)
    found = Lines(tmp_path)
    found.prepare()
    try:
        found.start()
        assert add(2) == 3
        assert numbers(found) == [24, 25, 26]
    finally:
        found.close()


def test_code_that_is_not_what_its_source_says_is_left_alone(module: Any, tmp_path: Path) -> None:
    """The file was changed since it was imported."""
    (tmp_path / "linesproject.py").write_text(SOURCE.replace("x > 1", "x > 2"))
    before = module.plain.__code__
    found = Lines(tmp_path)
    found.prepare()
    assert module.plain.__code__ is before
    assert module.plain(2) == "more"
    found.close()


def test_closing_undoes_it(module: Any, tmp_path: Path) -> None:
    """The very code objects come back."""
    before = module.plain.__code__
    found = Lines(tmp_path)
    found.prepare()
    assert module.plain.__code__ is not before
    found.close()
    assert module.plain.__code__ is before


def test_a_file_that_changed_is_compiled_anew(module: Any, tmp_path: Path) -> None:
    """What an earlier search compiled is used again for as long as the file stays as it was."""
    for source, expected in ((SOURCE, [5, 6]), ("\n\n" + SOURCE, [7, 8])):
        (tmp_path / "linesproject.py").write_text(source)
        importlib.invalidate_caches()
        importlib.reload(module)
        for _ in range(2):
            lines = Lines(tmp_path)
            try:
                lines.prepare()
                lines.start()
                assert module.plain(2) == "more"
                assert [line - 2 for line in numbers(lines)] == expected
            finally:
                lines.close()


def test_files_that_cannot_be_compiled_are_none(module: Any, tmp_path: Path) -> None:
    """They have no lines, and do no harm."""
    (tmp_path / "linesproject.py").write_text("def broken(:\n")
    found = Lines(tmp_path)
    found.prepare()
    assert [place for place in found.lines if place[0].startswith(str(tmp_path))] == []
    found.close()


def test_an_error_that_was_swallowed_is_located(module: Any, tmp_path: Path) -> None:
    """Where the last one was raised, not where it came from or was caught."""

    def framework() -> str:
        try:
            return str(module.plain(0))
        except ValueError:
            return "500"

    found = last_raised(tmp_path, framework)
    assert found is not None
    assert (found.line, found.function, found.source) == (16, "plain", "ValueError")
    assert last_raised(tmp_path, lambda: module.plain(5)) is None
