"""What `replay fuzz --ci` says: lines for people, a document, annotations, a Markdown summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from replay.core.edits import Edit
from replay.errors import UsageError
from replay.surfaces.changes import MOST, Picked
from replay.surfaces.ci import Run
from replay.surfaces.documents import Document
from replay.surfaces.fuzz import Kept, command
from replay.surfaces.fuzz_report import before_words, did, find_lines, heading, sums
from replay.surfaces.git import repository
from replay.surfaces.known import KnownFind
from replay.surfaces.page import Page, count
from replay.surfaces.printable import clip, escape
from replay.surfaces.production import NOTHING_CHANGED, way
from replay.surfaces.report import github
from replay.surfaces.report.markdown import LONGEST, MARK, block, code


def document(run: Run) -> Document:
    """`{base: {commit, told, note}, statements, unreached, first, left_out, new, known, gone: [{fingerprint, what,
    where, edit, recording}], untried, known_file, accepted, corpus: {folder, loaded, kept}}`."""
    picked, settings = run.picked, run.settings
    return {
        "base": {"commit": picked.base.commit, "told": picked.base.told, "note": picked.base.note},
        "statements": picked.statements,
        "unreached": list(picked.unreached),
        "first": [f"{path}::{recording.id}" for path, recording in picked.first],
        "left_out": [f"{path}::{recording.id}" for path, recording in run.left_out],
        "new": len(run.new),
        "known": len(run.known),
        "gone": [
            {"fingerprint": each.fingerprint, "what": each.what, "where": each.where, "edit": each.edit,
             "recording": each.recording}
            for each in run.gone
        ],
        "untried": run.untried,
        "known_file": str(settings.known),
        "accepted": settings.accept,
        "corpus": {"folder": str(settings.corpus), "loaded": run.loaded, "kept": run.kept},
    }  # fmt: skip


def text(run: Run, page: Page) -> str:
    """New finds in full, the others in a line each, what was searched first, the sums."""
    lines: list[str] = []
    for kept in run.new:
        lines += [*find_lines(kept, page), ""]
    told = [
        *(page.row("known", f"{kept.fingerprint}  {_title(kept)}") for kept in run.known),
        *(page.row("gone", escape(f"{each.fingerprint}  {_gone(each)}")) for each in run.gone),
    ]
    lines += [*told, *([""] if told else [])]
    lines += map(escape, (*_changed(run.picked, run), _corpus(run)))
    if run.settings.accept:
        lines.append(escape(f"known from now on: {run.settings.known}"))
    elif run.new:
        lines.append(escape(f"with --accept they are listed in {run.settings.known} and fail no build any more"))
    return "\n".join([*lines, *sums(run.report, page, found(run))])


def found(run: Run) -> str:
    """How many of each, in words."""
    words = [f"{count(len(run.new), 'new failure')}" if run.new else "no new failure"]
    words += [f"{len(run.known):,} known"] if run.known else []
    words += [f"{len(run.gone):,} gone"] if run.gone else []
    return ", ".join(words)


def commands(run: Run, root: Path, folder: Path) -> str:
    """A line each for GitHub: new finds as errors at the line that failed, known ones that are gone as notices.

    `root`: the project, whose files the frames name. `folder`: the checkout's, where annotations are named from.
    """
    lines = []
    for kept in run.new:
        failure = kept.find.failure
        names = [(github.in_checkout(folder, root / frame.file), frame.line) for frame in reversed(failure.frames)]
        place = next(((name, line) for name, line in names if name is not None), None)
        again = f" Again: {command(kept)}." if kept.bundle is not None else ""
        words = f"{_happens(kept)}: {did(kept.find)}. Edits: {_edits(kept.find.edits)}.{again} [{kept.fingerprint}]"
        lines.append(github.command("error", heading(failure), words, place))
    for each in run.gone:
        words = f"{_gone(each)} Take it out of {run.settings.known} with --accept. [{each.fingerprint}]"
        lines.append(github.command("notice", "known find is gone", words, None))
    return "".join(f"{line}\n" for line in lines)


def checkout_of(root: Path) -> Path:
    """The folder that annotations are named from: the repository's, or the current one where there is none."""
    try:
        return repository(root).top
    except UsageError:
        return Path.cwd().resolve()


def markdown(run: Run) -> str:
    """For the summary of a job, or a comment: recorded text stands in code spans only."""
    sign = "🔴" if run.new else "🟢"
    lines = [MARK, f"## {sign} replay fuzz: {found(run)}", ""]
    cut = 0
    for kept in run.new:
        part = [*_section(kept), ""]
        if sum(len(line) + 1 for line in (*lines, *part)) > LONGEST // 2:
            cut += 1
        else:
            lines += part
    if cut:
        lines += [f"And {cut:,} more, for which there is no room here.", ""]
    for title, rows in (
        ("Known", [f"- {code(_title(kept))} {code(kept.fingerprint)}" for kept in run.known]),
        ("Gone", [f"- {code(_gone(each))} {code(each.fingerprint)}" for each in run.gone]),
    ):
        if rows:
            lines += [
                f"### {title}",
                "",
                *rows[:50],
                *([f"- and {len(rows) - 50:,} more"] if len(rows) > 50 else []),
                "",
            ]
    lines += ["### Searched", "", *(f"- {code(line)}" for line in (*_changed(run.picked, run), _corpus(run)))]
    lines += [f"- {code(line)}" for line in sums(run.report, Page(), found(run)) if line]
    return "\n".join(lines) + "\n"


def _section(kept: Kept) -> Iterator[str]:
    yield f"### {code(heading(kept.find.failure))}"
    yield ""
    yield f"**{code(_happens(kept))}**: {code(did(kept.find))}"
    yield ""
    for edit, was in before_words(kept.parent, kept.find.edits):
        yield f"- changed {code(str(edit))}, recorded {code(was)}"
    yield f"- of {code(kept.parent_name)}"
    if kept.bundle is not None:
        yield from ("", *block([command(kept), command(kept, "promote --from-fuzz")], "sh"))


def _title(kept: Kept) -> str:
    frames = kept.find.failure.frames
    where = f" in {frames[-1].function}, {frames[-1].file}:{frames[-1].line}" if frames else ""
    return escape(f"{heading(kept.find.failure)}{where}")


def _gone(each: KnownFind) -> str:
    return f"fixed? {each.what} in {each.where} was not found again, with {each.edit or 'the recording as it is'}."


def _happens(kept: Kept) -> str:
    return f"if {way(kept.parent, kept.find.edits)}" if kept.find.edits else NOTHING_CHANGED


def _edits(edits: tuple[Edit, ...]) -> str:
    return "; ".join(map(str, edits)) or "none"


def _changed(picked: Picked, run: Run) -> Iterator[str]:
    if picked.base.note:
        yield picked.base.note
    if picked.base.commit is None:
        yield f"{picked.base.told}; every recording is searched alike"
        return
    total = len(picked.first) + len(picked.others)
    since = f"since {picked.base.told} ({picked.base.commit[:12]})"
    if not picked.first:
        yield f"{since}: none of {count(total, 'recording')} executes what changed" + (
            ", so nothing was searched" if run.left_out else "; all are searched alike"
        )
    else:
        rest = "the others are left out" if run.left_out else "they come first"
        yield f"{since}: {len(picked.first):,} of {count(total, 'recording')} execute what changed; {rest}"
    if picked.unreached:
        more = f" and {len(picked.unreached) - MOST:,} more" if len(picked.unreached) > MOST else ""
        yield clip(f"changed, and executed by no recording: {', '.join(picked.unreached[:MOST])}{more}", 400)


def _corpus(run: Run) -> str:
    return f"{run.settings.corpus}: {count(run.loaded, 'mutation')} loaded, {run.kept:,} kept"
