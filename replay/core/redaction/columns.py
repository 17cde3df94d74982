"""Tables in texts: a line of names says what stands in the columns below it (CSV and its kind); so does INSERT of its
values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple

from replay.core.redaction import beside, boxes, wrapped
from replay.core.redaction.crowds import cut

Leaf = Callable[[str, str, str], str]
"""Name of a column, kind, text -> text without secrets."""
Many = Callable[[str, Collection[str]], Mapping[str, str]]
_HEADING = 4000
"""Characters of the first line, in which the names are."""
_MOST = 200
"""Columns."""
_NAME = re.compile(r"[A-Za-z_][\w .-]{0,50}")
_INSERT = re.compile(
    r"(?i)\b(?:insert|replace)\s{1,9}+(?:ignore\s{1,9}+)?into\s{1,9}+([^\s()]{1,120}+)\s{0,9}+"
    r"(?:\(([^()]{1,4000}+)\)\s{0,9}+)?values\s{0,9}+(?=\()"
)
_ARRAY = re.compile(r"[=:][ \t]{0,9}\[\s{0,20}+([\"'])")
_BEFORE = re.compile(r"([\w.-]{1,60})[\"']?[ \t]{0,9}\Z")
_TEXT = re.compile(r"\s*+,?\s*+([\"'])((?:(?!\1)[^\\\n]|\\.){0,4000}+)\1")
_GAP = re.compile(r"[\s,]*\(")
_ASKED, _GIVEN = "[SQL: ", "[parameters: "
_STATEMENT = 20_000
"""Characters before parameters in which their statement begins."""
_PARAMETER = re.compile(r"\s*+b?(?:([\"'])((?:(?!\1)[^\\\n]|\\.)*+)\1|[^,()\"']*+(?:\([^()]*+\))?[^,()\"']*+)\s*+[,)]")
"""As Python writes one of a tuple."""
_LITERAL = r"\s*+(?:[NnEe]?'{}(?:[^']|'')*+)'|[^,()']*+(?:\([^()]*+\))?[^,()']*+)\s*+"
_ITEM = re.compile(_LITERAL.format("(") + "[,)]")


class Tables(NamedTuple):
    """Of a database."""

    columns: dict[str, list[str]]
    """Table -> its columns, as a statement named them."""
    spans: dict[str, list[boxes.Cell]]
    """Text with statements that name all columns -> where their literals stand: the second walk meets the same ones."""


def masked(
    text: str, kind_of: Callable[[str], str | None], leaf: Leaf, many: Many, tables: Tables, mark: str
) -> str | None:
    """The text without what stands in columns of secrets; None if it has no such columns. `many` is told the kind and
    the cells of each, and says what stands for some of them: that is put between `mark`s. `tables`: those that were
    named."""
    found = _sheet(text, kind_of)
    made = text if found is None else _rows(text, *found, leaf, many, mark)
    if "INSERT" in text or "insert" in text:
        made = _inserted(made, kind_of, leaf, many, tables, mark)
    if "[parameters: " in text:
        made = _replaced(made, list(_parameters(made, kind_of)), leaf, many, mark)
    if "[" in text:
        made = _arrays(made, kind_of, leaf)
    if found is None and made is text and "\n" in text:
        made = _replaced(text, boxes.cells(text, kind_of), leaf, many, mark)
    if found is None and made is text:
        made = _unwrapped(text, kind_of, leaf, many, mark)
    return None if made == text else made


def _unwrapped(text: str, kind_of: Callable[[str], str | None], leaf: Leaf, many: Many, mark: str) -> str:
    """Of a table that stands inside something."""
    for lines in wrapped.views(text):
        view = "\n".join(text[start:end] for start, end in lines)
        found = _sheet(view, kind_of)
        cells = [] if found is not None else boxes.cells(view, kind_of)
        if found is None and not cells:
            continue
        made = _replaced(view, cells, leaf, many, mark) if found is None else _rows(view, *found, leaf, many, mark)
        if made != view and made.count("\n") == view.count("\n"):
            return _put_back(text, lines, made)
    return text


def _put_back(text: str, lines: wrapped.Lines, made: str) -> str:
    """The text with these lines as they were made."""
    out, done = [], 0
    news = iter(made.split("\n"))
    for start, end in lines:
        out += [text[done:start], "\n".join(islice(news, 1 + text.count("\n", start, end)))]
        done = end
    return "".join([*out, text[done:]])


def _arrays(text: str, kind_of: Callable[[str], str | None], leaf: Leaf) -> str:
    """Texts of `tokens = ["...", "..."]`, as in TOML. Words that only look like a model's tokens stay."""
    out, done = [], 0
    for opening in _ARRAY.finditer(text):
        found = _BEFORE.search(text, max(0, opening.start() - 80), opening.start())
        name = found[1].rstrip("s") if found is not None else ""
        kind = kind_of(name) if name else None
        place = opening.start(1)
        while kind and (item := _TEXT.match(text, place)) is not None:
            if len(item[2]) >= 8 and any(map(str.isdigit, item[2])) and item.start(2) >= done:
                out += [text[done : item.start(2)], leaf(name, kind, item[2])]
                done = item.end(2)
            place = item.end()
    return "".join([*out, text[done:]]) if done else text


def _sheet(text: str, kind_of: Callable[[str], str | None]) -> tuple[str, dict[int, tuple[str, str]]] | None:
    """What parts the columns, and which hold secrets: number -> name, kind."""
    end = text.find("\n", 0, _HEADING)
    if end < 3:
        return None
    first = text[text[0] == "\ufeff" : end].rstrip("\r")
    for mark in ",;\t|":
        cells = first.split(mark)
        if not 2 <= len(cells) <= _MOST or (mark != "|" and any(cell != cell.strip() for cell in cells)):
            continue
        names = [cell.strip().strip("\"'") for cell in cells]
        if not all(map(_NAME.fullmatch, filter(None, names))) or not any(names):
            continue
        following = text[end + 1 : end + 1 + _HEADING].split("\n", 2)[:2]
        if all(line.count(mark) < len(names) - 1 for line in following) or boxes.is_rule(following[0]):
            continue
        kinds = {at: (name, kind) for at, name in enumerate(names) if name and (kind := kind_of(name))}
        return (mark, kinds) if kinds else None
    return None


def _rows(text: str, comma: str, kinds: dict[int, tuple[str, str]], leaf: Leaf, many: Many, mark: str) -> str:
    """Column by column: lines without a value there are passed over at once."""
    if '"' not in text and len(kinds) > 1:
        return _plain_rows(text, comma, kinds, leaf, many, mark)
    cell = rf'(?:"(?:[^"]|"")*+"|[^{comma}"\r\n][^{comma}\r\n]*+|)'
    head = text.index("\n") + 1
    for at, (name, kind) in kinds.items():
        row = re.compile(rf'(?m)^((?:{cell}[{comma}]){{{at}}})("(?:[^"]|""){{2,}}+"|[^{comma}"\r\n][^{comma}\r\n]++)')
        parts = _split(row, text[head:])  # what stands before, the columns before it, the cell, and so on
        if (cells := _shown(name, kind, parts[2::3], leaf, many, mark)) is not None:
            parts[2::3] = cells
            text = text[:head] + "".join(parts)
    return text


def _plain_rows(text: str, comma: str, kinds: dict[int, tuple[str, str]], leaf: Leaf, many: Many, mark: str) -> str:
    """The same of a text without quotes, in which a line ends where a row does: it is taken apart once."""
    cell = rf"[^{comma}\r\n]*+"
    pattern, before = "", -1
    for at in kinds:
        gap = rf"(?:{cell}[{comma}]){{{at}}}" if before < 0 else rf"[{comma}](?:{cell}[{comma}]){{{at - before - 1}}}"
        pattern += f"({gap})({cell})" if before < 0 else f"(?:({gap})({cell})"
        before = at
    pattern += ")?" * (len(kinds) - 1)
    head = text.index("\n") + 1
    parts = _split(re.compile(f"(?m)^{pattern}"), text[head:])
    changed = False
    step = 2 * len(kinds) + 1
    for number, (name, kind) in enumerate(kinds.values()):
        place = 2 * number + 2
        column = parts[place::step]
        held = [each for each in column if each is not None and len(each) > 1]
        cells = _shown(name, kind, held, leaf, many, mark)
        if cells is not None:
            changed = True
            if len(held) < len(column):
                made = iter(cells)
                cells = [next(made) if each is not None and len(each) > 1 else each for each in column]
            parts[place::step] = cells
    return text[:head] + "".join(filter(None, parts)) if changed else text


def _shown(name: str, kind: str, column: list[str], leaf: Leaf, many: Many, mark: str) -> list[str] | None:
    """The cells of a column without secrets; None if nothing changes."""
    cells = dict.fromkeys(column)
    drawn = many(kind, cells)
    change = partial(leaf, name, kind)
    shown = {each: _cell(each, change) for each in islice(cells, 1)}
    shown.update(
        (each, f"{mark}{made}{mark}" if (made := drawn.get(each)) else _cell(each, change))
        for each in islice(cells, 1, None)
    )
    return list(map(shown.__getitem__, column)) if any(map(operator.is_not, shown, shown.values())) else None


def _split(row: re.Pattern[str], text: str) -> list[str]:
    """In pieces, so that other threads get their turn; not where a line may end within quotes."""
    out = [""]
    for piece in [text] if '"' in text else cut(text, "\n"):
        parts = row.split(piece)
        out[-1] += parts[0]
        out += parts[1:]
    return out


def _cell(value: str, change: Callable[[str], str]) -> str:
    """Without its quotes; the same object if nothing changes."""
    quoted = value[0] == '"'
    bare = value[1:-1].replace('""', '"') if quoted else value.strip()
    made = change(bare)
    if made == bare:
        return value
    return '"' + made.replace('"', '""') + '"' if quoted else value.replace(bare, made, 1)


def _inserted(
    text: str, kind_of: Callable[[str], str | None], leaf: Leaf, many: Many, tables: Tables, mark: str
) -> str:
    """Literals of INSERT statements."""
    spans = tables.spans[text] if text in tables.spans else _literals(text, kind_of, tables)
    return _replaced(text, spans, leaf, many, mark, "'")


def _replaced(text: str, spans: list[boxes.Cell], leaf: Leaf, many: Many, mark: str, quote: str = "") -> str:
    """The text without the cells at these places. `quote`: stands twice within one."""
    if not spans:
        return text
    doubled = bool(quote) and 2 * quote in text
    texts = [text[start:end] for start, end, _ in spans]
    plain = [one.replace(2 * quote, quote) for one in texts] if doubled else texts
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for one, (_, _, named) in zip(plain, spans, strict=True):
        columns.setdefault(named, {})[one] = ""
    for (name, kind), cells in columns.items():
        drawn = many(kind, cells)
        for number, one in enumerate(cells):
            made = drawn.get(one) if number else None
            shown = f"{mark}{made}{mark}" if made else leaf(name, kind, one)
            cells[one] = shown.replace(quote, 2 * quote) if quote and not made else shown
    out = [""] * (2 * len(spans) + 1)
    ends, starts = [0, *(end for _, end, _ in spans)], [*(start for start, _, _ in spans), len(text)]
    out[::2] = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    out[1::2] = [columns[named][one] for one, (_, _, named) in zip(plain, spans, strict=True)]
    return "".join(out)


def _parameters(text: str, kind_of: Callable[[str], str | None]) -> Iterator[boxes.Cell]:
    """Where SQLAlchemy says the parameters of a statement: those of columns that are secret."""
    at = text.find(_GIVEN)
    for _ in range(_MOST):
        start = text.rfind(_ASKED, max(0, at - _STATEMENT), at)
        names = beside.columns_of(text[start:at]) if 0 <= start < at else []
        kinds = {number: (name, kind) for number, name in enumerate(names) if (kind := kind_of(name))}
        place = at + len(_GIVEN)
        place += text[place : place + 1] == "["
        while kinds and (gap := _GAP.match(text, place)) is not None:
            place = gap.end()
            for number in range(_MOST):
                if (item := _PARAMETER.match(text, place)) is None:
                    break
                if number in kinds and item[2]:
                    yield (*item.span(2), kinds[number])
                place = item.end()
                if text[place - 1] == ")":
                    break
        at = text.find(_GIVEN, place)
        if at < 0:
            return


def _literals(text: str, kind_of: Callable[[str], str | None], tables: Tables) -> list[boxes.Cell]:
    """Where they stand that a column says are secret: start, end, its name and kind."""
    spans = []
    all_named = True
    for statement in _INSERT.finditer(text):
        table = statement[1].strip('"`[]').rpartition(".")[2].strip('"`[]').lower()
        if statement[2] is not None:
            names = [name.strip().strip('"`[]') for name in statement[2].split(",")]
            if len(tables.columns) < _MOST:
                tables.columns[table] = names
        else:
            names, all_named = tables.columns.get(table, []), False
        kinds = {at: (name, kind) for at, name in enumerate(names) if (kind := kind_of(name))}
        row = _row(len(names), tuple(kinds)) if kinds else None
        place = statement.end() if kinds else -1
        while row is not None and (found := row.match(text, place)) is not None:
            spans += [(*found.span(at + 1), kinds[each]) for at, each in enumerate(kinds) if found[at + 1]]
            place = found.end()
        while place >= 0 and (gap := _GAP.match(text, place)) is not None:  # rows with more or fewer than were named
            place, number = gap.end(), 0
            while (item := _ITEM.match(text, place)) is not None:
                if number in kinds and item[1]:
                    spans.append((*item.span(1), kinds[number]))
                place, number = item.end(), number + 1
                if text[place - 1] == ")":
                    break
            else:
                place = -1
    if all_named and len(tables.spans) < _MOST:
        tables.spans[text] = spans
    return spans


@lru_cache(maxsize=64)
def _row(number: int, kept: tuple[int, ...]) -> re.Pattern[str] | None:
    """So many items in brackets, each of `kept` with its text as a group; None: too many for one look."""
    if number > _MOST // 4:
        return None
    items = (_LITERAL.format("(" if at in kept else "(?:") for at in range(number))
    return re.compile(rf"{_GAP.pattern}{','.join(items)}\)")
