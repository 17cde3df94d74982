"""Calls of the standard library that reach out and raise no audit event, or one that does not say where.

They are let raise one, once per process, by the guard; each calls the original.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from replay.engine.reach import WRITES
from replay.engine.seccomp import JOINS

_NAMES = ("IP_ADD_MEMBERSHIP", "IP_ADD_SOURCE_MEMBERSHIP", "IPV6_JOIN_GROUP")
_JOINS = (
    JOINS
    if sys.platform == "linux"
    else dict.fromkeys(
        (socket.IPPROTO_IP, socket.IPPROTO_IPV6),
        tuple(getattr(socket, name) for name in _NAMES if hasattr(socket, name)),
    )
)


def install() -> None:
    """Let them raise events."""
    _announce(os, "mkfifo", "replay.mkfifo", _node)
    _announce(os, "mknod", "replay.mknod", _node)
    _announce(signal, "pidfd_send_signal", "replay.pidfd_send_signal", lambda pidfd, number, *rest: (pidfd, number))
    try:
        import _posixsubprocess
    except ImportError:
        pass
    else:  # multiprocessing starts processes by it
        _announce(_posixsubprocess, "fork_exec", "replay.fork_exec", lambda command, *rest: (command,))
    socket.socket.setsockopt = _setting_of(socket.socket.setsockopt)  # type: ignore[method-assign]
    if sys.platform == "linux":
        os.open = _open_below(os.open)


def _announce(module: ModuleType, name: str, event: str, told: Callable[..., tuple[Any, ...]]) -> None:
    original = getattr(module, name, None)
    if original is None:
        return

    def call(*args: Any, **kwargs: Any) -> Any:
        sys.audit(event, *told(*args, **kwargs))
        return original(*args, **kwargs)

    _stand_in(original, call)
    setattr(module, name, call)


def _setting_of(original: Callable[..., None]) -> Callable[..., None]:
    """To join a group a machine sends packets."""

    def setsockopt(self: Any, level: int, option: int, *value: Any) -> None:
        if option in _JOINS.get(level, ()):
            sys.audit("replay.join")
        return original(self, level, option, *value)

    _stand_in(original, setsockopt)
    return setsockopt


def _node(path: Any, mode: int = 0, device: int = 0, *, dir_fd: int | None = None) -> tuple[Any, ...]:
    return path, -1 if dir_fd is None else dir_fd


def _open_below(original: Callable[..., int]) -> Callable[..., int]:
    """The event of `os.open` leaves out the folder that a path is relative to: such a path names it itself."""

    def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is None or not flags & WRITES or isinstance(path, int) or os.path.isabs(path):
            return original(path, flags, mode, dir_fd=dir_fd)
        try:
            return original(f"/proc/self/fd/{dir_fd}/{os.fsdecode(path)}", flags, mode)
        except OSError as error:
            error.filename = path
            raise

    _stand_in(original, open)
    return open


def _stand_in(original: Callable[..., Any], call: Callable[..., Any]) -> None:
    call.__name__ = call.__qualname__ = original.__name__
    call.__doc__ = original.__doc__
    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in known:
            known.add(call)
