"""`python -m tests.campaigns.mutants --count N --seed S`: mutants of the sample bundles, each looked at in every way.

A mutant is opened, listed, shown and replayed in a child (`probe`). What may come of it: a BundleError, a right answer
or a verdict; in 2 seconds and 512 MB, nothing run, no file touched. Anything else is a find: it is kept with its seed
and number, so that `--only NUMBER` repeats it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from select import select
from time import perf_counter
from typing import Any, NamedTuple

from tests.campaigns.mutations import Mutator

ROOT = Path(__file__).parent.parent.parent
SECONDS = 2.0
"""Longest time of one mutant."""
HANGS = 20.0
"""When the child is given up; between the two a mutant is slow."""


class Find(NamedTuple):
    """A mutant that did what no bundle may do."""

    number: int
    how: str
    source: str
    trouble: list[str]


class Child:
    """One probe process; started again when it died."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2",
                       "COLUMNS": "100"}  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.probe", str(ROOT)], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        if self._line(120) != "ready\n":
            raise RuntimeError("the probe did not start; run `python -m tests.campaigns.probe .` to see why")

    def ask(self, path: Path, original: Path, how: str) -> dict[str, Any]:
        """What became of a mutant; the child is gone if its death is the trouble."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path}\t{original}\t{how}\n")
        self.process.stdin.flush()
        line = self._line(HANGS)
        if line is None:
            self.close()
            return {"ended": "hang", "trouble": [f"time: not done after {HANGS} s"], "seconds": HANGS, "peak": 0}
        if not line:
            code = self.process.wait()
            return {"ended": "death", "trouble": [f"crash: the process ended with {code}"], "seconds": 0.0, "peak": 0}
        found: dict[str, Any] = json.loads(line)
        if found["seconds"] > SECONDS:
            found["trouble"].append(f"time: {found['seconds']:.1f} s")
        return found

    def _line(self, seconds: float) -> str | None:
        stream = self.process.stdout
        assert stream is not None
        return stream.readline() if select([stream], [], [], seconds)[0] else None

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


def campaign(numbers: Iterator[int], seed: str, keep: Path | None = None, seconds: float = 1e9,
             only: str | None = None) -> tuple[list[Find], Counter[str], float]:  # fmt: skip
    """Finds, endings by kind, and the largest resident memory (MB); stops after `seconds`."""
    mutator = Mutator(list((ROOT / "captures").glob("*.replay.db")), seed)
    finds: list[Find] = []
    endings: Counter[str] = Counter()
    peak, child = 0, Child()
    started = perf_counter()  # when it is ready
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mutant.replay.db"
            for number in numbers:
                if perf_counter() - started > seconds:
                    break
                how, source, data = mutator.mutant(number)
                if only is not None and how != only:
                    continue
                path.write_bytes(data)
                found = child.ask(path, source, "forged" if how == "forged" else "honest")
                endings[f"{how}: {found['ended']}"] += 1
                peak = max(peak, found["peak"])
                if found["trouble"]:
                    finds.append(Find(number, how, source.name, found["trouble"]))
                    _keep(finds[-1], data, seed, keep)
                if found["ended"] in ("hang", "death") or any(t.startswith("memory") for t in found["trouble"]):
                    child.close()
                    child = Child()
    finally:
        child.close()
    return finds, endings, peak / (1 << 20)


def _keep(find: Find, data: bytes, seed: str, keep: Path | None) -> None:
    if keep is None:
        return
    keep.mkdir(parents=True, exist_ok=True)
    name = f"mutant-{seed}-{find.number}"
    (keep / f"{name}.replay.db").write_bytes(data)
    (keep / f"{name}.txt").write_text(f"{find.how} of {find.source}\n\n" + "\n\n".join(find.trouble), "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if there was a find."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--only", type=int, help="repeat this mutant")
    parser.add_argument("--layer", help="only mutants of this kind, e.g. forged")
    parser.add_argument("--keep", type=Path, default=Path("mutants"), help="folder of the finds")
    options = parser.parse_args(arguments)
    numbers = range(options.start, options.start + options.count) if options.only is None else [options.only]
    started = perf_counter()
    finds, endings, peak = campaign(iter(numbers), options.seed, options.keep, options.seconds, options.layer)
    took, count = perf_counter() - started, sum(endings.values())
    for name, number in sorted(endings.items()):
        print(f"{number:8,}  {name}")
    print(f"{count:,} mutants in {took:.0f} s ({count / took:.0f}/s), largest memory {peak:.0f} MB, {len(finds)} finds")
    for find in finds[:20]:
        last = find.trouble[0].strip().splitlines()
        print(f"  {find.number} ({find.how} of {find.source}): {last[0][:60]} ... {last[-1][:160]}")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
