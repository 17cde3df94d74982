"""Names of recordings as short as can be: what a terminal has room for, and what every verb takes.

`FOLDER::ID-prefix` for what was found in a folder, `PATH` alone for a bundle of one recording, else `PATH::ID-prefix`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from shlex import quote

from replay.errors import BundleError
from replay.surfaces.select import Chosen, choose, split

LEAST = 8
"""Characters of an id that are shown at least: a prefix that is unique today should be so tomorrow."""


def named(name: str) -> str:
    """A name `PATH::ID`, without the id where that bundle holds no other recording."""
    from replay.store.bundle import open_bundle

    path, separator, id = name.rpartition("::")
    try:
        alone = separator and list(open_bundle(path).ids()) == [id]
    except BundleError:  # the name as it is says as much as one can
        return name
    return path if alone else name


class Shortened:
    """Short names of the recordings that some names mean."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}
        self._bases: dict[str, tuple[str, bool]] = {}
        self._sorted: dict[str, list[str]] = {}

    @classmethod
    def of(cls, names: Iterable[str]) -> Shortened:
        """Of all that these names mean. Bundles of a folder that cannot be read are passed over. Raises BundleError."""
        found = cls()
        for name in names:
            for chosen in choose([name], lambda path, error: None):
                found.add(name, chosen)
        return found

    def add(self, name: str, chosen: Chosen) -> None:
        """One bundle that this name means."""
        path, _ = split(name)
        base, every = (str(path), chosen.ids) if path.is_dir() else (str(chosen.path), tuple(chosen.bundle.ids()))
        self._ids.setdefault(base, []).extend(every)
        self._bases.setdefault(str(chosen.path), (base, len(every) == 1 and not path.is_dir()))

    def __call__(self, path: str, id: str) -> str:
        """The name of one of them."""
        base, alone = self._bases.get(path, (path, False))
        if alone:
            return quote(path)
        prefix = self._prefix(base, id)
        return quote(f"{path}::{id}" if prefix is None else f"{base}::{prefix}")

    def _prefix(self, base: str, id: str) -> str | None:
        """The shortest that no other id has; None: another bundle has the same id."""
        if base not in self._sorted:
            self._sorted[base] = sorted(self._ids.get(base, ()))
        every = self._sorted[base]
        at = bisect_left(every, id)
        beside = [*every[max(0, at - 1) : at], *every[at + 1 : at + 2]]
        if id in beside:
            return None
        shared = max((_shared(id, other) for other in beside), default=0)
        return id[: max(LEAST, shared + 1)]


def _shared(one: str, other: str) -> int:
    """Characters at the beginning that both have."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (here, there) in pairs if here != there), min(len(one), len(other)))
