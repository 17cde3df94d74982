"""Record for real, into a folder, and read back what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from replay.engine import recorder
from tests.engine import units


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., list[Recording]]]:
    """`record(work, keep=...)`: run `work()` with capture on; the recordings, read from the bundles on disk."""

    def run(work: Callable[[], Any], **options: Any) -> list[Recording]:
        options.setdefault("keep", replay.always())
        replay.init(service="test", spool=tmp_path, **options)
        try:
            work()
        except Exception:
            pass
        assert replay.flush(20)
        recorder.configure(None)
        units.WORLD["calls"] = 0
        found = [recording for path in sorted(tmp_path.glob("*.replay.db")) for recording in replay.open(path)]
        for path in tmp_path.glob("*.replay.db"):
            path.unlink()
        return found

    units.CHANGE.clear()
    units.WORLD.update(plan=None, calls=0)
    yield run
    recorder.configure(None)
    units.CHANGE.clear()
