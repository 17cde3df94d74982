"""`python -m tests.campaigns.repeats --times 100`: every sample bundle, replayed again and again under many conditions.

Each process has another hash seed, time zone, locale, working folder and thread switch interval, and with `--python`
another interpreter. A verdict's document, less the seconds it took, must be the same bytes everywhere; between
interpreters less what only says which of them it was: frames of libraries, whose files and lines are others, sizes of
opaque objects, and the version that SDKs ask with.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "captures"
VERSION = platform.python_version()
_SEEDS = ("0", "1", "42", "4294967295", "random")
_ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")
_LOCALES = ("C", "C.UTF-8", "POSIX")
_INTERVALS = ("0.005", "0.00001", "0.1")


class Condition(NamedTuple):
    """Under what a process replays."""

    seed: str
    zone: str
    locale: str
    interval: str
    folder: str
    python: str


def conditions(count: int, folders: Sequence[str], pythons: Sequence[str]) -> Iterator[Condition]:
    """The first so many, no two neighbours alike in anything."""
    parts = (_SEEDS, _ZONES, _LOCALES, _INTERVALS, folders, pythons)
    return (Condition(*found) for found in islice(zip(*map(cycle, parts), strict=False), count))


def documents(condition: Condition, times: int) -> Iterator[tuple[str, str]]:
    """Name of the recording and its document, for each of `times` replays of all bundles in one process."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": condition.seed,
        "TZ": condition.zone,
        "LC_ALL": condition.locale,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [condition.python, "-m", "tests.campaigns.repeats", "--replay", condition.interval, "--times", str(times)],
        cwd=condition.folder, env=environment, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{condition}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    for line in done.stdout.splitlines():
        name, _, document = line.partition("\t")
        yield name, document


def portable(document: str) -> str:
    """What no interpreter makes different."""
    return json.dumps(_portable(json.loads(document)))


def _portable(node: Any) -> Any:
    if isinstance(node, list):
        return [_portable(item) for item in node if not (isinstance(item, dict) and item.get("note") == "frames moved")]
    if not isinstance(node, dict):
        return node
    if "$opaque" in node:
        return {"$opaque": node["$opaque"]["type"]}
    return {
        key: [frame for frame in value if _is_ours(frame)] if key == "frames" else _portable(value)
        for key, value in node.items()
    }


def _is_ours(frame: Any) -> bool:
    file = frame["file"] if isinstance(frame, dict) else frame[0]
    return str(file).startswith(str(ROOT)) and "site-packages" not in file


def repeats(times: int, processes: int, pythons: Sequence[str] = (sys.executable,)) -> dict[str, Counter[str]]:
    """Name of each recording -> its documents, each with the number of times it came. `times`: in all, at least."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    each = -(-times // processes)
    with tempfile.TemporaryDirectory() as elsewhere:
        for condition in conditions(processes, (str(ROOT), elsewhere, "/"), pythons):
            for name, document in documents(condition, each):
                found[name][portable(document) if len(pythons) > 1 else document] += 1
    return found


def _replay(times: int, interval: float) -> None:
    """In the process of one condition."""
    import msgspec

    import replay
    from replay.surfaces.documents import dumps, run_row

    sys.setswitchinterval(interval)
    lines = []
    for _ in range(times):
        for path in sorted(BUNDLES.glob("*.replay.db")):
            for recording in replay.open(path):
                verdict = msgspec.structs.replace(replay.run(recording, root=ROOT), seconds=0.0)
                text = dumps(run_row(verdict)).replace("\n", " ").replace(f'"{VERSION}"', '"the version"')
                lines.append(f"{path.name}::{recording.id}\t{text}")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a text file
    print("\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.repeats", description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="replays of each recording (default 100)")
    parser.add_argument("--processes", type=int, default=20, help="over which they are spread (default 20)")
    parser.add_argument("--python", action="append", default=[], metavar="PATH", help="also with this interpreter")
    parser.add_argument("--replay", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.replay is not None:
        _replay(options.times, options.replay)
        return 0
    found = repeats(options.times, options.processes, (sys.executable, *options.python))
    for name, seen in sorted(found.items()):
        print(f"{sum(seen.values()):5} replays, {len(seen)} different documents: {name}")
        if len(seen) > 1:
            for document, number in seen.most_common():
                print(f"      {number} x {document[:600]}")
    return int(any(len(seen) > 1 for seen in found.values()))


if __name__ == "__main__":
    sys.exit(main())
