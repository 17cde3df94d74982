"""Patching that waits for an import, with a library of another shape than is known."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from replay.boundaries import seam
from replay.core.world import dropped
from replay.surfaces import doctor


def test_a_library_of_another_shape_stays_as_it_is_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who imports it sees nothing of the fault; it is counted, and `replay doctor` says whose requests are missing."""
    (tmp_path / "odd_client.py").write_text("answer = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(dropped, "patch-failed", 0)
    monkeypatch.setattr(seam, "unpatched", {})

    def patch(module: ModuleType) -> None:
        module.get = module.Session.get  # type: ignore[attr-defined]

    seam.when_imported("odd_client", patch)
    assert import_module("odd_client").answer == 1
    assert dropped["patch-failed"] == 1
    found = {check.name: check for check in doctor.checks(root=str(tmp_path))}
    assert (found["odd_client"].level, found["odd_client"].found) == ("fail", "not patched (AttributeError)")
    seam.when_imported("odd_client", patch)  # it is there already
    assert dropped["patch-failed"] == 2
    del sys.modules["odd_client"]
