"""Exceptions of HTTP clients as data, rebuilt only from an allow-list."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

IMPORTABLE = frozenset({
    "aiohttp.client_exceptions", "aiohttp.http_exceptions", "asyncio.exceptions", "botocore.exceptions", "http.client",
    "httpcore", "httpcore2", "httplib2.error", "httpx", "httpx2", "requests.exceptions", "socket", "ssl",
    "urllib.error", "urllib3.exceptions",
})  # fmt: skip
"""Modules that `rebuild` may import. Another module of `PACKAGES` counts only if it is imported already."""

PACKAGES = frozenset({"aiohttp", "botocore", "httpcore", "httpcore2", "httplib2", "httpx", "httpx2", "requests",
                      "urllib3"})  # fmt: skip

BUILTINS = frozenset({
    "ArithmeticError", "AssertionError", "AttributeError", "BlockingIOError", "BrokenPipeError", "BufferError",
    "ChildProcessError", "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError",
    "EOFError", "Exception", "FileNotFoundError", "IndexError", "InterruptedError", "IsADirectoryError", "KeyError",
    "LookupError", "MemoryError", "NotADirectoryError", "NotImplementedError", "OSError", "OverflowError",
    "PermissionError", "RuntimeError", "TimeoutError", "TypeError", "UnicodeError", "ValueError",
})  # fmt: skip

CAUSES = 6
"""Links of the chain of causes and contexts that are kept."""
_PLAIN = (str, int, float, bool, bytes, type(None))
_PLAIN_IDS = frozenset(map(id, _PLAIN))
"""A type may have a metaclass with `__eq__`."""
_ARGUMENTS = (*_PLAIN, dict)
_LONGEST = 64 << 10


def name_of(kind: type[BaseException]) -> str:
    """`module.qualname`; a builtin without its module."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def describe_error(error: BaseException, causes: int = CAUSES) -> dict[str, Any]:
    """`error` as plain data: `{"type", "base", "args", "message", "state", "cause", "context"}`.

    `base` is the nearest type in the MRO that `rebuild` knows. `args` and `state` (instance attributes) keep only
    plain scalars; an exception among the args is described in turn. `context` is "cause" where it is the cause. It is
    kept where it is `suppressed` too: httpcore raises `from None`, and clients still look there. No code of types
    outside the allow-list is called.
    """
    kind = type(error)
    known = next((name_of(base) for base in kind.__mro__ if _found(base)), "Exception")
    name = name_of(kind)
    args = BaseException.args.__get__(error)  # type: ignore[attr-defined]  # a getset descriptor
    first = args[0] if args and type(args[0]) is str else ""
    message = (_text(error) or "") if name == known else first
    described: dict[str, Any] = {
        "type": name,
        "base": known,
        "args": [_argument(arg, causes) for arg in args],
        "message": message[:_LONGEST],
        "state": _state(error) if name == known else {},
        "cause": None,
        "context": None,
        "suppressed": error.__suppress_context__,
    }
    key = error.__dict__.get("_conn_key") if name == known else None
    if key is not None:  # aiohttp's connector errors name their host through it
        described["state"]["_host"], described["state"]["_port"] = _plain(key.host), _plain(key.port)
        described["state"]["_is_ssl"] = key.is_ssl is True
        described["os_error"] = describe_error(error._os_error, 0)  # type: ignore[attr-defined]
        described["certificate"] = "_certificate_error" in error.__dict__  # which it has in the place of the OS error
    if name == known and "request_info" in error.__dict__:
        described["response"] = _response(error)
    cause, context = error.__cause__, error.__context__
    if cause is not None and causes and cause is not error:
        described["cause"] = describe_error(cause, causes - 1)
    if context is not None and causes and context is not error:
        described["context"] = "cause" if context is cause else describe_error(context, causes - 1)
    return described


def _response(error: BaseException) -> dict[str, Any]:
    """What `aiohttp.ClientResponseError` speaks of: the request it answers, and the answer's headers."""
    asked, headers = error.__dict__["request_info"], error.__dict__.get("headers")
    known = type(asked).__module__.startswith("aiohttp.")
    return {
        "method": _plain(asked.method) if known else None,
        "url": str(asked.url) if known else None,
        "real_url": str(asked.real_url) if known else None,
        "headers": None if headers is None else [[_plain(name), _plain(value)] for name, value in headers.items()],
    }


def rebuild(described: dict[str, Any], causes: int = CAUSES) -> BaseException:
    """A new exception of the described type with the same `str()`.

    A type that is not allowed becomes a stand-in: same name and module, derived from the nearest allowed base.
    """
    name = str(described.get("type"))
    kind = _allowed(name)
    message = str(described.get("message") or "")
    if kind is None:
        base = _allowed(str(described.get("base"))) or Exception
        module, _, qualname = name.rpartition(".")
        kind = type(qualname or "Error", (base,), {"__module__": module or "builtins", "__str__": lambda _: message})
    error = _instance(kind, described, message, causes)
    cause = described.get("cause")
    if isinstance(cause, dict) and causes:
        error.__cause__ = rebuild(cause, causes - 1)
    context = described.get("context")
    if isinstance(context, dict) and causes:
        error.__context__ = rebuild(context, causes - 1)
    elif context == "cause":
        error.__context__ = error.__cause__
    error.__suppress_context__ = described.get("suppressed", error.__suppress_context__) is True
    return error


def _instance(kind: type[BaseException], described: dict[str, Any], message: str, causes: int) -> BaseException:
    """An instance without running the client's own `__init__`, which wants pools, requests and connections."""
    args = tuple(
        rebuild(arg, causes - 1) if isinstance(arg, dict) and causes else arg
        for arg in _of(list[Any], described.get("args"))
        if isinstance(arg, _ARGUMENTS)
    )
    state = {key: value for key, value in _of(dict[str, Any], described.get("state")).items()
             if isinstance(key, str) and not key.startswith("__") and isinstance(value, _PLAIN)}  # fmt: skip
    if issubclass(kind, OSError) and kind.__init__ is OSError.__init__:
        error: BaseException = kind(*args)  # errno and strerror are set by the constructor
    else:
        error = kind.__new__(kind, *args)
        error.args = args
    error.__dict__.update(state)
    if isinstance(described.get("os_error"), dict):
        _connector(error, described, state, rebuild(described["os_error"], 0))
    if isinstance(described.get("response"), dict):
        _answered(error, described["response"])
    if _text(error) != message:
        error.args = (message,)
    return error


def _connector(error: BaseException, described: dict[str, Any], state: dict[str, Any], cause: BaseException) -> None:
    """What `aiohttp.ClientConnectorError` needs to speak: its connection key and its OS error."""
    reqrep = import_module("aiohttp.client_reqrep")
    fields = dict.fromkeys(reqrep.ConnectionKey._fields)
    fields.update(host=state.get("_host"), port=state.get("_port"), is_ssl=state.get("_is_ssl"), ssl=True)
    key = reqrep.ConnectionKey(**fields)
    error.__dict__.update(_conn_key=key, _os_error=cause)
    if described.get("certificate") is True:
        error.__dict__["_certificate_error"] = cause
    if isinstance(error, OSError):
        number, text = (*cause.args, None, None)[:2]
        OSError.__init__(error, number, text)
        error.errno, error.strerror = number, text
    error.args = (key, cause)


def _answered(error: BaseException, response: dict[str, Any]) -> None:
    """What `aiohttp.ClientResponseError` needs to speak; the headers of its request are not kept."""
    multidict, url = import_module("multidict"), import_module("yarl").URL
    asked = import_module("aiohttp.client_reqrep").RequestInfo(
        url(str(response.get("url") or "")), str(response.get("method") or ""),
        multidict.CIMultiDictProxy(multidict.CIMultiDict()), url(str(response.get("real_url") or "")),
    )  # fmt: skip
    pairs = response.get("headers")
    headers = None
    if isinstance(pairs, list):
        headers = multidict.CIMultiDict((str(pair[0]), str(pair[1])) for pair in pairs if len(pair) == 2)
    error.__dict__.update(request_info=asked, history=(), headers=headers)
    error.args = (asked, ())


def _text(error: BaseException) -> str | None:
    try:
        return str(error)
    except Exception:  # a __str__ that misses what only the real __init__ sets
        return None


def _of(kind: Callable[[], T], value: object) -> T:
    """`value` if it is of that kind, else an empty one: what is stored may be damaged."""
    empty = kind()
    return value if type(value) is type(empty) else empty


def _argument(value: object, causes: int) -> Any:
    return describe_error(value, causes - 1) if causes and isinstance(value, BaseException) else _plain(value)


def _plain(value: object) -> Any:
    if id(type(value)) not in _PLAIN_IDS:
        return None
    return value if not isinstance(value, str | bytes) or len(value) < _LONGEST else None


def _state(error: BaseException) -> dict[str, Any]:
    attributes = error.__dict__
    return {
        key: value for key, value in attributes.items()
        if type(key) is str and not key.startswith("__") and id(type(value)) in _PLAIN_IDS and _plain(value) is value
    }  # fmt: skip


def _found(kind: type) -> bool:
    """`kind` is what its own name resolves to in the allow-list."""
    module = kind.__module__
    if module == "builtins":
        return kind.__qualname__ in BUILTINS
    if module not in IMPORTABLE and module.partition(".")[0] not in PACKAGES:
        return module == "socket" or module == "ssl"
    return getattr(sys.modules.get(module), kind.__qualname__, None) is kind


def _allowed(name: str) -> type[BaseException] | None:
    """The exception type of that name, if the allow-list has it."""
    module, _, qualname = name.rpartition(".")
    if not module:
        found = getattr(sys.modules["builtins"], name, None) if name in BUILTINS else None
    elif module in IMPORTABLE or module.partition(".")[0] in PACKAGES:
        found = getattr(_module(module), qualname, None)
    else:
        found = None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _module(name: str) -> Any:
    if name in sys.modules or name not in IMPORTABLE:
        return sys.modules.get(name)
    try:
        return import_module(name)
    except ImportError:
        return None
