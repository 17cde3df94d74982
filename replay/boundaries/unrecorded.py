"""Calls of libraries that no boundary takes. Most ask the world by native code, which no audit hook sees.

A recording says that they were made, a replay refuses them.

Who wants them recorded puts `@replay.boundary` on the function that makes them: inside of it they are its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from replay.boundaries.seam import rebind, when_imported
from replay.core.world import failed, here

_GRPC = ("__call__", "with_call", "future")
_CALLS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "grpc._channel": ("grpc", {f"_{kind}MultiCallable": _GRPC for kind in (
        "UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream", "SingleThreadedUnaryStream"
    )}),
    "grpc.aio._channel": ("grpc", {f"{kind}MultiCallable": _GRPC for kind in (
        "UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream"
    )}),
    "pycurl": ("pycurl", {"Curl": ("perform", "perform_rb", "perform_rs"), "CurlMulti": ("add_handle",)}),
    "curl_cffi.curl": ("curl_cffi", {"Curl": ("perform",)}),
    "curl_cffi.aio": ("curl_cffi", {"AsyncCurl": ("add_handle",)}),
    "psycopg._connection_base": ("psycopg", {"BaseConnection": ("_connect_gen",)}),
    "psycopg.connection": ("psycopg", {"Connection": ("wait",)}),
    "psycopg.connection_async": ("psycopg", {"AsyncConnection": ("wait",)}),
    "psycopg2": ("psycopg2", {"": ("_connect",)}),
    "MySQLdb.connections": ("MySQLdb", {"Connection": ("__init__", "query")}),
    "pyodbc": ("pyodbc", {"": ("connect",)}),
    "urllib3.backend.hface": ("urllib3-future", {"HfaceBackend": ("putrequest",)}),
    "urllib3.backend._async.hface": ("urllib3-future", {"AsyncHfaceBackend": ("putrequest",)}),
    "urllib3_future.backend.hface": ("urllib3-future", {"HfaceBackend": ("putrequest",)}),
    "urllib3_future.backend._async.hface": ("urllib3-future", {"AsyncHfaceBackend": ("putrequest",)}),
    "confluent_kafka.cimpl": ("confluent_kafka", {"Producer": ("produce",), "Consumer": ("poll", "consume")}),
}  # fmt: skip
"""By the module that defines them: the library, and the methods of its classes that ask the world; `""`: functions."""
_CONNECT = frozenset({"_connect_gen", "_connect", "__init__"})
"""What `connect` is inside."""
_PACKAGES = ("grpcio", "pycurl", "curl_cffi", "psycopg", "psycopg2", "psycopg2-binary", "mysqlclient", "pyodbc",
             "confluent-kafka", "urllib3-future")  # fmt: skip
_installed = False


def install() -> None:
    """Patch them, once per process, as they are imported."""
    global _installed
    if not _installed:
        _installed = True
        for name, (library, calls) in _CALLS.items():
            when_imported(name, partial(_tap, library, calls))


def _tap(library: str, calls: dict[str, tuple[str, ...]], module: ModuleType) -> None:
    for name, methods in calls.items():
        if not name:
            for each in methods:
                _put(module, each, _tapped(library, _shown(each), getattr(module, each)))
        elif (kind := getattr(module, name, None)) is not None:  # not in every version of it
            _tap_class(library, module, kind, methods)


def _tap_class(library: str, module: ModuleType, kind: type, methods: tuple[str, ...]) -> None:
    taps: dict[str, Any] = {}
    for name in methods:
        own = vars(kind).get(name)
        if isinstance(own, classmethod):
            taps[name] = classmethod(_tapped(library, _shown(name, kind), own.__func__))
        elif callable(own):
            taps[name] = _tapped(library, _shown(name, kind), own)
    try:
        for name, tapped in taps.items():
            setattr(kind, name, tapped)
    except TypeError:  # a class of C: nothing can be put into it
        same = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__slots__": ()}
        _put(module, kind.__name__, type(kind)(kind.__name__, (kind,), {**same, **taps}))


def _shown(name: str, kind: type | None = None) -> str:
    if name in _CONNECT:
        return "connect"
    return name if kind is None else f"{kind.__name__}.{name}"


def _put(module: ModuleType, name: str, tapped: object) -> None:
    original = getattr(module, name)
    setattr(module, name, tapped)
    rebind({name: (original, tapped)})


def _tapped(library: str, called: str, original: Callable[..., Any]) -> Callable[..., Any]:
    is_grpc = library == "grpc"

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        world = refusal = None
        try:
            world = here()
            refusal = None if world is None else world.unrecorded(library, _method_of(args[0]) if is_grpc else called)
        except Exception:
            failed("ask-failed", world)
        if refusal is not None:
            raise refusal
        return original(*args, **kwargs)

    return call


def _method_of(multicallable: Any) -> str:
    """`/shop.Orders/Get`."""
    method = getattr(multicallable, "_method", "?")
    return method.decode(errors="replace") if isinstance(method, bytes) else str(method)


def describe() -> dict[str, str]:
    """Those libraries that are installed, and what to do of them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = f"{version(name)}, not recorded: put @replay.boundary on what calls it"
        except PackageNotFoundError:
            continue
    return found
