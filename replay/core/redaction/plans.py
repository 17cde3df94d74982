"""How texts of a known shape are made anew: what in them is secret, and what stands around that.

Known shapes are forms of plain values, URLs, words of Base64, flat JSON objects, prose in which nothing is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from replay.core.redaction import streams
from replay.core.redaction.drawn import opens
from replay.core.redaction.encoded import DEEPEST, Reading
from replay.core.redaction.finding import Found, find_each
from replay.core.redaction.marks import Path
from replay.core.redaction.patterns import OF_ONE_LINE, WEBHOOK
from replay.core.redaction.secrets import Told
from replay.core.redaction.tabled import NOT_ROWS, ROWS
from replay.core.redaction.texts import Texts
from replay.core.redaction.values import ASKED

_LONGEST = 500
"""Characters of a text that is taken together with others."""
_MOST = 20_000
"""Plans that are kept from the first walk to the second."""
BETWEEN = "\n\0\n"
"""What stands between texts that are looked through as one: nothing that is found in one line reaches over it."""
_FORM = re.compile(r"[\w.$*@-]{1,100}=[^\s&()\[\]%+\\]+(?:&[\w.$*@-]{1,100}=[^\s&()\[\]%+\\]*)*")
_PAIR = re.compile(r"(?m)^([\w.$*@-]{1,100})=([^\s&()\[\]%+\\=]{2,})$")
"""All of a form of one value."""
_WORD = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_CODED = re.compile(r"[A-Za-z0-9+/_-]{16}|%[0-9A-Fa-f]{2}|&(?:quot|lt);|&#|\\")
"""What may be encoded in prose, or looks so."""
_NAME = re.compile(r"[\w-]{1,15}")
_URL = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)(?:([\w.~-]+):([\w.~-]+)@)?([\w.-]*(?::\d+)?)((?:/[\w./~-]*)?)(?:\?([\w.$*&=@-]+))?"
)
"""With nothing encoded in it."""
_TELLING = NOT_ROWS | {"grant_type", "kind"}
"""Names of members that say what others are."""
_LOW = 10_000
"""Numbers below which none is looked for."""
Shape = Callable[[list[str], int], "list[Plan | None]"]
"""Plans texts that look alike, encoded so many times."""


class Plan(msgspec.Struct, gc=False):
    """How a text is made anew."""

    secrets: list[Told]
    between: list[str]
    """What stands around them, or beside: no secret that is known from elsewhere may be there."""
    steps: Sequence[Path] = ()
    """The steps to each secret, where a name said what it is; none to those that are marked together."""
    parts: Sequence[str] = ()
    """What the text has around its secrets; empty: what stands between them."""
    write: Callable[[bytes], str] | None = None
    """Encodes what is inside."""
    inside: str = ""
    """The text that is encoded in it."""
    numbers: Sequence[str] = ()
    """That stand in it."""
    wholes: Sequence[str] = ()
    """Texts in it that are each looked at as a whole: short secrets are known in no other way."""


_NO_QUERY = Plan([], [""])


class Planned(Texts):
    """Plans texts."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._plans: dict[tuple[int, bool], dict[str, Plan | None]] = {}
        self._planned: dict[int, tuple[Any, Plan | None]] = {}
        """The `id` of an object -> that, and its plan: the second walk meets the same ones."""

    def plans_of(self, texts: Sequence[str], deep: int, shape: Shape | None = None) -> list[Plan | None]:
        """Of each, the same ones in both walks; None: it has a look of its own. `shape`: of all; None: as they look."""
        plans = self._plans.setdefault((deep, shape is None), {})
        if len(plans) > _MOST:
            plans.clear()
        fresh = [text for text in dict.fromkeys(texts) if text not in plans]
        if fresh:
            shapes: dict[Shape, list[str]] = {}
            if shape is not None:
                shapes[shape] = fresh
            elif deep < DEEPEST and (pairs := self._of_pairs(fresh)):
                plans.update(zip(fresh, pairs, strict=True))
            else:
                for text in fresh:
                    shapes.setdefault(self.shape_of(text, deep), []).append(text)
            for planned, some in shapes.items():
                plans.update(zip(some, planned(some, deep), strict=True))
        return list(map(plans.__getitem__, texts))

    def shape_of(self, text: str, deep: int) -> Shape:
        if len(text) < 2 or self._rules.is_word(text):
            return self._words
        if len(text) > _LONGEST or deep >= DEEPEST or "\n" in text or "\0" in text:
            return self.others
        if _WORD.fullmatch(text):
            return self._encoded_words
        if text[0] == "{" and text[-1] == "}" and "\\" not in text:
            return self._objects
        if _FORM.fullmatch(text) and "code=" not in text:
            return self._forms
        if "://" in text[:30]:
            return self._urls
        if self._is_prose(text) and _CODED.search(text) is None:
            return self._prose
        return self.others

    def _words(self, texts: list[str], deep: int) -> list[Plan | None]:
        return [Plan([], [text]) for text in texts]

    def others(self, texts: list[str], deep: int) -> list[Plan | None]:
        return [None] * len(texts)

    def _of_pairs(self, texts: list[str]) -> list[Plan]:
        """Of forms of one value each that has a telling name; none where not all are such."""
        whole = "\n".join(texts)
        if "code=" in whole or max(map(len, texts)) > _LONGEST or not _PAIR.match(texts[0]):
            return []
        pairs = _PAIR.findall(whole)
        if len(pairs) != len(texts) or whole.count("\n") != len(texts) - 1:
            return []
        kinds = {
            name: self._rules.kind_of(name) if self._is_name(name) else None for name in {name for name, _ in pairs}
        }
        if None in kinds.values():
            return []
        steps = {name: [(name,)] for name in kinds}
        return [Plan([(value, kinds[name], True)], [f"{name}=", ""], steps[name]) for name, value in pairs]  # type: ignore[list-item]

    def _forms(self, texts: list[str], deep: int) -> list[Plan | None]:
        """`token=...&n=1`."""
        plans: list[Plan | None] = []
        is_word = self._rules.is_word
        names: dict[str, str | None] = {}
        for text in texts:
            plan = Plan([], [""])
            steps: list[Path] = []
            wholes: list[str] = []
            for number, pair in enumerate(text.split("&")):
                name, _, value = pair.partition("=")
                if name not in names:
                    names[name] = self._kind_of_field(name)
                kind = names[name]
                plan.between[-1] += f"&{name}=" if number else f"{name}="
                if kind and len(value) > 1:
                    plan.secrets.append((value, kind, True))
                    plan.between.append("")
                    steps.append((name,))
                elif kind == "" or not (len(value) < 2 or is_word(value)):
                    break
                else:
                    plan.between[-1] += value
                    wholes.append(value)
            else:
                plan.steps, plan.wholes = steps, wholes
                plans.append(plan)
                continue
            plans.append(None)
        return plans

    def _kind_of_field(self, name: str) -> str | None:
        """Empty where more than its name says what it is."""
        kind = self._rules.kind_of(name)
        return kind if self._is_name(name) and name not in ASKED and (kind or not opens(name)) else ""

    def _objects(self, texts: list[str], deep: int) -> list[Plan | None]:
        """JSON."""
        plans = self.plans_of_objects(streams.flat_objects(texts), deep)
        for text, plan in zip(texts, plans, strict=True):
            if plan is not None:
                plan.parts = _around_members(text, plan)
        return plans

    def _urls(self, texts: list[str], deep: int) -> list[Plan | None]:
        """With a name and a password, or with a query."""
        split = list(map(_url, texts))
        places = [each[1] for each in split if each is not None]
        inert = self._inert(places, deep)
        queries = [each[2] for each in split if each is not None and each[2]]
        asked = dict(zip(queries, self._forms(queries, deep), strict=True))
        plans: list[Plan | None] = []
        for each in split:
            query = asked[each[2]] if each is not None and each[2] else _NO_QUERY
            plans.append(None if each is None or query is None or each[1] not in inert else _of_url(*each, query))
        return plans

    def plans_of_values(self, values: list[Any]) -> list[Plan | None]:
        """Of what JSON says."""
        fresh = [value for value in values if id(value) not in self._planned]
        made = self.plans_of_objects([value if streams.is_flat(value) else None for value in fresh], 0)
        if len(self._planned) + len(fresh) > _MOST:
            self._planned.clear()
            fresh, made = (
                values,
                self.plans_of_objects([value if streams.is_flat(value) else None for value in values], 0),
            )
        self._planned.update((id(value), (value, plan)) for value, plan in zip(fresh, made, strict=True))
        return [self._planned[id(value)][1] for value in values]

    def plans_of_objects(self, values: Sequence[dict[str, Any] | None], deep: int) -> list[Plan | None]:
        """Of those with the same names the same members are secret."""
        kinds: dict[tuple[str, ...], dict[str, str | None] | None] = {}
        known: list[dict[str, str | None] | None] = []
        beside: list[str] = []
        for value in values:
            names = tuple(value) if value is not None else ()
            if names not in kinds:
                kinds[names] = self._kinds_of_members(names)
            known.append(kinds[names])
            if value is not None and (members := kinds[names]) is not None:
                beside += [item for name, item in value.items() if members[name] is None and type(item) is str]
        inert = self._inert(beside, deep)
        return [
            None if value is None or members is None else _object(value, members, inert)
            for value, members in zip(values, known, strict=True)
        ]

    def _kinds_of_members(self, names: tuple[str, ...]) -> dict[str, str | None] | None:
        """None where more than its own name says what a member is."""
        if not _TELLING.isdisjoint(names) or not 0 < len(names) < ROWS or not all(map(self._is_name, names)):
            return None
        kinds = {name: self._rules.kind_of(name) for name in names}
        return None if any(kind is None and opens(name) for name, kind in kinds.items()) else kinds

    def _inert(self, texts: list[str], deep: int) -> set[str]:
        """Those in which nothing is found."""
        plans = self.plans_of(texts, deep) if texts else ()
        return {
            text for text, plan in zip(texts, plans, strict=True)
            if plan is not None and not plan.secrets and not plan.inside
        }  # fmt: skip

    def _encoded_words(self, texts: list[str], deep: int) -> list[Plan | None]:
        """Base64, hexadecimal digits."""
        found = dict(zip(texts, self._found_in(texts), strict=True))
        plans = dict.fromkeys(texts)
        plain = [text for text, each in found.items() if not each]
        plans.update(zip(plain, self._of_readings(plain, plain, deep), strict=True))
        plans.update((text, _around(text, each)) for text, each in found.items() if each)
        return list(map(plans.get, texts))

    def readings_of(self, texts: list[str], deep: int) -> list[Plan | None]:
        """The same of words in which nothing is looked for as they are."""
        return self._of_readings(texts, texts, deep)

    def _of_readings(self, words: list[str], texts: list[str], deep: int) -> list[Plan | None]:
        plans: dict[str, Plan | None] = {}
        held: dict[str, Reading] = {}
        self.read_all(words)
        for text in words:
            if (read := self.reading(text)) is not None:
                if len(read[0]) > 1:
                    held[text] = read
            elif text in self._no_base64:
                plans[text] = Plan([], [text], inside=text)
        if self.crowd.any_drawn(words):
            held = {text: read for text, read in held.items() if not self._is_drawn(text)}
        inner = self.plans_of([said for said, _ in held.values()], deep + 1)
        for (text, (said, write)), plan in zip(held.items(), inner, strict=True):
            if plan is not None and not plan.inside:
                parts = plan.parts or plan.between
                plans[text] = Plan(
                    plan.secrets, plan.between, plan.steps, parts, write, said, plan.numbers, plan.wholes
                )
        return list(map(plans.get, texts))

    def _prose(self, texts: list[str], deep: int) -> list[Plan | None]:
        """With secrets that are found by how they look."""
        plans: list[Plan | None] = []
        for text, found in zip(texts, self._found_in(texts), strict=True):
            if not found and " " not in text and len(text) >= 20:  # Base85, perhaps
                plans.append(None)
                continue
            plans.append(_around(text, found))
        return plans

    def _found_in(self, texts: list[str]) -> list[list[Found]]:
        """What is found in each: all are looked through as one."""
        fresh = [text for text in texts if text not in self._seen and text not in self._rules.clean]
        all_found = find_each(fresh, BETWEEN, self._rules.patterns, OF_ONE_LINE, self._pause)
        for text, found in zip(fresh, all_found, strict=True):
            if len(self._seen) < 20_000:
                self._seen[text] = found
        return [self._find(text) for text in texts]

    def _is_name(self, name: str) -> bool:
        """Whether nothing is looked for in a name but known secrets."""
        return _NAME.fullmatch(name) is not None and not self._find(name)


def _around(text: str, found: Iterable[Found]) -> Plan | None:
    """Of what was found in a text; None if something may be encoded around that."""
    secrets: list[Told] = []
    between, done = [], 0
    for each in found:
        secrets.append((text[each.start : each.end], each.kind, False))
        between.append(text[done : each.start])
        done = each.end
    between.append(text[done:])
    return None if any(map(_CODED.search, between)) else Plan(secrets, between)


def filled(text: str, plan: Plan, said: Sequence[str]) -> str:
    if not said:
        return text
    parts = plan.parts or plan.between
    if len(said) == 1:
        made = f"{parts[0]}{said[0]}{parts[1]}"
    else:
        out = [""] * (2 * len(said) + 1)
        out[::2], out[1::2] = parts, said
        made = "".join(out)
    if plan.write is None:
        return made
    return text if made == plan.inside else plan.write(made.encode("utf-8", "surrogatepass"))


def _url(text: str) -> tuple[tuple[str, str, str, str], str, str] | None:
    """What stands before the path of a URL: scheme, name, password, host; the path; the query. None: it has other
    parts, or may be a webhook."""
    found = _URL.fullmatch(text)
    if found is None or any(map(text.__contains__, WEBHOOK.hints)):
        return None
    scheme, name, password, host, place, query = found.groups(default="")
    if query and (_FORM.fullmatch(query) is None or "code=" in query):
        return None
    return (scheme, name, password, host), place, query


def _of_url(before: tuple[str, str, str, str], place: str, query_text: str, query: Plan) -> Plan:
    scheme, name, password, host = before
    secrets: list[Told] = []
    between = [scheme]
    if password:
        secrets = [(name, "url-password", True), (password, "url-password", True)]
        between += [":", f"@{host}{place}"]
    else:
        between[0] += host + place
    between[-1] += "?" + query.between[0] if query_text else ""
    between += query.between[1:]
    steps = [*[()] * len(secrets), *(("query", *step) for step in query.steps)]
    return Plan(secrets + query.secrets, between, steps, wholes=[place, *query.wholes])


def _around_members(text: str, plan: Plan) -> list[str]:
    """What stands around the secrets of a JSON object without escapes: each is where its name is."""
    parts: list[str] = []
    done = 0
    for (name,), (secret, _, _) in zip(plan.steps, plan.secrets, strict=True):
        at = text.index('"', text.index(f'"{name}":', done) + len(str(name)) + 3) + 1
        parts.append(text[done:at])
        done = at + len(secret)
    parts.append(text[done:])
    return parts


def _object(value: dict[str, Any], kinds: dict[str, str | None], inert: set[str]) -> Plan | None:
    secrets: list[Told] = []
    beside = [*value]
    steps: list[Path] = []
    numbers: list[str] = []
    for name, item in value.items():
        sort, kind = type(item), kinds[name]
        if sort is str:
            if kind is not None and len(item) > 1:
                secrets.append((item, kind, True))
                steps.append((name,))
            elif kind is not None or item in inert:
                beside.append(item)
            else:
                return None
        elif sort is int or sort is float:
            if kind is not None:
                return None
            if not -_LOW < item < _LOW:
                numbers.append(str(item))
        elif sort is list and (kind is not None or not all(map(_is_low, item))):
            return None
    if numbers and max(map(len, numbers)) > 12:
        return None
    return Plan(secrets, beside, steps, (), None, "", numbers, beside[len(value) :])


def _is_low(item: object) -> bool:
    """Whether nobody looks at what a list in JSON has."""
    return type(item) in (float, bool, type(None)) or (type(item) is int and -_LOW < item < _LOW)
