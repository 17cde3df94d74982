"""gRPC's errors: their status is in a state of the library's, behind a lock, or in classes that no tag stands for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from replay.core.looking import dotted, instance_dict, mro

_STATE = "grpc._channel._RPCState"
_LATER = "grpc.aio._call.AioRpcError"
_FIELDS = {"initial": "initial_metadata", "trailing": "trailing_metadata", "details": "details",
           "debug": "debug_error_string"}  # fmt: skip


def status_of(kind: type, own: dict[str, Any], args: tuple[Any, ...]) -> dict[str, Any] | None:
    """The status of an error with these attributes: `{"code": "NOT_FOUND", "details", "initial", "trailing", "debug"}`,
    which is stored as its argument. None: it is no such error. Runs no code of the error."""
    if _is_status(args) and dotted(kind).startswith("grpc."):
        return args[0]  # type: ignore[no-any-return]  # of a stand-in
    held = instance_dict(own["_state"]) if dotted(type(own.get("_state"))) == _STATE else None
    if held is None and any(dotted(each) == _LATER for each in mro(kind)):
        held = {name.removeprefix("_"): value for name, value in own.items()}
    if held is None:
        return None
    found = {name: held.get(field) for name, field in _FIELDS.items()}
    for name in ("initial", "trailing"):
        found[name] = _pairs(found[name])
    return {"code": instance_dict(held.get("code")).get("_name_"), **found}


def message_of(status: dict[str, Any]) -> str:
    """What it says: `NOT_FOUND: no such customer`."""
    return f"{status['code']}: {status['details']}"


def restore(error: BaseException) -> None:
    """Give an error of the library that was just made its status, which is its argument so far."""
    grpc: Any = sys.modules.get("grpc")
    if grpc is None or not _is_status(error.args) or not isinstance(error, grpc.RpcError):
        return
    own, status = instance_dict(error), error.args[0]
    error.args = ()
    code = grpc.StatusCode.__members__.get(status.get("code"))
    initial, trailing = (_pairs(status.get(name)) for name in ("initial", "trailing"))
    if any(dotted(each) == _LATER for each in mro(type(error))):
        kind = import_module("grpc.aio").Metadata
        own.update(_code=code, _details=status.get("details"), _initial_metadata=kind(*initial))
        own.update(_trailing_metadata=kind(*trailing), _debug_error_string=status.get("debug"))
        return
    state = import_module("grpc._channel")._RPCState((), tuple(initial), tuple(trailing), code, status.get("details"))
    state.debug_error_string = status.get("debug")
    own["_state"] = state


def _is_status(args: tuple[Any, ...]) -> bool:
    return len(args) == 1 and type(args[0]) is dict and args[0].keys() == {"code", *_FIELDS}


def _pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    """Keys and values, in the order in which they came."""
    held = instance_dict(metadata).get("_metadata")
    if isinstance(held, dict):
        metadata = [(key, value) for key, values in dict.items(held) for value in values]
    if not isinstance(metadata, (tuple, list)):
        return []
    pairs = [tuple(each) for each in metadata if isinstance(each, (tuple, list)) and len(each) == 2]
    return [(key, value) for key, value in pairs if type(key) is str and type(value) in (str, bytes)]
