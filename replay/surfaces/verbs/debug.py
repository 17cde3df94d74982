"""`replay debug`."""

from __future__ import annotations

from typing import Any

import click

from replay.surfaces.completion import complete_recording
from replay.surfaces.verbs.shared import code_options, emit, page, target


@click.command(name="debug")
@click.argument("name", metavar="PATH[::ID]", shell_complete=complete_recording)
@click.option("--at", type=int, metavar="N", help="Stop where interaction N was asked.")
@click.option("--until", metavar="EXPR", help="Stop at the first line of the project where EXPR is true.")
@click.option("--steps", is_flag=True, help="Walk forwards and backwards between the interactions.")
@click.option("--vscode", is_flag=True, help="Print a launch configuration for VS Code.")
@click.option("--listen", type=int, metavar="PORT", help="Wait on this port of this machine for VS Code to attach.")
@code_options
@click.option("--live", multiple=True, metavar="KIND", help="A boundary that is not replayed.")
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON document: where it would stop; with --steps all steps.")  # fmt: skip
def command(name: str, at: int | None, until: str | None, steps: bool, vscode: bool, listen: int | None,
            targets: tuple[str, ...], as_json: bool, **options: Any) -> int:  # fmt: skip
    """Replay a recording in a debugger, from the start as often as you like.

    Stops at the line that raised, or at the entry of what ran; pdb, or what PYTHONBREAKPOINT names.
    """
    from replay.surfaces.debug import run_command
    from replay.surfaces.debug_session import Debugger, Plan
    from replay.surfaces.select import one

    path, recording = one(name)
    options["targets"] = dict(target(text) for text in targets)
    debugger = Debugger(recording, path, Plan(at=at, until=until, steps=steps), options, click.echo)
    return run_command(debugger, page(), emit, vscode=vscode, listen=listen, as_json=as_json)
