"""Texts without secrets, through what they hold: JSON, forms, URLs, cookies, credentials, event streams, Base64,
percent-encoding."""

from __future__ import annotations

import html
import json
import re
from base64 import b32decode, b32encode, b64decode, b64encode, b85decode, b85encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_from_bytes

from replay.core.redaction import beside, bodies, columns, packed, streams
from replay.core.redaction.crowds import CROWD, may_be_pair
from replay.core.redaction.finding import find
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.marks import NEVER
from replay.core.redaction.needles import SHORTEST
from replay.core.redaction.patterns import WEBHOOK, card
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.rules import Rules
from replay.core.redaction.secrets import Path, Secrets, apart, mark_for

_DEEPEST = 4
"""Encodings inside one another that are undone."""
_LARGE = 4 << 20
"""Characters of a JSON text that is read as such; longer ones are masked as text."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")
_UNIT = re.compile(r"%[0-9A-Fa-f]{2}|\+|[^%+]|%")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}+={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{24,}")
_BASE85 = re.compile(
    r"(?=[\w=+-]*+[!#$%&()*;<>?@^`{|}~][\w=+-]*+[!#$%&()*;<>?@^`{|}~])[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{20,}+"
)
"""All of a text, with two signs that Base64 has not."""
_SPELT = re.compile(
    r"(?:\\{1,4}u00[2-7][0-9A-Fa-f]){3}|(?:\\{1,4}x[2-7][0-9A-Fa-f]){3}|(?:&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});){3}|"
    r"(?:\\(?:0[4-7]|1[0-7])[0-7]){3}"
)
_SPELT_UNIT = re.compile(
    r"\\++u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}|\\++x[2-7][0-9A-Fa-f]|&#(?:x[0-9A-Fa-f]{2,4}|\d{2,3});|\\(?:0[4-7]|1[0-7])[0-7]|.",
    re.DOTALL,
)
"""Letters and signs as escapes, and all else as it is."""
_ENTITIES = {"&quot;": '"', "&lt;": "<", "&gt;": ">", "&apos;": "'", "&amp;": "&"}
_ENTITY = re.compile(r"&(?:quot|[lg]t|apos|amp);|.", re.DOTALL)
_HEX = re.compile(r"((?:0?[xX])?)((?:[0-9a-f]{2}){8,}+|(?:[0-9A-F]{2}){8,}+)")
_SCHEME = re.compile(r"(?i)(basic|bearer|token|digest|negotiate|apikey|jwt) +(\S.*)\Z", re.DOTALL)
_PAIR = re.compile(r"[\w.\[\]%$*@-]{1,100}=")
_FORM = re.compile(r"[\w.\[\]%$*@-]{1,100}=[^\s&]*(?:&[\w.\[\]%$*@-]{1,100}=[^\s&]*)*\Z")
_LOOKS = re.compile(r"\ufeff?\s*[{\[]")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(#\S*)?\Z")
_PART = re.compile(r'[; ]name=(?:"([^"\r\n]{1,200})"|([^";\s]{1,200}))')
_RUN = re.compile(r"[^\s\"'<>&=?]++")
_FOLDED = re.compile(r"(?<![A-Za-z0-9+/])((?:[A-Za-z0-9+/]{48,76}+\r?\n)++[A-Za-z0-9+/]{0,76}+={0,2}+)")
_LINES = 20_000
"""Whose lengths are looked at before their words."""
_WORDS = 10_000
"""That are remembered as no Base64."""
_TABLES = 1000
"""That are remembered."""
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_IN_TEXT = {
    "utf-8": bytes(code for code in range(256) if code not in _CONTROLS),
    "latin-1": bytes(code for code in range(256) if code not in _CONTROLS and not 0x80 <= code < 0xA0),
}
"""Bytes of texts; of others with one of theirs, names are looked for that have their length before them."""
_SMALLEST = 24
"""Bytes that hold a name and a secret."""
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_DRAWS = ("draws",)
"""In the context: random numbers, which look like anything."""
_LOW = 99_999
"""Up to which numbers are drawn one by one: of so few some would become one."""
_IDS = frozenset({"id", "_id", "key"})
_ROWS = 32
"""Items of a list that is read as a table."""
_FIRST = 4
"""Items that tell of most lists that they are none of secrets."""
_NOT_ROWS = frozenset({"kty", "value", "Value", "answer", "headers", "pieces", "returned"})
"""Names that say something of what stands beside them."""
_IN_URLS = frozenset({"url-password", "url-user", "session"})
"""Kinds that are percent-encoded where they are found."""
_UNLIKE_A_LINK = frozenset({"password", "secret", "api-key", "access-key", "private-key", "custom"})
"""Kinds whose values only look like a URL."""
_UNLIKE_A_MAIL = frozenset({"password", "secret", "api-key", "access-key", "private-key", "url-password", "assigned"})
"""Kinds whose values only look like a mail address: `Summer@Rome24` has no domain that may stay."""


Walk = Callable[[Any, Path, str | None], Any]


class Texts(Secrets):
    """Looks into texts and bytes."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        super().__init__(rules, pseudonyms, pause)
        self._styles: dict[str, streams.Write] = {}
        """JSON -> what writes it again."""
        self._columns_of: dict[str, list[str]] = {}
        """Table of a database -> its columns, as a statement named them."""
        self._tables: dict[tuple[str, Path, int], tuple[str | None, dict[str, tuple[str, str, str]]]] = {}
        """Table and path -> it without secrets, of each column that changed one cell before and after, its kind."""
        self._lists: dict[str, dict[str, str]] = {}
        """Texts of a list, a line each -> those that are secrets by their looks, with their kinds."""

    def data(self, data: bytes, path: Path, kind: str | None, content: str = "") -> bytes:
        """Bytes without secrets."""
        if not kind and (form := bodies.form_of(data)):
            plain, rest = bodies.unpacked(data, form)
            if plain:
                inner = self.data(plain, path, None)
                end = self.data(rest, path, None) if rest else rest
                return data if inner == plain and end == rest else bodies.made_again(inner, form, data) + end
        if (b"\0" in data[:64] or data[:2] in _MARKS) and (charset := _wide(data)):
            mark = data[:2] if data[:2] in _MARKS else b""
            text = data[len(mark) :].decode(charset, "surrogatepass")
            changed = self.leaf(text, path, kind, content=content)
            return data if changed == text else mark + changed.encode(charset, "surrogatepass")
        try:
            text, charset = data.decode(), "utf-8"
        except UnicodeDecodeError:
            text, charset = data.decode("latin-1"), "latin-1"
        if (
            not kind
            and data[:4096].translate(None, _IN_TEXT[charset])
            and not content.startswith(("text/", "multipart/"))
        ):
            data = self._packed(data, path)
            text = data.decode(charset)
            if charset == "latin-1" and "\0" in text[:4096]:  # no text: known secrets only
                return self._needles.replace(text, self._pause).encode("latin-1")
        made = self.leaf(text, path, kind, content=content)
        return data if made == text else made.encode(charset, "surrogatepass" if charset == "utf-8" else "replace")

    def _packed(self, data: bytes, path: Path) -> bytes:
        """Of MessagePack and the like, without what they name."""
        text = data.decode("latin-1")
        made = packed.masked(text, self.kind_of, lambda name, kind, one: self.leaf(one, (*path, name), kind))
        return data if made == text else made.encode("latin-1")

    def number(self, node: Any, path: Path, kind: str | None) -> Any:
        """A number without secrets."""
        if kind and type(node) is float and node.is_integer() and abs(node) < 2**53:
            return float(self.number(int(node), path, kind))
        if kind is None and type(node) is int and -10_000 < node <= _LOW:
            return node
        text = str(node)
        if kind is None and type(node) is int and 13 < len(text) < 17 and path[:1] != _DRAWS and card(text):
            kind = "card"
        if kind and type(node) is int and not self._rules.allows(path) and text not in self.known:
            if node > _LOW and text not in self.secrets:
                if drawn := self.crowd.secrets.get(text):
                    self.mark(path, text, drawn, kind)
                    return int(drawn)
                if self.late(text, kind):
                    return node
            made = self._pseudonyms.number(node)
            self.learn(text, str(made), kind)
            self.mark(path, text, str(made), kind)
            return made
        known = None
        if len(text) >= 6 and self._needles:
            known = self.secrets.get(text) or self.crowd.secrets.get(text)
        if known is None or type(node) is not int or not known.lstrip("-").isdecimal() or known[0] == "0":
            return node
        self.mark(path, text, known, self.kinds.get(text))
        return int(known)

    def header(self, name: str, value: str, path: Path) -> str:
        """The value of a header."""
        return self.leaf(value, path, self._rules.kind_of(name))

    def url(self, text: str, path: Path, *, mark: bool = True) -> str:
        """A URL: its host stays, names of its query say what they hold."""
        found = _URL.match(text)
        if found is None:
            return self.leaf(text, path, None)
        scheme, host, place, query, end = found.groups()
        user, sign, name = host.rpartition("@")
        port = host.rpartition(":")[2]
        if ":" in host and not (sign or port.isdecimal() or host[0] == "[") and "@" in text[found.end(2) :]:
            return self.flat(text)  # of a password with one of `/?#` in it
        if sign:
            before, user = user, ":".join(self.value(part, "url-password") for part in user.split(":"))
            if mark:
                self.mark(path, before, user, "url-password")
        for each in find(name + place, (WEBHOOK,), self._pause):
            secret = slice(each.start - len(name), each.end - len(name))
            place = place[: secret.start] + self.value(place[secret], each.kind) + place[secret.stop :]
        made = f"{scheme}{user}{sign}{name}{self.leaf(place, (*path, 'path'), None)}"
        if query is not None:
            made += "?" + self.form(query, (*path, "query"))
        return made + (self.leaf(end, path, None) if end else "")

    def form(self, text: str, path: Path) -> str:
        """`a=b&c=d`."""
        if "=" not in text:
            return self.leaf(text, path, None)
        out = []
        shown: dict[str, str] = {}
        drawn: Mapping[str, str] = {}
        granted = "code=" in text and ("state=" in text or "grant_type=" in text)  # of OAuth: it opens a session
        pairs = [pair.partition("=") for pair in text.split("&")]
        if len(pairs) > self.few:
            self._many_of((self._rules.kind_of(_plain(name)), value) for name, _, value in pairs)
        if len(pairs) > MARKED and not self._rules.any_allowed:
            drawn = self.crowd.secrets
        for number, (name, mark, value) in enumerate(pairs):
            key = _plain(name)
            kind = self._rules.kind_of(key) or ("token" if granted and key == "code" else None)
            if name not in shown:  # a key may stand there without a name
                shown[name] = name if len(name) < SHORTEST else self._percent(name, (*path, key), None)
            made = drawn.get(value) if number >= MARKED and kind else None
            out.append(shown[name] + mark + (made or self._percent(value, (*path, key), kind)))
        return "&".join(out)

    def _many_of(self, pairs: Iterable[tuple[str | None, str]]) -> None:
        """Of so many pairs say at once what stands for values that have a kind and are not encoded."""
        found: dict[str, dict[str, None]] = {}  # in their order, which decides what is drawn
        for kind, value in pairs:
            if kind and "%" not in value and "+" not in value:
                found.setdefault(kind, {})[value] = None
        for kind, values in found.items():
            self.many(kind, values)

    def leaf(
        self, text: str, path: Path, kind: str | None, *, content: str = "", mark: bool = True, deep: int = 0
    ) -> str:
        """A text without secrets. `kind`: its name says that all of it is one."""
        if len(text) < 2:
            return text
        if kind and self._armed and (drawn := self.crowd.secrets.get(text)):
            if mark:
                self.mark(path, text, drawn, kind)
            return drawn
        if self._rules.allows(path):
            if len(self.allowed) < 10_000:
                self.allowed.add(text)
            return text
        if len(text) > CROWD and self.known.has(text):
            return text
        if kind is None and self._armed and (made := self._needles.exact(text)) is not None:
            if mark:
                self.mark(path, text, made, self.kinds.get(text))
            return made
        if kind is None and self._rules.is_word(text):
            made, deep = self.masked(text), _DEEPEST
        elif kind:
            made = self.value(text, kind)
        else:
            inside = self._nested(text, path, content, deep) if deep < _DEEPEST else None
            made = self.flat(text, deep) if inside is None else inside
            if inside is not None:
                mark = False
        if mark:
            self.mark(path, text, made, kind)
        return made

    def _nested(self, text: str, path: Path, content: str, deep: int) -> str | None:
        """What a text holds, masked in place; None if it is only text."""
        if "event-stream" in content or "ndjson" in content or text.startswith(("data: ", "event: ")):
            return self._lines(text, path, deep)
        if _LOOKS.match(text) and len(text) <= _LARGE:
            made = self._json(text, path)
            if made is None:
                made = self._cut_json(text, path)
            if made is None and streams.are_lines(text):
                made = self._lines(text, path, deep)
            if made is not None:
                return made
        if text[1:2] == ":" and streams.are_lines(text):  # `0:"Hel"`
            return self._lines(text, path, deep)
        if "multipart/" in content and "name=" in text:
            line = "\r\n" if "\r\n--" in text else "\n"
            return self.flat(f"{line}--".join(self._part(part, path, line) for part in text.split(f"{line}--")), deep)
        if "\n" in text or "(" in text or "[" in text:
            made = self._columns(text, path, deep)
            if made is not None:
                if self._armed:
                    self.crowd.note(made)
                return made
        if "://" in text[:30] and _URL.match(text):
            return self.url(text, path)
        if _PAIR.match(text) and ("x-www-form-urlencoded" in content or _is_form(text)):
            return self.form(text, path)
        return None

    def _columns(self, text: str, path: Path, deep: int) -> str | None:
        """A text with a table, without secrets; None if none of its columns says that it has any. The second walk meets
        the same ones."""
        held = self._tables.get((text, path, len(self._columns_of))) if not self.allowed else None
        mark = mark_for(text) or ""
        if held is None:
            changed: dict[str, tuple[str, str, str]] = {}

            def cell(name: str, kind: str, one: str) -> str:
                drawn = self.crowd.secrets.get(one)
                made = self.leaf(one, (*path, name), kind) if drawn is None else drawn
                if made != one:
                    changed.setdefault(name, (one, made, kind))
                return f"{mark}{made}{mark}" if made == (drawn or self.secrets.get(one)) else made

            held = columns.masked(text, self.kind_of, cell, self.many, self._columns_of, mark), changed
            if len(self._tables) < _TABLES and not self.crowd.late:
                self._tables[text, path, len(self._columns_of)] = held
        for name, (before, after, kind) in held[1].items():
            self.mark((*path, name), before, after, kind)
        if held[0] is None or not mark:
            return None if held[0] is None else self.flat(held[0], deep)
        parts = held[0].split(mark)  # every other one is a pseudonym
        parts[::2] = apart(parts[::2], lambda rest: self.flat(rest, deep))
        return "".join(parts)

    def _lines(self, text: str, path: Path, deep: int) -> str:
        """Events, or a JSON document a line."""
        return streams.masked(
            text,
            lambda tree: self._plain(tree, path, None),
            lambda one: self.flat(one, deep),
            self.whole,
            self.known,
            self.document,
        )

    def whole(self, text: str) -> str:
        """What the pieces of a stream make together."""
        inside = self.document(text)
        return self.flat(text) if inside is None else inside

    def document(self, text: str) -> str | None:
        """JSON without secrets; None of any other text."""
        return self._json(text, ()) if _LOOKS.match(text) else None

    def _part(self, text: str, path: Path, line: str) -> str:
        """One field of a form."""
        head, mark, value = text.partition(line + line)
        found = _PART.search(head[:2000]) if mark else None
        if found is None:
            return text
        name = found[1] or found[2]
        return head + mark + self.leaf(value, (*path, name), self._rules.kind_of(name))

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
                return self.masked(text)
            write = self._styles.get(text) or streams.style_of(text, value)
            if write is None:
                return None
            if not self._armed:  # nobody looks at what the first walk writes
                self._styles[text] = write
                return text
            return self.masked(write(made))
        except RecursionError:
            return None

    def _cut_json(self, text: str, path: Path) -> str | None:
        """The beginning of a JSON text, whose end was not read or not kept."""
        for end in streams.ends_of(text):
            made = self._json(text + end, path)
            if made is not None:
                return made.removesuffix(end) if made.endswith(end) else None
        return None

    def kind_in(self, name: str, item: Any, path: Path, kind: str | None) -> str | None:
        """The kind of a member of what lies at `path`. What a session holds is data like any other, but for its id."""
        inner = self._rules.kind_of(name) or kind
        if inner == "session" and type(item) in (dict, list):
            return None
        if inner is None and name in _IDS and path and type(item) is str and len(item) >= 12:
            return "session" if self.kind_of(path[-1]) == "session" else None
        return inner

    def _plain(self, value: Any, path: Path, kind: str | None) -> Any:
        """JSON of anyone: no tags of ours."""
        if type(value) is dict:
            if (table := self.members(value, self._plain, path, kind)) is not None:
                return table
            out = {}
            held, said = beside.named(value, self.kind_of) or ("", None)
            of_key = beside.of_key(value)
            statement = beside.columns([*value.values()]) if list in map(type, value.values()) else None
            for number, (name, item) in enumerate(value.items()):
                inner = self.kind_in(name, item, path, kind) or (said if name == held else None)
                inner = inner or ("private-key" if name in of_key else None)
                key = name if len(name) < SHORTEST else self.leaf(name, path, None, mark=False)
                if statement is not None and number > statement[0] and type(item) is list:
                    out[key] = self.parameter(self._plain, item, statement[1], 0, (*path, name), inner)
                else:
                    out[key] = self._plain(item, (*path, name), inner)
            return out
        if type(value) is list:
            return self._plain_items(value, path, kind)
        if type(value) is str:
            return self.leaf(value, path, kind)
        return self.number(value, path, kind) if type(value) in (int, float) else value

    def _plain_items(self, items: list[Any], path: Path, kind: str | None) -> list[Any]:
        """A list in JSON: like one of ours, but for tuples."""
        if items and all(map(beside.is_pair, items)):
            kinds = [self.kind_of(name) if self.kind_of(one) is None else None for name, one in items]
            return [[self._plain(name, (*path, at), kind), self._plain(one, (*path, at, name), kinds[at] or kind)]
                    for at, (name, one) in enumerate(items)]  # fmt: skip
        if (rows := self.rows(items, self._plain, lambda at: (*path, at), kind)) is not None:
            return rows
        said = beside.options(items, self.kind_of)
        statement = beside.columns(items)
        return [
            self.parameter(self._plain, item, statement[1], at - statement[0] - 1, (*path, at), said.get(at, kind))
            if statement is not None and at > statement[0]
            else self._plain(item, (*path, at), said.get(at, kind))
            for at, item in enumerate(items)
        ]

    def rows(self, items: list[Any], walk: Walk, at: Callable[[int], Path], kind: str | None) -> list[Any] | None:
        """A long list of objects with the same names, as a table, or one of texts of a kind, or of which most are
        nothing but secrets; None of any other. `at`: the path of an item."""
        if len(items) < _ROWS:
            return None
        sorts = set(map(type, items))
        if sorts == {str} and kind and items[0][:1] != "-":
            return self._listed(items, kind, at)
        if sorts == {str} and not kind:
            return self._by_looks(items, walk, at)
        if sorts == {int} and kind:
            return self._numbered(items, kind, at)
        names = tuple(items[0]) if sorts == {dict} else ()
        if not names or _NOT_ROWS.intersection(names) or names[0][:1] == "$" or set(map(tuple, items)) != {names}:
            return None
        columns = [[each[name] for each in items] for name in names]
        if any(map(beside.is_statement, {one for column in columns[:-1] for one in column if type(one) is str})):
            return None
        made = [self._column(column, walk, at, name, kind) for name, column in zip(names, columns, strict=True)]
        keys = [name if len(name) < SHORTEST else self.leaf(name, at(0)[:-1], None, mark=False) for name in names]
        return [dict(zip(keys, row, strict=True)) for row in zip(*made, strict=True)]

    def members(self, node: dict[str, Any], walk: Walk, path: Path, kind: str | None) -> dict[str, Any] | None:
        """An object of many objects with the same names, as a table; None of any other."""
        if len(node) < _ROWS or kind == "session" or any(map(self.kind_of, node)):
            return None
        names = list(node)
        made = self.rows([*node.values()], walk, lambda at: (*path, names[at]), kind)
        if made is None:
            return None
        keys = [name if len(name) < SHORTEST else self.leaf(name, path, None, mark=False) for name in names]
        return dict(zip(keys, made, strict=True))

    def _listed(self, texts: list[str], kind: str, path: Callable[[int], Path]) -> list[str]:
        drawn = self.many(kind, dict.fromkeys(texts))
        known = {} if self._rules.any_allowed else self.secrets
        out = [self.leaf(one, path(at), kind) for at, one in enumerate(texts[:MARKED])]
        return out + [
            drawn.get(one) or known.get(one) or self.leaf(one, path(at), kind)
            for at, one in enumerate(texts[MARKED:], MARKED)
        ]

    def _numbered(self, numbers: list[int], kind: str, path: Callable[[int], Path]) -> list[Any]:
        drawn = self.many(kind, dict.fromkeys(str(one) for one in numbers if one > _LOW))
        out = [self.number(one, path(at), kind) for at, one in enumerate(numbers[:MARKED])]
        for at, one in enumerate(numbers[MARKED:], MARKED):
            made = drawn.get(str(one))
            out.append(self.number(one, path(at), kind) if made is None else int(made))
        return out

    def _by_looks(self, texts: list[str], walk: Walk, path: Callable[[int], Path]) -> list[Any] | None:
        """A long list of texts of which most are secrets by their looks, addressees: all are looked at as one."""
        whole = "\n".join(texts)
        kinds = self._lists.get(whole)
        if kinds is None:
            kinds = self._kinds_of(texts, whole)
            if len(self._lists) < _TABLES:
                self._lists[whole] = kinds
        if not kinds:
            return None
        by_kind: dict[str, list[str]] = {}
        for text, kind in kinds.items():
            by_kind.setdefault(kind, []).append(text)
        for kind, some in by_kind.items():
            self.many(kind, some)
        drawn = {} if self._rules.any_allowed else self.crowd.secrets
        out: list[Any] = []
        for at, one in enumerate(texts):
            made = drawn.get(one) if at >= MARKED and one in kinds else None
            if made is None:
                made = self.leaf(one, path(at), kinds[one]) if one in kinds else walk(one, path(at), None)
            out.append(made)
        return out

    def _kinds_of(self, texts: list[str], whole: str) -> dict[str, str]:
        """Those that are nothing but a secret, with its kind; none where most are not, or two would be read as one."""
        if not all(map(self._is_secret, texts[:_FIRST])) or whole.count("\n") != len(texts) - 1:
            return {}
        found = find(whole, self._rules.patterns, self._pause)
        each = next(found, None)
        kinds: dict[str, str] = {}
        end = -1
        for text in texts:
            start, end = end + 1, end + 1 + len(text)
            if each is not None and (each.start, each.end) == (start, end):
                kinds[text] = each.kind
            while each is not None and each.start < end:
                if each.end > end:
                    return {}
                each = next(found, None)
        return kinds if len(kinds) * 2 > len(texts) else {}

    def _is_secret(self, text: str) -> bool:
        found = self._find(text)
        return len(found) == 1 and (found[0].start, found[0].end) == (0, len(text))

    def _column(
        self, column: list[Any], walk: Walk, at: Callable[[int], Path], name: str, kind: str | None
    ) -> list[Any]:
        inner = self.kind_in(name, "", (), kind)
        sorts = set(map(type, column))
        if inner and sorts == {str}:
            return self._listed(column, inner, lambda number: (*at(number), name))
        if sorts == {str} and (made := self._by_looks(column, walk, lambda number: (*at(number), name))) is not None:
            return made
        if sorts == {dict} and inner != "session":  # what it holds may have an id
            made = self.rows(column, walk, lambda number: (*at(number), name), self.kind_in(name, {}, (), kind))
            if made is not None:
                return made
        out: list[Any] = []
        same: set[str] = set()
        for number, one in enumerate(column):
            if type(one) is str and one in same:
                out.append(one)
                continue
            out.append(walk(one, (*at(number), name), self.kind_in(name, one, (), kind)))
            if out[-1] is one and type(one) is str and not self._rules.any_allowed:
                same.add(one)
        return out

    def parameter(self, walk: Walk, item: Any, names: Sequence[str], number: int,
                  path: Path, kind: str | None) -> Any:  # fmt: skip
        """Of a statement with parameters for these columns: one of them, or a list of all, or of many such lists."""
        held = item.get("$tuple") if type(item) is dict else item
        if type(held) is not list:
            return walk(item, path, (self.kind_of(names[number]) if number < len(names) else None) or kind)
        made = [self.parameter(walk, each, names, at, (*path, at), kind) for at, each in enumerate(held)]
        return made if held is item else {"$tuple": made}

    def _percent(self, text: str, path: Path, kind: str | None) -> str:
        """A percent-encoded text: what changes is encoded as it was, byte for byte."""
        if "%" not in text and "+" not in text:
            return self.leaf(text, path, kind)
        plain = _unquoted(text.replace("+", " "))
        made = self.data(plain, path, kind)
        if made == plain:
            return text
        return _escaped_alike(text, plain, made) or quote_from_bytes(made, safe="")

    def flat(self, text: str, deep: int = 0) -> str:
        """Prose and everything else: patterns, known secrets, what is encoded in it."""
        if len(text) >= 4 * CROWD and (made := self._crowded(text, lambda rest: self._rest(rest, deep))) is not None:
            return made
        spans = self._find(text)
        if not spans:
            return self._rest(text, deep)
        between, masks, done, rest = [], [], 0, ""
        for found in spans:
            secret = text[found.start : found.end]
            made = self.secrets.get(secret) or self.crowd.secrets.get(secret) or self.value(secret, found.kind)
            rest += text[done : found.start]
            done = found.end
            if secret in self.secrets or secret in self.crowd.secrets or secret in self.crowd.late:
                between.append(rest)
                masks.append(made)
                rest = ""
            else:  # its kind has its own way with it, and may leave what is known
                rest += made
        between.append(rest + text[done:])
        out = [""] * (len(between) + len(masks))
        out[::2] = apart(between, lambda rest: self._rest(rest, deep))
        out[1::2] = masks
        return "".join(out)

    def _rest(self, text: str, deep: int) -> str:
        """What no pattern is for: what is encoded, known secrets."""
        return self.masked(self._encoded(text, deep) if deep < _DEEPEST else text)

    def _encoded(self, text: str, deep: int) -> str:
        """What is encoded in a text, before known secrets are looked for in it: of one in Base64 they show the middle
        only, and what is left of its ends would make it another."""
        if "%" in text and _PERCENT.search(text):
            text = _RUN.sub(lambda run: self._percent_part(run[0], deep) if "%" in run[0] else run[0], text)
        if len(text) < 16:
            return text
        if "&quot;" in text or "&lt;" in text:
            text = self._of_entities(text, deep)
        if ("\\u00" in text or "\\x" in text or "&#" in text or "\\1" in text) and _SPELT.search(text):
            text = self._spelt(text, deep)
        if text[0] > " " and _BASE85.fullmatch(text):
            return self._of_base85(text, deep)
        parts = _FOLDED.split(text) if "\n" in text and _may_be_folded(text) else [text]
        parts[::2] = [_BASE64.sub(lambda part: self._decoded(part[0], deep), one) for one in parts[::2]]
        parts[1::2] = [self._folded(one, deep) for one in parts[1::2]]
        return "".join(parts)

    def _of_entities(self, text: str, deep: int) -> str:
        """JSON and XML within HTML: what changes are letters and digits only."""
        plain = text
        for entity, sign in _ENTITIES.items():
            plain = plain.replace(entity, sign)
        made = self.flat(plain, deep + 1)
        if made == plain:
            return text
        units = _ENTITY.findall(text)
        if len(made) != len(units):
            return html.escape(made)
        return "".join(unit if len(unit) > 1 else new for unit, new in zip(units, made, strict=True))

    def _spelt(self, text: str, deep: int) -> str:
        """Letters that are written as escapes of JSON, Python, C or HTML: what changes is written as it was."""
        units = _SPELT_UNIT.findall(text)
        plain = "".join(map(_letter, units))
        made = self.flat(plain, deep + 1)
        if made == plain:
            return text
        if len(made) != len(units):
            return made
        return "".join(
            unit if old == new else _respelt(unit, new) for unit, old, new in zip(units, plain, made, strict=True)
        )

    def _folded(self, text: str, deep: int) -> str:
        """Base64 in lines, as in mail (RFC 2045)."""
        parts = re.split(r"(\r?\n)", text)
        lines, breaks = parts[::2], [*parts[1::2], ""]
        whole = "".join(lines)
        made = self._decoded(whole, deep)
        if made == whole:
            no_text = whole in self._no_base64 or len(self._no_base64) >= _WORDS
            return _BASE64.sub(lambda part: self._decoded(part[0], deep), text) if no_text else text
        return "".join(line + end for line, end in zip(bodies.cut(lines, made), breaks, strict=True))

    def _percent_part(self, text: str, deep: int) -> str:
        plain = _unquoted(text)
        try:
            words = plain.decode()
        except UnicodeDecodeError:
            return text
        made = self.flat(words, deep + 1).encode("utf-8", "surrogatepass")
        return text if made == plain else _escaped_alike(text, plain, made) or quote_from_bytes(made)

    def _decoded(self, text: str, deep: int) -> str:
        """A run of Base64 that is text inside."""
        if (made := self._needles.exact(text)) is not None:
            return made
        if text in self._no_base64 or text in self.crowd.drawn or text in self.crowd.late:
            return text
        if (digits := _HEX.fullmatch(text)) is not None:
            data = bytes.fromhex(digits[2])
            inside = self._inside(data, deep)
            if inside is not None and inside != data:
                made = inside.hex()
                return digits[1] + (made.upper() if digits[2].isupper() else made)
        bare = text.rstrip("=")
        if _BASE32.fullmatch(bare) and (made := self._of_base32(bare, deep)) is not None:
            return made + text[len(bare) :]
        if len(bare) % 4 == 1 or bare.isalpha() or bare.isdecimal():
            return text
        url = "-" in bare or "_" in bare
        try:
            data = b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_" if url else None)
        except Base64Error:
            return self._not_base64(text)
        inside = self._inside(data, deep)
        if inside is None:
            return self._not_base64(text)
        if inside == data:
            return text
        packed = b64encode(inside, altchars=b"-_" if url else None).decode()
        return packed if text.endswith("=") or bodies.form_of(data) else packed.rstrip("=")

    def _of_base32(self, text: str, deep: int) -> str | None:
        try:
            data = b32decode(text.upper() + "=" * (-len(text) % 8))
        except Base64Error:
            return None
        if not data.isascii():
            return None
        inside = self._inside(data, deep)
        if inside is None or inside == data:
            return None if inside is None else text
        made = b32encode(inside).decode().rstrip("=")
        return made.lower() if text.islower() else made

    def _of_base85(self, text: str, deep: int) -> str:
        try:
            data = b85decode(text)
        except ValueError:
            return text
        inside = self._inside(data, deep) if data.isascii() else None
        return text if inside is None or inside == data else b85encode(inside).decode()

    def _inside(self, data: bytes, deep: int) -> bytes | None:
        """Bytes without secrets; None if they are neither packed nor text."""
        if bodies.form_of(data) or (b"\0" in data[:64] and _wide(data)):
            return self.data(data, (), None)
        try:
            words = data.decode()
        except UnicodeDecodeError:
            words = "\0"
        if not words.isprintable() and any(char < " " and char not in "\t\r\n" for char in words):
            made = self._packed(data, ()) if len(data) >= _SMALLEST else data
            return None if made is data else made
        return self.leaf(words, (), None, mark=False, deep=deep + 1).encode("utf-8", "surrogatepass")

    def _not_base64(self, text: str) -> str:
        if len(self._no_base64) < _WORDS:
            self._no_base64.add(text)
        return text

    # What stands for a secret ---------------------------------------------------------------------------------

    def value(self, text: str, kind: str | None) -> str:
        """What stands for all of a text: of a header with a scheme and of cookies for their values."""
        if drawn := self.crowd.secrets.get(text):
            return drawn
        if (
            text in self.crowd.late
            or text in NEVER
            or text.lower() in NEVER
            or text in self.known
            or text in self.allowed
        ):
            return text
        if text[0].isspace() or text[-1].isspace():
            return _around(text, lambda bare: self.value(bare, kind))
        if kind == "cookie":
            return self._cookies(text)
        if kind == "login":
            return self._login(text)
        if kind in ("authorization", "assigned") and (found := _SCHEME.match(text)):
            return text[: found.start(2)] + self._credentials(found[2], kind)
        if kind in ("scheme", "authorization", "token"):
            return self._credentials(text, kind)
        if kind == "url-password" and ":" in text:
            return ":".join(self.value(part, kind) if part else "" for part in text.split(":"))
        if kind in ("ip", "email") and "," in text:
            return ",".join(_around(part, lambda bare: self.value(bare, kind)) for part in text.split(","))
        if "://" in text and (found := _URL.match(text)) and (kind not in PERSONAL):
            made = self.url(text, (), mark=False)
            if made != text or kind not in _UNLIKE_A_LINK:
                return made
            made = found[1] + self._pseudonyms.of(text[found.end(1) :])
            self.learn(text, made, kind)
            self.learn(text[found.end(1) :], made[found.end(1) :], kind)
            return made
        if kind == "email" and "<" in text:
            return self.flat(text, _DEEPEST)
        if kind == "email" and "@" not in text:
            return self.flat(text, 0)
        if kind in _IN_URLS and "%" in text and "+" not in text and _PERCENT.search(text):
            plain = _unquoted(text)
            inside = self.value(plain.decode("utf-8", "surrogateescape"), kind).encode("utf-8", "surrogateescape")
            made = _escaped_alike(text, plain, inside) or quote_from_bytes(inside)
        elif self.late(text, kind or "?"):
            return text
        else:
            made = self._pseudonyms.of(text, mail=kind not in _UNLIKE_A_MAIL)
        self.learn(text, made, kind or "?")
        return made

    def _login(self, text: str) -> str:
        """A password in Base64, as mail clients say it."""
        try:
            made = b64encode(self.value(b64decode(text).decode(), "password").encode()).decode()
        except ValueError:
            made = self._pseudonyms.of(text)
        self.learn(text, made, "password")
        return made

    def _credentials(self, text: str, kind: str) -> str:
        """`user:password` in Base64, else a token."""
        if may_be_pair(text):
            try:
                pair = b64decode(text + "=" * (-len(text) % 4)).decode()
            except (ValueError, UnicodeDecodeError):
                pair = ""
            if pair.count("\0") == 2 and pair.replace("\0", "").isprintable():  # SASL, of two names and a password
                names, _, password = pair.rpartition("\0")
                packed = b64encode(f"{names}\0{self.value(password, 'password')}".encode()).decode()
                self.learn(text, packed, kind)
                return packed
            if ":" in pair and pair.isprintable():
                user, _, password = pair.partition(":")
                user = self.value(user, "password") if len(user) >= SHORTEST else user  # elsewhere it would stay
                made = f"{user}:{self.value(password, 'password') if password else ''}"
                packed = b64encode(made.encode()).decode()
                packed = packed if text.endswith("=") else packed.rstrip("=")
                self.learn(text, packed, kind)
                return packed
        if text in self.known or self.late(text, kind):
            return text
        made = self._pseudonyms.of(text)
        self.learn(text, made, kind)
        return made

    def _cookies(self, text: str) -> str:
        parts = re.split(r"(;\s*)", text)
        if len(parts) > 2 * self.few:
            values = dict.fromkeys(part.partition("=")[2] for part in parts)
            self.many("session", [value for value in values if len(value) >= SHORTEST and value[0] != '"'])
        out: list[str] = []
        for part in parts:
            name, mark, value = part.partition("=")
            bare = name.strip().lower()
            if not mark or bare in ("path", "domain", "expires", "max-age", "samesite"):
                stays = mark or (not out and len(parts) > 1) or ";" in part or bare in ("secure", "httponly", "")
                out.append(part if stays else self.value(part, "session"))
            else:
                quoted = value[:1] == '"' == value[-1:] and len(value) > 1
                inner = value[1:-1] if quoted else value
                is_plain = len(inner) < SHORTEST and self._rules.kind_of(name.strip()) is None  # `lang=de` is no secret
                masked = inner if is_plain else self.value(inner, "session")
                out.append(f"{name}={chr(34)}{masked}{chr(34)}" if quoted else f"{name}={masked}")
        return "".join(out)


def _is_form(text: str) -> bool:
    return _FORM.match(text) is not None and _BASE64.fullmatch(text) is None


def _may_be_folded(text: str) -> bool:
    """Whether a line ends in as many characters as folded Base64 has."""
    return any(len(line) > 47 and " " not in line[-48:] for line in text.split("\n", _LINES))


def _letter(unit: str) -> str:
    """What a unit of a text stands for."""
    if len(unit) == 1:
        return unit
    if unit[0] == "&":
        digits = unit[2:-1]
        return chr(int(digits[1:], 16) if digits[0] in "xX" else int(digits))
    return chr(int(unit[-4:], 16) if "u" in unit else int(unit[-2:], 16) if "x" in unit else int(unit[-3:], 8))


def _respelt(unit: str, new: str) -> str:
    """Another letter in the way of a unit."""
    if len(unit) == 1:
        return new
    code, bare = ord(new), unit.rstrip("0123456789abcdefABCDEF;")
    if unit[0] == "&":
        return f"&#x{code:x};" if unit[2] in "xX" else f"&#{code};"
    digits = f"{code:04x}" if "u" in unit else f"{code:02x}" if "x" in unit else f"{code:03o}"
    return bare + (digits.upper() if unit[len(bare) :].isupper() else digits)


def _escaped_alike(text: str, plain: bytes, made: bytes) -> str | None:
    """`made` percent-encoded as `text` has `plain`; None if their lengths differ."""
    units = _UNIT.findall(text)
    if len(made) != len(plain) or len(units) != len(plain):
        return None
    return "".join(
        unit if old == new else f"%{new:02X}" if len(unit) == 3 or not chr(new).isalnum() else chr(new)
        for unit, old, new in zip(units, plain, made, strict=True)
    )


def _wide(data: bytes) -> str | None:
    """UTF-16, told by its mark, or by every other byte being none in Latin text."""
    if len(data) % 2:
        return None
    if data[:2] in _MARKS:
        return _MARKS[data[:2]]
    even, odd = data[:4096:2], data[1:4096:2]
    for charset, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(high) > 3 and high.count(0) > 0.9 * len(high) and not low.count(0):
            return charset
    return None


def _around(text: str, change: Callable[[str], str]) -> str:
    """Without the space around it."""
    bare = text.strip()
    return text.replace(bare, change(bare), 1) if bare else text


def _plain(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _unquoted(text.replace("+", " ")).decode("utf-8", "replace")


def _unquoted(text: str) -> bytes:
    """As `urllib.parse.unquote_to_bytes`, which goes from escape to escape."""
    return _ESCAPES.sub(
        lambda run: bytes.fromhex(run[0].translate(None, b"%").decode()), text.encode("utf-8", "surrogatepass")
    )
