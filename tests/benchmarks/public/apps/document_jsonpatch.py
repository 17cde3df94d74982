"""Documents that clients change with JSON Patch."""

from __future__ import annotations

from typing import Any

import jsonpatch

import replay


@replay.capture
def changed(document: dict[str, Any], patch: list[dict[str, Any]]) -> Any:
    """The document after a request of a client."""
    return jsonpatch.apply_patch(document, patch)


def record() -> None:
    changed({"title": "Plan", "tags": ["a"]}, [{"op": "add", "path": "/tags/1", "value": "b"}])
