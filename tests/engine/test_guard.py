"""The soft guard: what reaches for the real world during a replay is refused, and is the verdict."""

from __future__ import annotations

import _thread
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import replay
from replay.core.world import current
from replay.engine import guard, reach
from replay.errors import Refused
from tests.engine import probes
from tests.engine.outside import told, untouched
from tests.engine.outside import where as where  # a fixture

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    probes.ARMED.clear()
    yield
    probes.ARMED.clear()


@pytest.mark.parametrize("name", probes.SOFT)
def test_a_probe_is_refused(name: str, where: dict[str, Any], record: Callable[..., Any]) -> None:
    """Each way out: nothing leaves, the verdict names the act and the line, also when the code hides the error."""
    recordings = record(lambda: [probes.loud(name, told(where)), probes.swallows(name, told(where))])
    probes.ARMED.add("reach")
    expected = probes.SOFT[name][1].format_map(where)
    for recording, swallowed in zip(recordings, [False, True], strict=True):
        verdict = replay.run(recording, root=ROOT)
        assert verdict.status == "diverged", verdict
        first = verdict.divergence
        assert first.kind == "refused"
        assert first.target == expected or (name == "spawned_worker" and first.target.startswith(expected))
        assert [frame.file for frame in first.where[-1:]] == ([] if name in NO_LINE else [probes.__file__])
        assert swallowed is (verdict.outcome.state == "returned") or name in ("connect_ex", *HIDE)
    untouched(where)


NO_LINE = {"dns_in_asyncio"}
"""Probes whose work is done by a library's thread, in which there is no line of the project."""
HIDE = {"in_a_thread", "in_a_bare_thread"}
"""Probes in which the error stays in the thread."""


def test_the_probes_reach(where: dict[str, Any], record: Callable[..., Any]) -> None:
    """The same code outside a replay: the listener counts and the files change, so that the probes can fail."""
    for name in ("raw_socket", "udp", "udp_message", "unix_socket", "asyncio_streams", "in_a_bare_thread"):
        probes.SOFT[name][0](where)
        assert where["listener"].count(), name
        where["listener"].hits.clear()
    for name in ("run_command", "shell", "posix_spawn", "fork", "pseudo_terminal", "write_low", "ctypes_system"):
        probes.SOFT[name][0](where)
        assert os.path.exists(where["file"]), name
        os.remove(where["file"])
    for name in ("truncate", "overwrite_by_rename", "rename"):
        probes.SOFT[name][0](where)
    assert not os.path.exists(where["precious"])


def test_what_must_work_works(tmp_path: Path, where: dict[str, Any], record: Callable[..., Any],
                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Temporary files, socket pairs, event loops, reading, databases in memory: no divergence."""
    monkeypatch.chdir(where["folder"])
    (recording,) = record(lambda: probes.harmless(where["temporary"]))
    probes.ARMED.add("reach")
    verdict = replay.run(recording, root=ROOT)
    assert verdict.divergences == ()
    assert verdict.outcome.value == ["pair", "True", "True", "True", "loop", "memory", '"""']


def test_importing_writes_bytecode(tmp_path: Path, where: dict[str, Any], record: Callable[..., Any],
                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """A module that is first imported by the code under replay is compiled and cached as always."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(where["folder"])
    (Path(where["folder"]) / "late_module_of_guard.py").write_text("x = 1\n")
    (recording,) = record(lambda: imports_late())
    assert not (Path(where["folder"]) / "__pycache__").exists()
    probes.ARMED.add("reach")
    assert replay.run(recording, root=ROOT).divergences == ()
    assert list((Path(where["folder"]) / "__pycache__").glob("late_module_of_guard.*.pyc"))


@replay.capture
def imports_late() -> None:
    """Import inside the function."""
    if "reach" in probes.ARMED:
        __import__("late_module_of_guard")


def test_live_boundaries_get_their_sockets(where: dict[str, Any], record: Callable[..., Any]) -> None:
    """`live=["http"]` lets sockets through, no files; a live `call` may need anything."""
    sent, wrote = record(lambda: [probes.loud("raw_socket", told(where)), probes.loud("write_file", told(where))])
    probes.ARMED.add("reach")
    assert replay.run(sent, root=ROOT, live=["http"]).status == "reproduced"
    assert where["listener"].count() == ["tcp"]
    assert replay.run(wrote, root=ROOT, live=["http"]).status == "diverged"
    assert replay.run(wrote, root=ROOT, live=["call"]).status == "reproduced"
    assert Path(where["file"]).read_text() == probes.MARK


def test_threads_that_were_there_are_not_guarded(where: dict[str, Any], record: Callable[..., Any],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """A debugger's or test runner's thread works on while a replay runs; a new thread without a world does not."""
    (recording,) = record(lambda: waits(where["file"]))
    probes.ARMED.add("reach")
    go, done = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        go.wait(20)
        try:
            Path(where["file"]).write_text(probes.MARK)
        except OSError as error:
            errors.append(error)
        done.set()

    for known in (True, False):
        thread = threading.Thread(target=work)
        thread.start()
        monkeypatch.setattr(guard, "_bystanders", {thread.ident: thread} if known else {})
        GATE[:] = [go, done]
        verdict = replay.run(recording, root=ROOT)
        thread.join()
        assert (verdict.status, len(errors)) == (("reproduced", 0) if known else ("diverged", 1))
        go.clear()
        done.clear()


GATE: list[threading.Event] = []


@replay.capture
def waits(path: str) -> None:
    """Until the thread beside it has done its work."""
    if "reach" in probes.ARMED:
        GATE[0].set()
        assert GATE[1].wait(20)


def test_a_thread_that_outlives_its_replay_is_refused(where: dict[str, Any], record: Callable[..., Any]) -> None:
    """The verdict is given by then, but nothing leaves."""
    (recording,) = record(lambda: leaves_a_thread(told(where)))
    probes.ARMED.add("reach")
    GATE[:] = [threading.Event(), threading.Event()]
    assert replay.run(recording, root=ROOT).status == "reproduced"
    GATE[0].set()
    assert GATE[1].wait(20)
    assert isinstance(LEFT.pop(), Refused)
    untouched(where)


LEFT: list[BaseException] = []


@replay.capture
def leaves_a_thread(where: dict[str, Any]) -> None:
    """Starts a thread and does not wait for it."""
    gate = list(GATE)

    def work() -> None:
        gate[0].wait(20)
        try:
            probes.raw_socket(where)
        except BaseException as error:
            LEFT.append(error)
        gate[1].set()

    if "reach" in probes.ARMED:
        threading.Thread(target=work).start()


def test_refusals_without_end_are_noted_a_few_times(where: dict[str, Any], record: Callable[..., Any]) -> None:
    """Code that tries again and again does not fill the verdict."""
    (recording,) = record(lambda: tries(told(where)))
    probes.ARMED.add("reach")
    verdict = replay.run(recording, root=ROOT)
    assert len(verdict.divergences) == 3
    assert verdict.outcome.value == 500


@replay.capture
def tries(where: dict[str, Any]) -> int:
    """A loop of retries."""
    number = 0
    while "reach" in probes.ARMED and number < 500:
        try:
            probes.raw_socket(where)
        except ConnectionError:
            number += 1
    return number


def test_a_judge_that_fails_refuses(where: dict[str, Any], record: Callable[..., Any],
                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """What the hook does not understand does not pass."""
    (recording,) = record(lambda: probes.swallows("raw_socket", told(where)))
    probes.ARMED.add("reach")

    def broken(args: tuple[Any, ...], folders: tuple[str, ...]) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(reach.JUDGES, "socket.connect", broken)
    verdict = replay.run(recording, root=ROOT)
    assert verdict.divergence.target == "socket.connect: not understood (ZeroDivisionError)"
    untouched(where)


def test_outside_a_replay_nothing_is_refused(tmp_path: Path, where: dict[str, Any]) -> None:
    """The hook stays, and does nothing."""
    guard.install()
    assert current.get() is None
    probes.write_file(where)
    probes.raw_socket(where)
    shutil.rmtree(where["folder"])
    assert where["listener"].count() == ["tcp"]


@pytest.mark.skipif(not hasattr(socket, "_fallback_socketpair"), reason="this Python has no socket pair by loopback")
def test_a_socket_pair_by_loopback_works(record: Callable[..., Any]) -> None:
    """Where the system has no socket pairs, event loops are built on this."""
    (recording,) = record(lambda: pairs())
    probes.ARMED.add("reach")
    assert replay.run(recording, root=ROOT).status == "reproduced"


@replay.capture
def pairs() -> str:
    """A pair as on systems without."""
    if "reach" in probes.ARMED:
        for end in socket._fallback_socketpair():  # type: ignore[attr-defined]
            end.close()
    return "done"


@pytest.mark.parametrize("kind", [Refused, guard.RefusedConnection, guard.RefusedName])
def test_refusals_are_errors_that_code_knows(kind: type[Refused]) -> None:
    """An OSError with a number, a slug, and a copy that is equal."""
    import copy

    error = kind("replay: refused connect x:1")
    assert isinstance(error, OSError)
    assert isinstance(error, PermissionError)
    assert (error.slug, str(error).partition("] ")[2]) == ("refused", "replay: refused connect x:1")
    assert str(copy.copy(error)) == str(error)
    assert isinstance(guard.RefusedConnection("x"), ConnectionError)
    assert isinstance(guard.RefusedName("x"), socket.gaierror)


def test_a_cache_of_bytecode_takes_bytecode_only() -> None:
    """What the import system writes passes anywhere; other files do not, whatever their folder is called."""
    for place in ("/srv/a/__pycache__", "/srv/a/__pycache__/m.cpython-311.pyc", "/srv/a/__pycache__/m.pyc.140234"):
        assert reach.may_write(place, ("/tmp/",))
    for place in ("/srv/a/__pycache__/notes.txt", "/srv/a/__pycache__/deep/m.pyc", "/srv/__pycache__x/m.pyc"):
        assert not reach.may_write(place, ("/tmp/",))


def test_who_has_the_number_of_an_ended_thread_is_no_bystander(monkeypatch: pytest.MonkeyPatch) -> None:
    """`threading` keeps a thread that it did not start when that has ended, and calls it alive."""
    found: list[tuple[int, bool]] = []
    ended: list[int] = []
    world = SimpleNamespace(permits=guard.Permits(thread=-1))

    def known() -> None:
        threading.current_thread()
        ended.append(threading.get_ident())

    def later() -> None:
        found.append((threading.get_ident(), guard._is_bystander(world)))

    def run(work: Callable[[], None]) -> None:
        done = threading.Lock()
        done.acquire()

        def act() -> None:
            try:
                work()
            finally:
                done.release()

        _thread.start_new_thread(act, ())
        assert done.acquire(timeout=20)
        time.sleep(0.005)  # until its stack is free

    run(known)
    kept = threading._active.get(ended[0])  # type: ignore[attr-defined]
    if kept is None:
        pytest.skip("this Python forgets it")
    monkeypatch.setitem(guard._bystanders, ended[0], kept)
    for _ in range(50):
        run(later)
    assert ended[0] in [ident for ident, _ in found]
    assert not any(is_bystander for _, is_bystander in found)
