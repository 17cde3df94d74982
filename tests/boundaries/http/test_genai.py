"""Model calls read from what was recorded of real SDK runs."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.boundaries.http.genai import model_call, model_call_of
from replay.core.recording import ModelCall
from tests.boundaries.http.server import Server
from tests.boundaries.http.test_clients import anthropic_message, anthropic_stream, openai_chat
from tests.boundaries.http.worlds import new_tape, run_in


def recorded_call(server: Server, work: Any) -> ModelCall | None:
    tape = new_tape()
    run_in(tape, work, server.url)
    (interaction,) = tape.interactions()
    return model_call_of(interaction)


def openai_stream_read_whole(url: str) -> None:
    from tests.boundaries.http.test_clients import openai_stream

    openai_stream(url)


@pytest.mark.parametrize("work", [openai_chat, openai_stream_read_whole])
def test_openai_calls(server: Server, work: Any) -> None:
    """A chat completion, streamed or not, gives its model, tokens and reasons to finish."""
    assert recorded_call(server, work) == ModelCall(
        seq=0, operation_name="chat", provider_name="openai", request_model="m", response_model="fake-1",
        response_id="chat-1", input_tokens=7, output_tokens=2, finish_reasons=("stop",),
    )  # fmt: skip


@pytest.mark.parametrize("work", [anthropic_message, anthropic_stream])
def test_anthropic_calls(server: Server, work: Any) -> None:
    """A message, streamed or not, gives its model, tokens and reason to stop."""
    assert recorded_call(server, work) == ModelCall(
        seq=0, operation_name="chat", provider_name="anthropic", request_model="m", response_model="fake-a",
        response_id="msg-1", input_tokens=7, output_tokens=2, finish_reasons=("end_turn",),
    )  # fmt: skip


def request(url: str = "https://api.openai.com/v1/embeddings", body: bytes = b'{"model": "e"}') -> dict[str, Any]:
    return {"client": "httpx", "method": "POST", "url": url, "headers": [], "body": body}


def test_a_compressed_answer_is_read() -> None:
    """Bodies are stored as they came over the wire; the model call is read from what they say."""
    body = gzip.compress(b'{"model": "e-2", "usage": {"prompt_tokens": 5}}')
    answer = {"headers": [["Content-Encoding", "gzip"]], "pieces": [[0, body[:9]], [1, body[9:]]]}
    call = model_call(3, request(), answer)
    assert call is not None
    assert (call.operation_name, call.response_model, call.input_tokens, call.seq) == ("embeddings", "e-2", 5, 3)


def test_a_failed_call_is_still_a_call() -> None:
    """Without an answer there is what was asked."""
    call = model_call(0, request(), {"status": None, "error": {"type": "x"}})
    assert call is not None
    assert (call.request_model, call.response_model) == ("e", None)


def test_other_requests_are_no_model_calls() -> None:
    """A path that only looks alike, or a body without a model, is none."""
    assert model_call(0, request("https://shop/v1/messages", b'{"text": "hi"}'), {}) is None
    assert model_call(0, request("https://shop/embeddings2"), {}) is None


@given(st.binary(max_size=60), st.sampled_from(["application/json", "text/event-stream"]), st.binary(max_size=40))
def test_no_answer_breaks_it(body: bytes, kind: str, asked: bytes) -> None:
    """Whatever bytes a server or a client sent, the result is a call or None."""
    answer = {"headers": [["content-type", kind]], "pieces": [[0, b"data: " + body]]}
    assert model_call(0, request(body=asked), answer) is None or isinstance(asked, bytes)
    call = model_call(0, request(), answer)
    assert call is not None
