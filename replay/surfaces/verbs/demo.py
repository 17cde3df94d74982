"""`replay demo`."""

from __future__ import annotations

from pathlib import Path

import click

from replay.errors import UsageError
from replay.surfaces.verbs.shared import json_option


@click.command(name="demo")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--tickets", type=click.IntRange(min=1), default=300, metavar="N", show_default=True,
              help="Requests to send.")  # fmt: skip
@click.option("--seed", type=int, default=2026, metavar="N", show_default=True, help="Of the traffic.")
@json_option
def command(folder: Path | None, tickets: int, seed: int, as_json: bool) -> int:
    """Record a failing service on this machine, stop it, replay its incidents.

    FOLDER is new or empty (default: replay-demo, or the next number that is free).
    """
    try:
        from replay.surfaces.demo import run as run_demo
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("replay"):
            raise
        raise UsageError(
            f"the demo needs {error.name}: pip install 'replay-harness[demo]'", slug="demo-not-installed"
        ) from error
    return int(run_demo(folder, tickets=tickets, seed=seed, as_json=as_json))
