"""A report from its parts: recordings replayed, documents read, the text written in the form that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.errors import UsageError
from replay.surfaces.grouping import Groups
from replay.surfaces.report import github, html, junit, markdown
from replay.surfaces.report.caused import caused, remembered
from replay.surfaces.report.facts import incident, tried
from replay.surfaces.report.given import Fuzzed, Why
from replay.surfaces.report.incidents import Campaign, Incident

Form = Literal["html", "markdown", "junit", "github"]
FORMS: tuple[Form, ...] = get_args(Form)
MARKS = {"html": b'<meta name="generator" content="replay-harness', "markdown": markdown.MARK.encode(),
         "junit": f'<testsuites name="{junit.NAME}"'.encode()}  # fmt: skip
"""By which an earlier report of ours is known, near its beginning."""
_NEAR = 1024


class Made(msgspec.Struct):
    """What a report is made of."""

    verdicts: list[tuple[str, Verdict | None]] = []
    """`PATH::ID` and verdict, in order; None: not replayed."""
    incidents: list[Incident] = []
    interrupted: bool = False


def gather(
    found: Iterable[tuple[str, Recording]],
    replay: Callable[[str, Recording], Verdict] | None,
    *,
    owners: Mapping[str, str],
    whys: Sequence[Why] = (),
    fuzzed: Fuzzed | None = None,
) -> tuple[Campaign, Made]:
    """Everything to say of these recordings. Ctrl-C ends the replays: the rest is shown as it was recorded."""
    from replay import __version__

    made = Made()
    groups = Groups(owners)
    for path, recording in found:
        verdict = None
        if replay is not None and not made.interrupted:
            try:
                verdict = replay(path, recording)
            except KeyboardInterrupt:
                made.interrupted = True
        name = f"{path}::{recording.id}"
        made.verdicts.append((name, verdict))
        known = next((why for why in whys if why.of(name, recording.id)), None)
        cause = caused(known) if known else remembered(recording)
        made.incidents.append(incident(path, recording, verdict, cause=cause, fuzzed=fuzzed))
        if recording.status == "error":
            groups.add(path, recording)
    counted = Counter(one.status for one in made.incidents).most_common()
    shown = {find for one in made.incidents for find in one.finds}
    alone = len(made.incidents) != 1 and fuzzed is not None
    campaign = Campaign(
        incidents=tuple(made.incidents),
        groups=tuple(groups.groups()),
        counts=tuple(counted),
        tried=tried(fuzzed) if alone else "",
        finds=tuple(find for find in fuzzed.finds if find not in shown) if alone and fuzzed else (),
        made=__version__,
    )
    return campaign, made


def written(campaign: Campaign, made: Made, form: Form) -> str:
    """The report's text."""
    if form == "html":
        return html.page(campaign)
    if form == "markdown":
        return markdown.text(campaign)
    if form == "junit":
        return junit.text(campaign, {name: verdict.seconds for name, verdict in made.verdicts if verdict})
    return github.text(campaign)


def write(path: Path, text: str, form: Form, *, force: bool) -> None:
    """Write the report. Raises UsageError (`report-exists`) rather than overwrite what is no earlier report of ours."""
    if not force:
        check_place(path, form)
    put(path, text)


def check_place(path: Path, form: Form) -> None:
    """Raises UsageError (`report-exists`) if a file is there that is no earlier report of ours."""
    try:
        if path.exists():
            with path.open("rb") as file:
                start = file.read(_NEAR)
            if MARKS.get(form, b"\0") not in start:
                message = f"{path} is there and is no earlier report: name another file, or give --force"
                raise UsageError(message, slug="report-exists")
    except OSError as error:
        raise _unwritable(path, error) from error


def put(path: Path, text: str, *, at_the_end: bool = False) -> None:
    """Write a text, or add it. Raises UsageError (`report-unwritable`)."""
    try:
        with path.open("a" if at_the_end else "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written: {error.strerror}", slug="report-unwritable")
