"""`replay completion`."""

from __future__ import annotations

import click

from replay.surfaces.completion import script


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands and recording ids."""
    click.echo(script(ctx.find_root().command, shell))
