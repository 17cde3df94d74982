"""`replay.recording(...)`: a unit of work that is no function."""

from __future__ import annotations

import inspect
from functools import partial
from types import TracebackType
from typing import Any

from replay.core.codec import Resolve
from replay.core.recording import Outcome, Recording
from replay.core.snapshot import snapshot, snapshot_error
from replay.core.world import Settles, current, is_free
from replay.engine import recorder as engine
from replay.entrypoints.turn import as_it_is, drive, end, settle, whole_input
from replay.errors import Unanswerable, UsageError, moved


class Block:
    """`with replay.recording("nightly-import", input=row) as block: ...; block.result(value)`. Used once."""

    __slots__ = ("_input", "_name", "_recorder", "_result", "_token")

    def __init__(self, name: str, *, input: Any = None) -> None:
        if not isinstance(name, str) or not name:
            raise UsageError(f"replay.recording({name!r}): give the unit of work a name")
        self._name = name
        self._input = input
        self._recorder: Any = None
        self._result: Settles | None = None
        self._token: Any = None

    def result(self, value: Any) -> None:
        """What the block came to: the outcome of the recording, as it is now."""
        try:
            if self._recorder is not None:
                self._result = snapshot(value)
        except Exception:
            engine.dropped["result-failed"] += 1

    def __enter__(self) -> Block:
        try:
            if engine.active is not None and is_free():
                self._recorder = engine.begin("block", self._name, snapshot(self._input))
                if self._recorder is not None:
                    self._token = current.set(self._recorder)
        except Exception:
            self._recorder = None
            engine.dropped["begin-failed"] += 1
        self._input = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        token, self._token = self._token, None
        if error is not None:
            end(recorder, token, "raised", snapshot_error, error)
            return
        if self._result is None:
            end(recorder, token, "returned", snapshot, None)
        else:
            end(recorder, token, "returned", as_it_is, self._result)

    async def __aenter__(self) -> Block:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:  # fmt: skip
        self.__exit__(kind, error, trace)


recording = Block
"""`replay.recording(name, *, input=None)`: record what happens inside `with` or `async with`."""


def run_block(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    """Call the function that the project names for this block with the recorded input."""
    if target is None:
        name = recording.entrypoint
        raise Unanswerable(f"{name!r}: a block has no entry point; name a function for it, {moved(name)}")
    given = whole_input(recording, resolve)
    return settle(lambda: _called(target, given), lambda value: value)


def _called(target: Any, given: Any) -> Any:
    value = target(given)
    return drive(partial(_await, value)) if inspect.iscoroutine(value) else value


async def _await(value: Any) -> Any:
    return await value
