"""Code that reaches for the real world, one probe for each way out. `ARMED` is what a developer added since."""

from __future__ import annotations

import _socket
import asyncio
import ctypes
import ctypes.util
import multiprocessing
import os
import pty
import resource
import shlex
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any

import replay

ARMED: set[str] = set()
MARK = "probe-was-here"


def raw_socket(where: dict[str, Any]) -> None:
    """Below `socket`."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        sock.connect(("127.0.0.1", where["tcp"]))
    finally:
        sock.close()


def connect_ex(where: dict[str, Any]) -> None:
    """A connect that answers with a number."""
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", where["tcp"]))


def create_connection(where: dict[str, Any]) -> None:
    """As most libraries do."""
    socket.create_connection(("localhost", where["tcp"]), timeout=5).close()


def asyncio_streams(where: dict[str, Any]) -> None:
    """Through an event loop, whose own socket pair must work."""

    async def talk() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", where["tcp"])
        writer.close()

    asyncio.run(talk())


def dns(where: dict[str, Any]) -> None:
    """Ask for a name."""
    socket.getaddrinfo("probe.invalid", 443)


def dns_in_asyncio(where: dict[str, Any]) -> None:
    """Ask for a name in the loop's executor."""

    async def ask() -> None:
        await asyncio.get_running_loop().getaddrinfo("probe.invalid", 443)

    asyncio.run(ask())


def reverse_dns(where: dict[str, Any]) -> None:
    """Ask for the name of an address."""
    socket.gethostbyaddr("192.0.2.1")


def udp(where: dict[str, Any]) -> None:
    """A datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", ("127.0.0.1", where["udp"]))


def udp_message(where: dict[str, Any]) -> None:
    """A datagram in parts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendmsg([b"hello"], [], 0, ("127.0.0.1", where["udp"]))


def unix_socket(where: dict[str, Any]) -> None:
    """As databases and docker are reached."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(where["unix"])


def bind(where: dict[str, Any]) -> None:
    """Become a server."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))


def run_command(where: dict[str, Any]) -> None:
    """`subprocess`."""
    subprocess.run(["touch", where["file"]], check=False)


def shell(where: dict[str, Any]) -> None:
    """`os.system`."""
    os.system(f"touch {where['file']}")


def posix_spawn(where: dict[str, Any]) -> None:
    """`os.posix_spawn`."""
    os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", where["file"]], {}), 0)


def asyncio_command(where: dict[str, Any]) -> None:
    """A process of an event loop."""

    async def start() -> None:
        await (await asyncio.create_subprocess_exec("touch", where["file"])).wait()

    asyncio.run(start())


def fork(where: dict[str, Any]) -> None:
    """A child that nobody guards."""
    child = os.fork()
    if child == 0:
        Path(where["file"]).touch()
        os._exit(0)
    os.waitpid(child, 0)


def _touch(path: str) -> None:
    Path(path).touch()


def spawned_worker(where: dict[str, Any]) -> None:
    """multiprocessing's way that is no fork, and that raises no audit event of its own."""
    worker = multiprocessing.get_context("spawn").Process(target=_touch, args=(where["file"],))
    worker.start()
    worker.join()


def pseudo_terminal(where: dict[str, Any]) -> None:
    """`pty.spawn`."""
    pty.spawn(["touch", where["file"]])


def kill(where: dict[str, Any]) -> None:
    """A signal to somebody else."""
    os.kill(os.getppid(), 28)  # SIGWINCH, ignored by those who do not wait for it


def write_file(where: dict[str, Any]) -> None:
    """`open` for writing."""
    Path(where["file"]).write_text(MARK)


def write_low(where: dict[str, Any]) -> None:
    """`os.open` for writing, relative to a folder."""
    os.close(os.open(where["file"], os.O_WRONLY | os.O_CREAT))


def write_through_link(where: dict[str, Any]) -> None:
    """From the temporary folder to elsewhere."""
    link = where["temporary"] + "/link"
    Path(link).unlink(missing_ok=True)
    os.symlink(where["file"], link)
    Path(link).write_text(MARK)


def remove(where: dict[str, Any]) -> None:
    """Delete what is there."""
    os.remove(where["precious"])


def rename(where: dict[str, Any]) -> None:
    """Move it away."""
    os.replace(where["precious"], where["temporary"] + "/moved")


def overwrite_by_rename(where: dict[str, Any]) -> None:
    """Move something over it."""
    Path(where["temporary"] + "/new").write_text(MARK)
    os.replace(where["temporary"] + "/new", where["precious"])


def remove_tree(where: dict[str, Any]) -> None:
    """A whole folder, by descriptors."""
    shutil.rmtree(where["folder"])


def truncate(where: dict[str, Any]) -> None:
    """Empty it."""
    os.truncate(where["precious"], 0)


def chmod(where: dict[str, Any]) -> None:
    """Take its rights."""
    os.chmod(where["precious"], 0)


def make_folder(where: dict[str, Any]) -> None:
    """A new one."""
    os.mkdir(where["file"])


def hard_link(where: dict[str, Any]) -> None:
    """A second name for what is outside, to write through."""
    os.link(where["precious"], where["temporary"] + "/linked")


def pipe(where: dict[str, Any]) -> None:
    """`os.mkfifo`, of which Python tells its hooks nothing."""
    os.mkfifo(where["file"])


def node(where: dict[str, Any]) -> None:
    """`os.mknod`, likewise."""
    os.mknod(where["file"])


def write_below(where: dict[str, Any]) -> None:
    """A name relative to a folder that is not the current one, which Python leaves out."""
    folder = os.open(os.path.dirname(where["file"]), os.O_RDONLY)
    here = os.getcwd()
    os.chdir(where["temporary"])
    try:
        os.close(os.open(os.path.basename(where["file"]), os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    finally:
        os.chdir(here)
        os.close(folder)


def pidfd_kill(where: dict[str, Any]) -> None:
    """A signal by a descriptor of the process."""
    handle = os.pidfd_open(os.getppid())
    try:
        signal.pidfd_send_signal(handle, 28)
    finally:
        os.close(handle)


def limits(where: dict[str, Any]) -> None:
    """The limits of another process."""
    mine = resource.prlimit(os.getppid(), resource.RLIMIT_CORE)
    resource.prlimit(os.getppid(), resource.RLIMIT_CORE, mine)


def netlink(where: dict[str, Any]) -> None:
    """The kernel's own address: it needs no connect."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(struct.pack("=IHHIII", 20, 18, 0x301, 1, 0, 0))


def vsock(where: dict[str, Any]) -> None:
    """The machine on which this one runs."""
    with socket.socket(socket.AF_VSOCK) as sock:
        sock.settimeout(5)
        sock.connect((2, 1))


def abstract(where: dict[str, Any]) -> None:
    """A unix socket without a file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", "\0probe")


def database(where: dict[str, Any]) -> None:
    """SQLite writes without `open`."""
    with sqlite3.connect(where["file"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (c)")
    connection.close()


def ctypes_connect(where: dict[str, Any]) -> None:
    """libc by itself."""
    libc = ctypes.CDLL(None)
    number = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack("!H4s8x", where["tcp"], socket.inet_aton("127.0.0.1"))
    libc.connect(number, address, len(address))


def ctypes_system(where: dict[str, Any]) -> None:
    """libc's shell."""
    ctypes.CDLL(None).system(f"touch {where['file']}".encode())


def in_a_thread(where: dict[str, Any]) -> None:
    """In a thread that lost its context."""
    thread = threading.Thread(target=Context().run, args=(_quiet, create_connection, where))
    thread.start()
    thread.join()


def in_a_bare_thread(where: dict[str, Any]) -> None:
    """In a thread of which `threading` does not know."""
    import _thread

    done = threading.Lock()
    done.acquire()

    def work() -> None:
        try:
            _quiet(create_connection, where)
        finally:
            done.release()

    _thread.start_new_thread(work, ())
    assert done.acquire(timeout=20)


def without_context(where: dict[str, Any]) -> None:
    """In the same thread, with an empty context."""
    Context().run(create_connection, where)


def _quiet(function: Callable[[dict[str, Any]], None], where: dict[str, Any]) -> None:
    try:
        function(where)
    except BaseException:
        pass


def multicast(where: dict[str, Any]) -> None:
    """To join a group the machine sends packets."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        group = socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


def raw_multicast(where: dict[str, Any]) -> None:
    """The same, below `socket`."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | getattr(_socket, "SOCK_CLOEXEC", 0))
    try:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + bytes(4))
    finally:
        sock.close()


def raw_twin(where: dict[str, Any]) -> None:
    """Of a socket that is there already, a second object."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        twin = _socket.socket(fileno=sock.fileno())
        try:
            twin.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + bytes(4))
        finally:
            twin.detach()


SOFT: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "raw_socket": (raw_socket, "connect 127.0.0.1:{tcp}"),
    "connect_ex": (connect_ex, "connect 127.0.0.1:{tcp}"),
    "create_connection": (create_connection, "getaddrinfo localhost:{tcp}"),
    "asyncio_streams": (asyncio_streams, "connect 127.0.0.1:{tcp}"),
    "dns": (dns, "getaddrinfo probe.invalid:443"),
    "dns_in_asyncio": (dns_in_asyncio, "getaddrinfo probe.invalid:443"),
    "reverse_dns": (reverse_dns, "gethostbyaddr 192.0.2.1"),
    "udp": (udp, "sendto 127.0.0.1:{udp}"),
    "udp_message": (udp_message, "sendmsg 127.0.0.1:{udp}"),
    "unix_socket": (unix_socket, "connect {unix}"),
    "bind": (bind, "bind 0.0.0.0:0"),
    "run_command": (run_command, "run touch {file}"),
    "shell": (shell, "os.system touch {file}"),
    "posix_spawn": (posix_spawn, "posix_spawn touch {file}"),
    "asyncio_command": (asyncio_command, "run touch {file}"),
    "fork": (fork, "fork"),
    "spawned_worker": (spawned_worker, "run " + shlex.quote(sys.executable)),
    "pseudo_terminal": (pseudo_terminal, "pty.spawn touch {file}"),
    "kill": (kill, "kill {parent} (signal 28)"),
    "write_file": (write_file, "open {file} for writing"),
    "write_low": (write_low, "open {file} for writing"),
    "write_through_link": (write_through_link, "open {file} for writing"),
    "remove": (remove, "remove {precious}"),
    "rename": (rename, "rename {precious}"),
    "overwrite_by_rename": (overwrite_by_rename, "rename {precious}"),
    "remove_tree": (remove_tree, "remove {folder}/inside"),
    "truncate": (truncate, "truncate {precious}"),
    "chmod": (chmod, "chmod {precious}"),
    "make_folder": (make_folder, "mkdir {file}"),
    "hard_link": (hard_link, "link {precious}"),
    "pipe": (pipe, "mkfifo {file}"),
    "node": (node, "mknod {file}"),
    "write_below": (write_below, "open {file} for writing"),
    "pidfd_kill": (pidfd_kill, "kill {parent} (signal 28)"),
    "limits": (limits, "prlimit {parent}"),
    "netlink": (netlink, "socket AF_NETLINK"),
    "vsock": (vsock, "connect 2:1"),
    "abstract": (abstract, "sendto @probe"),
    "multicast": (multicast, "join a multicast group"),
    "raw_multicast": (raw_multicast, "a datagram socket by _socket"),
    "raw_twin": (raw_twin, "a socket of unknown kind by _socket"),
    "database": (database, "sqlite3.connect {file}"),
    "ctypes_connect": (ctypes_connect, "connect through ctypes"),
    "ctypes_system": (ctypes_system, "system through ctypes"),
    "in_a_thread": (in_a_thread, "getaddrinfo localhost:{tcp}"),
    "in_a_bare_thread": (in_a_bare_thread, "getaddrinfo localhost:{tcp}"),
    "without_context": (without_context, "getaddrinfo localhost:{tcp}"),
}
"""Name -> the probe, and what the soft guard says it tried."""
UNHEARD = ("pipe", "node", "write_below", "pidfd_kill", "limits", "netlink", "vsock", "abstract", "multicast",
           "raw_multicast", "raw_twin")  # fmt: skip
"""Those of which Python tells its hooks nothing, or not enough, and less common ways."""


@replay.capture
def loud(name: str, where: dict[str, Any]) -> str:
    """Does what it was not recorded to do."""
    if "reach" in ARMED:
        SOFT[name][0](where)
    return "done"


@replay.capture
def swallows(name: str, where: dict[str, Any]) -> str:
    """The same, and hides what comes of it."""
    if "reach" in ARMED:
        _quiet(SOFT[name][0], where)
    return "done"


@replay.capture
def harmless(folder: str) -> list[str]:
    """What must work during a replay."""
    return work(folder) if "reach" in ARMED else []


def work(folder: str) -> list[str]:
    """Temporary files, socket pairs, event loops, threads, databases, reading."""
    found = []
    path = Path(folder) / "deep" / "file.txt"
    path.parent.mkdir(parents=True)
    path.write_text("x")
    path.chmod(0o600)
    path.rename(path.with_name("other.txt"))
    shutil.rmtree(path.parent)
    left, right = socket.socketpair()
    left.sendall(b"pair")
    found.append(right.recv(4).decode())
    left.close()
    right.close()
    for family in (_socket.AF_UNIX, _socket.AF_INET):
        _socket.socket(family, _socket.SOCK_STREAM).close()
    socket.socket(type=socket.SOCK_DGRAM).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found.append(str(free.getsockname()[1] > 0))
    found.append(str(multiprocessing.Lock().acquire()))
    found.append(str(multiprocessing.get_context("spawn").Lock().acquire()))
    found.append(asyncio.run(asyncio.to_thread(lambda: "loop")))
    with sqlite3.connect(":memory:") as connection:
        found.append(connection.execute("SELECT 'memory'").fetchone()[0])
    connection.close()
    with sqlite3.connect(f"{folder}/x.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (c)")
    connection.close()
    with open(os.devnull, "w") as sink:
        sink.write("nothing")
    os.makedirs(os.getcwd(), exist_ok=True)  # it is there: nothing is made
    os.kill(os.getpid(), 0)
    found.append(Path(__file__).read_text()[:3])
    return found
