"""OpenAPI documents that the configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from replay.errors import UsageError


def documents(paths: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """The documents, read. Raises UsageError (`config`) for what is none."""
    return tuple(_read(path) for path in paths)


@lru_cache(maxsize=32)
def _read(path: str) -> dict[str, Any]:
    import yaml  # vcrpy brings it; JSON is YAML too

    where = f"`contracts` in [tool.replay-harness] names {path}"
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{where}, which cannot be read: {error}", slug="config") from error
    if not isinstance(found, dict) or not isinstance(found.get("paths"), dict):
        raise UsageError(f"{where}, which is no OpenAPI document: it has no `paths`", slug="config")
    return found
