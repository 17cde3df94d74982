"""`replay schema`: the form of what the other verbs print."""

from __future__ import annotations

import click

from replay.surfaces.verbs.shared import EXPECTED, emit, json_option


@click.command(name="schema")
@click.argument("verb", nargs=-1, metavar="[VERB]")
@click.option("--lines", is_flag=True, help="Of a line of --jsonl.")
@json_option
def command(verb: tuple[str, ...], lines: bool, as_json: bool) -> int:
    """Print the JSON Schema of what a verb prints with --json (default: of all verbs).

    For `list --group`, `run --check` and `debug --steps` give: replay schema list group, ...
    """
    from replay.surfaces.schemas import DOCUMENTS, LINES, schema

    if not verb:
        emit({name: schema(name, lines=lines) for name in (LINES if lines else DOCUMENTS)})
        return EXPECTED
    first, *others = verb
    emit(schema(" ".join([first, *(f"--{other.removeprefix('--')}" for other in others)]), lines=lines))
    return EXPECTED
