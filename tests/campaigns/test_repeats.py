"""The same verdict every time: sample bundles under other hash seeds, zones, locales, folders and switch intervals."""

from __future__ import annotations

import pytest

from tests.campaigns.repeats import BUNDLES, repeats


@pytest.mark.parametrize(
    ("times", "processes"), [(2, 2), pytest.param(100, 20, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_every_bundle_gives_the_same_document(times: int, processes: int) -> None:
    """Byte for byte what `replay run --json` says, the time it took apart."""
    found = repeats(times, processes)
    assert len(found) >= len(list(BUNDLES.glob("*.replay.db")))
    for name, documents in found.items():
        assert sum(documents.values()) >= times
        assert len(documents) == 1, (name, documents)
