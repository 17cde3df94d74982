"""`pytest --incident-fuzz N`: one more item a recording, which searches what lies next to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import TerminalRepr

from replay.store.bundle import Bundle
from replay.surfaces.fuzz import Options, Report, cores
from replay.surfaces.fuzz import fuzz as search
from replay.surfaces.fuzz_report import found_line, text, watching
from replay.surfaces.fuzzing import fresh_seed
from replay.surfaces.page import Page, count
from replay.surfaces.printable import escape
from replay.surfaces.pytest_items import IncidentFailure, options_of, relative, repr_of_failure

PROPERTY = "incident_fuzz_"
"""Before the names of the statistics: as properties of a report they reach the controller of xdist, and junit."""
ITEM = "fuzz"


def configure(config: pytest.Config) -> None:
    """Check the options; where no seed is given choose one, which the workers of xdist get too."""
    executions, seed = config.getoption("--incident-fuzz"), config.getoption("--incident-seed")
    if executions is None:
        if seed is not None:
            raise pytest.UsageError("--incident-seed is for --incident-fuzz N: give both")
        return
    if executions < 1:
        raise pytest.UsageError("--incident-fuzz is a number of executions from 1")
    if seed is None:
        config.option.incident_seed = fresh_seed()


class SearchedRecording(pytest.Collector):
    """A recording with its search below it: `captures/x.replay.db::ID::fuzz`."""

    def __init__(self, *, row: dict[str, Any], bundle: Bundle, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._row, self._bundle = row, bundle

    def collect(self) -> Iterator[SearchItem]:
        yield SearchItem.from_parent(self, name=ITEM, row=self._row, bundle=self._bundle)


class SearchItem(pytest.Item):
    """A search around one recording: fails if it finds a failure that is not the recording's own."""

    def __init__(self, *, row: dict[str, Any], bundle: Bundle, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._row, self._bundle = row, bundle
        self.add_marker("incident")

    def runtest(self) -> None:
        options, config = options_of(self.config), self.config
        path = relative(self.path, options.root)
        wanted = Options(
            executions=config.getoption("--incident-fuzz"),
            seed=config.getoption("--incident-seed"),
            out=_finds(config),
            workers=max(1, cores() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))),
            root=str(options.root),
            targets=options.targets,
            writable=options.writable,
            remembers="pytest",
        )
        with watching():
            report = search([(path, self._bundle[self._row["id"]])], wanted)
        if report.stopped == "interrupted":
            raise KeyboardInterrupt
        self._note(report)
        if report.skipped:
            raise IncidentFailure(f"cannot be searched: {escape(report.skipped[0][1])}", "")
        if report.finds:
            raise IncidentFailure(f"{found_line(report)} next to this recording", text(report, Page()))

    def _note(self, report: Report) -> None:
        figures = {
            "executions": report.executions,
            "seconds": round(report.seconds, 3),
            "finds": len(report.finds),
            "lines": report.lines,
            "seed": report.seed,
        }
        self.user_properties += [(f"{PROPERTY}{name}", value) for name, value in figures.items()]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        found = repr_of_failure(excinfo.value, self.path)
        return super().repr_failure(excinfo) if found is None else found

    def reportinfo(self) -> tuple[str, None, str]:
        return escape(str(self.path)), None, f"{escape(self._row['id'])}::{ITEM} {escape(self._row['entrypoint'])}"


def _finds(config: pytest.Config) -> Path:
    """The folder of the finds; short where that is enough, as commands are shown that name it."""
    folder = config.rootpath / "finds"
    return Path(os.path.relpath(folder)) if Path.cwd() == config.invocation_params.dir else folder


def summary(reporter: pytest.TerminalReporter) -> None:
    """What each search did, and the seed that repeats them."""
    found = list(_figures(report for reports in reporter.stats.values() for report in reports))
    if not found:
        return
    reporter.section("incident fuzz")
    for nodeid, each in sorted(found, key=lambda pair: pair[0]):
        rate = each["executions"] / each["seconds"] if each["seconds"] else 0.0
        finds = count(each["finds"], "failure") if each["finds"] else "no failure"
        reporter.line(f"{nodeid}  {finds}, {count(each['executions'], 'execution')}, {rate:,.0f} a second, "
                      f"{count(each['lines'], 'line')} reached")  # fmt: skip
    reporter.line(f"--incident-seed {found[0][1]['seed']} tries the same mutations again")


def _figures(reports: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            figures = {str(name).removeprefix(PROPERTY): value for name, value in report.user_properties
                       if str(name).startswith(PROPERTY)}  # fmt: skip
            if figures:
                yield report.nodeid, figures
