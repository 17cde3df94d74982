"""Edits as data: what is changed, where, and into what; readable in one line, stored as `[path, operator, argument]`.

A path names a part of a recording and steps into its value::

    path  = part *step
    part  = "input" | "clock" | "draws" | "environ" | "zone" | boundary "[" number "]"     ; number: `Interaction.seq`
    step  = "." name | "[" index "]" | "[" json-string "]"            ; the string form for any other name

- `input.args[0].items[1].qty`, `input.kwargs.plan`: arguments of a function.
- `input.body.plan`, `input.query.page`, `input.headers.accept`, `input.method`: a request of a web application.
- `http[2].status`, `http[2].headers.retry-after`, `http[2].body.plan`, `http[2]`: an HTTP answer, in parts or whole.
- `http[2].stream`, `http[2].stream.text`, `http[2].stream.json.label`: its body as it arrived; what its deltas say.
- `call[0].plan`, `model[1].scores.fraud`: what a call or model answered.
- `input.args[0].json.plan`, `model[1].text.json.amount`: in JSON that a text holds (see `replay.core.nested`).
- `environ.PLAN`, `environ[3]`: a variable, and what a feature flag answered; `timing[3]`: when an answer came.
- `clock.started_at` (nanoseconds since the epoch), `draws["0"].random[2]`: time, and random draws by lane and kind.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.errors import CodecError

Step = str | int
Steps = tuple[Step, ...]

_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_ROOT = re.compile(r"([a-z]+\[\d{1,9}\]|input|clock|draws|environ|zone)", re.ASCII)
_STEP = re.compile(r'\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]', re.ASCII)
_LONG = 60


class Edit(msgspec.Struct, frozen=True, gc=False):
    """One described change. It is total: where it no longer fits, it does nothing."""

    path: str
    operator: str
    """Name of a function of `(value, argument)`; see `replay.engine.operators`."""
    argument: Any = None
    """Any value that the codec stores."""

    def tree(self) -> list[Any]:
        """`[path, operator, argument]` as plain JSON; the argument as an encoded tree."""
        return [self.path, self.operator, encode(self.argument).tree]

    @property
    def key(self) -> str:
        """Equal for equal edits."""
        return f"{self.path}\n{self.operator}\n{encode(self.argument).text}"

    def __str__(self) -> str:
        return line(self)


def read_edit(tree: Any) -> Edit:
    """The edit that `Edit.tree` wrote. Raises ValueError for anything else."""
    if not (type(tree) is list and len(tree) == 3 and type(tree[0]) is str and type(tree[1]) is str):
        raise ValueError(f"not an edit ([path, operator, argument]): {str(tree)[:80]}")
    parse(tree[0])
    try:
        argument = Value(msgspec.json.encode(tree[2]).decode()).decode()
    except CodecError as error:
        raise ValueError(f"not an edit: {error}") from error
    return Edit(tree[0], tree[1], argument)


@lru_cache(maxsize=16384)
def parse(path: str) -> tuple[str, Steps]:
    """The part's name and the steps into its value. Raises ValueError for what is no path."""
    root = _ROOT.match(path)
    if root is None:
        raise ValueError(f"not a path: {path[:80]!r} (it starts with input, clock, draws or a boundary with a number)")
    steps: list[Step] = []
    at = root.end()
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(f"not a path: {path[:80]!r} from character {at}")
        name, index, quoted = step.groups()
        steps.append(name if name is not None else int(index) if index is not None else json.loads(quoted))
        at = step.end()
    return root[1], tuple(steps)


def write(root: str, steps: Steps) -> str:
    """The path's text; `parse` reads it back."""
    return root + "".join(_written(step) for step in steps)


def _written(step: Step) -> str:
    if type(step) is int:
        return f"[{step}]"
    return f".{step}" if _NAME.fullmatch(str(step)) else f"[{json.dumps(step)}]"


def line(edit: Edit) -> str:
    """`http[2].body.plan: null`; of an operator that does more than put a value there: `PATH: cut 12`. ASCII."""
    if edit.operator == "set":
        return f"{edit.path}: {_shown(edit.argument)}"
    name = edit.operator.replace("_", " ")
    if edit.argument is None:
        return f"{edit.path}: {name}"
    arguments = edit.argument if isinstance(edit.argument, list) else [edit.argument]
    return f"{edit.path}: {name} {', '.join(map(_shown, arguments))}"


def _shown(value: Any) -> str:
    text = shown_json(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text):,} characters)"


def shown_json(value: Any) -> str:
    """JSON of a value, ASCII, for people: NaN and lone surrogates too; what JSON lacks as its encoded tree."""
    try:
        return json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(encode(value).tree, ensure_ascii=True)
