"""What an audit event reaches for: each watched event's judge says what it would do to the real world, if anything."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from _socket import socket as RawSocket
from collections.abc import Callable, Sequence
from os.path import join, realpath
from typing import Any

import msgspec

Folders = tuple[str, ...]
_LONGEST = 200
"""Characters of a target."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
"""Flags of `os.open`."""
_SINKS = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/stdout", "/dev/stderr", "nul", "NUL"})
"""Files that keep nothing, or are open already."""
_BYTECODE = re.compile(r"/__pycache__(/[^/]+\.pyc(\.\d+)?)?/?\Z")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NETLINK = getattr(socket, "AF_NETLINK", None)
_UNIX = getattr(socket, "AF_UNIX", None)
_KIND = 0xF
"""The bits of a socket's type that are no flags."""
_getpid = os.getpid
_getcwd = os.getcwd
_lexists = os.path.lexists


class Reach(msgspec.Struct, frozen=True):
    """An act on the real world."""

    boundary: str
    """`socket`, `process` or `file`."""
    target: str


Judge = Callable[[tuple[Any, ...], Folders], Reach | None]
"""What an event with these arguments would do; None: nothing that matters, or inside the folders."""


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: object) -> str:
    """A name or a command; calls no code of the application."""
    if type(value) is str:
        return value
    if type(value) is bytes:
        return os.fsdecode(value)
    if type(value) is int:  # of vsock and netlink
        return str(value)
    return str(os.fspath(value)) if isinstance(value, os.PathLike) else f"<{type(value).__name__}>"


# Sockets ------------------------------------------------------------------------------------------------------------


def address_text(address: object) -> str:
    """`host:port`, `[v6]:port`, or the path of a unix socket."""
    if isinstance(address, tuple) and len(address) >= 2 and type(address[1]) is int:
        host = _text(address[0])
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    name = _text(address)
    return "@" + name[1:] if name[:1] == "\0" else name  # an abstract unix socket


def _socket(verb: str) -> Judge:
    def judge(args: tuple[Any, ...], folders: Folders) -> Reach | None:
        address = args[1]
        if address is None or (verb == "connect" and _is_own_pair()):  # None: the other end of a pair
            return None
        return Reach("socket", _clip(f"{verb} {address_text(address)}"))

    return judge


def _bind(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    """A free port of loopback reaches nobody (urllib3 looks for IPv6 in this way); a known place does."""
    address = args[1]
    if isinstance(address, tuple) and address[:2] in {(host, 0) for host in _LOOPBACK}:
        return None
    return Reach("socket", _clip(f"bind {address_text(address)}"))


def _new_socket(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    """Netlink talks to the kernel, which sets the machine's network, without a connect. A socket of `_socket` itself
    joins multicast groups unseen, unless it is one of a stream; the standard library makes none."""
    made, family, kind = args[:3]
    if family == _NETLINK:
        return Reach("socket", "socket AF_NETLINK")
    if type(made) is not RawSocket or family == _UNIX or (kind > 0 and kind & _KIND == socket.SOCK_STREAM):
        return None
    return Reach("socket", "a datagram socket by _socket" if kind > 0 else "a socket of unknown kind by _socket")


def _is_own_pair() -> bool:
    """Where the system has no socket pairs, Python connects one to itself: event loops need it."""
    frame = sys._getframe(3)
    return frame.f_code.co_filename == socket.__file__ and "socketpair" in frame.f_code.co_name


def _lookup(verb: str, *, reverse: bool = False) -> Judge:
    def judge(args: tuple[Any, ...], folders: Folders) -> Reach | None:
        host = args[0]
        if host is None or (not reverse and _is_number(host)):  # no look-up: what is done with it is judged
            return None
        port = args[1] if len(args) > 1 and type(args[1]) is int else None
        asked = address_text(host) if port is None else address_text((host, port))
        return Reach("socket", _clip(f"{verb} {asked}"))

    return judge


def _is_number(host: object) -> bool:
    name = _text(host).partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return True
    return False


def _always(boundary: str, verb: str) -> Judge:
    return lambda args, folders: Reach(boundary, _clip(" ".join([verb, *map(_text, args[:1])])))


# Processes ----------------------------------------------------------------------------------------------------------


def _command(program: object, arguments: object) -> str:
    if isinstance(arguments, Sequence) and not isinstance(arguments, str | bytes) and arguments:
        return " ".join(shlex.quote(_text(each)) for each in arguments[:20])
    return _text(program if program is not None and not isinstance(arguments, str | bytes) else arguments)


def _process(verb: str, program: int = 0, arguments: int = 1) -> Judge:
    def judge(args: tuple[Any, ...], folders: Folders) -> Reach | None:
        return Reach("process", _clip(f"{verb} {_command(args[program], args[arguments])}"))

    return judge


def _fork(verb: str) -> Judge:
    return lambda args, folders: Reach("process", verb)


def _kill(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    pid, signal = args
    return None if pid == _getpid() or signal == 0 else Reach("process", f"kill {pid} (signal {int(signal)})")


def _pidfd_signal(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    with open(f"/proc/self/fdinfo/{int(args[0])}", encoding="ascii") as file:
        pid = int(file.read().partition("Pid:")[2].split()[0])
    return _kill((pid, args[1]), folders)


def _limits(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    pid, _, limits = args
    return None if limits is None or pid in (0, _getpid()) else Reach("process", f"prlimit {pid}")


_NATIVE_SOCKET = frozenset({"connect", "bind", "sendto", "sendmsg", "sendmmsg", "getaddrinfo", "gethostbyname"})
_NATIVE_PROCESS = frozenset(
    {"system", "popen", "fork", "vfork", "clone", "execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe"}
    | {"fexecve", "posix_spawn", "posix_spawnp", "syscall"}
)


def _symbol(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    """ctypes: what is done with a function is not seen, so the one that could reach out is not handed out."""
    name = args[1]
    if name in _NATIVE_SOCKET:
        return Reach("socket", f"{name} through ctypes")
    return Reach("process", f"{name} through ctypes") if name in _NATIVE_PROCESS else None


# Files --------------------------------------------------------------------------------------------------------------


def _place(path: object, folder: int = -1, *, follow: bool = True) -> str:
    """The real path of a path, or of a file descriptor; `folder`: the descriptor that it is relative to."""
    if isinstance(path, int):
        return _of_descriptor(path)
    name = os.fsdecode(path)  # type: ignore[arg-type]  # the event is raised for what the system takes
    base = _getcwd() if folder == -1 else _of_descriptor(folder)
    whole = join(base, name)
    if follow:
        return realpath(whole)
    parent, last = os.path.split(whole.rstrip("/") or "/")
    return join(realpath(parent), last)


def _of_descriptor(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:
        import fcntl

        get_path = getattr(fcntl, "F_GETPATH", None)  # macOS
        if get_path is None:
            raise
        return os.fsdecode(fcntl.fcntl(number, get_path, bytes(1024)).rstrip(b"\0"))


def may_write(place: str, folders: Folders) -> bool:
    """Below one of the folders (itself too), or bytecode in its cache, which the import system writes as it likes."""
    return (place.rstrip("/") + "/").startswith(folders) or _BYTECODE.search(place) is not None


def _open(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    path, _, flags = args
    if not (flags & WRITES) or isinstance(path, int):  # a descriptor was judged when it was opened
        return None
    if _text(path) in _SINKS:
        return None
    place = _place(path)
    return None if may_write(place, folders) else Reach("file", _clip(f"open {place} for writing"))


def _file(verb: str, *paths: tuple[int, int | None], missing_is_fine: bool = True) -> Judge:
    """`paths`: positions of each path, and of the folder descriptor it is relative to. A call that will fail anyway
    (`missing_is_fine`: nothing is there; else: it is there already) is the system's to refuse."""

    def judge(args: tuple[Any, ...], folders: Folders) -> Reach | None:
        for number, (path, folder) in enumerate(paths):
            if isinstance(args[path], int) and verb == "truncate":  # was opened for writing, so was judged
                continue
            place = _place(args[path], -1 if folder is None else args[folder], follow=verb in _FOLLOWS)
            if number == 0 and _lexists(place) is not missing_is_fine:
                return None
            if may_write(place, folders):
                continue
            return Reach("file", _clip(f"{verb} {place}"))
        return None

    return judge


_FOLLOWS = frozenset({"chmod", "chown", "truncate", "utime", "setxattr", "removexattr"})


def _database(args: tuple[Any, ...], folders: Folders) -> Reach | None:
    name = _text(args[0])
    if name.startswith("file:"):
        name, _, query = name.removeprefix("file:").partition("?")
        name = name.removeprefix("//localhost").removeprefix("//") or name
        if "mode=memory" in query.split("&"):
            return None
    if name in ("", ":memory:"):
        return None
    place = _place(name)
    return None if may_write(place, folders) else Reach("file", _clip(f"sqlite3.connect {place}"))


JUDGES: dict[str, Judge] = {
    "socket.__new__": _new_socket,
    "socket.connect": _socket("connect"),
    "socket.bind": _bind,
    "socket.sendto": _socket("sendto"),
    "socket.sendmsg": _socket("sendmsg"),
    "socket.getaddrinfo": _lookup("getaddrinfo"),
    "socket.gethostbyname": _lookup("gethostbyname"),
    "socket.gethostbyaddr": _lookup("gethostbyaddr", reverse=True),
    "socket.getnameinfo": _lookup("getnameinfo", reverse=True),
    "socket.sethostname": _always("process", "sethostname"),
    "syslog.openlog": _always("socket", "syslog.openlog"),
    "syslog.syslog": lambda args, folders: Reach("socket", "syslog"),
    "subprocess.Popen": _process("run"),
    "os.system": _process("os.system", 0, 0),
    "os.exec": _process("exec"),
    "os.posix_spawn": _process("posix_spawn"),
    "os.spawn": _process("spawn", 1, 2),
    "os.startfile": _process("startfile", 0, 0),
    "pty.spawn": _process("pty.spawn", 0, 0),
    "replay.fork_exec": _process("run", 0, 0),
    "os.fork": _fork("fork"),
    "os.forkpty": _fork("forkpty"),
    "os.kill": _kill,
    "os.killpg": lambda args, folders: Reach("process", f"killpg {args[0]} (signal {int(args[1])})"),
    "replay.join": lambda args, folders: Reach("socket", "join a multicast group"),
    "replay.pidfd_send_signal": _pidfd_signal,
    "resource.prlimit": _limits,
    "ctypes.dlsym": _symbol,
    "ctypes.dlsym/handle": _symbol,
    "open": _open,
    "os.remove": _file("remove", (0, 1)),
    "os.rename": _file("rename", (0, 2), (1, 3)),
    "os.mkdir": _file("mkdir", (0, 2), missing_is_fine=False),
    "os.rmdir": _file("rmdir", (0, 1)),
    "replay.mkfifo": _file("mkfifo", (0, 1), missing_is_fine=False),
    "replay.mknod": _file("mknod", (0, 1), missing_is_fine=False),
    "os.chmod": _file("chmod", (0, 2)),
    "os.lchmod": _file("chmod", (0, None)),
    "os.chown": _file("chown", (0, 3)),
    "os.chflags": _file("chflags", (0, None)),
    "os.lchflags": _file("chflags", (0, None)),
    "os.link": _file("link", (0, 2), (1, 3)),
    "os.symlink": _file("symlink", (1, 2), missing_is_fine=False),
    "os.truncate": _file("truncate", (0, None)),
    "os.utime": _file("utime", (0, 3)),
    "os.setxattr": _file("setxattr", (0, None)),
    "os.removexattr": _file("removexattr", (0, None)),
    "sqlite3.connect": _database,
}
