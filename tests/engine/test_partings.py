"""A recording that was changed in one place is named at exactly that place; one that was not says the same again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value, encode
from replay.core.recording import Recording
from tests.boundaries.http.server import Server
from tests.engine import clients
from tests.recordings import again, altered, normalised, record, swapped, with_one_more, without

Work = Callable[[str], Any]
ROWS: dict[str, tuple[Work, str]] = {
    "call": (lambda url: clients.calls(), "$.args[0]"),
    "model": (lambda url: clients.models(), "$.args[0]"),
    "httpx": (clients.with_httpx, "query.n"),
    "requests": (clients.with_requests, "body.sent"),
    "aiohttp": (lambda url: asyncio.run(clients.with_aiohttp(url)), "query.n"),
}
"""What runs, and the path of the number in its request."""
OTHERS: dict[str, Work] = {
    "flags": lambda url: clients.flags(),
    "environ": lambda url: clients.environment(),
    "draws and clock": lambda url: clients.draws_and_times(),
}
LAST = clients.NUMBERS[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    """What the clients ask."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    yield
    clients.PATIENT["now"] = False


@pytest.mark.parametrize("name", [*ROWS, *OTHERS])
def test_record_replay_record_says_the_same(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Recorded, replayed without its world, recorded again: three equal normalised recordings."""
    work = ROWS[name][0] if name in ROWS else OTHERS[name]

    def live() -> Recording:
        random.seed(11)
        monkeypatch.setenv("SHOP_REGION", "eu")
        (recording,) = record(tmp_path, lambda: work(server.url), environ=["SHOP_*"])
        return recording

    first = live()
    monkeypatch.delenv("SHOP_REGION")
    verdict, replayed = again(first)
    assert (verdict.status, verdict.left_over) == ("reproduced", 0)
    assert normalised(replayed) == normalised(first)
    assert normalised(live()) == normalised(first)


def _recording(server: Server, folder: Path, name: str) -> tuple[Recording, str]:
    work, path = ROWS[name]
    (recording,) = record(folder, lambda: work(server.url))
    assert [i.seq for i in recording.interactions] == list(clients.NUMBERS)
    clients.PATIENT["now"] = True
    return recording, path


def _first(recording: Recording) -> tuple[str, int | None]:
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert not verdict.green
    assert verdict.divergence is not None
    assert verdict.divergence is verdict.divergences[0]
    assert verdict.divergence.follows is None
    return verdict.divergence.kind, verdict.divergence.seq


@pytest.mark.parametrize("seq", clients.NUMBERS)
@pytest.mark.parametrize("name", ROWS)
def test_an_altered_request_is_named_with_its_field(server: Server, tmp_path: Path, name: str, seq: int) -> None:
    """One recorded request says another number: `changed`, there, with the path of the number and both sides."""
    recording, path = _recording(server, tmp_path, name)
    verdict = replay.run(altered(recording, seq, f"n={seq}", "n=99"))
    (found,) = verdict.divergences
    assert (found.kind, found.seq, found.follows) == ("changed", seq, None)
    (field,) = found.differences
    assert (field.path, str(field.recorded)[-2:], str(field.actual)[-1:]) == (path, "99", str(seq))
    assert found.where[-1].file.endswith("clients.py")
    assert (verdict.left_over, verdict.unanswered, verdict.served) == (1, 1, LAST)


@pytest.mark.parametrize("seq", clients.NUMBERS)
@pytest.mark.parametrize("name", ROWS)
def test_a_request_that_is_not_recorded_is_extra(server: Server, tmp_path: Path, name: str, seq: int) -> None:
    """One interaction less: the code asks one too many, before what production asked at that place."""
    recording, _ = _recording(server, tmp_path, name)
    assert _first(without(recording, seq)) == ("extra", None if seq == LAST else seq)


@pytest.mark.parametrize("seq", clients.NUMBERS)
@pytest.mark.parametrize("name", ROWS)
def test_a_recorded_request_that_is_not_asked_is_missing(server: Server, tmp_path: Path, name: str, seq: int) -> None:
    """One interaction more: production asked what the code does not."""
    recording, _ = _recording(server, tmp_path, name)
    changed = with_one_more(recording, seq, f"n={seq}", "n=99")
    assert _first(changed) == ("missing", seq)
    assert len(replay.run(changed).divergences) == 1


@pytest.mark.parametrize("seq", clients.NUMBERS[:-1])
@pytest.mark.parametrize("name", ROWS)
def test_requests_in_another_order_are_reordered(server: Server, tmp_path: Path, name: str, seq: int) -> None:
    """Two neighbours in the other order: named at the first of them, once; every answer is served."""
    recording, _ = _recording(server, tmp_path, name)
    verdict = replay.run(swapped(recording, seq))
    (found,) = verdict.divergences
    assert (found.kind, found.seq) == ("reordered", seq)
    assert (verdict.served, verdict.left_over, verdict.unanswered) == (len(clients.NUMBERS), 0, 0)


@pytest.mark.parametrize("seq", clients.NUMBERS)
@pytest.mark.parametrize("name", ROWS)
def test_what_comes_after_an_error_that_nobody_caught_follows_from_it(
    server: Server, tmp_path: Path, name: str, seq: int
) -> None:
    """The refusal ends the run: the rest is missing because of it, and the first still stands first."""
    recording, _ = _recording(server, tmp_path, name)
    clients.PATIENT["now"] = False
    verdict = replay.run(altered(recording, seq, f"n={seq}", "n=99"))
    assert [(d.kind, d.seq, d.follows) for d in verdict.divergences] == [
        ("changed", seq, None),
        *(("missing", later, 0) for later in clients.NUMBERS[seq + 1 :]),
    ]


def test_a_flag_that_is_not_recorded_is_extra(tmp_path: Path) -> None:
    """Another flag is another thing, not the same one with other values."""
    (recording,) = record(tmp_path, clients.flags)
    clients.PATIENT["now"] = True
    changed = altered(recording, 1, "n=1", "n=99")
    found = [(d.kind, d.seq, d.target) for d in replay.run(changed).divergences]
    assert found == [("extra", 1, "flag:n=1"), ("missing", 1, "flag:n=99")]


def _with_draws(recording: Recording, change: Callable[[list[Any]], list[Any]]) -> Recording:
    context = recording.context.decode()
    context["draws"]["0"]["random"] = change(context["draws"]["0"]["random"])
    return msgspec.structs.replace(recording, context=encode(context))


@pytest.mark.parametrize(
    ("change", "kind"), [(lambda drawn: drawn[:-1], "exhausted"), (lambda drawn: [*drawn, 0.5], "missing")]
)
def test_draws_too_few_and_too_many_are_named(
    tmp_path: Path, change: Callable[[list[Any]], list[Any]], kind: str
) -> None:
    """A draw beyond the recorded ones, and one that nobody took, each at its generator."""
    (recording,) = record(tmp_path, clients.draws_and_times)
    assert replay.run(recording).status == "reproduced"
    verdict = replay.run(_with_draws(recording, change))
    (found,) = verdict.divergences
    assert (verdict.status, found.kind, found.boundary, found.target) == ("diverged", kind, "random", "random")


def test_a_field_that_redaction_replaced_is_named_as_such(tmp_path: Path) -> None:
    """The recording has a mask where production asked a secret: that is no change of the code."""
    (recording,) = record(tmp_path, clients.calls)
    clients.PATIENT["now"] = True
    masked = altered(recording, 2, "n=2", "[redacted]")
    assert _first(masked) == ("changed", 2)
    assert _first(msgspec.structs.replace(masked, redacted=True)) == ("redaction-altered", 2)


def test_another_try_of_a_refused_request_follows_from_the_first(tmp_path: Path) -> None:
    """Retries are one divergence and its echoes."""
    (recording,) = record(tmp_path, clients.calls)
    clients.PATIENT["now"] = True
    target = recording.interactions[0]
    changed = msgspec.structs.replace(recording, interactions=(target,))
    assert [(d.kind, d.follows) for d in replay.run(changed).divergences] == [("extra", None), *[("extra", 0)] * 2]


def test_a_value_from_an_answer_that_was_not_got_explains_a_later_change(tmp_path: Path) -> None:
    """The token of the first answer is missing in the second request: fix the first."""
    (recording,) = record(tmp_path, lambda: _tokens("ada"))
    changed = altered(recording, 0, "ada", "eve")
    found = [(d.kind, d.seq, d.follows) for d in replay.run(changed).divergences]
    assert found == [("changed", 0, None), ("changed", 2, 0)]


@replay.boundary
def _login(name: str) -> str:
    return f"token-of-{name}"


@replay.boundary
def _order(token: str) -> str:
    return "ordered"


@replay.boundary
def _ping() -> str:
    return "pong"


@replay.capture
def _tokens(name: str) -> str:
    try:
        token = _login(name)
    except Exception:
        token = "none"
    _ping()
    try:
        return _order(token)
    except Exception:
        return "failed"


def test_a_value_that_never_came_is_not_none() -> None:
    """What was still on its way when the recording ended has no value, and none stands for it."""
    from replay.core.world import Answer
    from replay.errors import DivergenceError

    with pytest.raises(DivergenceError, match="ended before"):
        Answer(Value("null"), "unfinished").open()
