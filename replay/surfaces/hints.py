"""Why production may not have asked what a replay asks, or what would have recorded it: a guess, said as one."""

from __future__ import annotations

import re
from os.path import dirname, isdir

from replay.core.verdict import Divergence
from replay.surfaces.kept import keeper
from replay.surfaces.page import here
from replay.surfaces.printable import escape
from replay.surfaces.unset import advice, unset

_PLACE = re.compile(r"\S+ (/.*?)(?: for writing)?\Z")


def _folder(target: str) -> str:
    """Where a refused file lies, as seen from here."""
    found = _PLACE.match(target)
    if found is None or "…" in target:
        return "its folder"
    place = found[1]
    return escape(here(place if isdir(place) else dirname(place)))


def perhaps(divergence: Divergence) -> str | None:
    """One sentence; None: there is nothing to guess."""
    if divergence.kind == "refused" and any(frame.function == "<module>" for frame in divergence.where[-1:]):
        return (
            "it is done as the project is imported, which is no part of the recording: let a setting or an environment "
            "variable spare it, or replay with soft isolation"
        )
    if divergence.kind == "refused" and divergence.boundary == "file":
        return (
            "it is always written, as a log or a cache is: let it through by "
            f'writable = ["{_folder(divergence.target)}"] under [tool.replay-harness] in pyproject.toml'
        )
    if divergence.kind == "refused" and divergence.boundary in ("socket", "process"):
        return (
            "it is asked by a client that is not recorded by itself, in production neither: put @replay.boundary on "
            "the function that does this"
        )
    if divergence.boundary == "random" or divergence.kind not in ("extra", "changed"):
        return None
    kept = keeper(divergence.where)
    if kept is not None:
        frame, decorator = kept
        return (
            f"production had the answer from before: {escape(frame.function)} has {escape(decorator)}. "
            "Put @replay.boundary above that"
        )
    near = None if divergence.nearest is None else divergence.nearest.target
    if divergence.kind != "extra" and near in (None, divergence.target):
        return None
    method, there, path = _parted_target(divergence.target)
    goes_elsewhere = divergence.boundary == "http" and near is not None and _parted_target(near)[1] not in ("", there)
    names = unset(divergence.where) if goes_elsewhere else []
    if names:
        return advice(names, near)
    if near not in (None, divergence.target) and there and (method, path) == _parted_target(near)[::2]:
        return (
            "only where it goes is another, by a setting that the recording does not hold: set it here as it was in "
            'production, or have it recorded from now on, `replay.init(environ=["..."])`'
        )
    changed = (
        "the code has changed; or production had the answer from before (a cache, a token that it kept): put "
        "@replay.boundary on what keeps it"
    )
    if there and method in ("GET", "HEAD") and (near is None or _parted_target(near)[1] != there):
        return f"{changed}; or a library asks it once in a while (a list, a version): set what turns that off"
    return changed


def _parted_target(target: str) -> tuple[str, str, str]:
    """Of `POST http://crm/v1/plans`: the method, where it goes and the rest; there is no second of what is no URL."""
    method, _, url = target.partition(" ")
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return method, f"{scheme}{mark}{host}" if mark else "", slash + path
