"""Arrays and tables: their types and sizes stay; a column's name says what it holds."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay.core.redaction.secrets import Path
    from replay.core.redaction.sweep import Sweep

TAGS = frozenset({"$ndarray", "$npscalar", "$series", "$dataframe", "$index"})
_TEXTS = ("S", "U", "V")
"""Letters of NumPy's types of texts and raw bytes."""


def redacted(sweep: Sweep, tag: str, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    """The stored body without secrets; the same object where nothing changes."""
    if tag in ("$ndarray", "$npscalar"):
        return _array(sweep, body, path, kind)
    if tag == "$index":
        return _index(sweep, body, path, kind)
    index = sweep.tree(body["index"], path)
    if tag == "$series":
        return {
            **body,
            "index": index,
            "values": _column(sweep, body["values"], path, sweep.kind_of(body["name"]) or kind),
        }
    names = body["columns"]["$index"].get("values", {}).get("items", ())  # like the names of a record they stay
    names = [*names, *[None] * len(body["values"])]
    columns = [
        _column(sweep, held, (*path, name if type(name) is str else at), sweep.kind_of(name) or kind)
        for at, (name, held) in enumerate(zip(names, body["values"], strict=False))
    ]
    return {**body, "index": index, "values": columns}


def _array(sweep: Sweep, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    """Numbers stay; texts under a name that says that they are secret are blank, of the same sizes. Objects are like a
    column's."""
    if "items" in body:
        return _column(sweep, body, path, kind)
    if "data" not in body:
        return body
    data = body["data"]
    if kind and type(body["dtype"]) is str and body["dtype"][1:2] in _TEXTS:
        made = b64encode(bytes(len(b64decode(data)))).decode()
        sweep.mark(path, data, made, kind)
    else:
        made = sweep.masked(data)
    return body if made == data else {**body, "data": made}


def _index(sweep: Sweep, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    out = dict(body)
    if "values" in body:
        out["values"] = _column(sweep, body["values"], path, kind)
    if "levels" in body:
        out["levels"] = [_column(sweep, each, path, kind) for each in body["levels"]]
    return out


def _column(sweep: Sweep, held: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    if "items" in held:
        return {**held, "items": [sweep.tree(each, (*path, at), kind) for at, each in enumerate(held["items"])]}
    if "categories" in held:
        return {**held, "categories": _column(sweep, held["categories"], path, kind)}
    return {name: sweep.tree(item, path, kind) if name == "array" else item for name, item in held.items()}
