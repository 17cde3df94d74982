"""Shell completion, recording ids after `PATH::` included."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

MOST = 200
"""Ids offered."""


def script(command: click.Command, shell: str) -> str:
    """The text that a shell sources to complete `replay`."""
    found = get_completion_class(shell)
    assert found is not None
    return found(command, {}, "replay", "_REPLAY_COMPLETE").source()


def complete_recording(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files until there is a `::`, then the ids of that bundle. Never fails: a refused bundle offers nothing."""
    path, separator, prefix = incomplete.rpartition("::")
    if not separator:
        return _paths(incomplete)
    from replay.errors import ReplayError
    from replay.store.bundle import open_bundle

    try:
        rows = open_bundle(Path(path)).rows()
    except ReplayError:
        return []
    found = [row for row in rows if str(row["id"]).startswith(prefix) and str(row["id"]).isprintable()]
    return [CompletionItem(f"{path}::{row['id']}", help=_help(row)) for row in found[:MOST]]


def _help(row: dict[str, object]) -> str:
    from replay.surfaces.printable import escape

    return escape(f"{row['entrypoint']} {row['error_type'] or row['status']}")


def _paths(incomplete: str) -> list[CompletionItem]:
    """Bundles and folders that begin so."""
    folder, _, start = incomplete.rpartition("/")
    base = Path(folder or ("/" if incomplete.startswith("/") else "."))
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return []
    prefix = f"{folder}/" if incomplete.startswith("/") or folder else ""
    items = []
    for entry in entries:
        if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
            continue
        if entry.is_dir():
            items.append(CompletionItem(f"{prefix}{entry.name}/"))
        elif entry.name.endswith(".replay.db"):
            items.append(CompletionItem(f"{prefix}{entry.name}"))
    return items


class Bash(BashComplete):
    """bash breaks words at colons: `a.replay.db::1f` comes as three words and only the last is replaced."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = os.environ["COMP_WORDS"].split("\n")
        last = int(os.environ["COMP_CWORD"])
        joined: list[str] = []
        for word in words[: last + 1]:
            if joined and (word.startswith(":") or joined[-1].endswith(":")):
                joined[-1] += word
            else:
                joined.append(word)
        self.colon = joined[-1].rfind(":") + 1
        return joined[1:-1], joined[-1]

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type},{str(item.value)[getattr(self, 'colon', 0) :]}"


add_completion_class(Bash, "bash")
