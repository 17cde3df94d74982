"""A place that can be edited, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from replay.core.changes import changed
from replay.core.edits import Steps, write
from replay.core.nested import within
from replay.core.opened import Typed, Unfit, named
from replay.core.streaming import TAG

Change = Callable[[Any, Any], Any]
"""`(value, argument) -> new value`. Raises Unfit, or anything, where it does not fit: then the edit does nothing."""
Tried = tuple[str, Any]
"""An operator and its argument."""
Suggest = Callable[["Site"], Iterable[Tried]]
"""What to try at a place; what production does most comes first."""
WIDE = 3
"""Items of a long list that are sites: the first, the second, the last."""
DEEP = 24
MOST = 4_000
"""Sites of one recording."""
STREAM = TAG
"""Name of an answer as it arrived, which is another view of the same bytes or values."""
LONG = 120
"""Characters of a text that an edit writes out instead of saying how it was made."""


class Site(msgspec.Struct, frozen=True):
    """One place in a recording."""

    root: str
    """Name of its part."""
    steps: Steps
    value: Any
    """What lies there, opened."""
    learned: tuple[Any, ...] = ()
    """Other values that were seen there."""
    missing: float = 0.0
    """In what part of the recordings at hand its name was not there, 0 to 1."""
    absent: tuple[tuple[str, Any], ...] = ()
    """Of a mapping: names that it has in other recordings and not here, each with a value of it."""
    constants: tuple[Any, ...] = ()
    """What the code compares with."""
    other: Any = None
    """Of a name in a mapping: another value of that mapping, to be swapped with."""
    target: str = ""
    """Of a whole answer: what was asked."""
    earlier: tuple[int, ...] = ()
    """Of a whole answer: numbers of interactions that asked the same target before and were answered otherwise."""
    behind: float = 0.0
    """Of a whole answer: seconds by which it came before the last of those that others asked for meanwhile."""

    @property
    def path(self) -> str:
        return write(self.root, self.steps)

    @property
    def boundary(self) -> str:
        """`input`, `clock`, `draws`, `timing`, `http`, `call` or `model`."""
        return self.root.partition("[")[0]

    @property
    def is_body(self) -> bool:
        """The whole body of a message."""
        return self.steps == ("body",) and self.boundary in ("http", "input")

    @property
    def is_document(self) -> bool:
        """All of the JSON that a text holds."""
        return type(self.other) is str

    @property
    def is_stream(self) -> bool:
        """A body as it arrived, or one of its texts; not what a text holds."""
        if is_view(self.value):
            return True
        is_within = is_view(self.other) or (self.boundary == "http" and self.steps[:1] == (STREAM,))
        return is_within and len(self.steps) == 2 and type(self.value) is str

    @property
    def is_message(self) -> bool:
        """A status, header, method or the like: not free data."""
        if self.boundary == "http":
            return bool(self.steps) and self.steps[0] not in ("body", STREAM)
        return self.boundary == "input" and self.steps[:1] in (("method",), ("path",), ("headers",))


def is_view(value: Any) -> bool:
    """Whether it shows once more what other places of its part hold."""
    return type(value) is Typed and value.tag == STREAM


def sites(root: str, value: Any, *, views: bool = False) -> Iterator[Site]:
    """All places of a part, its whole first, then in the order of its value; of long lists a few items. `views`: also
    those of a stream, whose bytes are a body's."""
    waiting: list[tuple[Steps, Any]] = [((), value)]
    left = MOST
    while waiting and left:
        steps, each = waiting.pop()
        left -= 1
        site = Site(root, steps, each)
        yield site
        if len(steps) < DEEP:
            held = within(each) if not (site.is_message or STREAM in steps) else named(each)
            if not views and not steps:
                held = [pair for pair in held if not is_view(pair[1])]
            if isinstance(each, list | tuple) and len(held) > WIDE:
                held = [held[0], held[1], held[-1]]
            waiting += [((*steps, step), item) for step, item in reversed(held)]


def written_out(site: Site, change: Change, operator: str, argument: Any) -> Tried:
    """The same edit as `set`, where the text that it makes is short enough to be read."""
    try:
        new = change(site.value, argument)
    except Exception:  # it does not fit: it will do nothing
        return operator, argument
    return ("set", new) if type(new) is str and len(new) <= LONG else (operator, argument)


def applied(value: Any, steps: Steps, change: Change, argument: Any) -> Any:
    """`value` with the change made there. Raises Unfit where it does not fit."""
    try:
        return changed(value, steps, change, argument)
    except Unfit:
        raise
    except Exception as error:  # operators are total, users' too
        raise Unfit(f"{type(error).__name__}: {error}"[:200]) from error
