"""Replay Harness: record production incidents, replay them offline under pytest, keep them as regression tests.

Names are loaded when first used: `import replay` in a service costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AIOHTTP": "replay.entrypoints.aiohttp_server",
    "ASGI": "replay.entrypoints.asgi",
    "Incident": "replay.surfaces.pytest_items",
    "Policy": "replay.core.policy",
    "Redaction": "replay.core.redaction.rules",
    "Run": "replay.engine.finished",
    "WSGI": "replay.entrypoints.wsgi",
    "always": "replay.engine.keep",
    "aws_lambda": "replay.entrypoints.aws_lambda",
    "boundary": "replay.boundaries.call",
    "capture": "replay.entrypoints.function",
    "celery": "replay.entrypoints.celery",
    "errors": "replay.errors",
    "flag": "replay.boundaries.environ",
    "flush": "replay.surfaces.init",
    "fuzz": "replay.surfaces.fuzzing",
    "init": "replay.surfaces.init",
    "invariant": "replay.engine.invariants",
    "model": "replay.boundaries.model",
    "mutations": "replay.surfaces.mutations",
    "note": "replay.surfaces.init",
    "on_error": "replay.engine.keep",
    "open": "replay.surfaces.run",
    "operator": "replay.engine.operators",
    "recording": "replay.entrypoints.block",
    "run": "replay.surfaces.run",
    "sample": "replay.engine.keep",
    "score_below": "replay.engine.keep",
    "slower_than": "replay.engine.keep",
    "stats": "replay.surfaces.init",
    "status_at_least": "replay.engine.keep",
}
_MODULES = ("celery", "errors")
"""Names that are modules themselves."""
__all__ = sorted([*_HOMES, "__version__"])

if TYPE_CHECKING:
    from replay import errors as errors
    from replay.boundaries.call import boundary as boundary
    from replay.boundaries.environ import flag as flag
    from replay.boundaries.model import model as model
    from replay.core.policy import Policy as Policy
    from replay.core.redaction.rules import Redaction as Redaction
    from replay.engine.finished import Run as Run
    from replay.engine.invariants import invariant as invariant
    from replay.engine.keep import (
        always as always,
    )
    from replay.engine.keep import (
        on_error as on_error,
    )
    from replay.engine.keep import (
        sample as sample,
    )
    from replay.engine.keep import (
        score_below as score_below,
    )
    from replay.engine.keep import (
        slower_than as slower_than,
    )
    from replay.engine.keep import (
        status_at_least as status_at_least,
    )
    from replay.engine.operators import operator as operator
    from replay.entrypoints import celery as celery
    from replay.entrypoints.aiohttp_server import AIOHTTP as AIOHTTP
    from replay.entrypoints.asgi import ASGI as ASGI
    from replay.entrypoints.aws_lambda import aws_lambda as aws_lambda
    from replay.entrypoints.block import recording as recording
    from replay.entrypoints.function import capture as capture
    from replay.entrypoints.wsgi import WSGI as WSGI
    from replay.surfaces.fuzzing import fuzz as fuzz
    from replay.surfaces.init import flush as flush
    from replay.surfaces.init import init as init
    from replay.surfaces.init import note as note
    from replay.surfaces.init import stats as stats
    from replay.surfaces.mutations import mutations as mutations
    from replay.surfaces.pytest_items import Incident as Incident
    from replay.surfaces.run import open as open
    from replay.surfaces.run import run as run


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'replay' has no attribute {name!r}")
    found = import_module(home)
    value = found if name in _MODULES else getattr(found, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
