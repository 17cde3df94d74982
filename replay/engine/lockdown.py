"""Hard isolation: this process gives up, for good and for all its threads, what a replay must not do.

Landlock takes away writing outside the temporary folders and TCP; the seccomp filter takes away sockets' ways out,
processes, and what Landlock does not know. Both work without privileges. The filter's listener goes to the process that
waits for the verdict: it answers, and so knows of each refusal, whoever swallows it.
See landlock(7), seccomp_unotify(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence

from replay.engine.seccomp import assemble, program
from replay.engine.syscalls import ARCHITECTURES, MACHINE, NUMBERS
from replay.errors import ReplayError

_NO_NEW_PRIVS = 38
_SET_FILTER, _ACTION_AVAILABLE, _NEW_LISTENER = 1, 2, 1 << 3
_USER_NOTIF = 0x7FC00000
_LANDLOCK_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_WRITES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
_REFER = 1 << 13
_MAKE_DEVICES = 1 << 6 | 1 << 11
_CAPABILITIES = 0x20080522
_KEPT = 0b11011111
"""Of a capability's bits (capabilities(7)) those for files, users and groups: root of a container reads its files by
them. Without the others nothing of the machine can be set, whatever call is used."""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")


def unavailable() -> str | None:
    """Why this machine has no hard isolation; None: it has."""
    if sys.platform != "linux":
        return f"it needs Linux, this is {sys.platform}"
    if MACHINE not in ARCHITECTURES or sys.maxsize < 1 << 32:
        return f"it knows 64-bit {' and '.join(ARCHITECTURES)}, this is {MACHINE}"
    libc = ctypes.CDLL(None, use_errno=True)
    if landlock_version(libc) < 1:
        return "the kernel has no Landlock (Linux 5.13, and `landlock` among its security modules)"
    action = ctypes.byref(ctypes.c_uint32(_USER_NOTIF))
    if libc.syscall(NUMBERS["seccomp"], _ACTION_AVAILABLE, 0, action):
        return "the kernel, or the container, has no seccomp notifications"
    own = libc.syscall(NUMBERS["pidfd_open"], os.getpid(), 0)
    if own < 0:
        return "the kernel, or the container, has no pidfd_open"
    taken = libc.syscall(NUMBERS["pidfd_getfd"], own, own, 0)
    reason = None if taken >= 0 else "the kernel, or the container, does not let a process take a child's descriptor"
    for each in (own, taken):
        if each >= 0:
            os.close(each)
    return reason


def landlock_version(libc: ctypes.CDLL) -> int:
    """Of its interface; 0: there is none."""
    return max(0, int(libc.syscall(NUMBERS["landlock_create_ruleset"], None, 0, _LANDLOCK_VERSION)))


def lock_down(folders: Sequence[str]) -> int:
    """Lock this process down, writing allowed below `folders` only; returns the descriptor of the listener.

    To be called once, before there are other threads. Until somebody answers at the listener, what the filter hands
    over waits. Raises ReplayError (`hard-isolation`) if the kernel does not do it; the process must then end.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _drop_capabilities(libc)
    _landlock(libc, folders)
    code = ctypes.create_string_buffer(assemble(program(NUMBERS, ARCHITECTURES[MACHINE], os.getpid())))
    count = (len(code) - 1) // 8
    head = ctypes.create_string_buffer(struct.pack("@HP", count, ctypes.addressof(code)))
    return _check(libc.syscall(NUMBERS["seccomp"], _SET_FILTER, _NEW_LISTENER, head), "seccomp")


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    head, sets = struct.pack("=Ii", _CAPABILITIES, 0), ctypes.create_string_buffer(24)
    _check(libc.capget(head, sets), "capget")
    kept = [each & (_KEPT if number < 3 else 0) for number, each in enumerate(struct.unpack("=6I", sets))]
    _check(libc.capset(head, struct.pack("=6I", *kept)), "capset")


def _landlock(libc: ctypes.CDLL, folders: Sequence[str]) -> None:
    version = landlock_version(libc)
    files = _WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    network = 0b10 if version >= 4 else 0  # TCP connect; to bind reaches nobody, to listen is the filter's to refuse
    scoped = 0b11 if version >= 6 else 0  # abstract unix sockets, signals
    attributes = struct.pack("=QQQ", files, network, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _check(
        libc.syscall(NUMBERS["landlock_create_ruleset"], attributes, len(attributes), 0), "landlock_create_ruleset"
    )
    try:
        for folder in folders:
            _allow(libc, ruleset, folder, files & ~_MAKE_DEVICES)
        for device in _DEVICES:
            _allow(libc, ruleset, device, files & (_WRITE_FILE | _TRUNCATE))
        _check(libc.syscall(NUMBERS["landlock_restrict_self"], ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, place: str, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:  # nothing is there, and nothing can be made there
        return
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        _check(libc.syscall(NUMBERS["landlock_add_rule"], ruleset, _PATH_BENEATH, rule, 0), "landlock_add_rule")
    finally:
        os.close(descriptor)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        name = errno.errorcode.get(number, str(number))
        raise ReplayError(f"hard isolation failed at {what}: {name} ({os.strerror(number)})", slug="hard-isolation")
    return result
