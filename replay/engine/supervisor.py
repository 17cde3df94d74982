"""The other end of hard isolation: answers the system calls that the filter hands over, and notes the refused ones.

The answer to what reaches out is always no, so it does not matter that memory which is read here may change
afterwards: it only tells what was tried. For files the kernel's own rule (Landlock) decides after this look; what it
has no rule for is done here (`deeds`), to the file that was looked at.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import struct
from fcntl import ioctl
from functools import partial
from os.path import join, lexists, realpath

from replay.core.verdict import Divergence
from replay.engine.deeds import by_descriptor, do, empty_path, follows
from replay.engine.reach import Folders, Reach, address_text, may_write
from replay.engine.syscalls import NAMES, NUMBERS

_RECEIVE, _SEND, _STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_RESPONSE = struct.Struct("=QqiI")
_CONTINUE = 1
_HERE = -100
"""AT_FDCWD."""
_LONGEST = 4096
"""Bytes of a path."""
MOST = 200
"""Refusals that are told."""
_QUIET_SOCKETS = ("/run/nscd/", "/var/run/nscd/", "/run/systemd/userdb/", "/var/lib/sss/")
"""Services of the machine that glibc asks for users and hosts, and does without."""
_SINKS = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"})
_OWN = {"/proc/self/": "", "/proc/thread-self/": "", "/dev/fd/": "fd/"}
"""Folders of whoever looks -> below that of the process."""
_STANDARD = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}

PATHS: dict[str, tuple[tuple[int | None, int], ...]] = {
    "open": ((None, 0),), "openat": ((0, 1),), "creat": ((None, 0),),
    "unlink": ((None, 0),), "unlinkat": ((0, 1),), "rmdir": ((None, 0),),
    "rename": ((None, 0), (None, 1)), "renameat": ((0, 1), (2, 3)), "renameat2": ((0, 1), (2, 3)),
    "mkdir": ((None, 0),), "mkdirat": ((0, 1),), "mknod": ((None, 0),), "mknodat": ((0, 1),),
    "link": ((None, 0), (None, 1)), "linkat": ((0, 1), (2, 3)),
    "symlink": ((None, 1),), "symlinkat": ((1, 2),), "truncate": ((None, 0),),
    "chmod": ((None, 0),), "fchmodat": ((0, 1),), "fchmodat2": ((0, 1),),
    "chown": ((None, 0),), "lchown": ((None, 0),), "fchownat": ((0, 1),),
    "utime": ((None, 0),), "utimes": ((None, 0),), "futimesat": ((0, 1),), "utimensat": ((0, 1),),
    "setxattr": ((None, 0),), "lsetxattr": ((None, 0),), "removexattr": ((None, 0),), "lremovexattr": ((None, 0),),
}  # fmt: skip
"""Call -> its paths: which argument is the folder's descriptor (None: the current one), which the path."""
DESCRIPTORS = frozenset({"fchmod", "fchown", "fsetxattr", "fremovexattr"})
"""Their first argument is the file."""
UNRULED = DESCRIPTORS | {
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "utimensat",
    "setxattr", "lsetxattr", "removexattr", "lremovexattr", "truncate",
}  # fmt: skip
"""Landlock has no rule for them (`truncate`: not in its first versions), so that what is not understood is refused."""
_SETTINGS = {
    "prlimit64": 0, "setpriority": 1, "ioprio_set": 1, "sched_setaffinity": 0, "sched_setparam": 0,
    "sched_setscheduler": 0, "sched_setattr": 0,
}  # fmt: skip
"""Call -> the argument that says whose."""
_ONE = {"setpriority": os.PRIO_PROCESS, "ioprio_set": 1}
"""Call -> its first argument where it is about one process or thread, not about a group's or a user's."""
_NODES = {"mknod": 1, "mknodat": 2}
"""Call -> the argument with the kind of file."""
MAKES = frozenset({"mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"})
"""They fail by themselves where something is already."""
NOFOLLOW = frozenset(
    {"unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "mknod", "mknodat", "link"}
    | {"linkat", "symlink", "symlinkat", "lchown", "lsetxattr", "lremovexattr"}
)


def take(process: int, descriptor: int) -> int:
    """The listener `descriptor` of a child process, as a descriptor of this one. Raises OSError."""
    handle = os.pidfd_open(process)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        found = libc.syscall(NUMBERS["pidfd_getfd"], handle, descriptor, 0)
    finally:
        os.close(handle)
    if found < 0:
        raise OSError(ctypes.get_errno(), "the filter's listener could not be taken over")
    return int(found)


class Unknown(Exception):
    """What was tried cannot be made out: the process is gone, or does not let its memory be read."""


class Supervisor:
    """Answers for one process. `folders`: where it may write."""

    def __init__(self, listener: int, process: int, folders: Folders) -> None:
        self.listener = listener
        self._refused: dict[tuple[bool, Reach], None] = {}
        self._process = process
        self._folders = folders

    @property
    def refused(self) -> tuple[Divergence, ...]:
        """What was refused, in order, the same only once. The kernel knows no lines of Python."""
        return tuple(
            Divergence(kind="refused", lane="0" if main else "?", boundary=reach.boundary, target=reach.target)
            for main, reach in self._refused
        )

    def answer(self) -> None:
        """Answer one waiting call. To be called when the listener can be read."""
        buffer = bytearray(_NOTIFICATION.size)
        try:
            ioctl(self.listener, _RECEIVE, buffer)
        except (FileNotFoundError, InterruptedError):  # the thread that called is gone
            return
        id, thread, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
        name = NAMES.get(number, f"call {number}")
        try:
            reach, error = self._judge(name, thread, arguments)
        except Exception:  # what cannot be judged must not pass
            reach, error = Reach("process", f"{NAMES.get(number, number)} (not understood)"), errno.EACCES
        goes_on = not error and name not in UNRULED
        try:
            ioctl(self.listener, _STILL_VALID, struct.pack("=Q", id))
            if not error and not goes_on:
                reach, error = self._do(name, thread, arguments)
            ioctl(self.listener, _SEND, bytearray(_RESPONSE.pack(id, 0, -error, _CONTINUE if goes_on else 0)))
        except FileNotFoundError:  # it was interrupted, or has ended: it did not happen
            return
        if reach is not None and len(self._refused) < MOST:
            self._refused.setdefault((thread == self._process, reach))

    def _judge(self, name: str, thread: int, arguments: list[int]) -> tuple[Reach | None, int]:
        """What it reaches for (None: nothing that is to be told) and the error it gets (0: the kernel decides)."""
        if name in PATHS or name in DESCRIPTORS:
            return self._file(name, thread, arguments)
        if name in ("connect", "bind", "sendto"):
            return self._address(name, thread, *(arguments[4:6] if name == "sendto" else arguments[1:3]))
        if name == "socket":
            return Reach("socket", f"socket family {arguments[0]} type {arguments[1] & 15}"), errno.EACCES
        if name in ("listen", "sendmsg", "sendmmsg"):
            return Reach("socket", name), errno.EACCES
        if name == "setsockopt":
            return Reach("socket", "join a multicast group"), errno.EPERM
        if name in _SETTINGS:
            return self._setting(name, arguments)
        if name in ("execve", "execveat"):
            path = arguments[0] if name == "execve" else arguments[1]
            return Reach("process", f"{name} {self._string(thread, path)}"), errno.EACCES
        if name.endswith(("kill", "queueinfo", "signal")):
            return Reach("process", f"{name} {_signed(arguments[0])}"), errno.EPERM
        if name == "fcntl":
            return Reach("process", "fcntl F_SETOWN"), errno.EPERM
        if name == "ioctl":
            return Reach("process", f"ioctl {arguments[1] & 0xFFFFFFFF:#x}"), errno.EPERM
        return Reach("process", "fork" if name in ("clone", "vfork") else name), errno.EPERM

    def _setting(self, name: str, arguments: list[int]) -> tuple[Reach | None, int]:
        """Of the scheduler's and the limits: threads of the process are its own."""
        whom = _signed(arguments[_SETTINGS[name]])
        of_one = arguments[0] == _ONE[name] if name in _ONE else True
        if of_one and os.path.exists(f"/proc/{self._process}/task/{whom}"):
            return None, 0
        return Reach("process", f"{name} {whom}"), errno.EPERM

    # Sockets --------------------------------------------------------------------------------------------------------

    def _address(self, name: str, thread: int, pointer: int, size: int) -> tuple[Reach | None, int]:
        try:
            family, address = _address(self._memory(thread, pointer, min(size & 0xFFFFFFFF, 128)))
        except Unknown:
            return Reach("socket", name), errno.EACCES
        if family == socket.AF_UNIX and isinstance(address, str) and address.startswith(_QUIET_SOCKETS):
            return None, errno.ECONNREFUSED
        if name == "bind" and address in (("127.0.0.1", 0), ("::1", 0)):  # the look for IPv6 of urllib3
            return None, 0  # reaches nobody: to listen and to connect are refused
        if name == "connect" and family == socket.AF_UNSPEC:  # dissolves a connection
            return None, errno.EACCES
        return Reach("socket", f"{name} {address_text(address)}"), errno.EACCES

    # Files ----------------------------------------------------------------------------------------------------------

    def _file(self, name: str, thread: int, arguments: list[int]) -> tuple[Reach | None, int]:
        try:
            places = self._places(name, thread, arguments)
        except (Unknown, OSError, ValueError):
            return (Reach("file", f"{name} (path unknown)"), errno.EACCES) if name in UNRULED else (None, 0)
        if name in _NODES and stat.S_IFMT(arguments[_NODES[name]]) in (stat.S_IFCHR, stat.S_IFBLK):
            return Reach("file", f"make device {places[0]}"[:200]), errno.EPERM
        verb = "open for writing" if name in ("open", "openat", "creat") else name.removesuffix("2").removesuffix("at")
        for number, place in enumerate(places):
            if number == 0 and verb != "open for writing" and lexists(place) is (name in MAKES):
                return None, 0  # it will fail anyway
            if (place in _SINKS and name not in UNRULED) or may_write(place, self._folders):
                if "__pycache__" in place and not may_write(place.replace("__pycache__", ""), self._folders):
                    return None, errno.EACCES  # a cache that is not kept is no loss
                continue
            return Reach("file", f"{verb} {place}"[:200]), errno.EACCES
        return None, 0

    def _places(self, name: str, thread: int, arguments: list[int]) -> list[str]:
        if name in DESCRIPTORS:
            return [os.readlink(f"/proc/{thread}/fd/{arguments[0] & 0x7FFFFFFF}")]
        found = []
        for folder, path in PATHS[name]:
            base = _HERE if folder is None else _signed(arguments[folder])
            link = f"/proc/{thread}/cwd" if base == _HERE else f"/proc/{thread}/fd/{base}"
            text = self._string(thread, arguments[path]) if arguments[path] else ""
            text = _STANDARD.get(text, text)
            for own, there in _OWN.items():
                if text.startswith(own):
                    text = f"/proc/{thread}/{there}{text.removeprefix(own)}"
            whole = text if text.startswith("/") else join(os.readlink(link), text)
            if name in NOFOLLOW or not follows(name, arguments):
                parent, last = os.path.split(whole.rstrip("/") or "/")
                found.append(join(realpath(parent), last))
            else:
                found.append(realpath(whole))
        return found

    def _do(self, name: str, thread: int, arguments: list[int]) -> tuple[Reach | None, int]:
        """Make a call to a file that the kernel does not judge, in the place of the process: it may have put another
        file there since it was looked at."""
        try:
            held = self._held(name, thread, arguments)
        except Unknown:
            return Reach("file", f"{name} (path unknown)"), errno.EACCES
        except OSError as error:
            return None, error.errno or errno.EACCES
        try:
            place = os.readlink(f"/proc/self/fd/{held}")
            if not may_write(place, self._folders):
                return Reach("file", f"{name} {place}"[:200]), errno.EACCES
            do(name, arguments, held, partial(self._memory, thread), partial(self._string, thread))
        except Unknown:
            return None, errno.EFAULT
        except (OSError, ValueError) as error:
            return None, getattr(error, "errno", None) or errno.EINVAL
        finally:
            os.close(held)
        return None, 0

    def _held(self, name: str, thread: int, arguments: list[int]) -> int:
        """The file as a descriptor of this process. Raises OSError, Unknown."""
        number = by_descriptor(name, arguments)
        if number is None and empty_path(name, arguments) and not self._string(thread, arguments[1]):
            number = arguments[0]
        if number is not None and number != _HERE & 0xFFFFFFFF:
            return take(self._process, _signed(number))
        (place,) = self._places(name, thread, arguments)
        return os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)

    # Memory ---------------------------------------------------------------------------------------------------------

    def _memory(self, thread: int, pointer: int, size: int) -> bytes:
        """At most so many bytes."""
        try:
            with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
                memory.seek(pointer)
                return memory.read(size)
        except (OSError, ValueError, OverflowError) as error:
            raise Unknown from error

    def _string(self, thread: int, pointer: int) -> str:
        """Up to its end; read page by page, since the next page may not be there."""
        found = b""
        while len(found) < _LONGEST:
            piece = self._memory(thread, pointer + len(found), 4096 - (pointer + len(found)) % 4096)
            text, end, _ = piece.partition(b"\0")
            found += text
            if end or not piece:
                break
        return os.fsdecode(found)


def _signed(value: int) -> int:
    """A C `int`."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _address(data: bytes) -> tuple[int, tuple[str, int] | str]:
    """Family, and host and port or path, of a `sockaddr`."""
    (family,) = struct.unpack_from("=H", data.ljust(2, b"\0"))
    if family == socket.AF_INET and len(data) >= 8:
        return family, (socket.inet_ntop(family, data[4:8]), int.from_bytes(data[2:4], "big"))
    if family == socket.AF_INET6 and len(data) >= 24:
        return family, (socket.inet_ntop(family, data[8:24]), int.from_bytes(data[2:4], "big"))
    if family == socket.AF_UNIX:
        path = data[2:]
        name = path[1:] if path[:1] == b"\0" else path.partition(b"\0")[0]
        return family, ("@" if path[:1] == b"\0" else "") + os.fsdecode(name)
    return family, f"an address of family {family}"
