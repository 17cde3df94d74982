"""Patches that wait for a review."""

from __future__ import annotations

import unidiff

import replay

BENIGN = "--- a/shop.py\n+++ b/shop.py\n@@ -1,3 +1,3 @@\n import os\n-total = 0\n+total = 1\n print(total)\n"


@replay.capture
def changed(patch: str) -> dict[str, int]:
    """Lines added to each file."""
    return {each.path: each.added for each in unidiff.PatchSet(patch)}


def record() -> None:
    changed(BENIGN)
