"""The forms of what the verbs from a cause to a certified fix print, and those that look for secrets."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from replay.core.promoted import Expect
from replay.core.verdict import Status
from replay.surfaces.bisect import Judgement
from replay.surfaces.form import Form, Site
from replay.surfaces.trial import Ended
from replay.surfaces.verify import Result

Way = Literal["passed", "past", "same", "other", "foreign", "unresolved", ""]
"""How a run ended; `past`: beyond the failing line."""


class Failed(Form):
    """The failure, with the lines of the project that it went through, innermost last."""

    error_type: str
    message: str
    frames: list[Site]


class Other(Form):
    """Another value (JSON text) in the place of one of the cause."""

    value: str
    ended: Way


class CauseValue(Form):
    """One value of a cause. `of`: what was asked there; `good` of `tried` other values cure it."""

    path: str
    of: str
    value: str
    others: list[Other]
    good: int
    tried: int
    fails_with: Way
    passes_without: Way


class Link(Site):
    """A line on the way from a value (empty: none) to the failure."""

    path: str
    what: Literal["asked", "first seen", "first read", "failed"]


class Why(Form):
    """`why`: the cause of an incident, or why there is none."""

    incident: str
    isolated: bool
    reason: str
    failure: Failed | None
    side: Literal["recordings", "mutations", ""]
    compared: list[str]
    values: list[CauseValue]
    conditions: list[str]
    irrelevant: list[str]
    chain: list[Link]
    runs: int
    most_runs: int
    reproduced_again: bool | None
    passed_again: bool | None


class Raised(Form):
    """Type and message of an error."""

    error_type: str
    message: str


class Sizes(Form):
    """A number before and after."""

    before: int
    after: int


class Stayed(Form):
    """A value (JSON text) that the failure needs."""

    path: str
    value: str


class Minimized(Form):
    """`minimize`: what was made of an incident; `bundle` null: nothing, `reason` says why."""

    incident: str
    bundle: str | None
    recording: str | None
    reason: str
    failure: Raised | None
    bytes: Sizes
    file_bytes: Sizes
    interactions: Sizes
    stayed: list[Stayed]
    runs: int
    most_runs: int
    stopped: bool
    status: Status | None


class Written(Form):
    """A file, compared with what is there."""

    path: str
    state: Literal["new", "unchanged", "kept", "differs", "marked"]


class Promoted(Form):
    """`promote`: one test. `fails`: why it fails now, null if it passes."""

    recording: str
    id: str
    digest: str
    minimal: bool
    expect: Expect
    answers: int
    files: list[Written]
    code: str
    fails: str | None
    status: Status
    written: bool


class Ran(Form):
    """How one run ended; the place of an error that it failed with, else the reason."""

    outcome: Ended
    error_type: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    file: str | UnsetType = UNSET
    line: int | UnsetType = UNSET
    function: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Before(Ran, kw_only=True):
    """The incident on the commit that has the bug."""

    revision: str
    commit: str


class Now(Ran, kw_only=True):
    """The incident on what was tried: the tree of a commit, with these files changed."""

    commit: str
    tree: str
    dirty: bool
    changed: list[str]


class Neighbour(Form):
    """A mutation of the incident, its edits as `[path, operator, argument]` and in words."""

    edits: list[Any]
    changes: list[str]
    before: Ran
    now: Ran


class Neighbours(Form):
    """`telling`: failed before as the incident did."""

    asked: int
    tried: int
    seed: int
    telling: int
    survived: int
    fail: int
    failed_before: int
    not_judged: int
    failures: list[Neighbour]
    executions: int


class Tested(Form):
    """The incident. `origin`: the digest that it had before it was promoted."""

    id: str
    digest: str
    origin: str | None
    entrypoint: str
    started_at: int


class Tool(Form):
    """What made the statement."""

    name: str
    version: str
    python: str


class Predicate(Form):
    """What is stated."""

    result: Result
    reasons: list[str]
    incident: Tested
    base: Before
    head: Now
    neighbours: Neighbours
    tool: Tool
    created: str


class Subject(Form):
    """What it is stated of: a git tree, a file."""

    name: str
    digest: dict[str, str]


class Statement(Form, rename={"kind": "_type"}):
    """`verify`: an in-toto statement; so is what `verify --check` prints."""

    kind: str
    subject: list[Subject]
    predicateType: str
    predicate: Predicate


class Signature(Form):
    """Of one key: the SHA-256 of its public half."""

    keyid: str
    sig: str


class Envelope(Form):
    """`verify --key`: a DSSE envelope; `payload` is the statement in Base64."""

    payloadType: str
    payload: str
    signatures: list[Signature]


class Commit(Form):
    """The first bad one."""

    commit: str
    author: str
    date: str
    subject: str


class Judged(Form):
    """A commit that was tried."""

    commit: str
    judgement: Judgement
    why: str


class Bisected(Form):
    """`bisect`: the first bad commit, or the candidates that could not be told apart."""

    first_bad: Commit | None
    candidates: list[str]
    interrupted: bool
    failure: str
    steps: list[Judged]


class Secret(Form):
    """`scan`: one secret, told without telling it."""

    path: str
    recording: str | None
    place: str
    inside: str
    kind: str
    excerpt: str


class ScrubbedRecording(Form, rename={"was": "from"}):
    """The new id and the old one; secrets of each kind."""

    id: str
    was: str
    changed: bool
    kinds: dict[str, int]


class Scrubbed(Form):
    """`scrub`: a bundle that was written anew."""

    path: str
    out: str
    recordings: list[ScrubbedRecording]


DOCUMENTS: dict[str, Any] = {
    "why": Why,
    "minimize": Minimized,
    "promote": list[Promoted],
    "verify": Statement,
    "verify --key": Envelope,
    "bisect": Bisected,
    "scan": list[Secret],
    "scrub": Scrubbed,
}
