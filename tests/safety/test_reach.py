"""The campaigns that raise faults reach all that a service runs: a module that is new has to be in one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import CodeType

import msgspec
import pytest

import replay
from replay.engine import recorder
from replay.surfaces import redaction
from tests.safety import units
from tests.safety.faults import PACKAGE, watched
from tests.safety.services import run
from tests.safety.test_faults import UNITS
from tests.safety.test_writer_faults import UNITS as WRITTEN
from tests.safety.test_writer_faults import secret, writer

pytestmark = [
    pytest.mark.usefixtures("api"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ELSEWHERE = {
    "as it starts": {
        "boundaries/__init__", "core/naming", "core/policy", "core/redaction/vendors", "entrypoints/naming", "errors",
        "store/native", "store/sealed", "surfaces/config", "surfaces/metrics",
    },
    "as it ends": {"store/ending"},
    "as a recording is handed over: `test_a_fault_in_the_spool`": {"store/limiter"},
    "called by the application, as the seam itself": {"entrypoints/function"},
    "at replay": {
        "boundaries/http/bodies", "boundaries/http/stored", "boundaries/http/wire_replay", "boundaries/libraries",
        "boundaries/locks", "boundaries/timeline", "core/families/connecting", "core/families/objects", "core/opened",
        "core/standins", "core/surroundings", "core/verdict", "engine/memory", "engine/targets",
        "entrypoints/__init__", "store/looked", "store/untrusted",
    },
}  # fmt: skip
"""When the functions run of modules that are loaded in a service, and that no campaign reaches."""


def functions(path: Path) -> bool:
    waiting = [compile(path.read_text(), str(path), "exec")]
    while waiting:
        inner = [each for each in waiting.pop().co_consts if isinstance(each, CodeType)]
        if any(each.co_flags & 1 for each in inner):
            return True
        waiting += inner
    return False


def test_each_module_of_a_service_is_reached(tmp_path: Path) -> None:
    """A service that uses every client and generator of random numbers loads no module that no campaign reaches."""
    done = run(
        "import replay, sys\n"
        "replay.init(service='s', spool='captures', keep=replay.always(), on_sigterm=False)\n"
        "import aiohttp, anyio.to_thread, django.core.signals, flask, httplib2, httpx, httpx2, numpy.random, requests\n"
        "import uuid_utils\n"
        "@replay.capture(name='a:b')\n"
        "def unit(token): return token\n"
        "unit('x' * 20)\n"
        "assert replay.flush(20)\n"
        "print(*(module.__file__ for name, module in sys.modules.items() if name.startswith('replay.')), sep='\\n')\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    loaded = {path for path in done.stdout.split() if functions(Path(path))}
    replay.init(service="reach", spool=tmp_path, keep=replay.always(), on_sigterm=False)
    settings = recorder.active
    assert settings is not None
    found: list[recorder.Captured] = []
    reached: set[str] = set()
    redact = redaction.of(replay.Redaction(), "k" * 32)
    recorder.configure(msgspec.structs.replace(settings, sink=found.append, redact=redact))
    try:
        secret()
        reached |= {code.co_filename for code in watched(partial(writer(tmp_path / "secret").take, found[0], 100, 0))}
        for name, unit in UNITS.items():
            reached |= {code.co_filename for code in watched(partial(units.outcome, unit, 3))}
            if name in WRITTEN:
                take = partial(writer(tmp_path / "written").take, found[-1], 100, 0)
                reached |= {code.co_filename for code in watched(take)}
    finally:
        recorder.configure(None)
    assert len(reached) > 60
    missed = {path.removeprefix(PACKAGE + "/").removesuffix(".py") for path in loaded - reached}
    assert missed == set().union(*ELSEWHERE.values())
