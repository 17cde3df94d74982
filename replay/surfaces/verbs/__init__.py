"""The verbs of the `replay` command, a module each, imported when asked for.

Each module has `command`, a click command; what it needs beyond click is imported inside it.
"""

from __future__ import annotations

VERBS = (
    "demo", "list", "show", "run", "debug", "fuzz", "hunt", "why", "minimize", "promote", "verify", "bisect", "diff",
    "report", "scan", "scrub", "doctor", "bench", "schema", "completion",
)  # fmt: skip
"""In the order of `replay --help`; the module of a verb has its name."""
