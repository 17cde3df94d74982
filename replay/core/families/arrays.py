"""NumPy arrays and scalars: only where the application has imported NumPy itself."""

from __future__ import annotations

import math
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from replay.core.looking import module_and_name, mro

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder


MOST = 16 << 20
"""Items of an array or index when read: more than the bytes that are kept of one value."""


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is NumPy's own."""
    if module_and_name(kind)[0].partition(".")[0] == "numpy" and (numpy := sys.modules.get("numpy")) is not None:
        if kind is numpy.ndarray:
            return array
        if kind is numpy.ma.MaskedArray:
            return _masked
        if any(each is numpy.generic for each in mro(kind)) and numpy.dtype(kind).type is kind:
            return _scalar
    return None


def _dtype(encoder: Encoder, dtype: Any) -> Any:
    return dtype.str if dtype.names is None else [[name, dtype.fields[name][0].str] for name in dtype.names]


def array(encoder: Encoder, value: Any) -> Any:
    """The tree of a NumPy array; of one of objects item by item, as that of a list."""
    dtype = value.dtype
    if dtype.kind == "O":
        items: list[Any] = []
        tree = encoder.keep(value, {"$ndarray": {"shape": list(value.shape), "items": items}})
        encoder.each(value.flat, items)
        return tree
    nested = dtype.names is not None and any(dtype.fields[n][0].names or dtype.fields[n][0].shape for n in dtype.names)
    if dtype.hasobject or nested or dtype.kind not in "biufcmMSUV":
        return encoder.opaque(value)
    encoder.room -= value.nbytes * 4 // 3
    if encoder.room < 0:
        return encoder.cut(value, "truncated-size", value.nbytes)
    body = {"dtype": _dtype(encoder, dtype), "shape": list(value.shape), "data": b64encode(value.tobytes()).decode()}
    return encoder.keep(value, {"$ndarray": body})


def _masked(encoder: Encoder, value: Any) -> Any:
    parts = {"data": value.data, "mask": value.mask, "fill": value.fill_value}
    return encoder.keep(value, {"$masked": {name: encoder.at(name, part) for name, part in parts.items()}})


def _scalar(encoder: Encoder, value: Any) -> Any:
    dtype = value.dtype
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return {"$npscalar": {"dtype": dtype.str, "value": encoder.node(value.item())}}
    if dtype.hasobject or dtype.names is not None:
        return encoder.opaque(value)
    return {"$npscalar": {"dtype": dtype.str, "data": b64encode(value.tobytes()).decode()}}


def _numpy_dtype(body: Any) -> Any:
    import numpy

    dtype = numpy.dtype(body if type(body) is str else [(str(name), str(code)) for name, code in body])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    return dtype


def _read_array(decoder: Decoder, body: Any, number: int | None) -> Any:
    import numpy

    if math.prod(max(size, 1) for size in body["shape"]) > MOST:  # of an empty one, too: other sizes are walked
        raise ValueError("a shape of too many items")
    if "items" in body:
        return _read_objects(decoder, body, number)
    flat = numpy.frombuffer(bytearray(b64decode(body["data"], validate=True)), dtype=_numpy_dtype(body["dtype"]))
    return decoder.bind(number, flat.reshape(body["shape"]))


def _read_objects(decoder: Decoder, body: Any, number: int | None) -> Any:
    import numpy

    trees, size = body["items"], math.prod(body["shape"])
    if type(trees) is not list:
        raise TypeError("a list of items expected")
    flat = numpy.empty(len(trees), dtype=object)  # fewer where a limit cut it short
    found = decoder.bind(number, flat.reshape(body["shape"]) if len(trees) == size else flat)
    for at, tree in enumerate(trees):
        flat[at] = decoder.value(tree)
    return found


def _read_masked(decoder: Decoder, body: Any, number: int | None) -> Any:
    import numpy

    data, mask, fill = (decoder.value(body[name]) for name in ("data", "mask", "fill"))
    if type(data) is not numpy.ndarray:
        raise TypeError("an array expected")
    return decoder.bind(number, numpy.ma.MaskedArray(data, mask=mask, fill_value=fill))


def _read_scalar(decoder: Decoder, body: Any, number: int | None) -> Any:
    import numpy

    dtype = _numpy_dtype(body["dtype"])
    if "value" in body:
        if dtype.kind not in "biuf" or dtype.itemsize > 8:  # numpy.void(n) would ask for n bytes
            raise ValueError("a number expected")
        return dtype.type(decoder.value(body["value"]))
    if dtype.kind in "US" and not dtype.itemsize:  # an empty text: there are no bytes to read
        return dtype.type()
    return numpy.frombuffer(b64decode(body["data"], validate=True), dtype=dtype)[0]


READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$ndarray": _read_array,
    "$masked": _read_masked,
    "$npscalar": _read_scalar,
}
