"""One walk over a recorded value that finds secrets and puts pseudonyms in their place.

Walked twice: the first time to learn every secret, the second time to mask each of them everywhere, wherever it was
found. What is walked is the stored tree (`replay.core.codec`) and what its texts hold (`texts`).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from replay.core.families.scalars import raw
from replay.core.parameters import Shifted
from replay.core.redaction import beside, bodies, streams, tables
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import Path
from replay.core.redaction.needles import SHORTEST
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Rules
from replay.core.redaction.tabled import ROWS
from replay.core.redaction.together import Together

_MANTISSA = re.compile(r"(-?)(\d[\d.]*+)(.*)")
_VERBATIM = frozenset(
    {"$ref", "$opaque", "$single", "$timezone", "$zoneinfo", "$timedelta", "$float", "$range", "$complex", "$time",
     "$fraction", "$pandas", "$timestamp", "$pdtimedelta", "$period", "$class"}
)  # fmt: skip
_TEXTS = frozenset({"$uuid", "$date", "$datetime", "$decimal", "$int"})
_PAIRS = frozenset({"$dict", "$ordereddict", "$counter", "$namespace"})
_MAPPINGS = frozenset({"dict", "OrderedDict", "defaultdict", "Counter"})
_OF_THE_FORM = frozenset({"factory", "maxlen", "dtype", "shape", "type", "base", "reason", "size", "range", "ordered"})
"""Parts of tagged values that say how they are built, not what they hold."""


_READ_ON = (str, dict, list)
"""Types of what may hold pieces of a text."""
_FIRST = 16


class Sweep(Together):
    """The walk."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        super().__init__(rules, pseudonyms, pause)
        self.cuts: dict[Path, str] = {}
        """Path of a body that cannot be looked into, and so is not kept -> why."""

    def tree(self, node: Any, path: Path = (), kind: str | None = None) -> Any:
        """A stored tree without secrets; the same object where nothing changes."""
        sort = type(node)
        if sort is str:
            return self.leaf(node, path, kind)
        if sort is int or sort is float:
            return self.number(node, path, kind)
        if sort is list:
            if node and _is_pairs(node):
                items = [self._pair(each, (*path, each[0])) for each in node]
            else:
                items = self._items(node, path, kind)
            return self._across(node, items, path)
        if sort is not dict:
            return node
        tag = next(iter(node), "")
        if tag[:1] == "$" and len(node) == 1:
            return self._tagged(tag, node[tag], node, path, kind)
        return self._mapping(node, path, kind)

    def _items(self, node: list[Any], path: Path, kind: str | None, names: Sequence[str] = ()) -> list[Any]:
        """The items of a list; what stands before one may say what it is. `names`: of arguments."""
        if node and all(map(_is_two, node)):
            return [self._two(each, (*path, at), kind) for at, each in enumerate(node)]
        if not names and (rows := self.rows(node, self.tree, lambda at: (*path, at), kind)) is not None:
            return rows
        if not names and kind is None and (lines := self._lines_of_bytes(node, path)) is not None:
            return lines
        said = beside.options(node, self.kind_of)
        if isinstance(names, Shifted):
            said |= self._shifted(node, names)
        else:
            pairs = enumerate(zip(names, node, strict=False))
            said |= {at: found for at, pair in pairs if (found := self._rules.kind_of(*pair))}
        statement = beside.columns(node)
        return [
            self.parameter(self.tree, item, statement[1], at - statement[0] - 1, (*path, at), said.get(at, kind))
            if statement is not None and at > statement[0]
            else self.tree(item, (*path, at), said.get(at, kind))
            for at, item in enumerate(node)
        ]

    def _lines_of_bytes(self, node: list[Any], path: Path) -> list[Any] | None:
        """A long list of bytes, each of which is a line of text; None of any other."""
        if len(node) < ROWS or not all(map(_is_bytes, node)):
            return None
        texts = [each.get("$bytes") for each in node]
        if not all(
            type(text) is str and text.isprintable() and not bodies.form_of(text[:2].encode()) for text in texts
        ):
            return None
        made = self.together(texts, lambda at: (*path, at), 0, lambda at: self.leaf(texts[at], (*path, at), None))
        if made is None:
            return None
        return [each if new == text else raw(new.encode()) for each, text, new in zip(node, texts, made, strict=True)]

    def _shifted(self, args: list[Any], names: Sequence[str]) -> dict[int, str]:
        """Of arguments of which each text may be what any of these names says."""
        kinds = sorted(filter(None, map(self._rules.kind_of, names)), key=PERSONAL.__contains__)
        if not kinds:
            return {}
        texts = {at: item for at, item in enumerate(args) if type(item) is str or _is_bytes(item)}
        return {at: kinds[0] for at, item in texts.items() if kinds[0] not in PERSONAL or " " not in _text_of(item)}

    def _two(self, each: Any, path: Path, kind: str | None) -> Any:
        """A name and its value, as headers are given."""
        pair = each["$tuple"] if type(each) is dict else each
        name, value = map(_text_of, pair)
        said = self.kind_of(name, value)
        if said is not None and beside.is_name(value, said, self.kind_of):
            said = None
        made = [self.tree(pair[0], (*path, 0), kind), self.tree(pair[1], (*path, 1), said or kind)]
        return made if pair is each else {"$tuple": made}

    def _across(self, node: list[Any], items: list[Any], path: Path) -> list[Any]:
        """A list without the secrets that only several of its items show: a model's words, as they came, alone or with
        what is said of each."""
        if len(items) < 2 or not (self._needles or _may_flow(node)) or self._rules.allows(path):
            return items

        def note(steps: Path, before: str, after: str) -> None:
            self.mark((*path, *_untagged(steps)), before, after, None)

        def read_on(before: list[Any], after: list[Any]) -> list[Any]:
            return streams.joined(
                before, after, self.whole, self.known, note, self.document, self.spans, of_rows=self.masked
            )

        if not all(map(_is_bytes, node)):
            return read_on(node, items)
        before, after = ([_bytes_of(each) for each in some] for some in (node, items))
        made = bodies.read_on(before, after, read_on)
        return items if made is after else list(map(raw, made))

    def arguments(self, node: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The arguments of a call whose parameters have these names."""
        out = self._mapping({name: item for name, item in node.items() if name != "args"}, (), None)
        args = self._items(node["args"], ("args",), None, names)
        return {name: args if name == "args" else out[name] for name in node}

    def _mapping(self, node: dict[str, Any], path: Path, kind: str | None, *, plain: bool = False) -> dict[str, Any]:
        if not plain and type(node.get("headers")) is list and ("pieces" in node or "body" in node):
            return self._message(node, path)
        if not plain and (table := self.members(node, self.tree, path, kind)) is not None:
            return table
        out: dict[str, Any] = {}
        value, said = beside.named(node, self.kind_of) or ("", None)
        of_key = beside.of_key(node)
        statement = beside.columns([*node.values()])
        for at, (name, item) in enumerate(node.items()):
            here = (*path, name)
            inner = self.kind_in(name, item, path, kind) or (said if name == value else None)
            inner = inner or ("private-key" if name in of_key else None)
            key = name if len(name) < SHORTEST else self.key(name, path)
            if statement is not None and at > statement[0] and type(item) in (list, dict):
                out[key] = self.parameter(self.tree, item, statement[1], 0, here, inner)
            else:
                out[key] = self.tree(item, here, inner)
        if not plain and type(out.get("pieces")) is list and "returned" in out:
            out["pieces"] = self._streamed(node["pieces"], out["pieces"], path)
        return out

    def _streamed(self, before: list[Any], pieces: list[Any], path: Path) -> list[Any]:
        """The pieces of a generator without what only several show together."""
        if not _are_pieces(pieces):
            return streams.joined(before, pieces, self.whole, self.known, document=self.document, spans=self.spans)
        datas = [_bytes_of(each[1]) for each in pieces]
        for each, data in zip(pieces, bodies.cut(datas, self.data(b"".join(datas), path, None)), strict=True):
            each[1] = raw(data)
        return pieces

    def _tagged(self, tag: str, body: Any, node: Any, path: Path, kind: str | None) -> Any:
        if tag in ("$bytes", "$base64"):
            data = body.encode() if tag == "$bytes" else b64decode(body)
            changed = self.data(data, path, kind)
            return node if changed == data else raw(changed)
        if tag in _VERBATIM and (tag != "$opaque" or "fields" not in body):
            return node
        if tag in _TEXTS:
            if type(body) is str:
                made = self.masked(body)
                if kind and not self._rules.allows(path):
                    made = self._scalar(tag, body, kind)
                self.mark(path, body, made, kind)
                return node if made == body else {tag: made}
            return node if kind != "birth" else {tag: {**body, "at": self.value(body["at"], kind)}}
        if tag == "$str":
            text = b64decode(body).decode(errors="surrogatepass")
            made = self.leaf(text, path, kind)
            return node if made == text else {tag: b64encode(made.encode(errors="surrogatepass")).decode()}
        if tag == "$id":
            return {tag: [body[0], self.tree(body[1], path, kind)]}
        if tag in _PAIRS:
            return {tag: [self._item(pair, path, kind) for pair in body]}
        if tag == "$defaultdict":
            return {tag: {**body, "items": [self._item(pair, path, kind) for pair in body["items"]]}}
        if tag == "$path":
            return {tag: {**body, "path": self.tree(body["path"], path, kind)}}
        if tag in tables.TAGS:
            return {tag: tables.redacted(self, tag, body, path, kind)}
        if tag == "$error":
            return {
                tag: {
                    n: self._named(item) if n in ("type", "class", "base") else self.tree(item, (*path, n))
                    for n, item in body.items()
                }
            }
        if tag in ("$object", "$anew", "$opaque"):
            kind = None  # what `self.auth_client` holds is a client, whose own attributes have names
        if tag == "$subclass":
            return {tag: self._subclass(body, path, kind)}
        if type(body) is dict and type(body.get("fields")) is dict:
            return {tag: {name: self._field(name, item, path, kind) for name, item in body.items()}}
        if type(body) is dict and not _OF_THE_FORM.isdisjoint(body):
            return {tag: {n: item if n in _OF_THE_FORM else self.tree(item, path, kind) for n, item in body.items()}}
        return {tag: self.tree(body, path, kind)}

    def _named(self, item: Any) -> Any:
        """The name of a class: only what is a secret in other places."""
        return self.masked(item) if type(item) is str else item

    def _subclass(self, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
        """Of a class of the application that is a dict, a list, a text."""
        if body["base"] in _MAPPINGS:
            if kind == "signature":
                kind = None  # that of a task (Celery), not of bytes: its members have names
            items: Any = [self._item(pair, path, kind) for pair in body["items"]]
        else:
            items = self.tree(body["items"], path, kind)
        return {**body, "items": items, "fields": self._mapping(body["fields"], path, kind, plain=True)}

    def _field(self, name: str, item: Any, path: Path, kind: str | None) -> Any:
        """One part of a stored record: its fields, its type, what else there is."""
        if name == "fields":
            return self._mapping(item, path, kind, plain=True)
        return item if name == "type" else self.tree(item, (*path, name))

    def _scalar(self, tag: str, body: str, kind: str) -> str:
        """Of the same type."""
        if tag == "$int":
            number = int(body, 16) if "0x" in body else int(body)
            made = body if body in self.known else str(self._pseudonyms.number(number))
            self.learn(body, made, kind)
            return made
        if tag != "$decimal":
            return self.value(body, kind)
        found = _MANTISSA.fullmatch(body)  # none: it is not finite
        return found[1] + self.value(found[2], kind) + found[3] if found else body

    def _item(self, pair: Any, path: Path, kind: str | None) -> Any:
        key, item = pair
        name = key if type(key) is str else key.get("$bytes") if type(key) is dict else None
        inner = (self._rules.kind_of(name, item) if name else None) or kind
        return [self.tree(key, path), self.tree(item, (*path, name if name is not None else "?"), inner)]

    def _pair(self, pair: list[str], path: Path) -> list[str]:
        name, value = pair
        shown = name if len(name) < SHORTEST else self.leaf(name, path[:-1], None, mark=False)
        return [shown, self.header(name, value, path)]

    # Messages -------------------------------------------------------------------------------------------------

    def _message(self, node: dict[str, Any], path: Path) -> dict[str, Any]:
        """An HTTP message: a request that was sent or received, an answer."""
        out: dict[str, Any] = {}
        headers = node["headers"]
        found = {str(each[0]).lower(): str(each[1]) for each in headers if type(each) is list and len(each) == 2}
        encoding = "" if node.get("decoded") else found.get("content-encoding", "")
        sizes: tuple[int, int] | None = None
        dropped = 0
        for name, item in node.items():
            here = (*path, name)
            if name == "pieces" and _are_pieces(item):
                datas = [_bytes_of(each[1]) for each in item]
                made = self._pieces(datas, found.get("content-type", ""), encoding, (*path, "body"))
                if datas and not made:
                    item = []
                    out["dropped"] = dropped = sum(map(len, datas))
                elif made is not datas:
                    sizes = sum(map(len, datas)), sum(map(len, made))
                    item = [[each[0], raw(data)] for each, data in zip(item, made, strict=True)]
                out[name] = item
            elif name == "body":
                out[name], sizes = self._body(item, found.get("content-type", ""), encoding, here, sizes)
            elif name == "url" and type(item) is str:
                out[name] = self.url(item, path)
            elif name in ("query_string", "raw_path") and (type(item) is str or _is_bytes(item)):
                data = _bytes_of(item) if type(item) is dict else item.encode("latin-1", "replace")
                text = data.decode("latin-1")
                changed = self.form(text, (*path, "query")) if name == "query_string" else self.leaf(text, here, None)
                out[name] = (
                    item if changed == text else raw(changed.encode("latin-1")) if type(item) is dict else changed
                )
            elif name in ("client", "remote_addr") and type(item) is list and item and type(item[0]) is str:
                out[name] = [self.leaf(item[0], here, "ip"), *item[1:]]
            elif name == "dropped" and dropped:
                pass
            else:
                out[name] = self.tree(item, here, self._rules.kind_of(name))
        if sizes is not None and sizes[0] != sizes[1]:
            out["headers"] = [
                [pair[0], str(sizes[1])]
                if _is_pair(pair) and pair[0].lower() == "content-length" and pair[1].strip() == str(sizes[0])
                else pair
                for pair in out["headers"]
            ]
        return out

    def _body(self, item: Any, kind: str, encoding: str, path: Path, sizes: Any) -> tuple[Any, Any]:
        chunks = item if type(item) is list else [item]
        if not all(map(_is_bytes, chunks)):
            return self.tree(item, path), sizes
        datas = [_bytes_of(each) for each in chunks]
        made = self._pieces(datas, kind, encoding, path)
        if made is datas:
            return item, sizes
        if datas and not made:
            return ([] if type(item) is list else raw(b"")), sizes
        nodes = [raw(each) for each in made]
        return (nodes if type(item) is list else nodes[0]), (sum(map(len, datas)), sum(map(len, made)))

    def _pieces(self, datas: list[bytes], kind: str, encoding: str, path: Path) -> list[bytes]:
        """The pieces of a body without secrets; the same list if it holds none; none if nobody can tell."""
        whole = b"".join(datas)
        try:
            plain = bodies.undone(whole, encoding)
        except bodies.Unreadable as error:
            self.cuts[path] = str(error)
            return []
        made = self.data(plain, path, None, content=kind)
        if made == plain:
            return datas
        return bodies.cut(datas, bodies.made_again(made, encoding, whole) if plain != whole else made)


def _is_pairs(items: list[Any]) -> bool:
    """Headers, or pairs like them: of names and texts."""
    return all(type(each) is list and len(each) == 2 and type(each[0]) is type(each[1]) is str for each in items)


def _may_flow(items: list[Any]) -> bool:
    """Whether they are texts, or hold some, that are read on from one to the next (`streams.flows`), or a document: the
    first ones tell."""
    if type(items[0]) not in _READ_ON:
        return False
    for item in items[:_FIRST]:
        held = item.values() if type(item) is dict else item if type(item) is list else (item,)
        texts = [text for text in held if type(text) is str]
        if texts and (streams.flows(texts) or (item is items[0] and any(text[:1] in ("{", "[") for text in texts))):
            return True
    return False


def _untagged(steps: Path) -> Iterator[str | int]:
    """Steps through a stored tree, as the paths of what it stores have them."""
    tag = ""
    for step in steps:
        inside, tag = tag, str(step) if str(step)[:1] == "$" else ""
        if not (tag or inside == "$id" or (inside and step == "fields")):
            yield step


def _is_two(node: Any) -> bool:
    """A tuple or list of two texts, of which one is bytes or the pair is a tuple."""
    pair = node.get("$tuple") if type(node) is dict else node
    return type(pair) is list and len(pair) == 2 and all(type(each) is str or _is_bytes(each) for each in pair)


def _text_of(node: Any) -> str:
    return node if type(node) is str else str(next(iter(node.values())))[:200]


def _is_bytes(node: Any) -> bool:
    return type(node) is dict and next(iter(node), "") in ("$bytes", "$base64")


def _are_pieces(node: Any) -> bool:
    """Of a stream: when each came, and its bytes."""
    return type(node) is list and all(type(each) is list and len(each) == 2 and _is_bytes(each[1]) for each in node)


def _is_pair(node: Any) -> bool:
    """Of a header's name and value."""
    return type(node) is list and len(node) == 2 and type(node[0]) is str and type(node[1]) is str


def _bytes_of(node: Any) -> bytes:
    if type(node) is dict and "$bytes" in node:
        return str(node["$bytes"]).encode()
    if type(node) is dict and "$base64" in node:
        return b64decode(node["$base64"])
    raise bodies.Unreadable("a body that is no bytes")
