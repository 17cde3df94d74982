"""A headless Chromium driven over its DevTools pipe (NUL-ended JSON on descriptors 3 and 4): no client library needed.

The protocol: https://chromedevtools.github.io/devtools-protocol/. Run as a script it writes screenshots:
`python -m tests.surfaces.report.chromium PAGE.html FOLDER`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
LATEST = 60.0
"""Seconds that one answer may take: a bound against hangs."""


def executable() -> str | None:
    """Where a Chromium is; None: there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page in the browser."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing, self._reading = writing, reading
        self._held = b""
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the console and the security policy said."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command's answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            ready, _, _ = select([self._reading], [], [], LATEST)
            assert ready, "the browser does not answer"
            piece = os.read(self._reading, 1 << 20)
            assert piece, "the browser ended"
            self._held += piece
        text, _, self._held = self._held.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        return message

    def show(self, page: Path, width: int, scheme: str) -> None:
        """Open a page as a screen of that width and colour scheme shows it."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=page.resolve().as_uri())
        while self.value("document.readyState") != "complete" or self.value("location.href") == "about:blank":
            pass

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression in the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, whole: bool = True) -> bytes:
        """A PNG of the page."""
        return b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])

    def press(self, key: str) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            text = {"Enter": "\r"}.get(key, "")
            code = {"Tab": 9, "Enter": 13}[key]
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                     **({"text": text} if text and kind == "keyDown" else {}))  # fmt: skip


@contextmanager
def browser() -> Iterator[Tab]:
    """A tab of a browser of its own, with an empty profile."""
    program = executable()
    assert program is not None
    their_reading, writing = os.pipe()
    reading, their_writing = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]  # fmt: skip
        # The pipe's descriptors have to be 3 and 4, which a shell can arrange without code between fork and exec.
        shell = f'exec "$@" 3<&{their_reading} 4>&{their_writing}'
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", program, *flags], pass_fds=(their_reading, their_writing),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(their_reading)
        os.close(their_writing)
        try:
            yield Tab(writing, reading)
        finally:
            os.close(writing)
            os.close(reading)
            process.terminate()
            process.wait(20)


def main(page: Path, folder: Path) -> None:
    """A picture each of width and colour scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as tab:
        for width in WIDTHS:
            for scheme in SCHEMES:
                tab.show(page, width, scheme)
                wide = tab.value("document.documentElement.scrollWidth")
                (folder / f"{page.stem}-{width}-{scheme}.png").write_bytes(tab.picture())
                print(width, scheme, "content width", wide, tab.complaints)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
