"""Shell completion, recording ids after `PATH::` included."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

MOST = 200
"""Ids offered."""
PATH = "path"
"""The type of an item that is a folder or a bundle; click knows `plain`, `file` and `dir`."""


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
            items.append(CompletionItem(f"{prefix}{entry.name}/", PATH))
        elif entry.name.endswith(".replay.db"):
            items.append(CompletionItem(f"{prefix}{entry.name}", PATH))
    return items


class Bash(BashComplete):
    """bash breaks words at colons: `a.replay.db::1f` comes as three words and only the last is replaced.

    Folders and bundles are offered as file names, so that readline quotes them and puts no space behind a folder."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' kind value
    while IFS=, read -r kind value; do
        case $kind in
            path) compopt -o filenames; COMPREPLY+=("${value%%/}") ;;
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = os.environ["COMP_WORDS"].split("\n")
        last = int(os.environ["COMP_CWORD"])
        joined: list[str] = []
        for word in words[: last + 1]:
            if joined and (word.startswith(":") or joined[-1].endswith(":")):
                joined[-1] += word
            else:
                joined.append(word)
        joined = ["".join(split_arg_string(word)) for word in joined]  # without quotes
        self.colon = joined[-1].rfind(":") + 1
        return joined[1:-1], joined[-1]

    def format_completion(self, item: CompletionItem) -> str:
        if item.type == PATH:
            return f"path,{item.value}"
        return f"{item.type},{str(item.value)[getattr(self, 'colon', 0) :]}"


class Zsh(ZshComplete):
    """No space behind a folder."""

    source_template = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a plain told folders
    local kind value about
    (( $+commands[%(prog_name)s] )) || return 1
    while IFS= read -r kind && IFS= read -r value && IFS= read -r about; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            *) if [[ $about != _ ]]; then told+=("$value:$about")
               elif [[ $value == */ ]]; then folders+=("$value")
               else plain+=("$value")
               fi ;;
        esac
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) %(complete_var)s=zsh_complete %(prog_name)s)
    (( $#told )) && _describe -V unsorted told -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#folders )) && compadd -U -V unsorted -S '' -a folders
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Fish(FishComplete):
    """Folders and bundles are offered as any word."""

    def format_completion(self, item: CompletionItem) -> str:
        return super().format_completion(item if item.type != PATH else CompletionItem(item.value))


for kind in (Bash, Zsh, Fish):
    add_completion_class(kind)
