"""Completion as the shells themselves do it: each in a terminal of its own, Tab pressed."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from select import select
from time import monotonic

import pytest

from replay.store.bundle import open_bundle

LATEST = 30.0
"""Seconds that an answer may take: a bound against hangs."""
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], "source <(replay completion bash)"),
    "zsh": (["zsh", "-f"], "autoload -Uz compinit; compinit -u -d ./dump; source <(replay completion zsh)"),
    "fish": (["fish", "--no-config"], "replay completion fish | source"),
}
"""How to start it without anybody's settings, and what its README line is."""
_CONTROL = re.compile(
    r"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>]|[\r\x07\x0f]"
)


class Terminal:
    """A shell, typed at."""

    def __init__(self, command: list[str]) -> None:
        self.process, self._end = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", COLUMNS="200", LINES="50", PS1="$ ", PROMPT="$ ")
            os.execvp(command[0], command)

    def types(self, text: str, until: str) -> bool:
        """Whether the shell, given that text, shows another before long."""
        os.write(self._end, text.encode())
        shown, end = "", monotonic() + LATEST
        while monotonic() < end:
            if not select([self._end], [], [], 0.2)[0]:
                continue
            piece = os.read(self._end, 65_536)
            if b"\x1b[c" in piece or b"\x1b[0c" in piece:
                os.write(self._end, b"\x1b[?62;c")  # fish asks what terminal this is
            shown += piece.decode(errors="replace")
            if until in _CONTROL.sub("", shown):
                return True
        return False

    def close(self) -> None:
        """End it."""
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)
        os.close(self._end)


@pytest.fixture
def terminal(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The shell in the project, our command in its path, completion set up."""
    command, setup = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    place = project / "bin"
    place.mkdir()
    (place / "replay").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m replay.surfaces.cli "$@"\n')
    (place / "replay").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(project))
    opened = Terminal(command)
    try:
        assert opened.types(f"{setup}; echo re''ady\r", "ready")
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("terminal", SHELLS, indirect=True)
def test_tab_completes(terminal: Terminal, project: Path) -> None:
    """Verbs, options, folders (to go on in), bundles, ids behind the colons; a name with a space is quoted."""
    id = open_bundle(project / "captures" / "bad.replay.db").ids()[0]
    (project / "odd name").mkdir()
    shutil.copy(project / "captures" / "bad.replay.db", project / "odd name" / "one.replay.db")
    clear = "\x15"
    assert terminal.types("replay minim\t", "replay minimize ")
    assert terminal.types(f"{clear}replay why --ru\t", "--runs ")
    assert terminal.types(f"{clear}replay why capt\t", "captures/")
    assert terminal.types("b\t", "bad.replay.db ")
    assert terminal.types(f"{clear}replay why captures/bad.replay.db::\t", f"::{id} ")
    assert terminal.types(f"{clear}replay why captures/bad.replay.db::{id[:3]}\t", f"::{id} ")
    assert terminal.types(f"{clear}replay why odd\t", "odd\\ name/")
    assert terminal.types("o\t", "one.replay.db ")
