"""The `replay` command.

Heavy modules are imported inside the commands: `replay --help` and completion must answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from replay.errors import BundleError, ReplayError, UsageError
from replay.surfaces.completion import complete_recording, script

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.core.verdict import Verdict
    from replay.surfaces.text import Page

EXPECTED, UNEXPECTED, USAGE, REFUSED, NOT_RUN = range(5)
INTERRUPTED = 130
PIPE_CLOSED = 141
"""128 + SIGPIPE, as a shell reports it."""

F = TypeVar("F", bound=Callable[..., Any])

EPILOG = (
    "A recording is named PATH, PATH::ID or PATH::ID-prefix; PATH is a bundle or a folder of bundles. "
    "Exit codes: 0 as expected, 1 not as expected, 2 usage, 3 bundle refused or missing, 4 could not be run."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        code = cli.main(None if argv is None else list(argv), prog_name="replay", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return EXPECTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail again
        return PIPE_CLOSED
    except ReplayError as error:
        complain(error)
        return error.exit_code
    return code if isinstance(code, int) else EXPECTED


def complain(error: ReplayError) -> None:
    """One error on stderr: its text and its slug."""
    from replay.surfaces.printable import escape

    lines = [escape(line) for line in str(error).splitlines()] or [""]
    click.echo("\n".join([f"replay: {lines[0]}", *lines[1:]]) + f" [{error.slug}]", err=True)


class Verbs(click.Group):
    """Commands in the order of their definition; a closed pipe keeps its own type."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would turn it into exit code 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from replay import __version__

        click.echo(f"replay-harness {__version__}")
        ctx.exit()


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli() -> None:
    """Record production incidents, replay them offline, keep them as regression tests."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def names(**options: Any) -> Callable[[F], F]:
    """The recordings that a command is given."""
    return click.argument("names", metavar="PATH[::ID]...", shell_complete=complete_recording, **options)


def page() -> Page:
    """What stdout is: the terminal's width, and colours only where they are wanted."""
    from shutil import get_terminal_size

    from replay.surfaces.text import Page

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Page(width=max(60, get_terminal_size((100, 24)).columns), colour=colour)


def emit(document: Any) -> None:
    from replay.surfaces.documents import dumps

    click.echo(dumps(document))


class Refusals:
    """Bundles of a folder that were refused: said on stderr, remembered for the exit code."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: Path, error: BundleError) -> None:
        self.count += 1
        complain(error if str(path) in str(error) else BundleError(f"{path}: {error}", slug=error.slug))


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@json_option
def demo(arguments: tuple[str, ...], as_json: bool) -> int:
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


@cli.command(name="list")
@names(nargs=-1)
@click.option("--error", "errors", is_flag=True, help="Only recordings that ended in an error.")
@click.option("--status", type=click.Choice(["ok", "error"]), help="Only recordings of this status.")
@click.option("--entrypoint", metavar="TEXT", help="Only recordings whose entry point holds TEXT.")
@click.option(
    "--since", metavar="TIME", help="Only newer ones: a date, a time (ISO 8601, UTC), or 90s, 15m, 2h, 7d ago."
)
@json_option
def list_(names: tuple[str, ...], errors: bool, status: str | None, entrypoint: str | None, since: str | None,
          as_json: bool) -> int:  # fmt: skip
    """List recordings (default: those in the current folder)."""
    from replay.surfaces.documents import list_rows
    from replay.surfaces.select import choose, since_ns
    from replay.surfaces.waterfall import list_text

    earliest = None if since is None else since_ns(since)
    refused = Refusals()
    rows = []
    for chosen in choose(names or (".",), refused):
        for row in chosen.rows(whole=as_json):
            if (errors and row["status"] != "error") or (status and row["status"] != status):
                continue
            if (entrypoint and entrypoint not in row["entrypoint"]) or (earliest and row["started_at"] < earliest):
                continue
            rows.append({"path": str(chosen.path), **row})
    if as_json:
        emit(list_rows(rows))
    else:
        click.echo(list_text(rows, page()))
    return REFUSED if refused.count else EXPECTED


@cli.command()
@names(nargs=-1, required=True)
@json_option
def show(names: tuple[str, ...], as_json: bool) -> int:
    """Show recordings: input, context, interactions with timing, outcome, gaps."""
    from replay.surfaces import documents
    from replay.surfaces.select import choose
    from replay.surfaces.waterfall import recording_text

    refused = Refusals()
    shown: list[documents.Document] = []
    for index, (path, recording) in enumerate(_recordings(choose(names, refused))):
        if as_json:
            shown.append(documents.recording(recording, path))
        else:
            click.echo(("\n" if index else "") + recording_text(recording, page(), path))
    if as_json:
        emit(shown)
    return REFUSED if refused.count else EXPECTED


def _recordings(found: Iterator[Any]) -> Iterator[tuple[str, Recording]]:
    for chosen in found:
        for recording in chosen.recordings():
            yield str(chosen.path), recording


@cli.command()
@names(nargs=-1, required=True)
@click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs.")
@click.option("--allow", multiple=True, metavar="MODULE", help="A module outside the project that may be imported.")
@click.option("--target", "targets", multiple=True, metavar="RECORDED=NEW", help="Run NEW (module:name) instead.")
@click.option("--live", multiple=True, metavar="KIND", help="A boundary that is not replayed.")
@click.option("--ignore", multiple=True, metavar="JSONPATH", help="A path of the outcome that is not compared.")
@click.option("--tolerance", type=float, default=0.0, help="Relative difference of numbers that counts as equal.")
@click.option("--isolation", type=click.Choice(["soft", "hard"]), default="soft",
              help="Who refuses the real world: Python (soft) or the kernel too (hard).")  # fmt: skip
@click.option("--require-hard", is_flag=True, help="Hard isolation, or exit 4 where it is not to be had.")
@click.option("--in-process", is_flag=True, help="Replay in this process, not in a fresh one each.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="After which a replay in a fresh process is given up (default 300).")  # fmt: skip
@click.option("--check", is_flag=True, help="Replay under many conditions, name what varies, store it as known noise.")
@click.option("--no-save", is_flag=True, help="With --check: store nothing.")
@json_option
def run(names: tuple[str, ...], targets: tuple[str, ...], isolation: str, require_hard: bool, in_process: bool,
        timeout: float | None, check: bool, no_save: bool, as_json: bool, **options: Any) -> int:  # fmt: skip
    """Replay recordings offline and say whether they reproduce."""
    from replay.surfaces.documents import run_row
    from replay.surfaces.isolation import replayer
    from replay.surfaces.select import choose

    refused = Refusals()
    options["targets"] = dict(_target(text) for text in targets)
    if no_save and not check:
        raise UsageError("--no-save is for --check: a plain replay stores nothing")
    if check:
        options["root"] = _root_to_check(options["root"], in_process)
    replay_recording = replayer(
        options, hard=isolation == "hard" or require_hard, required=require_hard, in_process=in_process, timeout=timeout
    )
    if check:
        return _check(names, refused, replay_recording, Path(options["root"]), save=not no_save, as_json=as_json)
    verdicts, rows = [], []
    for path, recording in _recordings(choose(names, refused)):
        verdict = _replayed(path, recording, replay_recording)
        verdicts.append(verdict.status)
        if as_json:
            rows.append(run_row(verdict))
        else:
            _say(verdict, recording)
    if as_json:
        emit(rows)
    elif verdicts:
        _sum_up(verdicts)
    if not verdicts and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was checked", slug="no-recording")
    return _run_code(verdicts, refused)


def _root_to_check(root: str | None, in_process: bool) -> str:
    from replay.surfaces import fresh
    from replay.surfaces.config import load

    if in_process or not fresh.AVAILABLE:
        raise UsageError("--check starts processes with other hash seeds, zones and locales: it cannot be --in-process")
    return str(load(root).root)


def _check(names: tuple[str, ...], refused: Refusals, replay_recording: Callable[..., Verdict], root: Path, *,
           save: bool, as_json: bool) -> int:  # fmt: skip
    from replay.surfaces.check_store import check_bundle
    from replay.surfaces.check_text import document, text
    from replay.surfaces.select import choose

    statuses: list[str] = []
    rows = []
    unsaved: list[BundleError] = []
    for chosen in choose(names, refused):
        for report in check_bundle(chosen, replay_recording, root, save=save, unsaved=unsaved.append):
            statuses.append("changed" if report.varies else report.verdict.status)
            if as_json:
                rows.append(document(report))
            else:
                click.echo(("\n" if len(statuses) > 1 else "") + text(report, page()))
    if as_json:
        emit(rows)
    for error in unsaved:
        complain(error)
    if not statuses and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was checked", slug="no-recording")
    return REFUSED if unsaved else _run_code(statuses, refused)


def _target(text: str) -> tuple[str, str]:
    recorded, separator, new = text.partition("=")
    if not separator or ":" not in new:
        raise UsageError(f"--target {text}: give RECORDED=NEW, e.g. shop.app:old=shop.triage:new")
    return recorded.strip(), new.strip()


def _replayed(path: str, recording: Recording, replay_recording: Callable[[Recording], Verdict]) -> Verdict:
    from msgspec.structs import replace

    with redirect_stdout(sys.stderr):  # what the code under test prints is not our document
        verdict = replay_recording(recording)
    return replace(verdict, path=path)


def _say(verdict: Verdict, recording: Recording) -> None:
    from replay.surfaces.printable import clip
    from replay.surfaces.text import duration, headline, name_of, verdict_text

    sheet = page()
    if verdict.green:
        took = duration(verdict.seconds * 1e9)
        text = f"{name_of(verdict)}  {took}  {headline(verdict).partition(': ')[2]}"
        click.echo(f"{sheet.status(verdict.status)}  {clip(text, sheet.width - 12)}")
        return
    click.echo(f"{sheet.status(verdict.status)}  {name_of(verdict)}")
    click.echo(verdict_text(verdict, recording, sheet))
    click.echo(sheet.paint("─" * sheet.width, dim=True))


def _sum_up(statuses: Sequence[str]) -> None:
    from replay.surfaces.text import count

    parts = [f"{statuses.count(status):,} {status}" for status in dict.fromkeys(sorted(statuses))]
    click.echo(f"{count(len(statuses), 'recording')}: {', '.join(parts)}")


def _run_code(statuses: Sequence[str], refused: Refusals) -> int:
    if refused.count:
        return REFUSED
    if any(status in ("changed", "diverged") for status in statuses):
        return UNEXPECTED
    return NOT_RUN if "unanswerable" in statuses else EXPECTED


@cli.command()
@click.argument("name", metavar="PATH[::ID]", shell_complete=complete_recording)
@click.option("--at", type=int, metavar="N", help="Stop where interaction N was asked.")
@click.option("--until", metavar="EXPR", help="Stop at the first line of the project where EXPR is true.")
@click.option("--steps", is_flag=True, help="Walk forwards and backwards between the interactions.")
@click.option("--vscode", is_flag=True, help="Print a launch configuration for VS Code.")
@click.option("--listen", type=int, metavar="PORT", help="Wait on this port of this machine for VS Code to attach.")
@click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs.")
@click.option("--allow", multiple=True, metavar="MODULE", help="A module outside the project that may be imported.")
@click.option("--target", "targets", multiple=True, metavar="RECORDED=NEW", help="Run NEW (module:name) instead.")
@click.option("--live", multiple=True, metavar="KIND", help="A boundary that is not replayed.")
@click.option("--json", "as_json", is_flag=True, help="With --steps: print all steps as one JSON document.")
def debug(name: str, at: int | None, until: str | None, steps: bool, vscode: bool, listen: int | None,
          targets: tuple[str, ...], as_json: bool, **options: Any) -> int:  # fmt: skip
    """Replay a recording in a debugger, from the start as often as you like.

    Stops at the line that raised, or at the entry of what ran; pdb, or what PYTHONBREAKPOINT names.
    """
    from replay.surfaces.debug import run_command
    from replay.surfaces.debug_session import Debugger, Plan
    from replay.surfaces.select import one

    path, recording = one(name)
    options["targets"] = dict(_target(text) for text in targets)
    debugger = Debugger(recording, path, Plan(at=at, until=until, steps=steps), options, click.echo)
    return run_command(debugger, page(), emit, vscode=vscode, listen=listen, as_json=as_json)


@cli.command()
@names(nargs=-1, required=True)
@click.option("--seconds", type=float, metavar="S", help="Search so long, all recordings together (default 20).")
@click.option("--executions", type=int, metavar="N", help="Run so many mutations of each recording.")
@click.option("--seed", type=int, default=0, metavar="N", help="Equal seeds give equal finds in equal order.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("finds"), show_default=True,
              help="Folder that each find is written to, as a bundle.")  # fmt: skip
@click.option("--allowed", multiple=True, metavar="TYPE", help="An exception that the code may raise.")
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one execution counts as hung.")  # fmt: skip
@click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs.")
@click.option("--allow", multiple=True, metavar="MODULE", help="A module outside the project that may be imported.")
@click.option("--target", "targets", multiple=True, metavar="RECORDED=NEW", help="Run NEW (module:name) instead.")
@json_option
def fuzz(names: tuple[str, ...], targets: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Mutate recordings, run the code on each mutation, and keep the failures as bundles that replay."""
    from replay.surfaces import fuzz_report
    from replay.surfaces.fuzz import Options
    from replay.surfaces.fuzz import fuzz as search
    from replay.surfaces.select import choose

    refused = Refusals()
    chosen = list(_recordings(choose(names, refused)))
    if not chosen and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was run", slug="no-recording")
    options["targets"] = dict(_target(text) for text in targets)
    with fuzz_report.watching() as show:
        report = search(chosen, Options(**options), show)
    if as_json:
        emit(fuzz_report.document(report))
    else:
        click.echo(fuzz_report.text(report, page()))
    if report.finds:
        return UNEXPECTED
    if report.stopped == "interrupted":
        return INTERRUPTED
    return REFUSED if refused.count else NOT_RUN if report.skipped else EXPECTED


@cli.command()
@click.argument("a", metavar="A", shell_complete=complete_recording)
@click.argument("b", metavar="B", shell_complete=complete_recording)
@json_option
def diff(a: str, b: str, as_json: bool) -> int:
    """Compare two recordings: input, context, interactions, outcome."""
    from replay.surfaces.diff import compare, diff_text, document
    from replay.surfaces.select import one

    (_, first), (_, second) = one(a), one(b)
    found = compare(first, second)
    if as_json:
        emit(document(found))
    else:
        click.echo(diff_text(first, second, found, page()))
    return EXPECTED if found.same else UNEXPECTED


@cli.command()
@click.option("--spool", type=click.Path(), help="Where the service writes its bundles.")
@click.option("--path", "names", multiple=True, metavar="PATH[::ID]", help="Check that these can be run here.",
              shell_complete=complete_recording)  # fmt: skip
@click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs.")
@json_option
def doctor(spool: str | None, names: tuple[str, ...], root: str | None, as_json: bool) -> int:
    """Check the set-up: Python, libraries, clients patched, spool, configuration, targets."""
    from replay.surfaces.doctor import checks, text

    with redirect_stdout(sys.stderr):  # importing targets runs the project's code
        found = list(checks(spool=spool, names=names, root=root))
    if as_json:
        emit([{"name": one.name, "level": one.level, "found": one.found, "advice": one.advice} for one in found])
    else:
        click.echo(text(found, page()))
    return UNEXPECTED if any(one.level == "fail" for one in found) else EXPECTED


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes commands and recording ids."""
    click.echo(script(cli, shell))


if __name__ == "__main__":
    sys.exit(main())
