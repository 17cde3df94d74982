"""Each change of a service's code that its world or its caller notices is told by a replay."""

from __future__ import annotations

import copy
import inspect
import json
import random
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.campaigns import services
from tests.campaigns.changes import changed
from tests.recordings import record

MARK = "# What changes begins here.\n"
HEAD, _, BODY = Path(services.__file__).read_text().partition(MARK)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _module(body: str) -> ModuleType:
    """The services with another body, imported as if it stood in their file."""
    found = ModuleType(services.__name__)
    found.__file__, found.__spec__ = services.__file__, services.__spec__
    sys.modules[services.__name__] = found
    exec(compile(HEAD + body, str(services.__file__), "exec"), found.__dict__)  # noqa: S102  # our own text
    return found


@pytest.fixture
def put_back() -> Iterator[None]:
    """The services as they are, for whoever comes next."""
    yield
    sys.modules[services.__name__] = services


def _live(module: Any, name: str, given: tuple[Any, ...]) -> str:
    """What the world and the caller see of a run."""
    module.ASKED.clear()
    random.seed(1)
    try:
        found = getattr(module, name)(*copy.deepcopy(given))
        ended = ["returned", list(found) if inspect.isgenerator(found) else found]
    except (Exception, module.Endless) as error:
        ended = [type(error).__name__, str(error)]
    return _UUID.sub("UUID", json.dumps([ended, module.ASKED], default=repr))


@pytest.mark.usefixtures("put_back")
def test_no_change_that_is_noticed_is_green(tmp_path: Path) -> None:
    """Hundreds of them; those that nobody notices with these inputs are green."""
    recordings: dict[str, list[Recording]] = {}
    before: dict[str, list[str]] = {}
    for name, given in services.RUNS:
        (found,) = record(tmp_path, partial(_live, services, name, given))
        before.setdefault(name, []).append(_live(services, name, given))
        recordings.setdefault(name, []).append(found)
        assert replay.run(found).green
    silent, red = [], 0
    for name, what, body in changed(BODY):
        module = _module(body)
        verdicts = [replay.run(each) for each in recordings[name]]
        assert all(each.status != "unanswerable" for each in verdicts), (name, what, verdicts)
        if all(each.green for each in verdicts):
            now = [_live(module, name, given) for each, given in services.RUNS if each == name]
            silent += [f"{name}: {what}"] if now != before[name] else []
        else:
            red += 1
    assert silent == []
    assert red > 100
