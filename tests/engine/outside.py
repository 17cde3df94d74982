"""A world that must not be touched: a listener that counts, and files outside the temporary folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Listener:
    """Counts who comes: TCP, UDP and a unix socket."""

    def __init__(self, folder: Path) -> None:
        self.hits: list[str] = []
        self._sockets = [socket.socket(), socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
        self.unix = str(folder / "unix.sock")
        for sock, address in zip(self._sockets, [("127.0.0.1", 0), ("127.0.0.1", 0), self.unix], strict=True):
            sock.bind(address)
            sock.settimeout(0.05)
        self._sockets[0].listen(50)
        self._sockets[2].listen(50)
        self.tcp, self.udp = (sock.getsockname()[1] for sock in self._sockets[:2])

    def count(self) -> list[str]:
        """What has come until now; a refused connect has left nothing in the queue of the system."""
        for sock, name in zip(self._sockets, ["tcp", "udp", "unix"], strict=True):
            try:
                if name == "udp":
                    sock.recv(100)
                else:
                    sock.accept()[0].close()
                self.hits.append(name)
            except TimeoutError:
                pass
        return self.hits

    def close(self) -> None:
        """Close all."""
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the probes reach for, and a temporary folder beside it that is the only one."""
    temporary = tmp_path / "temporary"
    outside = tmp_path / "outside"
    for folder in (temporary, outside, outside / "folder"):
        folder.mkdir()
    (outside / "precious").write_text("precious")
    (outside / "folder" / "inside").write_text("precious")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    listener = Listener(tmp_path)
    yield {
        "tcp": listener.tcp,
        "udp": listener.udp,
        "unix": listener.unix,
        "file": str(outside / "file"),
        "precious": str(outside / "precious"),
        "folder": str(outside / "folder"),
        "temporary": str(temporary),
        "parent": os.getppid(),
        "listener": listener,
    }
    listener.close()


def told(where: dict[str, Any]) -> dict[str, Any]:
    """What a recording can hold of it."""
    return {name: value for name, value in where.items() if name != "listener"}


def untouched(where: dict[str, Any]) -> None:
    """Nobody came, nothing was written."""
    assert where["listener"].count() == []
    assert not os.path.lexists(where["file"])
    precious = Path(where["precious"])
    assert (precious.read_text(), precious.stat().st_nlink, precious.stat().st_mode & 0o777) == (
        "precious", 1, 0o644 & ~_umask())  # fmt: skip
    assert (Path(where["folder"]) / "inside").read_text() == "precious"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
