"""Threads and executors: the world goes along, the application's context does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest

from replay.boundaries.threads import install
from replay.boundaries.waits import _executor_of
from replay.core.world import dropped, here
from tests.boundaries.worlds import Listener, inside

install()
application: ContextVar[str] = ContextVar("application", default="none")


class Own(threading.Thread):
    """A thread class with a `run` of its own."""

    seen: object = None

    def run(self) -> None:
        self.seen = here()


def _in_thread() -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(here()))
    thread.start()
    thread.join()
    return found[0]


def _in_own() -> object:
    thread = Own()
    thread.start()
    thread.join()
    return thread.seen


def _in_timer() -> object:
    found: list[object] = []
    timer = threading.Timer(0, lambda: found.append(here()))
    timer.start()
    timer.join()
    return found[0]


def _in_pool() -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(here).result()


def _in_map() -> object:
    with ThreadPoolExecutor(1) as pool:
        return next(iter(pool.map(lambda _: here(), [0])))


def _in_executor() -> object:
    async def run() -> object:
        return await asyncio.get_running_loop().run_in_executor(None, here)

    return asyncio.run(run())


def _to_thread() -> object:
    async def run() -> object:
        return await asyncio.to_thread(here)

    return asyncio.run(run())


@pytest.mark.parametrize("ask", [_in_thread, _in_own, _in_timer, _in_pool, _in_map, _in_executor, _to_thread])
def test_the_world_goes_along(ask: Callable[[], object]) -> None:
    """Whatever starts a thread, its code asks the world of the code that started it; without one, none."""
    world = Listener()
    with inside(world):
        assert world is ask()
    assert ask() is None


def test_a_worker_started_in_a_world_serves_others_later() -> None:
    """A pool's thread belongs to no recording, and each task to its own."""
    one, two = Listener(), Listener()
    with ThreadPoolExecutor(1) as pool:
        with inside(one):
            assert one is pool.submit(here).result()
        assert pool.submit(here).result() is None
        with inside(two):
            assert two is pool.submit(here).result()


def test_the_application_sees_no_other_context() -> None:
    """A thread does not see the application's variables, as without the harness."""
    application.set("request 1")
    with inside(Listener()), ThreadPoolExecutor(1) as pool:
        assert pool.submit(application.get).result() == "none"
    application.set("none")


def test_threads_keep_what_they_are() -> None:
    """Name, daemon flag and `run` of a thread stay; it can be started once."""
    with inside(Listener()):
        thread = Own(name="worker-7", daemon=True)
        thread.start()
        thread.join()
        assert (thread.name, thread.daemon) == ("worker-7", True)
        assert "run" not in vars(thread)
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        assert "run" not in vars(thread)


def test_a_run_set_on_the_thread_itself_is_called() -> None:
    """A `run` that was put on one thread is kept."""
    seen: list[object] = []
    with inside(Listener()) as _:
        thread = threading.Thread()
        thread.run = lambda: seen.append(here())  # type: ignore[method-assign]
        thread.start()
        thread.join()
    assert len(seen) == 1
    assert isinstance(seen[0], Listener)
    assert "run" in vars(thread)


class Computed(threading.Thread):
    """Its `run` cannot be set."""

    @property
    def run(self) -> Callable[[], None]:
        return lambda: RAN.append("computed")


class Refusing(threading.Thread):
    """Nor can this one's."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "run":
            raise ValueError("it is mine")
        super().__setattr__(name, value)

    def run(self) -> None:
        RAN.append("refusing")


RAN: list[str] = []


@pytest.mark.parametrize("kind", [Computed, Refusing])
def test_a_library_thread_that_lets_no_run_be_set_runs(kind: type[threading.Thread]) -> None:
    """One that tells of the service; it is counted."""
    RAN.clear()
    lost = dropped["carry-failed"]
    thread = type("Kind", (kind,), {"__module__": "sentry_sdk.worker"})()
    thread.start()
    thread.join()
    assert [kind.__name__.lower()] == RAN
    assert dropped["carry-failed"] == lost + 1


@pytest.mark.parametrize("kind", [Computed, Refusing])
def test_a_thread_that_lets_no_run_be_set_runs(kind: type[threading.Thread]) -> None:
    """One that is started within a recording; it is counted, and in no lane."""
    RAN.clear()
    lost = dropped["carry-failed"]
    with inside(Listener()):
        thread = kind()
        thread.start()
        thread.join()
    assert [kind.__name__.lower()] == RAN
    assert dropped["carry-failed"] == lost + 1


def test_errors_pass_unchanged() -> None:
    """A task's exception and a closed pool's refusal are those of the standard library."""

    def fails() -> None:
        raise KeyError("task")

    with inside(Listener()):
        pool = ThreadPoolExecutor(1)
        with pytest.raises(KeyError, match="task"):
            pool.submit(fails).result()
        pool.shutdown()
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(fails)
        assert isinstance(here(), Listener)


def test_signatures_are_kept() -> None:
    """What is patched still looks like itself."""
    import inspect

    signature: Any = inspect.signature(ThreadPoolExecutor.submit)
    assert str(signature) == "(self, fn, /, *args, **kwargs)"
    assert threading.Thread.start.__qualname__ == "Thread.start"


def test_a_worker_that_ends_as_it_is_joined() -> None:
    """It has forgotten its executor by then, first what it ran and then with what: it was joined as one that has it."""
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()
    (worker,) = pool._threads
    executor = _executor_of(worker)
    assert executor is not None
    assert executor() is pool
    for name in ("_args", "_target"):
        kept = worker.__dict__.pop(name)
        assert _executor_of(worker) is None, name
        worker.__dict__[name] = kept
    assert _executor_of(threading.Thread()) is None
    pool.shutdown()
