"""Which recordings a name means: `PATH`, `PATH::ID` or `PATH::ID-prefix`; PATH is a file or a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any

import msgspec

from replay.errors import BundleError, UsageError

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.store.bundle import Bundle

SUFFIX = ".replay.db"

_ago = re.compile(r"(\d{1,9})([smhd])\Z")
_seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Refused = Callable[[Path, BundleError], None]
"""Told of each bundle of a folder that cannot be opened."""


class Chosen(msgspec.Struct, frozen=True):
    """One bundle, and which of its recordings are meant."""

    path: Path
    bundle: Any
    ids: tuple[str, ...]
    refused: Refused | None = None
    """Told of a recording that cannot be read, where the bundle was found in a folder."""

    def recordings(self) -> Iterator[Recording]:
        """The chosen recordings, one at a time. Raises BundleError for one that cannot be read, if nobody is told."""
        bundle: Bundle = self.bundle
        for id in self.ids:
            try:
                recording = bundle[id]
            except BundleError as error:
                if self.refused is None:
                    raise
                self.refused(self.path, error)
            else:
                yield recording

    def rows(self, *, whole: bool = False) -> list[dict[str, Any]]:
        """The chosen rows of the `recording` table; with `whole`, those columns too that hold captured values."""
        rows: list[dict[str, Any]] = self.bundle.rows(whole=whole)
        wanted = set(self.ids)
        return [row for row in rows if row["id"] in wanted]


def split(name: str) -> tuple[Path, str | None]:
    """Path and id of a name; the id is None if it names the whole of a path."""
    if name.startswith("s3://"):
        raise UsageError(f"{name}: this version reads files and folders only; copy the bundle here first", slug="s3")
    path, separator, id = name.rpartition("::")
    if not separator or Path(name).exists():
        return Path(name), None
    if not id:
        raise UsageError(f"{name}: there is no recording id after `::`")
    return Path(path), id


def choose(names: Iterable[str], refused: Refused | None = None) -> Iterator[Chosen]:
    """The bundles that `names` mean, each opened once, in order.

    Raises BundleError for a path that is missing, a named bundle that is refused, or an id that is not in it. Bundles
    found in a folder that are refused go to `refused`, if given, and what cannot be read of them.
    """
    from replay.store.bundle import open_bundle

    for name in names:
        path, id = split(name)
        if not path.is_dir():
            bundle = open_bundle(path)
            ids = tuple(bundle.ids()) if id is None else (_one(name, id, tuple(bundle.ids())),)
            yield Chosen(path, bundle, ids)
        elif id is not None:
            yield _in_folder(name, path, id)
        else:
            yield from _folder(path, refused)


def _folder(folder: Path, refused: Refused | None) -> Iterator[Chosen]:
    from replay.store.bundle import open_bundle

    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        try:
            bundle = open_bundle(path)
            chosen = Chosen(path, bundle, tuple(bundle.ids()), refused)
        except BundleError as error:
            if refused is None:
                raise
            refused(path, error)
            continue
        yield chosen


def _in_folder(name: str, folder: Path, prefix: str) -> Chosen:
    """The recording of that id in any bundle below a folder. Raises BundleError, UsageError."""
    refused: list[BundleError] = []
    found: list[tuple[Chosen, str]] = []
    for chosen in _folder(folder, lambda path, error: refused.append(error)):
        found += [(chosen, id) for id in chosen.ids if id.startswith(prefix)]
    exact = [each for each in found if each[1] == prefix] or found
    if len(exact) > 1:
        some = "\n".join(f"  {chosen.path}::{id}" for chosen, id in exact[:10])
        raise UsageError(f"{name}: {len(exact)} recordings begin so, among them\n{some}", slug="ambiguous")
    if not exact:
        also = f"; {len(refused)} bundles there cannot be read, the first: {refused[0]}" if refused else ""
        raise BundleError(f"{name}: no recording of that id in that folder{also}", slug="no-recording")
    ((chosen, id),) = exact
    return msgspec.structs.replace(chosen, ids=(id,), refused=None)


def one(name: str) -> tuple[Path, Recording]:
    """The only recording that `name` means. Raises BundleError or UsageError if there is none, or more than one."""
    chosen = list(choose([name]))
    ids = [(found.path, id) for found in chosen for id in found.ids]
    if not ids:
        raise BundleError(f"{name}: there is no recording in it", slug="no-recording")
    if len(ids) > 1:
        some = "\n".join(f"  {path}::{id}" for path, id in ids[:10])
        more = f"\n  and {len(ids) - 10:,} more; see `replay list {name}`" if len(ids) > 10 else ""
        raise UsageError(f"{name} holds {len(ids):,} recordings; name one of them:\n{some}{more}", slug="ambiguous")
    return chosen[0].path, next(chosen[0].recordings())


def _one(name: str, prefix: str, ids: tuple[str, ...]) -> str:
    if prefix in ids:
        return prefix
    found = [id for id in ids if id.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name}: {len(found)} recordings begin so: {', '.join(found[:5])}", slug="ambiguous")
    near = f"it holds {', '.join(ids[:5])}{' and more' if len(ids) > 5 else ''}" if ids else "it holds none"
    raise BundleError(f"{name}: no recording of that id; {near}", slug="no-recording")


def since_ns(text: str, now: int | None = None) -> int:
    """A point in time, nanoseconds since the epoch: ISO 8601 (UTC unless it says otherwise), or how long ago.

    Raises UsageError for anything else.
    """
    found = _ago.match(text)
    if found:
        seconds = int(found[1]) * _seconds[found[2]]
        return (time_ns() if now is None else now) - seconds * 10**9
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text}: give a date, an ISO 8601 time, or 90s, 15m, 2h, 7d") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 10**9
