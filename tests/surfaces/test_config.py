"""The settings of a project are read when they change."""

from __future__ import annotations

from pathlib import Path

import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import Outcome, Recording
from replay.errors import UsageError
from replay.surfaces.cli import main
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


ALL = ["$", "**", "$**", "$.*", "$[*]"]


@pytest.mark.parametrize("pattern", ALL)
def test_all_of_the_outcome_cannot_be_ignored(tmp_path: Path, pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the code returned would be taken for what was recorded: in the settings, an option, an argument."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.replay-harness]\nignore = ['$.id', {pattern!r}]\n")
    with pytest.raises(UsageError, match="leaves nothing to compare") as raised:
        load(tmp_path)
    assert raised.value.slug == "config"
    nothing = Recording(id="r", kind="function", entrypoint="m:f", started_at=0, duration_ns=0, input=encode(None),
                        outcome=Outcome("returned", encode(None)), context=encode({}))  # fmt: skip
    with pytest.raises(UsageError, match="leaves nothing to compare"):
        replay.run(nothing, ignore=[pattern])
    assert main(["run", "--ignore", pattern, "x.replay.db"]) == 2
    assert "--ignore" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("ignore = ['customer']", "fits nothing: a path begins with"),
        ("tolerance = -0.1", "-0.1 is no relative difference"),
        ("tolerance = nan", "nan is no relative difference"),
        ("tolerance = inf", "inf is no relative difference"),
        ("targets = {'m:f' = 'other'}", "`targets`: 'm:f' = 'other' names no code"),
    ],
)
def test_a_setting_that_does_nothing_or_too_much_is_refused(tmp_path: Path, setting: str, said: str) -> None:
    """Who writes it believes that something else is compared, or run, than is."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.replay-harness]\n{setting}\n")
    with pytest.raises(UsageError, match=said) as raised:
        load(tmp_path)
    assert raised.value.slug == "config"


def test_an_option_is_as_strict_as_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """The same, of `replay run`, before anything is opened; and a boundary that there is not."""
    for option in (["--tolerance", "-1"], ["--tolerance", "inf"], ["--ignore", "customer"], ["--live", "htp"]):
        assert main(["run", "x.replay.db", *option]) == 2
        assert option[0] in capsys.readouterr().err
