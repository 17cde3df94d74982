"""Plain data as Python source that a formatter leaves as it is, and that no captured text can alter.

Every text is an ASCII literal, so nothing recorded ends a string, a line or a comment. The layout is that of Black and
Ruff (https://docs.astral.sh/ruff/formatter/black/): double quotes unless single ones need fewer escapes, one line where
it fits, else an item a line with a comma after the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

LONGEST = 400
"""Characters of a text that is written into the test; longer ones go to the side file."""
MOST = 150
"""Values written into the test."""
DEEPEST = 8
WIDEST_NAME = 40
"""Characters of a name in a mapping that leave room for its value."""


class Sources:
    """Writes values; gathers what is too big for a test in `long`, by name."""

    def __init__(self, width: int = 88) -> None:
        self.width = width
        self.long: dict[str, Any] = {}

    def assigned(self, name: str, value: Any, *, annotation: str = "Any") -> str:
        """`NAME: Any = ...`"""
        start = f"{name}: {annotation} = "
        if _is_wide(value):
            self.long[name] = value
            return f'{start}LONG["{name}"]'
        return start + self.written(value, 0, len(start), 0, name)

    def written(self, value: Any, indent: int, used: int, after: int, path: str) -> str:
        """The source of a value that begins in column `used` of a line indented so, `after` characters behind it."""
        if isinstance(value, str) and len(value) > LONGEST:
            return self._aside(value, path)
        flat = self._flat(value, path)
        if used + len(flat) + after <= self.width and not self._has_long(value):
            return flat
        inner = " " * (indent + 4)
        if isinstance(value, dict) and value:
            lines: list[str] = []
            for key, item in value.items():
                name = quoted(key)
                text = self.written(item, indent + 4, indent + 4 + len(name) + 2, 1, f"{path}.{len(lines)}")
                lines.append(f"{inner}{name}: {text},")
            return "\n".join(["{", *lines, " " * indent + "}"])
        if isinstance(value, list) and value:
            lines = [
                f"{inner}{self.written(item, indent + 4, indent + 4, 1, f'{path}.{at}')},"
                for at, item in enumerate(value)
            ]
            return "\n".join(["[", *lines, " " * indent + "]"])
        if isinstance(value, str):
            pieces = list(_pieces(value, self.width - indent - 4))
            if len(pieces) > 1:
                return "\n".join(["(", *(inner + piece for piece in pieces), " " * indent + ")"])
        return flat

    def _aside(self, value: str, path: str) -> str:
        self.long[path] = value
        return f'LONG["{path}"]'

    def _has_long(self, value: Any) -> bool:
        if isinstance(value, dict):
            return any(map(self._has_long, value.values()))
        if isinstance(value, list):
            return any(map(self._has_long, value))
        return isinstance(value, str) and len(value) > LONGEST

    def _flat(self, value: Any, path: str) -> str:
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, dict):
            return "{" + ", ".join(f"{quoted(key)}: {self._flat(item, path)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._flat(item, path) for item in value) + "]"
        return repr(value).replace("e+", "e")  # as a formatter writes floats


def quoted(text: str) -> str:
    """An ASCII literal in the quotes that a formatter prefers."""
    escaped = text.encode("unicode_escape").decode("ascii")
    mark = "'" if escaped.count('"') > escaped.count("'") else '"'
    return mark + escaped.replace(mark, "\\" + mark) + mark


def _pieces(value: str, room: int) -> Iterator[str]:
    """The text in literals that stand below each other; cut after a space or a line's end where there is one."""
    start = 0
    while start < len(value):
        end = start + 1
        while end < len(value) and len(quoted(value[start : end + 1])) <= room:
            end += 1
        if end < len(value):
            good = [at for at in range(start + 1, end + 1) if value[at - 1] in " \n"]
            end = good[-1] if good and good[-1] - start > (end - start) // 2 else end
        yield quoted(value[start:end])
        start = end


def _is_wide(value: Any) -> bool:
    """Whether it would fill the test instead of explaining it, or leave a formatter no good way to write it."""
    waiting, seen = [(value, 0)], 0
    while waiting:
        each, depth = waiting.pop()
        seen += 1
        if seen > MOST or depth > DEEPEST:
            return True
        if isinstance(each, dict):
            if any(len(quoted(key)) > WIDEST_NAME for key in each):
                return True
            waiting += [(item, depth + 1) for item in each.values()]
        elif isinstance(each, list):
            waiting += [(item, depth + 1) for item in each]
    return False


def docstring(summary: str, lines: list[str], width: int, indent: int = 4) -> str:
    """A docstring: a summary that is our own text, an empty line, then lines that may hold anything."""
    margin = " " * indent
    body: list[str] = []
    for line in lines:
        text = line.replace("…", "...").encode("unicode_escape").decode("ascii")
        body += wrap(text, width - indent - 6, subsequent_indent="  ", break_on_hyphens=False) or [""]
    safe = [text.replace("\\", "\\\\").replace('"""', "'''").rstrip() for text in body]
    shown = [margin + text if text else "" for text in safe]
    return "\n".join([f'{margin}"""{summary}', "", *shown, f'{margin}"""'])
