"""The smallest recording that fails in the same way: what the failure does not need is not in it.

First what no replay needs is left out (logs, notes, trace ids). Then each part of the recording is made small, the
largest first, and the code is run after each step. At the end the recording is made anew from the last run: the
requests are what the code asks now, interactions and draws that it does not come to are gone. Where the cause is known,
so is what cures it: then what code that gets past the failing line goes on to read stays too, or no fix could pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from replay.core.cause import STOPPED, known_cause
from replay.core.choosing import counts
from replay.core.codec import Value, encode
from replay.core.deltas import OPENED, Deltas
from replay.core.edits import Edit
from replay.core.messages import Verbatim
from replay.core.notes import without_notes
from replay.core.opened import Kept, Opened, Typed, Unfit
from replay.core.parts import HttpAnswer, Parts
from replay.core.recording import Interaction, Recording
from replay.core.streaming import TAG
from replay.core.surroundings import SETTINGS
from replay.engine.alike import crowds, together
from replay.engine.causes import baseline
from replay.engine.cured import Cured, ways_on
from replay.engine.execution import as_numbered
from replay.engine.finding import Finding
from replay.engine.lines import in_project
from replay.engine.mutation import write_edits
from replay.engine.reduce import fewest_lines, masked, reduced
from replay.engine.shaped import shaped
from replay.engine.stage import Stage
from replay.engine.steps import STEPS
from replay.engine.trials import Spent, Trials, World

_NEEDED = ("zone", "environ", "environ_patterns", "draws", "entropy", "interpreter", "lanes", "redaction", SETTINGS,
           STEPS)  # fmt: skip
"""Of the context: what a replay is set up with."""
_MARKS = ("key", "pseudonyms", "crowd")
_MATCHED = frozenset({"content-type", "content-encoding"})
"""Headers of a request without which its body cannot be read."""
_FIXED = frozenset({"method", "path", "query_string", "headers", "body", "body_read", "disconnected_after", "environ"})
_TOLD = ("frames", "context", "cause", "notes", "attributes", "message", "args", "native")
"""Of an error that was raised by a boundary: what may hold anything."""
_HERE = ["127.0.0.1", 0]
ENOUGH = 8
"""Answers to the same question, one after the other, of which nothing more could go: then nothing does of the rest."""


class Smaller(msgspec.Struct, kw_only=True):
    """What came of it."""

    recording: Recording | None = None
    """None: it could not be made smaller, `reason` says why."""
    reason: str = ""
    finding: Finding
    """The failure, and how many runs it took."""
    stopped: bool = False
    """The runs were used up: it may not be the smallest."""
    before: int = 0
    after: int = 0
    """Bytes of all captured values."""
    stayed: tuple[tuple[str, Any], ...] = ()
    """Places and values that are not neutral."""


def weight(recording: Recording) -> int:
    """Bytes of the values that a recording holds, as they are stored before compression."""
    texts = [recording.input.text, recording.outcome.payload.text, recording.context.text]
    texts += [text for i in recording.interactions for text in (i.target, i.request.text, i.answer.text)]
    texts += [log.message for log in recording.logs]
    texts += [recording.edits.text] if recording.edits is not None else []
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def minimize(
    incident: Recording,
    stage: Callable[[Recording], Stage],
    *,
    runs: int,
    others: Sequence[Recording] = (),
    answers: Sequence[Interaction] = (),
    on_run: Callable[[int, int], None] = lambda runs, most: None,
) -> Smaller:
    """Make `incident` small, in at most so many runs. Raises Unanswerable if its code cannot be run.

    `others`: further recordings of the entry point. Their values in the place of a known cause, and their answers for
    what mended code asks behind the failing line, lead on; `answers` are given before theirs. None of them is in what
    is made, only what the code reads with them stays.
    """
    trials = Trials(stage, runs, on_run)
    finding = Finding(most=runs)
    smaller = Smaller(finding=finding, before=weight(incident))
    try:
        world = trials.world(incident)
        with trials.stoppable(), world.stage.limited():
            if baseline(incident, world, trials, finding):
                bare = _bare(incident, trials)
                cured = Cured(trials.world(bare), ways_on(incident, known_cause(incident), answers, others))
                short = _short_streams(_plain_answers(bare, trials, cured), trials, cured)
                work = _Work(trials.world(short), cured)
                _reduce(work, smaller)
                smallest = work.recording()
                with suppress(Spent):
                    smallest = shaped(
                        smallest, incident, known_cause(incident), lambda tried: _fails(tried, trials, cured)
                    )
                _finish(incident, smallest, work, smaller)
    except Spent:
        finding.reason = trials.enough
    finally:
        trials.close()
    finding.interrupted = trials.interrupted
    smaller.reason = finding.reason
    finding.runs = trials.runs
    return smaller


def _bare(incident: Recording, trials: Trials) -> Recording:
    """Without what no replay needs."""
    tree = incident.context.tree if type(incident.context.tree) is dict else {}
    needed = {name: tree[name] for name in _NEEDED if name in tree}
    if type(needed.get("entropy")) is dict:
        needed["entropy"] = {name: value for name, value in needed["entropy"].items() if name in ("seed", "choices")}
    if type(needed.get("redaction")) is dict:  # its places are told anew when the smallest one is redacted
        needed["redaction"] = {name: needed["redaction"].get(name) for name in _MARKS}
    bare = msgspec.structs.replace(
        incident, context=Value(msgspec.json.encode(needed).decode(), incident.context.gaps), model_calls=(),
        predictions=(), logs=(), gaps=(), trace_id=None, span_id=None, sentry_event_id=None, edits=None,
    )  # fmt: skip
    return bare if _fails(bare, trials) else incident


def _fails(recording: Recording, trials: Trials, cured: Cured | None = None) -> bool:
    world = trials.world(recording)
    return world.run(()).ended == "same" and (cured is None or cured.holds(world, recording))


def _plain_answers(recording: Recording, trials: Trials, cured: Cured) -> Recording:
    """With less in what cannot be edited part by part: errors, bodies that broke off, a web request's surroundings."""
    parts = Parts(recording)
    with suppress(Spent):  # the next run says so; what was found so far stays
        for place, each in enumerate(recording.interactions):
            if parts.get(f"{each.boundary}[{each.seq}]") is None:
                recording = _with_answer(recording, place, each, trials, cured)
        if recording.kind in ("asgi", "wsgi") and not recording.input.gaps:
            stored = recording.input.decode()
            for name in [name for name in stored if name not in _FIXED]:
                plain = {**stored, name: _HERE if name in ("client", "server") and stored[name] else stored[name]}
                tried = msgspec.structs.replace(recording, input=encode(plain))
                if plain != stored and _fails(tried, trials, cured):
                    recording, stored = tried, plain
    return recording


def _short_streams(recording: Recording, trials: Trials, cured: Cured) -> Recording:
    """With less in the texts that deltas make together: their events are empty then, and go with the body's lines."""
    with suppress(Spent):
        work = _Work(trials.world(recording), cured)
        for root in work.largest_first():
            part = work.parts.get(root) if root.startswith("http[") else None
            if part is not None and TAG in part.value:
                _texts(work, root, part.value)
                recording = work.recording()
    return recording


def _texts(work: _Work, root: str, value: dict[str, Any]) -> None:
    """Each text small, then all of it in its first event, if that fails so too: the others can go."""
    fields = value[TAG].fields
    for name in fields:
        if OPENED.get(name) in fields:
            continue

        def test(new: Any, name: str = name) -> bool:
            held = work.values.get(root, value)
            return work.fails(root, {**held, TAG: Typed(TAG, {**held[TAG].fields, name: new}, held[TAG].rest)})

        reduced(fields[name], test)
    part = Parts(work.recording()).get(root)
    if part is not None and type(part.value.get("body")) is str:
        deltas = Deltas(part.value["body"])
        work.fails(root, {**value, "body": deltas.write(deltas.fields, together=True)})


def _with_answer(recording: Recording, place: int, each: Interaction, trials: Trials, cured: Cured) -> Recording:
    try:
        opened = Opened(each.answer)
    except Unfit:
        return recording
    value = opened.value.tree if type(opened.value) is Kept else opened.value

    def having(new: Any) -> Recording:
        interactions = list(recording.interactions)
        answer = Value(msgspec.json.encode(opened.tree(new)).decode())
        interactions[place] = msgspec.structs.replace(each, answer=answer)
        return msgspec.structs.replace(recording, interactions=tuple(interactions))

    def test(new: Any) -> bool:
        try:
            return _fails(having(new), trials, cured)
        except (Unfit, TypeError, ValueError, LookupError, AttributeError):  # no answer that a client reads
            return False

    if each.boundary == "http" and type(value) is dict and "pieces" in value:
        for name in ("headers", "pieces", "error"):
            value = _in_place(value, name, test)
        return having(value)
    if type(value) is dict and type(value.get("$error")) is dict:
        body = dict(value["$error"])
        for name in _TOLD:
            if name in body:

                def fits(new: Any, name: str = name) -> bool:
                    return test({"$error": {**body, name: new}})

                body[name] = reduced(body[name], fits)
        return having({"$error": body}) if test({"$error": body}) else recording
    return recording


def _in_place(value: dict[str, Any], name: str, test: Callable[[Any], bool]) -> dict[str, Any]:
    if not value.get(name):
        return value
    return {**value, name: reduced(value[name], lambda new: test({**value, name: new}))}


class _Work:
    """A recording on its way to be small: the values of its parts as they are by now."""

    def __init__(self, world: World, cured: Cured) -> None:
        self.world = world
        self._cured = cured
        self.parts = world.stage.mutations.parts
        self.values: dict[str, Any] = {}

    def value(self, root: str) -> Any:
        """Of a part that there is."""
        return self.values[root] if root in self.values else self.parts.get(root).value  # type: ignore[union-attr]

    def recording(self, values: Mapping[str, Any] = {}) -> Recording:
        """As it is, or with other values of some parts. Raises Unfit, or anything, if it cannot be."""
        draft: dict[str, Any] = {"interactions": list(self.world.stage.recording.interactions)}
        for name, each in {**self.values, **values}.items():
            part = self.parts.get(name)
            if part is not None:
                part.write(draft, each)
        draft["interactions"] = tuple(draft["interactions"])
        return msgspec.structs.replace(self.world.stage.recording, **draft)

    def fails(self, root: str, value: Any) -> bool:
        """Whether it fails in the same way with that value; if so, it has it."""
        return self.all_fail({root: value})

    def all_fail(self, values: Mapping[str, Any]) -> bool:
        """Whether it fails in the same way with these values of parts; if so, it has them."""
        try:
            tried = self.recording(values)
        except Exception:  # a value that the part cannot hold, of any shape
            return False
        if self.world.judge(tried).ended != "same" or not self._cured.holds(self.world, tried):
            return False
        self.values.update(values)
        return True

    def largest_first(self) -> Iterator[str]:
        """Names of the parts."""
        names = [
            name
            for name in self.parts.every()
            if not name.startswith("timing[") and name not in ("clock", "draws", "zone")
        ]
        sizes = {i.seq: len(i.answer.text) for i in self.world.stage.recording.interactions}
        size = {name: sizes.get(int(name.partition("[")[2][:-1]), 0) if "[" in name else 0 for name in names}
        size["input"] = len(self.world.stage.recording.input.text)
        yield from sorted(names, key=lambda name: -size[name])


def _reduce(work: _Work, smaller: Smaller) -> None:
    try:
        crowd = crowds(work.world.stage.recording, work.parts.every())
        for target in dict.fromkeys(crowd.values()):
            _together(work, [root for root in crowd if crowd[root] == target])
        in_vain: dict[str, int] = {}
        for root in work.largest_first():
            if work.parts.get(root) is None or in_vain.get(crowd.get(root, ""), 0) >= ENOUGH:
                continue
            before = work.value(root)
            _part(work, root, before)
            if root in crowd:
                in_vain[crowd[root]] = in_vain.get(crowd[root], 0) + 1 if work.value(root) is before else 0
    except Spent:
        smaller.stopped = True


def _together(work: _Work, roots: Sequence[str]) -> None:
    """Answers to the same question."""
    if not roots[0].startswith("http["):
        together({root: work.value(root) for root in roots}, work.all_fail)
        return
    for name in ("body", "headers"):
        column = {root: work.value(root)[name] for root in roots if name in work.value(root)}

        def test(new: Mapping[str, Any], name: str = name) -> bool:
            return work.all_fail({root: {**work.value(root), name: each} for root, each in new.items()})

        together(column, test)


def _part(work: _Work, root: str, value: Any) -> None:
    kind = work.world.stage.recording.kind
    if root.startswith("http[") or (root == "input" and kind in ("asgi", "wsgi")):
        _message(work, root, value)
    elif root == "environ":
        _variables(work, value)
    elif root == "input" and type(value) is dict:
        _arguments(work, value)
    else:
        reduced(value, lambda new: work.fails(root, new))


def _message(work: _Work, root: str, value: dict[str, Any]) -> None:
    """A request or an answer: its body, headers and query, not what kind of message it is."""
    for name in ("body", "headers", "query", "path"):
        if name in value:

            def test(new: Any, name: str = name) -> bool:
                return work.fails(root, {**work.values.get(root, value), name: new})

            if name == "body" and TAG in value and value[TAG].fields:
                _events(value[name], test)
            else:
                reduced(value[name], test)
    _unpacked(work, root)


def _unpacked(work: _Work, root: str) -> None:
    """A compressed body as it is, without the header that says so: neither can be had without the other."""
    part, held = work.parts.get(root), work.values.get(root)
    if held is None or not isinstance(part, HttpAnswer) or "content-encoding" not in held["headers"]:
        return
    headers = {name: each for name, each in held["headers"].items() if name != "content-encoding"}
    with suppress(Unfit):
        work.fails(root, {**held, "headers": headers, "body": Verbatim(part.body.plain(held.get("body", b"")))})


def _events(body: str, test: Callable[[Any], bool]) -> None:
    """Of a stream whose texts are small already: its events, and what stands in each."""
    lines = fewest_lines(body, test).splitlines(keepends=True)
    for place, line in enumerate(lines):
        head, brace, rest = line.partition("{")
        try:
            tree = json.loads(brace + rest)
        except ValueError:
            continue

        def written(new: Any, place: int = place, head: str = head) -> str:
            return "".join([*lines[:place], f"{head}{json.dumps(new)}\n", *lines[place + 1 :]])

        lines[place] = f"{head}{json.dumps(reduced(tree, lambda new, written=written: test(written(new)), 0))}\n"  # type: ignore[misc]


def _arguments(work: _Work, value: dict[str, Any]) -> None:
    """Arguments stay as many as they are, where the code needs them."""
    for name in value:

        def test(new: Any, name: str = name) -> bool:
            return work.fails("input", {**work.values.get("input", value), name: new})

        reduced(value[name], test)


def _variables(work: _Work, value: dict[str, Any]) -> None:
    """Variables that do not matter are not set; of others it is tried whether their letters and digits do."""
    for name, text in value.items():
        for plain in (None, "", masked(text)) if type(text) is str else ():
            if plain != text and work.fails("environ", {**work.values.get("environ", value), name: plain}):
                break


def _finish(incident: Recording, smallest: Recording, work: _Work, smaller: Smaller) -> None:
    """The recording of the last run."""
    execution = work.world.stage.run(smallest)
    if execution.outcome is None:
        smaller.finding.reason = execution.reason or "the smallest one cannot be run"
        return
    found = work.world.stage.recorded(as_numbered(execution), ())
    changed = [name for name in ("input", "environ", "draws", "clock") if work.parts.get(name) is not None]
    how = STOPPED if smaller.stopped else None
    lineage = write_edits([Edit(name, "minimize", how) for name in changed if name in work.values or name == "input"])
    interactions = tuple(msgspec.structs.replace(i, request=_without_headers(i)) for i in found.interactions)
    ended = msgspec.structs.replace(found.outcome, payload=_own_frames(found.outcome.payload, work.world.stage.root))
    found = msgspec.structs.replace(found, outcome=ended, interactions=interactions)
    found = msgspec.structs.replace(found, parent_digest=without_notes(incident).digest, edits=lineage)
    found = msgspec.structs.replace(found, id=found.digest[:16])
    smaller.recording, smaller.after = found, weight(found)
    smaller.stayed = tuple(stayed(found))


def _own_frames(payload: Value, root: Path) -> Value:
    """An error with the project's own frames: those of libraries tell of the machine, and no replay compares them."""
    if payload.error_type is None:
        return payload

    def trimmed(tree: Any) -> Any:
        if type(tree) is list:
            return [trimmed(each) for each in tree]
        if type(tree) is not dict:
            return tree
        tree = {name: trimmed(each) for name, each in tree.items()}
        body = tree.get("$error")
        if type(body) is dict and type(body.get("frames")) is list:
            frames = body["frames"]
            tree["$error"] = {**body, "frames": [f for f in frames if in_project(root, str(f[0]))] or frames[-1:]}
        return tree

    return Value(msgspec.json.encode(trimmed(payload.tree)).decode(), payload.gaps)


def _without_headers(interaction: Interaction) -> Value:
    tree = interaction.request.tree
    if interaction.boundary != "http" or type(tree) is not dict or type(tree.get("headers")) is not list:
        return interaction.request
    headers = [pair for pair in tree["headers"] if type(pair) is list and counts(str(pair[0]).lower()) is not None]
    return Value(msgspec.json.encode({**tree, "headers": headers}).decode())


def stayed(recording: Recording) -> Iterator[tuple[str, Any]]:
    """Places and values of a recording that are not neutral: what the failure needs."""
    from replay.engine.operators.site import sites

    parts = Parts(recording)
    for root in parts.every():
        part = parts.get(root)
        if part is None or root in ("clock", "draws", "zone") or root.startswith("timing["):
            continue
        for site in sites(root, part.value):
            if site.value in ("", 0, None, False) or isinstance(site.value, dict | list | tuple):
                continue  # of one that is not empty each value has a place of its own
            yield site.path, site.value
