"""Rows and columns: tables in texts, lists of objects with the same names or of secrets, parameters of statements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from replay.core.redaction import beside, columns
from replay.core.redaction.finding import find
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.marks import Path
from replay.core.redaction.needles import SHORTEST
from replay.core.redaction.patterns import CARD, cards_in, may_count
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.replaced import Replaced
from replay.core.redaction.rules import Rules
from replay.core.redaction.secrets import apart, mark_for

_TABLES = 1000
"""That are remembered."""
LOW = 99_999
"""Up to which numbers are drawn one by one: of so few some would become one."""
IDS = frozenset({"id", "_id", "key"})
ROWS = 32
"""Items of a list that is read as a table."""
_FIRST = 4
"""Items that tell of most lists that they are none of secrets."""
NOT_ROWS = frozenset({"kty", "value", "Value", "answer", "headers", "pieces", "returned"})
"""Names that say something of what stands beside them."""

_SCALARS = frozenset({str, int, float, bool, type(None)})

Walk = Callable[[Any, Path, str | None], Any]


class Tabled(Replaced):
    """Looks at columns."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms, pause: Callable[[int], None]) -> None:
        super().__init__(rules, pseudonyms, pause)
        self._database = columns.Tables({}, {})
        self._tables: dict[tuple[str, Path, int], tuple[str | None, dict[str, tuple[str, str, str]]]] = {}
        """Table and path -> it without secrets, of each column that changed one cell before and after, its kind."""
        self._lists: dict[str, dict[str, str]] = {}
        """Texts of a list, a line each -> those that are secrets by their looks, with their kinds."""

    @abstractmethod
    def number(self, node: Any, path: Path, kind: str | None) -> Any:
        """A number without secrets."""

    @abstractmethod
    def together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str] | None:
        """What `leaf` makes of many texts."""

    @abstractmethod
    def objects(self, values: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any] | None:
        """What `walk` makes of objects of several shapes."""

    def columns(self, text: str, path: Path, deep: int) -> str | None:
        """A text with a table, without secrets; None if none of its columns says that it has any. The second walk meets
        the same ones."""
        held = self._tables.get((text, path, len(self._database.columns))) if not self.allowed else None
        mark = mark_for(text) or ""
        if held is None:
            changed: dict[str, tuple[str, str, str]] = {}

            def cell(name: str, kind: str, one: str) -> str:
                drawn = self.crowd.secrets.get(one)
                if drawn is None and self._armed and not self._rules.any_allowed:
                    drawn = self.secrets.get(one)
                made = self.leaf(one, (*path, name), kind) if drawn is None else drawn
                if made != one:
                    changed.setdefault(name, (one, made, kind))
                return f"{mark}{made}{mark}" if made == (drawn or self.secrets.get(one)) else made

            held = columns.masked(text, self.kind_of, cell, self.many, self._database, mark), changed
            if len(self._tables) < _TABLES and not self.crowd.late:
                self._tables[text, path, len(self._database.columns)] = held
        for name, (before, after, kind) in held[1].items():
            self.mark((*path, name), before, after, kind)
        if held[0] is None or not mark:
            return None if held[0] is None else self.flat(held[0], deep)
        parts = held[0].split(mark)  # every other one is a pseudonym
        parts[::2] = apart(parts[::2], lambda rest: self.flat(rest, deep))
        return "".join(parts)

    def words(self, names: Sequence[str]) -> dict[str, str]:
        """Of many names those that are plain words, if none of them holds a known secret: all are looked at at once."""
        is_word = self._rules.is_word
        longest = max(names, key=len, default="")
        plain = is_word(longest) and "".join(names).isalnum() and "" not in names
        words = names if plain else list(filter(is_word, names))
        whole = "\0".join(words)
        return dict(zip(words, words, strict=True)) if self.masked(whole) == whole else {}

    def kind_in(self, name: str, item: Any, path: Path, kind: str | None) -> str | None:
        """The kind of a member of what lies at `path`. What a session holds is data like any other, but for its id."""
        inner = self._rules.kind_of(name, item) or kind
        if inner == "session" and type(item) in (dict, list):
            return None
        if inner is None and name in IDS and path and type(item) is str and len(item) >= 12:
            return "session" if self.kind_of(path[-1]) == "session" else None
        return inner

    def rows(self, items: list[Any], walk: Walk, at: Callable[[int], Path], kind: str | None) -> list[Any] | None:
        """A long list of objects with the same names, as a table, or one of texts of a kind, or of which most are
        nothing but secrets; None of any other. `at`: the path of an item."""
        if len(items) < ROWS:
            return None
        sorts = set(map(type, items))
        if sorts == {str} and kind and items[0][:1] != "-":
            return self._listed(items, kind, at)
        if sorts == {str} and not kind:
            made = self._by_looks(items, walk, at)
            if made is None and not beside.options(items, self.kind_of) and beside.columns(items) is None:
                made = self.together(items, at, 0, lambda number: walk(items[number], at(number), None))
            return made
        if sorts == {int} and kind:
            return self._numbered(items, kind, at)
        if str in sorts and not kind and sorts <= _SCALARS and (made := self._mixed(items, walk, at)) is not None:
            return made
        names = tuple(items[0]) if sorts == {dict} else ()
        if not names or NOT_ROWS.intersection(names) or names[0][:1] == "$":
            return None
        if set(map(tuple, items)) != {names}:
            return None if kind else self.objects(items, walk, at)
        columns = [[each[name] for each in items] for name in names]
        if beside.any_statement([one for column in columns[:-1] for one in column if type(one) is str]):
            return None
        made = [self._column(column, walk, at, name, kind) for name, column in zip(names, columns, strict=True)]
        keys = [name if len(name) < SHORTEST else self.leaf(name, at(0)[:-1], None, mark=False) for name in names]
        return [dict(zip(keys, row, strict=True)) for row in zip(*made, strict=True)]

    def _mixed(self, items: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any] | None:
        """A list of texts and small numbers: the texts are looked at together."""
        places = [number for number, one in enumerate(items) if type(one) is str]
        rest = [one for one in items if type(one) is int]
        if (rest and not -LOW < min(rest) <= max(rest) < LOW) or beside.options(items, self.kind_of):
            return None
        if beside.columns(items) is not None:
            return None
        texts = [items[number] for number in places]
        made = self.together(texts, lambda n: at(places[n]), 0, lambda n: walk(texts[n], at(places[n]), None))
        if made is None:
            return None
        out = [*items]
        for number, one in zip(places, made, strict=True):
            out[number] = one
        return out

    def members(self, node: dict[str, Any], walk: Walk, path: Path, kind: str | None) -> dict[str, Any] | None:
        """An object of many objects with the same names, as a table; None of any other."""
        if len(node) < ROWS or kind == "session" or any(map(self.kind_of, node)):
            return None
        names = list(node)
        made = self.rows([*node.values()], walk, lambda at: (*path, names[at]), kind)
        if made is None:
            return None
        words = self.words(names)
        keys = [
            name if len(name) < SHORTEST or name in words else self.leaf(name, path, None, mark=False) for name in names
        ]
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
        texts = list(map(str, numbers))
        drawn = self.many(kind, dict.fromkeys(text for text, one in zip(texts, numbers, strict=True) if one > LOW))
        out = [self.number(one, path(at), kind) for at, one in enumerate(numbers[:MARKED])]
        for at, made in enumerate(map(drawn.get, texts[MARKED:]), MARKED):
            out.append(self.number(numbers[at], path(at), kind) if made is None else int(made))
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
        out: list[Any] = [drawn.get(one) if one in kinds else None for one in texts[MARKED:]]
        out = [*[None] * len(texts[:MARKED]), *out]
        for at, made in enumerate(out):
            if made is None:
                one = texts[at]
                out[at] = self.leaf(one, path(at), kinds[one]) if one in kinds else walk(one, path(at), None)
        return out

    def _kinds_of(self, texts: list[str], whole: str) -> dict[str, str]:
        """Those that are nothing but a secret, with its kind; none where most are not, or two would be read as one."""
        if not all(map(self._is_secret, texts[:_FIRST])) or whole.count("\n") != len(texts) - 1:
            return {}
        digits = whole.replace("\n", "") if whole.isascii() and not self._rules.own else ""
        if digits.isdecimal() and not any(map(may_count, texts)):
            self._pause(len(whole))
            cards = cards_in(whole)  # in words of digits nothing else is
            found_ones = dict.fromkeys(filter(cards.__contains__, texts), CARD)
            return found_ones if len(found_ones) * 2 > len(texts) else {}
        all_found = list(find(whole, self._rules.patterns, self._pause))
        ends = list(accumulate(map(len, texts), lambda end, size: end + 1 + size))
        if ends == [each.end for each in all_found] and list(map(len, texts)) == [e.end - e.start for e in all_found]:
            return {text: each.kind for each, text in zip(all_found, texts, strict=True)}
        found = iter(all_found)
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
        inner = self.kind_in(name, next((one for one in column if type(one) is str and one), ""), (), kind)
        sorts = set(map(type, column))
        if inner and sorts == {str}:
            return self._listed(column, inner, lambda number: (*at(number), name))
        if sorts == {str}:

            def path(number: int) -> Path:
                return (*at(number), name)

            made = self._by_looks(column, walk, path)
            made = made or self.together(column, path, 0, lambda number: walk(column[number], path(number), None))
            if made is not None:
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
            return walk(item, path, (self.kind_of(names[number], item) if number < len(names) else None) or kind)
        made = [self.parameter(walk, each, names, at, (*path, at), kind) for at, each in enumerate(held)]
        return made if held is item else {"$tuple": made}
