"""`replay fuzz --against REV`: two versions of the code side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.surfaces import projects, repositories
from tests.surfaces.test_cli import replay

SEARCH = ("fuzz", "captures/good.replay.db", "--executions", "60", "--kinds", "difference", "--against")


def test_what_ends_in_another_way_is_found(project: Path) -> None:
    """Both outcomes are told, by the smallest edit; the repository stays as it is."""
    commit = repositories.init(project, "shop.py", "pyproject.toml")
    projects.edit(project, '{"label": customer["plan"].upper()}', '{"label": (customer["plan"] or "free").upper()}')
    before = repositories.state(project)
    done = replay(*SEARCH, "HEAD", "--json", "--out", "captures/finds")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["against"] == commit
    assert document["compared"] > 30
    found = {(find["error_type"], find["changes"][0]["edit"]): find for find in document["finds"]}
    find = found["a result instead of AttributeError", "call[0].plan: null"]
    assert find["kind"] == "difference"
    assert find["message"].startswith('now returned {"label":"FREE"}; HEAD: raised ')
    assert "has no attribute 'upper'" in find["message"]
    assert repositories.state(project) == before


def test_another_value_of_the_result(project: Path) -> None:
    """Its path and both values; and equal code has no differences."""
    repositories.init(project, "shop.py", "pyproject.toml")
    assert json.loads(replay(*SEARCH, "HEAD", "--json").stdout)["finds"] == []
    projects.edit(project, 'customer["plan"].upper()}', 'customer["plan"].upper() or "?"}')
    (find,) = json.loads(replay(*SEARCH, "HEAD", "--json").stdout)["finds"]
    assert (find["error_type"], find["message"]) == ("another $.label", "$.label: now '?'; HEAD: ''")
    assert find["happens"] == "shop:lookup answers an empty string at plan"


@pytest.mark.parametrize(("revision", "slug"), [("nowhere", "unknown-revision"), ("HEAD~1", "trial")])
def test_what_cannot_be_compared_is_told(project: Path, revision: str, slug: str) -> None:
    """There is no such revision, or the entry point is not in it."""
    shop = (project / "shop.py").read_text()
    (project / "shop.py").write_text("")
    repositories.init(project, "shop.py", "pyproject.toml")
    (project / "shop.py").write_text(shop)
    repositories.commit(project, "the shop")
    done = replay(*SEARCH, revision)
    assert done.returncode == 2 if slug == "unknown-revision" else done.returncode != 0
    assert f"[{slug}]" in done.stderr
