"""One walk over a recorded value that finds secrets and puts pseudonyms in their place.

Walked twice: the first time to learn every secret, the second time to mask each of them everywhere, wherever it was
found. What is walked is the stored tree (`replay.core.codec`), through what strings hold: JSON, forms, URLs, cookies,
credentials, event streams, Base64, percent-encoding.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from replay.core.families.scalars import raw
from replay.core.redaction import bodies, streams, tables
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import MASK
from replay.core.redaction.needles import SHORTEST, Needles
from replay.core.redaction.patterns import WEBHOOK, Found, find
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Rules

Path = tuple[str | int, ...]
MOST = 200_000
"""Secrets of one recording."""
_DEEPEST = 4
"""Encodings inside one another that are undone."""
_LARGE = 4 << 20
"""Characters of a JSON text that is read as such; longer ones are masked as text."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_UNIT = re.compile(r"%[0-9A-Fa-f]{2}|\+|[^%+]|%")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}+={0,2}")
_MANTISSA = re.compile(r"(-?)(\d[\d.]*+)(.*)")
_SCHEME = re.compile(r"(?i)(basic|bearer|token|digest|negotiate|apikey|jwt) +(\S.*)\Z", re.DOTALL)
_PAIR = re.compile(r"[\w.\[\]%$*@-]{1,100}=")
_FORM = re.compile(r"[\w.\[\]%$*@-]{1,100}=[^\s&]*(?:&[\w.\[\]%$*@-]{1,100}=[^\s&]*)*\Z")
_LOOKS = re.compile(r"\ufeff?\s*[{\[]")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(#\S*)?\Z")
_PART = re.compile(r'[; ]name="([^"\r\n]{1,200})"')
_RUN = re.compile(r"[^\s\"'<>&=?]++")
_NEVER = frozenset({"", MASK, "bearer", "basic", "none", "null", "true", "false", "[Filtered]", "***"})
_VERBATIM = frozenset(
    {"$ref", "$opaque", "$single", "$timezone", "$zoneinfo", "$timedelta", "$float", "$range", "$complex", "$time",
     "$fraction", "$pandas", "$timestamp", "$pdtimedelta", "$class"}
)  # fmt: skip
_TEXTS = frozenset({"$uuid", "$date", "$datetime", "$decimal", "$int"})
_PAIRS = frozenset({"$dict", "$ordereddict", "$counter", "$namespace"})
_MAPPINGS = frozenset({"dict", "OrderedDict", "defaultdict", "Counter"})
_OF_THE_FORM = frozenset({"factory", "maxlen", "dtype", "shape", "type", "base", "reason", "size", "range", "ordered"})
"""Parts of tagged values that say how they are built, not what they hold."""
_UNLIKE_A_LINK = frozenset({"password", "secret", "api-key", "access-key", "private-key", "custom"})
"""Kinds whose values only look like a URL."""


class Sweep:
    """The walk. `pause` is called with the number of characters about to be looked at."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        self._rules = rules
        self._pseudonyms = pseudonyms
        self._pause = pause
        self.secrets: dict[str, str] = {}
        """Secret -> what stands for it."""
        self.kinds: dict[str, str] = {}
        """Secret -> its kind."""
        self.allowed: set[str] = set()
        self.known: frozenset[str] = frozenset()
        """Pseudonyms of an earlier redaction."""
        self.cuts: dict[Path, str] = {}
        """Path of a body that cannot be looked into, and so is not kept -> why."""
        self.marks: dict[Path, str] = {}
        """Path of a leaf that changed -> kind."""
        self.stands: dict[Path, str] = {}
        """Path of a leaf that changed -> its text now."""
        self._needles = Needles({})
        self._seen: dict[str, list[Found]] = {}
        """What is found in a text: the second walk meets the same texts, and many stand more than once."""

    def arm(self) -> None:
        """From here on mask what was found, everywhere."""
        for value in self.allowed:
            self.secrets.pop(value, None)
        self._needles = Needles(self.secrets)
        self.marks.clear()

    def masked(self, text: str) -> str:
        """A text with pseudonyms in the place of known secrets."""
        return self._masked(text)

    def kind_of(self, name: object) -> str | None:
        """The kind of secret that a name announces."""
        return self._rules.kind_of(name) if type(name) is str else None

    def mark(self, path: Path, before: str, after: str, kind: str | None) -> None:
        """Note that a leaf changed."""
        self._mark(path, before, after, kind)

    # Trees ----------------------------------------------------------------------------------------------------

    def tree(self, node: Any, path: Path = (), kind: str | None = None) -> Any:
        """A stored tree without secrets; the same object where nothing changes."""
        sort = type(node)
        if sort is str:
            return self.leaf(node, path, kind)
        if sort is int or sort is float:
            return self._number(node, path, kind)
        if sort is list:
            if node and _is_pairs(node):
                return [self._pair(each, (*path, each[0])) for each in node]
            return [self.tree(item, (*path, at), kind) for at, item in enumerate(node)]
        if sort is not dict:
            return node
        tag = next(iter(node), "")
        if tag[:1] == "$" and len(node) == 1:
            return self._tagged(tag, node[tag], node, path, kind)
        return self._mapping(node, path, kind)

    def arguments(self, node: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The arguments of a call whose parameters have these names."""
        out = self._mapping({name: item for name, item in node.items() if name != "args"}, (), None)
        args = [
            self.tree(item, ("args", at), self._rules.kind_of(names[at]) if at < len(names) else None)
            for at, item in enumerate(node["args"])
        ]
        return {name: args if name == "args" else out[name] for name in node}

    def _mapping(self, node: dict[str, Any], path: Path, kind: str | None, *, plain: bool = False) -> dict[str, Any]:
        if not plain and type(node.get("headers")) is list and ("pieces" in node or "body" in node):
            return self._message(node, path)
        out: dict[str, Any] = {}
        for name, item in node.items():
            here = (*path, name)
            inner = self._rules.kind_of(name) or kind
            if inner == "session" and type(item) in (dict, list):  # what a session holds is data like any other
                inner = None
            out[name if len(name) < SHORTEST else self.leaf(name, path, None, mark=False)] = self.tree(
                item, here, inner
            )
        if not plain and type(out.get("pieces")) is list and "returned" in out:
            streams.joined(out["pieces"], lambda whole: self._flat(whole, 0))
        return out

    def _tagged(self, tag: str, body: Any, node: Any, path: Path, kind: str | None) -> Any:
        if tag in ("$bytes", "$base64"):
            data = body.encode() if tag == "$bytes" else b64decode(body)
            changed = self.data(data, path, kind)
            return node if changed == data else raw(changed)
        if tag in _VERBATIM:
            return node
        if tag in _TEXTS:
            if type(body) is str:
                made = self._masked(body)
                if kind and not self._rules.allows(path):
                    made = self._scalar(tag, body, kind)
                self._mark(path, body, made, kind)
                return node if made == body else {tag: made}
            return node if kind != "birth" else {tag: {**body, "at": self._value(body["at"], kind)}}
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
                    n: item if n in ("type", "class", "base") else self.tree(item, (*path, n))
                    for n, item in body.items()
                }
            }
        if tag in ("$object", "$anew"):
            kind = None  # what `self.auth_client` holds is a client, whose own attributes have names
        if tag == "$subclass":
            return {tag: self._subclass(body, path, kind)}
        if type(body) is dict and type(body.get("fields")) is dict:
            return {tag: {name: self._field(name, item, path, kind) for name, item in body.items()}}
        if type(body) is dict and not _OF_THE_FORM.isdisjoint(body):
            return {tag: {n: item if n in _OF_THE_FORM else self.tree(item, path, kind) for n, item in body.items()}}
        return {tag: self.tree(body, path, kind)}

    def _subclass(self, body: dict[str, Any], path: Path, kind: str | None) -> dict[str, Any]:
        """Of a class of the application that is a dict, a list, a text."""
        if body["base"] in _MAPPINGS:
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
            self._learn(body, made, kind)
            return made
        if tag != "$decimal":
            return self._value(body, kind)
        found = _MANTISSA.fullmatch(body)  # none: it is not finite
        return found[1] + self._value(found[2], kind) + found[3] if found else body

    def _item(self, pair: Any, path: Path, kind: str | None) -> Any:
        key, item = pair
        name = key if type(key) is str else None
        inner = (self._rules.kind_of(name) if name else None) or kind
        return [self.tree(key, path), self.tree(item, (*path, name if name is not None else "?"), inner)]

    def _pair(self, pair: list[str], path: Path) -> list[str]:
        return [pair[0], self.header(pair[0], pair[1], path)]

    def _number(self, node: Any, path: Path, kind: str | None) -> Any:
        text = str(node)
        if kind and type(node) is int and not self._rules.allows(path) and text not in self.known:
            made = self._pseudonyms.number(node)
            self._learn(text, str(made), kind)
            self._mark(path, text, str(made), kind)
            return made
        known = self.secrets.get(text) if len(text) >= 6 and self._needles else None
        if known is None or type(node) is not int or not known.lstrip("-").isdecimal() or known[0] == "0":
            return node
        self._mark(path, text, known, self.kinds.get(text))
        return int(known)

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

    def data(self, data: bytes, path: Path, kind: str | None, content: str = "") -> bytes:
        """Bytes without secrets."""
        if data[:2] == b"\x1f\x8b" and not kind:
            try:
                parts, rest = bodies.members(data)
            except (bodies.Unreadable, zlib.error):
                parts, rest = [], data
            if plain := b"".join(parts):
                inner = self.data(plain, path, None)
                end = self.data(rest, path, None) if rest else rest
                return data if inner == plain and end == rest else bodies.made_again(inner, "gzip", data) + end
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0:
            charset = "utf-16-le" if data[:1] == b"\xff" else "utf-16-be"
            text = data[2:].decode(charset, "surrogatepass")
            changed = self.leaf(text, path, kind, content=content)
            return data if changed == text else data[:2] + changed.encode(charset, "surrogatepass")
        try:
            text, charset = data.decode(), "utf-8"
        except UnicodeDecodeError:
            text, charset = data.decode("latin-1"), "latin-1"
            if (
                not kind and "\0" in text[:4096] and not content.startswith(("text/", "multipart/"))
            ):  # no text: known secrets only
                return self._needles.replace(text, self._pause).encode("latin-1")
        made = self.leaf(text, path, kind, content=content)
        return data if made == text else made.encode(charset, "surrogatepass" if charset == "utf-8" else "replace")

    def header(self, name: str, value: str, path: Path) -> str:
        """The value of a header."""
        return self.leaf(value, path, self._rules.kind_of(name))

    def url(self, text: str, path: Path) -> str:
        """A URL: its host stays, names of its query say what they hold."""
        found = _URL.match(text)
        if found is None:
            return self.leaf(text, path, None)
        scheme, host, place, query, end = found.groups()
        user, mark, name = host.rpartition("@")
        if mark:
            user = ":".join(self._value(part, "url-password") for part in user.split(":"))
        for each in find(name + place, (WEBHOOK,), self._pause):
            secret = slice(each.start - len(name), each.end - len(name))
            place = place[: secret.start] + self._value(place[secret], each.kind) + place[secret.stop :]
        made = f"{scheme}{user}{mark}{name}{self.leaf(place, (*path, 'path'), None)}"
        if query is not None:
            made += "?" + self.form(query, (*path, "query"))
        return made + (self.leaf(end, path, None) if end else "")

    def form(self, text: str, path: Path) -> str:
        """`a=b&c=d`."""
        if "=" not in text:
            return self.leaf(text, path, None)
        out = []
        for pair in text.split("&"):
            name, mark, value = pair.partition("=")
            key = _plain(name)
            kind = self._rules.kind_of(key)
            out.append(name + mark + self._percent(value, (*path, key), kind))
        return "&".join(out)

    # Text -----------------------------------------------------------------------------------------------------

    def leaf(
        self, text: str, path: Path, kind: str | None, *, content: str = "", mark: bool = True, deep: int = 0
    ) -> str:
        """A text without secrets. `kind`: its name says that all of it is one."""
        if len(text) < 2:
            return text
        if self._rules.allows(path):
            if len(self.allowed) < 10_000:
                self.allowed.add(text)
            return text
        if kind:
            made = self._value(text, kind)
        else:
            inside = self._nested(text, path, content, deep) if deep < _DEEPEST else None
            made = self._flat(text, deep) if inside is None else inside
            if inside is not None:
                mark = False
        if mark:
            self._mark(path, text, made, kind)
        return made

    def _nested(self, text: str, path: Path, content: str, deep: int) -> str | None:
        """What a text holds, masked in place; None if it is only text."""
        if "event-stream" in content or "ndjson" in content or text.startswith(("data: ", "event: ")):
            return streams.masked(text, lambda tree: self._plain(tree, path, None), lambda one: self._flat(one, deep))
        if _LOOKS.match(text) and len(text) <= _LARGE:
            return self._json(text, path)
        if "multipart/" in content and 'name="' in text:
            return self._flat("\r\n--".join(self._part(part, path) for part in text.split("\r\n--")), deep)
        if "://" in text[:30] and _URL.match(text):
            return self.url(text, path)
        if _PAIR.match(text) and ("x-www-form-urlencoded" in content or _is_form(text)):
            return self.form(text, path)
        return None

    def _part(self, text: str, path: Path) -> str:
        """One field of a form."""
        head, mark, value = text.partition("\r\n\r\n")
        found = _PART.search(head[:2000]) if mark else None
        if found is None:
            return text
        return head + mark + self.leaf(value, (*path, found[1]), self._rules.kind_of(found[1]))

    def _json(self, text: str, path: Path) -> str | None:
        """JSON, what is not changed byte for byte as it was; None if it is none, or has a name twice."""
        if text[0] == "\ufeff":
            made = self._json(text[1:], path) if len(text) > 1 else None
            return None if made is None else text[0] + made
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if type(value) not in (dict, list):
            return None
        self._pause(len(text))
        try:
            made = self._plain(value, path, None)
            if made == value:
                return self._masked(text)
            write = streams.style_of(text, value)
            return None if write is None else self._masked(write(made))
        except RecursionError:
            return None

    def _plain(self, value: Any, path: Path, kind: str | None) -> Any:
        """JSON of anyone: no tags of ours."""
        if type(value) is dict:
            out = {}
            for name, item in value.items():
                inner = self._rules.kind_of(name) or kind
                if inner == "session" and type(item) in (dict, list):
                    inner = None
                key = name if len(name) < SHORTEST else self.leaf(name, path, None, mark=False)
                out[key] = self._plain(item, (*path, name), inner)
            return out
        if type(value) is list:
            return [self._plain(item, (*path, at), kind) for at, item in enumerate(value)]
        return self.tree(value, path, kind) if type(value) in (str, int, float) else value

    def _percent(self, text: str, path: Path, kind: str | None) -> str:
        """A percent-encoded text: what changes is encoded as it was, byte for byte."""
        if "%" not in text and "+" not in text:
            return self.leaf(text, path, kind)
        plain = unquote_to_bytes(text.replace("+", " "))
        made = self.data(plain, path, kind)
        if made == plain:
            return text
        units = _UNIT.findall(text)
        if len(made) != len(plain) or len(units) != len(plain):
            from urllib.parse import quote_from_bytes

            return quote_from_bytes(made, safe="")
        return "".join(
            unit if old == new else f"%{new:02X}" if len(unit) == 3 or not chr(new).isalnum() else chr(new)
            for unit, old, new in zip(units, plain, made, strict=True)
        )

    def _flat(self, text: str, deep: int) -> str:
        """Prose and everything else: patterns, known secrets, what is encoded in it."""
        out, done = [], 0
        for found in self._find(text):
            secret = text[found.start : found.end]
            out += [text[done : found.start], self._value(secret, found.kind)]
            done = found.end
        if done:
            text = "".join([*out, text[done:]])
        text = self._masked(text)
        if deep >= _DEEPEST:
            return text
        if "%" in text and _PERCENT.search(text):
            text = _RUN.sub(lambda run: self._percent_part(run[0], deep) if "%" in run[0] else run[0], text)
        return _BASE64.sub(lambda part: self._decoded(part[0], deep), text) if len(text) >= 16 else text

    def _find(self, text: str) -> list[Found]:
        found = self._seen.get(text)
        if found is None:
            found = list(find(text, self._rules.patterns, self._pause))
            if len(self._seen) < 20_000:
                self._seen[text] = found
        return found

    def _percent_part(self, text: str, deep: int) -> str:
        plain = unquote_to_bytes(text)
        try:
            words = plain.decode()
        except UnicodeDecodeError:
            return text
        made = self._flat(words, deep + 1).encode("utf-8", "surrogatepass")
        units = re.findall(r"%[0-9A-Fa-f]{2}|.", text, re.DOTALL)
        if made == plain or len(made) != len(plain) or len(units) != len(plain):
            return text
        return "".join(
            unit if old == new else f"%{new:02X}" if len(unit) == 3 else chr(new)
            for unit, old, new in zip(units, plain, made, strict=True)
        )

    def _decoded(self, text: str, deep: int) -> str:
        """A run of Base64 that is text inside."""
        bare = text.rstrip("=")
        if len(bare) % 4 == 1 or bare.isalpha() or bare.isdecimal():
            return text
        url = "-" in bare or "_" in bare
        try:
            data = b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_" if url else None)
        except Base64Error:
            return text
        if data[:2] == b"\x1f\x8b":
            made_data = self.data(data, (), None)
            return text if made_data == data else b64encode(made_data, altchars=b"-_" if url else None).decode()
        try:
            words = data.decode()
        except UnicodeDecodeError:
            return text
        if not words.isprintable() and any(char < " " and char not in "\t\r\n" for char in words):
            return text
        made = self.leaf(words, (), None, mark=False, deep=deep + 1)
        if made == words:
            return text
        packed = b64encode(made.encode("utf-8", "surrogatepass"), altchars=b"-_" if url else None).decode()
        return packed if text.endswith("=") else packed.rstrip("=")

    def _masked(self, text: str) -> str:
        return self._needles.replace(text, self._pause) if self._needles else text

    # Secrets --------------------------------------------------------------------------------------------------

    def _value(self, text: str, kind: str | None) -> str:
        """What stands for all of a text: of a header with a scheme and of cookies for their values."""
        if text in _NEVER or text.lower() in _NEVER or text in self.known or text in self.allowed:
            return text
        if kind == "cookie":
            return self._cookies(text)
        if kind == "authorization" and (found := _SCHEME.match(text)):
            return text[: found.start(2)] + self._credentials(found[2], kind)
        if kind in ("scheme", "authorization", "token"):
            return self._credentials(text, kind)
        if kind == "url-password" and ":" in text:
            return ":".join(self._value(part, kind) if part else "" for part in text.split(":"))
        if kind in ("ip", "email") and "," in text:
            return ",".join(_around(part, lambda bare: self._value(bare, kind)) for part in text.split(","))
        if "://" in text and (found := _URL.match(text)) and (kind not in PERSONAL):
            made = self.url(text, ())
            if made != text or kind not in _UNLIKE_A_LINK:
                return made
            made = found[1] + self._pseudonyms.of(text[found.end(1) :])
            self._learn(text, made, kind)
            self._learn(text[found.end(1) :], made[found.end(1) :], kind)
            return made
        if kind == "email" and "<" in text:
            return self._flat(text, _DEEPEST)
        if kind == "email" and "@" not in text:
            return self._flat(text, 0)
        made = self._pseudonyms.of(text)
        self._learn(text, made, kind or "?")
        return made

    def _credentials(self, text: str, kind: str) -> str:
        """`user:password` in Base64, else a token."""
        if len(text) >= 4 and re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", text):
            try:
                pair = b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            except (ValueError, UnicodeDecodeError):
                pair = ""
            if ":" in pair and pair.isprintable():
                made = ":".join(self._value(part, "password") if part else "" for part in pair.split(":", 1))
                packed = b64encode(made.encode()).decode()
                packed = packed if text.endswith("=") else packed.rstrip("=")
                self._learn(text, packed, kind)
                return packed
        if text in self.known:
            return text
        made = self._pseudonyms.of(text)
        self._learn(text, made, kind)
        return made

    def _cookies(self, text: str) -> str:
        parts = re.split(r"(;\s*)", text)
        out: list[str] = []
        for part in parts:
            name, mark, value = part.partition("=")
            bare = name.strip().lower()
            if not mark or bare in ("path", "domain", "expires", "max-age", "samesite"):
                stays = mark or (not out and len(parts) > 1) or ";" in part or bare in ("secure", "httponly", "")
                out.append(part if stays else self._value(part, "session"))
            else:
                quoted = value[:1] == '"' == value[-1:] and len(value) > 1
                inner = value[1:-1] if quoted else value
                masked = self._value(inner, "session") if inner else inner
                out.append(f"{name}={chr(34)}{masked}{chr(34)}" if quoted else f"{name}={masked}")
        return "".join(out)

    def _learn(self, secret: str, masked: str, kind: str) -> None:
        if secret != masked and secret not in self.secrets:
            if len(self.secrets) >= MOST:
                raise ValueError("too many secrets")
            self.secrets[secret] = masked
            self.kinds[secret] = kind
            local, mark, _ = secret.rpartition("@")
            if mark and len(local) >= 6 and not local.isalpha():
                self.secrets.setdefault(local, masked.rpartition("@")[0])
            digits = re.sub(r"\D", "", secret)
            if kind in ("phone", "card") and digits != secret and len(digits) >= 6:
                self.secrets.setdefault(digits, re.sub(r"\D", "", masked))

    def _mark(self, path: Path, before: str, after: str, kind: str | None) -> None:
        if before != after and len(self.marks) < 5_000:
            if kind is None:
                kind = next((k for secret, k in self.kinds.items() if secret in before), "known")
            self.marks[path] = kind
            self.stands[path] = after


def _is_form(text: str) -> bool:
    return _FORM.match(text) is not None and _BASE64.fullmatch(text) is None


def _is_pairs(items: list[Any]) -> bool:
    """Headers, or pairs like them: of names and texts."""
    return all(type(each) is list and len(each) == 2 and type(each[0]) is type(each[1]) is str for each in items)


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


def _around(text: str, change: Callable[[str], str]) -> str:
    """Without the space around it."""
    bare = text.strip()
    return text.replace(bare, change(bare), 1) if bare else text


def _plain(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")
