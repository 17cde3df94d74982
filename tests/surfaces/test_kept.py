"""A hint where production may have had an answer from before."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.core.verdict import Divergence, DivergenceKind, Frame
from replay.surfaces.kept import keeper
from replay.surfaces.page import Page
from replay.surfaces.text import divergence_lines

SOURCE = """\
import functools, cachetools, diskcache
from functools import lru_cache

@cachetools.cached(cache={}, key=str)
def rate(currency):
    return ask(currency)

class Client:
    @functools.lru_cache
    def plan(self, customer):
        def inner():
            return ask(customer)
        return inner()

@diskcache.Cache().memoize(expire=60)
async def name(customer):
    return await ask(customer)

@retry
def asks(customer):
    return ask(customer)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The project's code."""
    path = tmp_path / "shop.py"
    path.write_text(SOURCE)
    return str(path)


def _frame(file: str, text: str) -> Frame:
    number = next(at for at, line in enumerate(SOURCE.splitlines(), 1) if text in line)
    return Frame(file, number, "f", text)


@pytest.mark.parametrize(
    ("text", "decorator"),
    [
        ("ask(currency)", "@cachetools.cached"),
        ("def inner", "@functools.lru_cache"),
        ("return inner()", "@functools.lru_cache"),
        ("await ask", "@diskcache.Cache().memoize"),
    ],
)
def test_the_decorator_that_keeps_answers(file: str, text: str, decorator: str) -> None:
    """Of the innermost function on the way that has one, whatever runs inside of it."""
    found = keeper([_frame(file, "return ask(customer)"), _frame(file, text)])
    assert found == (_frame(file, text), decorator)


@pytest.mark.parametrize("content", ["def f(:", "\0", ""])
def test_nothing_keeps_it(tmp_path: Path, file: str, content: str) -> None:
    """Other decorators, and code that cannot be read."""
    odd = tmp_path / "odd.py"
    odd.write_text(content)
    asks = Frame(file, len(SOURCE.splitlines()), "asks", "")
    frames = [Frame(str(odd), 1, "f", ""), asks, Frame("<string>", 1, "f", ""), Frame("/no/where.py", 1, "f", "")]
    assert keeper(frames) is None


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("extra", "ask(currency)", "f has @cachetools.cached. Put @replay.boundary above that"),
        ("changed", "ask(currency)", "f has @cachetools.cached. Put @replay.boundary above that"),
        ("extra", "import functools", "the code has changed; or production had the answer from before"),
        ("changed", "import functools", None),
        ("reordered", "ask(currency)", None),
    ],
)
def test_what_the_verdict_says(file: str, kind: DivergenceKind, text: str, said: str | None) -> None:
    """With the decorator, or in general where production asked nothing."""
    divergence = Divergence(
        kind=kind, lane="0", boundary="http", target="GET http://h/rates", where=(_frame(file, text),)
    )
    hints = [line for line in divergence_lines(divergence, Page(width=2000)) if line.strip().startswith("perhaps")]
    assert [said is not None and said in hint for hint in hints] == ([] if said is None else [True])
