"""A fault inside each function that settles, redacts and writes: what is on disk is redacted, what is lost counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec
import pytest

import replay
from replay.engine import recorder
from replay.store.limiter import Limits
from replay.store.quota import Quota
from replay.store.sealed import Seal
from replay.store.spool import Captured, Spool
from replay.store.writer import Settling, Writer
from replay.surfaces import redaction
from tests.core.redaction.test_redactor import CANARY, everything, recording, shapes
from tests.safety import units
from tests.safety.faults import PACKAGE, Fault, watched, with_fault
from tests.safety.made import Made, again, crowds, few, forms, kinds, places
from tests.safety.ways import WAYS

pytestmark = [
    pytest.mark.usefixtures("api"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GUARDS = {
    "Writer.take": "the spool's own guard is around it",
    "Writer.drop": "what a guard does",
    "Writer.__init__": "before anything",
}


@replay.boundary
def asked(token: str) -> dict[str, Any]:
    return {"password": CANARY, "rows": [{"n": n, "token": token} for n in range(3)]}


@replay.capture
def unit(password: str, order: dict[str, Any]) -> None:
    replay.note(session_id=password)
    asked(password)
    raise ValueError(f"cannot log in with {password}")


def secret() -> None:
    with pytest.raises(ValueError, match="log in"):
        unit(
            CANARY,
            {
                "url": f"https://a.example/?api_key={CANARY}",
                "text": f'{{"pin": "{CANARY}"}}',
                "n": [1.5, b"x"],
                "said": f"token = {CANARY} 4012888888881881\nmysql -u ann -p{CANARY}\nn,password\n1,{CANARY}\n",
            },
        )


UNITS: dict[str, Callable[[], object]] = {
    "secret": secret,
    **{
        name: partial(units.outcome, work, 3)
        for name, work in {**units.UNITS, **WAYS}.items()
        if name in ("generator", "lambda", "asgi", "wsgi told", "wsgi of django", "requests", "aiohttp parts", "chunks",
                    "httpx parts", "refused", "held", "more draws", "more values", "values of libraries", "function",
                    "raising", "values seen", "database", "cookies", "by hand",
                    "filled", "filled before", "tasks", "coroutine", "threads")
    },
}  # fmt: skip


@pytest.fixture
def captured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[recorder.Captured]:
    """One unit of work, not yet settled, of a service that redacts; a secret is noted with it."""
    replay.init(service="faults", spool=tmp_path / "unused", on_sigterm=False)
    settings = recorder.active
    assert settings is not None
    found: list[recorder.Captured] = []
    redact = redaction.of(replay.Redaction(), "k" * 32)
    recorder.configure(msgspec.structs.replace(settings, sink=found.append, redact=redact, keep=replay.always()))
    UNITS[getattr(request, "param", "secret")]()
    found[-1].note("session_id", CANARY)
    yield found[-1]
    recorder.configure(None)


def writer(folder: Path) -> Writer:
    return Writer(folder, "faults", most_bytes=1 << 20, quota=Quota(folder, "faults", 1 << 20, 100), producer=None,
                  dropped=dict)  # fmt: skip


def campaign(captured: Settling, folder: Path, error: type[BaseException], at: int, every: int) -> int:
    """How many faults hit. Each loses the recording, counted, or leaves it whole and redacted on disk."""
    writer(folder / "warm").take(captured, 100, 0)
    found: list[CodeType] = watched(lambda: writer(folder / "watched").take(captured, 100, 0))
    hits = 0
    for number, code in enumerate(found[::every]):
        if code.co_qualname in GUARDS:
            continue
        mine = writer(folder / str(number))
        try:
            hits += with_fault(lambda mine=mine: mine.take(captured, 100, 0), code, error, at)[1]  # type: ignore[misc]
        except Exception:  # as it was counted
            mine.drop("spool-failed")
        mine.write_samples()  # what a fault left waiting is written with the next
        shown = f"{code.co_filename.removeprefix(PACKAGE)}:{code.co_qualname}"
        written = [one for path in mine.folder.glob("*.replay.db") for one in replay.open(path)]
        assert len(written) >= mine.counts["written"], shown
        assert len(written) + sum(mine.dropped.values()) >= 1, shown
        assert mine.released >= 100, shown
        for one in written:
            assert one.redacted or "session_id" not in one.context.text, shown
            assert [shape for shape in shapes(CANARY) if shape in everything(one)] == [], shown
        left = b"".join(path.read_bytes() for path in mine.folder.glob("*"))
        assert CANARY.encode() not in left, shown
    return hits


def test_a_fault_in_some_functions(captured: recorder.Captured, tmp_path: Path) -> None:
    """At the first call of every fifth function."""
    assert campaign(captured, tmp_path, Fault, 1, 5) > 10


@pytest.mark.slow
@pytest.mark.parametrize("error", [Fault, MemoryError, RecursionError])
@pytest.mark.parametrize("made", [few, kinds, crowds, forms, places, again])
def test_a_fault_in_each_rule(made: Callable[[], Settling], tmp_path: Path, error: type[BaseException]) -> None:
    """Of recordings with secrets of every kind, few and many: ten minutes each."""
    assert campaign(made(), tmp_path, error, 1, 1) > 100


def on_this_thread(folder: Path, captured: Sequence[Captured], spool: Spool | None = None) -> None:
    """All that the writer's thread does, done here: samples beyond the queue's room, incidents beyond the limit."""
    spool = spool or busy(folder)
    with suppress(Fault):
        for each in captured:
            spool.put(each)
    spool._closed = True  # the thread ends when it has written what waits
    with suppress(Fault):
        spool._begin(object(), spool._life())  # type: ignore[arg-type]
    spool._closed = False
    spool._life = lambda: None


def busy(folder: Path) -> Spool:
    """A spool whose thread, it thinks, is somewhere."""
    spool = Spool(folder, service="faults", max_queue_bytes=450, limits=Limits(same_first=2, same_per_minute=0),
                  seal=Seal(sign_with="11" * 32))  # fmt: skip
    spool._thread, spool._life = object(), lambda: spool  # type: ignore[assignment,return-value]
    return spool


def many() -> list[Captured]:
    """More samples than there is room for, more incidents than a storm may have."""
    return [Made(recording({"token": CANARY, "n": n}), urgent=n > 4) for n in range(8)]


def test_a_fault_in_the_writers_thread(tmp_path: Path) -> None:
    """Whatever of the spool fails there: each recording is on disk or counted as lost, once; the thread goes on."""
    codes = watched(partial(on_this_thread, tmp_path / "watched", many()))
    here = [code for code in codes if "/store/" in code.co_filename]
    assert len(here) > 40
    for number, code in enumerate(here):
        spool = busy(tmp_path / str(number))
        with_fault(partial(on_this_thread, spool.folder, many(), spool), code, Fault)
        assert spool.flush(20), code.co_qualname
        spool.put(many()[0])
        assert spool.flush(20), code.co_qualname
        found = spool.stats()
        assert found["captured"] == found["written"] + sum(found["dropped"].values()), (code.co_qualname, found)
        assert spool.close()


@pytest.mark.slow
@pytest.mark.parametrize("captured", UNITS, indirect=True)
@pytest.mark.parametrize("error", [Fault, MemoryError, RecursionError])
def test_a_fault_in_each_function(captured: recorder.Captured, tmp_path: Path, error: type[BaseException]) -> None:
    """At an early and a late call of each, within ten minutes."""
    for at in (1, 7):
        assert campaign(captured, tmp_path / str(at), error, at, 1) > 10
