"""`replay bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from replay.errors import UsageError

NAMES = {"cost": "tests.benchmarks", "mutation": "tests.benchmarks.mutation"}
"""By name: the module that is run. They lie in the checkout, beside the tests: an installed package stays small."""


@click.command(name="bench", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name", type=click.Choice(list(NAMES)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(name: str, arguments: tuple[str, ...]) -> int:
    """Run a benchmark of the checkout: `cost`, or `mutation`; `replay bench NAME --help` lists its options."""
    checkout = Path(__file__).parents[3]
    if not (checkout / "tests" / "benchmarks" / "__main__.py").is_file():
        raise UsageError(
            "the benchmarks are not installed with the package: run it in a checkout, after pip install -e '.[test]'",
            slug="bench-checkout",
        )
    return subprocess.call([sys.executable, "-m", NAMES[name], *map(_absolute, arguments)], cwd=checkout)


def _absolute(argument: str) -> str:
    """Files and folders as the caller names them, from where the benchmark runs."""
    return str(Path(argument).absolute()) if not argument.startswith("-") and Path(argument).exists() else argument
