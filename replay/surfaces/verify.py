"""`replay verify`: is this a fix of the bug? It fails before, passes now, and so do the incident's neighbours.

The incident runs on the base revision, in a worktree of its own, and on the working tree as it is. Then both run the
same mutations of it, which keep the kind of every value. A fix that only hides the error for that one input still
fails on those that base fails on in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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
from replay.surfaces.trial import Ran, Report, Task, trial

NEIGHBOURS = 100
"""Mutations tried where no number is given."""
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
        return 2 * (2 + len(self.neighbours))

    @property
    def reasons(self) -> list[str]:
        """Why it is no fix that can be certified; empty: it is one."""
        found: list[str] = []
        if self.before.incident.ended != "failed":
            found.append(f"the incident does not fail on {self.revision}: {self.before.incident}")
        if self.now.incident.ended != "passed":
            found.append(f"the incident does not pass now: {self.now.incident}")
        if found:
            return found
        failing = self.counted("fails")
        if failing:
            found.append(f"{failing:,} of {len(self.neighbours):,} neighbours of the incident fail")
        if not self.telling:
            found.append(
                f"no neighbour fails on {self.revision} as the incident does, so that nothing tells this fix from one "
                "of that input alone: raise --neighbours"
            )
        elif self.counted("survived") * 2 < len(self.neighbours) - self.counted("failed before"):
            found.append("most neighbours ask what the recording does not answer, so that they could not be judged")
        return found

    @property
    def verified(self) -> bool:
        return not self.reasons


def verify(path: Path, recording: Recording, options: Options,
           on_trial: Callable[[str], None] = lambda what: None) -> Finding:  # fmt: skip
    """Try the incident and its neighbours on base and on the working tree; each of the two is announced.

    Raises UsageError (`no-repository`, `unknown-revision`, `git`), ReplayError (`trial`) if a revision cannot be run.
    """
    root = load(options.root).root.resolve()
    repo = repository(root)
    commit, head = repo.commit(options.base), repo.commit("HEAD")
    note = promoted(recording)
    bare = recording if note is None else with_promotion(recording, None)
    edits = neighbours(bare, options.count, options.seed)
    task = Task(recording=recording, root=str(root), allow=options.allow, targets=options.targets, limit=options.limit,
                neighbours=tuple([edit.tree() for edit in each] for each in edits))  # fmt: skip
    on_trial(f"{options.base}, in a worktree")
    with repo.worktree(commit) as place:
        before = trial(moved(task, repo, root, place), repo.top, place)
    on_trial("the working tree")
    now = trial(task, repo.top, repo.top)
    tried = [
        Neighbour(each, one, two, _standing(one, two, before.failure))
        for each, one, two in zip(edits, before.neighbours, now.neighbours, strict=True)
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
    moved_on = before.same(incident) and (now.error_type, now.message) == (before.error_type, before.message)
    if now.same(incident) or moved_on or before.ended == "passed":
        return "fails"
    return "failed before"


def words(edits: Edits) -> list[str]:
    """Edits as people read them."""
    return [str(edit) for edit in edits if isinstance(edit, Edit)]
