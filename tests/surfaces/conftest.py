"""A service that recorded itself, made once for the whole run and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.surfaces import projects


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    projects.shop(folder)
    projects.record(folder, "good", "ann")
    projects.record(folder, "bad", "bob")
    projects.record(folder, "mixed", "ann", "bob", "eve")
    projects.record(folder, "async", "later")
    return folder


@pytest.fixture
def project(_recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the project, as the current folder of this test and of what it starts."""
    folder = tmp_path / "project"
    shutil.copytree(_recorded, folder, ignore=shutil.ignore_patterns("spool", "__pycache__"))
    monkeypatch.chdir(folder)
    for name, value in projects.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return folder
