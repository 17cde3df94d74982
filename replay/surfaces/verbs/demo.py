"""`replay demo`."""

from __future__ import annotations

import click

from replay.errors import UsageError
from replay.surfaces.verbs.shared import json_option


@click.command(name="demo", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@json_option
def command(arguments: tuple[str, ...], as_json: bool) -> int:
    """Record a failing service on this machine, stop it, replay its incidents."""
    try:
        from replay.surfaces.demo import run as run_demo
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("replay"):
            raise
        raise UsageError(
            f"the demo needs {error.name}: pip install 'replay-harness[demo]'", slug="demo-not-installed"
        ) from error
    return int(run_demo(arguments, as_json=as_json))
