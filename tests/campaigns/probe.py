"""What is done with one mutant, in a child that may die of it: `python -m tests.campaigns.probe ROOT`.

Reads a line `BUNDLE<tab>ORIGINAL<tab>honest|forged` and answers one JSON line, for ever. An answer has `trouble`: what
no bundle may cause: an exception that is none of ours, a control character on a terminal, a forbidden act (seen by an
audit hook), a recording that differs from the original though its bytes were not sealed again.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Any

from replay.errors import BundleError, ReplayError

MEMORY = 512 << 20
"""Bytes of resident memory that the child may ever have."""
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pty.spawn",
             "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname",
             "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod",
             "shutil.", "pickle.find_class", "ctypes.dlopen", "exec", "sqlite3.load_extension")  # fmt: skip

_out, _err = io.StringIO(), io.StringIO()
"""The same ones for each command: click keeps every stream that it has written to."""
_acts: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            _acts.append(f"open {path!r} for writing")
    elif event == "sqlite3.connect":
        if arguments[0] != ":memory:":
            _acts.append(f"sqlite3.connect {arguments[0]!r}")
    elif event == "exec":
        if arguments[0].co_filename.startswith(("<", "/dev")) and arguments[0].co_filename[:8] not in (
            "<string>",
            "<frozen ",
        ):
            _acts.append(f"exec {arguments[0]!r}")
    elif event.startswith(FORBIDDEN):
        _acts.append(f"{event} {arguments!r}"[:200])


@contextmanager
def watched() -> Iterator[None]:
    """Note forbidden acts."""
    global _watching
    _watching = True
    try:
        yield
    finally:
        _watching = False


def strange(text: str) -> str | None:
    """The first character that no output may have."""
    return next((repr(c) for c in text if not c.isprintable() and c != "\n"), None)


def faces(path: Path) -> list[tuple[str, list[str]]]:
    """The commands that a user would give."""
    return [(verb, [*verb.split(), str(path)]) for verb in ("list", "list --json", "show", "show --json")]


def command(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `replay ARGUMENTS`, in this process."""
    from replay.surfaces.cli import main

    for stream in (_out, _err):
        stream.seek(0)
        stream.truncate()
    with redirect_stdout(_out), redirect_stderr(_err):
        code = main(arguments)
    return code, _out.getvalue(), _err.getvalue()


def look(path: Path, original: Path, root: Path, honest: bool) -> dict[str, Any]:
    """Everything the product does with a bundle, and what went wrong."""
    trouble: list[str] = []
    ended = "refused"

    def guarded(name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except BaseException as error:
            if isinstance(error, ReplayError) and name in ("open", "load", "diff"):
                return error
            trouble.append(f"{name}: {''.join(traceback.format_exception(error))[-3000:]}")
        return None

    for name, arguments in faces(path):
        found = guarded(name, lambda arguments=arguments: command(arguments))
        if found is not None:
            code, out, err = found
            if code not in (0, 3):
                trouble.append(f"{name}: exit code {code}: {err[-300:]}")
            if bad := strange(out + err):
                trouble.append(f"{name}: {bad} is printed")
    bundle = guarded("open", lambda: _open(path))
    if isinstance(bundle, BundleError) or bundle is None:
        return {"ended": ended, "trouble": trouble}
    known = {recording.digest for recording in _open(original)} if honest else set()
    ids = guarded("open", bundle.ids)
    for id in () if ids is None or isinstance(ids, BundleError) else ids:
        recording = guarded("load", lambda id=id: bundle[id])
        if isinstance(recording, BundleError) or recording is None:
            continue
        if honest and recording.digest not in known:
            trouble.append(f"right answer: {id!r} was changed and not found out")
        ended = guarded("run", lambda recording=recording: _replayed(recording, path, root)) or "trouble"
        if bad := strange(ended):
            trouble.append(f"run: {bad} is printed")
    return {"ended": ended.partition("\n")[0], "trouble": trouble}


def _open(path: Path) -> Any:
    import replay

    return replay.open(path)


def _replayed(recording: Any, path: Path, root: Path) -> str:
    """The verdict, its documents made too."""
    from msgspec.structs import replace

    from replay.surfaces.documents import dumps, run_row
    from replay.surfaces.run import run
    from replay.surfaces.text import headline, verdict_text

    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        verdict = replace(run(recording, root=root), path=str(path))
    json.loads(dumps(run_row(verdict)))
    return "\n".join((verdict.status, headline(verdict), verdict_text(verdict, recording)))


def _peak() -> int:
    """Most bytes of memory so far. `getrusage` counts on Linux what the process that started this one had."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Serve."""
    root = Path(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.path.insert(0, str(root))
    for warm in sorted((root / "captures").glob("*.replay.db")):  # imports are made before memory is counted
        look(warm, warm, root, True)
    size = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if size:
        resource.setrlimit(resource.RLIMIT_AS, (size + 4 * MEMORY, size + 4 * MEMORY))
    sys.addaudithook(_watch)
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        path, original, how = line.rstrip("\n").split("\t")
        started = perf_counter()
        _acts.clear()
        with watched():
            found = look(Path(path), Path(original), root, how == "honest")
        found["seconds"] = perf_counter() - started
        peak = _peak()
        found["peak"] = peak
        if peak > MEMORY:
            found["trouble"].append(f"memory: {peak >> 20} MB")
        found["trouble"] += [f"act: {act}" for act in _acts]
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
