"""Facts of a chat's team."""

from __future__ import annotations

import slack_sdk
from slack_sdk.errors import SlackApiError

import replay

ANSWER = b'{"ok": true, "team": {"id": "T1", "name": "shop", "domain": "shop"}}'


@replay.capture
def team(address: str) -> str:
    """The name of the team."""
    client = slack_sdk.WebClient(token="xoxb-1", base_url=f"{address}/")
    try:
        return str(client.team_info()["team"]["name"])
    except SlackApiError as error:
        return f"unknown: {error.response.get('error')}"


def record(address: str) -> None:
    team(address)
