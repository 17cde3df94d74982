"""The benchmarks run, cover every peer and say what they measured; their figures are for the README."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest

from tests.benchmarks import capture, playback, suite, web
from tests.benchmarks.__main__ import BEGIN, END, main, replaced


def test_capture_is_measured_beside_its_peers() -> None:
    """Each variant costs something, recording less than the payloads of a tracer, and none at most 1 µs a call."""
    found = capture.run(rounds=3, batch_ns=2_000_000)
    assert list(found) == [capture.OURS, capture.KEPT, capture.OFF, capture.SPANS, capture.PAYLOADS, capture.SENTRY]
    assert all(isfinite(cost) and (cost > 0 or name == capture.OFF) for name, cost in found.items())
    assert found[capture.OFF] < 4 * 1_000
    assert found[capture.OURS] < found[capture.PAYLOADS]
    assert [name for name, _ in capture.rows(found)] == list(found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:vcr")
def test_playback_is_measured_beside_its_peer() -> None:
    """Every run of ours is checked to be green, every run of the cassette to give the recorded values."""
    found = playback.run(rounds=1, batch_ns=2_000_000)
    assert list(found) == [playback.OPEN, playback.OURS, playback.OTHER, playback.VCR]
    assert all(isfinite(cost) and cost > 0 for cost in found.values())
    assert len(playback.rows(found)) == 4


@pytest.mark.slow
def test_a_web_request_is_measured_beside_its_peers() -> None:
    """Each variant answers rightly, or its process would have ended."""
    found = web.run(rounds=1, requests=5)
    assert list(found) == list(web.VARIANTS)
    assert all(cpu > 0 and wall > 0 for cpu, wall in found.values())
    assert len(web.rows(found)) == 5


@pytest.mark.slow
def test_items_are_measured_beside_their_peers() -> None:
    """Each variant runs, and all of its items pass."""
    found = suite.run(count=3, rounds=1)
    assert list(found) == [suite.FLOOR, suite.FUNCTION, suite.HTTP, suite.MOCK, suite.MOCK_TEST, suite.VCR,
                           suite.OWN_HTTP, suite.OWN_MOCK, suite.OWN_VCR]  # fmt: skip
    assert all(isfinite(cost) for cost in found.values())
    assert len(suite.rows(found)) == len(found)


def test_a_block_is_replaced() -> None:
    """Only what is between the marks changes, and a file without them is refused before anything runs."""
    text = f"head\n{BEGIN}\nold\n{END}\ntail\n"
    assert replaced(text, "new") == f"head\n{BEGIN}\nnew\n{END}\ntail\n"
    assert replaced(replaced(text, "a"), "new") == replaced(text, "new")
    with pytest.raises(ValueError, match="expected one block"):
        replaced("no marks", "new")


def test_a_file_without_marks_is_left_alone(tmp_path: Path) -> None:
    """`--write` fails at once and changes nothing."""
    page = tmp_path / "README.md"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="expected one block"):
        main(["--write", str(page)])
    assert page.read_text() == "no marks"
