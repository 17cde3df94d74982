"""Calls of generative models, read from recorded HTTP exchanges in the OpenTelemetry GenAI names.

Understood: OpenAI-compatible `/chat/completions`, `/completions`, `/responses`, `/embeddings` and Anthropic
`/v1/messages`; JSON answers and event streams. What is malformed is left out; nothing here raises.
Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from replay.boundaries.http.bodies import header, json_of, undone
from replay.core.recording import Interaction, ModelCall

OPERATIONS = {
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/responses": "chat",
    "/embeddings": "embeddings",
    "/messages": "chat",
}
PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "openai.azure.com": "azure.ai.openai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}


def model_call_of(interaction: Interaction) -> ModelCall | None:
    """The model call that a recorded interaction is, or None. Decodes only what looks like one."""
    if interaction.boundary != "http" or not interaction.target.endswith(tuple(OPERATIONS)):
        return None
    try:
        return model_call(interaction.seq, interaction.request.decode(), interaction.answer.decode())
    except Exception:  # total: an interaction that does not decode is still kept
        return None


def model_call(seq: int, request: dict[str, Any], answer: dict[str, Any]) -> ModelCall | None:
    """The model call that the exchange `seq` is, or None. `request` and `answer` as `exchange` documents them."""
    try:
        return _model_call(seq, request, answer)
    except Exception:  # total: whatever a server sent, the recording is kept
        return None


def _model_call(seq: int, request: dict[str, Any], answer: dict[str, Any]) -> ModelCall | None:
    url = urlsplit(request["url"])
    operation = next((name for end, name in OPERATIONS.items() if url.path.endswith(end)), None)
    if operation is None or request["method"] != "POST":
        return None
    asked = json_of(undone(request["body"], header(request["headers"], "content-encoding")))
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str):
        return None
    found = _Found()
    for document in _documents(answer or {}):
        found.read(document)
    return ModelCall(
        seq=seq,
        operation_name=operation,
        provider_name=_provider(url.hostname or "", url.path),
        request_model=asked["model"],
        response_model=found.model,
        response_id=found.id,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        finish_reasons=tuple(found.finish_reasons),
    )


def _provider(host: str, path: str) -> str:
    for known, name in PROVIDERS.items():
        if host == known or host.endswith("." + known):
            return name
    return "anthropic" if path.endswith("/messages") else "openai"  # the dialect spoken


def _documents(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON objects of the answer: one, or one an event of the stream."""
    headers = answer.get("headers") or ()
    body = b"".join(data for _, data in answer.get("pieces") or ())
    if not answer.get("decoded"):
        body = undone(body, header(headers, "content-encoding"))
    if "event-stream" not in header(headers, "content-type").lower():
        document = json_of(body)
        if isinstance(document, dict):
            yield document
        return
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        document = json_of(b"\n".join(lines)) if lines else None
        if isinstance(document, dict):
            yield document


class _Found:
    """What the documents of one answer say, later ones first."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.id: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.finish_reasons: list[str] = []

    def read(self, document: dict[str, Any]) -> None:
        """Take what `document` has. OpenAI's `response` and Anthropic's `message` events hold it one level deeper."""
        for inner in (document, document.get("response"), document.get("message")):
            if isinstance(inner, dict):
                self._read(inner)
        delta = document.get("delta")
        if isinstance(delta, dict):
            self._finished(delta.get("stop_reason"))
        self._choices(document.get("choices"))

    def _read(self, document: dict[str, Any]) -> None:
        self.model = _text(document.get("model")) or self.model
        self.id = _text(document.get("id")) or self.id
        self._finished(document.get("stop_reason"))
        if document.get("object") == "response" and document.get("status") in ("completed", "incomplete", "failed"):
            self._finished(document["status"])
        usage = document.get("usage")
        if isinstance(usage, dict):
            self.input_tokens = _number(usage, "input_tokens", "prompt_tokens", self.input_tokens)
            self.output_tokens = _number(usage, "output_tokens", "completion_tokens", self.output_tokens)

    def _choices(self, choices: Any) -> None:
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._finished(choice.get("finish_reason"))

    def _finished(self, reason: Any) -> None:
        if isinstance(reason, str):
            self.finish_reasons.append(reason)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(usage: dict[str, Any], name: str, other: str, default: int | None) -> int | None:
    value = usage.get(name, usage.get(other))
    return value if type(value) is int else default
