"""Paths into plain values, as differences and known noise write them: `$.items[*].id`."""

from __future__ import annotations

import re
from typing import Any

DEEPEST = 40
"""Steps of a path."""
LONGEST = 500
"""Characters of a path."""
_STEP = re.compile(r"\.(<type>|[^\W\d]\w*)|\[(\*|\d{1,9}|b?'(?:[^'\\]|\\.)*'|b?\"(?:[^\"\\]|\\.)*\"|-?[\w.+-]+)\]")
Steps = tuple[Any, ...]


class _Any:
    """The step `[*]`: each item of a list."""

    def __repr__(self) -> str:
        return "*"


EACH = _Any()


def parse(path: str) -> Steps | None:
    """The steps of a path; None: it is none, or too long."""
    if not path.startswith("$") or len(path) > LONGEST:
        return None
    from ast import literal_eval  # not for services, which only capture

    steps: list[Any] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= DEEPEST:
            return None
        name, index = found[1], found[2]
        try:
            steps.append(name if name is not None else EACH if index == "*" else literal_eval(index))
        except (ValueError, SyntaxError):
            return None
        at = found.end()
    return tuple(steps)


def path_of(steps: Steps) -> str:
    """The path of steps, as differences write it."""
    out = "$"
    for step in steps:
        if isinstance(step, str) and (step.isidentifier() or step == "<type>"):
            out += f".{step}"
        else:
            out += f"[{step!r}]"
    return out.encode(errors="backslashreplace").decode()
