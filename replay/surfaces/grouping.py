"""Incidents that failed the same way, as one group: how many, since when, whose, and which to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from replay.core.cause import asked, is_minimal, known_cause, origins
from replay.core.fingerprint import below, digest, own, places
from replay.core.members import leaves, types
from replay.core.notes import without_notes
from replay.core.promoted import promoted
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.surfaces.literals import bare, error_body, raised_by, tree
from replay.surfaces.text import frames

TRIES = 3
"""Recordings of a group that are replayed, smallest first, to find one that reproduces."""


Replay = Callable[["Member"], Verdict | None]


class Fingerprint(msgspec.Struct, frozen=True):
    """What makes two failures the same one."""

    failure: str
    """Type of the error, `HTTP 500`, or `unfinished`."""
    entrypoint: str
    """Of a failure that has no frames of the project, or an answer instead of an error; else empty."""
    frames: tuple[tuple[str, str], ...]
    """File and function of the project's code, innermost last."""
    because: tuple[str, ...]
    """Types of the errors that it came from, nearest first; of an exception group, of its members."""
    statement: str = ""
    """The line of code that failed, as text: one function may fail in two ways, and a line's number moves."""
    parted: str = ""
    """The interaction that did not answer, if the error came from there: `http GET https://crm/customers/*`."""
    cause: str = ""
    """What `replay why` found, if that tells it from others that failed so."""

    @property
    def digest(self) -> str:
        """Twelve hex digits."""
        facts = [self.failure, self.entrypoint, self.frames, self.because, self.statement]
        return digest(*facts, *([self.parted, self.cause] if self.parted or self.cause else []))

    @property
    def place(self) -> str:
        """Where it failed, in a few words."""
        if not self.frames:
            return self.entrypoint
        file, function = self.frames[-1]
        return f"{function} in {file}"


class Member(msgspec.Struct, frozen=True):
    """One recording of a group."""

    path: str
    id: str
    started_at: int
    size: int
    """Characters of all that was recorded."""
    cause: str = ""
    """What `replay why` found, if it was asked."""
    own: str = ""
    """Equal for copies of one recording, whatever was noted in them since."""
    origins: frozenset[str] = frozenset()
    """Digests by which what was made of it names it."""
    made_of: str | None = None
    """Of a minimal or a scrubbed recording: the digest of what it was made of."""
    is_minimal: bool = False
    is_promoted: bool = False

    @property
    def name(self) -> str:
        return f"{self.path}::{self.id}"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of one fingerprint."""

    fingerprint: str
    failure: str
    message: str
    """Of the representative."""
    place: str
    statement: str
    entrypoint: str
    frames: tuple[tuple[str, str], ...]
    because: tuple[str, ...]
    parted: str
    cause: str
    """Of all of it, as far as it was asked for."""
    count: int
    """Each incident once, however many copies, minimal and scrubbed recordings of it there are."""
    first_seen: int
    """Nanoseconds since the epoch."""
    last_seen: int
    owner: str | None
    members: tuple[str, ...]
    representative: str
    """`PATH::ID`: the smallest incident that reproduces, else the smallest."""
    minimal: str | None
    """What `replay minimize` left of the representative, `PATH::ID`."""
    status: str | None
    """Verdict of the representative; None if nothing was replayed."""
    diverges_at: str | None = None
    """Of a representative that diverged: the request where it did."""


def fingerprint(recording: Recording) -> Fingerprint:
    """That of a recording's outcome; a result has one too, by its entry point."""
    outcome = recording.outcome
    node = raised_by(outcome)
    if node is None:
        code = recording.http_response_status_code or 0
        failure = "unfinished" if outcome.state == "unfinished" else f"HTTP {code}" if code >= 500 else "ok"
        route = f" {recording.http_request_method} {recording.http_route}" if recording.http_route else ""
        return Fingerprint(failure, f"{recording.entrypoint}{route}", (), ())
    every = below(recording.entrypoint, own(frames(node), recording.entrypoint))
    found = tuple((str(file), str(function)) for file, function in places(every, lines=False))
    return Fingerprint(
        recording.error_type or "?",
        "" if found else recording.entrypoint,
        found,
        tuple(_causes(node)),
        " ".join(every[-1].source.split()) if every else "",
        _parted(recording, node),
    )


def _parted(recording: Recording, node: Any) -> str:
    """The last interaction that raised an error, or broke off with one, which is that of the failure or what it came
    from: where production parted from what the code expects."""
    types = {recording.error_type, *_causes(node)}
    for one in reversed(recording.interactions):
        if one.state == "raised" or (one.boundary == "http" and '"end":"error"' in one.answer.text):
            answer = bare(tree(one.answer))
            raised = answer.get("error") if one.boundary == "http" and isinstance(answer, dict) else error_body(answer)
            if isinstance(raised, dict) and raised.get("type") in types:
                return f"{one.boundary} {asked(one.target)}"
    return ""


def _causes(node: Any) -> Iterable[str]:
    yield from types(error_body(node))
    for _ in range(5):
        cause = bare(error_body(node).get("cause"))
        body = error_body(cause)
        if not body:
            return
        yield str(body.get("type", "?"))
        node = cause


def owner_of(recording: Recording, owners: Mapping[str, str]) -> str | None:
    """Who owns it: as its model's policy says, else the longest prefix of the entry point in `owners`."""
    named = next((one.owner for one in recording.predictions if one.owner), None)
    if named is not None:
        return named
    module = recording.entrypoint.partition(":")[0]
    fitting = [prefix for prefix in owners if module == prefix or module.startswith(f"{prefix}.")]
    return owners[max(fitting, key=len)] if fitting else None


def size_of(recording: Recording) -> int:
    """Characters of its values: what somebody who looks at it has to read."""
    values = [recording.input, recording.outcome.payload, recording.context]
    values += [value for one in recording.interactions for value in (one.request, one.answer)]
    return sum(len(value.text) for value in values) + sum(len(log.message) for log in recording.logs)


class Groups:
    """Gathers incidents, one at a time, and chooses each group's representative."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = owners
        self._found: dict[str, tuple[Fingerprint, list[Member]]] = {}
        self._owner: dict[str, str | None] = {}
        self._about: dict[str, tuple[str, str]] = {}
        self._copies: dict[str, list[Member]] = {}

    def add(self, path: str, recording: Recording) -> None:
        """One incident; named twice, it is still one."""
        member = _member(path, recording)
        if member.name in self._about:
            return
        print_ = fingerprint(recording)
        self._found.setdefault(print_.digest, (print_, []))[1].append(member)
        known = self._owner.get(print_.digest)
        self._owner[print_.digest] = owner_of(recording, {}) or known or owner_of(recording, self._owners)
        self._about[member.name] = (recording.entrypoint, _message(recording))

    def __len__(self) -> int:
        return len(self._found)

    def groups(self, replayed: Replay = lambda member: None) -> Iterator[Group]:
        """All groups, the largest first, each when its representative is found.

        `replayed` replays a member; None: it was not tried, and the smallest member represents its group.
        """
        once = self._once()
        kept = [(found, [each for each in members if each.name in once]) for found, members in self._found.values()]
        split = [part for found, members in kept if members for part in _by_cause(found, members)]
        for found, members in sorted(split, key=_rank):
            yield self._group(found, members, replayed)

    def _once(self) -> set[str]:
        """Names of one recording of each incident, which failed but once: as it was captured, if that is here. The
        others are kept as copies of it."""
        every = [member for _, members in self._found.values() for member in members]
        named = {digest: each for each in every for digest in each.origins}
        lineages: dict[str, list[Member]] = {}
        for each in every:
            lineages.setdefault(_root(each, named), []).append(each)
        self._copies = {}
        for lineage in lineages.values():
            first, *copies = sorted(lineage, key=lambda one: (one.is_minimal, one.made_of is not None,
                                                              one.is_promoted, one.name))  # fmt: skip
            self._copies[first.name] = copies
        return set(self._copies)

    def _group(self, found: Fingerprint, members: list[Member], replayed: Replay) -> Group:
        by_size = sorted(members, key=_smallest)
        best, verdict = by_size[0], None
        for member in by_size[:TRIES]:
            seen = replayed(member)
            if seen is None:
                break
            if verdict is None or seen.green:
                best, verdict = member, seen
            if seen.green:
                break
        entrypoint, message = self._about[best.name]
        at = verdict.divergence if verdict is not None else None
        minimal = sorted((one for one in self._copies[best.name] if one.is_minimal), key=_smallest)
        return Group(
            fingerprint=found.digest,
            failure=found.failure,
            message=message,
            place=found.place,
            statement=found.statement,
            entrypoint=entrypoint,
            frames=found.frames,
            because=found.because,
            parted=found.parted,
            cause=next((one.cause for one in members if one.cause), ""),
            count=len(members),
            first_seen=min(one.started_at for one in members),
            last_seen=max(one.started_at for one in members),
            owner=self._owner[msgspec.structs.replace(found, cause="").digest],
            members=tuple(one.name for one in sorted(members, key=lambda one: (one.started_at, one.name))),
            representative=best.name,
            minimal=minimal[0].name if minimal else None,
            status=None if verdict is None else verdict.status,
            diverges_at=None if at is None else f"{at.kind} {at.boundary} {at.target}",
        )


def _member(path: str, recording: Recording) -> Member:
    cause = known_cause(recording)
    minimal, bare = is_minimal(recording), without_notes(recording)
    return Member(
        path, recording.id, recording.started_at, size_of(bare), cause.key if cause else "",
        own=f"{bare.digest} {recording.id}",
        origins=frozenset(origins(recording)),
        made_of=recording.parent_digest if minimal or recording.edits is None else None,
        is_minimal=minimal,
        is_promoted=promoted(recording) is not None,
    )  # fmt: skip


def _root(member: Member, named: Mapping[str, Member]) -> str:
    """What it was made of, and what that was made of, as far as it is known."""
    passed = {member.name}
    while member.made_of is not None:
        whole = named.get(member.made_of)
        if whole is None:
            return member.made_of
        if whole.name in passed:
            break
        passed.add(whole.name)
        member = whole
    return member.own


def _smallest(member: Member) -> tuple[int, int, str]:
    return member.size, member.started_at, member.name


def _by_cause(found: Fingerprint, members: list[Member]) -> list[tuple[Fingerprint, list[Member]]]:
    """Incidents that failed the same way, apart by what `replay why` found of them. One cause that is known is taken
    for that of all, and the fingerprint stays; of several, those that were not asked for are a group of their own."""
    if len({one.cause for one in members if one.cause}) < 2:
        return [(found, members)]
    parts: dict[str, list[Member]] = {}
    for one in members:
        parts.setdefault(one.cause, []).append(one)
    return [(msgspec.structs.replace(found, cause=cause), own) for cause, own in parts.items()]


def _message(recording: Recording) -> str:
    body = error_body(raised_by(recording.outcome))
    said = [body.get("message")]
    for first in leaves(body)[:1]:
        said += [first.get("type"), first.get("message")]
    return ": ".join(each for each in said if isinstance(each, str) and each)


def _rank(part: tuple[Fingerprint, list[Member]]) -> tuple[int, int, str]:
    """The largest first, of equal ones the one that was seen first."""
    found, members = part
    return -len(members), min(one.started_at for one in members), found.digest
