"""The environment: what is allowed is kept and set again; flags answer as they did."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from replay.boundaries.environ import apply, configure, environ, flag
from tests.boundaries.worlds import Listener, Teller, a_recording, answer, inside


@pytest.fixture(autouse=True)
def _nothing_allowed_after() -> Iterator[None]:
    yield
    configure([])


def test_only_what_is_allowed_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and patterns; a name that is not set is kept as unset."""
    monkeypatch.setenv("SHOP_REGION", "eu")
    monkeypatch.setenv("SHOP_MODE", "x=y")
    monkeypatch.setenv("SECRET", "hush")
    assert environ.begin() == {"environ": {}}
    configure(["SHOP_*", "NOT_SET_ANYWHERE"])
    assert environ.begin() == {"environ": {"NOT_SET_ANYWHERE": None, "SHOP_REGION": "eu", "SHOP_MODE": "x=y"}}


def test_replay_sets_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are as production had them during a replay, and as before after it, even if it fails."""
    monkeypatch.setenv("SHOP_HERE", "local")
    monkeypatch.delenv("SHOP_NEW", raising=False)
    monkeypatch.setenv("SHOP_UNSET", "local")
    recording = a_recording(environ={"SHOP_HERE": "eu", "SHOP_NEW": "1", "SHOP_UNSET": None})

    def replay() -> None:
        with environ.playing(recording):
            assert [os.environ.get(n) for n in ("SHOP_HERE", "SHOP_NEW", "SHOP_UNSET")] == ["eu", "1", None]
            raise KeyError

    with pytest.raises(KeyError):
        replay()
    assert [os.environ.get(n) for n in ("SHOP_HERE", "SHOP_NEW", "SHOP_UNSET")] == ["local", None, "local"]


def test_a_recording_has_nothing_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several are searched one after the other: a variable that only the first had is gone for the second."""
    monkeypatch.setenv("SHOP_HERE", "local")
    monkeypatch.delenv("SHOP_NEW", raising=False)
    seen = []
    for values in ({"SHOP_HERE": "eu", "SHOP_NEW": "1"}, {"SHOP_HERE": "us"}, {}):
        apply(a_recording(environ=values))
        seen.append([os.environ.get(name) for name in ("SHOP_HERE", "SHOP_NEW")])
    assert seen == [["eu", "1"], ["us", None], ["local", None]]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no zone can be set here")
def test_a_zone_in_the_environment_is_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """TZ is read once by the system: to set it is to have it read anew."""
    hours = []
    for name in ("Asia/Tokyo", "UTC"):
        apply(a_recording(environ={"TZ": name}))
        hours.append(time.localtime(1_700_000_000).tm_hour)
    apply(a_recording())
    assert hours == [7, 22]


@pytest.mark.parametrize("context", [{}, {"environ": None}, {"environ": {"A=B": "x", "": "y", "N": "a\0", "M": 3}}])
def test_what_the_system_does_not_take_is_left_out(context: dict[str, object]) -> None:
    """A bundle may hold anything; the replay goes on without it."""
    before = dict(os.environ)
    with environ.playing(a_recording(**context)):
        assert before == dict(os.environ)


def test_a_flag_answers_as_recorded() -> None:
    """Live the given value, at replay the recorded one, without a world the given one."""
    assert flag("new-checkout", False) is False
    heard = Listener()
    with inside(heard):
        assert flag("new-checkout", True) is True
    assert (heard.tickets[0].request.boundary, heard.tickets[0].request.target) == ("environ", "flag:new-checkout")
    assert answer(heard.tickets[0]) is True
    with inside(Teller(heard)):
        assert flag("new-checkout", False) is True
