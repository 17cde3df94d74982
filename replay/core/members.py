"""What an exception group holds: its members say what failed, the group only where that was waited for.

Encoded errors here are mappings with `type`, `message`, `frames` and, of a group, `members` (what `$error` holds).
What does not have that form, in a stranger's bundle, is left out.
"""

from __future__ import annotations

from typing import Any

_DEEPEST = 20
"""Groups inside of groups that are opened."""
_MOST = 100
"""Members that are looked at."""


def leaves(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The errors in a group that are no groups themselves, in their order; none, if it is no group."""
    found: list[dict[str, Any]] = []
    todo = [(each, 1) for each in reversed(_inside(body))]
    while todo and len(found) < _MOST:
        each, deep = todo.pop()
        inside = _inside(each)
        if not inside:
            found.append(each)
        elif deep < _DEEPEST:
            todo += [(one, deep + 1) for one in reversed(inside)]
    return found


def types(body: dict[str, Any]) -> tuple[str, ...]:
    """Names of the members' types, each once, sorted: which of two tasks failed first is chance."""
    return tuple(sorted({str(each.get("type", "?")) for each in leaves(body)}))


def way(body: dict[str, Any]) -> list[Any]:
    """The frames of an error, outermost first; of a group, those of its first member behind its own."""
    found: list[Any] = []
    for _ in range(_DEEPEST):
        frames = body.get("frames")
        found += frames if isinstance(frames, list) else []
        inside = _inside(body)
        if not inside:
            break
        body = inside[0]
    return found


def _inside(body: dict[str, Any]) -> list[dict[str, Any]]:
    held = body.get("members")
    opened = (_opened(each) for each in held[:_MOST]) if isinstance(held, list) else ()
    return [each for each in opened if each is not None]


def _opened(node: Any) -> dict[str, Any] | None:
    """What an encoded error holds, be it numbered or not."""
    numbered = node.get("$id") if isinstance(node, dict) else None
    if isinstance(numbered, list) and len(numbered) == 2:
        node = numbered[1]
    body = node.get("$error") if isinstance(node, dict) else None
    return body if isinstance(body, dict) else None
