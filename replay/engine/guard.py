"""The soft guard: an audit hook that refuses the code under replay the real world.

Python raises an audit event before it connects a socket, starts a process or opens a file for writing. The hook asks
the world of the thread or task that does it: a player notes the refusal, out of band, and the call fails. Code outside
a replay pays for one look-up an event. Native code that makes system calls by itself raises no events: against that
there is hard isolation, where the kernel refuses.

Threads that were there before the first replay of the process (a debugger's, a test runner's) are not its code.
"""

from __future__ import annotations

import platform
import sys
import threading
from _socket import EAI_FAIL, gaierror
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from linecache import getline
from os.path import dirname, realpath
from tempfile import gettempdir
from threading import get_ident, get_native_id
from types import FrameType
from typing import Any, Protocol

import msgspec

from replay.core.telemetry import tells
from replay.core.verdict import Divergence, Frame, Verdict
from replay.core.world import LIVE, current, occupant
from replay.engine import unheard
from replay.engine.reach import JUDGES, Reach
from replay.errors import Refused

NETWORK = frozenset({"http", "model", "call", "db", "redis"})
"""Boundaries that need sockets when they are live."""
ANYTHING = frozenset({"model", "call"})
"""Boundaries whose live side is the project's own code, of which nobody knows what it needs."""


_PACKAGE = dirname(dirname(__file__))


class RefusedConnection(Refused, ConnectionError):
    """Of sockets: what network code catches."""


class RefusedName(Refused, gaierror):
    """Of looking a host up."""

    def __init__(self, message: str) -> None:
        OSError.__init__(self, EAI_FAIL, message)


class Permits(msgspec.Struct, frozen=True):
    """What a replay may do to the real world."""

    folders: tuple[str, ...] = ()
    """Where it may write: real paths that end in a separator."""
    live: frozenset[str] = frozenset()
    """Boundaries that the user wants live."""
    thread: int = 0
    """The one that replays."""


class Guarded(Protocol):
    """Who notes refusals: a player, or a process that is under guard as a whole."""

    permits: Permits | None

    def refused(self, boundary: str, target: str) -> None:
        """`boundary`: `socket`, `process`, `file`; `target`: what was tried."""
        ...


_whole: Guarded | None = None
_bystanders: dict[int, threading.Thread] = {}
_installed = False


def permits(live: Collection[str] = (), folders: Iterable[str] = ()) -> Permits:
    """The usual permits: to write to the temporary folder, and to `folders`."""
    return Permits(temporary(gettempdir(), *folders), frozenset(live), get_ident())


@lru_cache(maxsize=64)
def temporary(*folders: str) -> tuple[str, ...]:
    """Real paths of `folders`, of shared memory (locks of `multiprocessing`), and of where bytecode is cached if it is
    elsewhere; each ends in a separator."""
    cache = (sys.pycache_prefix,) if sys.pycache_prefix else ()
    shared = ("/dev/shm",) if sys.platform == "linux" else ()
    return tuple(dict.fromkeys(realpath(folder).rstrip("/\\") + "/" for folder in (*folders, *shared, *cache)))


def install() -> None:
    """Add the hook, once per process; it cannot be taken away. Idempotent."""
    global _installed
    if _installed:
        return
    _installed = True
    _bystanders.update((thread.ident, thread) for thread in threading.enumerate() if thread.ident is not None)
    unheard.install()
    gettempdir()  # finds it now, and for good: a recorded TMPDIR must not move it
    platform.platform()  # asks the system by a process, once: libraries that tell who they are would be refused it
    sys.addaudithook(_hook)


def guard_process(whole: Guarded | None) -> None:
    """Guard all code of this process, in a replay or not. For a process that was started for one replay."""
    global _whole
    install()
    _whole = whole


class Whole:
    """A process that is under guard as a whole, also while the project is imported: what was refused then."""

    def __init__(self, permits: Permits, root: str) -> None:
        self.permits: Permits | None = permits
        self.found: list[Divergence] = []
        self._root = root

    def refused(self, boundary: str, target: str) -> None:
        """Note it."""
        if len(self.found) < 200:
            where = tuple(_frames(sys._getframe(2), self._root))[-10:]
            self.found.append(
                Divergence(kind="refused", lane="0", boundary=boundary, target=target, where=where)  # before all tasks
            )


def _frames(frame: FrameType | None, root: str) -> list[Frame]:
    """Of the project, innermost last."""
    found = []
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(root) and "site-packages" not in file and not file.startswith(_PACKAGE):
            found.append(Frame(file, frame.f_lineno, frame.f_code.co_name, getline(file, frame.f_lineno).strip()))
        frame = frame.f_back
    return found[::-1]


def with_refusals(verdict: Verdict, found: Sequence[Divergence]) -> Verdict:
    """The verdict, where the player did not hear of these refusals."""
    if not found:
        return verdict
    if verdict.status == "unanswerable":
        targets = ", ".join(divergence.target for divergence in found[:3])
        return msgspec.structs.replace(verdict, reason=f"{verdict.reason} (refused: {targets})")
    divergences = (*verdict.divergences, *found)
    return msgspec.structs.replace(verdict, status="diverged", divergence=divergences[0], divergences=divergences)


def _guarded() -> Guarded | None:
    """Who answers for the code that runs here; None: nobody."""
    world = current.get()
    if world is None or world is LIVE:
        lost = world is None
        world = occupant()
        if lost and world is not None and _is_bystander(world):
            return _whole
    return world if getattr(world, "permits", None) is not None else _whole  # type: ignore[return-value]  # has permits


def _is_bystander(world: Any) -> bool:
    ident = get_ident()
    thread = _bystanders.get(ident)
    if thread is None or getattr(world.permits, "thread", ident) == ident:
        return False
    # One that `threading` did not start stays in its list when it has ended, and another gets its number.
    return thread.is_alive() and thread.native_id == get_native_id()


def _is_telemetry() -> bool:
    """Whether a thread asks that tells of the service: it may not, and that says nothing of the code under replay."""
    thread = threading._active.get(get_ident())  # type: ignore[attr-defined]  # `current_thread` would make one
    return thread is not None and tells(thread)


def _hook(event: str, args: tuple[Any, ...], judges: Any = JUDGES) -> None:
    judge = judges.get(event)  # held here: at the end of the interpreter the module is emptied, and the hook stays
    if judge is None:
        return
    guarded = _guarded()
    if guarded is None:
        return
    allowed = guarded.permits
    if allowed is None or allowed.live & ANYTHING:
        return
    try:
        reach = judge(args, allowed.folders)
        if reach is None or (reach.boundary == "socket" and allowed.live & NETWORK):
            return
    except Exception as error:  # what cannot be judged must not pass
        reach = Reach("file", f"{event}: not understood ({type(error).__name__})")
    if not _is_telemetry():
        guarded.refused(reach.boundary, reach.target)
    raise _error(event, reach)


def _error(event: str, reach: Reach) -> Refused:
    message = f"replay: refused {reach.target}: a replay never touches the real world"
    if event.startswith("socket.get"):
        return RefusedName(message)
    return RefusedConnection(message) if reach.boundary == "socket" else Refused(message)
