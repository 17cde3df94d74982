"""Texts and bytes without secrets, through what they hold: JSON, forms, URLs, event streams, parts of a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from replay.core.redaction import beside, bodies, streams
from replay.core.redaction.crowds import CROWD
from replay.core.redaction.encoded import BASE64, DEEPEST, all_quoted, all_unquoted
from replay.core.redaction.escapes import BYTE_ORDERS, plain, wide
from replay.core.redaction.finding import find
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.marks import Path
from replay.core.redaction.needles import SHORTEST
from replay.core.redaction.patterns import WEBHOOK, card, may_count
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.replaced import URL
from replay.core.redaction.rules import Rules
from replay.core.redaction.secrets import Told
from replay.core.redaction.tabled import LOW, Tabled
from replay.core.redaction.values import ASKED, DRAWN

_LARGE = 4 << 20
"""Characters of a JSON text that is read as such; longer ones are masked as text."""
_PAIR = re.compile(r"[\w.\[\]%$*@-]{1,100}=")
_FORM = re.compile(r"[\w.\[\]%$*@-]{1,100}=[^\s&]*(?:&[\w.\[\]%$*@-]{1,100}=[^\s&]*)*\Z")
_SETTING = re.compile(r"[^=]{1,100}+=(?![{\[])[^;\"'(]*+[;\"'(].*+")
"""`AccountName=shop;AccountKey=...`, `key=Secret('...')`."""
_SIGNS = 8
"""Signs of equality in one pair of a form: each may be one of another within."""
_ESC = "\x1b["
_COLOUR = re.compile(r"\x1b\[[\d;?]{0,40}+[A-Za-z]")
"""What tells a terminal a colour, or where to write: it may stand between a name and its value (structlog, rich)."""
_LOOKS = re.compile(r"\ufeff?\s*[{\[]")
_PART = re.compile(r'[; ]name=(?:"([^"\r\n]{1,200})"|([^";\s]{1,200}))')
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_IN_TEXT = {
    "utf-8": bytes(code for code in range(256) if code not in _CONTROLS),
    "latin-1": bytes(code for code in range(256) if code not in _CONTROLS and not 0x80 <= code < 0xA0),
}
"""Bytes of texts; of others with one of theirs, names are looked for that have their length before them."""
_LEAST_TOKEN = 1000
"""A number below it that is named a token counts something, as `progressToken` of MCP does."""
_TEXTS = 10_000
"""That are remembered."""
_KEPT = 64
"""JSON texts whose values are kept from the first walk to the second."""
_DRAWS = ("draws",)
"""In the context: random numbers, which look like anything."""


class _Fields(NamedTuple):
    """Of a form: values, each with what it becomes."""

    words: Mapping[str, str]
    """Of no kind, in which nothing is."""
    drawn: Mapping[str, str]
    """Of any kind."""
    said: Mapping[str, str]
    """Of any kind, percent-encoded: what it says."""
    encoded: Mapping[str, tuple[str, str, str]]
    """Of those: what it says, what stands for that, the same encoded."""


_NO_FIELDS = _Fields({}, {}, {}, {})


class Texts(Tabled):
    """Looks into texts and bytes."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        super().__init__(rules, pseudonyms, pause)
        self._styles: dict[str, streams.Write] = {}
        """JSON -> what writes it again."""
        self._parsed: dict[str, Any] = {}
        """JSON -> what it says."""
        self._whole: set[str] = set()
        """JSON without a name that stands twice in one object: the second walk meets the same."""
        self._lines_read: dict[str, tuple[Any, streams.Write | None]] = {}
        """Line -> what it says: the second walk meets the same ones."""

    def data(self, data: bytes, path: Path, kind: str | None, content: str = "") -> bytes:
        """Bytes without secrets."""
        if not kind and (form := bodies.form_of(data)):
            plain, rest = bodies.unpacked(data, form)
            if plain:
                inner = self.data(plain, path, None)
                end = self.data(rest, path, None) if rest else rest
                return data if inner == plain and end == rest else bodies.made_again(inner, form, data) + end
        if (b"\0" in data[:64] or data[:2] in BYTE_ORDERS) and (charset := wide(data)):
            mark = data[:2] if data[:2] in BYTE_ORDERS else b""
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
            data = self.packed(data, path)
            text = data.decode(charset)
            if charset == "latin-1" and "\0" in text[:4096]:  # no text: known secrets only
                return self._needles.replace(text, self._pause).encode("latin-1")
        made = self.leaf(text, path, kind, content=content)
        return data if made == text else made.encode(charset, "surrogatepass" if charset == "utf-8" else "replace")

    def number(self, node: Any, path: Path, kind: str | None) -> Any:
        """A number without secrets."""
        if kind and type(node) is float and node.is_integer() and abs(node) < 2**53:
            return float(self.number(int(node), path, kind))
        if kind is None and type(node) is int and -10_000 < node <= LOW:
            return node
        text = str(node)
        if (
            kind is None
            and type(node) is int
            and 13 < len(text) < 17
            and path[:1] != _DRAWS
            and card(text)
            and not may_count(text)
        ):
            kind = "card"
        if kind == "token" and type(node) is int and 0 <= node < _LEAST_TOKEN:
            return node
        if kind and type(node) is int and not self._rules.allows(path) and text not in self.known:
            if node > LOW and text not in self.secrets:
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
        return self.leaf(value, path, self._rules.kind_of(name, value))

    def url(self, text: str, path: Path, *, mark: bool = True) -> str:
        """A URL: its host stays, names of its query say what they hold."""
        found = URL.match(text)
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
        pairs = [pair.partition("=") for pair in text.split("&")]
        keys = [name for name, _, _ in pairs]
        if "%" in text or "+" in text:
            keys = list(map(plain, keys))
        values = [value for _, _, value in pairs]
        spelled = list(map(plain, values)) if "key" in text.lower() and "%" in text else values
        kinds = list(map(self._rules.kind_of, keys, spelled))
        if len(pairs) > self.few and not self._armed:
            self._many_of(zip(kinds, values, strict=True))
        if "code=" in text and ("state=" in text or "grant_type=" in text):  # of OAuth: it opens a session
            kinds = [kind or ("token" if key == "code" else None) for key, kind in zip(keys, kinds, strict=True)]
        if "key=" in text or "magic=" in text:
            asked = zip(keys, kinds, values, strict=True)
            kinds = [
                kind or ("token" if key in ASKED and DRAWN.fullmatch(value) else None) for key, kind, value in asked
            ]
        shown: dict[str, str] = {}
        many = _NO_FIELDS
        if len(pairs) > MARKED and not self._rules.any_allowed:
            shown = self.words(list(dict.fromkeys(name for name, _, _ in pairs)))
            many = self._fields(kinds, values)
        words, drawn, said, encoded = many
        out: list[str] = []
        for number, (name, mark, value) in enumerate(pairs):
            key, kind = keys[number], kinds[number]
            if (
                number == MARKED
                and not self._armed
                and self._learned_fields(pairs[number:], kinds[number:], shown, many)
            ):
                return "&".join([*out, *map("".join, pairs[number:])])
            if name not in shown:  # a key may stand there without a name
                shown[name] = name if len(name) < SHORTEST else self.percent(name, (*path, key), None)
            made = words.get(value) if not kind else drawn.get(value) if value not in said else None
            if encoded and kind and value in encoded:
                before, after, made = encoded[value]
                self.mark((*path, key), before, after, kind)
            elif made is not None and number < MARKED:
                self.mark((*path, key), value, made, kind)
            out.append(shown[name] + mark + (made or self.percent(value, (*path, key), kind)))
        return "&".join(out)

    def _learned_fields(
        self,
        pairs: Sequence[tuple[str, str, str]],
        kinds: Sequence[str | None],
        names: Mapping[str, str],
        many: _Fields,
    ) -> bool:
        """Learn what these say, if nothing else is to be found in them."""
        if len(self.secrets) < self.few or self.known.any:
            return False
        told: list[Told] = []
        for (name, _, value), kind in zip(pairs, kinds, strict=True):
            if name not in names and len(name) >= SHORTEST:
                return False
            if len(value) < 2 or (value in many.drawn and value not in many.said if kind else value in many.words):
                continue
            plain = many.said.get(value) if "%" in value or "+" in value else value
            if not kind or plain is None:
                return False
            told.append((plain, kind, True))
        self.learn_all(told)
        return True

    def _fields(self, kinds: Sequence[str | None], values: Sequence[str]) -> _Fields:
        """Of a form of many fields those that need no look of their own."""
        words = self.words(list({value: "" for kind, value in zip(kinds, values, strict=True) if not kind}))
        runs = {value: "" for kind, value in zip(kinds, values, strict=True) if kind and "%" in value}
        said = all_unquoted([run for run in runs if "+" not in run]) if runs else {}
        said = {run: each for run, each in said.items() if each[1].isprintable()}
        drawn = self.crowd.secrets
        now = {run: (data, drawn[one]) for run, (data, one) in said.items() if one in drawn}
        made = all_quoted(now) if now else {}
        encoded = {run: (said[run][1], now[run][1], one) for run, one in made.items()}
        return _Fields(words, drawn, {run: one for run, (_, one) in said.items()}, encoded)

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
            made, deep = self.masked(text), DEEPEST
        elif kind:
            made = self.value(text, kind)
        else:
            marked = len(self.marks)
            if _ESC in text and not self._armed and deep < DEEPEST and (plain := _COLOUR.sub("", text)) != text:
                self.leaf(plain, path, None, content=content, mark=False, deep=deep + 1)
            inside = self._nested(text, path, content, deep) if deep < DEEPEST else None
            made = self.flat(text, deep) if inside is None else inside
            if len(self.marks) > marked and any(each[: len(path)] == path for each in islice(self.marks, marked, None)):
                mark = False  # what it holds is marked
        if mark:
            self.mark(path, text, made, kind)
        return made

    def key(self, name: str, path: Path) -> str:
        """A key without secrets: what changed is the mapping at `path`."""
        made = self.leaf(name, path, None, mark=False)
        self.mark(path, name, made, None)
        return made

    def _nested(self, text: str, path: Path, content: str, deep: int) -> str | None:
        """What a text holds, masked in place; None if it is only text."""
        if "event-stream" in content or "ndjson" in content or text.startswith(("data: ", "event: ")):
            return self._lines(text, path, deep)
        if _LOOKS.match(text) and len(text) <= _LARGE:
            made = self._json(text, path)
            if made is None:
                made = self._lines(text, path, deep) if streams.are_lines(text) else self._cut_json(text, path)
            if made is not None:
                return made
        if text[0] == text[-1] == '"' and "\\" in text and len(text) <= _LARGE:
            made = self._json_string(text, path, deep)
            if made is not None:
                return made
        if text[1:2] == ":" and streams.are_lines(text):  # `0:"Hel"`
            return self._lines(text, path, deep)
        if "multipart/" in content and "name=" in text:
            return self._form_in_parts(text, path, deep)
        if "\n" in text or "\\n" in text or "(" in text or "[" in text:
            made = self.columns(text, path, deep)
            if made is not None:
                if self._armed:
                    self.crowd.note(made)
                return made
        if "://" in text[:30] and URL.match(text):
            return self.url(text, path)
        if _PAIR.match(text) and ("x-www-form-urlencoded" in content or self._is_form(text)):
            return self.form(text, path)
        return None

    def _is_prose(self, text: str) -> bool:
        """Whether `leaf` would take a text of one line for prose."""
        return (
            1 < len(text) <= CROWD
            and not self._rules.is_word(text)
            and not text.startswith(("data: ", "event: "))
            and _LOOKS.match(text) is None
            and "NSERT" not in text
            and "nsert" not in text
            and "[" not in text
            and "\\n" not in text
            and "://" not in text[:30]
            and not (_PAIR.match(text) and self._is_form(text))
        )

    def _is_form(self, text: str) -> bool:
        """No setting whose `+` says no space, nor `a=a=a=...`, a form in a form in a form; but for one whose name says
        that all of its value is a secret."""
        if _FORM.match(text) is None or BASE64.fullmatch(text) is not None:
            return False
        if "&" in text or (text.count("=") <= _SIGNS and _SETTING.fullmatch(text) is None):
            return True
        return self._rules.kind_of(text.partition("=")[0]) is not None

    def _lines(self, text: str, path: Path, deep: int) -> str:
        """Events, or a JSON document a line."""
        return streams.masked(
            text,
            lambda tree: self._plain(tree, path, None),
            lambda one: self.flat(one, deep),
            self.whole,
            self.known,
            self.document,
            self.spans,
            lambda rows: self.rows(rows, self._plain, lambda at: path, None),
            writes=self._armed,
            reads=self._lines_read,
        )

    def whole(self, text: str) -> str:
        """What the pieces of a stream make together."""
        inside = self.document(text)
        return self.flat(text) if inside is None else inside

    def document(self, text: str) -> str | None:
        """JSON without secrets; None of any other text."""
        return self._json(text, ()) if _LOOKS.match(text) else None

    def _form_in_parts(self, text: str, path: Path, deep: int) -> str:
        """`multipart/form-data` (RFC 7578): its first line is what parts it."""
        line = "\r\n" if "\r\n" in text else "\n"
        mark = text.partition(line)[0]
        if not mark.startswith("--") or len(mark) < 3:
            return self.flat(text, deep)
        first, *parts = text.split(mark)
        return mark.join([first, *(self._part(part, path, line, deep) for part in parts)])

    def _part(self, text: str, path: Path, line: str, deep: int) -> str:
        """One field of a form; what each holds is looked through once: what stands for a secret is no secret."""
        head, mark, value = text.partition(line + line)
        found = _PART.search(head[:2000]) if mark else None
        if found is None:
            return self.flat(text, deep)
        name = found[1] or found[2]
        end = line if value.endswith(line) else ""
        made = self.leaf(value.removesuffix(end), (*path, name), self._rules.kind_of(name))
        return self.flat(head, deep) + mark + made + end

    def _json(self, text: str, path: Path) -> str | None:
        """JSON, what is not changed byte for byte as it was; None if it is none, or has a name twice."""
        if text[0] == "\ufeff":
            made = self._json(text[1:], path) if len(text) > 1 else None
            return None if made is None else text[0] + made
        try:
            value = self._parsed[text] if text in self._parsed else streams.parsed(text)
        except (ValueError, RecursionError):
            return None
        if type(value) not in (dict, list):
            return None
        self._pause(len(text))
        try:
            made = self._plain(value, path, None)
            if made == value:
                return self.masked(text) if self._says_all(text, value) else None
            write = self._styles.get(text) or streams.style_of(text, value)
            if write is None:
                return None
            if not self._armed:  # nobody looks at what the first walk writes
                self._styles[text] = write
                if len(self._parsed) < _KEPT and len(text) <= 1 << 16:
                    self._parsed[text] = value
                return text
            return self.masked(write(made))
        except RecursionError:
            return None

    def _json_string(self, text: str, path: Path, deep: int) -> str | None:
        """JSON that is a text, with escapes; None if it is none, or nothing is found in that."""
        try:
            value = streams.parsed(text)
        except (ValueError, RecursionError):
            return None
        write = streams.style_of(text, value)
        made = self.leaf(value, path, None, mark=False, deep=deep + 1) if type(value) is str and write else value
        return None if made == value or write is None else self.masked(write(made))

    def _says_all(self, text: str, value: Any) -> bool:
        if text not in self._whole:
            if not streams.says_all(text, value):
                return False
            if len(self._whole) < _TEXTS:
                self._whole.add(text)
        return True

    def _cut_json(self, text: str, path: Path) -> str | None:
        """The beginning of a JSON text, whose end was not read or not kept."""
        for end in streams.ends_of(text):
            made = self._json(text + end, path)
            if made is not None:
                return made.removesuffix(end) if made.endswith(end) else None
        return None

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
                key = name if len(name) < SHORTEST else self.key(name, path)
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
            kinds = [self.kind_of(name, one) if self.kind_of(one) is None else None for name, one in items]
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
