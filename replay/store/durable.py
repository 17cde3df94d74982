"""Bytes become a file whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import urandom  # the original: the random boundary records os.urandom
from pathlib import Path
from stat import S_ISREG
from time import time

from replay.errors import BundleError

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_INHERIT = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What a file system without hard links answers."""
_TEMPORARY = re.compile(r"\.replay-[0-9a-f]{16}\.tmp")
ABANDONED_SECONDS = 60.0
"""Age at which a temporary file that no process holds is one that a dead process left."""

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def write_whole(data: bytes, path: Path, *, overwrite: bool) -> None:
    """Write `data` to `path` so that a visible file is always whole and survives a power cut.

    A temporary file in the same folder is written, fsynced, renamed, and the folder is fsynced. Mode 0600.

    Raises BundleError (`bundle-exists`, `bundle-unwritable`); then nothing is left behind.
    """
    try:
        with _temporary(data, path.parent) as temporary:
            if overwrite:
                os.replace(temporary, path)
            else:
                _appear(temporary, path)
        try:
            _sync_folder(path.parent)
        except OSError:
            if not overwrite:  # its name may not survive a power cut: no bundle rather than one that may vanish
                os.unlink(path)
            raise
    except FileExistsError as error:
        raise BundleError(f"{path} exists already. Name another file, or delete it.",
                          slug="bundle-exists") from error  # fmt: skip
    except OSError as error:
        raise BundleError(f"{path} could not be written: {error.strerror or error}. Nothing was left behind; "
                          "check that the folder exists, may be written and has room.",
                          slug="bundle-unwritable") from error  # fmt: skip


def check_folder(folder: Path, path: Path) -> None:
    """Before work that takes its time. Raises BundleError (`bundle-unwritable`) if `path` could not be written into
    this folder."""
    reason = "may not be written" if folder.is_dir() else "is no folder" if os.path.exists(folder) else "is not there"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BundleError(f"{path} cannot be written: {folder.absolute()} {reason}", slug="bundle-unwritable")


@contextmanager
def _temporary(data: bytes, folder: Path) -> Iterator[Path]:
    """A synced file of `data` in `folder`, gone afterwards under its temporary name."""
    temporary = folder / f".replay-{urandom(8).hex()}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _NO_INHERIT, 0o600)
    try:
        try:
            _hold(handle)
            left = memoryview(data)
            while left:
                done = os.write(handle, left)
                if done <= 0:  # it would go on for ever
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                left = left[done:]
            os.fsync(handle)
        finally:
            os.close(handle)
        yield temporary
    finally:
        with suppress(FileNotFoundError):  # renamed
            os.unlink(temporary)


def _hold(handle: int) -> None:
    """Lock an open file as long as it is open: it says to others that its process lives. A process's number would
    not, between two containers that share a folder."""
    with suppress(OSError, AttributeError):  # a system without such locks: its age protects it
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_abandoned(folder: Path) -> int:
    """Remove the temporary files that dead processes left in `folder`; how many. Raises OSError."""
    removed = 0
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries if _TEMPORARY.fullmatch(entry.name)]
    for path in found:
        with suppress(OSError, AttributeError):  # renamed or removed meanwhile, or in use
            handle = os.open(path, os.O_RDONLY | _NO_FOLLOW | _NO_INHERIT | getattr(os, "O_NONBLOCK", 0))
            try:
                status = os.fstat(handle)
                if S_ISREG(status.st_mode) and time() - status.st_mtime > ABANDONED_SECONDS:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)
                    removed += 1
            finally:
                os.close(handle)
    return removed


def _appear(temporary: Path, path: Path) -> None:
    """Give the file its name unless the name is taken (FileExistsError)."""
    try:
        os.link(temporary, path)
    except (OSError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
        # Not atomic against another writer of the same name; such a file system offers nothing better.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        os.replace(temporary, path)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY | _NO_INHERIT)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)
