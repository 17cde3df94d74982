"""Arrays and tables: their types and sizes stay; a column's name says what it holds."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay.core.redaction.marks import Path
    from replay.core.redaction.sweep import Sweep

TAGS = frozenset({"$ndarray", "$npscalar", "$series", "$dataframe", "$index"})
_TEXTS = ("S", "U", "V")
"""Letters of NumPy's types of texts and raw bytes."""
Fields = list[tuple[str | None, str]]
"""Of an array's items: name (None: they have no parts) and NumPy's code of the type."""
_SIZE = re.compile(r"\d+")


def redacted(sweep: Sweep, tag: str, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    """The stored body without secrets; the same object where nothing changes."""
    if tag in ("$ndarray", "$npscalar"):
        return _array(sweep, body, path, kind)
    if tag == "$index":
        return _index(sweep, body, path, kind)
    index = sweep.tree(body["index"], path)
    if tag == "$series":
        name = body["name"]
        return {
            **body,
            "index": index,
            "name": sweep.leaf(name, path, None, mark=False) if type(name) is str else name,
            "values": _column(sweep, body["values"], path, sweep.kind_of(body["name"]) or kind),
        }
    names = body["columns"]["$index"].get("values", {}).get("items", ())
    names = [*names, *[None] * len(body["values"])]
    columns = [
        _column(sweep, held, (*path, name if type(name) is str else at), sweep.kind_of(name) or kind)
        for at, (name, held) in enumerate(zip(names, body["values"], strict=False))
    ]
    return {**body, "index": index, "columns": sweep.tree(body["columns"], path), "values": columns}


def _array(sweep: Sweep, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    """Numbers stay; texts keep their sizes; raw bytes under a name that says that they are secret are blank; objects
    are like a column's."""
    if "items" in body:
        return _column(sweep, body, path, kind)
    if "data" not in body:
        return body
    data, dtype = body["data"], body["dtype"]
    fields: Fields = [(None, dtype)] if type(dtype) is str else [(str(name), str(code)) for name, code in dtype]
    if any(code[1:2] in _TEXTS for _, code in fields):
        made = b64encode(_cells(sweep, b64decode(data), fields, path, kind)).decode()
    else:
        made = sweep.masked(data)
    return body if made == data else {**body, "data": made}


def _cells(sweep: Sweep, data: bytes, fields: Fields, path: Path, kind: str | None) -> bytes:
    """The bytes of an array whose items are texts, or have such parts."""
    out, at = [], 0
    while at < len(data):
        for name, code in fields:
            size = int(_SIZE.findall(code)[0]) * (4 if code[1] == "U" else 1)
            cell, at = data[at : at + size], at + size
            inner = sweep.kind_of(name) or kind
            made = _cell(sweep, cell, code, path if name is None else (*path, name), inner)
            out.append(made[:size].ljust(size, b"\0"))
    return b"".join(out)


def _cell(sweep: Sweep, cell: bytes, code: str, path: Path, kind: str | None) -> bytes:
    if code[1] == "S":
        return sweep.data(cell.rstrip(b"\0"), path, kind)
    if code[1] == "V":
        return bytes(len(cell)) if kind else sweep.data(cell, path, None)
    if code[1] != "U":
        return cell
    charset = "utf-32-be" if code[0] == ">" else "utf-32-le"
    text = cell.decode(charset, "surrogatepass").rstrip("\0")
    return sweep.leaf(text, path, kind).encode(charset, "surrogatepass")


def _index(sweep: Sweep, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    out = dict(body)
    kinds = [sweep.kind_of(name) or kind for name in body.get("names", ())]
    if "values" in body:
        out["values"] = _column(sweep, body["values"], path, kinds[0] if kinds else kind)
    if "levels" in body:
        out["levels"] = [
            _column(sweep, each, path, kinds[at] if at < len(kinds) else kind) for at, each in enumerate(body["levels"])
        ]
    return out


def _column(sweep: Sweep, held: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
    if "items" in held:
        return {**held, "items": [sweep.tree(each, (*path, at), kind) for at, each in enumerate(held["items"])]}
    if "categories" in held:
        return {**held, "categories": _column(sweep, held["categories"], path, kind)}
    return {name: sweep.tree(item, path, kind) if name == "array" else item for name, item in held.items()}
