"""The kind `schema`: what a run returns is not what its entry point declares."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from json import loads
from typing import Any, get_args, get_type_hints

from replay.core.codec import Resolve, Value
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Frame
from replay.engine.contract import Schema, answer_schema
from replay.engine.declared import Misfit, misfit
from replay.engine.failures import Failure, printable, relative, status_of

_LARGEST = 1 << 20
"""Characters of a result that is looked at."""


class Returns:
    """What one entry point declares of its results: a return annotation, or the OpenAPI document of the application."""

    def __init__(self, recording: Recording, target: Any, resolve: Resolve | None, root: Any) -> None:
        self._recording, self._target, self._resolve = recording, target, resolve
        self._is_web = recording.kind in ("asgi", "wsgi")
        function = inspect.unwrap(target) if not self._is_web else target
        self._hint = _Unsaid if self._is_web else _annotation(function)
        self._yields = getattr(target, "__replay_kind__", "") in ("generator", "async generator")
        code = getattr(function, "__code__", None)
        self._frames = () if code is None else (
            Frame(relative(root, code.co_filename), code.co_firstlineno, function.__name__),
        )  # fmt: skip
        self._judges: dict[str, Any] = {}

    @property
    def is_decorated(self) -> bool:
        """Another decorator lies between the entry point and the function: it may return something else."""
        inner = getattr(self._target, "__wrapped__", None)
        return hasattr(inner, "__wrapped__")

    def judge(self, mutated: Recording, outcome: Outcome) -> Failure | None:
        """The failure of a result that is not as declared."""
        if outcome.state != "returned" or outcome.payload.gaps or len(outcome.payload.text) > _LARGEST:
            return None
        found = self._answer(mutated, outcome) if self._is_web else self._result(outcome.payload)
        if found is None:
            return None
        expected = f"declared {found.expected}, is {found.found}"
        return Failure("schema", printable(f"returned {found.path}"), printable(expected), self._frames)

    def _result(self, payload: Value) -> Misfit | None:
        if self._hint is _Unsaid:
            return None
        value = payload.decode(self._resolve)
        if not self._yields:
            return misfit(value, self._hint)
        items = value.get("yielded") if isinstance(value, dict) else None
        arguments = get_args(self._hint)
        if not arguments or not isinstance(items, list):
            return None
        return next((found for item in items if (found := misfit(item, arguments[0], "$[*]")) is not None), None)

    def _answer(self, mutated: Recording, outcome: Outcome) -> Misfit | None:
        status = status_of(outcome)
        schema = None if status is None else answer_schema(mutated, self._target, status)
        if schema is None:
            return None
        held = outcome.payload.decode()
        headers = {str(name).lower(): str(value) for name, value in held["headers"]}
        if "json" not in headers.get("content-type", "json") or "content-encoding" in headers:
            return None
        try:
            body = loads(held["body"])
        except ValueError:
            return Misfit("$.body", "JSON", "no JSON")
        return self._broken(schema, body)

    def _broken(self, schema: Schema, body: Any) -> Misfit | None:
        try:
            from jsonschema import Draft202012Validator
            from jsonschema.exceptions import best_match
        except ImportError:
            return None
        key = str(schema)
        judge = self._judges.setdefault(key, Draft202012Validator(schema))
        try:
            error = best_match(judge.iter_errors(body))
        except Exception:  # a schema that refers to nothing
            return None
        if error is None:
            return None
        path = "$.body" + "".join("[*]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        return Misfit(path, _demand(error.validator, error.validator_value), _type(error.instance))


class _Unsaid:
    """There is no annotation."""


def _annotation(function: Any) -> Any:
    try:
        return get_type_hints(function, include_extras=True).get("return", _Unsaid)
    except Exception:  # a name that exists for type checkers only
        return _Unsaid


def _demand(name: Any, value: Any) -> str:
    if name == "type":
        return " or ".join(value) if isinstance(value, list) else str(value)
    if name == "required":
        return f"an object with {', '.join(map(str, value))}"
    if isinstance(value, Mapping):
        return str(name)
    return re.sub(r"\s+", " ", f"{name} {value}")[:80]


def _type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return f"an object with {', '.join(sorted(map(str, value))[:6]) or 'nothing'}"
    return "an array" if isinstance(value, list) else f"{value!r}"[:60]
