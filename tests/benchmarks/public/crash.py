"""The crash itself, live: the application runs with what a find holds, and logs the error as a service does.

`python -m tests.benchmarks.public.crash APP BUNDLE`, in a folder with APP.py and its libraries; prints the log. Nothing
is captured or replayed here: the edited answer comes from a server, the edited input is passed as it is.
"""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import replay
from replay.core.recording import Recording
from tests.benchmarks.public.server import serving

SERVER = frozenset({"server", "date", "content-length", "transfer-encoding", "connection"})
"""Headers that a server writes itself."""
FRAMES = 50
"""On which the work stands in a service: of its server, framework and middleware."""


def main(app: str, bundle: str) -> None:
    (recording,) = replay.open(bundle)
    module = import_module(app)
    given: dict[str, Any] = recording.input.decode()
    args, kwargs = list(given["args"]), dict(given["kwargs"])
    logging.basicConfig(stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    sys.setrecursionlimit(sys.getrecursionlimit() - FRAMES)
    with ExitStack() as stack:
        if hasattr(module, "ANSWER"):
            args[0] = stack.enter_context(_answering(recording))
        try:
            getattr(module, recording.entrypoint.partition(":")[2])(*args, **kwargs)
        except Exception:
            logging.getLogger(app).exception("failed")


def _answering(recording: Recording) -> Any:
    """A server that answers as the recording's."""
    stored = next(each for each in recording.interactions if each.boundary == "http").answer.decode()
    data = b"".join(piece for _, piece in stored["pieces"])
    headers = [pair for pair in stored["headers"] if pair[0].lower() not in SERVER]
    return serving(data, stored["status"], headers)


if __name__ == "__main__":
    main(*sys.argv[1:])
