"""What all forms of documents are made of: see `replay.surfaces.schemas`."""

from __future__ import annotations

import msgspec


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """Every form: keys that are not told are not there."""


class Site(Form):
    """A line of the project's code."""

    file: str
    line: int
    function: str
