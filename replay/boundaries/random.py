"""Randomness: what was drawn inside a recording is drawn again at replay.

Draws are kept at their primitives, `random()` and `getrandbits()` of the generator behind the module `random`, so
every function built on them (`randint`, `choice`, `shuffle`, `gauss`, ...) follows, also one imported by name long
before. `uuid4` keeps the bytes it drew: a UUID is no credential. What `os.urandom` and `secrets` draw is one: the
world is only told the length. What they choose (`secrets.choice`) may be one, which the world decides. A generator made
without a seed gets one that is drawn from the world.

Not followed: the methods of a generator that the application seeds itself (they repeat anyway), and a state read
with `getstate()`.
"""

from __future__ import annotations

import os
import random as source
import sys
import uuid
from collections.abc import Callable
from functools import partial
from types import FrameType, ModuleType
from typing import Any

from replay.boundaries.numpy_draws import tap_numpy
from replay.boundaries.seam import Seam, rebind, when_imported
from replay.boundaries.uuid_draws import tap_uuid, tap_uuid_utils
from replay.core.world import LIVE, World, current, drawn, failed, here

_random = source.random
_getrandbits = source.getrandbits
_seed = source.Random.seed
_urandom = os.urandom
_below: Callable[[source.SystemRandom, int], int] = source.SystemRandom._randbelow  # type: ignore[attr-defined]


def _tapped_random() -> float:
    """random() -> x in the interval [0, 1)."""
    world = here()
    if world is None:
        return _random()
    try:
        return world.draw("random", _random)
    except Exception:
        failed("draw-failed", world)
    return _random()


def _tapped_getrandbits(k: int, /) -> int:
    """getrandbits(k) -> x.  Generates an int with k random bits."""
    world = here()
    if world is None:
        return _getrandbits(k)
    bits = drawn(world, "getrandbits", partial(_getrandbits, k))
    try:
        live = world.live
    except Exception:
        live = True
    return bits if live else bits & ((1 << k) - 1)  # an edited recording may ask for fewer bits than it has


def _tapped_urandom(size: int, /) -> bytes:
    world = here()
    if world is None:
        return _urandom(size)
    if not world.live and size < 0:
        return _urandom(size)  # the original says what is wrong with it
    try:
        return world.entropy(size, _urandom)
    except Exception:
        failed("draw-failed", world)
    return _urandom(size)


def _tapped_below(self: source.SystemRandom, n: int) -> int:
    world = here()
    if world is None or type(n) is not int or n < 1 or type(self).getrandbits is not source.SystemRandom.getrandbits:
        return _below(self, n)
    if n == 1:
        return 0  # whatever would be drawn
    try:
        return world.below(n, partial(_unheard_below, self, n) if world.live else partial(_below, self, n))
    except Exception:
        failed("draw-failed", world)
    return _below(self, n)


_tapped_urandom.__doc__, _tapped_below.__doc__ = _urandom.__doc__, _below.__doc__


def _unheard_below(system: source.SystemRandom, n: int) -> int:
    """The bytes that it draws are no draws of their own."""
    token = current.set(LIVE)
    try:
        return _below(system, n)
    finally:
        current.reset(token)


def _uuid_urandom(size: int, /) -> bytes:
    world = _of_the_work()
    return _urandom(size) if world is None else drawn(world, "uuid", partial(_urandom, size))


def _of_the_work() -> World | None:
    """The world, if what is drawn now belongs to the unit of work."""
    world = here()
    try:
        return None if world is None or _importing() else world
    except Exception:
        failed("draw-failed", world)
        return None


def _importing() -> bool:
    """Whether a module is being imported inside the recording: what it draws belongs to the process, which imports it
    once. (The anthropic SDK imports opentelemetry at its first request; that makes keys of uuids. httpcore imports
    trio, if it is there, for the first client; that makes a generator.)"""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == "importlib._bootstrap":
            return True
        if module == "replay.entrypoints.function":  # the recording itself may be made in an import
            return False
        frame = frame.f_back
    return False


def _new_seed() -> int:
    return int.from_bytes(_urandom(8), "big")


def _tapped_seed(self: source.Random, a: Any = None, version: int = 2) -> None:
    if a is None:
        world = _of_the_work()
        if world is not None:
            a = drawn(world, "seed", _new_seed)
    _seed(self, a, version)


class _Shared(source.Random):
    """The class of the generator behind the module `random`, once patched.

    `gauss` draws two values and keeps the second here for its next call; whether one was kept before the recording
    began decides how many are drawn in it.
    """

    @property
    def gauss_next(self) -> float | None:
        world = here()
        if world is None:
            return self._kept()
        return drawn(world, "gauss_next", self._kept)

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        self.__dict__["gauss_next"] = value

    def _kept(self) -> float | None:
        return self.__dict__.get("gauss_next")


class _OsForUuid(ModuleType):
    """Stands for `os` in the module `uuid`: the same, but for whose draws they are."""

    urandom = staticmethod(_uuid_urandom)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class _Untapped(source.Random):
    """The generator of temporary names: made once a process, so its seed belongs to no recording."""

    def seed(self, a: Any = None, version: int = 2) -> None:
        _seed(self, a, version)


def _patch_random() -> None:
    shared: Any = source._inst
    shared.__class__ = _Shared
    taps = {"random": (_random, _tapped_random), "getrandbits": (_getrandbits, _tapped_getrandbits)}
    for name, (_, tapped) in taps.items():
        setattr(shared, name, tapped)
    rebind(taps)  # `random` is one of the modules
    source.Random.seed = _tapped_seed  # type: ignore[method-assign]
    when_imported("tempfile", lambda tempfile: setattr(tempfile, "_Random", _Untapped))


def _patch_system() -> None:
    rebind({"urandom": (_urandom, _tapped_urandom), "_urandom": (_urandom, _tapped_urandom)})
    source.SystemRandom._randbelow = _tapped_below  # type: ignore[attr-defined]
    tap_uuid()
    uuid.os = _OsForUuid("os")  # type: ignore[attr-defined]


class RandomBoundary(Seam):
    """Patches `random`, `os.urandom`, `uuid` and, once they are imported, `numpy.random` and `uuid_utils`."""

    _patches: tuple[Callable[[], None], ...] = (_patch_random, _patch_system)
    _installed = False

    def install(self) -> None:
        """Patch the generators. Neither NumPy nor `uuid_utils` is imported for it."""
        if self._installed:
            return
        self._installed = True
        for patch in self._patches:
            patch()
        when_imported("numpy.random", tap_numpy)
        when_imported("uuid_utils", tap_uuid_utils)

    def describe(self) -> dict[str, str]:
        """NumPy's version, once it is imported."""

        numpy = sys.modules.get("numpy")
        found = getattr(numpy, "__version__", None)
        return {"numpy": found} if isinstance(found, str) else {}


random = RandomBoundary("random")
