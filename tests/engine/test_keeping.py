"""What a library draws once in a process, and production had drawn before the recording."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import replay
from tests.engine import keeping
from tests.recordings import record

SOURCE = """\
import uuid
from functools import lru_cache

@lru_cache
def node():
    return uuid.uuid4()
"""


@pytest.fixture(autouse=True)
def _library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installed as any other."""
    package = tmp_path / "site-packages" / "graphs_of_tests"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(package.parent))
    keeping.LIBRARY["node"] = importlib.import_module("graphs_of_tests").node
    keeping.own.cache_clear()
    yield
    keeping.own.cache_clear()


def test_a_library_that_draws_once(tmp_path: Path) -> None:
    """Warm in production, cold at replay: no divergence, and a note that names it."""
    keeping.LIBRARY["node"]()
    (recording,) = record(tmp_path, lambda: keeping.named("library"))
    assert replay.run(recording).status == "reproduced"
    keeping.LIBRARY["node"].cache_clear()  # type: ignore[attr-defined]  # functools' own
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    (noted,) = verdict.difference
    assert (noted.path, noted.note) == (
        "draws $.uuid",
        "drawn by graphs_of_tests, which may keep what production drew before",
    )


def test_the_project_that_draws_once_more(tmp_path: Path) -> None:
    """It may be a change of its code: that stays a divergence."""
    keeping.own()
    (recording,) = record(tmp_path, lambda: keeping.named("own"))
    keeping.own.cache_clear()
    assert [each.kind for each in replay.run(recording).divergences] == ["exhausted"]
