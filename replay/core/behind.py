"""The error behind an answer. A web framework that answers 500 has caught what was raised, and the answer says nothing
of it: all errors of a service would be one failure, and a replay that fails of another one would be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay.core.codec import Gap, Value
from replay.errors import CodecError

if TYPE_CHECKING:
    from replay.core.recording import Outcome

_BEHIND = ',"error":{"$'
"""No string of an answer holds that: its quotes are escaped."""
_ANSWER = '{"status":'
_SHOWN = 200
"""Characters of an error."""
FAILED = 500
"""The status from which on an answer is an error of the service."""


def with_error(answer: Value, error: Value | None) -> Value:
    """An answer as it is recorded, with the error behind it under `error`; null: none was heard of. One that could not
    be encoded stays as it is."""
    if not answer.text.startswith(_ANSWER):
        return answer
    if error is None:
        return Value(f'{answer.text[:-1]},"error":null}}', answer.gaps)
    gaps = tuple(Gap("$.error" + each.path.removeprefix("$"), each.reason, each.type) for each in error.gaps)
    return Value(f'{answer.text[:-1]},"error":{error.text}}}', answer.gaps + gaps)


def error_behind(outcome: Outcome) -> Any:
    """The encoded error (`$error`) behind an answer of status 500 or more; None if there is none, or none is noted. It
    is asked of any outcome, those of a stranger's bundle too."""
    if outcome.state != "returned" or '"error":{' not in outcome.payload.text:
        return None
    try:
        tree = outcome.payload.tree
    except CodecError:  # shown as damaged where it is looked at
        return None
    status = tree.get("status") if isinstance(tree, dict) else None
    if type(status) is not int or status < FAILED or "headers" not in tree:
        return None
    error = tree.get("error")
    inner = error["$id"][1] if isinstance(error, dict) and _is_pair(error.get("$id")) else error
    return error if isinstance(inner, dict) and isinstance(inner.get("$error"), dict) else None


def apart(text: str) -> tuple[str, str]:
    """The text of an answer of status 500 or more, without the error behind it, and the start of that: its type and
    message, before its frames, whose lines move as the code changes. Of anything else all of it, and nothing."""
    head, _, error = text.partition(_BEHIND) if text.startswith(_ANSWER + "5") else (text, "", "")
    return head, error[:_SHOWN]


def type_of(error: Any) -> str | None:
    """`module.qualname` of what `error_behind` gives."""
    found = None if error is None else body_of(error).get("type")
    return found if isinstance(found, str) else None


def body_of(error: Any) -> dict[str, Any]:
    """The type, message and frames of what `error_behind` gives."""
    body: dict[str, Any] = (error["$id"][1] if "$id" in error else error)["$error"]
    return body


def notes_errors(outcome: Outcome) -> bool:
    """Whether it would say what error is behind it: older recordings do not."""
    tree = outcome.payload.tree if outcome.state == "returned" else None
    if not isinstance(tree, dict):
        return True
    status = tree.get("status")
    return type(status) is not int or status < FAILED or "error" in tree


def says_nothing(outcome: Outcome) -> bool:
    """Whether it is an answer of status 500 or more that no error was heard behind."""
    if outcome.state != "returned" or not outcome.payload.text.startswith(_ANSWER + "5"):
        return False
    return notes_errors(outcome) and error_behind(outcome) is None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
