"""Turning capture on in a service."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from replay.boundaries import ALL, completed, handled, interpreter, libraries, locks
from replay.boundaries import environ as environment_variables
from replay.boundaries.http.genai import model_call_of
from replay.boundaries.threads import install as install_threads
from replay.core.recording import HEARD
from replay.core.redaction.rules import Redaction
from replay.core.snapshot import snapshot
from replay.core.world import here
from replay.engine import recorder
from replay.engine.keep import Trigger, on_error
from replay.engine.load import Load, Shares
from replay.engine.recorder import Settings
from replay.engine.remembering import Memory
from replay.errors import UsageError
from replay.store import ending
from replay.store.limiter import Limits
from replay.store.sealed import Seal
from replay.store.spool import Spool
from replay.surfaces import metrics, redaction

_PLAIN = (str, int, float, bool, type(None))
_LOST = ("shed", "end-failed")
"""Reasons of recordings that were worth keeping and never came to the spool."""
_replaying = 0
_spool: Spool | None = None


def install() -> None:
    """Patch every boundary's seam, once per process, and hear what is logged."""
    _patch()
    _log_handler.attach()


@cache
def _patch() -> None:
    install_threads()
    completed.install()
    for boundary in ALL:
        boundary.install()
    handled.install()


def init(
    *,
    service: str,
    spool: str | os.PathLike[str] = "captures",
    keep: Trigger | None = None,
    version: str | None = None,
    environment: str | None = None,
    environ: Sequence[str] = (),
    max_queue_bytes: int = 64 << 20,
    max_recording_bytes: int = 32 << 20,
    max_interactions: int = 10_000,
    max_copying: float = 0.25,
    max_spool_bytes: int = 1 << 30,
    max_spool_files: int = 10_000,
    same_failure: tuple[int, float] = (50, 10.0),
    all_failures: tuple[int, float] = (500, 120.0),
    max_cpu: float = 0.5,
    max_latency: float = 0.2,
    on_sigterm: bool = True,
    earlier: bool = True,
    redact: Redaction | Mapping[str, Any] | bool | None = None,
    redaction_key: str | bytes | None = None,
    seal_to: Sequence[str] = (),
    sign_with: str | bytes | None = None,
) -> None:
    """Start capturing in this process.

    `spool` is the folder that bundles are written to; `keep` decides, when a unit of work has ended, whether it is
    worth keeping (default: `on_error()`); `environ` lists the environment variables to record (`fnmatch` patterns).

    Limits: `max_queue_bytes` of what waits to be written; `max_recording_bytes` and `max_interactions` of one
    recording, and `max_copying`, the seconds that the work may wait for copies of its large values (what is cut is in
    its gaps); `max_spool_bytes` and `max_spool_files` of this service's bundles in the folder (the oldest make room);
    `same_failure` and `all_failures` of a storm, as (at once, per minute after that); `max_cpu`, a share of one core,
    and `max_latency`, a share of a request's time, beyond which samples are shed and then the bodies of incidents.
    `on_sigterm`: write what waits when SIGTERM comes; the service's own handler runs as before.
    `earlier`: a recording takes along the answers that the process got before and may keep (a token, a provider's
    keys), if few units of work ask for them; at most 64 KB.

    `redact` says what else is secret, and what is not (`replay.Redaction`, or a mapping of its fields; default:
    `[tool.replay-harness.redaction]` of the nearest `pyproject.toml`, else the built-in rules; False: off).
    `redaction_key` (default: `REPLAY_REDACTION_KEY`, else random in each process) decides the pseudonyms: services
    with one key give equal ones. `seal_to` are age public keys that bundles are encrypted to, `sign_with` an Ed25519
    private key (32 bytes, or hex) that signs them.
    Does nothing when `REPLAY_DISABLED=1` is set, and while a recording is being replayed. Calling it again replaces
    the earlier settings. Raises UsageError for arguments that cannot be meant; nothing else is ever raised into the
    service.
    """
    global _spool
    _check(
        service, keep, environ, same_failure=same_failure, all_failures=all_failures, max_queue_bytes=max_queue_bytes,
        max_recording_bytes=max_recording_bytes, max_interactions=max_interactions, max_copying=max_copying,
        max_spool_bytes=max_spool_bytes, max_spool_files=max_spool_files, max_cpu=max_cpu, max_latency=max_latency,
    )  # fmt: skip
    if os.environ.get("REPLAY_DISABLED", "") not in ("", "0") or _replaying:
        return
    redacting = redaction.of(redact, redaction_key)
    seal = Seal(seal_to, sign_with) if seal_to or sign_with is not None else None
    install()
    environment_variables.configure(tuple(environ))
    if _spool is not None:
        _spool.close(5.0)
    load = Load(Shares(cpu=max_cpu, latency=max_latency))
    _spool = Spool(
        Path(spool),
        service=service,
        max_queue_bytes=max_queue_bytes,
        max_bytes=max_spool_bytes,
        max_files=max_spool_files,
        limits=Limits(same_failure[0], same_failure[1], all_failures[0], all_failures[1]),
        each=partial(_round, load),
        seal=seal,
    )
    if on_sigterm:
        ending.hear_sigterm()
    metrics.observe(stats)
    recorder.configure(
        Settings(
            service=service,
            keep=keep if keep is not None else on_error(),
            sink=_spool.put,
            flush=_spool.flush,
            version=version,
            environment=environment,
            load=load,
            most_bytes=max_recording_bytes,
            most_interactions=max_interactions,
            most_copying_ns=int(max_copying * 1e9),
            begin=(environment_variables.environ.begin,) if environ else (),
            end=(
                interpreter.facts,
                _heard,
                *(boundary.begin for boundary in ALL if boundary is not environment_variables.environ),
            ),
            model_call=model_call_of,
            redact=redacting,
            memory=Memory() if earlier else None,
        )
    )


def _check(service: str, keep: Trigger | None, environ: Sequence[str], *, same_failure: tuple[int, float],
           all_failures: tuple[int, float], **limits: float) -> None:  # fmt: skip
    """Raises UsageError for arguments of `init` that cannot be meant."""
    if not service or not isinstance(service, str):
        raise UsageError("replay.init(service=...) needs the service's name, for instance service='triage'.")
    if keep is not None and not callable(keep):
        raise UsageError("replay.init(keep=...) takes triggers, for instance keep=replay.on_error().")
    if isinstance(environ, str):  # its letters would be patterns, `*` among them
        raise UsageError(f"replay.init(environ={environ!r}): give a list, for instance environ=['SHOP_*'].")
    for name, pair in (("same_failure", same_failure), ("all_failures", all_failures)):
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise UsageError(f"replay.init({name}=...) takes how many at once, and per minute after that: (50, 10.0).")
        limits |= {f"{name}[0]": pair[0], f"{name}[1]": pair[1]}
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 0:
            raise UsageError(f"replay.init({name}={limit!r}): give a number of at least 0.")


def _round(load: Load) -> None:
    """On the writer's thread, after each round of work."""
    load.round()
    metrics.observe(stats)


def flush(timeout: float = 5.0) -> bool:
    """Wait until what was kept is on disk. `timeout` in seconds; False if it was too short."""
    return True if _spool is None else _spool.flush(timeout)


_COUNTS = ("captured", "kept", "written", "files", "evicted", "queued", "queue_bytes")


def stats() -> dict[str, Any]:
    """Counts of this process since `init`: `captured` (found worth keeping), `kept` (queued), `written`, `files`,
    `evicted` (bundles that made room), `dropped` (by reason), and now: `queued` recordings and their `queue_bytes`.
    All of them are there where nothing is captured, too."""
    counts: dict[str, Any] = dict.fromkeys(_COUNTS, 0)
    if _spool is not None:
        counts |= _spool.stats()
    lost = dict(counts.get("dropped", {}))
    for reason, number in list(recorder.dropped.items()):
        lost[reason] = lost.get(reason, 0) + number
        if reason in _LOST:
            counts["captured"] += number
    counts["dropped"] = lost
    return counts


def note(**facts: object) -> None:
    """Keep facts with the current recording (`context.notes`), if there is one."""
    try:
        world = here()
        if world is not None:
            for name, value in facts.items():
                world.note(name, snapshot(value))
    except Exception:
        recorder.dropped["note-failed"] += 1


class replaying:
    """While it is open, `init` in the code under test does not start a capture, and locks that it makes wait in
    virtual time."""

    def __enter__(self) -> None:
        global _replaying
        _replaying += 1
        locks.enter()
        libraries.install(lambda: _replaying > 0)

    def __exit__(self, *raised: object) -> None:
        global _replaying
        _replaying -= 1
        locks.leave()


class _LogHandler(logging.Handler):
    """Keeps log lines with the recording that wrote them. Formats plain arguments only; calls no user code."""

    def attach(self) -> None:
        root = logging.getLogger()
        if self not in root.handlers:
            root.addHandler(self)

    def handle(self, record: logging.LogRecord) -> bool:
        log = getattr(here(), "log", None)
        if log is not None:
            try:
                log(record.levelname, record.name, _message(record), _template(record))
            except Exception:
                recorder.dropped["log-failed"] += 1
        if record.exc_info:
            try:
                handled.logged(record)
            except Exception:
                recorder.dropped["handled-failed"] += 1
        return True


def _message(record: logging.LogRecord) -> str:
    message, args = record.msg, record.args
    if type(message) is not str:
        return f"<{type(message).__name__}>"
    if not args:
        return message
    values = args if type(args) is tuple else tuple(args.values()) if type(args) is dict else ()
    if values and all(type(value) in _PLAIN for value in values):
        return message % args
    return message


def _template(record: logging.LogRecord) -> str | None:
    return record.msg if record.args and type(record.msg) is str else None


_log_handler = _LogHandler()


def listen() -> None:
    """Hear what is logged from now on, also where the code under test has set up logging anew since `install`."""
    _log_handler.attach()


def _heard() -> dict[str, Any]:
    """For a recording's context: what reaches the root logger is kept with it."""
    return {HEARD: True} if any(each is _log_handler for each in logging.getLogger().handlers) else {}
