"""Whether capture and replay can work here: one check a line, with what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal

import msgspec

from replay.errors import BundleError, ReplayError, Unanswerable, UsageError
from replay.surfaces.config import Config, load
from replay.surfaces.page import Page, count
from replay.surfaces.printable import escape, pad

Level = Literal["ok", "warn", "fail"]

NEEDED = (
    "click",
    "deepdiff",
    "hypothesis",
    "msgspec",
    "pytest",
    "sqlite-utils",
    "time-machine",
    "vcrpy",
    "zstandard",
)


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do; empty if nothing."""


def checks(*, spool: str | None = None, names: Sequence[str] = (), root: str | None = None) -> Iterator[Check]:
    """All checks, in order. Writes one temporary file into the spool; imports the project's entry points."""
    yield _python()
    yield from _dependencies()
    if os.environ.get("REPLAY_DISABLED", "0") not in ("", "0"):
        yield Check("capture", "warn", "REPLAY_DISABLED is set: nothing is recorded", "unset REPLAY_DISABLED")
    yield from _boundaries()
    if spool is not None:
        yield _spool(Path(spool))
    try:
        config = load(Path(root) if root else Path.cwd())
    except UsageError as error:
        yield Check("configuration", "fail", str(error), "correct pyproject.toml")
        return
    yield _configuration(config)
    yield from _named(config)
    yield from _targets(config, names)


def _python() -> Check:
    version = sys.version.split()[0]
    return Check("python", "ok", f"{version}, {sys.platform}")


def _dependencies() -> Iterator[Check]:
    found, missing = [], []
    for name in NEEDED:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    for name in missing:
        yield Check("dependency", "fail", f"{name} is not installed", f"pip install {name}")
    yield Check("dependencies", "ok" if not missing else "warn", ", ".join(found))


def _boundaries() -> Iterator[Check]:
    from replay.boundaries import ALL
    from replay.boundaries.http import CLIENTS
    from replay.boundaries.seam import unpatched

    for boundary in ALL:
        boundary.install()
    for name in CLIENTS:  # a seam is patched as its client is imported
        try:
            import_module(name)
        except ImportError:
            continue  # not installed
    for boundary in ALL:
        try:
            described = boundary.describe()
        except Exception as error:  # a client of an unknown version: say which, and go on with the others
            yield Check(
                boundary.kind, "fail", f"{type(error).__name__}: {error}", "report this with the client's version"
            )
            continue
        bad = [name for name, what in described.items() if "not patched" in what or "unpatched" in what]
        text = ", ".join(f"{name} {what}".strip() for name, what in described.items()) or "ready"
        if bad:
            yield Check(boundary.kind, "fail", text, f"{', '.join(bad)}: not recorded; use a supported version")
        else:
            yield Check(boundary.kind, "ok", text)
    for name, kind in unpatched.items():
        yield Check(name, "fail", f"not patched ({kind})", "what it asks is not recorded: report this with its version")


def _spool(folder: Path) -> Check:
    """Whether a service may write there; a folder that is not there yet is made with its first bundle."""
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)
    probe = there / f".replay-doctor-{os.getpid()}"
    state = "writable" if there == folder else f"not there yet, {there} is writable"
    try:
        if not there.is_dir():
            raise NotADirectoryError("it is no folder" if there == folder else f"{there} is no folder")
        with open(probe, "xb") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
        space = os.statvfs(there) if hasattr(os, "statvfs") else None
    except OSError as error:
        advice = f"mkdir -p {folder}, owned by the service's user, or name another spool in replay.init"
        return Check("spool", "fail", f"{folder}: {error.strerror or error}", advice)
    free = "" if space is None else f", {space.f_bavail * space.f_frsize / 2**30:.1f} GiB free"
    if space is not None and space.f_bavail * space.f_frsize < 100 << 20:
        return Check("spool", "warn", f"{folder}: {state}{free}", "make room: less than 100 MiB is left")
    return Check("spool", "ok", f"{folder}: {state}{free}")


def _configuration(config: Config) -> Check:
    if config.file is None:
        return Check("configuration", "ok", f"none; modules under {config.root} may be imported")
    allowed = f", allow {', '.join(config.allow)}" if config.allow else ""
    moved = f", {count(len(config.targets), 'target')} moved" if config.targets else ""
    return Check("configuration", "ok", f"{config.file}: root {config.root}{allowed}{moved}")


def _named(config: Config) -> Iterator[Check]:
    """What the configuration names has to be there, and its rules have to be some."""
    from replay.engine.invariants import load as load_modules
    from replay.surfaces.contracts import documents
    from replay.surfaces.fuzz import Options, kinds_of, packages_of
    from replay.surfaces.redaction import rules_of

    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    if not config.root.is_dir():
        yield Check(
            "configuration", "fail", f"`root` names {config.root}, which is no folder", "correct pyproject.toml"
        )
    for look in (
        lambda: rules_of(config.redaction),
        lambda: load_modules(config.imports),
        lambda: documents(config.contracts),
        lambda: kinds_of(config, Options()),
        lambda: packages_of(config, Options()),
    ):
        try:
            look()
        except UsageError as error:
            yield Check("configuration", "fail", str(error), "correct pyproject.toml")


def _targets(config: Config, names: Sequence[str]) -> Iterator[Check]:
    from replay.engine.targets import Targets
    from replay.surfaces.select import choose

    targets = Targets(config.root, config.allow, config.targets)
    refused: list[Check] = []
    counts: dict[str, int] = {}
    try:
        for chosen in choose(names, lambda path, error: refused.append(_refused(path, error))):
            for row in chosen.rows():
                counts[row["entrypoint"]] = counts.get(row["entrypoint"], 0) + 1
    except BundleError as error:
        yield Check("bundle", "fail", str(error), "give an existing, whole bundle")
    yield from refused
    for entrypoint, recordings in sorted(counts.items()):
        try:
            targets.load(entrypoint)
        except Unanswerable as error:
            yield Check("target", "fail", f"{entrypoint} ({count(recordings, 'recording')})", str(error))
        else:
            yield Check("target", "ok", f"{entrypoint} ({count(recordings, 'recording')})")


def _refused(path: Path, error: ReplayError) -> Check:
    said = str(error) if str(path) in str(error) else f"{path}: {error}"
    return Check("bundle", "fail", said, "delete it, or capture it again")


def text(found: Sequence[Check], page: Page) -> str:
    """A line each check; advice below it."""
    lines = []
    room = page.width - 22
    for check in found:
        first, *more = page.broken(escape(check.found), room)
        lines.append(f"{page.status(pad(check.level, 4))}  {pad(escape(check.name), 14)}  {first}")
        lines += [" " * 22 + line for line in more]
        advice = page.broken(escape(check.advice), room) if check.advice else []
        lines += [" " * 20 + ("→ " if i == 0 else "  ") + line for i, line in enumerate(advice)]
    failed = sum(check.level == "fail" for check in found)
    lines += ["", "All is well." if not failed else f"{count(failed, 'check')} failed."]
    return "\n".join(lines)
