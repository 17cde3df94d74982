"""Objects that a replay makes anew: HTTP clients, whose answers the recording has, loggers and locks.

Read and made only as what the object of a captured method holds (`replay.core.receiver`). Kept are the settings that
decide what is asked and how answers are read; of the SDKs no credential. An object with a part of the user's own in it
(an event hook, a transport), or with a state that a new one would not have (cookies, a locked lock), is not read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from replay.core.looking import instance_dict, module_and_name

Settings = dict[str, Any]
_TIMES = ("connect", "read", "write", "pool")
_HTTPX = ("httpx", "httpx2")
_SDKS = ("openai", "anthropic")
_NAMES = frozenset({
    ("_thread", "lock"), ("_thread", "RLock"), ("logging", "Logger"), ("asyncio.locks", "Lock"),
    ("asyncio.locks", "Semaphore"), ("requests.sessions", "Session"),
    *((library, name) for library in _HTTPX for name in ("Client", "AsyncClient")),
    *((sdk, name) for sdk in _SDKS for name in ("OpenAI", "AsyncOpenAI", "Anthropic", "AsyncAnthropic")),
})  # fmt: skip


def read(value: object) -> tuple[str, Settings] | None:
    """Its name (`httpx:Client`) and settings; None: it cannot be made anew. Only code of these libraries is called."""
    module, name = module_and_name(type(value))
    top = module.partition(".")[0]
    if top in _SDKS:
        module = top
    if (module, name) not in _NAMES or type(value) is not _class_of(module, name):
        return None
    settings = _READERS[module](value)
    return None if settings is None else (f"{module}:{name}", settings)


def make(kind: str, settings: Mapping[str, Any]) -> Any:
    """The object. None: its library is not loaded here. Raises what its constructor raises for strange settings."""
    module, _, name = kind.partition(":")
    if (module, name) not in _NAMES:
        raise ValueError(f"nothing of this kind is made: {kind[:80]!r}")
    found = _class_of(module, name)
    return None if found is None else _MAKERS[module](found, settings)


def _class_of(module: str, name: str) -> Any:
    if module == "_thread":
        import _thread

        return type(_thread.allocate_lock()) if name == "lock" else _thread.RLock
    return getattr(sys.modules.get(module), name, None)


def _is_usual(name: str, value: str) -> bool:
    """Whether a new client sends a header like it too."""
    name = name.lower()
    return name == "accept-encoding" or value.startswith(_USUAL.get(name, "\n"))


_USUAL: dict[str, str | tuple[str, ...]] = {
    "accept": "*/*",
    "connection": "keep-alive",
    "user-agent": ("python-httpx", "python-requests/"),
}


# httpx and httpx2 -------------------------------------------------------------------------------------------------


_HTTPX_USUAL: Settings = {
    "base_url": "", "params": [], "headers": [], "timeout": dict.fromkeys(_TIMES, 5.0), "encoding": "utf-8",
    "follow_redirects": False, "max_redirects": 20,
}  # fmt: skip
"""What is not stored; pinned here, whatever a later version of the library does."""


def _read_httpx(client: Any) -> Settings | None:
    held = instance_dict(client)
    library = module_and_name(type(client))[0]
    own = sys.modules[library]
    transports = (own.HTTPTransport, own.AsyncHTTPTransport)
    if any(held["_event_hooks"].values()) or type(held["_transport"]) not in transports:
        return None
    if any(each is not None and type(each) not in transports for each in held["_mounts"].values()):
        return None
    if held["_auth"] is not None and type(held["_auth"]) is not own.BasicAuth:
        return None  # others may ask on their own
    if len(held["_cookies"].jar) or type(held["_default_encoding"]) is not str:
        return None
    found = {
        "base_url": str(held["_base_url"]),
        "params": [list(pair) for pair in held["_params"].multi_items()],
        "headers": [list(pair) for pair in held["_headers"].multi_items() if not _is_usual(*pair)],
        "timeout": {name: getattr(held["_timeout"], name) for name in _TIMES},
        "encoding": held["_default_encoding"],
        "follow_redirects": held["follow_redirects"],
        "max_redirects": held["max_redirects"],
    }
    return {name: item for name, item in found.items() if item != _HTTPX_USUAL[name]}


def _make_httpx(kind: Any, settings: Mapping[str, Any]) -> Any:
    own = sys.modules[module_and_name(kind)[0]]
    settings = {**_HTTPX_USUAL, **settings}
    return kind(
        headers=[tuple(pair) for pair in settings["headers"]],
        default_encoding=settings["encoding"],
        base_url=settings["base_url"],
        params=[tuple(pair) for pair in settings["params"]],
        timeout=own.Timeout(**{name: settings["timeout"][name] for name in _TIMES}),
        follow_redirects=settings["follow_redirects"] is True,
        max_redirects=settings["max_redirects"],
        trust_env=False,
    )


# The openai and anthropic SDKs ------------------------------------------------------------------------------------


_OF_THE_USER = (
    "_api_key_provider",
    "_provider",
    "_workload_identity_auth",
    "_custom_auth",
    "_middleware",
    "credentials",
)


def _read_sdk(client: Any) -> Settings | None:
    held = instance_dict(client)
    inner = held["_client"]
    if module_and_name(type(inner))[1] not in ("SyncHttpxClientWrapper", "AsyncHttpxClientWrapper"):
        return None
    if any(instance_dict(inner)["_event_hooks"].values()) or any(held.get(name) for name in _OF_THE_USER):
        return None
    timeout = held["timeout"] if "timeout" in held else held["_timeout"]
    plain = timeout if timeout is None or type(timeout) in (int, float) else {n: getattr(timeout, n) for n in _TIMES}
    return {
        "base_url": str(held["_base_url"]),
        "timeout": plain,
        "max_retries": held["max_retries"],
        "query": {name: item for name, item in held["_custom_query"].items() if type(name) is type(item) is str},
    }


def _make_sdk(kind: Any, settings: Mapping[str, Any]) -> Any:
    timeout = settings["timeout"]
    if isinstance(timeout, Mapping):
        own = sys.modules[module_and_name(kind)[0].partition(".")[0]]
        timeout = own.Timeout(**{name: timeout[name] for name in _TIMES})
    return kind(
        api_key="replay",
        base_url=settings["base_url"],
        timeout=timeout,
        max_retries=settings["max_retries"],
        default_query=dict(settings["query"]),
    )


# requests ---------------------------------------------------------------------------------------------------------


_REQUESTS_USUAL: Settings = {
    "params": {}, "headers": [], "retries": [["https://", 0], ["http://", 0]], "max_redirects": 30, "stream": False,
}  # fmt: skip


def _read_requests(session: Any) -> Settings | None:
    held = instance_dict(session)
    own = sys.modules["requests"]
    if any(held["hooks"].values()) or held["proxies"] or len(held["cookies"]):
        return None
    if held["auth"] is not None and type(held["auth"]) not in (tuple, own.auth.HTTPBasicAuth):
        return None
    params, headers = held["params"], list(held["headers"].items())
    if type(params) is not dict or not all(
        type(name) is type(item) is str for name, item in [*params.items(), *headers]
    ):
        return None
    retries = [[prefix, _retries(each, own.adapters.HTTPAdapter)] for prefix, each in held["adapters"].items()]
    if any(total is None for _, total in retries):
        return None
    found = {
        "params": dict(params),
        "headers": [list(pair) for pair in headers if not _is_usual(*pair)],
        "retries": retries,
        "max_redirects": held["max_redirects"],
        "stream": held["stream"],
    }
    return {name: item for name, item in found.items() if item != _REQUESTS_USUAL[name]}


def _retries(adapter: Any, plain: type) -> int | None:
    """How often it tries again, if that is all that its policy says."""
    policy = adapter.max_retries
    simple = type(adapter) is plain and not policy.status_forcelist and not policy.backoff_factor
    return policy.total if simple and type(policy.total) is int else None


def _make_requests(kind: Any, settings: Mapping[str, Any]) -> Any:
    session, settings = kind(), {**_REQUESTS_USUAL, **settings}
    session.trust_env = False
    session.headers.update(dict(settings["headers"]))
    session.params = dict(settings["params"])
    session.max_redirects, session.stream = settings["max_redirects"], settings["stream"] is True
    for prefix, total in settings["retries"]:
        session.mount(prefix, sys.modules["requests"].adapters.HTTPAdapter(max_retries=total))
    return session


# Loggers and locks ------------------------------------------------------------------------------------------------


def _read_lock(lock: Any) -> Settings | None:
    free = not lock.locked() if module_and_name(type(lock))[1] == "lock" else True
    return {} if free else None


def _make_lock(kind: Any, settings: Mapping[str, Any]) -> Any:
    import threading

    return threading.RLock() if kind is _class_of("_thread", "RLock") else threading.Lock()


def _read_logger(logger: Any) -> Settings | None:
    name = instance_dict(logger)["name"]
    return {"name": name} if type(name) is str else None


def _make_logger(kind: Any, settings: Mapping[str, Any]) -> Any:
    return sys.modules["logging"].getLogger(settings["name"])


def _read_asyncio(lock: Any) -> Settings | None:
    held = instance_dict(lock)
    if "_value" in held:
        return {"value": held["_value"]}
    return None if held["_locked"] else {}


def _make_asyncio(kind: Any, settings: Mapping[str, Any]) -> Any:
    return kind(settings["value"]) if "value" in settings else kind()


_READERS: dict[str, Callable[[Any], Settings | None]] = {
    "_thread": _read_lock,
    "logging": _read_logger,
    "asyncio.locks": _read_asyncio,
    "requests.sessions": _read_requests,
    **dict.fromkeys(_HTTPX, _read_httpx),
    **dict.fromkeys(_SDKS, _read_sdk),
}
_MAKERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "_thread": _make_lock,
    "logging": _make_logger,
    "asyncio.locks": _make_asyncio,
    "requests.sessions": _make_requests,
    **dict.fromkeys(_HTTPX, _make_httpx),
    **dict.fromkeys(_SDKS, _make_sdk),
}
