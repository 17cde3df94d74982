"""What a signature itself suggests to edit: names and literals of the failing lines, values that the message quotes.

Nothing here knows a library. A value is data taken from the signature: out of the message (in quotes, as a number, in
the holes of the template that the failing line has), out of reported variables, out of the conditions around the line.
A place is named where its name stands in the failing line, or flows into it by assignments of the same function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from replay.core.edits import Edit
from replay.engine.goal import FunctionNode, Goal, Spot, tree_of
from replay.engine.operators.site import Site
from replay.engine.typical import others

MOST = 4_000
"""Edits that are suggested."""
VALUES = 40
"""Values that are taken from a signature."""
LONG = 2_000
"""Characters of a message that are read."""
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w])")
_CODEC = re.compile(r"'([\w-]{2,20})' codec can't encode")
_STRANGE = ("ß", "\u20ac", "\u6f22", "\ud800")
"""Characters, of which each codec lacks some."""
_TIMES = frozenset({
    "hour", "minute", "second", "day", "month", "year", "date", "time", "now", "today", "utcnow", "weekday", "datetime",
    "timedelta", "timezone", "fromisoformat", "strptime", "timestamp", "expired",
})  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_SAMPLES: dict[str, tuple[Any, ...]] = {
    "NoneType": (None,), "None": (None,), "str": ("x",), "string": ("x",), "int": (1,), "float": (1.5,),
    "bool": (True,), "list": ([], ["x"]), "dict": ({}, {"x": 1}), "tuple": ([],), "set": ([],), "bytes": ("x",),
}  # fmt: skip
"""A value of each type that messages name."""
_OPPOSITE: dict[Any, Any] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_FLIPPED: dict[Any, Any] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
_SECOND = 10**9
_MOVES = (10**6, _SECOND, 60 * _SECOND, *(hour * 3600 * _SECOND for hour in range(1, 24)),
          *(day * 86_400 * _SECOND for day in (1, 2, 3, 4, 5, 6, 7, 28, 30, 31, 365, -1, -30, -365)))  # fmt: skip
"""Nanoseconds by which the clock is put on: another hour, another day of the week."""
_DEPTH = 3
"""Assignments that a name is followed back over."""


class Wanted(msgspec.Struct, frozen=True):
    """Values that a named place should hold for a condition to be met."""

    names: tuple[str, ...]
    values: tuple[Any, ...]
    keys: tuple[str, ...] = ()
    """Texts in what is tested: names that may be missing in a mapping that is named there."""


class Leads:
    """What a goal says of values and names."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.names: dict[str, int] = {}
        """Names as `plain_name` gives them, and how far from the failing line: 0 is the line itself."""
        self.values: list[Any] = []
        self.told: list[Wanted] = []
        """Names with the values that they had: of variables, of the holes in the message's template."""
        self.conditions: list[Wanted] = []
        self._read_message()
        for number, spot in enumerate(reversed(goal.spots)):
            self._read_spot(spot, number)
        for name, value in goal.signature.variables:
            self.told.append(Wanted((plain_name(name),), (value,)))
        for wanted in self.told:
            for value in wanted.values:
                _add(self.values, value)

    def edits(self, sites: Sequence[Site], plans: dict[str, list[Edit]]) -> Iterator[tuple[Edit, ...]]:
        """Mutations to try first, in that order, each once; `plans`: what is tried at each place anyway."""
        seen: set[str] = set()
        for count, edits in enumerate(self._all(sites, plans)):
            key = "\n".join(edit.key for edit in edits)
            if count >= 4 * MOST or len(seen) >= MOST:
                return
            if key not in seen:
                seen.add(key)
                yield edits

    def _all(self, sites: Sequence[Site], plans: dict[str, list[Edit]]) -> Iterator[tuple[Edit, ...]]:
        named = sorted(
            ((rank, site) for site in sites if (rank := self.rank(site)) is not None), key=lambda pair: pair[0]
        )
        near = [site for rank, site in named if rank < 10]
        yield from ((edit,) for edit in self._by_name(self.told, sites))
        yield from self._raised(sites)
        yield from self._met(sites)
        paths = {site.path for site in near}
        rest = [site for site in sites if site.path not in paths]
        whole = [site for site in sites if not site.steps and site.boundary in ("http", "call", "model")]
        turns: list[tuple[int, Iterator[Edit]]] = [
            (3, (edit for site in near for edit in self._at(site))),
            (2, _evenly([plans.get(site.path, ()) for site in whole])),
            (3, self._elsewhere([*near, *rest])),
            (4 if self._is_of_time() else 1, (edit for site in sites for edit in self._around(site))),
            (2, _evenly([plans.get(site.path, ()) for site in near])),
        ]
        yield from ((edit,) for edit in _by_turns(turns))
        yield from ((edit,) for _, site in named for edit in plans.get(site.path, ()))

    def _is_of_time(self) -> bool:
        """Whether the failing line or the message speaks of time."""
        words = {plain_name(word) for word in _WORD.findall(self.goal.signature.message[:LONG])}
        return any(distance < 2 and name in _TIMES for name, distance in self.names.items()) or bool(words & _TIMES)

    def held(self, sites: Sequence[Site]) -> int:
        """How many of the names in the failing line and before it places have."""
        there = {plain_name(site.steps[-1]) for site in sites if site.steps and type(site.steps[-1]) is str}
        return sum(1 for name, distance in self.names.items() if distance < 2 and name in there)

    def rank(self, site: Site) -> int | None:
        """How near the failing line the name of a place stands; None: it is not named."""
        names = [
            self.names[name] for step in site.steps if type(step) is str and (name := plain_name(step)) in self.names
        ]
        if not names:
            return None
        last = plain_name(site.steps[-1]) if site.steps and type(site.steps[-1]) is str else ""
        return min(names) if last in self.names else min(names) + 10

    # What to try ------------------------------------------------------------------------------------------------

    def _at(self, site: Site) -> Iterator[Edit]:
        """What a named place may hold instead."""
        if not site.steps and site.boundary not in ("call", "model"):
            return
        if site.value is not None:
            yield Edit(site.path, "set", None)
        if site.steps and type(site.steps[-1]) is str and not (site.boundary == "input" and len(site.steps) < 3):
            yield Edit(site.path, "drop")
        yield from (Edit(site.path, "set", value) for value in self.values)

    def _elsewhere(self, sites: Sequence[Site]) -> Iterator[Edit]:
        """The values at all places of a matching type: characters put in, then each value instead."""
        texts = [site for site in sites if type(site.value) is str and not site.is_message]
        for value in self.values:
            if type(value) is str and 0 < len(value) <= 2 and not (value.isascii() and value.isalnum()):
                yield from (Edit(site.path, "put", [len(site.value), value]) for site in texts)
        for value in self.values:
            for site in sites:
                if _is_free(site) and _matches(site.value, value):
                    yield Edit(site.path, "set", value)

    def _around(self, site: Site) -> Iterator[Edit]:
        """Surroundings that no signature shows: the clock, variables, flags."""
        if site.root == "clock" and site.steps == ("started_at",):
            if self.goal.signature.when is not None:
                yield Edit(site.path, "at", self.goal.signature.when)
            yield from (Edit(site.path, "set", site.value + move) for move in _MOVES)
        elif site.boundary == "environ" and not isinstance(site.value, dict):
            yield from (Edit(site.path, "set", value) for value in others(site.value))

    def _raised(self, sites: Sequence[Site]) -> Iterator[tuple[Edit, ...]]:
        """The error itself, as the answer of the boundary that raised it."""
        signature = self.goal.signature
        for site in sites:
            if self.goal.cut is not None and not site.steps and site.target == self.goal.cut:
                yield (Edit(site.path, "raise", [signature.error_type, signature.message]),)

    def _by_name(self, wanted: Iterable[Wanted], sites: Sequence[Site]) -> Iterator[Edit]:
        for each in wanted:
            for site in sites:
                if not site.steps or type(site.steps[-1]) is not str or plain_name(site.steps[-1]) not in each.names:
                    continue
                if type(site.value) is not dict:
                    yield from (Edit(site.path, "set", value) for value in each.values)
                    continue
                missing = [
                    key for key in each.keys if key not in site.value and plain_name(key) != plain_name(site.steps[-1])
                ]
                yield from (Edit(site.path, "add", [key, value]) for key in missing[:4] for value in each.values)
                yield from (Edit(site.path, "set", value) for value in each.values)

    def _met(self, sites: Sequence[Site]) -> Iterator[tuple[Edit, ...]]:
        """The conditions around the line, each alone, then all of them together."""
        found: list[list[Edit]] = [list(self._by_name([each], sites)) for each in self.conditions]
        found = [edits for edits in found if edits]
        for edits in found:
            yield from ((edit,) for edit in edits)
        paths: set[str] = set()
        together: list[list[Edit]] = []
        for edits in found:
            free = [edit for edit in edits if edit.path not in paths]
            if free:
                together.append(free)
                paths.add(free[0].path)
        if len(together) > 1:
            for number in range(max(map(len, together))):
                yield tuple(edits[min(number, len(edits) - 1)] for edits in together)
            told = tuple(next(iter(self._by_name([each], sites)), None) for each in self.told)
            extra = tuple(edit for edit in told if edit is not None and edit.path not in paths)
            if extra:
                yield (*(edits[0] for edits in together), *extra)

    # What the signature says ------------------------------------------------------------------------------------

    def _read_message(self) -> None:
        for said in self.goal.signature.said:
            text = said[:LONG]
            for value in values_in(text):
                _add(self.values, value)
            for word in _WORD.findall(text):
                for sample in _SAMPLES.get(word, ()):
                    _add(self.values, sample)
            for quoted in _QUOTED.findall(text):
                self._name(quoted[1:-1], 1)

    def _read_spot(self, spot: Spot, distance: int) -> None:
        """Names of one frame's line, then of what flows into it; of the last frame its template and conditions."""
        function = _node(spot)
        statements = [found for line in sorted(spot.lines)[:2] if (found := _statement(function, line)) is not None]
        nodes: list[ast.AST] = [head for each in statements for head in _heads(each)] or _parsed(spot.frame.source)
        for node in nodes:
            for name in names_of(node):
                self._name(name, 2 * distance)
        inner = set().union(*(names_of(node) for node in nodes)) if nodes else set()
        for name in _sources(function, inner):
            self._name(name, 2 * distance + 1)
        if distance == 0:
            for node in nodes:
                for names, text in holes(node, self.goal.signature.message[:LONG]):
                    self.told.append(Wanted(self._flowing(function, names), _readings(text)))
        for line in sorted(spot.lines)[:2]:
            if function is not None:
                self._read_conditions(function, line)

    def _read_conditions(self, function: FunctionNode, line: int) -> None:
        for test, is_met in _tests(function, line):
            for node, positive in _atoms(test, is_met):
                names, values = _demand(node, positive)
                if names and values:
                    keys = sorted(_texts(node) | _texts_flowing(function, names))
                    self.conditions.append(Wanted(self._flowing(function, names), values, tuple(keys)))

    def _flowing(self, function: FunctionNode | None, names: Iterable[str]) -> tuple[str, ...]:
        own = set(names)
        return tuple(sorted({plain_name(name) for name in own | _sources(function, own)} - {""}))

    def _name(self, name: str, distance: int) -> None:
        found = plain_name(name)
        if found:
            self.names[found] = min(distance, self.names.get(found, distance))


def _is_free(site: Site) -> bool:
    """Whether any value may stand there."""
    if not site.steps:
        return site.boundary in ("call", "model")
    return not site.is_message or site.steps == ("status",)


def _by_turns(turns: list[tuple[int, Iterator[Edit]]]) -> Iterator[Edit]:
    """So many of each, in turn, until all are at their end."""
    while turns:
        for turn in list(turns):
            count, edits = turn
            chosen = list(islice(edits, count))
            yield from chosen
            if len(chosen) < count:
                turns.remove(turn)


def _evenly(plans: Sequence[Sequence[Edit]]) -> Iterator[Edit]:
    """The first of each, then the second of each, and so on."""
    for depth in range(max(map(len, plans), default=0)):
        yield from (plan[depth] for plan in plans if depth < len(plan))


def plain_name(name: Any) -> str:
    """A name without its style: `customerId`, `customer_id`, `Customer-Id`."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower()) if len(str(name)) < 100 else ""


def values_in(message: str) -> Iterator[Any]:
    """Values that a message quotes, holds as numbers, or ends in."""
    for quoted in _QUOTED.findall(message):
        try:
            value = ast.literal_eval(quoted)
        except (ValueError, SyntaxError):
            value = quoted[1:-1]
        yield value
        yield from _number(value)
    for codec in _CODEC.findall(message):
        yield from (text for text in _STRANGE if not _is_encoded(text, codec))
    bare = _QUOTED.sub(" ", message)
    for number in _NUMBER.findall(bare):
        yield from _number(number)
    before, _, last = message.rpartition(": ")
    if last and (before or len(last.split()) == 1) and len(last) < 200 and last[0] not in "'\"":
        yield last


def _is_encoded(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeError:
        return False
    except (LookupError, ValueError):  # no codec of that name
        return True
    return True


def _number(text: str) -> Iterator[Any]:
    if _NUMBER.fullmatch(text) and len(text) < 40:
        yield float(text) if re.search(r"[.eE]", text) else int(text)


def _readings(text: str) -> tuple[Any, ...]:
    """What a text in a message may have been: the value's `repr`, a number, itself."""
    found: list[Any] = []
    try:
        found.append(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    _add(found, text)
    return tuple(found)


def holes(node: ast.AST, message: str) -> Iterator[tuple[list[str], str]]:
    """What stood in the holes of the templates in a line, if one of them gives the message: names in the hole, text."""
    for each in ast.walk(node):
        parts = _template(each)
        if parts is None or not any(type(part) is str and part.strip() for part in parts):
            continue
        pattern = "".join(re.escape(part) if type(part) is str else "(.{0,300}?)" for part in parts)
        found = re.search(f"{pattern}$", message, re.DOTALL) if sum(type(p) is not str for p in parts) <= 4 else None
        if found is None:
            continue
        inside = [part for part in parts if type(part) is not str]
        yield from ((sorted(names_of(part)), text) for part, text in zip(inside, found.groups(), strict=True))


def _template(node: ast.AST) -> list[Any] | None:
    """Texts and expressions of an f-string or of `text % values`."""
    if isinstance(node, ast.JoinedStr):
        return [part.value if isinstance(part, ast.Constant) else part for part in node.values]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        text = node.left.value
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        pieces = re.split(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]", text) if type(text) is str else []
        if len(pieces) == len(values) + 1:
            return [part for pair in zip(pieces, [*values, ""], strict=True) for part in pair]
    return None


def names_of(node: ast.AST) -> set[str]:
    """Names, attributes, keys and keywords in an expression."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.keyword) and each.arg:
            found.add(each.arg)
        elif isinstance(each, ast.Constant) and type(each.value) is str and len(each.value) < 100:
            found.add(each.value)
    return found


def _texts(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and type(each.value) is str and each.value
    }


def _texts_flowing(function: FunctionNode, names: set[str]) -> set[str]:
    """Texts in what is assigned to these names, e.g. the key in `wait = headers.get("retry-after")`."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and names & set().union(*map(names_of, node.targets)):
            found |= _texts(node.value)
    return found


def _node(spot: Spot) -> FunctionNode | None:
    tree = tree_of(spot.file)
    for each in () if tree is None else ast.walk(tree):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.lineno == spot.first:
            return each
    return None


def _statement(function: FunctionNode | None, line: int) -> ast.stmt | None:
    found: ast.stmt | None = None
    for each in () if function is None else ast.walk(function):
        if (
            isinstance(each, ast.stmt)
            and each is not function
            and each.lineno <= line <= (each.end_lineno or each.lineno)
        ):
            found = each if found is None or each.lineno >= found.lineno else found
    return found


def _heads(statement: ast.stmt) -> list[ast.AST]:
    """Of a compound statement what runs on its own line."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        return [statement.iter]
    if isinstance(statement, ast.If | ast.While):
        return [statement.test]
    if isinstance(statement, ast.With | ast.AsyncWith):
        return list(statement.items)
    if isinstance(statement, ast.Try | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    return [statement]


def _parsed(text: str) -> list[ast.AST]:
    """A line of source, if it can be read by itself."""
    for whole in (text, f"{text} pass", f"if 1:\n {text}"):
        try:
            return list(ast.parse(whole).body) if text else []
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return []


def _sources(function: FunctionNode | None, names: set[str]) -> set[str]:
    """Names that flow into these by assignments and loops of the function."""
    if function is None:
        return set()
    flows: list[tuple[set[str], set[str]]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            flows.append((set().union(*map(names_of, node.targets)), names_of(node.value)))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            flows.append((names_of(node.target), names_of(node.value)))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            flows.append((names_of(node.target), names_of(node.iter)))
    known, wave = set(names), set(names)
    for _ in range(_DEPTH):
        wave = set().union(*(values for targets, values in flows if targets & wave)) - known
        known |= wave
    return known - names


# Conditions -------------------------------------------------------------------------------------------------------


def _tests(function: FunctionNode, line: int) -> Iterator[tuple[ast.expr, bool]]:
    """Tests of the `if` and `while` around a line, and whether each must be met."""
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.While):
            if node.test.lineno <= line <= (node.test.end_lineno or line) and isinstance(node.test, ast.BoolOp):
                yield from ((each, isinstance(node.test.op, ast.And)) for each in node.test.values[:-1])
            for block, is_met in ((node.body, True), (node.orelse, False)):
                if any(each.lineno <= line <= (each.end_lineno or each.lineno) for each in block):
                    yield node.test, is_met


def _atoms(test: ast.expr, is_met: bool) -> Iterator[tuple[ast.expr, bool]]:
    """The tests that a test is made of, as far as all of them, or any one, must be so."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _atoms(test.operand, not is_met)
    elif isinstance(test, ast.BoolOp):
        for each in test.values:
            yield from _atoms(each, is_met)
    else:
        yield test, is_met


def _demand(node: ast.expr, is_met: bool) -> tuple[set[str], tuple[Any, ...]]:
    """Names in a test, and values with which it is met (or not)."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind: Any = type(node.ops[0])
        kind = kind if is_met else _OPPOSITE[kind]
        left, right = node.left, node.comparators[0]
        one, two = _constant(left), _constant(right)
        if two is not None:
            return names_of(left), _meeting(kind, two[0])
        if one is not None and kind in (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq):
            flipped = _FLIPPED.get(kind, kind)
            return names_of(right), _meeting(flipped, one[0])
        return set(), ()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance" and node.args:
        kinds = names_of(node.args[-1])
        chosen = [name for name in _SAMPLES if (name in kinds) is is_met and name not in ("None", "string")]
        return names_of(node.args[0]), tuple(value for name in chosen for value in _SAMPLES[name])
    return names_of(node), (True, "x", 1, [1]) if is_met else (None, False, "", 0, [])


def _constant(node: ast.expr) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(node),)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _meeting(kind: type, value: Any) -> tuple[Any, ...]:
    """Values that compare so with one."""
    if kind in (ast.Eq, ast.Is):
        return (value,)
    if kind is ast.In and isinstance(value, tuple | list | set | str):
        return tuple(value)[:8]
    if isinstance(value, int | float) and not isinstance(value, bool):
        more, less = (value + 1, 10 * value + 1), (value - 1, value - 1000)
        meeting: dict[Any, tuple[Any, ...]] = {
            ast.Gt: more, ast.GtE: (value, *more), ast.Lt: less, ast.LtE: (value, *less)
        }  # fmt: skip
        return meeting.get(kind, (*more, None))
    return ("x", 0) if value is None else (None, "x", 0) if kind in (ast.NotEq, ast.IsNot, ast.NotIn) else ()


def _matches(held: Any, value: Any) -> bool:
    """Whether a value may stand where another stood: of its kind, or both one word or number."""
    if type(held) is type(value):
        return True
    plain = (str, int, float)
    return isinstance(held, plain) and isinstance(value, plain) and not isinstance(value, bool) and held is not True


def _add(values: list[Any], value: Any) -> None:
    if len(values) < VALUES and not any(type(each) is type(value) and each == value for each in values):
        values.append(value)
