"""What the boundaries share: the parts of the `Boundary` protocol that most have no use for, and careful patching."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.core.recording import Interaction, Recording
from replay.core.verdict import Window
from replay.core.world import LIVE, Shelf, current, lost

if TYPE_CHECKING:
    from replay.core.noise import Noise


NOTHING = nullcontext()
"""It may be entered any number of times."""

unpatched: dict[str, str] = {}
"""Modules that stayed as they are because they have another shape than is known, and what was raised."""


class Seam:
    """A boundary that patches nothing, adds nothing to the context, and compares requests by equality."""

    kind: str

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def install(self) -> None:
        """Nothing to patch."""

    def begin(self) -> dict[str, Any]:
        """Nothing to add to a recording's context."""
        return {}

    def playing(self, recording: Recording) -> AbstractContextManager[None]:
        """Nothing has to hold around a replay."""
        return NOTHING

    def shelf(
        self, interactions: Sequence[Interaction], window: Window, noise: Mapping[int, tuple[Noise, ...]] = {}
    ) -> Shelf | None:
        """By equality of values."""
        return None

    def describe(self) -> dict[str, str]:
        """Nothing was found or patched."""
        return {}


def rebind(taps: Mapping[str, tuple[object, object]]) -> None:
    """Let modules that said `from x import name` before now follow the patch too. `name -> (original, tapped)`.

    The harness itself keeps its originals.
    """
    for module_name, module in list(sys.modules.items()):
        names = getattr(module, "__dict__", None)
        if type(names) is not dict or module_name.partition(".")[0] == "replay":
            continue
        for name, (original, tapped) in taps.items():
            if names.get(name) is original:
                names[name] = tapped


class _AfterImport:
    """The loader of one awaited module: loads as the real one does, then acts on it. Leaves no trace after."""

    def __init__(self, real: Any, actions: Sequence[Callable[[ModuleType], None]]) -> None:
        self.real = real
        self.actions = actions

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        spec.loader = self.real
        try:
            return self.real.create_module(spec)  # type: ignore[no-any-return]
        finally:
            spec.loader = self  # type: ignore[assignment]  # has the two methods in use

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.real
        module.__loader__ = self.real
        token = current.set(LIVE)  # what a module draws as it is loaded, once a process, belongs to no recording
        try:
            self.real.exec_module(module)
        finally:
            current.reset(token)
        for action in self.actions:
            _run(action, module)


class _Awaited:
    """A finder that knows no module; it notices the awaited ones as they are imported."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Callable[[ModuleType], None]]] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        actions = self.actions.pop(name, None)
        if actions is None:
            return None
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _AfterImport(spec.loader, actions)  # type: ignore[assignment]  # has the two methods in use
        return spec


_awaited = _Awaited()


def when_imported(name: str, action: Callable[[ModuleType], None]) -> None:
    """Call `action(module)` now if the module is there, else right after its first import. Imports nothing."""
    module = sys.modules.get(name)
    if module is not None:
        _run(action, module)
        return
    waiting = _awaited.actions.setdefault(name, [])
    if action not in waiting:
        waiting.append(action)
    if _awaited not in sys.meta_path:
        sys.meta_path.insert(0, _awaited)


def _run(action: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        action(module)
    except Exception as error:  # an unknown version of the library: the application goes on
        unpatched[module.__name__] = type(error).__name__
        lost("patch-failed")
