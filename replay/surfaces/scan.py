"""Finds secrets in bundles and in any text: what `replay scan` does."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from replay.core.redaction.bodies import form_of, unpacked
from replay.core.redaction.keys import PERSONAL
from replay.core.redaction.marks import Known, marks_of
from replay.core.redaction.redactor import Redactor, Secret
from replay.errors import BundleError
from replay.store.bundle import SUFFIX, open_bundle
from replay.surfaces.config import load
from replay.surfaces.redaction import redactor

_SKIPPED = frozenset(
    {".git", ".hg", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache", ".ruff_cache"}
)
LARGEST = 64 << 20
"""Bytes of a text file that is looked through."""


class Found(msgspec.Struct, frozen=True):
    """One secret, told without telling it."""

    path: str
    recording: str | None
    place: str
    """`input`, `interaction[3].answer`, `line 12`."""
    inside: str
    """The path inside that place."""
    kind: str
    excerpt: str


class Scan:
    """One run over files and folders. `personal`: mail addresses and the like count too."""

    def __init__(self, *, personal: bool, refused: Callable[[Path, BundleError], None]) -> None:
        self._redactor: Redactor = redactor(load().redaction, os.urandom(32))
        self._personal = personal
        self._refused = refused
        self.files = 0

    def __call__(self, paths: Iterable[Path]) -> Iterator[Found]:
        """Bundles first: their marks say which texts of reports and tests are pseudonyms."""
        files = [file for path in paths for file in _files(path)]
        bundles = [file for file in files if file.name.endswith(SUFFIX)]
        known: set[str] = set()
        for file in bundles:
            yield from self._bundle(file, known)
        for file in files:
            if not file.name.endswith(SUFFIX):
                yield from self._text(file, frozenset(known))

    def _bundle(self, file: Path, known: set[str]) -> Iterator[Found]:
        try:
            bundle = open_bundle(file)
            for recording in bundle:
                known.update(Known(marks_of(recording)))
                yield from self._told(file, recording.id, self._redactor.find(recording))
        except BundleError as error:
            self._refused(file, error)
        else:
            self.files += 1

    def _text(self, file: Path, known: frozenset[str]) -> Iterator[Found]:
        try:
            with file.open("rb") as opened:  # a device has no size and no end
                data = opened.read(LARGEST + 1)
            if len(data) > LARGEST:
                raise BundleError(
                    f"{file} has more than {LARGEST} bytes: it was not looked through", slug="bundle-refused"
                )
        except OSError as error:
            self._refused(file, BundleError(f"{file} cannot be read ({error.strerror})", slug="bundle-refused"))
            return
        except BundleError as error:
            self._refused(file, error)
            return
        self.files += 1
        text = _text_of(data)
        if text is not None:
            yield from self._told(file, None, self._redactor.find_in(text, known))

    def _told(self, file: Path, id: str | None, secrets: Iterable[Secret]) -> Iterator[Found]:
        for each in secrets:
            if self._personal or each.kind not in PERSONAL:
                yield Found(str(file), id, each.place, each.path, each.kind, each.excerpt)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        for file in map(Path(folder).joinpath, sorted(files)):
            if not file.is_symlink() and file.is_file():  # no pipe, whose reader would wait for ever
                yield file


def _text_of(data: bytes) -> str | None:
    """What a file says, unpacked if it is packed; None if it is no text."""
    form = form_of(data)
    plain = unpacked(data, form)[0] if form else b""
    if plain:
        return _text_of(plain) if form_of(plain) is None else None
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    return None if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def document(found: Iterable[Found]) -> list[dict[str, Any]]:
    """For `--json`."""
    return [msgspec.to_builtins(each) for each in found]
