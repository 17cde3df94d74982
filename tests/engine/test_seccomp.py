"""The filter of hard isolation, for both machines, on a small interpreter of its instructions."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest

from replay.engine.seccomp import FILES, FORBIDDEN, MISSING, REACHING, assemble, program
from replay.engine.supervisor import DESCRIPTORS, PATHS
from replay.engine.syscalls import ARCHITECTURES, numbers

PID = 4242
ALLOW, NOTIFY, KILL = "allow", "notify", "kill"


def interpret(code: bytes, data: bytes) -> str | int:
    """What the kernel would do: allow, notify, kill, or the number of an error."""
    instructions = list(struct.iter_unpack("=HBBI", code))
    place = value = 0
    while True:
        operation, yes, no, constant = instructions[place]
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif operation == 0x54:
            value &= constant
        elif operation == 0x06:
            return {0x7FFF0000: ALLOW, 0x7FC00000: NOTIFY, 0x80000000: KILL}.get(constant, constant & 0xFFFF)
        else:
            true = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[operation]
            place += yes if true else no


@pytest.fixture(params=list(ARCHITECTURES))
def ask(request: pytest.FixtureRequest) -> Any:
    """`ask(name, *arguments)`: what becomes of a system call; None if the machine does not have it."""
    machine = request.param
    table = numbers(machine)
    code = assemble(program(table, ARCHITECTURES[machine], PID))
    assert len(code) < 8 * 4096

    def go(name: str | int, *arguments: int, architecture: int = ARCHITECTURES[machine]) -> str | int | None:
        number = table.get(name) if isinstance(name, str) else name
        if number is None:
            return None
        arguments += (0,) * (6 - len(arguments))
        return interpret(code, struct.pack("=IIQ6Q", number, architecture, 0, *arguments))

    go.table = table  # type: ignore[attr-defined]
    return go


def test_sockets(ask: Any) -> None:
    """Of the internet and unix: made, but only streams and datagrams over TCP and UDP; no others."""
    inet, inet6, unix = socket.AF_INET, 10, 1
    for family in (inet, inet6):
        for kind in (1, 2, 1 | 0o2000000, 2 | 0o4000):
            assert ask("socket", family, kind) == ALLOW
            assert ask("socket", family, kind, 6) == ALLOW
            assert ask("socket", family, kind, 132) == NOTIFY  # SCTP
        assert ask("socket", family, 3) == NOTIFY  # raw
    assert ask("socket", unix, 1) == ALLOW
    assert ask("socket", unix, 2) == NOTIFY
    assert ask("socket", 16, 3) == errno.EACCES  # netlink
    assert {ask("socket", family, 1) for family in (17, 38, 40, 44)} == {NOTIFY}


def test_sending(ask: Any) -> None:
    """With an address, wherever it lies in memory; without one it goes nowhere new."""
    assert ask("sendto", 3, 1, 5, 0, 0, 0) == ALLOW
    assert ask("sendto", 3, 1, 5, 0, 0x7FFF12345678, 16) == NOTIFY
    assert ask("sendto", 3, 1, 5, 0, 1 << 40, 16) == NOTIFY
    assert ask("sendto", 3, 1, 5, 0, 8, 16) == NOTIFY


def test_processes(ask: Any) -> None:
    """Threads are made, processes are not; signals only to oneself."""
    assert ask("clone", 0x3D0F00) == ALLOW
    assert ask("clone", 0x1200011) == NOTIFY
    assert ask("clone3") == errno.ENOSYS
    for name in ("kill", "tgkill"):
        assert (ask(name, PID), ask(name, PID + 1), ask(name, 0), ask(name, 0xFFFFFFFF)) == (ALLOW, *[NOTIFY] * 3)


def test_opening(ask: Any) -> None:
    """For reading: not looked at. For writing in any way: looked at."""
    for name, place in (("open", 1), ("openat", 2)):
        if name in ask.table:
            flags = {each: ask(name, *[0] * place, each) for each in (0, 0o2000000, 1, 2, 0o100, 0o1000, 0o20200002)}
            assert flags == {0: ALLOW, 0o2000000: ALLOW, 1: NOTIFY, 2: NOTIFY, 0o100: NOTIFY, 0o1000: NOTIFY,
                             0o20200002: NOTIFY}  # fmt: skip


def test_lists(ask: Any) -> None:
    """Each call of each list gets what its list says, and ordinary calls are left alone."""
    expected = {NOTIFY: (*REACHING, *FILES, *FORBIDDEN), errno.ENOSYS: MISSING}
    for answer, names in expected.items():
        assert {ask(name) for name in names if name in ask.table} == {answer}
    assert ask("ioctl", 1, 0x5401) == ALLOW
    assert {ask("ioctl", 1, each) for each in (0x5412, 0x541C, 0x8901, 0x8902, 0x40086602)} == {NOTIFY}
    listed = set(ask.table.values())
    assert {ask(number) for number in range(460) if number not in listed} == {ALLOW}


def test_settings_of_other_processes(ask: Any) -> None:
    """Of one's own and by 0: left alone. Of others, of groups and of users: looked at. To ask changes nothing."""
    for name in ("sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr"):
        assert (ask(name, 0), ask(name, PID), ask(name, PID + 1)) == (ALLOW, ALLOW, NOTIFY)
    for name, one, group in (("setpriority", 0, 1), ("ioprio_set", 1, 2)):
        assert (ask(name, one, 0), ask(name, one, PID), ask(name, one, 1), ask(name, group, 0)) == (
            ALLOW, ALLOW, NOTIFY, NOTIFY)  # fmt: skip
    assert (ask("prlimit64", 0, 7, 8), ask("prlimit64", PID, 7, 8), ask("prlimit64", 1, 7, 0)) == (ALLOW,) * 3
    assert (ask("prlimit64", 1, 7, 8), ask("prlimit64", 1, 7, 1 << 40)) == (NOTIFY, NOTIFY)


def test_files_that_signal_and_groups_that_are_joined(ask: Any) -> None:
    """Whom a file signals; packets that a machine sends to join a group. What else is set is let be."""
    assert (ask("fcntl", 3, 8, PID), ask("fcntl", 3, 8, 0), ask("fcntl", 3, 4, 1)) == (ALLOW,) * 3
    assert (ask("fcntl", 3, 8, 1), ask("fcntl", 3, 15, 0)) == (NOTIFY, NOTIFY)
    assert {ask("setsockopt", 3, level, option) for level, option in ((0, 35), (0, 42), (41, 20))} == {NOTIFY}
    assert {ask("setsockopt", 3, level, option) for level, option in ((0, 20), (1, 35), (6, 1), (41, 26))} == {ALLOW}


def test_other_machines_and_newer_calls(ask: Any) -> None:
    """32-bit code has other numbers; x32 and what the filter does not know is missing."""
    assert ask("socket", 2, 1, architecture=0x40000003) == KILL
    assert ask(0x40000000 | 41, 2, 1) == errno.ENOSYS
    assert ask(600) == errno.ENOSYS


def test_the_supervisor_knows_every_file_call() -> None:
    """Each call about files that is handed over has a place where its path is."""
    assert {*FILES, "open", "openat"} == {*PATHS, *DESCRIPTORS}
