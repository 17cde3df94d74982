"""Which recordings execute the lines that changed since a revision: they are searched first."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from replay.core.recording import Recording
from replay.engine.lines import Lines
from replay.engine.touched import Touched, touched
from replay.engine.workers import runner
from replay.errors import Unanswerable, UsageError
from replay.surfaces.config import Config
from replay.surfaces.fuzz import Options, stage_of
from replay.surfaces.git import Repository, repository

BRANCHES = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
"""Variables in which a build server says what a change is to be merged into."""
MAPPING = 0.25
"""Of the time for all, at most, that is spent on looking at what each recording executes."""
MOST = 10
"""Statements that are told."""

Named = tuple[str, Recording]
Executed = Mapping[str, frozenset[int]]
"""Lines by file."""


class Base(msgspec.Struct, frozen=True):
    """The commit that changes are counted from."""

    commit: str | None
    """None: there is none, and every recording counts alike."""
    told: str
    """What it is, or why there is none."""
    note: str = ""
    """Why it is no better one."""


class Picked(msgspec.Struct, frozen=True):
    """Recordings by whether they execute what changed."""

    base: Base
    first: tuple[Named, ...] = ()
    others: tuple[Named, ...] = ()
    statements: int = 0
    """That changed, in files that a recording executes."""
    unreached: tuple[str, ...] = ()
    """Those of them that no recording executes, as `file:line`."""


def base_of(
    folder: Path, given: str | None, environment: Mapping[str, str] = os.environ
) -> tuple[Base, Repository | None]:
    """The revision that was given, else the branch that a build server names, else the commit before the last.

    Always from where the two histories parted. Raises UsageError if a revision was given that is not there.
    """
    try:
        found = repository(folder)
    except UsageError as error:
        if given is not None:
            raise
        return Base(None, f"no changed lines are known: {error}"), None
    if given is not None:
        return Base(*_parted(found, found.commit(given), given)), found
    missing = ""
    for name in BRANCHES:
        branch = environment.get(name)
        if not branch:
            continue
        for revision in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            try:
                commit = found.commit(revision)
            except UsageError:
                continue
            return Base(*_parted(found, commit, f"{branch}, of {name}")), found
        missing = f"{branch}, of {name}, is not in this clone: fetch it to count from there"
    try:
        return Base(found.commit("HEAD^"), "HEAD^", missing), found
    except UsageError:
        return Base(None, "no changed lines are known: HEAD has no parent in this clone", missing), found


def _parted(found: Repository, commit: str, name: str) -> tuple[str, str, str]:
    parted = found.merge_base(commit, "HEAD")
    if parted is None:
        return commit, name, "where the two histories parted is not in this clone"
    return parted, name if parted == commit else f"merge base with {name}", ""


def pick(recordings: Sequence[Named], config: Config, options: Options, given: str | None) -> Picked:
    """Each recording is run once, as it is, and what it reaches compared with what changed."""
    base, found = base_of(config.root, given)
    if base.commit is None or found is None:
        return Picked(base, others=tuple(recordings))
    until = None if options.seconds is None else perf_counter() + MAPPING * options.seconds
    executed = [_executed(recording, config, options, found.top, until) for _, recording in recordings]
    files = {file for each in executed for file in each}
    what = {name: touched((found.top / name).read_bytes(), hunks)
            for name, hunks in found.hunks(base.commit, files).items()}  # fmt: skip
    does = [any(change.by(each.get(name, frozenset())) for name, change in what.items()) for each in executed]
    return Picked(
        base,
        tuple(named for named, changed in zip(recordings, does, strict=True) if changed),
        tuple(named for named, changed in zip(recordings, does, strict=True) if not changed),
        sum(len(each.statements) for each in what.values()),
        tuple(_unreached(what, executed)),
    )


def _executed(recording: Recording, config: Config, options: Options, top: Path, until: float | None) -> Executed:
    """Of one that cannot be run, or for which there is no time: nothing. The search says why."""
    if until is not None and perf_counter() > until:
        return {}
    try:
        stage = stage_of(config, recording, options)
    except Unanswerable:
        return {}
    lines = Lines(stage.root)
    try:
        running = runner(
            stage, lines, 0 if options.workers == 0 else 1, limit=options.limit, memory=options.memory << 20
        )
        try:
            (ran,) = running.run([()])
        finally:
            running.close()
    finally:
        lines.close()
    found: dict[str, set[int]] = {}
    for (file, line), mark in zip(lines.lines, ran.lines, strict=False):
        if mark:
            found.setdefault(file, set()).add(line)
    return {name: frozenset(each) for file, each in found.items() if (name := _below(top, file)) is not None}


def _below(top: Path, file: str) -> str | None:
    try:
        return Path(os.path.realpath(file)).relative_to(top).as_posix()
    except ValueError:
        return None


def _unreached(what: Mapping[str, Touched], executed: Sequence[Executed]) -> list[str]:
    found = []
    for name, change in sorted(what.items()):
        reached = frozenset[int]().union(*(each.get(name, frozenset()) for each in executed))
        found += [f"{name}:{line}" for line in sorted(change.statements - reached)]
    return found
