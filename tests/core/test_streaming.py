"""Bodies that arrive in pieces: the texts that their events make together, and what happens to them on their way."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.core.deltas import Deltas
from replay.core.edits import Edit
from replay.core.parts import Parts
from replay.core.recording import Interaction, Recording
from replay.core.streaming import ACTS
from replay.engine.mutation import mutate, read_edits
from replay.engine.places import places
from replay.store.bundle import write_bundle
from tests.core.test_parts import answer, call, http, recording

EVENTS = [["Content-Type", "text/event-stream"], ["Transfer-Encoding", "chunked"]]
LABEL = '{"label": "billing", "confidence": 0.9}'


def openai(*pieces: str, reason: str = "stop") -> bytes:
    """A chat answer as OpenAI streams it."""
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces), {}]
    chunks: list[dict[str, Any]] = [
        {"id": "c-1", "object": "chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = reason
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def anthropic(*pieces: str, arguments: tuple[str, ...] = ()) -> bytes:
    """A message as Anthropic streams it: a block of text, and a call of a tool."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "m", "content": []}}]
    events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
               for piece in pieces]  # fmt: skip
    if arguments:
        tool = {"type": "tool_use", "id": "t", "name": "route", "input": {}}
        events.append({"type": "content_block_start", "index": 1, "content_block": tool})
        deltas = [{"type": "input_json_delta", "partial_json": each} for each in arguments]
        events += [{"type": "content_block_delta", "index": 1, "delta": delta} for delta in deltas]
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(each["type"]).encode(), json.dumps(each).encode())
                    for each in events)  # fmt: skip


def streamed(body: bytes, *, client: str = "httpx", headers: Any = EVENTS) -> Recording:
    """A recording of one such answer."""
    return recording(http(body, headers, client=client))


def fields(found: Recording) -> dict[str, Any]:
    """The texts of its stream."""
    part = Parts(found).get("http[0]")
    assert part is not None
    held: dict[str, Any] = part.value["stream"].fields
    return held


def body(found: Recording) -> bytes:
    """The bytes that arrive."""
    return b"".join(piece for _, piece in answer(found)["pieces"])


def edited(body: bytes, *edits: Edit, **options: Any) -> Recording:
    """A recording of this answer with edits."""
    return mutate(streamed(body, **options), list(edits))


SPLIT = openai('{"label": "bil', 'ling", "conf', 'idence": 0.9}')


def test_the_texts_of_a_stream_are_found_by_shape() -> None:
    """Of OpenAI's form, of Anthropic's with a tool call, of lines of JSON; what the text holds, if it is JSON."""
    assert fields(streamed(SPLIT)) == {
        "text": LABEL, "json": {"label": "billing", "confidence": 0.9}, "finish_reason": "stop",
    }  # fmt: skip
    assert fields(streamed(anthropic("Hel", "lo", arguments=('{"queue"', ': "a"}')))) == {
        "text": "Hello", "arguments": '{"queue": "a"}', "input": {"queue": "a"}, "tool": "route",
        "finish_reason": "end_turn",
    }  # fmt: skip
    lines = b"".join(b'{"message":{"role":"assistant","content":"%b"}}\n' % each for each in (b"Hel", b"lo"))
    assert fields(streamed(lines, headers=[["content-type", "application/x-ndjson"]])) == {"text": "Hello"}


def test_answers_side_by_side_are_texts_of_their_own() -> None:
    """Two choices in one stream, told apart by their index; events that make no text have none."""
    chunks = [{"choices": [{"index": n % 2, "delta": {"content": f"{n}"}}]} for n in range(6)]
    found = Deltas("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)).fields
    assert found == {"text": "024", "text_2": "135"}
    ticks = "".join(f'data: {{"symbol": "A{n}", "price": "{n}"}}\n\n' for n in range(3))
    assert Deltas(ticks).fields == {}


def test_an_edited_text_is_written_back_into_its_events() -> None:
    """As many events, each written as it was; the last piece takes what is longer, and the length of none is lost."""
    edit = Edit("http[0].stream.json.label", "set", "facturación")
    found = edited(SPLIT, edit)
    assert fields(found)["json"] == {"label": "facturación", "confidence": 0.9}
    assert body(found).count(b"data: ") == SPLIT.count(b"data: ")
    assert str(edit) == 'http[0].stream.json.label: "facturaci\\u00f3n"'
    same = edited(SPLIT, Edit("http[0].stream.text", "set", LABEL + ""))
    assert body(same) == SPLIT
    shorter = edited(SPLIT, Edit("http[0].stream.text", "set", "{}"))
    assert body(shorter) == openai("{}", "", "")


def test_the_whole_said_once_more_at_the_end_stays_the_same_text() -> None:
    """Some streams close with the text that the pieces made."""
    events = [{"type": "output_text.delta", "delta": each} for each in ("Hel", "lo")]
    done = {"type": "output_text.done", "text": "Hello"}
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in [*events, done]).encode()
    assert b'"text": "Bye"' in body(edited(stream, Edit("http[0].stream.text", "set", "Bye")))


def test_pieces_keep_their_times_and_events() -> None:
    """A text that grows does so in the piece in which its event came."""
    before = [piece for _, piece in answer(streamed(SPLIT))["pieces"]]
    found = answer(edited(SPLIT, Edit("http[0].stream.text", "set", "x" * 500)))["pieces"]
    assert [offset for offset, _ in found] == [10, 20]
    assert found[0][1] != before[0]
    assert found[0][1].count(b"\n") == before[0].count(b"\n")


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("split", 3, [b"dat", b"a: 1\n\nda", b"ta: 2\n\n"]),
        ("chunks", 8, [b"data: 1\n", b"\ndata: 2", b"\n\n"]),
        ("together", None, [b"data: 1\n\ndata: 2\n\n"]),
        ("ends_at", 4, [b"data"]),
        ("without_piece", 1, [b"data: 1\n\n"]),
        ("repeat_piece", 0, [b"data: 1\n\ndata: 1\n\nda", b"ta: 2\n\n"]),
        ("swap_pieces", 0, [b"da", b"ta: 2\n\n", b"data: 1\n\n"]),
        ("late_piece", [1, 2.0], [b"data: 1\n\n", b"da", b"ta: 2\n\n"]),
        ("without_piece", 2, [b"data: 1\n\nda", b"ta: 2\n\n"]),
        ("ends_at", 400, [b"data: 1\n\nda", b"ta: 2\n\n"]),
        ("split", "x", [b"data: 1\n\nda", b"ta: 2\n\n"]),
    ],
)
def test_what_happens_to_pieces(name: str, argument: Any, expected: list[bytes]) -> None:
    """At any byte, of any event; what does not fit does nothing."""
    sent = b"data: 1\n\ndata: 2\n\n"
    found = recording(_in_pieces(sent[:11], sent[11:]))
    assert [piece for _, piece in answer(mutate(found, [Edit("http[0].stream", name, argument)]))["pieces"]] == expected


def _in_pieces(*pieces: bytes, client: str = "httpx", headers: Any = EVENTS) -> Interaction:
    from msgspec.structs import replace

    from replay.core.codec import encode

    made = http(b"".join(pieces), headers, client=client)
    stored = {**made.answer.decode(), "pieces": [[10 * n + 10, piece] for n, piece in enumerate(pieces)]}
    return replace(made, answer=encode(stored))


def test_a_late_piece_makes_the_answer_last_longer() -> None:
    """The pieces before it come as they came."""
    found = edited(b"data: 1\n\ndata: 2\n\n", Edit("http[0].stream", "late_piece", [1, 2.0]))
    assert [offset for offset, _ in answer(found)["pieces"]] == [10, 2_000_000_020]
    assert found.interactions[0].duration_ns == 2_000_000_005


@pytest.mark.parametrize("name", ["swap_pieces", "repeat_piece", "together", "chunks"])
def test_pieces_arrive_in_the_order_of_their_times(name: str) -> None:
    """Whatever was moved: what stands behind another piece comes no earlier than it."""
    found = recording(_in_pieces(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"))
    offsets = [offset for offset, _ in answer(mutate(found, [Edit("http[0].stream", name, 1)]))["pieces"]]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize(
    ("client", "end", "error"), [("httpx", "error", "httpx.RemoteProtocolError"), ("urllib3", "truncated", None)]
)
def test_a_stream_that_breaks_has_no_end(client: str, end: str, error: str | None) -> None:
    """After so many bytes or all of them; what the client then raises, where it does not see it itself."""
    for name, argument in (("breaks_at", 20), ("unterminated", None)):
        found = answer(edited(SPLIT, Edit("http[0].stream", name, argument), client=client))
        assert (found["end"], (found["error"] or {}).get("type")) == (end, error)


def test_a_stream_ends_with_an_error_event() -> None:
    """As the service in front of it sends them."""
    assert body(edited(SPLIT, Edit("http[0].stream", "error_after", 1))).endswith(b'"type":"server_error"}}\n\n')
    assert b"event: error\n" in body(edited(anthropic("a"), Edit("http[0].stream", "error_after", 2)))


def test_edits_of_texts_and_of_pieces_go_together() -> None:
    """Texts first, then what happens to them on their way; another body takes both."""
    edits = [Edit("http[0].stream", "without_piece", 5), Edit("http[0].stream.text", "set", "ok")]
    assert body(edited(SPLIT, *edits)) == openai("ok", "", "").replace(b"data: [DONE]\n\n", b"")
    both = [Edit("http[0].stream.text", "set", "ok"), Edit("http[0].body", "set", "plain")]
    assert body(edited(SPLIT, *both)) == b"plain"
    code = [Edit("http[0].stream.text", "set", "x"), Edit("http[0].stream.json.label", "set", "bug")]
    assert fields(edited(SPLIT, *code))["json"]["label"] == "bug"


def test_a_compressed_stream_is_encoded_as_it_was() -> None:
    """Its texts are edited, its pieces are those of the compressed bytes."""
    import gzip

    packed = gzip.compress(SPLIT)
    headers = [*EVENTS, ["Content-Encoding", "gzip"]]
    found = edited(packed, Edit("http[0].stream.text", "set", "ok"), headers=headers)
    assert gzip.decompress(body(found)) == openai("ok", "", "")
    assert body(edited(packed, Edit("http[0].stream", "ends_at", 9), headers=headers)) == packed[:9]


def test_a_chunked_body_that_is_no_stream_has_pieces() -> None:
    """One that came at once, or with a length, has none."""
    chunked = [["Content-Type", "application/json"], ["Transfer-Encoding", "chunked"]]
    found = edited(b'{"a": 1}', Edit("http[0].stream", "without_piece", 1), headers=chunked)
    assert body(found) == b'{"a"'
    part = Parts(streamed(b'{"a": 1}', headers=[["Content-Length", "8"]])).get("http[0]")
    assert part is not None
    assert "stream" not in part.value


@pytest.mark.parametrize("pieces", [["Hel", "lo"], [{"delta": {"text": "Hel"}}, {"delta": {"text": "lo"}}]])
def test_what_a_generator_yielded_makes_a_text_too(pieces: list[Any]) -> None:
    """Of texts, and of events; it is written back into them, and the rest stays as it was."""
    form = {"pieces": [[10 * n, piece] for n, piece in enumerate(pieces)], "returned": None, "error": None}
    found = recording(call(form))
    assert answer(mutate(found, [Edit("call[0].pieces", "reverse")]))["pieces"] == form["pieces"][::-1]
    made = answer(mutate(found, [Edit("call[0].stream.text", "set", "Goodbye")]))
    assert made.keys() == form.keys()
    assert json.dumps(made["pieces"]) == json.dumps(form["pieces"]).replace("Hel", "Goo").replace("lo", "dbye")
    assert answer(mutate(found, [Edit("call[0].stream", "chat", "empty")]))["pieces"][1] != form["pieces"][1]
    other = recording(call(form), call({**form, "pieces": [[5, "other"], [6, "!"]]}, seq=1))
    assert answer(mutate(other, [Edit("call[0]", "stale", 1)]))["pieces"] == [[5, "other"], [6, "!"]]
    own = recording(call({"stream": {"text": "Hello"}}))
    assert answer(mutate(own, [Edit("call[0].stream.text", "set", "x")])) == {"stream": {"text": "x"}}


ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    "x",
    "\ud800",
    b"\xff",
    [],
    [1],
    [0, 1e300],
    [0, "x"],
    {},
]


@pytest.mark.parametrize("sent", [SPLIT, anthropic("a", "b", arguments=("{", "}")), b"data: \xff\n\n", b": \n\n"])
def test_edits_of_streams_are_total(sent: bytes) -> None:
    """Whatever the argument: a recording whose stream can be opened again, or that ended in an error."""
    found = streamed(sent)
    for argument in ODD:
        edits = [Edit("http[0].stream", name, argument) for name in ACTS]
        edits += [Edit(f"http[0].stream.{name}", "set", argument) for name in ("text", "json", "tool", "none")]
        edits.append(Edit("http[0].stream", "set", argument))
        for edit in edits:
            made = mutate(found, [edit])
            assert made.interactions[0].state == "returned"
            assert all(type(piece) is bytes for _, piece in answer(made)["pieces"])
            mutate(made, edits)


def test_a_long_stream_has_few_places_and_is_edited_at_once() -> None:
    """Ten thousand deltas: as many places as of ten, an edit in less than a second."""
    found = streamed(openai(*(f"word{n} " for n in range(10_000))))
    assert sum(1 for _ in places(Parts(found), None, ())) < 15
    started = time.thread_time()
    mutate(found, [Edit("http[0].stream.text", "set", "x")])
    assert time.thread_time() - started < 5


def test_an_edited_stream_comes_back_from_a_bundle(tmp_path: Path) -> None:
    """With its edits, which give the same recording again; equal edits give equal digests."""
    edits = [Edit("http[0].stream.json.label", "set", "\ud800"), Edit("http[0].stream", "late_piece", [2, 31.0])]
    found = edited(SPLIT, *edits)
    assert found.digest == edited(SPLIT, *edits).digest
    write_bundle([found], tmp_path / "x.replay.db")
    back = next(iter(replay.open(tmp_path / "x.replay.db")))
    assert back == found
    assert mutate(streamed(SPLIT), read_edits(back.edits)) == found
