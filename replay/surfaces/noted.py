"""What was found out about a recording, stored with it in its bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from replay.core.recording import Recording
from replay.errors import BundleError
from replay.store.bundle import holds_sealed, open_bundle, write_bundle


def store(path: Path, id: str, noted: Callable[[Recording], Recording], what: str) -> None:
    """Replace one recording by what `noted` makes of it; the others stay as they are. The bundle is replaced whole.

    `what` is found, and not stored, if it raises BundleError (`bundle-unwritable`, `bundle-unfit`, `bundle-sealed`).
    """
    if holds_sealed(path):
        raise BundleError(f"{path} is sealed, so {what} was not stored: nobody but its writer can seal it anew.",
                          slug="bundle-sealed")  # fmt: skip
    bundle = open_bundle(path)
    before = list(bundle)
    try:
        after = [noted(each) if each.id == id else each for each in before]
    except ValueError as error:
        raise BundleError(f"{path}: {what} was not stored: {error}.", slug="bundle-unfit") from error
    if after == before:
        return
    mode = path.stat().st_mode
    if not mode & 0o222:
        raise BundleError(f"{path} is read-only, so {what} was not stored. Make it writable, or give --no-save.",
                          slug="bundle-unwritable")  # fmt: skip
    write_bundle(after, path, overwrite=True, created_ns=bundle.created, producer=bundle.producer)
    path.chmod(mode & 0o777)
