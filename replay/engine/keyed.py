"""Production's redaction key, where it is here: what the code asks and says is then redacted as production's was.

A recording names its key by an id only. Whoever has the key sets `REPLAY_REDACTION_KEY`, as the service did.
"""

from __future__ import annotations

import os
from functools import lru_cache

from replay.core.recording import Recording
from replay.core.redaction.marks import marks_of
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.engine.redaction import KEY


def keyed(recording: Recording) -> Pseudonyms | None:
    """The pseudonyms of the key by which a recording was redacted; None: it was not, or the key is not here."""
    key = os.environ.get(KEY) if recording.redacted else None
    if not key:
        return None
    pseudonyms = _of(key)
    return pseudonyms if marks_of(recording).get("key") == pseudonyms.id else None


@lru_cache(maxsize=1)
def _of(key: str) -> Pseudonyms:
    return Pseudonyms(key.encode())
