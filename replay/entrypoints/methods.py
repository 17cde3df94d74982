"""Captured methods: their object is stored with the arguments, and rebuilt at replay."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from replay.core.codec import Resolve
from replay.core.families.objects import WHERE, Missing, Rebuilding, rebuilt, receiver_of
from replay.core.looking import mro
from replay.core.receiver import is_metaclass, is_receiver
from replay.core.recording import Recording
from replay.core.snapshot import snapshot_call, snapshot_method
from replay.core.standins import Record
from replay.core.world import Settles
from replay.engine.targets import LIBRARIES
from replay.entrypoints.steps import Sent
from replay.entrypoints.turn import require_whole
from replay.errors import Unanswerable, moved

_MOST_KNOWN = 100


def is_method(entrypoint: str) -> bool:
    """Whether the name is that of something in a class."""
    owner = entrypoint.partition(":")[2].rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


def taker(function: Callable[..., Any]) -> Callable[[tuple[Any, ...], dict[str, Any]], Settles]:
    """What takes the arguments of a captured function: of one that stands in a class, its object too."""
    module = getattr(function, "__module__", None)
    owner, _, name = str(getattr(function, "__qualname__", "")).rpartition(".")
    if type(module) is not str or not owner or owner.endswith("<locals>"):
        return snapshot_call

    known: dict[int, type] = {}
    """Classes whose objects it was called on, by their ids: a metaclass may define `__hash__`."""

    def take(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
        if not args:
            return snapshot_call(args, kwargs)
        kind = type(args[0])
        if known.get(id(kind)) is kind:
            return snapshot_method(args, kwargs)
        if is_receiver(args[0], module, owner, name):
            if len(known) < _MOST_KNOWN and not is_metaclass(kind):
                known[id(kind)] = kind
            return snapshot_method(args, kwargs)
        return snapshot_call(args, kwargs)

    return take


def with_object(
    recording: Recording, function: Any, resolve: Resolve | None
) -> tuple[partial[Any], Sent, Rebuilding] | None:
    """The call of a captured method with its object rebuilt, and what its generator was sent; None: it is no such
    recording, or the target brings an object. Raises Unanswerable."""
    if '"$' not in recording.input.text:  # objects are tagged
        return None
    found = receiver_of(recording.input.tree)
    bound = getattr(function, "__self__", None) if inspect.ismethod(function) else None
    if found is None or (bound is not None and not isinstance(bound, type)):
        return None
    tag, body = found
    if (tag == "$class") != (bound is not None):
        raise Unanswerable(f"{recording.entrypoint}: it was called on {_kind_of(tag)}, and now is no method of such.")
    require_whole(recording, ignore=WHERE)
    owner = bound if bound is not None else _owner(function)
    known = partial(_resolved, recording.entrypoint, owner, resolve)
    rebuilding = Rebuilding(recording.entrypoint, partial(_class_of, known))
    given = rebuilt(recording.input, known, rebuilding)
    receiver, *args = given["args"]
    kind = receiver if tag == "$class" else type(receiver)
    if kind in (Record, Missing) or (owner is not None and not _is_below(kind, owner)):
        raise Unanswerable(
            f"{recording.entrypoint}: it was called on {_kind_of(tag)} {body['type']}, which is no such class of this "
            f"project now. Name a function that brings an object of its own, {moved(recording.entrypoint)}"
        )
    call = partial(function.__func__ if bound is not None else function, receiver, *args, **given["kwargs"])
    return call, given.get("sent", ()), rebuilding


def _kind_of(tag: str) -> str:
    return "the class" if tag == "$class" else "an object of"


def _is_below(kind: Any, owner: type) -> bool:
    return isinstance(kind, type) and any(each is owner for each in mro(kind))


def _owner(function: Any) -> type | None:
    """The class that the function stands in."""
    place: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split(".")[:-1]:
        place = getattr(place, "__dict__", {}).get(part)
    return place if isinstance(place, type) else None


def _resolved(entrypoint: str, owner: type | None, resolve: Resolve | None, module: str, qualname: str) -> Any:
    """A class by its name in the recording: that of the entry point may have been moved, or run as a script."""
    recorded, _, path = entrypoint.partition(":")
    module = recorded if module == "__main__" else module
    if owner is not None and (module, qualname) == (recorded, path.rpartition(".")[0]):
        return owner
    return None if resolve is None else resolve(module, qualname)


def _class_of(known: Resolve, name: str) -> type | None:
    """The class of an object without fields of its own: of the project, as entry points are, never of a library."""
    module, _, qualname = name.partition(":")
    found = None if module.partition(".")[0] in LIBRARIES else known(module, qualname)
    return found if isinstance(found, type) else None
