"""Each change of a service's code that its world or its caller notices is told by a replay."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import random
import re
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import time_machine

import replay
from replay.core.recording import Recording
from tests.campaigns import services, workflows
from tests.campaigns.changes import changed
from tests.recordings import record

MARK = "# What changes begins here.\n"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = 1_780_000_000


def _module(of: ModuleType, head: str, body: str) -> ModuleType:
    """The services with another body, imported as if it stood in their file."""
    found = ModuleType(of.__name__)
    found.__file__, found.__spec__ = of.__file__, of.__spec__
    sys.modules[of.__name__] = found
    exec(compile(head + body, str(of.__file__), "exec"), found.__dict__)  # noqa: S102  # our own text
    return found


@pytest.fixture
def put_back() -> Iterator[None]:
    """The services as they are, for whoever comes next."""
    yield
    for each in (services, workflows):
        sys.modules[each.__name__] = each


async def _all(pieces: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in pieces]


def _ended(found: Any) -> Any:
    if inspect.iscoroutine(found):
        return asyncio.run(found)
    if inspect.isasyncgen(found):
        return asyncio.run(_all(found))
    return list(found) if inspect.isgenerator(found) else found


def _live(module: Any, name: str, given: tuple[Any, ...]) -> str:
    """What the world and the caller see of a run."""
    module.ASKED.clear()
    random.seed(1)
    try:
        with time_machine.travel(_MOMENT, tick=False):
            ended = ["returned", _ended(getattr(module, name)(*copy.deepcopy(given)))]
    except (Exception, module.Endless) as error:
        ended = [type(error).__name__, str(error)]
    return _UUID.sub("UUID", json.dumps([ended, module.ASKED], default=repr))


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize(("of", "least"), [(services, 100), (workflows, 400)])
def test_no_change_that_is_noticed_is_green(tmp_path: Path, of: Any, least: int) -> None:
    """Hundreds of them; those that nobody notices with these inputs are green."""
    head, _, body = Path(of.__file__).read_text().partition(MARK)
    recordings: dict[str, list[Recording]] = {}
    before: dict[str, list[str]] = {}
    for name, given in of.RUNS:
        (found,) = record(tmp_path, partial(_live, of, name, given))
        before.setdefault(name, []).append(_live(of, name, given))
        recordings.setdefault(name, []).append(found)
        assert [replay.run(found).green for _ in range(3)] == [True] * 3, name
    silent, red = [], 0
    for name, what, changed_body in changed(body):
        module = _module(of, head, changed_body)
        names = [name] if name in recordings else [*recordings]  # else it is one that several use
        verdicts = [replay.run(each) for every in names for each in recordings[every]]
        assert all(each.status != "unanswerable" for each in verdicts), (name, what, verdicts)
        if all(each.green for each in verdicts):
            now = {every: [_live(module, each, given) for each, given in of.RUNS if each == every] for every in names}
            silent += [f"{name}: {what}"] if now != {every: before[every] for every in names} else []
        else:
            red += 1
    assert silent == []
    assert red > least
