"""What `replay.init` and the decorators refuse, before anything is recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.errors import UsageError


def test_a_pattern_alone_does_not_record_the_whole_environment(tmp_path: Path) -> None:
    """A text is a sequence of letters, one of which is `*`: it is refused, not taken for the names of all variables."""
    pattern: Any = "SHOP_*"
    with pytest.raises(UsageError, match=r"environ=\['SHOP_\*'\]"):
        replay.init(service="shop", spool=tmp_path, environ=pattern)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_name_is_refused() -> None:
    """`@replay.model` without parentheses would replace the function by a decorator."""
    function: Any = len
    with pytest.raises(UsageError, match="needs the model's name"):
        replay.model(function)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: replay.boundary(3), "for what can be called, not for int"),
        (lambda: replay.ASGI(None), "around an app, not NoneType"),
        (lambda: replay.WSGI(3), "around an app, not int"),
        (lambda: replay.capture(dict), "mark a method of dict"),
        (lambda: replay.run("x"), r"takes a recording, replay.open\(PATH\)\[ID\]"),
    ],
    ids=["boundary", "asgi", "wsgi", "capture", "run"],
)
def test_what_cannot_be_meant_is_refused_at_once(use: Any, message: str) -> None:
    """Where the mistake is, and not when the first request comes."""
    with pytest.raises(UsageError, match=message):
        use()


@pytest.mark.parametrize("setup", ["", "replay.init(service='s', spool='captures')"])
def test_a_disabled_service_has_its_counts(setup: str, tmp_path: Path) -> None:
    """A page that shows them does not fail where capture is off."""
    code = f"import replay\n{setup}\nprint(sorted(replay.stats().items()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "REPLAY_DISABLED": "1"},
                          capture_output=True, text=True, timeout=60, check=True)  # fmt: skip
    counts = dict.fromkeys(("captured", "kept", "written", "files", "evicted", "queued", "queue_bytes"), 0)
    assert done.stdout.strip() == repr(sorted({**counts, "dropped": {}}.items()))
