"""The fresh process of one replay: takes a job from one descriptor, writes the reply to another, and ends.

What the code under test prints goes to stderr, and it has nothing to read on stdin. The process ends without running
what was registered for its exit: that would be outside the replay.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

from replay.boundaries.environ import apply
from replay.engine import guard
from replay.errors import ReplayError
from replay.surfaces.config import load
from replay.surfaces.job import Failure, Job, Reply, pack_reply, unpack_job
from replay.surfaces.probing import probing
from replay.surfaces.run import run


def main(job_descriptor: int, reply_descriptor: int) -> None:
    """Do the job. Never returns."""
    os.set_inheritable(reply_descriptor, False)
    _die_with_parent()
    with open(job_descriptor, "rb") as file:
        job = unpack_job(file.read())
    sys.argv = ["replay"]
    _import_with(job)
    reply = pack_reply(_reply(job))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed by the code under test: nobody is there to be told
            pass
    view = memoryview(reply)
    while view:
        view = view[os.write(reply_descriptor, view) :]
    os._exit(0)


_CLIENTS = ("aiohttp", "botocore", "httplib2", "httpx", "httpx2", "httpx_curl_cffi", "pyreqwest", "requests", "tornado",
            "urllib3")  # fmt: skip
"""That vcrpy imports if they are there, to patch them."""


def _import_with(job: Job) -> None:
    """What the replay takes, without what takes longer to import than all else and is not used: the fixture that
    time-machine has for pytest, and the clients that vcrpy would patch. The application may import both whole."""
    with _without("pytest"):
        import time_machine  # noqa: F401
    if any(interaction.boundary == "http" for interaction in job.recording.interactions):
        with _without(*_CLIENTS):
            import replay.boundaries.http.cassette  # noqa: F401
        for name in [name for name in sys.modules if name.partition(".")[0] == "vcr"]:
            del sys.modules[name]


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Modules that are not imported yet cannot be, meanwhile."""
    names = tuple(name for name in names if name not in sys.modules)
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]  # as the import system has it: there is none
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _reply(job: Job) -> Reply:
    tempfile.tempdir = job.temporary
    guard.install()
    whole: guard.Whole | None = None
    apply(job.recording)
    options = job.options
    try:
        if job.control is not None:
            whole = _lock_down(job, job.control)
        with probing(job) as probed:
            verdict = run(
                job.recording,
                root=options.root,
                allow=options.allow,
                targets=options.targets,
                live=options.live,
                ignore=options.ignore if job.probe is None or job.probe.compare else None,
                tolerance=options.tolerance,
                writable=(*options.writable, *job.folders),
                on_ask=probed.on_ask,
                onward=options.onward,
            )
    except ReplayError as error:
        return Reply(token=job.token, failure=Failure(str(error), error.slug, error.exit_code))
    verdict = guard.with_refusals(verdict, whole.found if whole else ())
    return Reply(token=job.token, verdict=verdict, asked=tuple(probed.asked), trace=probed.trace)


def _lock_down(job: Job, control: int) -> guard.Whole:
    """Before any code of the project is imported."""
    from replay.engine.lockdown import lock_down

    sys.dont_write_bytecode = True
    root = str(load(job.options.root).root)
    whole = guard.Whole(guard.Permits(job.folders, frozenset(), get_ident()), root)
    listener = lock_down(job.folders)
    os.write(control, listener.to_bytes(4, "big"))
    if os.read(control, 1) != b"+":
        os._exit(3)
    os.close(listener)
    os.close(control)
    guard.guard_process(whole)
    return whole


def _die_with_parent() -> None:
    """A replay that nobody waits for must not run on (Linux; elsewhere its time limit ends with the parent)."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
