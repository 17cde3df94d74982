"""Edits of text that has a form (CSV, markup, URLs, server-sent events, Markdown): damage where a reader of it looks.

Each form has kinds, pure functions of the text; one that does not apply leaves the text as it is, and the edit does
nothing. A text is taken for a form by its looks alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from replay.core.opened import Unfit
from replay.engine.operators.site import Change, Site, Tried, written_out

Kind = Callable[[str], str]
LONGEST = 1 << 20
"""Characters of a text that is looked at."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]*")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]*)([^?#\s]*)(\?[^#\s]*)?(#\S*)?")
_LEAF = re.compile(r">([^<>]+)</")
_ATTRIBUTE = re.compile(r'\s[\w:.-]+="([^"]*)"')
_CLOSING = re.compile(r"</[\w:.-]+>")
_MARKS = re.compile(r"^(#{1,6} |[-*+] |> |```|\d+\. )|\]\(|\*\*", re.MULTILINE)


def form_of(text: str) -> str | None:
    """`url`, `sse`, `markup`, `markdown` or `csv`; None: no form that is known here."""
    head = text[:LONGEST].strip()
    if not head:
        return None
    if _SCHEME.fullmatch(head):
        return "url"
    if re.match(r"(data|event|id|retry|):", head):
        return "sse"
    if head[0] == "<" and head[-1] == ">" and len(head) > 6:
        return "markup"
    lines = head.splitlines()
    if len(lines) > 1 and any(_columns(lines, mark) for mark in _DELIMITERS):
        return "csv"
    return "markdown" if _MARKS.search(head) else None


_DELIMITERS = (",", ";", "\t", "|")


def _columns(lines: list[str], mark: str) -> bool:
    counts = {line.count(mark) for line in lines[:5]}
    return min(counts) > 0 and len(counts) == 1


# CSV -----------------------------------------------------------------------------------------------------------------


def _delimiter(text: str) -> str:
    lines = text.splitlines()
    return next((mark for mark in _DELIMITERS if _columns(lines, mark)), ",")


def _last_line(text: str, change: Callable[[str, str], str]) -> str:
    lines = text.splitlines(keepends=True)
    end = next((at for at in range(len(lines) - 1, 0, -1) if lines[at].strip()), None)
    if end is None:
        return text
    line = lines[end]
    bare = line.rstrip("\r\n")
    lines[end] = change(bare, _delimiter(text)) + line[len(bare) :]
    return "".join(lines)


def _header(text: str) -> tuple[str, str]:
    head, newline, rest = text.partition("\n")
    return head + newline, rest


_CSV: dict[str, Kind] = {
    "short row": lambda text: _last_line(text, lambda line, mark: line.rpartition(mark)[0] or line),
    "long row": lambda text: _last_line(text, lambda line, mark: f"{line}{mark}x"),
    "header only": lambda text: _header(text)[0],
    "no header": lambda text: _header(text)[1],
    "empty cells": lambda text: _last_line(text, lambda line, mark: mark * line.count(mark)),
    "open quote": lambda text: _last_line(text, lambda line, mark: f'"{line}'),
    "newline in a cell": lambda text: _last_line(text, lambda line, mark: _first_cell(line, mark, '"{}\n"')),
    "delimiter in a cell": lambda text: _last_line(text, lambda line, mark: _first_cell(line, mark, f'"{{}}{mark}"')),
    "other delimiter": lambda text: text.replace(_delimiter(text), ";" if _delimiter(text) != ";" else ","),
    "byte order mark": lambda text: "\ufeff" + text,
    "blank line": lambda text: _header(text)[0] + "\n" + _header(text)[1],
    "crlf": lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n"),
    "header twice": lambda text: _header(text)[0] + text,
}


def _first_cell(line: str, mark: str, form: str) -> str:
    first, found, rest = line.partition(mark)
    return form.format(first) + found + rest


# Markup (XML, HTML) --------------------------------------------------------------------------------------------------


def _first_leaf(text: str, new: Callable[[str], str]) -> str:
    return _LEAF.sub(lambda found: f">{new(found[1])}</", text, count=1)


def _attribute(text: str, new: Callable[[str, str], str]) -> str:
    return _ATTRIBUTE.sub(lambda found: new(found[0], found[1]), text, count=1)


def _without_last_tag(text: str) -> str:
    found = list(_CLOSING.finditer(text))
    return text if not found else text[: found[-1].start()] + text[found[-1].end() :]


def _without_first_leaf(text: str) -> str:
    return re.sub(r"<([\w:.-]+)[^<>]*>[^<>]+</\1>", "", text, count=1)


def _leaf_twice(text: str) -> str:
    return re.sub(r"<([\w:.-]+)[^<>]*>[^<>]+</\1>", lambda found: found[0] * 2, text, count=1)


_MARKUP: dict[str, Kind] = {
    "empty element": lambda text: _first_leaf(text, lambda held: ""),
    "missing element": _without_first_leaf,
    "element twice": _leaf_twice,
    "unclosed": _without_last_tag,
    "bare ampersand": lambda text: _first_leaf(text, lambda held: f"{held} & more"),
    "named entity": lambda text: _first_leaf(text, lambda held: f"{held}&nbsp;"),
    "nested element": lambda text: _first_leaf(text, lambda held: f"<b>{held}</b>"),
    "cdata": lambda text: _first_leaf(text, lambda held: f"<![CDATA[{held}]]>"),
    "comment": lambda text: _first_leaf(text, lambda held: f"<!-- x -->{held}"),
    "missing attribute": lambda text: _attribute(text, lambda whole, held: ""),
    "empty attribute": lambda text: _attribute(text, lambda whole, held: whole.replace(f'"{held}"', '""')),
    "other attribute": lambda text: _attribute(text, lambda whole, held: whole.replace(f'"{held}"', '"undefined"')),
    "bare attribute": lambda text: _attribute(text, lambda whole, held: whole.partition("=")[0]),
    "unfinished section": lambda text: _first_leaf(text, lambda held: f"{held}<!["),
    "unquoted attribute": lambda text: _attribute(text, lambda whole, held: whole.replace('"', "")),
    "control character": lambda text: _first_leaf(text, lambda held: f"{held}\x0b"),
    "text before": lambda text: f"\n{text}",
    "upper case": lambda text: re.sub(r"</?[\w:.-]+", lambda found: found[0].upper(), text),
    "error page": lambda text: "<html><body><h1>502 Bad Gateway</h1></body></html>",
}


# URLs ----------------------------------------------------------------------------------------------------------------


def _parts(text: str) -> tuple[str, str, str, str, str]:
    found = _URL.fullmatch(text.strip())
    if found is None:
        raise Unfit("no URL")
    return found[1], found[2], found[3], found[4] or "", found[5] or ""


def _url(make: Callable[[str, str, str, str, str], str]) -> Kind:
    return lambda text: make(*_parts(text))


_URLS: dict[str, Kind] = {
    "no scheme": _url(lambda s, h, p, q, f: f"{h}{p}{q}{f}"),
    "relative": _url(lambda s, h, p, q, f: f"{p or '/'}{q}{f}"),
    "no host": _url(lambda s, h, p, q, f: f"{s}://{p or '/'}{q}{f}"),
    "scheme relative": _url(lambda s, h, p, q, f: f"//{h}{p}{q}{f}"),
    "port in words": _url(lambda s, h, p, q, f: f"{s}://{h.partition(':')[0]}:http{p}{q}{f}"),
    "port too high": _url(lambda s, h, p, q, f: f"{s}://{h.partition(':')[0]}:99999{p}{q}{f}"),
    "open bracket": _url(lambda s, h, p, q, f: f"{s}://[::1{p}{q}{f}"),
    "user and password": _url(lambda s, h, p, q, f: f"{s}://user:p@ss@{h}{p}{q}{f}"),
    "broken percent": _url(lambda s, h, p, q, f: f"{s}://{h}{p}/%zz%{q}{f}"),
    "space": _url(lambda s, h, p, q, f: f"{s}://{h}{p}/a b{q}{f}"),
    "letters of other scripts": _url(lambda s, h, p, q, f: f"{s}://bücher.example{p}/straße{q}{f}"),
    "value missing": _url(lambda s, h, p, q, f: f"{s}://{h}{p}{q or '?'}&a&=b&{f}"),
    "parameter twice": _url(lambda s, h, p, q, f: f"{s}://{h}{p}{q or '?a=1'}&{(q or '?a=1')[1:]}{f}"),
    "double slash": _url(lambda s, h, p, q, f: f"{s}://{h}/{p or '/'}{q}{f}"),
    "fragment": _url(lambda s, h, p, q, f: f"{s}://{h}{p}{q}#a#b"),
    "upper case": _url(lambda s, h, p, q, f: f"{s.upper()}://{h.upper()}{p}{q}{f}"),
    "other scheme": _url(lambda s, h, p, q, f: f"javascript:{p or '/'}{q}{f}"),
}


# Server-sent events --------------------------------------------------------------------------------------------------


def _events(text: str) -> list[str]:
    return [each for each in re.split(r"(?<=\n)\r?\n", text.replace("\r\n", "\n")) if each.strip()]


def _joined(events: list[str]) -> str:
    return "".join(f"{event.rstrip(chr(10))}\n\n" for event in events)


_OVERLOADED = 'event: error\ndata: {"type": "error", "error": {"message": "overloaded"}}'
_SSE: dict[str, Kind] = {
    "no last event": lambda text: _joined(_events(text)[:-1]),
    "no first event": lambda text: _joined(_events(text)[1:]),
    "last event cut": lambda text: text.rstrip()[:-3],
    "event twice": lambda text: _joined(_events(text)[:1] + _events(text)),
    "comment": lambda text: ": keep-alive\n\n" + text,
    "crlf": lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n"),
    "empty data": lambda text: _joined([*_events(text)[:-1], "data:", *_events(text)[-1:]]),
    "error event": lambda text: _joined([*_events(text)[:-1], _OVERLOADED]),
    "no space": lambda text: text.replace("data: ", "data:"),
    "out of order": lambda text: _joined(_events(text)[::-1]),
}


# Markdown ------------------------------------------------------------------------------------------------------------

_MARKDOWN: dict[str, Kind] = {
    "open fence": lambda text: f"{text}\n```json\n",
    "open link": lambda text: f"{text}\n[more](",
    "empty link": lambda text: f"{text}\n[]()",
    "link without target": lambda text: re.sub(r"\]\([^)]*\)", "]", text, count=1),
    "reference without text": lambda text: f"{text}\n\n[][a]\n\n[a]:\n",
    "open emphasis": lambda text: f"**{text}",
    "tag": lambda text: f"{text}\n<div>\n<p",
    "closing tag": lambda text: f"{text}\n</div>",
    "empty tag": lambda text: f"{text}\n<>",
    "open comment": lambda text: f"{text}\n<!-- x",
    "unfinished section": lambda text: f"{text}\n<![",
    "heading only": lambda text: "#",
    "deep quotes": lambda text: f"{'> ' * 200}{text}",
    "table": lambda text: f"{text}\n\n| a | b |\n|---|\n| 1 |",
}

FORMS: dict[str, dict[str, Kind]] = {"csv": _CSV, "markup": _MARKUP, "url": _URLS, "sse": _SSE, "markdown": _MARKDOWN}
"""Form -> kind -> what it does."""


def shaped(site: Site) -> Iterator[Tried]:
    """What to try at a text that has a form."""
    form = form_of(site.value) if type(site.value) is str and len(site.value) <= LONGEST else None
    if form is not None:
        yield from (written_out(site, CHANGES[form], form, kind) for kind in FORMS[form])


def _change(form: str) -> Change:
    def change(value: Any, kind: str) -> Any:
        if type(value) is not str or len(value) > LONGEST:
            raise Unfit("no text")
        new = FORMS[form][kind](value)
        return new if new != value else value

    return change


CHANGES: dict[str, Change] = {form: _change(form) for form in FORMS}
