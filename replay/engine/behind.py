"""Hearing of the error behind an answer (see `replay.core.behind`)."""

from __future__ import annotations

from replay.core.snapshot import Settled, snapshot_error
from replay.core.world import lost

MOST = 8
"""Logged errors of one unit of work that are looked at."""


class Behind:
    """The last error that one unit of work handled."""

    __slots__ = ("_count", "_is_sure", "error")

    def __init__(self) -> None:
        self.error: Settled | None = None
        self._is_sure = False
        self._count = 0

    def hear(self, error: BaseException, *, is_sure: bool) -> None:
        """`is_sure`: the framework says that it answers for it; else it was logged. It is copied now: nothing keeps
        the error, its frames and what they hold, longer than the application does."""
        self._count += 1
        if is_sure or (not self._is_sure and self._count <= MOST):
            self._is_sure = self._is_sure or is_sure
            if self.error is not None and any(gap.reason == "encode-failed" for gap in self.error.settle().gaps):
                lost("handled-failed")  # that gap is in no recording
            self.error = snapshot_error(error)
