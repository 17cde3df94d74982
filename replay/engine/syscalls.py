"""Numbers of the system calls that hard isolation looks at, for the machines it knows.

From the kernel's `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`; they never change.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machine -> `AUDIT_ARCH_*`, by which the kernel tells a filter whose numbers it sees."""

_BOTH = """
socket 41 198, connect 42 203, bind 49 200, listen 50 201, sendto 44 206, sendmsg 46 211, sendmmsg 307 269
execve 59 221, execveat 322 281, fork 57 -, vfork 58 -, clone 56 220, clone3 435 435
kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240
pidfd_send_signal 424 424
open 2 -, creat 85 -, openat 257 56, openat2 437 437, open_by_handle_at 304 265
unlink 87 -, unlinkat 263 35, rmdir 84 -, rename 82 -, renameat 264 38, renameat2 316 276
mkdir 83 -, mkdirat 258 34, mknod 133 -, mknodat 259 33
link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36, truncate 76 45
chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452
chown 92 -, lchown 94 -, fchown 93 55, fchownat 260 54
utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88
setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16
setxattrat 463 463, removexattrat 466 466, file_setattr 469 469
ioctl 16 29, ptrace 101 117, process_vm_writev 311 271, pidfd_getfd 438 438, userfaultfd 323 282
io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427
unshare 272 97, setns 308 268, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51
open_tree 428 428, move_mount 429 429, fsopen 430 430, fsmount 432 432, mount_setattr 442 442
reboot 169 142, swapon 167 224, swapoff 168 225, sethostname 170 161, setdomainname 171 162
init_module 175 105, finit_module 313 273, delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294
settimeofday 164 170, clock_settime 227 112, adjtimex 159 171, clock_adjtime 305 266, acct 163 89, quotactl 179 60
bpf 321 280, perf_event_open 298 241, mq_open 240 180, mq_unlink 241 181, iopl 172 -, ioperm 173 -
keyctl 250 219, add_key 248 217, request_key 249 218, syslog 103 116
seccomp 317 277, landlock_create_ruleset 444 444, landlock_add_rule 445 445, landlock_restrict_self 446 446
pidfd_open 434 434
msgget 68 186, msgsnd 69 189, msgctl 71 187, semget 64 190, semop 65 193, semtimedop 220 192, semctl 66 191
shmget 29 194, shmat 30 196, shmctl 31 195
fcntl 72 25, setsockopt 54 208, prlimit64 302 261, setpriority 141 140, ioprio_set 251 30, sched_setaffinity 203 122
sched_setparam 142 118, sched_setscheduler 144 119, sched_setattr 314 274
vhangup 153 58, fspick 433 433, fsconfig 431 431, quotactl_fd 443 443, fanotify_init 300 262
"""


def numbers(machine: str) -> Mapping[str, int]:
    """Name -> number, of the calls that this machine has."""
    column = {"x86_64": 1, "aarch64": 2}[machine]
    rows = [entry.split() for line in _BOTH.strip().splitlines() for entry in line.split(", ")]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


MACHINE = platform.machine()
NUMBERS: Mapping[str, int] = numbers(MACHINE) if MACHINE in ARCHITECTURES else {}
"""Of this machine; empty: it is not known."""
NAMES: Mapping[int, str] = {number: name for name, number in NUMBERS.items()}
