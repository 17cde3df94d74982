"""Reading a Python traceback as it stands in a log: text that was printed by another process on another machine.

Each line may have something before it (a time, a container's name), lines of other services may stand between them,
and its beginning or end may be missing. The last error counts; what it was raised from is its cause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from replay.core.signature import Signature, SignatureError, function_name, shortened
from replay.core.verdict import Frame

LARGEST = 4 << 20
"""Characters that are read: the last ones."""
_WIDE = 4_000
"""Characters of a line that are looked at."""
_NOTES = 20
"""Lines of a message that are kept."""
_HEAD = "Traceback (most recent call last):"
_GROUP = re.compile(r"(.*?)  \+ Exception Group Traceback \(most recent call last\):")
_FRAME = re.compile(r'(.*?)  File "([^"\n]+)", line (\d{1,9})(?:, in (.+))?$')
_ERROR = re.compile(r"([A-Za-z_][\w.]*(?:<locals>\.[\w.]+)*)(?:: (.*)|:)?$")
_MARGIN = re.compile(r"( +)[|+] ?(.*)")
_DIVIDED = re.compile(r"( +)\+(-\+)?-{4,} (?:\d+|\.\.\.) -{4,}$")
_LOGGED = re.compile(r"[\[{(<]?\d{2,4}[-/:.]\d\d|.{0,40}\b(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b")
"""The next line of the log: it is no part of a message."""
_MARKS = frozenset(" ~^")
_OUTER = 2
"""Spaces before the margin of a group."""
_JOINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


def read_traceback(text: str) -> Signature:
    """The failure that a text tells of: the last one. Raises SignatureError if it tells of none."""
    lines = [line[:_WIDE].rstrip("\r") for line in _unwrapped(text[-LARGEST:]).split("\n")]
    found = _read(_without_prefix(lines))
    if found is None:
        raise SignatureError(
            'no traceback in it: there is neither `Traceback (most recent call last):` nor a line `File "...", line N, '
            "in FUNCTION` followed by the error; give the text as Python printed it, or --error TYPE --at FILE:FUNCTION"
        )
    return found


def _unwrapped(text: str) -> str:
    """Text out of JSON log lines, where a traceback is one string."""
    if 'File \\"' not in text:
        return text
    found = []
    for line in text.split("\n"):
        start = line.find("{")
        if start < 0 or 'File \\"' not in line:
            continue
        try:
            found += [each for each in _strings(json.loads(line[start:])) if 'File "' in each]
        except (ValueError, RecursionError):
            found.append(line.replace('\\"', '"').replace("\\n", "\n"))
    return "\n".join(found) or text


def _strings(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is str:
            yield each
        elif type(each) is dict:
            waiting += each.values()
        elif type(each) is list:
            waiting += each


def _without_prefix(lines: list[str]) -> list[str]:
    """Lines without what a log puts before each. Of a text with a prefix only lines that have it are kept."""
    prefix = next((found[1] for line in lines if (found := _GROUP.match(line))), None)
    if prefix is None:
        prefix = next((found[1] for line in lines if (found := _FRAME.match(line))), "")
    if not prefix.strip():
        return [line[len(prefix) :] if line.startswith(prefix) else line for line in lines] if prefix else lines
    like = re.compile("".join(r"\d+" if part.isdecimal() else re.escape(part) for part in re.split(r"(\d+)", prefix)))
    bare = re.compile(like.pattern.rstrip("\\ ") + r"\s*$")  # the spaces at the end of an empty line are often cut
    kept = []
    for line in lines:
        if found := like.match(line):
            kept.append(line[found.end() :])
        elif bare.match(line):
            kept.append("")
        elif _HEAD in line:  # the first line of a message has a prefix, the others have another or none
            kept.append(_HEAD)
    return kept


def _read(lines: Sequence[str]) -> Signature | None:
    """The last failure of lines without prefix."""
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith(_OUTER * " " + "+ Exception Group Traceback"):
            before = _plain(lines[:number]) if _is_joined(lines[:number]) else None
            found = _group(lines[number:], _OUTER, before)
            after = number + sum(1 for line in lines[number:] if _MARGIN.match(line))
            later = _plain(lines[after:])
            return found if later is None else _with_cause(later, found if _is_joined(lines) else None)
    return _plain(lines)


def _with_cause(found: Signature, cause: Signature | None) -> Signature:
    return Signature(error_type=found.error_type, message=found.message, frames=found.frames, cause=cause)


def _is_joined(lines: Sequence[str]) -> bool:
    return any(line.strip() in _JOINED for line in lines[-8:])


def _group(lines: Sequence[str], outer: int, cause: Signature | None) -> Signature | None:
    """A group and its members: the margin of each line tells how deep it stands."""
    own: list[str] = []
    members: list[list[str]] = []
    for line in lines:
        divided = _DIVIDED.match(line)
        if divided and len(divided[1]) == (outer if divided[2] else outer + 2):
            members.append([])
            continue
        margin = _MARGIN.match(line)
        if margin is None:
            break
        if margin[2].startswith("-----"):
            continue
        if len(margin[1]) == outer:
            own.append(margin[2])
        elif members:
            members[-1].append(line)
    found = _plain(own, started=True)
    if found is None:
        return None
    read = [_group(each, outer + 2, None) for each in members]
    return Signature(error_type=found.error_type, message=found.message, frames=found.frames,
                     cause=cause or found.cause, members=tuple(each for each in read if each is not None))  # fmt: skip


class _Block:
    """One error that is being read."""

    def __init__(self, cause: Signature | None) -> None:
        self.frames: list[Frame] = []
        self.error = ""
        self.message: list[str] = []
        self.cause = cause
        self.ended = False

    def signature(self) -> Signature | None:
        if not (self.frames or self.error):
            return None
        return Signature(
            error_type=self.error,
            message="\n".join(self.message).strip(),
            frames=shortened([frame for frame in self.frames if frame.function]),
            cause=self.cause,
        )


def _plain(lines: Sequence[str], *, started: bool = False) -> Signature | None:
    """The last failure, its causes with it. `started`: there is no other text before it."""
    last: Signature | None = None
    block = _Block(None)
    is_joined = False
    for line in lines:
        if line.strip() in _JOINED:
            is_joined = True
            continue
        frame = _FRAME.match(line)
        is_head = line.rstrip().endswith(_HEAD)
        if is_head or (frame and block.error):
            last = block.signature() or last
            block = _Block(last if is_joined else None)
            is_joined, started = False, True
        if frame and not frame[1].strip():
            started = True
            block.frames.append(Frame(frame[2], int(frame[3]), function_name((frame[4] or "").strip())))
        elif started and not is_head:
            _add(block, line)
    return block.signature() or last


def _add(block: _Block, line: str) -> None:
    """A line that is neither the head nor a frame."""
    if block.error:
        block.ended = block.ended or not line.strip() or _LOGGED.match(line) is not None
        if not block.ended and len(block.message) < _NOTES:
            block.message.append(line)
    elif line.startswith("    "):
        if block.frames and not block.frames[-1].source and line.strip() and not _MARKS.issuperset(line):
            before = block.frames[-1]
            block.frames[-1] = Frame(before.file, before.line, before.function, line.strip())
    elif found := _ERROR.match(line):
        block.error = found[1].rstrip(".")
        block.message.append(found[2] or "")
