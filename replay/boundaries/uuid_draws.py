"""UUIDs that are made of the moment (versions 1, 6 and 7), and those of `uuid_utils`, whose compiled code has a clock
and a generator of its own (LangChain names its runs and messages by them). Each is one draw, kept whole: what it is
made of differs between machines and at replay. `uuid_utils` is never imported here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.seam import rebind
from replay.core.world import LIVE, current, drawn, here

_OF_THE_MOMENT = ("uuid1", "uuid6", "uuid7")
"""Of the module `uuid`; the last two since Python 3.14."""


def tap_uuid() -> None:
    """Patch the module `uuid`."""
    _exchange(uuid, {name: _tapped(name, getattr(uuid, name)) for name in _OF_THE_MOMENT if hasattr(uuid, name)})


def tap_uuid_utils(module: ModuleType) -> None:
    """Patch `uuid_utils`, once it is imported; its part `compat` takes two functions that give numbers."""
    made: Any = module

    def its_own(value: uuid.UUID) -> Any:
        return made.UUID(int=value.int)

    taps = {}
    for name in ("uuid1", "uuid4", "uuid6", "uuid7"):
        taps[name] = _tapped(f"uuid_utils.{name}", getattr(made, name), its_own)
        number = getattr(made, f"_{name}_int", None)
        if number is not None:
            taps[f"_{name}_int"] = _tapped(f"uuid_utils.{name}", number, int)
    _exchange(module, taps)


def _exchange(module: ModuleType, taps: dict[str, Callable[..., Any]]) -> None:
    pairs = {name: (getattr(module, name), tapped) for name, tapped in taps.items()}
    for name, tapped in taps.items():
        setattr(module, name, tapped)
    rebind(pairs)


def _tapped(
    kind: str, original: Callable[..., Any], given: Callable[[uuid.UUID], Any] | None = None
) -> Callable[..., Any]:
    """`given`: what the application gets for a UUID that was drawn before; None: that itself."""

    @wraps(original)
    def tapped(*args: Any, **kwargs: Any) -> Any:
        world = here()
        if world is None:
            return original(*args, **kwargs)

        own: list[Any] = []

        def live() -> uuid.UUID:
            token = current.set(LIVE)  # what it is made of is no draw of its own
            try:
                made = original(*args, **kwargs)
            finally:
                current.reset(token)
            own.append(made)
            return made if type(made) is uuid.UUID else uuid.UUID(int=int(made))

        value = drawn(world, kind, live)
        return own[-1] if own else value if given is None else given(value)

    return tapped
