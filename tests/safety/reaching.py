"""Which of our functions a service loads, and which of them the campaigns raise a fault in: a process of its own.

What is patched, compiled or remembered once in a process is reached in a new one only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec

import replay
from replay.engine import recorder
from replay.surfaces import redaction
from tests.safety import units
from tests.safety.conftest import serving
from tests.safety.faults import PACKAGE, watched
from tests.safety.made import again, crowds, few, forms, kinds, places
from tests.safety.services import run
from tests.safety.test_faults import TIGHT, UNITS
from tests.safety.test_writer_faults import UNITS as WRITTEN
from tests.safety.test_writer_faults import many, on_this_thread, writer

Function = tuple[str, str, int]
"""File, name, first line."""
SERVICE = """
import replay, sys
replay.init(service="s", spool="captures", keep=replay.always(), on_sigterm=False)
import aiohttp, anyio.to_thread, django.core.signals, flask, httplib2, httpx, httpx2, numpy.random, requests, uuid_utils
replay.ASGI, replay.WSGI, replay.celery, replay.aws_lambda, replay.model, replay.recording, replay.boundary
@replay.capture(name="a:b")
def unit(token): return token
unit("x" * 20)
assert replay.flush(20)
print(*(module.__file__ for name, module in sys.modules.items() if name.startswith("replay.")), sep="\\n")
"""
"""It uses every entry point, client and generator of random numbers."""


def functions(path: Path) -> Iterator[Function]:
    """All that have a name and do something: what a protocol declares does not, what has none is part of another."""
    waiting = [compile(path.read_text(), str(path), "exec")]
    while waiting:
        inner = [each for each in waiting.pop().co_consts if isinstance(each, CodeType)]
        waiting += inner
        for each in inner:
            if (
                each.co_flags & 1
                and not each.co_name.startswith(("<", "__annotate__"))
                and len(set(each.co_code[::2])) > 3
            ):
                yield key(each)


def key(code: CodeType) -> Function:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def shown(function: Function) -> str:
    return f"{function[0].removeprefix(PACKAGE + '/').removesuffix('.py')}:{function[1]}"


def loaded(folder: Path) -> set[Function]:
    """The functions of all modules that a service has."""
    done = run(SERVICE, folder)
    assert done.returncode == 0, done.stderr
    return {each for path in done.stdout.split() for each in functions(Path(path))}


def reached(folder: Path) -> set[Function]:
    """What the campaigns raise a fault in, and what is called by others than us."""
    found = set[Function]()
    captured: list[Any] = []

    def reach(work: Callable[[], object]) -> None:
        seams = set[CodeType]()
        found.update(map(key, watched(work, seams)), map(key, seams))

    replay.init(service="reach", spool=folder, keep=replay.always(), on_sigterm=False)
    settings = recorder.active
    assert settings is not None
    redact = redaction.of(replay.Redaction(), "k" * 32)
    here = msgspec.structs.replace(settings, sink=captured.append, redact=redact)
    recorder.configure(here)
    numpy = sys.modules.pop("numpy")  # as where it is not loaded
    for name in ("secret", "function"):
        reach(WRITTEN[name])
        reach(partial(writer(folder / name).take, captured[-1], 100, 0))
    sys.modules["numpy"] = numpy
    recorder.configure(settings)  # the spool's, as in `test_a_fault_in_the_spool`
    reach(partial(units.outcome, UNITS["raising"], 3))
    for each in (here, msgspec.structs.replace(here, **TIGHT)):
        recorder.configure(each)
        for unit in UNITS.values():
            reach(partial(units.outcome, unit, 3))
    recorder.configure(here)
    for work in WRITTEN.values():
        work()
        reach(partial(writer(folder / "written").take, captured[-1], 100, 0))
    for make in (few, kinds, crowds, forms, places, again):
        reach(partial(writer(folder / "made").take, make(), 100, 0))
    reach(partial(on_this_thread, folder / "spool", many()))
    recorder.configure(None)
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with serving():
        print(json.dumps([sorted({shown(each) for each in held}) for held in (loaded(place), reached(place))]))
