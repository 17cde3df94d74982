"""`replay verify`: is this a fix of the bug? It fails before, passes now, and so do the incident's neighbours.

The incident runs on the base revision, in a worktree of its own, and on the working tree as it is. Then both run the
same mutations of it, which keep the kind of every value. A fix that only hides the error for that one input still
fails on those that base fails on in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from replay.core.edits import Edit
from replay.core.promoted import promoted, with_promotion
from replay.core.recording import Recording
from replay.engine.mutation import Edits
from replay.engine.neighbours import neighbours
from replay.errors import UsageError
from replay.surfaces.config import load
from replay.surfaces.git import Repository, repository
from replay.surfaces.trial import NOT_RUN, Ran, Report, Task, trial

NEIGHBOURS = 100
"""Mutations tried where no number is given."""
Result = Literal["verified", "refused", "unfinished"]
"""`unfinished`: Ctrl-C ended it; what was found holds, and certifies nothing."""
Standing = Literal["survived", "fails", "failed before", "not judged"]
"""Of a neighbour. `failed before`: it fails, and did on base, in a way of its own, or behind the incident's failure."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to verify."""

    base: str
    count: int = NEIGHBOURS
    seed: int = 0
    root: str | None = None
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    limit: float = 5.0


class Neighbour(msgspec.Struct, frozen=True):
    """One mutation, and how it ended before and now."""

    edits: Edits
    before: Ran
    now: Ran
    standing: Standing


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found out."""

    recording: Recording
    path: Path
    origin: str
    """Digest of the incident, before it was promoted."""
    name: str
    """Of the repository's folder."""
    revision: str
    base_commit: str
    head_commit: str
    tree: str
    """Git tree of the working tree that was tried."""
    changed: tuple[str, ...]
    """Files of the working tree that HEAD does not have so."""
    before: Report
    now: Report
    neighbours: tuple[Neighbour, ...]
    asked: int
    seed: int

    def counted(self, standing: Standing) -> int:
        """How many neighbours stand so."""
        return sum(each.standing == standing for each in self.neighbours)

    @property
    def telling(self) -> int:
        """Neighbours that fail on base as the incident does: they tell a fix of the bug from one of that input."""
        return sum(each.before.same(self.before.failure) for each in self.neighbours)

    @property
    def executions(self) -> int:
        return self.before.executions + self.now.executions

    @property
    def interrupted(self) -> bool:
        """Ctrl-C ended it: what was found holds, and is no certificate."""
        return self.before.stopped or self.now.stopped

    @property
    def reasons(self) -> list[str]:
        """Why it is no fix that can be certified; empty: it is one."""
        found = list(self._incidents())
        failing = self.counted("fails")
        if failing and not found:
            found.append(f"{failing:,} of {len(self.neighbours):,} neighbours of the incident fail")
        if self.interrupted:
            ran = "before the working tree was run" if self.now is NOT_RUN else "while the working tree was run"
            return [f"interrupted {ran}, with {len(self.neighbours):,} of {self.asked:,} neighbours judged", *found]
        return found if list(self._incidents()) else [*found, *self._unproved()]

    def _incidents(self) -> Iterator[str]:
        """What is wrong with the runs of the incident itself."""
        if self.before.incident.ended != "failed":
            yield f"the incident does not fail on {self.revision}: {self.before.incident}"
        if self.now.incident.ended != "passed" and self.now is not NOT_RUN:
            yield f"the incident does not pass now: {self.now.incident}"

    def _unproved(self) -> Iterator[str]:
        """What the neighbours do not show."""
        if not self.telling:
            yield (
                f"no neighbour fails on {self.revision} as the incident does, so that nothing tells this fix from one "
                "of that input alone: raise --neighbours"
            )
        elif self.counted("survived") * 2 < len(self.neighbours) - self.counted("failed before"):
            yield "most neighbours ask what the recording does not answer, so that they could not be judged"

    @property
    def result(self) -> Result:
        return "unfinished" if self.interrupted else "refused" if self.reasons else "verified"


def verify(path: Path, recording: Recording, options: Options,
           on_run: Callable[[str, int], None] = lambda what, runs: None) -> Finding:  # fmt: skip
    """Try the incident and its neighbours on base and on the working tree; `on_run` is told which of the two it is and
    how many runs have ended. Ctrl-C ends it: what was found is kept.

    Raises UsageError (`no-repository`, `unknown-revision`, `git`), ReplayError (`trial`) if a revision cannot be run,
    KeyboardInterrupt if nothing was found yet.
    """
    root = load(options.root).root.resolve()
    repo = repository(root)
    commit, head = repo.commit(options.base), repo.commit("HEAD")
    note = promoted(recording)
    bare = recording if note is None else with_promotion(recording, None)
    edits = neighbours(bare, options.count, options.seed)
    task = Task(recording=recording, root=str(root), allow=options.allow, targets=options.targets, limit=options.limit,
                neighbours=tuple([edit.tree() for edit in each] for each in edits))  # fmt: skip
    runs_each = 1 + len(edits)
    on_run(in_base := f"{options.base}, in a worktree", 0)
    with repo.worktree(commit) as place:
        before = trial(moved(task, repo, root, place), repo.top, place, on_run=lambda runs: on_run(in_base, runs))
    now = NOT_RUN
    if not before.stopped:
        on_run("the working tree", runs_each)
        with suppress(KeyboardInterrupt):
            now = trial(task, repo.top, repo.top, on_run=lambda runs: on_run("the working tree", runs_each + runs))
    tried = [
        Neighbour(each, one, two, _standing(one, two, before.failure))
        for each, one, two in zip(edits, before.neighbours, now.neighbours, strict=False)
    ]
    return Finding(
        recording=recording, path=path, origin=recording.digest if note is None else note.origin, name=repo.top.name,
        revision=options.base, base_commit=commit, head_commit=head, tree=repo.tree(), changed=tuple(repo.changed()),
        before=before, now=now, neighbours=tuple(tried), asked=options.count, seed=options.seed,
    )  # fmt: skip


def moved(task: Task, repo: Repository, root: Path, checkout: Path) -> Task:
    """The task for another checkout. Raises UsageError if the project is not in it."""
    place = checkout / root.relative_to(repo.top)
    if not place.is_dir():
        raise UsageError(f"that revision has no folder {os.path.relpath(root, repo.top)}", slug="unknown-revision")
    return msgspec.structs.replace(task, root=str(place))


def _standing(before: Ran, now: Ran, incident: Ran) -> Standing:
    if now.ended != "failed":
        return "survived" if now.ended == "passed" else "not judged"
    unchanged = (now.error_type, now.message) == (before.error_type, before.message)
    if before.same(incident) and before.line != incident.line and unchanged and now.same(before):
        return "failed before"  # at another line of that function: a failure of its own
    moved_on = before.same(incident) and unchanged
    if now.same(incident) or moved_on or before.ended == "passed":
        return "fails"
    return "failed before"


def words(edits: Edits) -> list[str]:
    """Edits as people read them."""
    return [str(edit) for edit in edits if isinstance(edit, Edit)]
