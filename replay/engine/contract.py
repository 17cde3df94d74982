"""What inputs and answers are declared to be: JSON Schemas from type hints, OpenAPI of the application, OpenAPI files.

A contract does two things for a search: it tells values that its author had in mind (members, bounds, and what lies
just outside), and it labels a mutation as inside or outside. Both kinds of failures count; they are told apart, since
one is a bug for input that was promised to work, the other for input that nobody refused.

Schemas of annotations are made by pydantic where the project uses it, else by msgspec. Mutations are judged by
`jsonschema`, where that is installed.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import msgspec

from replay.core.edits import Edit, Steps, parse
from replay.core.opened import Typed
from replay.core.parts import Parts
from replay.core.recording import Recording

Schema = dict[str, Any]
Label = str
"""`inside` or `outside`."""
MOST = 24
"""Values that a schema gives for one place."""
_FORMATS: dict[str, tuple[Any, ...]] = {
    "date": ("2024-02-29", "2024-02-30", "29.02.2024"),
    "date-time": ("2024-02-29T23:59:60Z", "2024-03-31T02:30:00", "2024-02-29T12:00:00+14:00"),
    "email": ("a@b", "a+b@example.com", "ä@example.com", "a@b@example.com"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "not-a-uuid"),
    "uri": ("example.com", "http://", "http://[::1"),
}


class Contract:
    """The schemas of one recording's parts: `input`, and its interactions by number."""

    def __init__(self, schemas: Mapping[tuple[str, Steps], Schema]) -> None:
        """`schemas`: of places, e.g. `("input", ("args", 0))`; what lies below a place is found in its schema."""
        self._schemas = dict(schemas)
        self._judges: dict[tuple[str, Steps], Any] = {}

    def __bool__(self) -> bool:
        return bool(self._schemas)

    def values(self, root: str, steps: Steps) -> tuple[Any, ...]:
        """Values that the contract suggests at a place, those inside first; none where it says nothing."""
        found: dict[tuple[str, str], Any] = {}
        for place, below in self._above(root, steps):
            for schema in _at(self._schemas[place], below):
                for value in _suggested(schema):
                    found.setdefault((type(value).__name__, repr(value)), value)
        return tuple(found.values())[:MOST]

    def label(self, parent: Recording, mutated: Recording, edits: Sequence[Edit]) -> Label | None:
        """`inside` if all that the edits changed keeps its contract, `outside` if something does not; None: nobody
        says. Time, randomness, delays and networks that fail keep every contract."""
        before, after = Parts(parent), Parts(mutated)
        judged: list[bool | None] = []
        for root in dict.fromkeys(parse(edit.path)[0] for edit in edits):
            is_free = root in ("clock", "draws") or root.startswith("timing[")
            judged.append(True if is_free else self._keeps(root, before, after))
        if False in judged:
            return "outside"
        return "inside" if judged and all(judged) else None

    def _keeps(self, root: str, before: Parts, after: Parts) -> bool | None:
        interaction = after.interaction(root)
        if interaction is not None and interaction.state == "raised":
            return True
        old, new = before.get(root), after.get(root)
        if new is None or old is None:
            return None
        places = [place for place in self._schemas if place[0] == root]
        judged: list[bool | None] = []
        for place in places:
            try:
                judged.append(self._valid(place, _at_steps(_plain(new.value), place[1])))
            except _Absent:
                judged.append(None if place[1][:1] == ("args",) else True)
        if False in judged:
            return False
        return True if judged and all(judged) else None

    def _valid(self, place: tuple[str, Steps], value: Any) -> bool | None:
        if place not in self._judges:
            self._judges[place] = _judge(self._schemas[place])
        judge = self._judges[place]
        if judge is None:
            return None
        try:
            return bool(judge.is_valid(value))
        except Exception:  # a schema that refers to nothing, a value that is no JSON
            return None

    def _above(self, root: str, steps: Steps) -> Iterator[tuple[tuple[str, Steps], Steps]]:
        for place in self._schemas:
            if place[0] == root and steps[: len(place[1])] == place[1]:
                yield place, steps[len(place[1]) :]


class _Absent(Exception):
    """There is nothing at that place."""


def _at_steps(value: Any, steps: Steps) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (LookupError, TypeError) as error:
            raise _Absent from error
    return value


def _judge(schema: Schema) -> Any:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return None
    return Draft202012Validator(schema)


def _plain(value: Any) -> Any:
    """An opened value as JSON would hold it."""
    if isinstance(value, Typed):
        return {name: _plain(item) for name, item in value.fields.items()}
    if type(value) is dict:
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else value


# Walking a schema ----------------------------------------------------------------------------------------------------


def _at(schema: Schema, steps: Steps) -> list[Schema]:
    """The schemas of what lies there, alternatives included."""
    found = list(_alternatives(schema, schema))
    for step in steps:
        below: list[Schema] = []
        for each in found:
            child = _child(each, step)
            if type(child) is dict:
                below += _alternatives(child, schema)
        found = below
    return found


def _child(schema: Schema, step: Any) -> Any:
    if type(step) is str:
        held = schema.get("properties")
        return held.get(step, schema.get("additionalProperties")) if type(held) is dict else None
    items = schema.get("items")
    first = schema.get("prefixItems")
    return first[step] if type(first) is list and step < len(first) else items


def _alternatives(schema: Any, whole: Schema) -> Iterator[Schema]:
    """A schema, what it refers to and its alternatives, each once: references may go in circles."""
    waiting, met = [schema], set()
    while waiting:
        each = waiting.pop()
        if type(each) is not dict or id(each) in met:
            continue
        met.add(id(each))
        yield each
        for name in ("allOf", "oneOf", "anyOf"):
            waiting += reversed(each.get(name) or ())
        if type(each.get("$ref")) is str:
            waiting.append(_referred(whole, each["$ref"]))


def _referred(whole: Schema, reference: str) -> Any:
    found: Any = whole
    if reference != "#" and not reference.startswith("#/"):
        return None
    for step in reference[2:].split("/") if len(reference) > 1 else ():
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if type(found) is dict else None
    return found


def _suggested(schema: Schema) -> Iterator[Any]:
    """Values in a schema's sense, then those just beyond its bounds."""
    for name in ("enum", "examples"):
        held = schema.get(name)
        if type(held) is list:
            yield from held
    if "const" in schema:
        yield schema["const"]
    if schema.get("type") == "null" or schema.get("nullable") is True:
        yield None
    if schema.get("default") is not None:
        yield schema["default"]
    step = 1 if schema.get("type") == "integer" else 0.01
    for name, inside in (("minimum", 0), ("exclusiveMinimum", 1), ("maximum", 0), ("exclusiveMaximum", -1)):
        bound = schema.get(name)
        if isinstance(bound, int | float):
            nearest = (int(bound) if step == 1 else bound) + inside * step
            yield nearest
            yield nearest - step if name.endswith("inimum") else nearest + step
    for name, beyond in (("minLength", -1), ("maxLength", 1)):
        size = schema.get(name)
        if type(size) is int and 0 <= size <= 10_000:
            yield "x" * size
            if size + beyond >= 0:
                yield "x" * (size + beyond)
    if schema.get("type") == "string":
        yield from _FORMATS.get(str(schema.get("format")), ())


# Where schemas come from ---------------------------------------------------------------------------------------------


def contract_of(recording: Recording, target: Any, documents: Sequence[Schema] = ()) -> Contract:
    """What is declared of a recording's input and answers. `target`: what it runs; `documents`: OpenAPI of the services
    that it calls. Never raises for what the project declares."""
    found: dict[tuple[str, Steps], Schema] = {}
    if recording.kind == "function":
        found.update(_of_arguments(recording, target))
    elif recording.kind in ("asgi", "wsgi"):
        found.update(_of_request(recording, target))
    for interaction in recording.interactions:
        root = f"{interaction.boundary}[{interaction.seq}]"
        if interaction.boundary in ("call", "model"):
            schema = _returned(interaction.target)
        elif interaction.boundary == "http":
            schema = _answered(interaction.target, interaction.answer.tree, documents)
        else:
            continue
        if schema is not None:
            found[root, ("body",) if interaction.boundary == "http" else ()] = schema
    return Contract(found)


def _of_arguments(recording: Recording, target: Any) -> Iterator[tuple[tuple[str, Steps], Schema]]:
    function = inspect.unwrap(target)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return
    hints = _hints(function)
    given = recording.input.tree
    count = len(given.get("args") or ()) if type(given) is dict and type(given.get("args")) is list else 0
    for at, parameter in enumerate(parameters):
        schema = schema_of(hints[parameter.name]) if parameter.name in hints else None
        if schema is None or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        by_place = at < count and parameter.kind is not parameter.KEYWORD_ONLY
        yield ("input", ("args", at) if by_place else ("kwargs", parameter.name)), schema


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # a name that exists for type checkers only
        return {}


def schema_of(annotation: Any) -> Schema | None:
    """The JSON Schema of an annotation; None: it says nothing that can be checked."""
    if annotation in (Any, object, inspect.Parameter.empty):
        return None
    makers: list[Callable[[Any], Any]] = [msgspec.json.schema]
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None:
        makers.insert(0, lambda kind: pydantic.TypeAdapter(kind).json_schema(by_alias=False))
    for make in makers:
        try:
            found = make(annotation)
        except Exception:  # a type that has no schema there
            continue
        if type(found) is dict and found:
            return found
    return None


def _returned(target: str) -> Schema | None:
    """Of a function's answer: by its annotation, if its module is loaded."""
    module, _, path = target.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split(".") if path else ():
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    if found is None or not callable(found):
        return None
    annotation = _hints(inspect.unwrap(found)).get("return")
    return None if annotation in (None, type(None)) else schema_of(annotation)


def answer_schema(recording: Recording, target: Any, status: int) -> Schema | None:
    """What the application's OpenAPI document says of its answer to a recorded request, as JSON Schema."""
    openapi = getattr(target, "openapi", None)
    try:
        document = openapi() if callable(openapi) else None
    except Exception:  # of the project
        return None
    stored = recording.input.tree
    if type(document) is not dict or type(stored) is not dict:
        return None
    operation = _operation(document, str(stored.get("method")), str(stored.get("path")))
    responses = (operation or {}).get("responses") or {}
    answer = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default") or {}
    found = _json_schema(answer.get("content"))
    return None if found is None else _whole(found, document)


def _of_request(recording: Recording, target: Any) -> Iterator[tuple[tuple[str, Steps], Schema]]:
    openapi = getattr(target, "openapi", None)
    try:
        document = openapi() if callable(openapi) else None
    except Exception:  # of the project
        document = None
    if type(document) is not dict:
        return
    stored = recording.input.tree
    method, path = (str(stored.get(name)) for name in ("method", "path")) if type(stored) is dict else ("", "")
    operation = _operation(document, method, path)
    if operation is None:
        return
    body = _json_schema((operation.get("requestBody") or {}).get("content"))
    if body is not None:
        yield ("input", ("body",)), _whole(body, document)
    for parameter in operation.get("parameters") or ():
        if parameter.get("in") == "query" and type(parameter.get("schema")) is dict:
            # a query holds texts, whatever they are read as: only what is suggested there is of use
            yield ("input", ("query", str(parameter.get("name")))), _texts(_whole(parameter["schema"], document))


def _texts(schema: Schema) -> Schema:
    held = [str(value) for each in _at(schema, ()) for value in _suggested(each) if value is not None]
    return {"examples": held}


def _answered(target: str, answer: Any, documents: Sequence[Schema]) -> Schema | None:
    method, _, url = target.partition(" ")
    status = str(answer.get("status")) if type(answer) is dict else ""
    for document in documents:
        operation = _operation(document, method, urlsplit(url).path)
        responses = (operation or {}).get("responses") or {}
        found = _json_schema((responses.get(status) or responses.get("default") or {}).get("content"))
        if found is not None:
            return _whole(found, document)
    return None


def _operation(document: Schema, method: str, path: str) -> Schema | None:
    """What an OpenAPI document says of a request; the base paths of its servers may stand before its paths."""
    bases = {urlsplit(str(server.get("url"))).path.rstrip("/") for server in document.get("servers") or ()} | {""}
    for template, operations in (document.get("paths") or {}).items():
        pattern = re.sub(r"\\\{[^{}]*\\\}", "[^/]+", re.escape(template))
        if any(re.fullmatch(re.escape(base) + pattern + "/?", path) for base in bases):
            found = operations.get(method.lower())
            if type(found) is dict:
                return found
    return None


def _json_schema(content: Any) -> Schema | None:
    for kind, held in content.items() if type(content) is dict else ():
        if "json" in kind and type(held.get("schema")) is dict:
            return dict(held["schema"])
    return None


def _whole(schema: Schema, document: Schema) -> Schema:
    """A schema of a document, with what it refers to."""
    return {**schema, "components": document.get("components", {})}
