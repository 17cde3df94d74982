"""What a recording is: frozen values, named as the bundle's tables name them."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

import msgspec

from replay.core.behind import error_behind, type_of
from replay.core.codec import Gap, Resolve, Value
from replay.core.policy import Policy
from replay.core.written import json_bytes

State = Literal["returned", "raised", "unfinished"]
Kind = Literal["function", "asgi", "wsgi", "block"]
WEB: frozenset[Kind] = frozenset({"asgi", "wsgi"})
"""Kinds whose outcome is an answer over HTTP."""


TURNS = "turns"
"""In a context: a sign for each interaction. How often a coroutine let others go on until it had its answer, a digit;
`w`: it waited for something; `c`: so it did, until its task was cancelled; `o`: until what it waited for was; `-`: that
is not known."""
MOST_TURNS = 9
MOST_LOGS = 1_000
"""Log lines of one recording that are kept."""
HEARD = "logs"
"""In a context, true: what reached the root logger is among the log lines."""


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """One request at a boundary and its answer."""

    seq: int
    """Number in the recording, from 0, given when the request was *asked*."""
    lane: str
    """The task or thread that asked: "0" for the one that started the recording, "0.1" for its first child, ..."""
    boundary: str
    """`http`, `model`, `db`, `redis`, `call`, `clock`, `random` or `environ`."""
    target: str
    """What was asked: `module:qualname` of a call, `GET https://host/path` (no query) of a request, a model's name."""
    request: Value
    """For `call` and `model`: `{"args": [...], "kwargs": {...}}`. For `http`: see `replay.boundaries.http.exchange`."""
    answer: Value
    """The returned value, the raised error (`$error`), or the boundary's own form of a stream."""
    state: State
    offset_ns: int
    """Nanoseconds from the start of the recording to the asking."""
    duration_ns: int
    """Nanoseconds from asking to the end of the answer (of a stream: its last piece)."""


class Outcome(msgspec.Struct, frozen=True):
    """How the unit of work ended: a result or an error."""

    state: State
    payload: Value
    """The result, or the error (`$error`: type, message, args, frames, cause and context chain, notes)."""

    @property
    def value(self) -> Any:
        """The result, decoded without the project's own classes; for an error, the exception."""
        return self.payload.decode()

    def decode(self, resolve: Resolve | None = None) -> Any:
        """The result or exception, its classes looked up by `resolve`."""
        return self.payload.decode(resolve)


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a generative model, in the OpenTelemetry GenAI names; read from the interaction `seq`."""

    seq: int
    operation_name: str
    provider_name: str
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reasons: tuple[str, ...] = ()
    semconv_version: str = "1.37.0"


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a model (`@replay.model`) with its confidence; `decision` and what follows come from a policy."""

    seq: int
    name: str
    label: str | None = None
    score: float | None = None
    threshold: float | None = None
    decision: str | None = None
    policy: str | None = None
    owner: str | None = None
    escalation: str | None = None


def predicted(seq: int, name: str, score: float | None, label: str | None, threshold: float | None,
              policy: Policy | None) -> Prediction:  # fmt: skip
    """A model's output, and what its policy says of it."""
    found = Prediction(seq=seq, name=name, label=label, score=score, threshold=threshold)
    if policy is None:
        return found
    decision = policy.decide(score, threshold)
    return msgspec.structs.replace(
        found, decision=decision, policy=policy.name, owner=policy.owner, escalation=policy.escalation
    )


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One log record written during the recording."""

    offset_ns: int
    level: str
    logger: str
    message: str


@lru_cache(maxsize=4)
def _facts(context: Value) -> Any:
    return context.tree


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Entry point + input + context + interactions + outcome + lineage. Equal content gives an equal digest."""

    id: str
    """Unique in its bundle; the first 16 hex digits of the digest unless the user named it."""
    kind: Kind
    entrypoint: str
    """`module:qualname` of what ran."""
    started_at: int
    """Wall clock at the start, nanoseconds since the epoch, UTC."""
    duration_ns: int
    input: Value
    """function: `{"args", "kwargs"}`; asgi and wsgi: the request (see the entry point); block: the given input."""
    outcome: Outcome
    context: Value
    """A mapping: `zone`, `environ`, `draws`, `notes`, `versions`, `service`, ... each written by its owner."""
    interactions: tuple[Interaction, ...] = ()
    model_calls: tuple[ModelCall, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    logs: tuple[Log, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """What could not be kept faithfully: path, reason, type."""
    trace_id: str | None = None
    span_id: str | None = None
    sentry_event_id: str | None = None
    service_name: str | None = None
    service_version: str | None = None
    deployment_environment_name: str | None = None
    http_request_method: str | None = None
    http_route: str | None = None
    http_response_status_code: int | None = None
    parent_digest: str | None = None
    """Of a mutation: the digest of the recording it was made from."""
    edits: Value | None = None
    redacted: bool = False

    @property
    def facts(self) -> Any:
        """`context.tree`, shared by all who read it: not to be changed. A replay asks for it half a dozen times."""
        return _facts(self.context)

    @property
    def status(self) -> Literal["ok", "error"]:
        """`error` if it ended in an error, or answered with a status of 500 or more."""
        if self.outcome.state != "returned" or (self.http_response_status_code or 0) >= 500:
            return "error"
        return "ok"

    @property
    def error_type(self) -> str | None:
        """`module.qualname` of the error it ended with, or that is behind its answer (builtins without the module)."""
        if self.outcome.state == "raised":
            return self.outcome.payload.error_type
        return type_of(error_behind(self.outcome)) if self.kind in WEB else None

    @property
    def digest(self) -> str:
        """SHA-256, hex, of everything but `id`: fields in their order, values in their canonical text."""
        content = msgspec.structs.asdict(self)
        del content["id"]
        return sha256(json_bytes(content)).hexdigest()


def turns_of(recording: Recording) -> str:
    """See `TURNS`; empty if it is not known, or of other interactions."""
    facts = recording.facts if f'"{TURNS}"' in recording.context.text else None
    found = facts.get(TURNS) if type(facts) is dict else None
    return found if type(found) is str and len(found) == len(recording.interactions) else ""
