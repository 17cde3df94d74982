"""`replay bench mutation`, or `python -m tests.benchmarks.mutation`: what the search finds and how fast, as Markdown.

Three parts: `planted` (22 failures, beside Hypothesis and a random mutator), `throughput`, and `public` (crashes that
were reported of public libraries, which are installed into `--folder`; each is then hunted by its traceback alone).
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.__main__ import block_replaced
from tests.benchmarks.mutation import planted, search, throughput
from tests.benchmarks.mutation.search import Found
from tests.benchmarks.public import run as public

PARTS = ("planted", "throughput", "public")
FOLDER = Path(".replay-bench")


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    text = options.write.read_text("utf-8") if options.write else ""
    parts = options.parts or list(PARTS)
    for part in parts if options.write else ():
        block_replaced(text, part, "")  # fails before the minutes are spent
    for part in parts:
        figures = "\n".join(_PARTS[part](options))
        print(figures, flush=True)
        if options.write:
            options.write.write_text(block_replaced(options.write.read_text("utf-8"), part, figures), "utf-8")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="replay bench mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help="all, if none is named")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="searches for each planted failure (5)")
    parser.add_argument("--others", type=int, default=1, metavar="N", help="the same of Hypothesis and the random "
                        "mutator (1: they use up their budget wherever they find nothing)")  # fmt: skip
    parser.add_argument("--executions", type=int, default=search.BUDGET, metavar="N", help="of each of them (20,000)")
    parser.add_argument("--examples", type=int, metavar="N", help="of Hypothesis and the random mutator (as many)")
    parser.add_argument(
        "--seconds", type=float, default=public.SECONDS, metavar="S", help="for each search, each hunt (60)"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the libraries are installed (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the parts' blocks in it")
    return parser.parse_args(arguments)


def _planted(options: argparse.Namespace) -> list[str]:
    examples = options.executions if options.examples is None else options.examples
    others = min(options.others, options.seeds)
    progress = _Progress(len(planted.KINDS) * (options.seeds + 2 * others))
    found = search.run(seeds=options.seeds, others=others, budget=options.executions, examples=examples,
                       tell=progress.tell)  # fmt: skip
    return [
        f"{len(planted.KINDS)} planted failures, each searched for alone with {_seeds(options.seeds)} (the others: "
        f"{_seeds(others)}) and at most {options.executions:,} executions (the others: {examples:,}); in one process "
        f"({_system()}).",
        "",
        "| method | found | of these minimal | median executions | executions a second of CPU |",
        "|---|---:|---:|---:|---:|",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in search.rows(found)),
    ]


def _throughput(options: argparse.Namespace) -> list[str]:
    return [
        f"Executions a second of CPU time, one process, line hits on ({_system()}).",
        "",
        "| | |",
        "|---|---:|",
        *(f"| {name} | {figure} |" for name, figure in throughput.rows(throughput.run())),
    ]


def _public(options: argparse.Namespace) -> list[str]:
    found = public.run(options.folder, seconds=options.seconds, tell=_tell_public)
    count = sum(result.found for result in found)
    return [
        f"{count} of {len(found)} reported crashes of public libraries found from one benign capture each, within "
        f"{options.seconds:g} s with one worker ({_system()}). `replay hunt` reproduces "
        f"{sum(each.hunted is not None and each.hunted.reproduced for each in found)} of them, given only the same "
        "capture and the traceback of the live crash as a log has it, within the same time: type and frames are equal.",
        "",
        *public.rows(found),
    ]


_PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "planted": _planted,
    "throughput": _throughput,
    "public": _public,
}


def _seeds(count: int) -> str:
    return f"{count} seed{'s'[: count != 1]}"


class _Progress:
    """Tells of each search, on stderr."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0

    def tell(self, method: str, found: Found) -> None:
        self._done += 1
        what = "not found" if found.edits is None else "; ".join(found.edits)
        print(f"{self._done} of {self._total}. {method}: {found.number}, seed {found.seed}: {found.executions:,} "
              f"executions, {found.seconds:.1f} s, {what}", file=sys.stderr)  # fmt: skip


def _tell_public(result: public.Result) -> None:
    what = "; ".join(result.edits) if result.found else f"not found. {result.problem or ', '.join(result.finds)}"
    print(f"{result.case.name}: {result.executions:,} executions, {result.seconds:.1f} s, {what}", file=sys.stderr)
    hunted = result.hunted
    if hunted is not None:
        came = "; ".join(hunted.edits) if hunted.reproduced else f"not reproduced. {hunted.problem}"
        print(f"  hunt: {hunted.executions:,} executions, {hunted.seconds:.1f} s, {came}", file=sys.stderr)


def _system() -> str:
    return f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
