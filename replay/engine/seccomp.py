"""The system-call filter of hard isolation, assembled for this machine.

What reaches out of the process goes to the supervisor (`USER_NOTIF`), which refuses it and remembers; what programs
try and do without is refused by the filter itself. Arguments that are pointers cannot be looked at here: those calls
are refused whatever they point at. Files are the exception: there Landlock decides, and the supervisor only looks on.
See seccomp(2), seccomp_unotify(2).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Mapping, Sequence

Instruction = tuple[int, int, int, int]
Block = list[Instruction]

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_KILL, _ERROR, _NOTIFY, _ALLOW = 0x80000000, 0x00050000, 0x7FC00000, 0x7FFF0000

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, DATAGRAM = 1, 2
_PROTOCOLS = (0, 6, 17, 262)
"""TCP, UDP, MPTCP and what stands for them: SCTP could connect by `setsockopt`."""
_CLONE_THREAD = 0x10000
_WRITES = 0o3 | 0o100 | 0o1000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC."""
_IOCTLS = (0x5412, 0x541C, 0x8901, 0x8902, 0x40086602, 0x401C5820)
"""TIOCSTI, TIOCLINUX: type into a terminal; FIOSETOWN, SIOCSPGRP: whom a file signals; FS_IOC_SETFLAGS,
FS_IOC_FSSETXATTR: attributes of a file that is open for reading."""
_SETOWN, _SETOWN_EX = 8, 15
JOINS = {0: (35, 39, 42, 46), 41: (20, 27, 42, 46)}
"""Options of IP and IPv6 that join a group: to do so a machine sends packets."""
_FIRST_UNKNOWN = 472
"""Numbers from here are newer than this filter: told to be missing, so that programs do without. x32 is above too."""

REACHING = (
    "connect", "bind", "listen", "sendmsg", "sendmmsg", "execve", "execveat", "fork", "vfork", "tkill",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "msgget", "msgsnd", "msgctl", "semget", "semop",
    "semtimedop", "semctl", "shmget", "shmat", "shmctl",
)  # fmt: skip
FILES = (
    "creat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "mknod", "mknodat",
    "link", "linkat", "symlink", "symlinkat", "truncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown",
    "fchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr",
    "removexattr", "lremovexattr", "fremovexattr",
)  # fmt: skip
SCHEDULES = ("sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr")
MISSING = (
    "clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register", "setxattrat", "removexattrat",
    "file_setattr",
)  # fmt: skip
"""Their arguments are out of sight; programs have older calls to fall back to."""
FORBIDDEN = (
    "open_by_handle_at", "ptrace", "process_vm_writev", "pidfd_getfd", "userfaultfd", "unshare", "setns", "mount",
    "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount", "mount_setattr", "reboot",
    "swapon", "swapoff", "sethostname", "setdomainname", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "acct", "quotactl", "bpf",
    "perf_event_open", "mq_open", "mq_unlink", "iopl", "ioperm", "keyctl", "add_key", "request_key", "syslog",
    "vhangup", "fspick", "fsconfig", "quotactl_fd", "fanotify_init",
)  # fmt: skip
"""Ways around, and the machine's own settings, which only root could change anyway."""


def _argument(number: int, *, high: bool = False) -> Instruction:
    return _LOAD, 0, 0, _ARGUMENTS + 8 * number + (4 if high else 0)  # both machines are little-endian


def _end(action: int) -> Instruction:
    return _RETURN, 0, 0, action


def _refuse(number: int) -> Instruction:
    return _end(_ERROR | number)


def _one_of(values: Iterable[int], rest: Sequence[Instruction]) -> Block:
    """Go on after `rest` (which ends) if the loaded value is one of these."""
    tests = list(values)
    found: Block = []
    for index, value in enumerate(tests):
        found.append((_EQUAL, len(tests) - 1 - index + len(rest), 0, value))
    return [*found, *rest]


def _socket() -> Block:
    """Sockets of unix (no datagrams: they need no connect) and of the internet may be made: to talk they must connect,
    bind or name an address. Netlink, which glibc asks for the machine's own addresses, is refused without a word."""
    stream_or_not: Block = [_argument(1), (_AND, 0, 0, 0xF)]
    unix = [*stream_or_not, (_EQUAL, 0, 1, DATAGRAM), _end(_NOTIFY), _end(_ALLOW)]
    inet = [
        *stream_or_not,
        *_one_of((STREAM, DATAGRAM), [_end(_NOTIFY)]),
        _argument(2),
        *_one_of(_PROTOCOLS, [_end(_NOTIFY)]),
        _end(_ALLOW),
    ]
    return [
        _argument(0),
        (_EQUAL, 0, 1, NETLINK),
        _refuse(errno.EACCES),
        (_EQUAL, 0, len(unix), UNIX),
        *unix,
        *_one_of((INET, INET6), [_end(_NOTIFY)]),
        *inet,
    ]


def _sendto() -> Block:
    """Without an address it goes where the socket is connected to, which is nowhere outside."""
    return [
        _argument(4),
        (_EQUAL, 0, 2, 0),
        _argument(4, high=True),
        (_EQUAL, 1, 0, 0),
        _end(_NOTIFY),
        _end(_ALLOW),
    ]


def _if_bits(argument: int, bits: int, then: int, otherwise: int) -> Block:
    return [_argument(argument), (_ANY_BIT, 0, 1, bits), _end(then), _end(otherwise)]


def _own_process(pid: int, argument: int = 0, also: tuple[int, ...] = ()) -> Block:
    """What is done to oneself; the supervisor knows the other threads."""
    return [_argument(argument), *_one_of((pid, *also), [_end(_NOTIFY)]), _end(_ALLOW)]


def _one_thing(kind: int, pid: int) -> Block:
    """A priority: of a process, not of all of a group or a user."""
    return [_argument(0), (_EQUAL, 1, 0, kind), _end(_NOTIFY), *_own_process(pid, 1, (0,))]


def _limit(pid: int) -> Block:
    """To ask for another's limits changes nothing."""
    asks: Block = [_argument(2), (_EQUAL, 0, 3, 0), _argument(2, high=True), (_EQUAL, 0, 1, 0), _end(_ALLOW)]
    return [*asks, *_own_process(pid, also=(0,))]


def _fcntl(pid: int) -> Block:
    """Whom a file signals: the others' commands are about this process."""
    own = _own_process(pid, 2, (0,))
    return [_argument(1), (_EQUAL, 0, 1, _SETOWN_EX), _end(_NOTIFY), (_EQUAL, 0, len(own), _SETOWN), *own, _end(_ALLOW)]


def _setsockopt() -> Block:
    found: Block = []
    for level, options in JOINS.items():
        joins = [_argument(2), *_one_of(options, [_end(_ALLOW)]), _end(_NOTIFY)]
        found += [_argument(1), (_EQUAL, 0, len(joins), level), *joins]
    return [*found, _end(_ALLOW)]


def _ioctl() -> Block:
    return [_argument(1), *_one_of(_IOCTLS, [_end(_ALLOW)]), _end(_NOTIFY)]


def program(numbers: Mapping[str, int], architecture: int, pid: int) -> list[Instruction]:
    """The filter for a process `pid` of this machine."""
    bodies: dict[str, Block] = {
        "socket": _socket(),
        "sendto": _sendto(),
        "clone": _if_bits(0, _CLONE_THREAD, _ALLOW, _NOTIFY),
        "open": _if_bits(1, _WRITES, _NOTIFY, _ALLOW),
        "openat": _if_bits(2, _WRITES, _NOTIFY, _ALLOW),
        "kill": _own_process(pid),
        "tgkill": _own_process(pid),
        "ioctl": _ioctl(),
        "fcntl": _fcntl(pid),
        "setsockopt": _setsockopt(),
        "prlimit64": _limit(pid),
        "setpriority": _one_thing(0, pid),
        "ioprio_set": _one_thing(1, pid),
    }
    bodies |= {name: _own_process(pid, also=(0,)) for name in SCHEDULES}
    bodies |= {name: [_end(_NOTIFY)] for name in (*REACHING, *FILES, *FORBIDDEN)}
    bodies |= {name: [_refuse(errno.ENOSYS)] for name in MISSING}
    found: Block = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        _end(_KILL),  # another machine's calls (32-bit code) have other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FIRST_UNKNOWN),
        _refuse(errno.ENOSYS),
    ]
    for name, body in bodies.items():
        if name in numbers:
            found += [(_EQUAL, 0, len(body), numbers[name]), *body]
    return [*found, _end(_ALLOW)]


def assemble(instructions: Sequence[Instruction]) -> bytes:
    """As the kernel takes it: `struct sock_filter[]`."""
    return b"".join(struct.pack("=HBBI", *each) for each in instructions)
