"""A language model's answer in a given form."""

from __future__ import annotations

from openai import OpenAI
from pydantic import BaseModel

import replay

ANSWER = (
    b'{"id": "resp_1", "object": "response", "created_at": 1709634151, "status": "completed", "model": "m-1",'
    b'"output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content":'
    b'[{"type": "output_text", "text": "{\\"title\\": \\"Sale\\"}", "annotations": []}]}],'
    b'"parallel_tool_calls": true, "tool_choice": "auto", "tools": []}'
)


class Summary(BaseModel):
    title: str


@replay.capture
def summary(address: str, text: str) -> str:
    """The title that the model finds."""
    client = OpenAI(base_url=address, api_key="k", max_retries=0)
    answer = client.responses.parse(model="m-1", input=text, text_format=Summary)
    return answer.output_parsed.title if answer.output_parsed is not None else ""


def record(address: str) -> None:
    summary(address, "The sale begins on Monday.")
