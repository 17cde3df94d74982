"""What the verbs share: exit codes, the names of recordings, the page, documents, refusals."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from replay.errors import BundleError, ReplayError, UsageError
from replay.surfaces.completion import complete_recording

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.surfaces.page import Page

EXPECTED, UNEXPECTED, USAGE, REFUSED, NOT_RUN = range(5)
INTERRUPTED = 130

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
jsonl_option = click.option("--jsonl", "as_lines", is_flag=True, help="Print one JSON object a line, each when known.")


def one_form(as_json: bool, as_lines: bool) -> None:
    """Raises UsageError where both are wanted."""
    if as_json and as_lines:
        raise UsageError("--json prints one document, --jsonl an object a line: give one of them")


def complain(error: ReplayError) -> None:
    """One error on stderr: its text and its slug."""
    from replay.surfaces.printable import escape

    lines = [escape(line) for line in str(error).splitlines()] or [""]
    click.echo("\n".join([f"replay: {lines[0]}", *lines[1:]]) + f" [{error.slug}]", err=True)


def note_unsealed(chosen: Iterable[tuple[str, object]], finds: Iterable[object], out: Path) -> None:
    """On stderr, that finds of sealed recordings are not sealed."""
    from replay.store.bundle import holds_sealed
    from replay.surfaces.printable import escape

    if any(True for _ in finds) and any(holds_sealed(Path(path)) for path in {path for path, _ in chosen}):
        click.echo(f"replay: {escape(str(out))} holds finds of a sealed bundle: they are not sealed, and hold what it "
                   "does", err=True)  # fmt: skip


def note_lost(finds: Iterable[Any]) -> bool:
    """On stderr, that finds could not be written; whether there were such."""
    lost = [kept.lost for kept in finds if kept.lost is not None]
    if lost:
        others = f" So it was with {len(lost) - 1:,} more." if len(lost) > 1 else ""
        complain(BundleError(f"{lost[0]}{others}", slug=lost[0].slug))
    return bool(lost)


def names(**options: Any) -> Callable[[F], F]:
    """The recordings that a command is given."""
    return click.argument("names", metavar="PATH[::ID]...", shell_complete=complete_recording, **options)


def page() -> Page:
    """What stdout is: the terminal's width, and colours only where they are wanted."""
    from shutil import get_terminal_size

    from replay.surfaces.page import Page

    is_pipe = not sys.stdout.isatty()
    terminal = not is_pipe and os.environ.get("TERM") != "dumb"
    colour = terminal and not os.environ.get("NO_COLOR")
    width = max(60, get_terminal_size((100, 24)).columns)
    return Page(width=width, colour=colour, terminal=terminal, links=colour and _shows_links(), pipe=is_pipe)


def _shows_links() -> bool:
    """Whether the terminal is known to show OSC 8 hyperlinks: others may print their addresses.

    As its program says of itself; `FORCE_HYPERLINK=1` or `0` overrules it, as it does for other tools.
    """
    env = os.environ
    forced = env.get("FORCE_HYPERLINK")
    if forced:
        return forced != "0"
    vte = env.get("VTE_VERSION", "")
    return (
        env.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "Tabby")
        or env.get("TERM", "").startswith(("xterm-kitty", "alacritty", "foot", "xterm-ghostty", "contour"))
        or (vte.isdigit() and int(vte) >= 5000)
        or bool(env.get("WT_SESSION") or env.get("KONSOLE_VERSION"))
    )


def emit(document: Any) -> None:
    """Print one JSON document."""
    from replay.surfaces.documents import dumps

    click.echo(dumps(document))


def emit_line(document: Any) -> None:
    """Print one JSON object in one line, now."""
    from replay.surfaces.documents import dump_line

    click.echo(dump_line(document))


class Refusals:
    """Bundles of a folder that were refused: said on stderr, remembered for the exit code."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: Path, error: BundleError) -> None:
        self.count += 1
        complain(error if str(path) in str(error) else BundleError(f"{path}: {error}", slug=error.slug))


def recordings(found: Iterator[Any]) -> Iterator[tuple[str, Recording]]:
    """The chosen recordings, each with its path."""
    for chosen in found:
        for recording in chosen.recordings():
            yield str(chosen.path), recording


def number_of(names: Iterable[str]) -> int:
    """How many recordings there are, where somebody watches; else, or where that cannot be said, 0."""
    from replay.surfaces.select import choose

    if not sys.stderr.isatty():
        return 0
    try:
        return sum(len(chosen.ids) for chosen in choose(names, lambda path, error: None))
    except ReplayError:  # the one who reads them says so
        return 0


def target(text: str) -> tuple[str, str]:
    """`--target RECORDED=NEW`, taken apart."""
    recorded, separator, new = text.partition("=")
    if not separator or ":" not in new:
        raise UsageError(f"--target {text}: give RECORDED=NEW, e.g. shop.app:old=shop.triage:new")
    return recorded.strip(), new.strip()


def package_option(command: F) -> F:
    """`--package`: installed code that is searched too."""
    what = "An installed package whose lines and constants count as the project's."
    return click.option("--package", "packages", multiple=True, metavar="NAME", help=what)(command)


def code_options(command: F) -> F:
    """`--root`, `--allow`, `--target`: where the recorded code is and what may be imported."""
    for option in (
        click.option(
            "--target", "targets", multiple=True, metavar="RECORDED=NEW", help="Run NEW (module:name) instead."
        ),
        click.option(
            "--allow", multiple=True, metavar="MODULE", help="A module outside the project that may be imported."
        ),
        click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs."),
    ):
        command = option(command)
    return command
