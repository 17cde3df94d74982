"""`replay promote`: an incident becomes a test that demands its fix, and its bundle goes into `captures/`.

What is to be written is planned first and compared with what is there; nothing is written unless all of it may be.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from replay.core.cause import known_cause, origins
from replay.core.fingerprint import asking
from replay.core.members import types
from replay.core.promoted import Expect, Promoted, promoted, with_onward, with_promotion
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Verdict
from replay.engine.borrowed import completed
from replay.errors import BundleError, UsageError
from replay.store.bundle import SUFFIX, holds_sealed, open_bundle, write_bundle
from replay.store.durable import write_whole
from replay.surfaces.demand import is_failure
from replay.surfaces.literals import error_body, tree
from replay.surfaces.promote_answers import given
from replay.surfaces.promote_files import Planned, bundle_state, planned
from replay.surfaces.promote_text import Oracle, compose, line_length, name_of, result_of, words_of
from replay.surfaces.select import choose
from replay.surfaces.text import frames, user_frames

CAPTURES = "captures"
_HEX = re.compile(r"[0-9a-f]{16}\Z")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z", re.ASCII)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to promote."""

    root: Path
    """The project."""
    out: Path | None = None
    """The test's file, or a folder for it (default: `tests`)."""
    captures: Path | None = None
    """Folder of the bundle (default: `captures` of the project)."""
    expect: Expect | None = None
    """Default: as before, of a failure `no-exception`, else `result`."""
    result: str | None = None
    """JSON, for `result` (default: the recorded one)."""
    property: str | None = None
    """`module:name` of a function that takes the verdict, for `property`."""
    whole: bool = False
    """The incident itself, also if there is a minimal recording of it."""
    unsealed: bool = False
    """Whether the whole of a sealed incident may be written as a bundle that anybody can read."""
    answers: tuple[str, ...] = ()
    """`TARGET=JSON`: answers for what a fix asks further on."""
    answers_from: tuple[str, ...] = ()
    """Recordings whose answers may be taken for that."""


class Plan(msgspec.Struct, frozen=True):
    """What promoting one incident writes."""

    recording: Recording
    """Promoted: with the note in it."""
    source: str
    """`PATH::ID` of what was promoted: the minimal recording, if there is one."""
    minimal: bool
    left: Path | None
    """Where the whole incident still lies as an open one, if the minimal recording was promoted in its place."""
    earlier: Path | None
    """The bundle of a test of the whole incident, from before there was the minimal recording."""
    bundle: Planned
    recordings: tuple[Recording, ...]
    """Of the bundle."""
    test: Planned
    side: Planned | None
    expect: Expect
    onward: int
    """Answers for what a fix asks further on."""

    @property
    def files(self) -> tuple[Planned, ...]:
        return tuple(each for each in (self.test, self.side, self.bundle) if each is not None)

    @property
    def code(self) -> str:
        """The test."""
        return (self.test.data or b"").decode("ascii")


def plan(path: Path, recording: Recording, options: Options) -> Plan:
    """What promoting `recording`, which lies in the bundle `path`, comes to. Writes nothing.

    Raises UsageError for an oracle that cannot be meant, BundleError for recordings that cannot be read.
    """
    smaller = None if options.whole else minimal_of(path, recording)
    whole, incident, cause = path, recording, known_cause(recording)
    if smaller is not None:
        path, recording = smaller
    if holds_sealed(path) and not options.unsealed:
        raise BundleError(f"{path} is sealed, and the bundle of a test can be read by all who have the repository. "
                          "Promote what `replay minimize` leaves of it, or say --unsealed.",
                          slug="bundle-sealed")  # fmt: skip
    before = promoted(recording)
    bare = recording if before is None else with_promotion(recording, None)
    oracle = _oracle(bare, options, before)
    onward = _onward(bare, options, before)
    stem = _stem(bare)
    test = _test_path(options, stem)
    folder = options.captures or options.root / CAPTURES
    inside = path.resolve().is_relative_to(folder.resolve())
    place = path if inside else folder / f"{stem}{SUFFIX}"
    note = Promoted(test=_from_root(test, options.root), expect=oracle.expect, onward=onward,
                    origin=bare.digest if before is None else before.origin)  # fmt: skip
    try:
        marked = with_promotion(bare, note)
        with_onward(marked, onward)
    except ValueError as error:
        raise BundleError(f"{path}::{recording.id} cannot be promoted: {error}.", slug="bundle-unfit") from error
    kept = [marked if each.id == recording.id else each for each in open_bundle(path)] if inside else [marked]
    name = _from_root(place, options.root) + (f"::{marked.id}" if len(kept) > 1 else "")
    written = compose(bare, oracle, name, line_length(options.root), onward, cause,
                      None if smaller is None else incident)  # fmt: skip
    tested = whole if promoted(incident) is not None else folder / f"{_stem(incident)}{SUFFIX}"
    return Plan(
        recording=marked,
        source=f"{path}::{recording.id}",
        minimal=smaller is not None,
        left=whole if smaller is not None and inside and tested != whole else None,
        earlier=tested if smaller is not None and tested.exists() else None,
        bundle=Planned(place, bundle_state(place, kept, inside=inside), None),
        recordings=tuple(kept),
        test=planned(test, written.code),
        side=None if written.long is None else planned(test.with_suffix(".json"), written.long),
        expect=oracle.expect,
        onward=len(onward),
    )


def write(found: Plan, *, force: bool = False) -> None:
    """Write what is new. Raises UsageError (`promote-exists`) if something else is there; then nothing is written."""
    other = [str(each.path) for each in found.files if each.state == "differs"]
    if other and not force:
        raise UsageError(
            f"{', '.join(other)}: other content is there already, so nothing was written. Look at it with --dry-run, "
            "name another with --out (the bundle's folder with --captures), or overwrite it with --force.",
            slug="promote-exists",
        )
    for each in found.files:
        if each.state == "unchanged" or (each.state == "kept" and not force):
            continue
        try:
            each.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BundleError(
                f"{each.path.parent} cannot be made: {error.strerror}", slug="bundle-unwritable"
            ) from error
        if each.data is None:
            write_bundle(found.recordings, each.path, overwrite=True)
        else:
            write_whole(each.data, each.path, overwrite=True)
            each.path.chmod(0o644)  # source, which others read; what `write_whole` makes is the owner's alone


# The parts of a plan ----------------------------------------------------------------------------------------------


def minimal_of(path: Path, recording: Recording) -> tuple[Path, Recording] | None:
    """The smallest recording beside `path` that was made from this one and fails in the same way, as `replay minimize`
    makes it; None if there is none. What cannot be read is passed over."""
    found: list[tuple[int, Path, Recording]] = []
    parents = origins(recording)
    for each in sorted(path.parent.glob(f"*{SUFFIX}")):
        if each == path:
            continue
        try:
            bundle = open_bundle(each)
            if any(row["parent_digest"] in parents for row in bundle.rows()):
                found += [(each.stat().st_size, each, one) for one in bundle
                          if one.parent_digest in parents and _is_same_failure(one, recording)]  # fmt: skip
        except (BundleError, OSError):
            continue
    if not found:
        return None
    _, place, smallest = min(found, key=lambda each: (each[0], str(each[1])))
    return place, smallest


def _is_same_failure(one: Recording, of: Recording) -> bool:
    return of.outcome.state == "raised" and failure_of(one) == failure_of(of)


def failure_of(recording: Recording) -> tuple[Any, ...]:
    """Type and innermost place of the error that it ended with, above what a boundary went live with; not the folder,
    which is another in production.

    Nor the status of a web request: a server answers 500 for an error that a replay only sees raised.
    """
    node = tree(recording.outcome.payload)
    found = user_frames(list(asking(frames(node))), recording.entrypoint)
    place = (Path(found[-1].file).name, found[-1].function) if found else ()
    return error_body(node).get("type"), types(error_body(node)), place


def _oracle(recording: Recording, options: Options, before: Promoted | None) -> Oracle:
    expect = options.expect
    if expect is None and options.result is not None:
        expect = "result"
    if expect is None and options.property is not None:
        expect = "property"
    if expect is None:
        wrong = is_failure(recording) or recording.edits is not None  # what a find returned is not what is right
        expect = "no-exception" if wrong else "result"
        if before is not None and before.expect != expect:
            raise UsageError(f"it was promoted with --expect {before.expect}: say what is to be expected this time")
    if (options.result is not None) != (expect == "result") and (options.result is not None or is_failure(recording)):
        raise UsageError("--expect result of a failure needs --result JSON, and --result is for nothing else")
    if (options.property is not None) != (expect == "property"):
        raise UsageError("--expect property needs --property MODULE:NAME, and --property is for nothing else")
    if expect == "property":
        return Oracle(expect, function=_function(str(options.property)))
    if expect == "result":
        return Oracle(expect, _result(options.result) if options.result is not None else result_of(recording))
    return Oracle(expect)


def _result(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda name: name)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--result is not JSON: {error}") from error


def _function(name: str) -> str:
    from keyword import iskeyword

    if not _FUNCTION.match(name) or any(iskeyword(part) for part in re.split(r"[.:]", name)):
        raise UsageError(f"--property {name}: give MODULE:NAME of a function that takes the verdict of a run")
    return name


def _onward(recording: Recording, options: Options, before: Promoted | None) -> tuple[Interaction, ...]:
    if not options.answers and not options.answers_from:
        return () if before is None else before.onward
    others = (each for chosen in choose(options.answers_from) for each in chosen.recordings())
    return completed(recording, map(given, options.answers), others)


def _stem(recording: Recording) -> str:
    """Of the names of its files: `raise_priority_attribute_error_3f2a1b2c`."""
    id = recording.id[:8] if _HEX.match(recording.id) else words_of(recording.id)[:30] or recording.digest[:8]
    return f"{name_of(recording)}_{id}"


def _test_path(options: Options, stem: str) -> Path:
    out = options.out or options.root / "tests"
    return Path(os.path.abspath(out if out.suffix == ".py" else out / f"test_{stem}.py"))


def _from_root(path: Path, root: Path) -> str:
    """With `/`, as tests and markers name files."""
    whole = Path(os.path.abspath(path))
    return (whole.relative_to(root) if whole.is_relative_to(root) else whole).as_posix()


def judged(found: Plan, options: Mapping[str, Any]) -> Verdict:
    """A run of the code as it is now, as the test runs it; in a fresh process where there are any. `options` as for
    `replay.run`."""
    from replay.surfaces.isolation import replayer

    return replayer({**options, "onward": True})(found.recording)
