"""Recording -> recording without secrets: the same secret has the same pseudonym in all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from replay.core.codec import Gap, Value
from replay.core.families.scalars import raw
from replay.core.parameters import without_object
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.redaction.finding import find
from replay.core.redaction.marks import Known, marks_of
from replay.core.redaction.noted import Marks, noted, path_of
from replay.core.redaction.patterns import RULES
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Rules
from replay.core.redaction.secrets import PER_SECRET
from replay.core.redaction.structure import REASON
from replay.core.redaction.sweep import Sweep
from replay.core.written import json_text
from replay.errors import ReplayError

_TEXTS = ("trace_id", "span_id", "sentry_event_id", "http_route", "service_version", "deployment_environment_name")


class Secret(NamedTuple):
    """One that was found. Never printed whole: see `excerpt`."""

    place: str
    """`input`, `interaction[3].answer`, `log[0]`, `line 12`."""
    path: str
    kind: str
    text: str

    @property
    def excerpt(self) -> str:
        """At most the first four characters of a long one, and how many there are."""
        head = self.text[:4] if len(self.text) >= 20 else ""
        return f"{head}... ({len(self.text)} characters)"


class Redactor:
    """Redacts recordings by `rules`. Not for two threads at once."""

    def __init__(
        self, rules: Rules, pseudonyms: Pseudonyms, names: Callable[[str], tuple[str, ...]] = lambda target: ()
    ) -> None:
        """`names` gives the parameters of `module:qualname`: what is passed by position has a name too."""
        self._names = names
        self._rules = rules
        self._pseudonyms = pseudonyms

    def redact(
        self,
        recording: Recording,
        pause: Callable[[int], None] = lambda size: None,
        left: frozenset[str] = frozenset(),
    ) -> Recording:
        """The recording without secrets; the same one if it holds none. Its id becomes that of its new content,
        unless it was named.

        `pause` is called with the number of characters about to be looked at; what it raises is raised here. Raises
        whatever goes wrong: then nothing may be kept. `left` are texts that are no secrets: what a replay will draw.
        """
        sweep = Sweep(self._rules, self._pseudonyms, pause)
        sweep.known = Known(marks_of(recording))
        sweep.allowed |= left
        sweep.few = max(sweep.few, _size(recording) // PER_SECRET)
        changed = _Walk(sweep, self._names).over(recording)
        sweep.arm()
        if (
            not (sweep.secrets or sweep.crowd.secrets) and changed == recording
        ):  # nothing to look for anywhere else: so it is with most
            return recording
        places: dict[str, Marks] = {}
        changed = _Walk(sweep, self._names, places).over(recording)
        if changed == recording:
            return recording
        changed = noted(changed, recording, sweep, places, self._pseudonyms.id)
        named = recording.id != recording.digest[:16]
        return changed if named else msgspec.structs.replace(changed, id=changed.digest[:16])

    def find(self, recording: Recording) -> list[Secret]:
        """The secrets that are still in it; pseudonyms are none."""
        marks = marks_of(recording)
        found: list[Secret] = []
        for place, held in _parts(recording):
            sweep = Sweep(self._rules, self._pseudonyms, lambda size: None)
            sweep.known = Known(marks)
            if isinstance(held, str):
                sweep.leaf(held, (), None)
            elif place == "context":
                _beside_marks(held.tree, sweep.tree)
            else:
                sweep.tree(held.tree)
            marked = {kind: path_of(at) for at, (kind, _) in reversed(sweep.marked().items())}
            sweep.arm()
            found += [
                Secret(place, sweep.masked(marked.get(kind, "$")), kind, text)
                for text, kind in {**sweep.crowd.kinds, **sweep.kinds}.items()
            ]
        return found

    def find_in(self, text: str, known: frozenset[str] = frozenset()) -> list[Secret]:
        """The secrets of any text, by how they look and what is encoded in it. `known`: digests of pseudonyms."""
        found = [
            Secret(f"line {text.count(chr(10), 0, at.start) + 1}", "$", at.kind, text[at.start : at.end])
            for at in find(text, RULES[:1], lambda size: None)  # a PEM block has many lines
        ]
        for number, line in enumerate(text.splitlines(), 1):
            sweep = Sweep(self._rules, self._pseudonyms, lambda size: None)
            sweep.known = Known({"pseudonyms": list(known)})
            sweep.leaf(line, (), None, mark=False)
            kinds = {**sweep.crowd.kinds, **sweep.crowd.late, **sweep.kinds}
            found += [Secret(f"line {number}", "$", kind, secret) for secret, kind in kinds.items()]
        return found


class _Walk:
    """One walk of a sweep over the parts of a recording. `places` is told what changed where."""

    def __init__(
        self, sweep: Sweep, names: Callable[[str], tuple[str, ...]], places: dict[str, Marks] | None = None
    ) -> None:
        self._sweep = sweep
        self._names = names
        self._places = places

    def over(self, recording: Recording) -> Recording:
        """The recording as it is after it."""
        value, text = self._value, self._text
        return msgspec.structs.replace(
            recording,
            input=value(recording.input, "input", recording.entrypoint if recording.kind == "function" else None),
            interactions=tuple(map(self._interaction, recording.interactions)),
            outcome=Outcome(recording.outcome.state, value(recording.outcome.payload, "outcome")),
            context=value(recording.context, "context"),
            edits=None if recording.edits is None else value(recording.edits, "edits"),
            logs=self._items(recording.logs, "message", "logger"),
            model_calls=self._items(recording.model_calls, "response_id", "request_model", "response_model"),
            predictions=self._items(recording.predictions, "label", "name"),
            gaps=tuple(map(self._gap, recording.gaps)),
            entrypoint=text(recording.entrypoint) if recording.kind == "block" else recording.entrypoint,
            **{name: text(getattr(recording, name)) for name in _TEXTS},
        )

    def _value(self, stored: Value, place: str, target: str | None = None) -> Value:
        """`target`: of a call, whose parameters have names."""
        sweep = self._sweep
        sweep.marks, sweep.cuts = {}, {}
        tree = stored.tree
        made = self._tree(tree, place, self._names(target) if target is not None else ())
        if self._places is not None and sweep.marks:
            self._places[place] = sweep.marked()
        gaps = tuple(map(self._gap, stored.gaps))
        gaps += tuple(Gap(path_of(path), REASON, why) for path, why in sweep.cuts.items())
        if made == tree:
            return stored if gaps == stored.gaps else Value(stored.text, gaps)
        return Value(json_text(made), gaps)

    def _tree(self, tree: Any, place: str, names: tuple[str, ...]) -> Any:
        sweep = self._sweep
        if place != "input":
            names = without_object(names)
        if names and type(tree) is dict and type(tree.get("args")) is list:
            return sweep.arguments(tree, names)
        if place == "context":
            return _redrawn(_beside_marks(tree, sweep.tree), sweep.secrets)
        return sweep.tree(tree)

    def _gap(self, found: Gap) -> Gap:
        """Its path may have a name that is a secret."""
        path = self._sweep.masked(found.path)
        return found if path == found.path else msgspec.structs.replace(found, path=path)

    def _text(self, found: Any) -> Any:
        return self._sweep.leaf(found, (), None, mark=False) if type(found) is str else found

    def _known(self, found: Any) -> Any:
        """Of a name that the code chose: only what is a secret in other places."""
        return self._sweep.masked(found) if type(found) is str else found

    def _interaction(self, one: Interaction) -> Interaction:
        called = one.target if one.boundary in ("call", "model") else None
        request = self._value(one.request, f"interaction[{one.seq}].request", called)
        answer = self._value(one.answer, f"interaction[{one.seq}].answer")
        if request is one.request and answer is one.answer and one.boundary != "http":
            return one
        return msgspec.structs.replace(one, request=request, answer=answer, target=_target(one, request, self._text))

    def _items(self, found: Any, name: str, *names: str) -> Any:
        """Each without secrets in `name`, and without known ones in `names`."""
        return tuple(
            msgspec.structs.replace(
                each, **{name: self._text(getattr(each, name)), **{n: self._known(getattr(each, n)) for n in names}}
            )
            for each in found
        )


def _beside_marks(tree: Any, walk: Callable[[Any], Any]) -> Any:
    """The context without secrets; the marks of an earlier redaction as they stand."""
    if type(tree) is not dict or "redaction" not in tree:
        return walk(tree)
    made = walk({name: item for name, item in tree.items() if name != "redaction"})
    return {**made, "redaction": tree["redaction"]}


def _redrawn(tree: Any, secrets: dict[str, str]) -> Any:
    """The context with pseudonyms drawn where a UUID that was drawn became a secret: replay then draws them."""
    draws = tree.get("draws") if type(tree) is dict else None
    if type(draws) is not dict or not secrets:
        return tree
    return {**tree, "draws": {lane: _lane(kinds, secrets) for lane, kinds in draws.items()}}


def _lane(kinds: Any, secrets: dict[str, str]) -> Any:
    if type(kinds) is not dict or type(kinds.get("uuid")) is not list:
        return kinds
    return {**kinds, "uuid": [_draw(each, secrets) for each in kinds["uuid"]]}


def _draw(node: Any, secrets: dict[str, str]) -> Any:
    try:
        value = Value(json_text(node)).decode()
        drawn = UUID(bytes=value, version=4)
    except (ValueError, TypeError, ReplayError):
        return node
    for text in (str(drawn), drawn.hex):
        if text in secrets:
            return raw(UUID(secrets[text]).bytes)
    return node


def _parts(recording: Recording) -> Iterator[tuple[str, Value | str]]:
    """All that a recording says, by place."""
    yield "input", recording.input
    if recording.kind == "block":  # what the code calls it, with whatever it puts there
        yield "name", recording.entrypoint
    for one in recording.interactions:
        yield f"interaction[{one.seq}].target", one.target
        yield f"interaction[{one.seq}].request", one.request
        yield f"interaction[{one.seq}].answer", one.answer
    yield "outcome", recording.outcome.payload
    yield "context", recording.context
    if recording.edits is not None:
        yield "edits", recording.edits
    for number, log in enumerate(recording.logs):
        yield f"log[{number}]", log.message
    for name in _TEXTS:
        if held := getattr(recording, name):
            yield name, held


def _target(one: Interaction, request: Value, text: Callable[[Any], Any]) -> str:
    """Of http: what the request now says; of others the target, masked."""
    if one.boundary != "http":
        return str(text(one.target))
    stored, now = one.request.tree, request.tree
    try:
        if one.target == f"{stored['method']} {stored['url'].partition('?')[0]}":
            return f"{now['method']} {now['url'].partition('?')[0]}"
    except (KeyError, TypeError, AttributeError):
        pass  # of no known form: masked as text
    method, _, url = one.target.partition(" ")
    return f"{method} {text(url)}" if url else str(text(one.target))


def _size(recording: Recording) -> int:
    """Characters of the larger parts."""
    asked = sum(len(one.request.text) + len(one.answer.text) for one in recording.interactions)
    return asked + len(recording.input.text) + len(recording.outcome.payload.text)
