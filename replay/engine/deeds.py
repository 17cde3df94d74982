"""Changes to a file's mode, owner, times and attributes, made by the supervisor in the place of the process.

For these the kernel has no rule (Landlock), and a path, or what a descriptor stands for, may be exchanged between the
look and the call. So the process's own call is never made: the file is held, looked at, and changed as it is held.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable

_SYMLINKS_NOT, _ITSELF = 0x100, 0x1000
"""AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH."""
_NOW = 0x3FFFFFFF
"""UTIME_NOW."""
_LONGEST = 1 << 16
"""Bytes of an attribute's value (XATTR_SIZE_MAX)."""
_libc = ctypes.CDLL(None, use_errno=True)


Memory = Callable[[int, int], bytes]
"""What the process has there: address, bytes."""
String = Callable[[int], str]
"""A path or a name there."""
Deed = Callable[[list[int], int, Memory, String], None]


def do(name: str, arguments: list[int], held: int, memory: Memory, string: String) -> None:
    """Make the call `name` to the file that the descriptor `held` stands for, opened with O_PATH or not.

    Raises OSError as the call fails.
    """
    _DEEDS[name](arguments, held, memory, string)


def follows(name: str, arguments: list[int]) -> bool:
    """Whether a link that the path names is followed."""
    flags = {"fchownat": 4, "utimensat": 3, "fchmodat2": 3}.get(name)
    return name[:1] != "l" and (flags is None or not arguments[flags] & _SYMLINKS_NOT)


def by_descriptor(name: str, arguments: list[int]) -> int | None:
    """The descriptor, if the file is named by that alone."""
    if name[:1] == "f" and name in ("fchmod", "fchown", "fsetxattr", "fremovexattr"):
        return arguments[0]
    if name in ("utimensat", "futimesat") and not arguments[1]:
        return arguments[0]
    return None


def empty_path(name: str, arguments: list[int]) -> bool:
    """Whether an empty path stands for the descriptor itself."""
    flags = {"fchownat": 4, "utimensat": 3, "fchmodat2": 3}.get(name)
    return flags is not None and bool(arguments[flags] & _ITSELF)


def _path(held: int) -> bytes:
    return b"/proc/self/fd/%d" % held


def _mode(at: int) -> Deed:
    def deed(arguments: list[int], held: int, memory: Memory, string: String) -> None:
        os.chmod(_path(held), arguments[at] & 0o7777)

    return deed


def _owner(at: int) -> Deed:
    def deed(arguments: list[int], held: int, memory: Memory, string: String) -> None:
        user, group = (ctypes.c_uint(each & 0xFFFFFFFF) for each in arguments[at : at + 2])
        _check(_libc.fchownat(held, b"", user, group, _ITSELF))

    return deed


def _times(at: int, form: str, unit: int) -> Deed:
    """`form` and `unit`: of the two times, each in seconds and, where `unit` is not 0, so many nanoseconds."""

    def deed(arguments: list[int], held: int, memory: Memory, string: String) -> None:
        spec = struct.pack("=4q", 0, _NOW, 0, _NOW)
        if arguments[at]:
            parts = struct.unpack(form, _whole(memory, arguments[at], struct.calcsize(form)))
            if not unit:
                parts = (parts[0], 0, parts[1], 0)
            elif unit > 1 and not all(0 <= part < 1_000_000 for part in parts[1::2]):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            spec = struct.pack("=4q", parts[0], parts[1] * (unit or 1), parts[2], parts[3] * (unit or 1))
        _check(_libc.utimensat(held, b"", spec, _ITSELF))

    return deed


def _set_attribute(arguments: list[int], held: int, memory: Memory, string: String) -> None:
    size = arguments[3]
    if size > _LONGEST:
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
    value = _whole(memory, arguments[2], size) if size else b""
    os.setxattr(_path(held), string(arguments[1]), value, arguments[4] & 0xFFFFFFFF)


def _remove_attribute(arguments: list[int], held: int, memory: Memory, string: String) -> None:
    os.removexattr(_path(held), string(arguments[1]))


def _truncate(arguments: list[int], held: int, memory: Memory, string: String) -> None:
    os.truncate(_path(held), arguments[1] - (1 << 64) if arguments[1] >> 63 else arguments[1])


def _whole(memory: Memory, pointer: int, size: int) -> bytes:
    found = memory(pointer, size)
    if len(found) < size:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    return found


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_DEEDS: dict[str, Deed] = {
    "chmod": _mode(1), "fchmod": _mode(1), "fchmodat": _mode(2), "fchmodat2": _mode(2),
    "chown": _owner(1), "lchown": _owner(1), "fchown": _owner(1), "fchownat": _owner(2),
    "utime": _times(1, "=2q", 0), "utimes": _times(1, "=4q", 1000), "futimesat": _times(2, "=4q", 1000),
    "utimensat": _times(2, "=4q", 1), "truncate": _truncate,
    **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr"), _set_attribute),
    **dict.fromkeys(("removexattr", "lremovexattr", "fremovexattr"), _remove_attribute),
}  # fmt: skip
