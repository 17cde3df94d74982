"""Many texts, each in a place of its own: what they have in common is looked at once, what stands for each is put in.

What is found, in which order, and what it becomes is as if each was looked at by itself (`leaf`); but of texts that are
read on from one to the next (`streams`) the first walk does not see which were secrets by themselves. Only texts of a
known shape are taken together: forms of plain values, words of Base64, flat JSON objects, prose in which nothing is
encoded. Each of the others has its own look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from replay.core.redaction import streams
from replay.core.redaction.crowds import PIECE
from replay.core.redaction.encoded import DEEPEST, Reading
from replay.core.redaction.finding import Found, find_each
from replay.core.redaction.marks import ENCODED, Path
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.patterns import OF_ONE_LINE, WEBHOOK
from replay.core.redaction.secrets import Told
from replay.core.redaction.tabled import NOT_ROWS, ROWS, Walk
from replay.core.redaction.texts import Texts

_LONGEST = 500
"""Characters of a text that is taken together with others."""
_AT_ONCE = 1000
"""Objects that are looked at while other threads wait."""
_MOST = 20_000
"""Plans that are kept from the first walk to the second."""
_FIRST = 4
"""That tell of most lists that they have no such shape."""
_BETWEEN = "\n\0\n"
"""What stands between them: nothing that is found in one line reaches over it."""
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
_Shape = Callable[[list[str], int], "list[Plan | None]"]
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


class Together(Texts):
    """Takes texts together."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._plans: dict[tuple[int, bool], dict[str, Plan | None]] = {}
        self._planned: dict[int, tuple[Any, Plan | None]] = {}
        """The `id` of an object -> that, and its plan: the second walk meets the same ones."""

    def together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str] | None:
        """What `leaf` makes of each; None where each is better looked at by itself. `path`: of each; None: changes are
        not marked. `one` looks at one by itself."""
        if len(texts) < ROWS or self._rules.own or self._rules.any_allowed or self.known.any:
            return None
        if path is not None and all(self._shape_of(text, deep) == self._others for text in texts[:_FIRST]):
            return None
        out: list[str] = []
        for start, end in _groups(texts):
            part = self._together(
                texts[start:end],
                None if path is None else partial(_moved, path, start),
                deep,
                partial(_moved, one, start),
            )
            out += part
        return out

    def _together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str]:
        """The same of so many that other threads need not wait."""
        self._pause(sum(map(len, texts)))
        plans = self._plans_of(texts, deep, None if path is not None else self._readings_of)
        if sum(plan is None for plan in plans) * 2 > len(texts):
            return list(map(one, range(len(texts))))
        if not self._armed:
            self._learned(plans, one)
            return [*texts]
        return self._written(texts, plans, path, one)

    def objects(self, values: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any] | None:
        """What `walk` makes of JSON objects of several shapes; None where each is better looked at by itself. `at`: the
        path of each."""
        if len(values) < ROWS or self._rules.own or self._rules.any_allowed or self.known.any:
            return None
        path = at(0)
        if type(values[0]) is not dict or (path and self.kind_of(path[-1]) == "session"):  # what that holds may have an id
            return None
        out: list[Any] = []
        for start in range(0, len(values), _AT_ONCE):
            out += self._objects_at(values[start : start + _AT_ONCE], walk, partial(_moved, at, start))
        return out

    def _objects_at(self, values: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any]:
        self._pause(sum(map(len, values)))
        fresh = [value for value in values if id(value) not in self._planned]
        if fresh:
            plans = self._plans_of_objects([value if streams.is_flat(value) else None for value in fresh], 0)
            if len(self._planned) < _MOST:
                self._planned.update((id(value), (value, plan)) for value, plan in zip(fresh, plans, strict=True))
        if len(fresh) < len(values):
            plans = [self._planned[id(value)][1] for value in values]
        made = [*values]

        def one(number: int) -> None:
            made[number] = walk(values[number], at(number), None)

        if sum(plan is None for plan in plans) * 2 > len(values):
            for number in range(len(values)):
                one(number)
            return made
        if not self._armed:
            self._learned(plans, one)
            return made
        masks = self._masks(plans)
        for number in self._with_known([""] * len(values), plans, ()):
            masks[number] = None
        for number, (plan, said) in enumerate(zip(plans, masks, strict=True)):
            if plan is None or said is None:
                one(number)
            elif plan.secrets:
                made[number] = {**values[number], **{name: one for (name,), one in zip(plan.steps, said, strict=True)}}
                if len(self.marks) < MARKED:
                    self._mark(at(number), "", "", plan, said, None)
        return made

    def _learned(self, plans: list[Plan | None], one: Callable[[int], object]) -> None:
        """The first walk."""
        waiting: list[Told] = []
        places: list[int] = []
        drawn = self.crowd.secrets
        for at, plan in enumerate(plans):
            if plan is not None and not plan.secrets:
                continue
            if (
                plan is None
                or len(self.secrets) < self.few
                or (drawn and any(text in drawn for text, _, _ in plan.secrets))
            ):
                self.learn_all(waiting, places, one)
                waiting, places = [], []
                one(at)
            else:
                waiting += plan.secrets
                places += [at] * len(plan.secrets)
        self.learn_all(waiting, places, one)

    def _written(
        self, texts: Sequence[str], plans: list[Plan | None], path: Callable[[int], Path] | None,
        one: Callable[[int], str],
    ) -> list[str]:  # fmt: skip
        """The second walk."""
        masks = self._masks(plans)
        made = [
            "" if plan is None or said is None else _filled(text, plan, said)
            for text, plan, said in zip(texts, plans, masks, strict=True)
        ]
        for at in self._with_known(texts, plans, made if path is not None else ()):
            masks[at] = None
        if path is None and None not in masks:
            self._mark_inside(plans, masks)
            return made
        kinds = self.kinds_in(texts[:MARKED]) if path is not None and len(self.marks) < MARKED else {}
        for at, (plan, said) in enumerate(zip(plans, masks, strict=True)):
            if plan is None or said is None:
                made[at] = one(at)
            elif len(self.marks) < MARKED:
                kind = kinds.get(at, ENCODED) if at < MARKED else None
                self._mark(path(at) if path else None, texts[at], made[at], plan, said, kind)
        return made

    def _masks(self, plans: list[Plan | None]) -> list[Sequence[str] | None]:
        """What stands for the secrets of each; None where they need a look of their own."""
        drawn, known = self.crowd.secrets, self.secrets
        masks: list[Sequence[str] | None] = []
        for plan in plans:
            if plan is None:
                masks.append(None)
                continue
            said = []
            for text, kind, named in plan.secrets:
                new = drawn.get(text)
                if named:
                    new = new or self.value(text, kind)
                elif text in known:
                    new = known[text]
                said.append(new or "")
            masks.append(None if "" in said else said)
        return masks

    def _mark(self, path: Path | None, text: str, made: str, plan: Plan, said: Sequence[str], kind: str | None) -> None:
        """Mark what changed as `leaf` does, which marks what is encoded in a text at the root."""
        before = len(self.marks)
        inside = False
        if plan.steps:
            base = () if plan.inside or path is None else path
            apart = plan.steps.count(())  # of a URL: a name and a password are marked as one
            if apart:
                kind_of_all = plan.secrets[0][1]
                one, new = (":".join(each) for each in ([text for text, _, _ in plan.secrets[:apart]], said[:apart]))
                self.mark(base, one, new, kind_of_all)
            for step, (one, named, _), new in islice(zip(plan.steps, plan.secrets, said, strict=True), apart, None):
                self.mark((*base, *step), one, new, named)
            inside = len(self.marks) > before and base == path
        if path is not None and not inside and made != text:
            self.mark(path, text, made, self.crowd.kind_of(text) or kind)

    def _mark_inside(self, plans: Iterable[Plan | None], masks: Iterable[Sequence[str] | None]) -> None:
        """The same of texts without a path: of each step the last change."""
        last: dict[Path, tuple[str, str, str]] = {}
        for plan, said in zip(plans, masks, strict=True):
            if plan is not None and said is not None and plan.steps:
                for step, (one, named, _), new in zip(plan.steps, plan.secrets, said, strict=True):
                    if one != new:
                        last[step] = (one, new, named)
        for step, change in last.items():
            self.mark(step, *change)

    def _with_known(self, texts: Sequence[str], plans: list[Plan | None], made: Sequence[str]) -> Iterable[int]:
        """Those in which other known secrets are: beside what was found, or in what is `made` of encoded ones."""
        held = [(at, plan) for at, plan in enumerate(plans) if plan is not None]
        beside = ["\0".join(plan.between) for _, plan in held]
        if made:
            beside += [made[at] for at, plan in held if plan.parts]
        different = dict.fromkeys(beside)
        changed: set[int] = set()
        inside = [plan.inside for _, plan in held if plan.inside]
        wholes = [whole for _, plan in held for whole in plan.wholes]
        if any(map(self._needles.any_of, (texts, inside, wholes))) or (inside and self.crowd.any_drawn(texts)):
            exact = self._needles.any_of
            changed.update(at for at, plan in held if exact((texts[at], *plan.wholes, plan.inside)))
            changed.update(at for at, plan in held if plan.inside and self._is_drawn(texts[at]))
        if any(plan.numbers for _, plan in held):
            numbers = self.secrets.keys() | self.crowd.secrets.keys()
            changed.update(at for at, plan in held if not numbers.isdisjoint(plan.numbers))
        whole = _BETWEEN.join(different)
        known = self.masked(whole)
        if known != whole:
            touched = {one for one, new in zip(different, known.split(_BETWEEN), strict=True) if one != new}
            places = [*(at for at, _ in held), *(at for at, plan in held if plan.parts)]
            changed.update(at for at, one in zip(places, beside, strict=False) if one in touched)
        return changed

    # Plans ----------------------------------------------------------------------------------------------------

    def _plans_of(self, texts: Sequence[str], deep: int, shape: _Shape | None = None) -> list[Plan | None]:
        """Of each, the same ones in both walks; None: it has a look of its own. `shape`: of all; None: as they look."""
        plans = self._plans.setdefault((deep, shape is None), {})
        if len(plans) > _MOST:
            plans.clear()
        fresh = [text for text in dict.fromkeys(texts) if text not in plans]
        if fresh:
            shapes: dict[_Shape, list[str]] = {}
            if shape is not None:
                shapes[shape] = fresh
            elif deep < DEEPEST and (pairs := self._of_pairs(fresh)):
                plans.update(zip(fresh, pairs, strict=True))
            else:
                for text in fresh:
                    shapes.setdefault(self._shape_of(text, deep), []).append(text)
            for planned, some in shapes.items():
                plans.update(zip(some, planned(some, deep), strict=True))
        return list(map(plans.__getitem__, texts))

    def _shape_of(self, text: str, deep: int) -> _Shape:
        if len(text) < 2 or self._rules.is_word(text):
            return self._words
        if len(text) > _LONGEST or deep >= DEEPEST or "\n" in text or "\0" in text:
            return self._others
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
        return self._others

    def _words(self, texts: list[str], deep: int) -> list[Plan | None]:
        return [Plan([], [text]) for text in texts]

    def _others(self, texts: list[str], deep: int) -> list[Plan | None]:
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
        kind_of, is_word = self._rules.kind_of, self._rules.is_word
        names: dict[str, str | None] = {}
        for text in texts:
            plan = Plan([], [""])
            steps: list[Path] = []
            wholes: list[str] = []
            for number, pair in enumerate(text.split("&")):
                name, _, value = pair.partition("=")
                if name not in names:
                    names[name] = kind_of(name) if self._is_name(name) else ""
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

    def _objects(self, texts: list[str], deep: int) -> list[Plan | None]:
        """JSON."""
        plans = self._plans_of_objects(streams.flat_objects(texts), deep)
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

    def _plans_of_objects(self, values: Sequence[dict[str, Any] | None], deep: int) -> list[Plan | None]:
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
        return {name: self._rules.kind_of(name) for name in names}

    def _inert(self, texts: list[str], deep: int) -> set[str]:
        """Those in which nothing is found."""
        plans = self._plans_of(texts, deep) if texts else ()
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

    def _readings_of(self, texts: list[str], deep: int) -> list[Plan | None]:
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
        inner = self._plans_of([said for said, _ in held.values()], deep + 1)
        for (text, (said, write)), plan in zip(held.items(), inner, strict=True):
            if plan is not None and not plan.inside:
                parts = plan.parts or plan.between
                plans[text] = Plan(plan.secrets, plan.between, plan.steps, parts, write, said, plan.numbers, plan.wholes)
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
        all_found = find_each(fresh, _BETWEEN, self._rules.patterns, OF_ONE_LINE, self._pause)
        for text, found in zip(fresh, all_found, strict=True):
            if len(self._seen) < 20_000:
                self._seen[text] = found
        return [self._find(text) for text in texts]

    def _is_name(self, name: str) -> bool:
        """Whether nothing is looked for in a name but known secrets."""
        return _NAME.fullmatch(name) is not None and not self._find(name)


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where groups of these begin and end, each of some `PIECE` characters."""
    start = size = 0
    for at, text in enumerate(texts):
        size += len(text)
        if size > PIECE:
            yield start, at + 1
            start, size = at + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _moved(of: Callable[[int], Any], start: int, at: int) -> Any:
    return of(start + at)


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


def _filled(text: str, plan: Plan, said: Sequence[str]) -> str:
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
    """What stands before the path of a URL: scheme, name, password, host; the path; the query. None: it has other parts,
    or may be a webhook."""
    found = _URL.fullmatch(text)
    if found is None or any(map(text.__contains__, WEBHOOK.hints)):
        return None
    scheme, name, password, host, place, query = found.groups(default="")
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
        at = text.index('"', text.index(f'"{name}":', done) + len(name) + 3) + 1
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
