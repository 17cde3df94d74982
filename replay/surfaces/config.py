"""The project's own settings: `[tool.replay-harness]` in the nearest `pyproject.toml`."""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

import msgspec

from replay.core.redaction.rules import Redaction
from replay.errors import UsageError


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What replay may import here, and how it compares."""

    root: Path
    """Folder whose modules replay may import; that of `pyproject.toml` unless `root` names another below it."""
    file: Path | None = None
    """The `pyproject.toml` that was read; None: there is none, or it has no `[tool.replay-harness]`."""
    allow: tuple[str, ...] = ()
    """Modules outside the root that replay may import."""
    targets: Mapping[str, str] = {}
    """Recorded entry point -> the one that runs instead (it was renamed or moved)."""
    ignore: tuple[str, ...] = ()
    """Paths of an outcome that are not compared, e.g. `$.headers.date`."""
    tolerance: float = 0.0
    """Relative difference of two floats that still counts as equal."""
    owners: Mapping[str, str] = {}
    """Prefix of a module -> the team that its incidents belong to."""
    redaction: Redaction = Redaction()
    """What capture, `replay scan` and `replay scrub` take for secret, and what they leave."""
    writable: tuple[str, ...] = ()
    """Folders that a replay may write to, beside the temporary one; absolute. For a log that is always written."""

    contracts: tuple[str, ...] = ()
    """OpenAPI documents (JSON or YAML) of the services that the code calls; absolute."""
    allowed: tuple[str, ...] = ()
    """Types of errors that the code declares: to a search they are right answers."""

    imports: tuple[str, ...] = ()
    """Modules that are imported before a replay or a search: they declare invariants and operators."""

    kinds: tuple[str, ...] = ()
    """Kinds of failures that `replay fuzz` counts (see `replay.engine.kinds`); empty: the usual ones."""

    packages: tuple[str, ...] = ()
    """Installed packages whose lines and constants a search takes for the project's."""


KEYS = (
    "root", "allow", "targets", "ignore", "tolerance", "owners", "redaction", "writable", "contracts", "allowed",
    "imports", "kinds", "packages",
)  # fmt: skip


def load(start: str | os.PathLike[str] | None = None) -> Config:
    """Settings for a project around `start` (a file or folder; default: the current one).

    Raises UsageError for unreadable TOML, an unknown key or a value of the wrong kind.
    """
    folder, found = _nearest(start)
    return Config(root=folder) if found is None else _read(*found)


def load_redaction() -> Redaction:
    """Of those around the current folder what is secret, and no more: a service that captures starts whatever else is
    wrong with them. Raises UsageError as `load`, of an unknown key if it may be meant to say what is secret."""
    _, found = _nearest(None)
    if found is None:
        return Redaction()
    file, section = _section(*found)
    only = {key: section[key] for key in section if _is_redaction(key)} if isinstance(section, dict) else {}
    return _config(file, only).redaction


def _is_redaction(key: str) -> bool:
    own = {"redaction", *Redaction.__struct_fields__} - {"allow"}
    near = [key] if key in KEYS else get_close_matches(key, [*KEYS, *own], n=1)
    return not own.isdisjoint(near)


def _nearest(start: str | os.PathLike[str] | None) -> tuple[Path, tuple[str, int, int] | None]:
    """The folder to start from; the nearest file, when it was changed, its size."""
    text = os.getcwd() if start is None else os.fspath(start)
    folder, places = _places(text if os.path.isabs(text) else os.path.abspath(text))
    for place in places:
        try:
            status = os.stat(place)
        except (OSError, ValueError):
            continue
        if S_ISREG(status.st_mode):
            return folder, (place, status.st_mtime_ns, status.st_size)
    return folder, None


@lru_cache(maxsize=64)
def _places(start: str) -> tuple[Path, tuple[str, ...]]:
    """The folder to start from, and where its `pyproject.toml` may be, nearest first."""
    folder = Path(os.path.abspath(start))
    if folder.is_file():
        folder = folder.parent
    return folder, tuple(str(place / "pyproject.toml") for place in (folder, *folder.parents))


@lru_cache(maxsize=64)
def _read(place: str, changed_ns: int, size: int) -> Config:
    """The settings of a file as it was at that time: parsing costs more than a replay of a small recording."""
    file, section = _section(place, changed_ns, size)
    return Config(root=file.parent) if section is None else _config(file, section)


def _section(place: str, changed_ns: int, size: int) -> tuple[Path, Any]:
    """The file, and what stands in it under our name; None: nothing."""
    file = Path(place)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", slug="config") from error
    tool = document.get("tool")
    return file, tool.get("replay-harness") if isinstance(tool, dict) else None


def _config(file: Path, section: Any) -> Config:
    where = f"[tool.replay-harness] in {file}"
    if not isinstance(section, dict):
        raise UsageError(f"{where} must be a table", slug="config")
    for key in section:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1, cutoff=0.4)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known keys: {', '.join(KEYS)}"
            raise UsageError(f"{where}: unknown key `{key}`{hint}", slug="config")
    own = section.get("redaction", {})
    known = Redaction.__struct_fields__
    if isinstance(own, dict) and (strange := [key for key in own if key not in known]):
        raise UsageError(
            f"[tool.replay-harness.redaction] in {file}: unknown key `{strange[0]}`; known keys: {', '.join(known)}",
            slug="config",
        )
    root = section.get("root", ".")
    if not isinstance(root, str):
        raise UsageError(f"{where}: `root` must be a folder, as text", slug="config")
    try:
        found: Config = msgspec.convert(
            section | {"root": str((file.parent / root).resolve()), "file": str(file)}, Config, dec_hook=_path
        )
        folders = tuple(os.path.abspath(file.parent / folder) for folder in found.writable)
        for recorded, new in found.targets.items():
            if not all(new.partition(":")):
                raise UsageError(f"{where}: `targets`: {recorded!r} = {new!r} names no code: give \"module:name\"",
                                 slug="config")  # fmt: skip
        compared(found.ignore, f"{where}: `ignore`", "config")
        bounded(found.tolerance, f"{where}: `tolerance`", "config")
        documents = tuple(os.path.abspath(file.parent / document) for document in found.contracts)
        return msgspec.structs.replace(found, writable=folders, contracts=documents)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}", slug="config") from error


def code_words(root: str | None, allow: Iterable[str], targets: Mapping[str, str]) -> str:
    """The options by which another verb finds the same code from here, for a shell, with a space before each."""
    words = [] if root is None or load(root).root == load().root else ["--root", root]
    for module in allow:
        words += ["--allow", module]
    for recorded, new in targets.items():
        words += ["--target", f"{recorded}={new}"]
    return "".join(f" {shlex.quote(word)}" for word in words)


def compared(patterns: Iterable[str], where: str, slug: str = "usage") -> None:
    """Raises UsageError for a pattern of `ignore` that names nothing in particular: with it all would be equal; and for
    one that fits no path."""
    for pattern in patterns:
        if pattern.strip("$*.[]") and not pattern.startswith(("$", "**")):
            raise UsageError(
                f"{where}: {pattern!r} fits nothing: a path begins with `$`, the outcome, as in `$.items[*].id`",
                slug=slug,
            )
        if not pattern.strip("$*.[]"):
            raise UsageError(
                f"{where}: {pattern!r} leaves nothing to compare, so that any result would be taken for the recorded "
                "one. Name what varies, such as `$.items[*].id`; `replay run --check` finds it.",
                slug=slug,
            )


def bounded(tolerance: float, where: str, slug: str = "usage") -> None:
    """Raises UsageError for a tolerance that no two numbers are within, or all are."""
    if not 0 <= tolerance < 1:
        raise UsageError(
            f"{where}: {tolerance} is no relative difference: give a number from 0 to below 1, such as 0.01", slug=slug
        )


def _path(kind: type, value: Any) -> Any:
    return kind(value)
