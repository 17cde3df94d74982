"""Settings in TOML."""

from __future__ import annotations

import toml

import replay

BENIGN = '[[source]]\nurl = "https://packages.example/simple"\nverify_ssl = true\n\n[packages]\nflask = "*"\n'


@replay.capture
def sources(text: str) -> list[str]:
    """Where the packages of a lock file come from."""
    return [each["url"] for each in toml.loads(text).get("source", [])]


def record() -> None:
    sources(BENIGN)
