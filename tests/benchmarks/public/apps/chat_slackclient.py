"""Messages to a chat."""

from __future__ import annotations

import slack

import replay

ANSWER = b'{"ok": true, "channel": "C1", "ts": "1709634151.000100", "message": {"text": "deployed"}}'


@replay.capture
def announce(address: str, text: str) -> str:
    """Post a message; its time stamp."""
    client = slack.WebClient(token="xoxb-1", base_url=f"{address}/")
    return str(client.chat_postMessage(channel="C1", text=text)["ts"])


def record(address: str) -> None:
    announce(address, "deployed")
