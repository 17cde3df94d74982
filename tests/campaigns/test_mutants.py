"""Mutants of the sample bundles do nothing that a bundle may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.mutants import ROOT, campaign
from tests.campaigns.mutations import Mutator
from tests.campaigns.probe import look


def _run(count: int, seed: str, seconds: float, keep: Path) -> None:
    finds, endings, peak = campaign(iter(range(count)), seed, keep, seconds)
    assert [(find.number, find.how, find.source, find.trouble) for find in finds] == []
    assert sum(endings.values()) >= min(count, 100)
    assert {ending.partition(": ")[2] for ending in endings} >= {"refused", "reproduced", "diverged", "unanswerable"}
    assert peak < 512


def test_some_mutants(tmp_path: Path) -> None:
    """Two hundred, or as many as 10 seconds allow; `python -m tests.campaigns.mutants` runs 100,000."""
    _run(200, "suite", 10, tmp_path)


@pytest.mark.slow
def test_many_mutants(tmp_path: Path) -> None:
    """Some thousands."""
    _run(5000, "slow", 300, tmp_path)


def test_a_mutant_can_be_repeated() -> None:
    """Seed and number decide all of it, whatever came before."""
    sources = sorted((ROOT / "captures").glob("demo-*.replay.db"))
    one, other = Mutator(sources, "s"), Mutator(sources, "s")
    later = [one.mutant(number) for number in range(20)][15:]
    assert later == [other.mutant(number) for number in range(15, 20)]


def test_the_probe_finds_what_it_looks_for(tmp_path: Path) -> None:
    """A bundle that was changed and sealed again is trouble where it is said to be only damaged."""
    (forged, source, data), *_ = (
        found for found in map(Mutator([ROOT / "captures" / "httpx.replay.db"], "probe").mutant, range(100))
        if found[0] == "forged" and found[2] != found[1].read_bytes()
    )  # fmt: skip
    assert forged == "forged"
    path = tmp_path / "x.replay.db"
    path.write_bytes(data)
    found = look(path, source, ROOT, honest=True)
    assert found["ended"] == "refused" or any("right answer" in trouble for trouble in found["trouble"])
