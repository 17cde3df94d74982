"""`replay run`: replay and say whether it reproduces."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from replay.errors import BundleError, UsageError
from replay.surfaces.verbs.shared import (
    EXPECTED,
    INTERRUPTED,
    NOT_RUN,
    REFUSED,
    UNEXPECTED,
    Refusals,
    code_options,
    complain,
    emit,
    emit_line,
    json_option,
    jsonl_option,
    names,
    number_of,
    one_form,
    page,
    recordings,
    target,
)

READABLE = 30
"""Columns of how it ended, below which that gets a line of its own."""

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.core.verdict import Verdict
    from replay.surfaces.shortened import Shortened


@click.command(name="run")
@names(nargs=-1, required=True)
@code_options
@click.option("--live", multiple=True, metavar="KIND", help="A boundary that is not replayed.")
@click.option("--ignore", multiple=True, metavar="JSONPATH", help="A path of the outcome that is not compared.")
@click.option("--tolerance", type=float, help="Relative difference of numbers that counts as equal.")
@click.option("--isolation", type=click.Choice(["soft", "hard"]), default="soft",
              help="Who refuses the real world: Python (soft) or the kernel too (hard).")  # fmt: skip
@click.option("--require-hard", is_flag=True, help="Hard isolation, or exit 4 where it is not to be had.")
@click.option("--in-process", is_flag=True, help="Replay in this process, not in a fresh one each.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), default=1, metavar="N",
              help="Replay so many at a time, in a process each (0: one a core; default 1).")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="After which a replay in a fresh process is given up (default 300).")  # fmt: skip
@click.option("--check", is_flag=True, help="Replay under many conditions, name what varies, store it as known noise.")
@click.option("--no-save", is_flag=True, help="With --check: store nothing.")
@json_option
@jsonl_option
def command(names: tuple[str, ...], targets: tuple[str, ...], isolation: str, require_hard: bool, in_process: bool,
        jobs: int, timeout: float | None, check: bool, no_save: bool, as_json: bool, as_lines: bool,
        **options: Any) -> int:  # fmt: skip
    """Replay recordings offline and say whether they reproduce."""
    from msgspec.structs import replace

    from replay.surfaces import fresh
    from replay.surfaces.abreast import replayed
    from replay.surfaces.config import bounded, compared
    from replay.surfaces.documents import run_row
    from replay.surfaces.isolation import replayer
    from replay.surfaces.progress import progress
    from replay.surfaces.select import choose
    from replay.surfaces.shortened import Shortened

    one_form(as_json, as_lines)
    refused = Refusals()
    options["targets"] = dict(target(text) for text in targets)
    compared(options["ignore"], "--ignore")
    bounded(options["tolerance"] or 0.0, "--tolerance")
    if no_save and not check:
        raise UsageError("--no-save is for --check: a plain replay stores nothing")
    if jobs != 1 and (in_process or check):
        how = "--in-process replays one after the other" if in_process else "--check replays several at a time anyway"
        raise UsageError(f"{how}: leave it, or --jobs, out")
    if check:
        options["root"] = _root_to_check(options["root"], in_process)
    replay_recording = replayer(
        options, hard=isolation == "hard" or require_hard, required=require_hard, in_process=in_process, timeout=timeout
    )
    if check:
        return _check(names, refused, replay_recording, Path(options["root"]), save=not no_save, as_json=as_json,
                      as_lines=as_lines)  # fmt: skip
    jobs = (jobs or os.cpu_count() or 1) if fresh.AVAILABLE else 1
    if jobs == 1:
        replay_recording = _aside(replay_recording)
    short = Shortened.of(names) if page().terminal and not (as_json or as_lines) else None
    verdicts, rows = [], []
    broken = 0
    stopped = False
    with progress(number_of(names)) as bar:
        try:
            chosen = recordings(choose(names, refused))
            for path, recording, plain in replayed(chosen, replay_recording, jobs, bar.step):
                verdict = replace(plain, path=path)
                bar.clear()
                verdicts.append(verdict.status)
                broken += bool(verdict.violations)
                if as_json:
                    rows.append(run_row(verdict))
                elif as_lines:
                    emit_line(run_row(verdict))
                else:
                    _say(verdict, recording, short)
        except KeyboardInterrupt:  # what was found is kept
            stopped = True
    if as_json:
        emit(rows)
    elif verdicts and not as_lines:
        _sum_up(verdicts, broken)
    if stopped:
        return INTERRUPTED
    if not verdicts and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was checked", slug="no-recording")
    code = _run_code(verdicts, refused)
    return UNEXPECTED if broken and code != REFUSED else code


def _root_to_check(root: str | None, in_process: bool) -> str:
    from replay.surfaces import fresh
    from replay.surfaces.config import load

    if in_process or not fresh.AVAILABLE:
        raise UsageError("--check starts processes with other hash seeds, zones and locales: it cannot be --in-process")
    return str(load(root).root)


def _check(names: tuple[str, ...], refused: Refusals, replay_recording: Callable[..., Verdict], root: Path, *,
           save: bool, as_json: bool, as_lines: bool) -> int:  # fmt: skip
    from replay.surfaces.check_store import check_bundle
    from replay.surfaces.check_text import document, text
    from replay.surfaces.progress import progress
    from replay.surfaces.select import choose

    statuses: list[str] = []
    rows = []
    unsaved: list[BundleError] = []
    stopped = False
    with progress(number_of(names)) as bar:
        try:
            for chosen in choose(names, refused):
                for report in check_bundle(chosen, replay_recording, root, save=save, begun=bar.step,
                                           unsaved=unsaved.append):  # fmt: skip
                    bar.clear()
                    statuses.append("changed" if report.varies else report.verdict.status)
                    if as_json:
                        rows.append(document(report))
                    elif as_lines:
                        emit_line(document(report))
                    else:
                        click.echo(("\n" if len(statuses) > 1 else "") + text(report, page()))
        except KeyboardInterrupt:  # what was found is kept
            stopped = True
    if as_json:
        emit(rows)
    for error in unsaved:
        complain(error)
    if stopped:
        return INTERRUPTED
    if not statuses and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was checked", slug="no-recording")
    return REFUSED if unsaved else _run_code(statuses, refused)


def _aside(replay_recording: Callable[[Recording], Verdict]) -> Callable[[Recording], Verdict]:
    """What the code under test prints, in this process, is not our document."""

    def replayed(recording: Recording) -> Verdict:
        with redirect_stdout(sys.stderr):
            return replay_recording(recording)

    return replayed


def _say(verdict: Verdict, recording: Recording, short: Shortened | None) -> None:
    from replay.engine.logged import LOGS
    from replay.surfaces.page import duration
    from replay.surfaces.printable import columns, escape
    from replay.surfaces.text import difference_lines, headline, name_of, verdict_text

    sheet = page()
    if verdict.green:
        took = duration(verdict.seconds * 1e9)
        ended = f"{took}  {headline(verdict).partition(': ')[2]}"
        name = name_of(verdict) if short is None else escape(short(str(verdict.path), verdict.id))
        least = min(columns(ended), READABLE if short is not None else columns(ended))
        is_narrow = not sheet.pipe and columns(name) + least + 14 > sheet.width
        apart = "\n" if is_narrow else ""  # a name is copied: it is not cut
        room = sheet.width - 12 - (0 if apart else columns(name) + 2)
        click.echo(f"{sheet.status(verdict.status)}  {name}{apart and f'{apart}          '}  {sheet.cut(ended, room)}")
        for line in difference_lines((each for each in verdict.difference if each.path == LOGS), sheet):
            click.echo(line)
        return
    click.echo(f"{sheet.status(verdict.status)}  {name_of(verdict)}")
    click.echo(verdict_text(verdict, recording, sheet))
    click.echo(sheet.paint("─" * sheet.width, dim=True))


def _sum_up(statuses: Sequence[str], broken: int) -> None:
    from replay.surfaces.page import count

    parts = [f"{statuses.count(status):,} {status}" for status in dict.fromkeys(sorted(statuses))]
    if broken:
        parts.append(f"{broken:,} breaking an invariant")
    click.echo(f"{count(len(statuses), 'recording')}: {', '.join(parts)}")


def _run_code(statuses: Sequence[str], refused: Refusals) -> int:
    if refused.count:
        return REFUSED
    if any(status in ("changed", "diverged") for status in statuses):
        return UNEXPECTED
    return NOT_RUN if "unanswerable" in statuses else EXPECTED
