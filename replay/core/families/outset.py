"""What a boundary gives as an application starts, which no recording holds: a pool of connections, a model."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from replay.core.encoder import Encoder, writes
from replay.core.families.objects import Unkept
from replay.core.standins import STARTED, Opaque
from replay.core.world import World, here
from replay.errors import DivergenceError


class Outset(Unkept):
    """Stands for it. As the application starts and ends it may be opened, awaited, entered and closed; in the unit of
    work it may be handed to a boundary, and any other use is refused, with its line."""

    __slots__ = ()

    def __init__(self, world: World, target: str) -> None:
        super().__init__(world, -1, Opaque(STARTED))
        for name, value in (("rebuilding", world), ("place", f"what {target} made at start-up")):
            object.__setattr__(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name[:2] == "__" else _used(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _used(self)

    def __setattr__(self, name: str, value: object) -> None:
        _used(self)

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from ()
        return _used(self)

    async def __aenter__(self) -> Any:
        return _used(self)

    async def __aexit__(self, *raised: object) -> None:
        _used(self)

    def __enter__(self) -> Any:
        return _used(self)

    def __exit__(self, *raised: object) -> None:
        _used(self)

    def __repr__(self) -> str:
        return f"<{object.__getattribute__(self, 'place')}>"

    __str__ = __repr__


def _used(made: Outset) -> Any:
    """Itself, at start-up and after the run."""
    unit = here()
    if unit is None or unit.closed or unit is object.__getattribute__(made, "rebuilding"):
        return made
    place = object.__getattribute__(made, "place")
    raise unit.unrecorded("call", place) or DivergenceError(f"replay: {place} is in no recording.")


def _write(encoder: Encoder, value: Outset) -> Any:
    """Handing it on is no use of it."""
    return encoder.node(object.__getattribute__(value, "held"))


writes(Outset, _write)
