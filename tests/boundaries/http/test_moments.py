"""Moments in requests: another one of the recording is the same request, one that is written otherwise is another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

import replay
from tests.boundaries.http.server import Server
from tests.recordings import record

TOKYO = timezone(timedelta(hours=9))
FORM: dict[int, Callable[[datetime], str]] = {0: datetime.isoformat}
PLACES = ("query", "form", "json", "text")


@replay.capture
def asks(url: str, place: str) -> str:
    """One request that says what time it is."""
    at = FORM[0](datetime.now(UTC))
    with httpx.Client(base_url=url) as client:
        if place == "query":
            client.get("/echo", params={"since": at})
        elif place == "form":
            client.post("/echo", data={"since": at})
        elif place == "json":
            until = FORM[0](datetime.now(UTC) + timedelta(days=1))
            client.post("/echo", json={"rows": [{"since": at}], "until": until})
        else:
            client.post("/echo", content=f"Since {at}, label it.")
    return "done"


@pytest.mark.parametrize("place", PLACES)
def test_a_moment_that_is_written_otherwise(
    tmp_path: Path, server: Server, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another zone, without one, cut to whole seconds: who is asked may read another one."""
    (recording,) = record(tmp_path, lambda: asks(server.url, place))
    server.stop()
    assert [replay.run(recording).green for _ in range(2)] == [True] * 2
    forms: list[Callable[[datetime], str]] = [
        lambda at: at.astimezone(TOKYO).isoformat(), lambda at: at.replace(tzinfo=TOKYO).isoformat(),
        lambda at: at.isoformat().replace("+00:00", "Z"), lambda at: at.isoformat()[:-6],
        lambda at: at.isoformat(timespec="milliseconds"),
    ]  # fmt: skip
    for form in forms:
        monkeypatch.setitem(FORM, 0, form)
        verdict = replay.run(recording)
        assert verdict.status == "diverged", form(datetime.now(UTC))
