"""What operators do to a value. Small pure functions of `(value, argument)`, by name; Unfit where they do not fit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from replay.core.changes import Gone, Renamed, Twice
from replay.core.faults import KINDS, Fault, Slow
from replay.core.messages import PACKINGS, Packed, Verbatim, as_json
from replay.core.opened import Unfit
from replay.core.surroundings import Jump
from replay.engine.operators.site import Change

LARGEST = 1 << 24
"""Characters or items that an edit makes."""
SLOWEST = 7 * 86400.0
"""Seconds that an answer is made to wait."""
FARTHEST = 366 * 86400.0
"""Seconds that the clock is put on within the work."""
ERROR_BODY = {"error": {"message": "The request could not be handled."}}
HTML_BODY = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


def as_text(value: Any) -> str:
    """Text; of other data its JSON, as a body holds it."""
    return value if type(value) is str else as_json(value).decode()


def _like(value: Any, text: str) -> Any:
    """Changed text, as the value's kind: what was data becomes a body that stands as it is."""
    return text if type(value) is str else Verbatim(text.encode("utf-8", "surrogatepass"))


def _set(value: Any, new: Any) -> Any:
    return new


def _drop(value: Any, _: Any) -> Any:
    return Gone()


def _rename(value: Any, name: str) -> Any:
    return Renamed(_text(name))


def _twice(value: Any, _: Any) -> Any:
    return Twice()


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Unfit("no text")
    return value


def _items(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise Unfit("no list")
    return value


def _mapping(value: Any) -> dict[Any, Any]:
    if type(value) is not dict:
        raise Unfit("no mapping")
    return value


def _pad(value: Any, around: list[str]) -> Any:
    return f"{around[0]}{_text(value)}{around[1]}"


def _put(value: Any, what: list[Any]) -> Any:
    """Put a text in, at a character."""
    at, text = what
    whole = as_text(value)
    return _like(value, whole[:at] + text + whole[at:])


def _case(value: Any, name: str) -> Any:
    if name not in ("upper", "lower", "title", "swapcase"):
        raise Unfit("no such case")
    return getattr(_text(value), name)()


def _long(value: Any, what: list[Any]) -> Any:
    """A text of so many characters."""
    size, character = what
    if not 0 <= size <= LARGEST or len(character) > 8:
        raise Unfit("too long")
    return character * size


def _cut(value: Any, at: int) -> Any:
    """Keep so many characters, bytes or items; less than none: leave so many out at the end."""
    if isinstance(value, list | tuple | bytes):
        return value[:at]
    return _like(value, as_text(value)[:at])


def _replace(value: Any, what: list[str]) -> Any:
    before, after = what
    whole = as_text(value)
    if before not in whole:
        raise Unfit("not in it")
    return _like(value, whole.replace(before, after))


def _mangle(value: Any, how: str) -> Any:
    """Text read in another encoding than it was written in."""
    whole = _text(value).encode("utf-8", "surrogatepass")
    if how == "latin-1":
        return whole.decode("latin-1")
    if how == "utf-8 cut":
        return whole[:-1].decode("utf-8", "replace") if not whole.isascii() else whole.decode() + "\ufffd"
    raise Unfit("no such mistake")


def _recode(value: Any, how: str) -> Any:
    """A whole body in another encoding than it says, or with bytes that are no text."""
    whole = as_text(value)
    if how == "broken":
        data = whole.encode("utf-8", "surrogatepass")
        return Verbatim(data[: len(data) // 2] + b"\xff" + data[len(data) // 2 :])
    if how == "latin-1" and whole.isascii():
        raise Unfit("the same in both")
    if how not in ("latin-1", "utf-16"):
        raise Unfit("no such encoding")
    return Verbatim(whole.encode(how, "replace"))


def _splice(value: Any, other: str) -> Any:
    """The first half of a text, then the second of another."""
    whole = _text(value)
    return whole[: len(whole) // 2] + _text(other)[len(other) // 2 :]


def _packing(value: Any, how: str) -> Any:
    """An answer whose compression is not what its headers say."""
    if how not in PACKINGS or "body" not in _mapping(value) or "status" not in value:
        raise Unfit("no answer with a body, or no such damage")
    headers = value["headers"]
    if how == "not said":
        headers = {name: item for name, item in headers.items() if name != "content-encoding"}
    elif how == "only said":
        headers = {**headers, "content-encoding": "gzip"}
    return {**value, "headers": headers, "body": Packed(value["body"], how)}


def _many(value: Any, count: int) -> Any:
    """The items of a list so many times."""
    if len(_items(value)) * count > LARGEST:
        raise Unfit("too long")
    return value * count


def _extend(value: Any, items: list[Any]) -> Any:
    """More items at the end of a list."""
    return value + type(_items(value))(items)


def _reverse(value: Any, _: Any) -> Any:
    return _items(value)[::-1]


def _first(value: Any, _: Any) -> Any:
    """The first item in place of its list."""
    return _items(value)[0]


def _listed(value: Any, _: Any) -> Any:
    """A list of the value."""
    return [value]


def _wrap(value: Any, name: str) -> Any:
    """The value, below a name."""
    return {name: value}


def _add(value: Any, what: list[Any]) -> Any:
    name, item = what
    return {**_mapping(value), name: item}


def _swap(value: Any, names: list[Any]) -> Any:
    one, two = names
    found = _mapping(value)
    return {key: found[two] if key == one else found[one] if key == two else item for key, item in found.items()}


def _resize(value: Any, size: int) -> Any:
    """Numbers of another count: the last is repeated, or they end early."""
    items = _items(value)
    if not 0 <= size <= LARGEST:
        raise Unfit("too long")
    return (list(items) + [items[-1]] * max(0, size - len(items)))[:size]


def _scale(value: Any, factor: float) -> Any:
    """All numbers of a mapping or list times a factor."""
    if isinstance(value, list | tuple):
        return type(value)(item * factor if type(item) in (int, float) else item for item in value)
    found = _mapping(value)
    return {key: item * factor if type(item) in (int, float) else item for key, item in found.items()}


def _duplicate_key(value: Any, what: list[Any]) -> Any:
    """JSON text in which a key stands twice; readers take the last."""
    name, item = what
    whole = as_text(_mapping(value))
    if name not in value:
        raise Unfit("no such key")
    return Verbatim(whole[:-1].encode() + b"," + as_json({name: item})[1:])


def _fault(value: Any, kind: str) -> Any:
    if kind not in KINDS:
        raise Unfit("no such fault")
    return Fault(kind)  # type: ignore[arg-type]


def _slow(value: Any, seconds: float) -> Any:
    """The same answer, so many seconds later."""
    if not 0 < seconds <= SLOWEST:
        raise Unfit("no such delay")
    return Slow(int(seconds * 1e9))


def _jump(value: Any, seconds: float | None) -> Any:
    """The clock moves by so many seconds between two moments of the work; None: to the next day."""
    if seconds is not None and not 0 < abs(seconds) <= FARTHEST:
        raise Unfit("no such jump")
    return Jump(None if seconds is None else int(seconds * 1e9))


def _answer(value: Any, what: list[Any]) -> Any:
    """An HTTP answer of another status, with or without Retry-After."""
    status, retry_after = what
    answer = {**_mapping(value), "status": status, "headers": dict(value["headers"])}
    if retry_after is not None:
        answer["headers"]["retry-after"] = retry_after
    if "body" in answer:
        if status in (204, 304):
            del answer["body"]
        else:
            answer["body"] = ERROR_BODY if isinstance(answer["body"], dict | list) else "error"
    return answer


def _html(value: Any, status: int | None) -> Any:
    """A page of a proxy in place of the answer, with its status or with the answer's."""
    headers = {**_mapping(value)["headers"], "content-type": "text/html"}
    return {**value, "status": status or value["status"], "headers": headers, "body": Verbatim(HTML_BODY)}


def _empty_page(value: Any, more: bool) -> Any:
    """A page without items: lists are empty, whatever says that there is more says so (or not)."""
    if type(value) is dict:
        return {key: more if _says_more(key) and type(item) is bool else _empty_page(item, more)
                for key, item in value.items()}  # fmt: skip
    return [] if type(value) is list else value


def _says_more(key: Any) -> bool:
    return type(key) is str and re.sub(r"[^a-z]", "", key.lower()) in ("hasmore", "hasnext", "more", "hasnextpage")


def _at(value: Any, when: str) -> Any:
    """A point in time, ISO 8601 UTC, as nanoseconds since the epoch."""
    moment = datetime.fromisoformat(when)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


CHANGES: dict[str, Change] = {
    "set": _set,
    "drop": _drop,
    "rename": _rename,
    "twice": _twice,
    "pad": _pad,
    "put": _put,
    "case": _case,
    "long": _long,
    "cut": _cut,
    "replace": _replace,
    "mangle": _mangle,
    "recode": _recode,
    "splice": _splice,
    "packing": _packing,
    "many": _many,
    "extend": _extend,
    "reverse": _reverse,
    "first": _first,
    "listed": _listed,
    "wrap": _wrap,
    "add": _add,
    "swap": _swap,
    "resize": _resize,
    "scale": _scale,
    "duplicate_key": _duplicate_key,
    "fault": _fault,
    "slow": _slow,
    "jump": _jump,
    "answer": _answer,
    "html": _html,
    "empty_page": _empty_page,
    "at": _at,
}
"""By the name that an edit has; a name is never given another meaning."""
