"""`python -m tests.benchmarks [--write README.md] [--short] [--items COUNT]`: the benchmarks' figures as Markdown."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from tests.benchmarks import capture, playback, suite, web

BEGIN = "<!-- benchmark -->"
END = "<!-- /benchmark -->"


def table(*, short: bool = False) -> str:
    """The benchmarks as Markdown tables. `short`: a few small rounds, to see that it works."""
    captured = capture.run(rounds=3, batch_ns=2_000_000) if short else capture.run()
    served = web.run(rounds=2, requests=10) if short else web.run()
    played = playback.run(rounds=2, batch_ns=4_000_000) if short else playback.run()
    items = suite.run(count=20, rounds=1) if short else suite.run()
    system = f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join(
        [
            f"CPU time of the calling thread, medians of interleaved batches in one process ({system}).",
            "",
            *_rows("Added to one call with three recorded sub-calls, 2 KB of values", capture.rows(captured)),
            "",
            *_rows("One FastAPI request with three httpx calls, each variant a process", web.rows(served)),
            "",
            *_rows("One run of a test with three httpx calls, 5 KB answers", playback.rows(played)),
            "",
            *_items(1000, items),
        ]
    )


def _items(count: int, found: dict[str, float]) -> list[str]:
    return _rows(f"One of {count:,} items under pytest (CPU of the whole process)", suite.rows(found))


def _rows(title: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"| {title} | |", "|---|---:|", *(f"| {name} | {figure} |" for name, figure in rows)]


def replaced(text: str, figures: str) -> str:
    """`text` with the block between the two marks replaced. ValueError if there is not exactly one."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in tail:
        raise ValueError(f"expected one block from {BEGIN} to {END}")
    return f"{head}{BEGIN}\n{figures}\n{END}{tail}"


def block_replaced(text: str, name: str, figures: str) -> str:
    """`text` with the block of that name replaced. ValueError if there is not exactly one."""
    begin, end = f"<!-- benchmark {name} -->", f"<!-- /benchmark {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"expected one block from {begin} to {end}")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{figures}\n{end}{rest.partition(end)[2]}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help=f"replace the block between {BEGIN} and {END}")
    parser.add_argument("--short", action="store_true", help="a few small rounds: the figures mean little")
    parser.add_argument(
        "--items",
        type=int,
        metavar="COUNT",
        help="only print what an item under pytest costs, of this many (10000 take 10 minutes)",
    )
    options = parser.parse_args(arguments)
    if options.items is not None:
        rounds = 1 if options.items > 2000 else 3
        print("\n".join(_items(options.items, suite.run(count=options.items, rounds=rounds))))
        return
    text = options.write.read_text("utf-8") if options.write else None
    if text is not None:
        replaced(text, "")  # fails before the minutes are spent
    figures = table(short=options.short)
    print(figures)
    if text is not None:
        options.write.write_text(replaced(text, figures), "utf-8")


if __name__ == "__main__":
    main()
