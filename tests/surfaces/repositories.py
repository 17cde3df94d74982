"""Small git repositories for tests, made without the user's own settings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_AS = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")


def there() -> bool:
    """Whether git is installed."""
    return shutil.which("git") is not None


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", *_AS, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip


def init(folder: Path, *files: str) -> str:
    """A repository of these files; the id of its commit."""
    git(folder, "init", "--quiet")
    (folder / ".git" / "info" / "exclude").write_text("captures/\nspool/\n__pycache__/\n.*_cache/\n")
    git(folder, "add", *files)
    return commit(folder, "start")


def commit(folder: Path, subject: str) -> str:
    """Commit what changed; the id of the commit."""
    git(folder, "commit", "--quiet", "--all", "--allow-empty", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


def state(folder: Path) -> tuple[str, ...]:
    """What no command of ours may change: HEAD, branches, index, worktrees, stashes, files."""
    names = ("rev-parse HEAD", "symbolic-ref HEAD", "for-each-ref", "worktree list", "status --porcelain", "stash list")
    return tuple(git(folder, *name.split()) for name in names)
