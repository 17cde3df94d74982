"""The report as workflow commands: annotations that GitHub shows at the lines of a pull request.

The form, and what has to be escaped in it:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions and `toCommandValue`, `escapeProperty` of
https://github.com/actions/toolkit (packages/core/src/command.ts).
"""

from __future__ import annotations

from pathlib import Path

from replay.surfaces.printable import clip, escape
from replay.surfaces.report.incidents import Campaign, Ending, Incident, Line

TITLE = 120
MESSAGE = 1000
"""Columns."""


def text(campaign: Campaign, root: Path | None = None) -> str:
    """A line each recording that has something to say. Files are named from `root`, the checkout's folder (default: the
    current one)."""
    lines = [_annotation(one, (root or Path.cwd()).resolve()) for one in campaign.incidents]
    return "".join(f"{line}\n" for line in lines if line)


def _annotation(one: Incident, root: Path) -> str:
    level = _level(one)
    if not level:
        return ""
    return command(level, f"{_status(one)}: {one.title}", f"{_says(one)} [{one.name}]", _place(one, root))


def command(level: str, title: str, words: str, place: tuple[str, int] | None) -> str:
    """One annotation, `::error file=...,line=...,title=...::WORDS`, of any text."""
    properties = [f"title={_property(clip(escape(title), TITLE))}"]
    if place is not None:
        properties[:0] = [f"file={_property(place[0])}", f"line={place[1]}"]
    return f"::{level} {','.join(properties)}::{_message(clip(escape(words), MESSAGE))}"


def _level(one: Incident) -> str:
    """`error`: the failure is there, or the run parted. `notice`: an incident ends well now. Empty: all is well."""
    if one.status == "unanswerable":
        return "warning"
    if one.status == "changed" and one.error and one.now is not None and one.now.state == "returned":
        return "notice"
    return "" if one.status in ("reproduced", "recorded") and not one.error else "error"


def _status(one: Incident) -> str:
    return "recorded" if one.status == "recorded" else one.status


def _says(one: Incident) -> str:
    if one.status in ("reproduced", "recorded"):
        return f"{one.recorded.sentence}. {one.explained}"
    if one.status == "changed":
        return f"recorded {one.recorded.sentence}; {one.sentence}"
    return f"{one.status}: {one.sentence}"


def _place(one: Incident, root: Path) -> tuple[str, int] | None:
    """The line to write at, if it is one of the checkout."""
    ends: list[tuple[Line, ...]] = [one.partings[0].frames] if one.partings else []
    ends += [ending.lines for ending in (one.now, one.recorded) if isinstance(ending, Ending)]
    for lines in ends:
        for line in lines:
            file, _, number = line.place.rpartition(":")
            name = None if line.library else in_checkout(root, root / file)
            if name is not None and number.isdecimal():
                return name, int(number)
    return None


def in_checkout(root: Path, file: Path) -> str | None:
    """The name of a file of the checkout, from its folder; None for any other."""
    try:
        inside = file.resolve().relative_to(root)
        return inside.as_posix() if file.is_file() else None
    except (ValueError, OSError):
        return None


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
