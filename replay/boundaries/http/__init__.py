"""The `http` boundary: clients are tee'd while recording and answered from the recording at replay, at one seam each.

`exchange` holds what passes, `faults` the exceptions; `wire` (the http.client family), `httpx_clients` and
`aiohttp_client` are the seams; `cassette` finds answers at replay. Nothing here imports a client that the application
has not imported, and capture never imports vcr.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from replay.boundaries.http import aiohttp_client, httpx_clients, jars
from replay.boundaries.http.exchange import dropped
from replay.boundaries.seam import NOTHING, when_imported
from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference, Window
from replay.core.world import Shelf

if TYPE_CHECKING:
    from replay.boundaries.http.cassette import BundleCassette
    from replay.core.noise import Noise

CLIENTS = {
    "http.client": "requests, urllib3, botocore, httplib2, urllib",
    "requests": "by urllib3",
    "urllib3": "by http.client",
    "httpx": "transport",
    "httpx2": "transport",
    "aiohttp": "client middleware",
}


class HttpBoundary:
    """Requests of HTTP clients."""

    kind = "http"
    _installed = False
    _played = False

    def install(self) -> None:
        """Patch the clients that are imported; the others right after their first import. Idempotent."""
        if self._installed:
            return
        self._installed = True
        from replay.boundaries.http import wire

        wire.install()
        jars.install()
        when_imported("httpx", httpx_clients.patch)
        when_imported("httpx2", httpx_clients.patch)
        when_imported("aiohttp", aiohttp_client.patch)

    def begin(self) -> dict[str, Any]:
        """Nothing to add to a recording's context."""
        return {}

    def playing(self, recording: Recording) -> AbstractContextManager[None]:
        """Nothing has to hold: the seams ask the world at each call. vcr is imported before the run, whose time limits
        must not pay for it."""
        if any(interaction.boundary == self.kind for interaction in recording.interactions):
            from replay.boundaries.http import cassette as cassette
            from replay.boundaries.http import wire

            if not self._played:
                self._played = True
                from replay.boundaries.http import httpx_playback

                when_imported("httpx", httpx_playback.patch)
                when_imported("httpx2", httpx_playback.patch)
            httpx_clients.patch_again()
            wire.patch_again()
        return NOTHING

    def shelf(
        self, interactions: Sequence[Interaction], window: Window, noise: Mapping[int, tuple[Noise, ...]] = {}
    ) -> Shelf | None:
        """A vcrpy cassette over the recorded requests, made when the first request comes that is not as recorded."""
        return _LazyCassette(interactions, window, noise)

    def describe(self) -> dict[str, str]:
        """Version of each client that is imported, `unpatched` where its seam was not found; capture's drops."""
        found: dict[str, str] = {}
        patched = {*httpx_clients.patched, *aiohttp_client.patched}
        for name in CLIENTS:
            module = sys.modules.get(name)
            if module is None or not self._installed:
                continue
            version = str(getattr(module, "__version__", sys.version.split()[0]))
            seam_missing = name in ("httpx", "httpx2", "aiohttp") and name not in patched
            found[name] = f"{version} unpatched" if seam_missing else version
        if dropped:
            found["dropped"] = ", ".join(f"{name}: {count}" for name, count in sorted(dropped.items()))
        return found


class _LazyCassette:
    """Answers requests that are as recorded; makes the cassette (and imports vcr, 0.7 s) for one that is not."""

    def __init__(
        self, interactions: Sequence[Interaction], window: Window, noise: Mapping[int, tuple[Noise, ...]]
    ) -> None:
        self._made: BundleCassette | None = None
        self._from = (interactions, window, noise)
        self._played: list[Interaction] = []

    @property
    def cassette(self) -> BundleCassette:
        """It knows what was played before it was made."""
        if self._made is None:
            from replay.boundaries.http.cassette import BundleCassette

            interactions, window, noise = self._from
            self._made = BundleCassette(interactions, window, noise=noise)
            for interaction in self._played:
                self._made.play(interaction)
        return self._made

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        if self._made is None:
            for candidate in candidates:
                if candidate.request.text == asked.text:
                    self._played.append(candidate)
                    return candidate
        return self.cassette.take(asked, candidates)

    def differences(self, recorded: Interaction, asked: Value) -> Sequence[Difference]:
        return self.cassette.differences(recorded, asked)

    def noted(self, recorded: Interaction, asked: Value) -> Sequence[Difference]:
        return self.cassette.noted(recorded, asked)

    def refusal(self, asked: Value, message: str, *, brief: bool = False) -> BaseException:
        return self.cassette.refusal(asked, message, brief=brief)


http = HttpBoundary()
