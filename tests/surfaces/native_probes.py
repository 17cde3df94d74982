"""Code that reaches for the real world by native code, which raises no audit events. `ARMED`: it does so."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sqlite3
import stat
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import replay
from replay.engine.syscalls import NUMBERS
from tests.engine import probes

ARMED = "REPLAY_TEST_ARMED"


def _native(name: str, *args: Any) -> int:
    """Call a function of libc past the soft guard, as a compiled library would."""
    libc = ctypes.CDLL(None)
    libc.dlsym.restype = ctypes.c_void_p
    libc.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    kinds = [ctypes.c_char_p if isinstance(each, bytes) else ctypes.c_long for each in args]
    address = libc.dlsym(None, name.encode())
    assert address, name
    return int(ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(address)(*args))


def _inet(port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton("127.0.0.1"))


def connect(where: dict[str, Any]) -> None:
    """TCP."""
    number = _native("socket", 2, 1, 0)
    _native("connect", number, _inet(where["tcp"]), 16)
    os.close(number)


def datagram(where: dict[str, Any]) -> None:
    """UDP, by address."""
    number = _native("socket", 2, 2, 0)
    _native("sendto", number, b"hello", 5, 0, _inet(where["udp"]), 16)
    os.close(number)


def message(where: dict[str, Any]) -> None:
    """UDP, by a message with an address."""
    number = _native("socket", 2, 2, 0)
    address = ctypes.create_string_buffer(_inet(where["udp"]), 16)
    text = ctypes.create_string_buffer(b"hello")
    part = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(text), 5))
    whole = struct.pack("=QIxxxxQQQQI4x", ctypes.addressof(address), 16, ctypes.addressof(part), 1, 0, 0, 0)
    _native("sendmsg", number, whole, 0)
    os.close(number)


def unix(where: dict[str, Any]) -> None:
    """A unix socket."""
    number = _native("socket", 1, 1, 0)
    path = struct.pack("=H", 1) + os.fsencode(where["unix"]) + b"\0"
    _native("connect", number, path, len(path))
    os.close(number)


def listen(where: dict[str, Any]) -> None:
    """A server at a port that the system chooses."""
    number = _native("socket", 2, 1, 0)
    _native("listen", number, 5)
    os.close(number)


def raw(where: dict[str, Any]) -> None:
    """A packet socket."""
    _native("socket", 17, 3, 0)


def lookup(where: dict[str, Any]) -> None:
    """glibc asks a name server."""
    _native("gethostbyname", b"probe.invalid")


def system(where: dict[str, Any]) -> None:
    """A shell."""
    _native("system", os.fsencode("touch " + where["file"]))


def fork(where: dict[str, Any]) -> None:
    """A child."""
    if _native("fork") == 0:
        os._exit(0)


def execute(where: dict[str, Any]) -> None:
    """Become another program."""
    arguments = (ctypes.c_char_p * 3)(b"touch", os.fsencode(where["file"]), None)
    _native("execv", b"/usr/bin/touch", ctypes.addressof(arguments))


def kill(where: dict[str, Any]) -> None:
    """A signal that is ignored by those who do not wait for it."""
    _native("kill", os.getppid(), 28)


def write(where: dict[str, Any]) -> None:
    """A new file."""
    _native("open", os.fsencode(where["file"]), os.O_WRONLY | os.O_CREAT, 0o600)


def relative_write(where: dict[str, Any]) -> None:
    """A new file, by a folder's descriptor."""
    folder = os.open(os.path.dirname(where["file"]), os.O_RDONLY)
    _native("openat", folder, os.fsencode(os.path.basename(where["file"])), os.O_WRONLY | os.O_CREAT, 0o600)
    os.close(folder)


def truncate(where: dict[str, Any]) -> None:
    """Empty a file."""
    _native("truncate", os.fsencode(where["precious"]), 0)


def unlink(where: dict[str, Any]) -> None:
    """Delete a file."""
    _native("unlink", os.fsencode(where["precious"]))


def rename(where: dict[str, Any]) -> None:
    """Move it into the temporary folder."""
    _native("rename", os.fsencode(where["precious"]), os.fsencode(where["temporary"] + "/moved"))


def chmod(where: dict[str, Any]) -> None:
    """Its rights, of which Landlock does not know."""
    _native("chmod", os.fsencode(where["precious"]), 0)


def fchmod(where: dict[str, Any]) -> None:
    """The same by a descriptor."""
    number = os.open(where["precious"], os.O_RDONLY)
    _native("fchmod", number, 0)
    os.close(number)


def attach(where: dict[str, Any]) -> None:
    """SQLite opens a second file."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("ATTACH ? AS other", (where["file"],))
        connection.execute("CREATE TABLE other.t (c)")
    finally:
        connection.close()


def _call(name: str, *args: Any) -> int:
    """A system call by its number, as a library with no wrapper for it would."""
    return _native("syscall", NUMBERS[name], *args)


def owner(where: dict[str, Any]) -> None:
    """A socket whose news are signals to another process."""
    left, right = socket.socketpair()
    _native("fcntl", left.fileno(), 8, os.getppid())
    left.close()
    right.close()


def limits(where: dict[str, Any]) -> None:
    """The limits of another process."""
    _call("prlimit64", os.getppid(), 4, struct.pack("=QQ", 0, 0), 0)


def affinity(where: dict[str, Any]) -> None:
    """On which cores it runs."""
    _call("sched_setaffinity", os.getppid(), 8, struct.pack("=Q", 1))


def priority(where: dict[str, Any]) -> None:
    """That of all of the user's processes."""
    _native("setpriority", 2, 0, 19)


def queue(where: dict[str, Any]) -> None:
    """A message to whoever reads that queue."""
    _call("msgsnd", _call("msgget", 0x7265, 0o1600), struct.pack("=q8x", 1), 8, 0)


def segment(where: dict[str, Any]) -> None:
    """Memory that other processes share."""
    _call("shmget", 0x7265, 4096, 0o1600)


def device(where: dict[str, Any]) -> None:
    """The machine's memory, as a file of the temporary folder."""
    _native("mknod", os.fsencode(where["temporary"] + "/device"), 0o020600, 0x101)


def multicast(where: dict[str, Any]) -> None:
    """To join a group the machine sends packets."""
    number = _native("socket", 2, 2, 0)
    _native("setsockopt", number, 0, 35, socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1"), 8)
    os.close(number)


def attributes(where: dict[str, Any]) -> None:
    """Of a file that is open for reading only."""
    number = os.open(where["precious"], os.O_RDONLY)
    _native("ioctl", number, 0x40086602, struct.pack("=q", 0x40))
    os.close(number)


def trace(where: dict[str, Any]) -> None:
    """Take hold of another process."""
    _native("ptrace", 16, os.getppid(), 0, 0)


def psycopg(where: dict[str, Any]) -> None:
    """libpq, below what refuses a connection."""
    from psycopg import pq

    pq.PGconn.connect(f"host=127.0.0.1 port={where['tcp']} connect_timeout=3".encode())


def grpc(where: dict[str, Any]) -> None:
    """gRPC's C core, below what refuses a call."""
    import grpc as library

    with library.insecure_channel(f"127.0.0.1:{where['tcp']}") as channel:
        call = channel.unary_unary("/probe.Probe/Call")
        getattr(type(call).__call__, "__wrapped__", type(call).__call__)(call, b"")


NATIVE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "connect": (connect, "connect 127.0.0.1:{tcp}"),
    "datagram": (datagram, "sendto 127.0.0.1:{udp}"),
    "message": (message, "sendmsg"),
    "unix": (unix, "connect {unix}"),
    "listen": (listen, "listen"),
    "raw": (raw, "socket family 17 type 3"),
    "lookup": (lookup, "connect "),
    "system": (system, "fork"),
    "fork": (fork, "fork"),
    "execute": (execute, "execve /usr/bin/touch"),
    "kill": (kill, "kill "),
    "write": (write, "open for writing {file}"),
    "relative_write": (relative_write, "open for writing {file}"),
    "truncate": (truncate, "truncate {precious}"),
    "unlink": (unlink, "unlink {precious}"),
    "rename": (rename, "rename {precious}"),
    "chmod": (chmod, "chmod {precious}"),
    "fchmod": (fchmod, "fchmod {precious}"),
    "attach": (attach, "open for writing {file}"),
    "psycopg": (psycopg, "connect 127.0.0.1:{tcp}"),
    "grpc": (grpc, "connect 127.0.0.1:{tcp}"),
}
"""Name -> the probe, and how what the kernel tells of it starts."""
OTHERS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "owner": (owner, "fcntl F_SETOWN"),
    "limits": (limits, "prlimit64 "),
    "affinity": (affinity, "sched_setaffinity "),
    "priority": (priority, "setpriority 0"),
    "queue": (queue, "msgget"),
    "segment": (segment, "shmget"),
    "device": (device, "make device {temporary}/device"),
    "multicast": (multicast, "join a multicast group"),
    "attributes": (attributes, "ioctl 0x40086602"),
    "trace": (trace, "ptrace"),
}
"""What reaches other processes, and the machine, without a socket or a file: tried one after the other."""


@replay.capture
def swallows(kind: str, name: str, where: dict[str, Any]) -> str:
    """Does what it was not recorded to do, and hides what comes of it."""
    if ARMED in os.environ:
        for each in name.split():
            try:
                {"python": probes.SOFT, "native": NATIVE, "others": OTHERS}[kind][each][0](where)
            except BaseException:
                pass
    return "done"


@replay.capture
def harmless(folder: str) -> list[str]:
    """What must work."""
    return probes.work(folder) if ARMED in os.environ else []


@replay.capture
def changes(folder: str) -> list[Any]:
    """Mode, owner, times, attributes and length of files that may be written, in each way that Python knows."""
    return _changed(folder) if ARMED in os.environ else []


def _changed(folder: str) -> list[Any]:
    os.makedirs(folder)
    name, link = os.path.join(folder, "file"), os.path.join(folder, "link")
    with open(name, "wb") as file:
        file.write(b"content")
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fchown(file.fileno(), -1, os.getgid())
        os.utime(file.fileno(), ns=(1_000_000_001, 2_000_000_002))
    os.symlink("file", link)
    below = os.open(folder, os.O_RDONLY)
    found: list[Any] = [_look(name)]
    os.utime(link, (5, 6), follow_symlinks=False)
    os.chown(link, os.getuid(), -1, follow_symlinks=False)
    os.chmod(link, 0o600)
    found += [_look(name), os.lstat(link).st_mtime_ns]
    os.truncate(name, 3)
    os.utime("file", (7, 8), dir_fd=below)
    os.chmod("file", 0o604, dir_fd=below)
    found.append(_look(name))
    os.utime(f"/proc/self/fd/{below}/file")
    found.append(abs(os.stat(name).st_mtime - os.stat(link).st_mtime))
    with tempfile.TemporaryFile(dir=folder) as unnamed:
        os.fchmod(unnamed.fileno(), 0o666)
        found.append(stat.S_IMODE(os.fstat(unnamed.fileno()).st_mode))
    for attempt in (lambda: os.chmod(f"{name}.none", 0), lambda: os.utime(name, ns=(0, -1)),
                    lambda: os.removexattr(name, "user.none")):  # fmt: skip
        try:
            found.append(attempt())  # type: ignore[func-returns-value]
        except OSError as error:
            found.append(errno.errorcode[error.errno or 0])
    try:
        os.setxattr(name, "user.replay", b"value")
        found.append(os.getxattr(name, "user.replay"))
    except OSError as error:
        found.append(errno.errorcode[error.errno or 0])
    os.close(below)
    return found


def _look(name: str) -> tuple[int, int, int]:
    seen = os.stat(name)
    return stat.S_IMODE(seen.st_mode), seen.st_mtime_ns, seen.st_size


@replay.capture
def races(where: dict[str, Any]) -> str:
    """Asks to change a file that it may change, while another file takes its place."""
    if ARMED in os.environ:
        _race(where["temporary"], where["precious"])
    return "done"


def _race(folder: str, precious: str) -> None:
    name = os.path.join(folder, "raced")
    ended = threading.Event()

    def exchange() -> None:
        while not ended.is_set():
            with open(f"{name}.file", "wb"):
                pass
            os.rename(f"{name}.file", name)
            os.symlink(precious, f"{name}.link")
            os.rename(f"{name}.link", name)

    thread = threading.Thread(target=exchange)
    thread.start()
    calls = (
        lambda: _native("chmod", os.fsencode(name), 0),
        lambda: _native("truncate", os.fsencode(name), 0),
        lambda: _native("utimes", os.fsencode(name), struct.pack("=4q", 1, 0, 1, 0)),
    )
    for number in range(ROUNDS):
        calls[number % len(calls)]()
    ended.set()
    thread.join()


ROUNDS = 3000


@replay.capture
def misbehaves(how: str) -> str:
    """A process that gives no verdict."""
    if ARMED in os.environ:
        if how == "dies":
            os.kill(os.getpid(), 11)
        elif how == "leaves":
            os._exit(0)
        elif how == "closes":
            os.closerange(3, 4096)
            time.monotonic()
            while True:
                pass
        elif how == "hangs":
            while True:
                pass
        elif how == "babbles":
            for number in range(3, 1024):
                try:
                    os.write(number, b"everything is reproduced" * 10)
                except OSError:
                    pass
    return "done"


@replay.capture
def surroundings() -> dict[str, Any]:
    """What the process was started with."""
    import sys

    names = ("PYTHONHASHSEED", "TZ", "LC_ALL", "LANG", "SHOP_MODE", "LD_PRELOAD")
    return {
        "order": list({"ann", "bob", "eve", "dan", "kim", "lee", "max", "zoe"}),
        "zone": time.strftime("%Z %z"),
        "variables": {name: os.environ.get(name) for name in names if name != "PYTHONHASHSEED"},
        "utf8": sys.flags.utf8_mode,
        "optimize": sys.flags.optimize,
    }
