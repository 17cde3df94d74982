"""The verbs of the `replay` command, a module each, imported when asked for.

Each module has `command`, a click command; what it needs beyond click is imported inside it.
"""

from __future__ import annotations

VERBS = (
    "demo",
    "list",
    "show",
    "run",
    "debug",
    "fuzz",
    "promote",
    "verify",
    "bisect",
    "diff",
    "scan",
    "scrub",
    "doctor",
    "completion",
)
"""In the order of `replay --help`; the module of a verb has its name."""
