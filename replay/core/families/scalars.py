"""Numbers, text, bytes, times, identifiers and paths."""

from __future__ import annotations

import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from types import EllipsisType, NotImplementedType
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from replay.core.looking import module_and_name
from replay.core.standins import Opaque, Truncated

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

_FRACTION_BITS = 1 << 17
"""Of a fraction's parts: reducing it takes quadratic time."""
_STRANGE = bytes({*range(32), 127} - {*b"\t\r\n"})
"""Control characters that no text holds."""
_QUIET_NAN = struct.pack(">d", math.nan)
_TRUSTED_ZONES = frozenset({"dateutil", "pytz", "psycopg2", "pendulum"})
"""Libraries whose `utcoffset` may be called: they are no application's code."""


def whole_text(value: str) -> str:
    """Text that can be written as UTF-8; lone surrogates replaced."""
    return value if value.isascii() else value.encode(errors="replace").decode()


def text(value: str) -> Any:
    """Text, tagged if it has lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"$str": b64encode(value.encode(errors="surrogatepass")).decode()}
    return value


def big(value: int) -> dict[str, str]:
    """An int outside 64 bits: decimal, or hexadecimal beyond 600 digits, where decimal takes quadratic time."""
    return {"$int": str(value) if value.bit_length() < 2000 else hex(value)}


def not_finite(value: float) -> dict[str, str]:
    """nan (its bits, if it is not the usual one) or an infinity."""
    if value == value:
        return {"$float": "inf" if value > 0 else "-inf"}
    bits = struct.pack(">d", value)
    return {"$float": "nan" if bits == _QUIET_NAN else f"nan:{bits.hex()}"}


def raw(value: bytes | bytearray) -> dict[str, str]:
    """Bytes, as text where they are."""
    try:
        plain = value.decode()
    except UnicodeDecodeError:
        return {"$base64": b64encode(value).decode()}
    if len(value.translate(None, _STRANGE)) < len(value):
        return {"$base64": b64encode(value).decode()}
    return {"$bytes": plain}


def _bytes(encoder: Encoder, value: bytes) -> Any:
    if not _fits(encoder, value):
        return encoder.cut(value, "truncated-size", len(value))
    return raw(value)


def _bytearray(encoder: Encoder, value: bytearray) -> Any:
    if not _fits(encoder, value):
        return encoder.cut(value, "truncated-size", len(value))
    return encoder.keep(value, {"$bytearray": raw(bytes(value))})


def _fits(encoder: Encoder, value: bytes | bytearray) -> bool:
    encoder.room -= len(value)
    return encoder.room >= 0


def _read_bytearray(decoder: Decoder, body: Any, number: int | None) -> bytearray:
    content = decoder.value(body)
    if type(content) is not bytes:  # an int would ask for that much memory
        raise TypeError("not bytes")
    return bytearray(content)


def _float(body: Any) -> float:
    if body in ("nan", "inf", "-inf"):
        return float(body)
    number = struct.unpack(">d", bytes.fromhex(body.removeprefix("nan:")))[0]
    if number == number:
        raise ValueError("not a nan")
    return float(number)


def _int(body: str) -> int:
    return int(body, 16) if body.lstrip("-").startswith("0x") else int(body)


def _datetime(encoder: Encoder, value: datetime) -> Any:
    zone = value.tzinfo
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    if zone is None and not value.fold:
        return {"$datetime": naive}
    if type(zone) is timezone and not value.fold and len(timezone.__getinitargs__(zone)) == 1:  # type: ignore[attr-defined]
        return {"$datetime": value.isoformat()}
    body: dict[str, Any] = {"at": naive}
    if value.fold:
        body["fold"] = 1
    if zone is not None:
        body["zone"] = _zone(encoder, value, zone)
    return {"$datetime": body}


def _zone(encoder: Encoder, value: datetime | time, zone: tzinfo) -> Any:
    module, name = module_and_name(type(zone))
    if module.partition(".")[0] in _TRUSTED_ZONES and type(value) is datetime:
        encoder.gap("zone-fixed", f"{module}.{name}")
        offset = zone.utcoffset(value)
        zone = UTC if offset is None else timezone(offset)
    return encoder.at("tzinfo", zone)


def _time(encoder: Encoder, value: time) -> Any:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    if value.tzinfo is None and not value.fold:
        return {"$time": naive}
    body: dict[str, Any] = {"at": naive, "fold": value.fold}
    if value.tzinfo is not None:
        body["zone"] = _zone(encoder, value, value.tzinfo)
    return {"$time": body}


def _read_datetime(decoder: Decoder, body: Any, number: int | None) -> datetime:
    if type(body) is str:
        return datetime.fromisoformat(body)
    return datetime.fromisoformat(body["at"]).replace(tzinfo=_read_zone(decoder, body), fold=body.get("fold", 0))


def _read_time(decoder: Decoder, body: Any, number: int | None) -> time:
    if type(body) is str:
        return time.fromisoformat(body)
    return time.fromisoformat(body["at"]).replace(tzinfo=_read_zone(decoder, body), fold=body.get("fold", 0))


def _read_zone(decoder: Decoder, body: Any) -> tzinfo | None:
    zone = decoder.value(body.get("zone"))
    if zone is None or type(zone) in (timezone, ZoneInfo):
        return zone  # type: ignore[no-any-return]
    if isinstance(zone, Opaque | Truncated):
        return None
    raise TypeError("not a time zone")


def _timezone(encoder: Encoder, value: timezone) -> Any:
    offset, *name = timezone.__getinitargs__(value)  # type: ignore[attr-defined]
    return {"$timezone": [_parts(offset), *name]}


def _read_timezone(decoder: Decoder, body: Any, number: int | None) -> timezone:
    parts, *name = body
    return timezone(timedelta(*parts), *name)


def _zoneinfo(encoder: Encoder, value: ZoneInfo) -> Any:
    key = value.key
    return encoder.opaque(value) if type(key) is not str else {"$zoneinfo": key}


def _parts(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _fraction(encoder: Encoder, value: Fraction) -> Any:
    if type(value.numerator) is not int or type(value.denominator) is not int:
        return encoder.opaque(value)
    return {"$fraction": [encoder.node(value.numerator), encoder.node(value.denominator)]}


def _uuid(encoder: Encoder, value: UUID) -> Any:
    return {"$uuid": str(value)} if type(value.int) is int else encoder.opaque(value)


def _path(encoder: Encoder, value: PurePath) -> Any:
    return {"$path": {"kind": type(value).__name__, "path": encoder.node(str(value))}}


def _read_path(decoder: Decoder, body: Any, number: int | None) -> PurePath:
    kind = _PATHS[body["kind"]]
    if issubclass(kind, Path) and kind is not type(Path()):
        kind = PureWindowsPath if kind is WindowsPath else PurePosixPath
    return kind(decoder.value(body["path"]))


def _read_fraction(decoder: Decoder, body: Any, number: int | None) -> Fraction:
    parts = [decoder.value(part) for part in body]
    if any(type(part) is not int or part.bit_length() > _FRACTION_BITS for part in parts):
        raise ValueError("not two ints, or too long to be reduced")  # text such as 1e999999999 would fill the memory
    return Fraction(*parts)


def _complex(encoder: Encoder, value: complex) -> Any:
    return {"$complex": [encoder.node(value.real), encoder.node(value.imag)]}


def _read_range(decoder: Decoder, body: Any, number: int | None) -> range:
    return range(*(decoder.value(part) for part in body))


def _range(encoder: Encoder, value: range) -> Any:
    return {"$range": [encoder.node(part) for part in (value.start, value.stop, value.step)]}


def _opaque(encoder: Encoder, value: Opaque) -> Any:
    encoder.lost += 1
    encoder.gap("opaque", whole_text(value.type))
    if value.fields is not None:
        fields = {name: encoder.at(name, item) for name, item in value.fields.items()}
        return {"$opaque": {"type": value.type, "fields": fields}}
    return {"$opaque": {"type": value.type, "size": value.size}}


def _truncated(encoder: Encoder, value: Truncated) -> Any:
    encoder.lost += 1
    encoder.gap(value.reason, whole_text(value.type))
    body = {"type": value.type, "reason": value.reason, "size": value.size}
    if value.head is not None:
        body["head"] = encoder.node(value.head)
    return {"$truncated": body}


_PATHS: dict[str, type[PurePath]] = {
    kind.__name__: kind for kind in (PurePosixPath, PureWindowsPath, PosixPath, WindowsPath)
}
_SINGLE: dict[str, Any] = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}

WRITERS: dict[type, Callable[[Encoder, Any], Any]] = {
    bytes: _bytes,
    bytearray: _bytearray,
    complex: _complex,
    range: _range,
    EllipsisType: lambda encoder, value: {"$single": "Ellipsis"},
    NotImplementedType: lambda encoder, value: {"$single": "NotImplemented"},
    datetime: _datetime,
    date: lambda encoder, value: {"$date": value.isoformat()},
    time: _time,
    timedelta: lambda encoder, value: {"$timedelta": _parts(value)},
    timezone: _timezone,
    ZoneInfo: _zoneinfo,
    Decimal: lambda encoder, value: {"$decimal": str(value)},
    Fraction: _fraction,
    UUID: _uuid,
    Opaque: _opaque,
    Truncated: _truncated,
    **dict.fromkeys(_PATHS.values(), _path),
}

READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$str": lambda decoder, body, number: b64decode(body, validate=True).decode(errors="surrogatepass"),
    "$int": lambda decoder, body, number: _int(body),
    "$float": lambda decoder, body, number: _float(body),
    "$bytes": lambda decoder, body, number: str.encode(body),
    "$base64": lambda decoder, body, number: b64decode(body, validate=True),
    "$bytearray": _read_bytearray,
    "$complex": lambda decoder, body, number: complex(decoder.value(body[0]), decoder.value(body[1])),
    "$range": _read_range,
    "$single": lambda decoder, body, number: _SINGLE[body],
    "$datetime": _read_datetime,
    "$date": lambda decoder, body, number: date.fromisoformat(body),
    "$time": _read_time,
    "$timedelta": lambda decoder, body, number: timedelta(*body),
    "$timezone": _read_timezone,
    "$zoneinfo": lambda decoder, body, number: ZoneInfo(body),
    "$decimal": lambda decoder, body, number: Decimal(body),
    "$fraction": _read_fraction,
    "$uuid": lambda decoder, body, number: UUID(body),
    "$path": _read_path,
}
