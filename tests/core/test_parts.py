"""The parts of a recording: what edits of them leave in step."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import msgspec
import pytest

from replay.boundaries.http.recorded import Recorded
from replay.core.codec import Value, encode
from replay.core.edits import Edit
from replay.core.messages import Body, as_json
from replay.core.parts import encode_answer
from replay.core.recording import Interaction, Outcome, Recording
from replay.engine.mutation import Mutations, mutate, read_edits

PLAN = {"id": 7, "plan": None, "items": [1, 2]}


def http(body: bytes, headers: list[list[str]], *, client: str = "httpx", seq: int = 0) -> Interaction:
    """An interaction of this answer, its body read in two pieces."""
    half = len(body) // 2
    answer = {
        "status": 200, "reason": "OK", "http_version": "HTTP/1.1", "headers": headers,
        "pieces": [[10, body[:half]], [20, body[half:]]], "decoded": False, "dropped": 0,
        "end": "complete", "error": None,
    }  # fmt: skip
    request = {"client": client, "method": "GET", "url": "http://crm/x", "headers": [], "body": b""}
    return Interaction(
        seq=seq, lane="0", boundary="http", target="GET http://crm/x", request=encode(request), answer=encode(answer),
        state="returned", offset_ns=0, duration_ns=5,
    )  # fmt: skip


def call(value: Any, seq: int = 0) -> Interaction:
    """A call that returned this."""
    return Interaction(
        seq=seq, lane="0", boundary="call", target="shop:lookup", request=encode({"args": [], "kwargs": {}}),
        answer=encode(value), state="returned", offset_ns=0, duration_ns=5,
    )  # fmt: skip


def recording(*interactions: Interaction, given: Any = None, kind: Any = "function", context: Any = None) -> Recording:
    """A recording with these interactions."""
    return Recording(
        id="r", kind=kind, entrypoint="shop:triage", started_at=1_700_000_000_000_000_000, duration_ns=100,
        input=encode({"args": [], "kwargs": {}} if given is None else given), context=encode(context or {}),
        outcome=Outcome("returned", encode(None)), interactions=interactions,
    )  # fmt: skip


def answer(mutated: Recording, place: int = 0) -> dict[str, Any]:
    """The stored answer of an interaction."""
    found: dict[str, Any] = mutated.interactions[place].answer.decode()
    return found


JSON = [["Content-Type", "application/json"], ["Content-Length", "999"], ["X-Other", "1"]]


def test_an_edited_json_body_keeps_its_length_in_step() -> None:
    """Other headers, the status and the cuts stay."""
    found = answer(mutate(recording(http(json.dumps(PLAN).encode(), JSON)), [Edit("http[0].body.plan", "set", "pro")]))
    body = b"".join(piece for _, piece in found["pieces"])
    assert json.loads(body) == {**PLAN, "plan": "pro"}
    assert found["headers"] == [
        ["Content-Type", "application/json"],
        ["Content-Length", str(len(body))],
        ["X-Other", "1"],
    ]
    assert [offset for offset, _ in found["pieces"]] == [10, 20]


SHARED = [1, "x"]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": "é"}], "c": {"d": None}},
        {"a": [1, {"b": "é"}], "c": {"d": "new", "deep": [SHARED, SHARED]}},
        {"\ue000\uf8ff": "\ue000\uf8ff", "c": "\ue000\uf8ff"},
        {"a": ["\ud800"], "c": float("nan")},
        [], "text", 2**70, None, {1: True},
    ],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_a_changed_document_is_written_as_any_other(value: Any) -> None:
    """Also where it holds parts of the one that was recorded, and where it holds what stands for those."""
    body = Body(json.dumps({"kept": [1, {"k": [2]}], "other": {"\ue000\uf8ff": 1}}).encode(), JSON)
    both = {**body.value, "kept": [body.value["kept"], value, body.value["kept"]]}
    for each in (value, both, body.value, both):
        assert body.write(each) == as_json(each)


ANSWER = {
    "status": 200,
    "headers": [["a", "b"]],
    "pieces": [[1, b"one"], [2, b"\x00\xff"], [3, b"\r\n\x7f"]],
    "error": None,
}


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"pieces": []}, {"headers": [["name", "é"]]}, {"headers": [("a", "b")]}, {"pieces": [(1, b"x")]},
        {"pieces": [[1, bytearray(b"x")]]}, {"pieces": [[2**63, b"x"]]}, {"pieces": [[True, b"x"]]}, {"more": b"bytes"},
        {"reason": "\ud800"}, {"pieces": [[1, "ü€".encode()]]}, {"headers": [["a", SHARED], ["b", SHARED]]},
    ],
    ids=ascii,
)  # fmt: skip
def test_an_answer_is_encoded_as_any_value(changed: dict[str, Any]) -> None:
    """Whether or not its pieces are the only bytes."""
    assert encode_answer({**ANSWER, **changed}) == encode({**ANSWER, **changed})


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_edited_body_is_encoded_as_it_was(encoding: str) -> None:
    """A client that reads it decodes the edited JSON."""
    plain = json.dumps(PLAN).encode()
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    headers = [
        ["content-type", "application/json"],
        ["content-encoding", encoding],
        ["content-length", str(len(packed))],
    ]
    found = answer(mutate(recording(http(packed, headers)), [Edit("http[0].body.items", "drop")]))
    body = b"".join(piece for _, piece in found["pieces"])
    assert json.loads(gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)) == {"id": 7, "plan": None}
    assert found["headers"][2] == ["content-length", str(len(body))]


@pytest.mark.parametrize("how", ["only said", "not said", "cut", "bad checksum", "other"])
def test_compression_that_is_not_what_it_says(how: str) -> None:
    """Plain bytes that are said to be compressed, compressed ones that are not, and damaged ones: no client reads
    the body as it was."""
    headers = [["content-type", "application/json"], ["content-length", "9"]]
    headers += [["content-encoding", "gzip"]] if how != "only said" else []
    plain = json.dumps(PLAN).encode()
    sent = gzip.compress(plain) if how != "only said" else plain
    found = answer(mutate(recording(http(sent, headers)), [Edit("http[0]", "packing", how)]))
    body = b"".join(piece for _, piece in found["pieces"])
    assert ["content-length", str(len(body))] in found["headers"]
    if ["content-encoding", "gzip"] in found["headers"]:
        with pytest.raises((OSError, EOFError, zlib.error)):
            gzip.decompress(body)
    else:
        assert gzip.decompress(body) == json.dumps(PLAN, separators=(",", ":")).encode()


def test_headers_are_edited_by_name() -> None:
    """In place, added at the end, or taken out; names as they were spelled."""
    edits = [
        Edit("http[0].headers.x-other", "set", "2"),
        Edit("http[0].headers.content-type", "drop"),
        Edit("http[0].status", "set", 201),
    ]
    found = answer(mutate(recording(http(b"{}", JSON)), edits))
    assert found["headers"] == [["Content-Length", "999"], ["X-Other", "2"]]
    assert (found["status"], found["reason"]) == (201, "Created")


@pytest.mark.parametrize(
    ("client", "kind", "error"),
    [("httpx", "timeout", "httpx.ReadTimeout"), ("urllib3", "timeout", "TimeoutError"),
     ("aiohttp", "reset", "aiohttp.client_exceptions.ClientOSError"), ("httpx2", "refused", "httpx2.ConnectError")],
)  # fmt: skip
def test_a_fault_is_what_the_client_raises(client: str, kind: str, error: str) -> None:
    """The player's own reader of answers builds that exception."""
    mutated = mutate(recording(http(b"{}", JSON, client=client)), [Edit("http[0]", "fault", kind)])
    assert mutated.interactions[0].state == "raised"
    raised = Recorded(answer(mutated)).head_error()
    assert raised is not None
    name = f"{type(raised).__module__}.{type(raised).__qualname__}"
    assert name.removeprefix("builtins.").rpartition(".")[2] == error.rpartition(".")[2]


def test_a_body_can_end_in_the_middle() -> None:
    """Half of it comes, then the client's error."""
    mutated = mutate(
        recording(http(b"0123456789", [["content-type", "text/plain"]])), [Edit("http[0]", "fault", "cut")]
    )
    served = Recorded(answer(mutated))
    assert (served.pieces, served.status) == ([b"01234"], 200)
    assert type(served.body_error()).__name__ == "RemoteProtocolError"


def test_a_call_answers_otherwise_or_raises() -> None:
    """The edited value, or the error that stands for the fault."""
    base = recording(call({"plan": "pro"}), call([1], seq=1))
    mutated = mutate(base, [Edit("call[0].plan", "set", None), Edit("call[1]", "fault", "timeout")])
    assert mutated.interactions[0].answer.decode() == {"plan": None}
    assert (mutated.interactions[1].state, type(mutated.interactions[1].answer.decode())) == ("raised", TimeoutError)


def _request(body: bytes, kind: str, query: bytes = b"a=1&b=2&a=3") -> dict[str, Any]:
    return {
        "method": "POST", "path": "/x", "raw_path": b"/x", "query_string": query, "scheme": "http",
        "headers": [["Host", "h"], ["Content-Type", kind], ["Content-Length", str(len(body))]],
        "body": [body[:3], body[3:]], "body_read": "whole",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_web_request_is_edited_by_field(kind: str) -> None:
    """JSON body, query, header and path; the length follows the body."""
    base = recording(given=_request(b'{"plan": "pro"}', "application/json"), kind=kind)
    edits = [
        Edit("input.body.plan", "set", None),
        Edit("input.query.b", "set", "é"),
        Edit("input.query.a", "drop"),
        Edit("input.headers.host", "set", "other"),
        Edit("input.path", "set", "/y"),
    ]
    found = mutate(base, edits).input.decode()
    assert b"".join(found["body"]) == b'{"plan":null}'
    assert found["query_string"] == b"b=%C3%A9"
    assert found["headers"] == [["Host", "other"], ["Content-Type", "application/json"], ["Content-Length", "13"]]
    assert (found["path"], "raw_path" in found) == ("/y", False)


def test_a_form_is_edited_by_field() -> None:
    """And written as a form again."""
    base = recording(given=_request(b"plan=pro&n=1", "application/x-www-form-urlencoded"), kind="asgi")
    found = mutate(base, [Edit("input.body.plan", "set", "a b")]).input.decode()
    assert b"".join(found["body"]) == b"plan=a+b&n=1"


def test_json_that_says_it_is_a_form_is_edited_as_json() -> None:
    """`curl -d '{...}'` sends it so, and so does a client that names no type."""
    base = recording(given=_request(b'{"plan":"pro"}', "application/x-www-form-urlencoded"), kind="asgi")
    found = mutate(base, [Edit("input.body.plan", "set", "team")])
    assert b"".join(found.input.decode()["body"]) == b'{"plan":"team"}'


def test_the_clock_and_draws_are_edited() -> None:
    """The start in time, a draw by lane, kind and number."""
    base = recording(context={"draws": {"0": {"random": [0.5, 0.25]}}, "zone": "UTC"})
    edits = [Edit("clock.started_at", "at", "2028-02-29T12:00:00"), Edit('draws["0"].random[1]', "set", 0.0)]
    mutated = mutate(base, edits)
    assert mutated.started_at == 1_835_438_400_000_000_000
    assert mutated.context.decode() == {"draws": {"0": {"random": [0.5, 0.0]}}, "zone": "UTC"}


@pytest.mark.parametrize(
    "edit",
    [
        Edit("input.args[9]", "set", 1),
        Edit("http[0].body.nothing", "drop"),
        Edit("http[7].status", "set", 500),
        Edit("call[0]", "fault", "timeout"),
        Edit("http[0].status", "set", "abc"),
        Edit("http[0].headers", "set", 3),
        Edit("clock.started_at", "set", 10**30),
        Edit("http[0].body", "cut", "x"),
        Edit("http[0]", "no such operator", 1),
        Edit('draws["0"].random[0]', "set", "text"),
        Edit("http[0]", "answer", None),
    ],
    ids=str,
)
def test_an_edit_that_does_not_fit_does_nothing(edit: Edit) -> None:
    """Whatever it is: operators are total."""
    base = recording(http(b'{"a": 1}', JSON), context={"draws": {"0": {"random": [0.5]}}})
    assert Mutations(base).quick([edit]) == base


def test_a_mutation_shares_what_was_not_edited_and_says_where_it_comes_from() -> None:
    """Nothing is deep-copied; lineage and id are its own."""
    base = recording(http(b'{"a": 1}', JSON), call({"a": 1}, seq=1))
    edits = (Edit("call[1].a", "set", float("inf")),)
    mutated = mutate(base, edits)
    assert mutated.interactions[0] is base.interactions[0]
    assert mutated.input is base.input
    assert (mutated.parent_digest, read_edits(mutated.edits)) == (base.digest, edits)
    assert mutated.id != base.id
    assert mutate(base, edits) == mutated


def test_the_number_of_a_part_is_the_interactions() -> None:
    """`http[1]` is the interaction that `replay show` numbers 1, if it is one of http."""
    base = recording(call(1), http(b"{}", JSON, seq=1))
    assert answer(mutate(base, [Edit("http[1].status", "set", 204)]), 1)["status"] == 204
    assert Mutations(base).quick([Edit("http[0].status", "set", 204)]) == base


def test_an_answer_of_any_shape_cannot_be_edited_but_does_no_harm() -> None:
    """A bundle is untrusted: its answers may be anything."""
    for text in ("[]", "3", '{"status": 200}', '{"pieces": 1}', '{"$tuple": 1}', "not json"):
        odd = msgspec.structs.replace(http(b"{}", JSON), answer=Value(text))
        base = recording(odd)
        assert Mutations(base).quick([Edit("http[0].body", "set", 1)]) == base


def _spread(each: Any) -> Any:
    """An answer whose head came first, its pieces later."""
    lasted = 2_000_000_000
    if each.boundary == "http":
        stored = {**each.answer.decode(), "offset_ns": lasted // 4, "pieces": [[lasted // 2, b"a"], [lasted, b"b"]]}
    else:
        stored = {"pieces": [[lasted // 4, "a"], [lasted // 2, "b"]], "returned": None, "error": None}
    return msgspec.structs.replace(each, answer=encode(stored), duration_ns=lasted)


@pytest.mark.parametrize("each", [_spread(http(b"ab", JSON)), _spread(call(None))], ids=["http", "generator"])
@pytest.mark.parametrize(("edit", "expected"), [
    (lambda kind: Edit(f"{kind}[0]", "slow", 1.0), [1.5, 2.0, 3.0]),
    (lambda kind: Edit("timing[0].duration_ns", "set", 6_000_000_000), [1.5, 3.0, 6.0]),
])  # fmt: skip
def test_a_later_answer_comes_later_in_all_its_pieces(each: Any, edit: Any, expected: list[float]) -> None:
    """`slow` moves them, a longer time stretches them; the last is when it ends."""
    changed = mutate(recording(each), [edit(each.boundary)]).interactions[0]
    stored = changed.answer.decode()
    head = [stored["offset_ns"]] if "offset_ns" in stored else []
    times = [*head, *(offset for offset, _ in stored["pieces"]), changed.duration_ns]
    assert [at / 1e9 for at in times if at != times[-1]] + [times[-1] / 1e9] == expected


def test_what_a_function_calls_pieces_is_no_stream() -> None:
    """A value that has the look of one stays as it is when it comes later."""
    value = {"status": 200, "pieces": [[1, "a"]]}
    assert answer(mutate(recording(call(value)), [Edit("call[0]", "slow", 1.0)])) == value
