"""The settings of a project are read when they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import UsageError
from replay.surfaces.config import load


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """What was read once does not outlive an edit, nor does an error."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.replay-harness]\ntolerance = 0.5\n")
    assert load(tmp_path).tolerance == load(tmp_path).tolerance == 0.5
    file.write_text("[tool.replay-harness]\ntolerance = 'much'\n")
    for _ in range(2):
        with pytest.raises(UsageError, match="tolerance"):
            load(tmp_path)
    file.write_text("[tool.replay-harness]\ntolerance = 0.25\n")
    assert load(tmp_path).tolerance == 0.25
