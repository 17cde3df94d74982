"""What the fix certificate and the bisection need of git: revisions, worktrees in a temporary folder, the working tree.

The user's checkout, index and branches are never changed. Hooks do not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from replay.engine.touched import Hunk
from replay.errors import UsageError

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_AS_IT_IS = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--no-relative", "--ignore-submodules")
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false")


class Repository(msgspec.Struct, frozen=True):
    """A git repository with a working tree."""

    top: Path
    """The working tree's folder."""

    def git(self, *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
        """What git prints. Raises UsageError (`git`) with what it says if it fails."""
        done = call(*arguments, cwd=cwd or self.top, environment=environment)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise UsageError(f"git {arguments[0]} failed in {self.top}: {said[-1]}", slug="git")
        return done.stdout.strip()

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision means. Raises UsageError (`unknown-revision`)."""
        done = call("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", cwd=self.top)
        if done.returncode or not done.stdout.strip():
            raise UsageError(
                f"{revision}: {self.top} has no such commit. Fetch it, or see `git log --oneline`.",
                slug="unknown-revision",
            )
        return done.stdout.strip()

    def changed(self) -> list[str]:
        """Files of the working tree that are not as in HEAD, untracked ones too, from the top."""
        lines = self.git("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames").split("\0")
        return [line[2:].lstrip(" ") for line in lines if line]

    def merge_base(self, one: str, other: str) -> str | None:
        """The last commit that both come from; None if there is none here (a shallow clone, another history)."""
        done = call("merge-base", one, other, cwd=self.top)
        return done.stdout.strip() or None

    def hunks(self, since: str, files: Collection[str]) -> dict[str, list[Hunk]]:
        """Of those of the files (from the top) that the working tree has otherwise than a commit: what changed."""
        names = self.git("diff", "--name-only", "-z", "--diff-filter=d", *_AS_IT_IS, since, "--").split("\0")
        found: dict[str, list[Hunk]] = {}
        for name in sorted(set(names) & set(files)):
            text = self.git(
                "diff", "--unified=0", "--inter-hunk-context=0", *_AS_IT_IS, since, "--", f":(top,literal){name}"
            )
            found[name] = [(int(first), int(count or 1)) for first, count in _HUNK.findall(text)]
        for name in self.git("ls-files", "--others", "--exclude-standard", "-z").split("\0"):
            if name in files:
                found[name] = [(1, (self.top / name).read_bytes().count(b"\n") + 1)]
        return found

    def tree(self) -> str:
        """The id of a git tree of the working tree as it is, untracked files too. The repository stays as it is."""
        objects = self.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
        with TemporaryDirectory(prefix="replay-tree-") as folder:
            environment = {
                "GIT_INDEX_FILE": f"{folder}/index",
                "GIT_OBJECT_DIRECTORY": folder,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
            }
            self.git("add", "--all", "--ignore-errors", ".", environment=environment)
            return self.git("write-tree", environment=environment)

    @contextmanager
    def worktree(self, commit: str) -> Iterator[Path]:
        """A checkout of a commit in a temporary folder; gone afterwards."""
        with TemporaryDirectory(prefix="replay-worktree-") as folder:
            place = Path(os.path.realpath(folder)) / self.top.name
            try:
                self.git("worktree", "add", "--quiet", "--detach", str(place), commit)
                yield place
            finally:  # twice: one that an interrupt left half made is locked
                call("worktree", "remove", "--force", "--force", str(place), cwd=self.top)


def repository(folder: Path) -> Repository:
    """The repository around a folder. Raises UsageError (`no-repository`, `git`)."""
    done = call("rev-parse", "--show-toplevel", cwd=folder)
    if done.returncode or not done.stdout.strip():
        raise UsageError(f"{folder} is not in the working tree of a git repository", slug="no-repository")
    return Repository(Path(os.path.realpath(done.stdout.strip())))


def call(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run git. Raises UsageError (`git`) if there is none."""
    with started(*arguments, cwd=cwd, environment=environment) as process:
        out, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def started(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, apart: bool = False
) -> subprocess.Popen[str]:
    """Git, running. `apart`: in a session of its own, which Ctrl-C does not reach. Raises UsageError (`git`) if there
    is none."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", **(environment or {})}
    try:
        return subprocess.Popen(
            ["git", *_NO_HOOKS, *arguments], cwd=cwd, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="surrogateescape", stdin=subprocess.DEVNULL, start_new_session=apart,
        )  # fmt: skip
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror or error}", slug="git") from error
