"""What the system's generator chooses is kept where it is too little for a credential, and only there."""

from __future__ import annotations

import os
import random
import secrets
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.recording import Recording
from tests.engine.test_explorer import explore, summary

Record = Callable[..., list[Recording]]
TIMES = {"choices": 1}
SERVERS = ("a.example", "b.example", "c.example")


@replay.capture
def routed() -> list[Any]:
    """A server and a jitter: 8.2 bits. Then a credential, as it was drawn."""
    for _ in range(TIMES["choices"]):
        server = secrets.choice(SERVERS)
    return [server, secrets.randbelow(100), secrets.token_hex(16)]


@replay.capture
def shuffled() -> list[Any]:
    """5 items in 6.9 bits, and one of one, in none."""
    items = list(range(5))
    random.SystemRandom().shuffle(items)
    return [items, secrets.choice("x"), random.SystemRandom().randrange(2, 9)]


@replay.capture
def pin() -> int:
    """Four digits: 13.3 bits."""
    return secrets.randbelow(10_000)


@replay.capture
def password() -> str:
    """Many small choices."""
    return "".join(secrets.choice("abcdefgh") for _ in range(20))


@replay.capture
def by_two() -> list[int]:
    """A PIN of which each thread draws half."""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(secrets.randbelow(100))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@replay.capture
def mixed() -> list[Any]:
    """A choice and a byte."""
    return [secrets.randbelow(100), os.urandom(1)[0]]


def _kept(recording: Recording) -> dict[str, Any]:
    """What was chosen, by lane."""
    draws = recording.context.decode().get("draws", {})
    return {lane: kinds["below"] for lane, kinds in draws.items() if "below" in kinds}


@pytest.mark.parametrize("work", [routed, shuffled])
def test_few_bits_are_kept_and_chosen_again(record: Record, work: Callable[[], Any]) -> None:
    """However often it had to draw until one was below, and with what is drawn after it."""
    for _ in range(10):
        (recording,) = record(work)
        verdict = replay.run(recording)
        assert (verdict.status, verdict.reason) == ("reproduced", None), verdict


def test_only_what_was_chosen_is_kept(record: Record) -> None:
    """Which of how many, in the order of choosing; of a credential only the length."""
    (recording,) = record(routed)
    server, jitter, _ = recording.outcome.value
    assert _kept(recording) == {"0": [SERVERS.index(server), jitter]}
    assert recording.context.decode()["entropy"]["lengths"] == {"0": [16]}


@pytest.mark.parametrize("work", [pin, password, by_two, mixed])
def test_what_may_be_a_credential_is_not_kept(record: Record, work: Callable[[], Any]) -> None:
    """Together too many bits: nothing of it, from none of its lanes; the verdict says so."""
    (recording,) = record(work)
    assert _kept(recording) == {}
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert "short draws:" in str(verdict.reason)  # two threads may have a reason more
    again = replay.run(recording)
    assert verdict.outcome is not None
    assert again.outcome is not None
    assert again.outcome.value == verdict.outcome.value


@pytest.mark.parametrize(("times", "kind"), [(0, "missing"), (2, "exhausted")])
def test_choosing_more_or_less_is_a_divergence(
    record: Record, monkeypatch: pytest.MonkeyPatch, times: int, kind: str
) -> None:
    """As of any random draw."""
    monkeypatch.setitem(TIMES, "choices", 1)
    (recording,) = record(by_choice)
    monkeypatch.setitem(TIMES, "choices", times)
    verdict = replay.run(recording)
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.kind, verdict.divergence.target) == ("diverged", kind, "below")


@replay.capture
def by_choice() -> list[str]:
    """One of three, as often as it is told."""
    return [secrets.choice(SERVERS) for _ in range(TIMES["choices"])]


def test_an_older_recording_draws_its_choices_as_bytes(record: Record) -> None:
    """It does not say whether they are kept, and numbers what was drawn for them."""
    (recording,) = record(by_choice)
    context = recording.context.tree
    del context["draws"], context["entropy"]["choices"]
    older = msgspec.structs.replace(recording, context=Value(msgspec.json.encode(context).decode()))
    found = {str(verdict.outcome and verdict.outcome.value) for verdict in (replay.run(older) for _ in range(3))}
    assert len(found) == 1


@replay.capture
def picky() -> str:
    """Fails with one of three."""
    if secrets.choice(SERVERS) == "c.example":
        raise ConnectionError("c.example is down")
    return "fine"


def test_a_search_tries_other_choices(record: Record) -> None:
    """The find is a recording that fails so, in a replay as in the search."""
    benign = next(each for each in iter(lambda: record(picky)[0], None) if each.status == "ok")
    progress = explore(benign)
    assert summary(progress) == [("ConnectionError", ['draws["0"].below[0]: -1'])]
    assert progress.finds[0].recording is not None
    assert replay.run(progress.finds[0].recording).status == "reproduced"
