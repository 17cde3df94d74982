"""What the tests of reports share."""

from __future__ import annotations

import pytest

from replay.surfaces import verbs


@pytest.fixture
def _four_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new verb is a new command to copy, and no reason to look at every page again."""
    monkeypatch.setattr(verbs, "VERBS", ("show", "run", "debug", "fuzz", "doctor"))
