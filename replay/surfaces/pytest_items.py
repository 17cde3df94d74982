"""Recordings as pytest items, and the fixture `incident`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import pytest
from _pytest import faulthandler
from _pytest._code.code import ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback, TerminalRepr

from replay.boundaries import known
from replay.core.promoted import Promoted, promoted
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Verdict
from replay.errors import BundleError, ReplayError, UsageError
from replay.store.bundle import Bundle, open_bundle
from replay.surfaces.demand import lacking, objection, unclaimed
from replay.surfaces.overdue import Overdue
from replay.surfaces.page import Page
from replay.surfaces.plainly import plain_answer, plain_input
from replay.surfaces.printable import escape
from replay.surfaces.pytest_fresh import settled
from replay.surfaces.run import run as replay_recording
from replay.surfaces.select import choose, split
from replay.surfaces.text import handled, headline, outcome_line, recalled, verdict_text


class IncidentFailure(Exception):
    """A recording that is not as its item demands: one line, and the whole text."""

    def __init__(self, line: str, text: str) -> None:
        super().__init__(line)
        self.line = line
        self.text = text


class Options(NamedTuple):
    """How this pytest run replays."""

    root: Path
    targets: dict[str, str]
    live: tuple[str, ...]
    writable: tuple[str, ...]
    """Where pytest puts temporary folders, if that is not below the system's."""
    hard: bool = False
    """Each in a process of its own that the kernel keeps from the real world."""
    again: bool = True
    """What does not reproduce in this process is replayed in a fresh one."""
    overdue: Overdue | None = None
    """Who tells of those that take long."""

    def run(self, recording: Recording, path: Path | None, *, onward: bool = False) -> Verdict:
        """Replay now. A coroutine gets an event loop of its own, also where one is running here."""
        from msgspec.structs import replace

        place = None if path is None else relative(path, self.root)
        if self.hard:
            verdict = self._fresh(recording, onward=onward)
        else:
            name = recording.id if place is None else f"{place}::{recording.id}"
            with nullcontext() if self.overdue is None else self.overdue.watching(name):
                verdict = replay_recording(
                    recording,
                    root=self.root,
                    targets=self.targets,
                    live=self.live,
                    writable=self.writable,
                    onward=onward,
                )
        return replace(verdict, path=place)

    def fresh(self, recording: Recording) -> Verdict | None:
        """Replay in a process of its own; None: it would be no other replay, or there is no such process."""
        from replay.surfaces.fresh import AVAILABLE

        return self._fresh(recording) if self.again and AVAILABLE and not self.hard and not self.live else None

    def _fresh(self, recording: Recording, *, onward: bool = False) -> Verdict:
        from replay.surfaces.fresh import replay_fresh
        from replay.surfaces.job import Options as Fresh

        options = Fresh(root=str(self.root), targets=self.targets, writable=self.writable, onward=onward)
        return replay_fresh(recording, options, hard=self.hard)


_OPTIONS = pytest.StashKey[Options]()


def options_of(config: pytest.Config) -> Options:
    """Options and ini values, read once; those of `[tool.replay-harness]` are added where the replay is run."""
    found = config.stash.get(_OPTIONS, None)
    if found is None:
        found = config.stash[_OPTIONS] = _read_options(config)
    return found


def _read_options(config: pytest.Config) -> Options:
    targets = {}
    for line in config.getini("incident_targets"):
        recorded, separator, new = (part.strip() for part in line.partition("="))
        if not separator or not recorded or ":" not in new:
            raise pytest.UsageError(f"incident_targets: {line!r} is not `recorded = module:name`")
        targets[recorded] = new
    folders = (config.getoption("basetemp", None), os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    writable = tuple(os.path.abspath(folder) for folder in folders if folder)
    live = tuple(config.getoption("--incident-live"))
    key = getattr(faulthandler, "fault_handler_stderr_fd_key", None)
    terminal = None if key is None else config.stash.get(key, None)
    overdue = None if terminal is None or config.getoption("usepdb", False) else Overdue(terminal, config.rootpath)
    again = config.getini("incident_fresh") and not config.getoption("usepdb", False)
    return Options(config.rootpath, targets, live, writable, hard_isolation(config) == "hard", again, overdue)


def hard_isolation(config: pytest.Config) -> str:
    """`soft` or `hard`, as wanted; else why it is only soft.

    Raises pytest.UsageError if hard isolation is required and not to be had, or excluded by another option.
    """
    required = config.getoption("--incident-require-hard")
    if config.getoption("--incident-isolation") == "soft" and not required:
        return "soft"
    if config.getoption("--incident-live"):
        raise pytest.UsageError("--incident-live needs the real world, which hard isolation keeps away: give one")
    from replay.engine.lockdown import unavailable

    reason = unavailable()
    if reason is None:
        return "hard"
    if required:
        raise pytest.UsageError(f"hard isolation is not available here: {reason} (--incident-require-hard)")
    return f"hard isolation is not available here: {reason}"


def check_live(config: pytest.Config) -> None:
    """Raises pytest.UsageError for what is the kind of no boundary."""
    try:
        known(config.getoption("--incident-live"), "--incident-live")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@lru_cache(maxsize=1024)
def relative(path: Path, root: Path) -> str:
    """Asked for each recording of a bundle; a path is slow to compare."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def named_arguments(config: pytest.Config) -> list[str]:
    """`--incident` as pytest's own arguments: prefixes of ids made whole."""
    arguments = []
    for name in config.getoption("--incident"):
        try:
            path, id = split(name)
            if id is None:
                if not path.exists():
                    raise BundleError(f"--incident {name}: there is no such file or folder")
                arguments.append(str(path.absolute()))
            else:
                found = [(chosen.path.absolute(), each) for chosen in choose([name]) for each in chosen.ids]
                arguments += [f"{place}::{escape(each)}" for place, each in found]
        except ReplayError as error:
            raise pytest.UsageError(escape(str(error))) from error
    return arguments


class Named(NamedTuple):
    """What the command line names, beside folders to look through. pytest itself forgets an argument that lies below
    another one."""

    files: dict[Path, frozenset[str] | None]
    """Bundles, with the ids of those recordings that are named; None: all."""
    folders: tuple[Path, ...]
    """Of `--incident`."""


_NAMED = pytest.StashKey[Named]()


def _named(config: pytest.Config) -> Named:
    found = config.stash.get(_NAMED, None)
    if found is None:
        files: dict[Path, frozenset[str] | None] = {}
        base = config.invocation_params.dir
        for argument in config.args:
            text, ids = str(argument), frozenset[str]()
            while "::" in text and not (base / text).exists():
                text, _, part = text.rpartition("::")
                ids = frozenset((part,))
            path = Path(os.path.abspath(base / text))
            known = files.get(path, ids)
            files[path] = ids | known if ids and known else None
        places = [place for place, id in map(split, config.getoption("--incident")) if id is None]
        folders = tuple(Path(os.path.abspath(base / place)) for place in places if place.is_dir())
        found = config.stash[_NAMED] = Named(files, folders)
    return found


def _is_open(path: Path, config: pytest.Config) -> bool:
    """Whether it lies where `incident_paths` says, if that says anything, or in a folder of `--incident`."""
    patterns = config.getini("incident_paths")
    places = [config.rootpath / pattern for pattern in patterns]
    below = (*places, *_named(config).folders)
    return not patterns or any(path == place or place in path.parents for place in below) or any(
        fnmatch(str(path), str(place)) for place in places
    )  # fmt: skip


def is_wanted(path: Path, session: pytest.Session) -> bool:
    """Named on the command line, or where `incident_paths` says."""
    return _is_open(path, session.config) or session.isinitpath(path) or path in _named(session.config).files


class BundleFile(pytest.File):
    """One bundle: an item a recording, from one query."""

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path) -> BundleFile:
        """The node of a bundle. A name that may drive a terminal is shown escaped."""
        shown = escape(str(path))
        if shown == str(path):
            return cls.from_parent(parent, path=path)
        shown = relative(Path(shown), Path(escape(str(parent.config.rootpath)))).replace(os.sep, "/")
        shown = shown.replace("::", r":\x3a").replace("[", r"\x5b")  # pytest would read these as its own
        return cls.from_parent(parent, path=path, name=Path(shown).name, nodeid=shown)

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        bundle = open_bundle(self.path)
        named = None if _is_open(self.path, self.config) else _named(self.config).files.get(self.path)
        for row in bundle.rows():
            if named is not None and escape(row["id"]) not in named:
                continue
            yield RecordingItem.from_parent(self, name=escape(row["id"]), row=row, bundle=bundle)
            if self.config.getoption("--incident-fuzz") and row["parent_digest"] is None:
                from replay.surfaces.pytest_fuzz import SearchedRecording

                yield SearchedRecording.from_parent(self, name=escape(row["id"]), row=row, bundle=bundle)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, ReplayError):
            return escape(f"{excinfo.value} [{excinfo.value.slug}]")
        return super().repr_failure(excinfo)


class RecordingItem(pytest.Item):
    """One recording, replayed in this process.

    Recorded with a result: passes if it reproduces. An open incident (it ended in an error): a strict expected
    failure, so it fails as soon as it does not reproduce.
    """

    def __init__(self, *, row: dict[str, Any], bundle: Bundle, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._row = row
        self._bundle = bundle
        self.add_marker("incident")

    def runtest(self) -> None:
        recording = self._bundle[self._row["id"]]
        note = promoted(recording)
        if note is not None:
            self._leave_to_test(note)
        verdict, raised = self._replayed(recording)
        verdict, beside = settled(self, recording, verdict, options_of(self.config))
        if recording.status == "ok":
            if not verdict.green:
                raise _failure(verdict, recording, headline(verdict) + beside).with_traceback(raised)
            if text := recalled(verdict):
                self.add_report_section("call", "replay", text.removeprefix("; "))
            return
        if verdict.status != "reproduced":
            raise _failure(verdict, recording, _closed(verdict, recording) + beside).with_traceback(raised)
        pytest.xfail(f"open incident: {outcome_line(recording.outcome)}{handled(verdict)}{recalled(verdict)}{beside}")
        # with --runxfail, xfail does nothing: the incident counts as what it is
        raise _failure(
            verdict, recording, f"open incident: it still fails with {outcome_line(recording.outcome)}{beside}"
        ).with_traceback(raised)

    def _leave_to_test(self, note: Promoted) -> None:
        """A test demands the fix of this recording: that one speaks for it, if it is there."""
        why = unclaimed(note, self.path)
        if why is None:
            pytest.skip(f"promoted: {escape(note.test)} demands the fix")
        line = f"this recording is promoted: {escape(why)}. Promote it again, or delete the bundle"
        raise IncidentFailure(line, "")

    def _replayed(self, recording: Recording) -> tuple[Verdict, TracebackType | None]:
        """The verdict; with `--pdb` also the way to the line of user code that raised: the debugger stops there."""
        options = options_of(self.config)
        if not self.config.getoption("usepdb", False):
            return options.run(recording, self.path), None
        from replay.surfaces.debug_stops import following

        with following(options.root) as raised:
            verdict = options.run(recording, self.path)
        failed = verdict.outcome is not None and (verdict.outcome.state == "raised" or recording.status == "error")
        return verdict, raised(verdict.outcome) if failed else None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        found = repr_of_failure(excinfo.value, self.path)
        return super().repr_failure(excinfo) if found is None else found

    def reportinfo(self) -> tuple[str, None, str]:
        return escape(str(self.path)), None, f"{self.name} {escape(self._row['entrypoint'])}"


def repr_of_failure(error: BaseException, path: Path) -> str | TerminalRepr | None:
    """What an item of the bundle `path` says of its failure: no traceback. None: it is no failure of ours."""
    if isinstance(error, ReplayError):
        return escape(f"{error} [{error.slug}]")
    if not isinstance(error, IncidentFailure):
        return None
    lines = [line + "\n" for line in f"{error.line}\n\n{error.text}".splitlines()]
    crash = ReprFileLocation(escape(str(path)), 0, error.line)
    return ReprExceptionInfo(ReprTraceback([ReprEntryNative(lines)], None, "native"), crash)


def _failure(verdict: Verdict, recording: Recording, line: str) -> IncidentFailure:
    from shutil import get_terminal_size

    width = max(60, get_terminal_size((100, 24)).columns)
    return IncidentFailure(line, verdict_text(verdict, recording, Page(width=width)))


def _closed(verdict: Verdict, recording: Recording) -> str:
    """Why an open incident that does not reproduce fails its item."""
    if verdict.status != "changed" or verdict.outcome is None:
        return f"open incident cannot be judged: {headline(verdict)}"
    if recording.outcome.state == "raised" and verdict.outcome.state == "returned":
        return (
            "open incident no longer fails: delete the bundle, or move it out of `incident_paths` and demand the fix "
            "in a test with @pytest.mark.incident. "
            f"Recorded {outcome_line(recording.outcome)}; now {outcome_line(verdict.outcome)}"
        )
    return f"open incident no longer ends as recorded: {headline(verdict)}"


class Incident:
    """One recording in a test."""

    def __init__(self, recording: Recording, path: Path, options: Options) -> None:
        self.recording = recording
        self.path = path
        self._options = options

    def __repr__(self) -> str:
        return f"<incident {self.path.name}::{self.recording.id}>"

    @property
    def input(self) -> Any:
        """The decoded input: of a function `{"args": ..., "kwargs": ...}`."""
        return self.recording.input.decode()

    @property
    def outcome(self) -> Outcome:
        """How it ended in production: `.state`, `.value`."""
        return self.recording.outcome

    @property
    def plain_input(self) -> Any:
        """The input as plain data, to be compared and read: of a function `{"args": [...], "kwargs": {...}}`, of a web
        request `{"method", "path", "query", "headers", "body"}` without what is empty."""
        return plain_input(self.recording)

    def run(self, *, onward: bool = False) -> Verdict:
        """Replay it now. Safe inside a running event loop. `onward`: as `answer` does."""
        return self._options.run(self.recording, self.path, onward=onward)

    def fixed(self) -> Verdict:
        """Run the code as it is now in the recorded world, where it may go on beyond the point of the failure, with
        the answers that `replay promote` kept for that. Fails the test, with the whole story, if it raises, asks what
        the recording has no answer for, or reaches for the real world."""
        __tracebackhide__ = True
        verdict = self.run(onward=True)
        why = objection(verdict)
        if why is not None:
            pytest.fail(f"{why}{lacking(verdict, self.recording)}\n\n{verdict_text(verdict, self.recording, Page())}")
        return verdict

    def answer(self) -> Any:
        """What the code returns now, as plain data (of a web application `{"status", "headers", "body"}`). Fails the
        test as `fixed` does."""
        __tracebackhide__ = True
        outcome = self.fixed().outcome
        assert outcome is not None  # `fixed` has seen to it
        return plain_answer(self.recording, outcome)


class Reference(NamedTuple):
    """One recording that a marker names."""

    path: Path
    id: str


def references(node: Any, config: pytest.Config) -> list[Reference]:
    """The recordings named by the markers of a test, nearest marker first.

    Raises pytest.UsageError if there is no marker, or what it names is missing or refused.
    """
    marks = list(node.iter_markers("incident"))
    if not any(mark.args for mark in marks):
        raise pytest.UsageError(
            f"{node.nodeid}: the fixture `incident` needs a recording; mark the test with "
            '@pytest.mark.incident("captures/x.replay.db") or "...::ID"'
        )
    found: list[Reference] = []
    for mark in marks:
        for name in mark.args:
            try:
                chosen = choose([_placed(str(name), node.path.parent, config.rootpath)])
                found += [Reference(one.path, id) for one in chosen for id in one.ids]
            except (BundleError, UsageError) as error:
                raise pytest.UsageError(escape(f"{node.nodeid}: {error}")) from error
    if not found:
        raise pytest.UsageError(f"{node.nodeid}: the marker `incident` names no recording")
    return list(dict.fromkeys(found))


def _placed(name: str, folder: Path, root: Path) -> str:
    """A path of a marker: from the root of the run, else from the folder of the test or the nearest above it."""
    path = split(name)[0]
    return str(next((base for base in (root, folder, *folder.parents) if (base / path).exists()), root) / name)


def parametrize(metafunc: pytest.Metafunc) -> None:
    """One test a recording if the markers name more than one."""
    try:
        found = references(metafunc.definition, metafunc.config)
    except pytest.UsageError as error:  # shown without the frames of pytest
        raise pytest.Collector.CollectError(str(error)) from error
    if len(found) > 1:
        metafunc.parametrize("incident", found, ids=[escape(one.id) for one in found], indirect=True)


def incident_of(request: pytest.FixtureRequest) -> Incident:
    """What the fixture gives; a `unittest.TestCase` gets it as `self.incident` too."""
    reference = getattr(request, "param", None)
    if reference is None:
        found = references(request.node, request.config)
        if len(found) > 1:
            names = escape(", ".join(one.id for one in found[:5]))
            raise pytest.UsageError(f"{request.node.nodeid}: name one recording, PATH::ID, of {names}")
        reference = found[0]
    incident = Incident(open_bundle(reference.path)[reference.id], reference.path, options_of(request.config))
    if request.instance is not None and hasattr(request.instance, "assertEqual"):
        request.instance.incident = incident
    return incident
