"""The text of a test that demands the fix of an incident: plain pytest, no more lines than it takes.

The code is a fixed skeleton. Everything recorded stands in ASCII literals and in one docstring; the names of tests and
files are made of letters, digits and underscores only.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from replay import __version__
from replay.core.cause import Cause, minimal_of
from replay.core.promoted import Expect
from replay.core.recording import Interaction, Recording
from replay.engine.mutation import read_edits
from replay.surfaces.known_values import told
from replay.surfaces.literals import error_headline, literal, raised_by, tree
from replay.surfaces.page import when
from replay.surfaces.plainly import plain_answer, plain_input
from replay.surfaces.printable import clip, escape
from replay.surfaces.source import Sources, docstring, quoted
from replay.surfaces.text import frames, headline_of, user_frames

WIDTHS = range(72, 201)
"""Line lengths that are taken from a project's settings."""
SUMMARIES: dict[Expect, str] = {
    "no-exception": "What production saw must not fail any more.",
    "result": "What production saw must be answered with RESULT.",
    "property": "What production saw must have this property.",
}
LINE = 300
"""Characters of one recorded thing in the docstring."""


class Oracle(msgspec.Struct, frozen=True):
    """What the test demands."""

    expect: Expect
    result: Any = None
    """For `result`: the plain data that the answer must equal."""
    function: str = ""
    """For `property`: `module:name` of a function that takes the verdict of a run."""


class Written(msgspec.Struct, frozen=True):
    """A test, and what it leaves to a file beside it: JSON; None if nothing."""

    code: str
    long: str | None


def compose(recording: Recording, oracle: Oracle, bundle: str, width: int, onward: Sequence[Interaction],
            cause: Cause | None = None, whole: Recording | None = None) -> Written:  # fmt: skip
    """The test of `recording`, which lies in `bundle` (`captures/x.replay.db`, `::ID` behind it if there are several).

    `cause`: of the incident, if it is known. `whole`: the incident, if this is what was left of it.
    What is too big for it goes to a file beside it, of the same name and with the suffix `.json`.
    """
    sources = Sources(width)
    constants = [sources.assigned("INPUT", plain_input(recording))]
    if oracle.expect == "result":
        constants.append(sources.assigned("RESULT", oracle.result))
    imports = ["from typing import Any"]
    module, _, function = oracle.function.partition(":")
    if sources.long:
        imports = ["import json", "from pathlib import Path", *imports]
        constants.insert(0, 'LONG: Any = json.loads(Path(__file__).with_suffix(".json").read_text())')
    others = ["import pytest", "import replay"]
    if oracle.expect == "property":
        others += ["", _fitting(f"from {module} import ", f"{function} as holds", width)]  # of the project
    doc = docstring(SUMMARIES[oracle.expect], [*facts(recording, cause, whole), *onward_lines(onward)], width)
    code = "\n".join([
        f'"""Regression test of a recorded incident, written by replay-harness {__version__}."""', "", *imports, "",
        *others, "", *constants, "", "",
        _fitting("@pytest.mark.incident", quoted(bundle), width, call=True),
        f"def test_{name_of(recording)[:width - 45].rstrip('_')}(incident: replay.Incident) -> None:",
        doc,
        "    assert incident.plain_input == INPUT", "",
        *_demand(recording, oracle), "",
    ])  # fmt: skip
    long = json.dumps(sources.long, indent=1, ensure_ascii=True) + "\n" if sources.long else None
    return Written(code, long)


def _fitting(start: str, name: str, width: int, *, call: bool = False) -> str:
    """On one line, or the name on a line of its own in parentheses."""
    line = f"{start}({name})" if call else start + name
    return line if len(line) <= width else f"{start}(\n    {name}{'' if call else ','}\n)"


def _demand(recording: Recording, oracle: Oracle) -> list[str]:
    if oracle.expect == "result":
        return ["    assert incident.answer() == RESULT"]
    if oracle.expect == "property":
        return ["    verdict = incident.fixed()", "    assert holds(verdict) is not False"]
    if recording.kind in ("asgi", "wsgi"):
        return ["    answer = incident.answer()  # fails if it raises", '    assert answer["status"] < 500, answer']
    return ["    incident.answer()  # fails if it raises"]


def facts(recording: Recording, cause: Cause | None = None, whole: Recording | None = None) -> list[str]:
    """What production saw, a line each. Any text may be in it. Of what stands in the place of a value of the incident,
    `whole`, the kind and size that this had: its text may be private."""
    node = raised_by(recording.outcome)
    if node is not None:
        message = error_headline(node)[1]
        lines = [_short(headline_of(node))]
        said = "" if whole is None else error_headline(raised_by(whole.outcome))[1]
        if said and said != message:
            lines.append(f"(in production a message of {len(said):,} characters, which is left out here)")
        lines += [_short(f"at {_place(frame.file)}:{frame.line} in {frame.function}")
                  for frame in user_frames(frames(node), recording.entrypoint)[-1:]]  # fmt: skip
    elif recording.http_response_status_code is not None:
        lines = [f"HTTP {recording.http_response_status_code}"]
    else:
        lines = [_short(f"ended with {literal(tree(recording.outcome.payload))}")]
    lines += [_short(f"Cause: {line}") for line in (told(cause, recording, whole) if cause is not None else ())]
    service = " ".join(part for part in (recording.service_name, recording.service_version) if part)
    if recording.deployment_environment_name:
        service += f" ({recording.deployment_environment_name})"
    lines += ["", f"When: {when(recording.started_at)}", _short(f"Where: {recording.entrypoint}")]
    if service:
        lines.append(_short(f"Service: {service}"))
    if minimal := minimal_of(recording):
        lines.append(f"Minimal: {minimal}.")
    elif recording.edits is not None:
        lines.append("Not as production saw it, but changed by these edits:")
        lines += [_short(f"  {edit}") for edit in _edits(recording)]
    return lines


def onward_lines(onward: Sequence[Interaction]) -> list[str]:
    """Answers that production never gave here, a line each."""
    if not onward:
        return []
    lines = ["Answers for what comes after the failure, which production never asked here:"]
    return lines + [_short(f"  {each.boundary} {each.target}") for each in onward]


def result_of(recording: Recording) -> Any:
    """The recorded result as a test writes it."""
    return plain_answer(recording, recording.outcome)


def _edits(recording: Recording) -> list[str]:
    try:
        return [str(edit) for edit in read_edits(recording.edits)][:10]
    except ValueError:
        return ["(they cannot be read)"]


def _short(text: str) -> str:
    return clip(escape(text), LINE)


def _place(file: str) -> str:
    """A file by its last parts: the folder in which production ran says nothing here."""
    return "/".join(Path(file).parts[-2:])


def name_of(recording: Recording) -> str:
    """A few words of ASCII letters and digits, joined by `_`: where it failed, and with what."""
    node = raised_by(recording.outcome)
    if node is not None:
        found = user_frames(frames(node), recording.entrypoint)
        where = found[-1].function if found else recording.entrypoint.rpartition(":")[2]
        words = f"{where} {str(recording.error_type).rpartition('.')[2]}"
    else:
        words = f"{recording.entrypoint.rpartition(':')[2]} {recording.http_response_status_code or 'result'}"
    return words_of(words) or "incident"


def words_of(text: str) -> str:
    """`KeyError in <lambda>` -> `key_error_in_lambda`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^A-Za-z0-9]+", "_", apart).strip("_").lower()[:60].rstrip("_")


def line_length(root: Path) -> int:
    """The line length of the project's formatter: Ruff's or Black's setting, else their default."""
    for name, keys in (("ruff.toml", ()), (".ruff.toml", ()), ("pyproject.toml", ("tool", "ruff")),
                       ("pyproject.toml", ("tool", "black"))):  # fmt: skip
        try:
            table: Any = tomllib.loads((root / name).read_text(encoding="utf-8"))
            for key in keys:
                table = table[key]
            found = table["line-length"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if type(found) is int and found in WIDTHS:
            return found
    return 88
