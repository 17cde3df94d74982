"""The form of each document that `--json` and `--jsonl` print: types, from which JSON Schema is made.

The documents are made elsewhere, from what they tell of; that they have these forms is held by a test over every verb.
Values of recordings are encoded trees (see `replay.core.codec`), of which a schema can say no more than that.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from replay.core.recording import Kind, State
from replay.core.verdict import DivergenceKind, Status
from replay.engine.failures import FailureKind
from replay.errors import UsageError
from replay.surfaces import schemas_fix
from replay.surfaces.form import Form, Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class About(Form):
    """What `list` and `show` tell of a recording."""

    path: str | None
    id: str
    digest: str
    kind: Kind
    entrypoint: str
    started_at: int
    duration_ns: int
    status: Literal["ok", "error"]
    trace_id: str | None
    span_id: str | None
    sentry_event_id: str | None
    service_name: str | None
    service_version: str | None
    deployment_environment_name: str | None
    http_request_method: str | None
    http_route: str | None
    http_response_status_code: int | None
    error_type: str | None
    input: Any
    context: Any
    parent_digest: str | None
    edits: Any
    gaps: list[Any]


class Row(About):
    """`list`: the columns of the `recording` table, and the bundle's path."""

    outcome: Any
    redacted: int
    value_gaps: str


class Place(Form):
    """File and function of the project's code."""

    file: str
    function: str


class Group(Form):
    """`list --group`: incidents that failed the same way. Times in nanoseconds since the epoch."""

    fingerprint: str
    failure: str
    message: str
    place: str
    statement: str
    entrypoint: str
    frames: list[Place]
    because: list[str]
    parted: str
    cause: str
    count: int
    first_seen: int
    last_seen: int
    owner: str | None
    representative: str
    minimal: str | None
    status: Status | None
    diverges_at: str | None
    members: list[str]


class Line(Form):
    """A line of code."""

    file: str
    line: int
    function: str
    source: str


class Outcome(Form):
    """How something ended; the last three of an error."""

    state: State
    value: Any
    error_type: str | UnsetType | None = UNSET
    message: Any = UNSET
    frames: list[Line] | UnsetType = UNSET


class Difference(Form):
    """One place where two values differ."""

    path: str
    kind: Literal["changed", "type", "added", "removed", "unknown"]
    recorded: Any
    actual: Any
    note: str | None


class Interaction(Form):
    """One request at a boundary and its answer."""

    seq: int
    lane: str
    boundary: str
    target: str
    request: Any
    answer: Any
    state: State
    offset_ns: int
    duration_ns: int


class Brief(Form):
    """A divergence in short. `follows`: the number of the one that explains it."""

    kind: DivergenceKind
    seq: int | None
    follows: int | None
    lane: str
    boundary: str
    target: str
    differences: list[Difference]
    where: list[Line]


class Divergence(Brief):
    """The first divergence, with its request and the nearest recorded one."""

    asked: Any
    nearest: Interaction | None


class Violation(Form):
    """An invariant that a run breaks, and where it says so."""

    invariant: str
    message: str
    file: str
    line: int


class Handled(Form):
    """An error that the code handled before it answered."""

    type: str
    file: str
    line: int
    function: str


class Verdict(Form):
    """`run`: one replay."""

    path: str | None
    id: str
    status: Status
    outcome: Outcome | None
    divergence: Divergence | None
    divergences: list[Brief]
    difference: list[Difference]
    served: int
    left_over: int
    unanswered: int
    seconds: float
    violations: list[Violation]
    reason: str | UnsetType = UNSET
    handled: Handled | UnsetType = UNSET


class Varies(Form):
    """One thing that varies."""

    place: str
    path: str
    matcher: str | None
    cause: str
    where: Line | None
    source: str | None
    examples: list[Any]


class ByClock(Form):
    """One thing that moves with the recorded clock or zone."""

    place: str
    path: str
    cause: str


class Checked(Form):
    """`run --check`: what varies of one recording."""

    path: str | None
    id: str
    status: Status
    varies: list[Varies]
    clock: list[ByClock]
    runs: int
    seconds: float
    cut: bool
    saved: bool
    reason: str | UnsetType = UNSET


class Whole(About):
    """`show`: one recording, whole."""

    outcome: Outcome
    redacted: bool
    interactions: list[Interaction]
    model_calls: list[Any]
    predictions: list[Any]
    logs: list[Any]


class Change(Form):
    """An edit in words, and what production saw there (JSON text)."""

    edit: str
    recorded: str | None


class Find(Form):
    """`fuzz`: one failure that was found. `edits` are `[path, operator, argument]`."""

    kind: FailureKind
    error_type: str
    message: str
    frames: list[Site]
    edits: list[Any]
    changes: list[Change]
    executions: int
    seconds: float
    bundle: str | None
    recording: str
    stretched: int
    reproduced: bool
    contract: Literal["inside", "outside"] | None
    happens: str
    fingerprint: str
    known: bool


class Skipped(Form):
    """A recording that could not be run, and why."""

    recording: str
    reason: str


class Base(Form):
    """What changed lines are counted from; `commit` null: nothing."""

    commit: str | None
    told: str
    note: str


class Gone(Form):
    """A known find whose edits were tried and found nothing."""

    fingerprint: str
    what: str
    where: str
    edit: str
    recording: str


class Corpus(Form):
    """Mutations that were there before, and now."""

    folder: str
    loaded: int
    kept: int


class BuildRun(Form):
    """`fuzz --ci`. `statements`: that changed; `unreached`: those that no recording executes; `first`: recordings that
    execute some; `new`, `known`: numbers of finds; `untried`: known finds whose edits were not tried."""

    base: Base
    statements: int
    unreached: list[str]
    first: list[str]
    left_out: list[str]
    new: int
    known: int
    gone: list[Gone]
    untried: int
    known_file: str
    accepted: bool
    corpus: Corpus


class Searched(Form):
    """What a search did."""

    executions: int
    seconds: float
    seed: int
    lines: int
    workers: int
    same_failure: int
    diverged: int
    against: str | None
    compared: int
    stopped: str
    skipped: list[Skipped]
    ci: BuildRun | None


class Fuzzed(Searched):
    """`fuzz`: the whole search."""

    finds: list[Find]


class Summary(Searched):
    """`fuzz --jsonl`: the last line, after the finds."""

    kind: Literal["summary"]


class Looked(Form):
    """What was looked for: frames outermost first, files as the signature has them; `line` 0 is not known."""

    error_type: str
    message: str
    frames: list[Site]


class Nearest(Form):
    """How near a hunt came, in words, and around which recording."""

    told: str
    recording: str


class Hunted(Form):
    """`hunt`: one find or none. `unlike`: how failures of the right type and place differed; `boundary`: whose answer
    the error had to be; `tried`: recordings that were searched around."""

    finds: list[Find]
    executions: int
    seconds: float
    seed: int
    lines: int
    workers: int
    diverged: int
    stopped: str
    signature: Looked
    nearest: Nearest
    unlike: str | None
    boundary: str | None
    tried: list[str]
    skipped: list[Skipped]


class Pair(Form):
    """Two interactions that differ, or one that only one recording has."""

    a: Interaction | None
    b: Interaction | None
    request: list[Difference]
    answer: list[Difference]


class Compared(Form):
    """`diff`: A is `recorded`, B is `actual`."""

    same: bool
    entrypoint: list[str] | None
    input: list[Difference]
    context: list[Difference]
    interactions: list[Pair]
    outcome: list[Difference]


class Check(Form):
    """`doctor`: one thing looked at."""

    name: str
    level: Literal["ok", "warn", "fail"]
    found: str
    advice: str


class Reported(Form):
    """`report`: where it went; `report` is the text itself if it went to no file."""

    format: Literal["html", "markdown", "junit", "github"]
    out: str | None
    characters: int
    recordings: list[str]
    verdicts: list[Verdict]
    report: str | UnsetType = UNSET


class DemoIncident(Form):
    """`demo`: one incident."""

    path: str
    id: str
    status: Status
    seconds: float


class DemoFailure(Form):
    """`demo`: incidents that failed the same way."""

    error_type: str
    message: str
    where: str
    captured: int
    reproduced: int
    seconds: float
    incidents: list[DemoIncident]


class Demo(Form):
    """`demo`: what was sent, captured and replayed."""

    folder: str
    seed: int
    tickets: int
    statuses: dict[str, int]
    captured: int
    missed: int
    reproduced: int
    failures: list[DemoFailure]
    traffic_seconds: float
    replay_seconds: float
    seconds: float
    exit_code: int


class Debugged(Form):
    """`debug`: how it ended, and where it would stop."""

    path: str
    id: str
    status: Status
    error_type: str | None
    stop: Site | None


class Step(Form):
    """`debug --steps`: one interaction where it was asked, with the variables there as text."""

    seq: int
    lane: str
    boundary: str
    target: str
    request: Any
    answer: Any
    state: State
    stack: list[Line]
    locals: dict[str, str]


DOCUMENTS: dict[str, Any] = {
    "demo": Demo,
    "list": list[Row],
    "list --group": list[Group],
    "show": list[Whole],
    "run": list[Verdict],
    "run --check": list[Checked],
    "debug": Debugged,
    "debug --steps": list[Step],
    "fuzz": Fuzzed,
    "hunt": Hunted,
    "diff": Compared,
    "report": Reported,
    "doctor": list[Check],
    **schemas_fix.DOCUMENTS,
}
"""By verb, or verb and the option that gives another document: what `--json` prints."""
LINES: dict[str, Any] = {
    "list": Row,
    "list --group": Group,
    "run": Verdict,
    "run --check": Checked,
    "fuzz": (Find, Summary),
}
"""What `--jsonl` prints in each line; of several forms one of them."""


def schema(name: str, *, lines: bool = False) -> dict[str, Any]:
    """The JSON Schema of a verb's document, or of a line of it. Raises UsageError for a verb that has none."""
    forms = LINES if lines else DOCUMENTS
    if name not in forms:
        raise UsageError(f"replay {name}: there is no schema; there is one of: {', '.join(forms)}")
    option = "--jsonl, each line" if lines else "--json"
    return {"$schema": DIALECT, "title": f"replay {name} {option}", **_made(forms[name])}


def _made(form: Any) -> dict[str, Any]:
    if not isinstance(form, tuple):
        made: dict[str, Any] = msgspec.json.schema(form)
        return made
    each, parts = msgspec.json.schema_components(form, ref_template="#/$defs/{name}")
    return {"anyOf": list(each), "$defs": parts}
