"""The recorded requests of a recording as a vcrpy cassette. Imported only at replay.

vcrpy decides whether two requests match, and words what is raised when none does. Our seams take the place of
vcrpy's patches; matching a request and playing its answer is one step, under a lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace
from vcr import matchers
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.record_mode import RecordMode
from vcr.request import Request

from replay.boundaries.http.bodies import json_of, undone, with_repeats
from replay.boundaries.http.exchange import bare_url, target_of
from replay.boundaries.http.stored import CREDENTIALS
from replay.core.choosing import counts, is_told, says_whose
from replay.core.codec import Value, encode
from replay.core.compare import differences, time_note, unexpected
from replay.core.covering import cover
from replay.core.noise import URL_PATH, Excuse, Noise, below
from replay.core.recording import Interaction
from replay.core.redaction.marks import MASK
from replay.core.redaction.own import holds_pseudonym
from replay.core.verdict import Difference, Window


class BundleCassette(Cassette):  # type: ignore[misc]  # vcr has no types
    """vcrpy's `Cassette` over the `http` interactions of one recording; also the boundary's `Shelf`.

    Nothing is decoded before a request needs it. Stock vcrpy calls (`can_play_response_for`, `play_response`,
    `play_count`, `all_played`, `data`) work on it.
    """

    def __init__(
        self,
        interactions: Sequence[Interaction],
        window: Window,
        path: str = "recording",
        *,
        noise: Mapping[int, tuple[Noise, ...]] = {},
    ) -> None:
        self._interactions = tuple(interactions)
        self._by_seq = {interaction.seq: index for index, interaction in enumerate(self._interactions)}
        self._window = window
        self._noise = noise
        self._decoded: dict[int, Request] = {}
        self._noisy: dict[int, tuple[Noise, ...]] = {}
        self._source: dict[int, Interaction] = {}
        self._first_set: dict[str, float] = {}
        self._again: dict[str, str] = {}
        """Keys against repeating, of the recorded requests that were played -> what was sent instead."""
        self._lock = RLock()
        super().__init__(path, record_mode=RecordMode.NONE, match_on=(*_MATCHERS, *self._own_matchers()))
        self.rewound = True  # nothing is recorded into it

    # The shelf ------------------------------------------------------------------------------------------------

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        """The first of `candidates` that answers `asked`, counted as played."""
        with self._lock:
            found = next((c for c in candidates if c.request.text == asked.text), None)
            if found is None:
                request = _request(asked)
                target = target_of(request.method, request.uri)
                found = next((c for c in candidates if self._may_be(c, target) and self._matches(request, c)), None)
            if found is not None:
                self.play(found, asked)
            return found

    def play(self, interaction: Interaction, asked: Value | None = None) -> None:
        """Count it as played; None: it was asked as it is recorded."""
        self.play_counts[self._by_seq[interaction.seq]] += 1
        asked = asked or interaction.request
        if _AGAIN in asked.text.lower():
            self._again.update(self._keys(self._recorded(interaction), _request(asked)))

    def differences(self, recorded: Interaction, asked: Value) -> list[Difference]:
        """The fields that vcrpy's matchers tell apart, then those that known noise covers."""
        ours, theirs = self._recorded(recorded), _request(asked)
        _, failed = matchers.get_matchers_results(theirs, ours, self._match_on)
        found: list[Difference] = []
        for name, _ in failed:
            if name == "query":
                found += unexpected(self._query(ours, theirs))
            elif name == "body":
                found += unexpected(self._body(ours, theirs))
            elif name == "path":
                found += unexpected(self._paths(ours, theirs))
            elif name == "headers":
                found += _field_differences("headers", *self._choosing(ours, theirs), self._span(ours), ())
            else:
                found.append(Difference(name, "changed", getattr(ours, name), getattr(theirs, name)))
        if recorded.seq in self._noise:
            apart = (*self._paths(ours, theirs), *self._query(ours, theirs), *self._body(ours, theirs))
            found += filter(_is_known, apart)
        return found

    def noted(self, recorded: Interaction, asked: Value) -> list[Difference]:
        """What known noise covers, a credential that only one of them has, and the code's own headers that count for no
        answer."""
        found = self.differences(recorded, asked) if recorded.seq in self._noise else []
        before, now = (
            {name.lower(): value for name, value in each.headers.items()}
            for each in (self._recorded(recorded), _request(asked))
        )
        for name in sorted((before.keys() ^ now.keys()) & _UNCOUNTED):
            had, has = (_SENT if name in each else None for each in (before, now))
            found.append(Difference(f"headers.{name}", "removed" if had else "added", had, has, _LAPTOP))
        if all(map(counts, before)):  # a minimal recording has no others
            return found
        for name in sorted({*before, *now} - CREDENTIALS):
            had, has = before.get(name), now.get(name)
            if had != has and is_told(name) and not (had and has and self._is_masked(recorded, had)):
                kind: Any = "removed" if has is None else "added" if had is None else "changed"
                found.append(Difference(f"headers.{name}", kind, had, _SENT if had is None else has, _OWN))
        return found

    def _is_masked(self, recorded: Interaction, value: str) -> bool:
        """Whether redaction put something of its own there."""
        excuses = (each for each in self._noise.get(recorded.seq, ()) if isinstance(each, Excuse))
        return any(holds_pseudonym(value, each.pseudonyms) for each in excuses)

    def refusal(self, asked: Value, message: str, *, brief: bool = False) -> BaseException:
        """vcrpy's own exception, our message before its text, for which it compares all requests; `brief`: without."""
        error: Exception
        if brief:
            error = CannotOverwriteExistingCassetteException.__new__(CannotOverwriteExistingCassetteException, message)
            told = {"failed_request": _request(asked), "similar_requests": [], "reason": "nothing_similar"}
            vars(error).update(cassette=self, **told)
            return error
        with self._lock:
            error = CannotOverwriteExistingCassetteException(cassette=self, failed_request=_request(asked))
        error.args = (f"{message}\n{error.args[0]}",)
        return error

    # vcrpy's cassette -----------------------------------------------------------------------------------------

    @property
    def data(self) -> list[tuple[Request, dict[str, Any]]]:
        """All pairs of request and response, decoded, as vcrpy keeps them."""
        return [(self._recorded(i), _response(i)) for i in self._interactions]

    @data.setter
    def data(self, value: object) -> None:
        """vcrpy's constructor starts with none; ours come from the recording."""

    def __len__(self) -> int:
        return len(self._interactions)

    def __contains__(self, request: Request) -> bool:
        with self._lock:
            return any(self.play_counts[index] == 0 for index in self._matching(request))

    def _responses(self, request: Request) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in self._matching(request):
            yield index, _response(self._interactions[index])

    def play_response(self, request: Request) -> dict[str, Any]:
        """The answer of the first match that is not played yet. Raises vcrpy's UnhandledHTTPRequestError."""
        with self._lock:
            return super().play_response(request)  # type: ignore[no-any-return]

    def find_requests_with_most_matches(self, request: Request) -> Any:
        """vcrpy's search for the nearest, without decoding answers."""
        compared = []
        for interaction in self._interactions:
            stored = self._recorded(interaction)
            passed, failed = matchers.get_matchers_results(request, stored, self._match_on)
            compared.append((stored, passed, failed))
        most = max((len(passed) for _, passed, _ in compared), default=0)
        return [one for one in compared if most and len(one[1]) == most]

    # Inside ---------------------------------------------------------------------------------------------------

    @cached_property
    def _index(self) -> dict[str, list[int]]:
        """Positions by method and URL without query: narrows what the matchers look at."""
        index: dict[str, list[int]] = {}
        for position, interaction in enumerate(self._interactions):
            index.setdefault(interaction.target, []).append(position)
        return index

    def _matching(self, request: Request) -> Iterator[int]:
        for position in self._index.get(target_of(request.method, bare_url(request.uri)), ()):
            if self._matches(request, self._interactions[position]):
                yield position

    def _matches(self, request: Request, interaction: Interaction) -> bool:
        return bool(matchers.requests_match(request, self._recorded(interaction), self._match_on))

    def _recorded(self, interaction: Interaction) -> Request:
        request = self._decoded.get(interaction.seq)
        if request is None:
            request = self._decoded[interaction.seq] = _request(interaction.request)
            self._noisy[id(request)] = self._noise.get(interaction.seq, ())
            self._source[id(request)] = interaction
        return request

    def _may_be(self, interaction: Interaction, target: str) -> bool:
        """Whether its path is that one, or may be another one."""
        return interaction.target == target or any(
            isinstance(each, Excuse) and each.path == URL_PATH for each in self._noise.get(interaction.seq, ())
        )

    def _paths(self, recorded: Request, asked: Request) -> list[Difference]:
        return _text_differences("path", recorded.path, asked.path, self._noisy.get(id(recorded), ()))

    def _query(self, recorded: Request, asked: Request) -> list[Difference]:
        return _query_differences(recorded, asked, self._span(recorded), self._noisy.get(id(recorded), ()))

    def _body(self, recorded: Request, asked: Request) -> list[Difference]:
        return _body_differences(recorded, asked, self._span(recorded), self._noisy.get(id(recorded), ()))

    def _span(self, recorded: Request) -> Window:
        """When a clock may have been read for it."""
        source = self._source.get(id(recorded))
        return self._window if source is None else self._window.of(source)

    def _choosing(self, recorded: Request, asked: Request) -> tuple[dict[str, Any], dict[str, Any]]:
        """The headers of both that choose an answer."""
        before, now = _choices(recorded), _choices(asked)
        for name in {*before} ^ {*now}:
            if says_whose(name) or (name == "cookie" and self._from_before(recorded, asked)):
                before.pop(name, None)
                now.pop(name, None)
        for had, has in self._keys(recorded, asked).items():
            is_known, is_used = had in self._again, has in self._again.values()
            if (is_known or is_used) and self._again.get(had) != has:
                before[_AGAIN], now[_AGAIN] = (
                    "an earlier request's" if each else "a new one" for each in (is_known, is_used)
                )
                if is_known and is_used:
                    now[_AGAIN] = "that of another earlier request"
        return before, now

    def _keys(self, recorded: Request, asked: Request) -> dict[str, str]:
        """The key against repeating of the recorded one, and that of the other. Each is drawn anew: what counts is
        which requests share one."""
        had, has = (_lowered(each).get(_AGAIN) for each in (recorded, asked))
        if had is None or has is None or MASK in had:
            return {}
        place = self._source.get(id(recorded))
        return {} if place is not None and self._is_masked(place, had) else {had: has}

    def _from_before(self, recorded: Request, asked: Request) -> bool:
        """Whether the cookies that only one of both has are of a jar which held some before the unit of work began."""
        host = _netloc(recorded.uri)
        first = self._first_cookies(host)
        if asked.of_jar:
            place = self._source.get(id(recorded))
            return place is None or place.offset_ns < first
        return recorded.of_jar and any(self._recorded(each).of_jar for each in self._of(host) if each.offset_ns < first)

    def _first_cookies(self, host: str) -> float:
        """When an answer of this host first set cookies; infinite: none did."""
        if host not in self._first_set:
            ends = (each.offset_ns + each.duration_ns for each in self._of(host) if _sets_cookies(each))
            self._first_set[host] = min(ends, default=inf)
        return self._first_set[host]

    def _of(self, host: str) -> Iterator[Interaction]:
        return (each for each in self._interactions if _netloc(each.target.partition(" ")[2]) == host)

    def _own_matchers(self) -> Any:
        def path(asked: Request, recorded: Request) -> None:
            if unexpected(self._paths(recorded, asked)):
                matchers.path(asked, recorded)  # words the difference

        def query(asked: Request, recorded: Request) -> None:
            if unexpected(self._query(recorded, asked)):
                matchers.query(asked, recorded)  # words the difference
                raise AssertionError("the queries differ")

        def body(asked: Request, recorded: Request) -> None:
            if unexpected(self._body(recorded, asked)):
                matchers.raw_body(asked, recorded)  # words the difference
                raise AssertionError("the bodies differ")

        def headers(asked: Request, recorded: Request) -> None:
            before, now = self._choosing(recorded, asked)
            if before != now:
                raise AssertionError("headers differ by which a server chooses its answer")

        return path, query, body, headers


_AGAIN = "idempotency-key"
_UNCOUNTED = CREDENTIALS - {"cookie"}
_SENT = "sent"
_OWN = "does not count: no server is known to choose its answer by it"
_LAPTOP = "does not count: a laptop may have no credentials"
_MATCHERS = (matchers.method, matchers.scheme, matchers.host, matchers.port)


def _lowered(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _is_known(found: Difference) -> bool:
    return found.note is not None and found.note.startswith("known noise")


def _request(value: Value) -> Request:
    """A stored request as vcrpy's. Names of repeated headers keep the first value, as in any cassette."""
    stored = value.decode()
    headers: dict[str, str] = {}
    for name, text in stored["headers"]:
        headers.setdefault(name, text)
    request = Request(stored["method"], stored["url"], stored["body"] or None, headers)
    request.of_jar = bool(stored.get("jar"))
    return request


def fields(request: Value) -> dict[str, Any]:
    """What a stored request is compared by, as plain data: `method`, `url` (no query), `query` and `body`."""
    asked = _request(request)
    body = undone(asked.body or b"", asked.headers.get("content-encoding", ""))
    kind = asked.headers.get("content-type", "")
    if "multipart/" in kind:
        body = _fixed_boundary(body, kind)
    shown: Any = json_of(body)
    if "x-www-form-urlencoded" in kind:
        shown = _grouped(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    elif not isinstance(shown, dict | list):
        shown = body
    return {
        "method": asked.method,
        "url": asked.uri.partition("?")[0],
        "query": _grouped(asked.query),
        "body": shown,
    }


def _netloc(url: str) -> str:
    return urlsplit(url).netloc


def _sets_cookies(interaction: Interaction) -> bool:
    stored = interaction.answer.decode()
    return isinstance(stored, dict) and any(name.lower() == "set-cookie" for name, _ in stored.get("headers") or ())


def _response(interaction: Interaction) -> dict[str, Any]:
    """A stored answer in vcrpy's form; a fault keeps the pieces that came before it."""
    stored = interaction.answer.decode() or {}
    headers: dict[str, list[str]] = {}
    for name, text in stored.get("headers") or ():
        headers.setdefault(name, []).append(text)
    body = b"".join(data for _, data in stored.get("pieces") or ())
    status = {"code": stored.get("status") or 0, "message": stored.get("reason") or ""}
    return {"status": status, "headers": headers, "body": {"string": body}}


def _query_differences(recorded: Request, asked: Request, window: Window, noise: Sequence[Noise]) -> list[Difference]:
    texts = [urlsplit(each.uri).query for each in (recorded, asked)]
    if texts[0] == texts[1]:
        return []
    before, now = (_grouped(parse_qsl(text, keep_blank_values=True)) for text in texts)
    return [] if before == now else _field_differences("query", before, now, window, noise)


def _choices(request: Request) -> dict[str, Any]:
    found = {}
    for given, value in request.headers.items():
        name = given.lower()
        how = counts(name)
        if how is not None:
            found[name] = how(value)
    return found


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Values by name: one, or the list of several."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _field_differences(
    prefix: str, before: dict[str, Any], now: dict[str, Any], window: Window, noise: Sequence[Noise]
) -> list[Difference]:
    now, covered = cover(before, now, below(noise, prefix), window)
    found = [replace(each, path=prefix + each.path.removeprefix("$")) for each in covered]
    for name in {**before, **now}:
        path = f"{prefix}.{name}"
        if name not in now:
            found.append(Difference(path, "removed", recorded=before[name]))
        elif name not in before:
            found.append(Difference(path, "added", actual=now[name]))
        elif before[name] != now[name]:
            found.append(Difference(path, "changed", before[name], now[name], _times(before[name], now[name], window)))
    return found


def _times(recorded: Any, asked: Any, window: Window) -> str | None:
    """The note of a field that differs in times of the recording alone."""
    pairs = [(recorded, asked)]
    if type(recorded) is list and type(asked) is list and len(recorded) == len(asked):
        pairs = [pair for pair in zip(recorded, asked, strict=True) if pair[0] != pair[1]]
    notes = [time_note(one, two, window) for one, two in pairs]
    return notes[0] if all(notes) else None


def _body_differences(recorded: Request, asked: Request, window: Window, noise: Sequence[Noise]) -> list[Difference]:
    """Where two bodies differ: raw bytes first, then as what they are."""
    before, now = recorded.body or b"", asked.body or b""
    if before == now:
        return []
    kinds = [request.headers.get("content-type", "") for request in (recorded, asked)]
    before, now = (undone(body, request.headers.get("content-encoding", ""))
                   for body, request in ((before, recorded), (now, asked)))  # fmt: skip
    if all("multipart/" in kind for kind in kinds):
        before, now = (_fixed_boundary(body, kind) for body, kind in zip((before, now), kinds, strict=True))
    if before == now:
        return []
    if all("x-www-form-urlencoded" in kind for kind in kinds):
        forms = [_grouped(parse_qsl(body.decode("latin-1"), keep_blank_values=True)) for body in (before, now)]
        return _field_differences("body", forms[0], forms[1], window, noise)
    left, right = json_of(before), json_of(now)
    if isinstance(left, dict | list) and isinstance(right, dict | list):
        found = differences(encode(left), encode(right), window=window, noise=below(noise, "body"))
        one, two = (None, None) if unexpected(found) else (with_repeats(before), with_repeats(now))
        if one is not None or two is not None:
            both = (encode(said if each is None else each) for said, each in ((left, one), (right, two)))
            found = differences(*both, window=window, noise=below(noise, "body"))
        return [Difference("body" + d.path.removeprefix("$"), d.kind, d.recorded, d.actual, d.note) for d in found]
    return _text_differences("body", before, now, noise, time_note(before, now, window))


def _text_differences(
    field: str, before: str | bytes, now: str | bytes, noise: Sequence[Noise], times: str | None = None
) -> list[Difference]:
    """Of a field that is one text: all of it, unless redaction excuses where they differ. `times`: the note of one that
    differs in moments alone."""
    if before == now:
        return []
    covered_as, covered = cover(before, now, [each for each in below(noise, field) if isinstance(each, Excuse)])
    note = covered[0].note if covered and covered_as == before else times
    return [Difference(field, "changed", before[:2000], now[:2000], note)]


def _fixed_boundary(body: bytes, kind: str) -> bytes:
    """A multipart body with its random boundary replaced."""
    boundary = kind.partition("boundary=")[2].partition(";")[0].strip(' "').encode("latin-1")
    return body.replace(boundary, b"boundary") if boundary else body
