"""Fixtures of the `http` boundary's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.boundaries.http import http
from tests.boundaries.http.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """A server; stop it to prove that a replay needs none."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture(scope="session", autouse=True)
def _seams() -> None:
    http.install()
