"""`replay demo`: a real service fails on real traffic, is shut down, and its incidents are replayed offline."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from replay.errors import UsageError

if TYPE_CHECKING:
    from replay.surfaces.demo.result import DemoResult, Incident

NEEDED = ("fastapi", "httpx", "openai", "requests", "uvicorn")


def run(folder: Path | None = None, *, tickets: int, seed: int, as_json: bool = False) -> int:
    """The command. Returns the exit code."""
    if not as_json:
        return demonstrate(folder, tickets=tickets, seed=seed).exit_code
    from replay.surfaces.documents import dumps

    result = demonstrate(folder, tickets=tickets, seed=seed, echo=_to_stderr)
    print(dumps(result.as_data()))
    return result.exit_code


def demonstrate(
    folder: str | os.PathLike[str] | None = None,
    *,
    tickets: int = 300,
    seed: int = 2026,
    echo: Callable[[str], object] = print,
) -> DemoResult:
    """Record `tickets` requests to the demo's service into `folder`, stop everything, replay what was kept.

    `folder` (default `replay-demo`, numbered if there is one) must be empty or new. `echo` is given what a reader is
    told, a few lines at a time. Raises UsageError if a library or an empty folder is missing, ReplayError if a server
    does not start or stop.
    """
    from replay.surfaces.demo.result import DemoResult
    from replay.surfaces.demo.table import next_steps, table

    started = perf_counter()
    _check_installed()
    place = _fresh(folder)
    statuses, traffic_seconds = _record(place, tickets, seed, echo)
    paths = sorted(place.glob("*.replay.db"))
    echo(f"Service and servers are stopped, their ports refuse. Replaying what was kept in {place} ...")
    before = perf_counter()
    incidents = tuple(_replay(paths, place))
    now = perf_counter()
    result = DemoResult(place, seed, statuses, incidents, traffic_seconds, now - before, now - started)
    echo(table(result))
    echo(next_steps(result))
    return result


def _record(place: Path, count: int, seed: int, echo: Callable[[str], object]) -> tuple[dict[int, int], float]:
    from replay.surfaces.demo.processes import service, third_parties
    from replay.surfaces.demo.tickets import tickets
    from replay.surfaces.demo.traffic import drive

    work = place / "run"
    work.mkdir()
    traffic = tickets(count, seed)
    with third_parties() as ports, service(place, work, ports) as port:
        echo(f"A CRM, a billing API and a model server are up; so is the service, on port {port}.")
        before = perf_counter()
        sent = drive(port, traffic)
        seconds = perf_counter() - before
    statuses = Counter(one.status for one in sent)
    told = ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items()))
    echo(f"{len(sent)} tickets in {seconds:.1f} s: {told}.")
    return dict(statuses), seconds


def _replay(paths: Iterable[Path], place: Path) -> Iterator[Incident]:
    import replay
    from replay.surfaces.demo.result import incident

    for path in paths:
        for recording in replay.open(path):
            yield incident(path, recording, replay.run(recording, root=place))


def _check_installed() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The demo needs {', '.join(missing)}: pip install 'replay-harness[demo]'", slug="demo-not-installed"
        )


def _fresh(folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        names = (Path(f"replay-demo{number}") for number in ("", *(f"-{n}" for n in range(2, 1000))))
        place = next(name for name in names if not name.exists() or not any(name.iterdir()))
    else:
        place = Path(folder)
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"{place} is not an empty folder. Name a new one: replay demo FOLDER", slug="demo-folder")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{place} cannot be made: {error.strerror}. Name another: replay demo FOLDER",
                         slug="demo-folder") from error  # fmt: skip
    return place.resolve()


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)
