"""Texts of several JSON documents: event streams and lines. A secret may come in pieces, one in each event."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import Any

Write = Callable[[Any], str]
Document = Callable[[str], str | None]
Spans = Callable[[str, Sequence[str]], Iterable[tuple[int, int, bool]]]
"""Where the secrets of a text are: start, end, whether it is known from elsewhere; of rows, which are given, only known
ones that are all of several."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|-?(?:\d[\d.eE+-]*+|Infinity)|true|false|null|NaN')

_SCAN: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]
_LINES = ",\n"
"""Between documents: no text in one goes on over it."""
_PLAIN = frozenset({str, int, float, bool, type(None), list})

_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_SPACES = " \n\t\r\v\f\x1c\x1d\x1e\x1f"
"""All of ASCII."""
_MANY = 32
_MOST = 20_000
"""Lines that are remembered."""
_SPACE = re.compile(r"\s")
_NESTED = 100
"""Open brackets of a cut text that is still read."""
_HEADING = 200
"""Characters that tell how a text was written."""
_HEADS = re.compile(r'data: ?|[0-9a-z]:(?=["{\[])|')
"""What stands before the text of an event: of server-sent events, and of the data streams of Vercel's AI SDK."""
_DEEPEST = 16
"""Steps to a text that is read on from event to event."""
Steps = tuple[Any, ...]


def nothing(of: object) -> None:
    """No document, no table."""


def nowhere(text: str, rows: Sequence[str]) -> tuple[()]:
    """No secrets."""
    return ()


def style_of(text: str, value: Any) -> Write | None:
    """What writes other values as `text` has this one, byte for byte where nothing changed; None if a name stands
    twice in one object."""
    usual = _usual(text, value)
    if usual is not None:
        return usual
    tokens = list(_TOKEN.finditer(text))
    old = list(_tokens(value))
    if len(tokens) != len(old):
        return None

    def write(tree: Any) -> str:
        out, done = [], 0
        for token, one, two in zip(tokens, old, _tokens(tree), strict=True):
            if one is not two and one != two:
                out += [text[done : token.start()], json.dumps(two, ensure_ascii=_escapes(token[0]))]
                done = token.end()
        return "".join([*out, text[done:]])

    return write


def says_all(text: str, value: Any) -> bool:
    """Whether no name stands twice in one object: `value` has but the last of what these say. Raises RecursionError."""
    if text[1:2] not in ("\n", "\r") and _usual(text, value) is not None:
        return True
    all_said = True

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal all_said
        found = dict(pairs)
        all_said = all_said and len(found) == len(pairs)
        return found

    json.loads(text, object_pairs_hook=object_of)
    return all_said


def flat_objects(texts: Sequence[str]) -> list[dict[str, Any] | None]:
    """JSON objects of texts, numbers and lists, written as Python or one like it does, each on one line; None for any
    other text. All are read as one."""
    values = _parsed_all(texts)
    if values is None:
        return list(map(_flat_object, texts))
    return [value if is_flat(value) else None for value in values]


def _parsed_all(texts: Sequence[str]) -> list[Any] | None:
    """What JSON documents of one line each say, if all were written alike by a writer that says each name once."""
    try:
        values = parsed(f"[{_LINES.join(texts)}]")
        return values if len(values) == len(texts) and _as_usual(texts, values) else None
    except (ValueError, RecursionError):
        return None


def _flat_object(text: str) -> dict[str, Any] | None:
    try:
        value = parsed(text)
        return value if is_flat(value) and _usual(text, value) is not None else None
    except (ValueError, RecursionError):
        return None


def is_flat(value: Any) -> bool:
    """Whether it is an object of texts, numbers and lists."""
    return type(value) is dict and _PLAIN.issuperset(map(type, value.values()))


def _as_usual(texts: Sequence[str], values: list[Any]) -> bool:
    """Whether all were written by a writer that writes all in the same way."""
    if not texts:
        return True
    comma, colon = _marks(texts[0])
    whole = f"[{comma.join(texts)}]"
    return _writer(whole.isascii(), comma, colon)(values) == whole


@lru_cache(maxsize=8)
def _writer(ascii_only: bool, comma: str, colon: str) -> Write:
    """As `json.dumps`, which makes a writer each time."""
    encoder = json.JSONEncoder(ensure_ascii=ascii_only, separators=(comma, colon))
    make = vars(json.encoder)["c_make_encoder"]
    if make is None:
        return encoder.encode
    quoted = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    made = make(None, encoder.default, quoted, None, colon, comma, False, False, True)
    return lambda value: "".join(made(value, 0))


def _marks(text: str) -> tuple[str, str]:
    """What stands between members, and between a name and its value."""
    return (", ", ": ") if ": " in text[:_HEADING] or ", " in text[:_HEADING] else (",", ":")


def _usual_writer(text: str) -> Write:
    return _writer(text.isascii(), *_marks(text))


def _usual(text: str, value: Any) -> Write | None:
    """What wrote the whole text, if that was Python's own writer, or one like it."""
    write = _usual_writer(text)
    return write if write(value) == text else None


def ends_of(text: str) -> Iterator[str]:
    """What may close JSON that is cut: its open text, then what it lacks of a member, then its open brackets."""
    open_ones: list[str] = []
    quoted = False
    for found in _BRACKET.finditer(text):
        part = found[0]
        if len(open_ones) > _NESTED:
            return
        if part[0] == '"':
            quoted = len(part) == 1 or part[-1] != '"'
        elif part in "{[":
            open_ones.append("}" if part == "{" else "]")
        elif open_ones:
            open_ones.pop()
            if not open_ones:  # what follows is of no such text
                return
    if not open_ones:
        return
    close = "".join(reversed(open_ones))
    for rest in ('"', '":null') if quoted else ("", "null", ":null", '"":null'):
        yield rest + close


def _escapes(token: str) -> bool:
    """Also where it has half a character, which can only be escaped."""
    return token.isascii() or "\\ud" in token.lower()


def _tokens(value: Any) -> Iterator[Any]:
    """Names and values in the order in which they are written."""
    if type(value) is dict:
        for name, item in value.items():
            yield name
            yield from _tokens(item)
    elif type(value) is list:
        for item in value:
            yield from _tokens(item)
    else:
        yield value


def masked(text: str, walk: Callable[[Any], Any], flat: Callable[[str], str], whole: Callable[[str], str],
           known: Container[str], document: Document = nothing, spans: Spans = nowhere,
           rows: Callable[[list[Any]], list[Any] | None] = nothing, *, writes: bool = True,
           reads: dict[str, tuple[Any, Write | None]] | None = None) -> str:  # fmt: skip
    """`text` without secrets: each event by itself, or all objects as a table (`rows`), then, by `whole`, the texts of
    one place read on from event to event; an event may be nothing but a text. `known`: pseudonyms of an earlier
    redaction. `document`: see `across`. `writes`: False where nobody looks at the text that is made. `reads`: lines
    that were read before, see `_read`."""
    reads = {} if reads is None else reads
    lines = text.split("\n")
    events: list[tuple[int, str, Write, str]] = []
    values: list[Any] = []
    parts = list(map(_parted, lines))
    fresh = [body for _, body, _ in parts if body not in reads]
    reads.update(islice(zip(fresh, _read_all(fresh), strict=True), max(0, _MOST - len(reads))))
    for number, (head, body, end) in enumerate(parts):
        value, write = reads[body] if body in reads else _read(body)
        if write is None and head and body:
            value, write = body, _as_it_is
        if write is None:
            lines[number] = head + flat(body) + end
        else:
            events.append((number, head, write, end))
            values.append(value)
    try:
        table = rows([value for value in values if type(value) is dict])
    except RecursionError:
        table = None
    of_rows = iter(table or ())
    made_ones: list[Any] = []
    for value in values:
        try:
            is_row = table is not None and type(value) is dict
            made_ones.append(next(of_rows) if is_row else flat(value) if type(value) is str else walk(value))
        except RecursionError:
            made_ones.append(_TooDeep)
    for (number, head, write, end), value, made in zip(
        events, values, joined(values, made_ones, whole, known, document=document, spans=spans), strict=True
    ):
        if made is _TooDeep:
            lines[number] = flat(lines[number])
        elif writes and made != value:
            lines[number] = head + write(made) + end
    return "\n".join(lines)


def are_lines(text: str) -> bool:
    """Whether it is JSON line by line: the first one tells."""
    line = text.lstrip().partition("\n")[0]
    return "\n" in text and _read(line[len(_HEADS.match(line)[0]) :])[1] is not None  # type: ignore[index]


def _parted(line: str) -> tuple[str, str, str]:
    """What stands before the text of an event, that, how its line ends."""
    if line[:1] == "{" and line[-1] != "\r":
        return "", line, ""
    head = _HEADS.match(line)[0]  # type: ignore[index]  # it matches nothing, too
    body = line[len(head) :].removesuffix("\r")
    return head, body, line[len(head) + len(body) :]


def _read_all(bodies: Sequence[str]) -> Iterator[tuple[Any, Write | None]]:
    """The same of many: objects that were written alike are read as one."""
    objects = [body for body in bodies if body[:1] == "{"]
    values = _parsed_all(objects)
    if values is None:
        return map(_read, bodies)
    read = iter(zip(values, map(_usual_writer, objects), strict=True))
    return (next(read) if body[:1] == "{" else _read(body) for body in bodies)


def _read(body: str) -> tuple[Any, Write | None]:
    if body.strip()[:1] not in ("{", "[", '"'):
        return None, None
    try:
        value = parsed(body)
        return value, style_of(body, value)
    except (ValueError, RecursionError):
        return None, None


def parsed(text: str) -> Any:
    """As `json.loads`, with less around it. Raises ValueError, RecursionError."""
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)


class _TooDeep:
    """Stands for an event that nests deeper than can be walked."""


def _as_it_is(text: Any) -> str:
    return str(text)


def joined(before: list[Any], events: list[Any], flat: Callable[[str], str], known: Container[str],
           note: Callable[[Steps, str, str], None] = lambda steps, old, new: None,
           document: Document = nothing, spans: Spans = nowhere,
           of_rows: Callable[[str], str] | None = None) -> list[Any]:  # fmt: skip
    """The events without what only the texts of several together show; the same objects where nothing changes.
    `before` are the same with their secrets. `known`: pseudonyms of an earlier redaction. `note` is told what changed:
    the steps to it, the text before and now. For the rest see `across`."""
    was: dict[Steps, list[tuple[Steps, str]]] | None = None
    made = events
    if set(map(type, events)) == {str} == set(map(type, before)):
        if len(set(events)) < 2:
            return events
        now = across(before, events, flat, known, document, spans, of_rows)
        for number, (piece, new) in enumerate(zip(events, now, strict=True)) if now is not events else ():
            if new != piece:
                note((number,), piece, new)
                made = _put(made, (number,), new)
        return made
    for place, found in _by_place(events).items():
        if len(found) < 2:
            continue
        pieces = [text for _, text in found]
        if len(set(pieces)) == 1:  # the same in each: an id
            continue
        if was is None:
            was = _by_place(before)
        now = across([text for _, text in was.get(place, ())], pieces, flat, known, document, spans, of_rows)
        for (steps, piece), new in zip(found, now, strict=True):
            if new != piece:
                note(steps, piece, new)
                made = _put(made, steps, new)
    return made


def across(before: list[str], pieces: list[str], flat: Callable[[str], str], known: Container[str] = (),
           document: Document = nothing, spans: Spans = nowhere,
           of_rows: Callable[[str], str] | None = None) -> list[str]:  # fmt: skip
    """The pieces without the secrets that reach over several of them.

    What was masked in one piece alone stays: a pseudonym may look like a secret; not so if it is only the end or the
    beginning of one that reaches over pieces (see `_reaching`). A piece that is nothing but a secret ends what can be
    read on. Where the pieces are one document (`document` gives it without secrets), it says what each secret is:
    the piece that names it may have the beginning of it only. `of_rows`: what takes the place of `flat` where nothing
    shows that the pieces are read on.
    """
    alone = [False] * len(pieces) if len(before) != len(pieces) else list(map(str.__ne__, before, pieces))
    over: set[int] = set()
    if of_rows is not None and not flows(pieces):
        flat = of_rows
    if any(alone) or (of_rows is not None and before and before[0][:1] in ("{", "[")):
        text = "".join(before)
        whole = document(text)
        if whole is not None and len(whole) == len(text):
            list(spans(text, ()))  # what stands for a secret already is noted
            return list(_cuts(whole, before))
        over = _reaching(text, before, alone, spans) if not all(alone) or flows(before) else over
        if over and len(made := flat(text)) == len(text):
            pieces = [cut if at in over else pieces[at] for at, cut in enumerate(_cuts(made, before))]
    ends = [
        at in over or (alone[at] and _SPACE.search(piece) is None) or piece in known for at, piece in enumerate(pieces)
    ]
    if all(ends):
        return pieces
    whole = "".join("\n" * len(piece) if end else piece for end, piece in zip(ends, pieces, strict=True))
    made = flat(whole)
    if made == whole:
        return pieces
    out, at = [], 0
    for number, piece in enumerate(pieces):
        out.append(made[at:] if number + 1 == len(pieces) else made[at : at + len(piece)])
        at += len(piece)
    changed = [new != piece and not end for new, piece, end in zip(out, pieces, ends, strict=True)]
    padded = [False, *changed, False]
    spread = [padded[at] or padded[at + 2] for at in range(len(pieces))]
    return [new if changed[at] and (spread[at] or not alone[at]) else pieces[at] for at, new in enumerate(out)]


def flows(pieces: list[str]) -> bool:
    """Whether they are read on from one to the next, as words of a sentence are: spaces stand at their ends."""
    if len(pieces) > _MANY and (whole := "\0".join(["", *pieces, ""])).isascii():
        return any(space in whole and (f"\0{space}" in whole or f"{space}\0" in whole) for space in _SPACES)
    return any(piece[:1].isspace() or piece[-1:].isspace() for piece in pieces)


def _reaching(text: str, before: list[str], alone: list[bool], spans: Spans) -> set[int]:
    """The pieces with parts of secrets that reach over several, of which one alone looked like a secret: `ann.` and
    `smith@x.org`. Over rows, each of which is a value, only a secret reaches that is known from elsewhere, and is all
    of them."""
    ends = list(accumulate(map(len, before)))
    is_text = flows(before)
    over: set[int] = set()
    for start, end, known in spans(text, () if is_text else before):
        first = bisect_right(ends, start)
        if end <= ends[first]:  # in one piece
            continue
        touched = range(first, bisect_left(ends, end) + 1)
        masked = [alone[at] for at in touched]
        if len(touched) < 2 or not any(masked) or known + is_text + (not all(masked)) < 2:
            continue
        if is_text or (end == ends[touched[-1]] and (start == 0 or start in ends)):
            over.update(touched)
    return over


def _cuts(text: str, like: list[str]) -> Iterator[str]:
    at = 0
    for piece in like:
        yield text[at : at + len(piece)]
        at += len(piece)


def _by_place(events: list[Any]) -> dict[Steps, list[tuple[Steps, str]]]:
    """The texts of events, with the steps to each, by their place within an event."""
    sorts = set(map(type, events))
    if sorts.isdisjoint((dict, list)):
        return {(): [((number,), event) for number, event in enumerate(events) if type(event) is str]}
    found: dict[Steps, list[tuple[Steps, str]]] = {}
    if sorts == {dict} and len(names := set(map(tuple, events))) == 1 and len(events) > 1:
        for name in names.pop():
            column = [event[name] for event in events]
            kinds = set(map(type, column))
            if not kinds.isdisjoint((dict, list)) or (str in kinds and (len(kinds) > 1 or name[:1] == "$")):
                found.clear()
                break
            if str in kinds:
                found[(name,)] = [((number, name), text) for number, text in enumerate(column)]
        else:
            return found
    for number, event in enumerate(events):
        if type(event) is not dict:
            _collect(event, (number,), found)
            continue
        for name, item in event.items():  # as `_collect`, without a call for each of many small ones
            if type(item) is str:
                if name[:1] != "$" or name == "$bytes":
                    found.setdefault((name,), []).append(((number, name), item))
            elif type(item) is dict or type(item) is list:
                _collect(item, (number, name), found)
    return found


def _collect(value: Any, steps: Steps, into: dict[Steps, list[tuple[Steps, str]]]) -> None:
    if type(value) is str:
        into.setdefault(steps[1:], []).append((steps, value))
    elif len(steps) < _DEEPEST:
        items: Iterable[tuple[Any, Any]] = (
            value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
        )
        for key, item in items:
            if type(item) is str:
                if str(key)[:1] != "$" or key == "$bytes":  # of a tagged value, how it is built
                    into.setdefault((*steps[1:], key), []).append(((*steps, key), item))
            elif type(item) in (dict, list):
                _collect(item, (*steps, key), into)


def _put(value: Any, steps: Steps, text: str) -> Any:
    """A copy of the containers on the way, with the text at their end."""
    if not steps:
        return text
    made = dict(value) if type(value) is dict else list(value)
    made[steps[0]] = _put(value[steps[0]], steps[1:], text)
    return made
