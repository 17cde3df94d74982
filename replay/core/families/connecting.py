"""aiohttp's errors: what they say is in attributes of other types, and only their own code puts it together."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from replay.core.looking import class_attribute, dotted, module_and_name, mro

_args = BaseException.__dict__["args"].__get__
_MODULE = "aiohttp.client_exceptions"


def told(kind: type, own: dict[str, Any], native: dict[str, Any]) -> str | None:
    """As `str(error)` says it, but for addresses of objects; runs no code of the error. None: it is no such error.
    `own`, `native`: its attributes, those of an `OSError`."""
    text = class_attribute(kind, "__str__")
    if type(text) is not FunctionType or text.__module__ != _MODULE:
        return None
    name = text.__qualname__.partition(".")[0]
    if name == "ClientResponseError":
        return _answered(own)
    if name == "ClientConnectorError":
        return _unconnected(own, native.get("strerror"), shown=True)
    if name == "ClientConnectorCertificateError":
        error = own.get("_certificate_error")
        args = _args(error) if _is(error, BaseException) else ()
        return _unconnected(own, f"{module_and_name(type(error))[1]}: {tuple(map(_shown, args))}", shown=False)
    return None


def _answered(own: dict[str, Any]) -> str | None:
    status, message = own.get("status"), own.get("message")
    asked: Any = own.get("request_info")
    url = tuple.__getitem__(asked, -1) if _is(asked, tuple) and tuple.__len__(asked) else None
    if type(status) is not int or type(message) is not str or dotted(type(url)) not in ("yarl._url.URL", "yarl.URL"):
        return None
    return f"{status}, message={message!r}, url={str(url)!r}"


def _unconnected(own: dict[str, Any], why: object, *, shown: bool) -> str | None:
    key: Any = own.get("_conn_key")
    if not _is(key, tuple) or tuple.__len__(key) < 4:
        return None
    host, port, is_ssl, ssl = (_shown(tuple.__getitem__(key, at)) for at in range(4))
    ssl = ("default" if ssl is True else ssl) if shown else is_ssl
    return f"Cannot connect to host {host}:{port} ssl:{ssl} [{_shown(why)}]"


def _is(value: Any, kind: type) -> bool:
    """As `isinstance`, which asks the value for its class, too."""
    return any(each is kind for each in mro(type(value)))


def _shown(value: object) -> object:
    return value if type(value) in (str, int, bool, type(None)) else f"<{dotted(type(value))}>"
