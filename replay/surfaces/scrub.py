"""Rewrites bundles through the rules of redaction: what `replay scrub` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from replay.core.recording import Recording
from replay.engine.redaction import Redacting
from replay.errors import BundleError, UsageError
from replay.store.bundle import SUFFIX, holds_sealed, open_bundle, write_bundle
from replay.surfaces.config import load
from replay.surfaces.redaction import key_of, redactor


class Scrubbed(msgspec.Struct, frozen=True):
    """What became of one bundle."""

    path: str
    out: str
    recordings: list[dict[str, Any]]
    """`{id, from, changed, kinds}`: the new id, the old one, whether it was changed, secrets of each kind."""


def scrub(path: Path, out: Path | None, *, in_place: bool, unsealed: bool = False) -> Scrubbed:
    """Write the bundle anew without secrets. The original stays, unless `in_place`. A changed recording has a new
    digest, and that of the original as its parent's.

    Raises BundleError, UsageError, and RedactionError: then nothing is written.
    """
    if in_place and out is not None:
        raise UsageError("Give --out or --in-place, not both.")
    if not unsealed and holds_sealed(path):
        raise BundleError(f"{path} is sealed, and what would be written can be read by anybody: nobody but its writer "
                          "can seal it anew. Say --unsealed to have it so.", slug="bundle-sealed")  # fmt: skip
    target = path if in_place else out or path.with_name(path.name.removesuffix(SUFFIX) + "-scrubbed" + SUFFIX)
    own = load(path.parent).redaction
    redacting = Redacting(lambda: redactor(own, key_of(None)), seconds=600.0)
    before = list(open_bundle(path))
    after = [_child(one, redacting(one)) for one in before]
    write_bundle(after, target, overwrite=in_place)
    rows = [
        {"id": two.id, "from": one.id, "changed": two is not one, "kinds": _kinds(two) if two is not one else {}}
        for one, two in zip(before, after, strict=True)
    ]
    return Scrubbed(str(path), str(target), rows)


def _child(before: Recording, after: Recording) -> Recording:
    if after is before or before.parent_digest is not None:  # of a mutation the parent is what it was made from
        return after
    child = msgspec.structs.replace(after, parent_digest=before.digest)
    return msgspec.structs.replace(child, id=child.digest[:16]) if after.id == after.digest[:16] else child


def _kinds(recording: Recording) -> dict[str, int]:
    found: dict[str, int] = recording.context.tree["redaction"]["kinds"]
    return found
