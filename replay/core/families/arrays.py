"""NumPy arrays and scalars, pandas frames: only where the application has imported the library itself."""

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


_MOST = 16 << 20
"""Items of an array or index when read: more than the bytes that are kept of one value."""


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is NumPy's or pandas' own."""
    root = module_and_name(kind)[0].partition(".")[0]
    if root == "numpy" and (numpy := sys.modules.get("numpy")) is not None:
        if kind is numpy.ndarray:
            return _array
        if any(each is numpy.generic for each in mro(kind)) and numpy.dtype(kind).type is kind:
            return _scalar
    if root == "pandas" and (pandas := sys.modules.get("pandas")) is not None:
        for name, write in _PANDAS.items():
            if kind is getattr(pandas, name):
                return write
        if kind is type(pandas.NaT) or kind is type(pandas.NA):
            return _missing
    return None


def _dtype(encoder: Encoder, dtype: Any) -> Any:
    return dtype.str if dtype.names is None else [[name, dtype.fields[name][0].str] for name in dtype.names]


def _array(encoder: Encoder, value: Any) -> Any:
    dtype = value.dtype
    nested = dtype.names is not None and any(dtype.fields[n][0].names or dtype.fields[n][0].shape for n in dtype.names)
    if dtype.hasobject or nested or dtype.kind not in "biufcmMSUV":
        return encoder.opaque(value)
    encoder.room -= value.nbytes * 4 // 3
    if encoder.room < 0:
        return encoder.cut(value, "truncated-size", value.nbytes)
    body = {"dtype": _dtype(encoder, dtype), "shape": list(value.shape), "data": b64encode(value.tobytes()).decode()}
    return encoder.keep(value, {"$ndarray": body})


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

    if math.prod(max(size, 1) for size in body["shape"]) > _MOST:  # of an empty one, too: other sizes are walked
        raise ValueError("a shape of too many items")
    flat = numpy.frombuffer(bytearray(b64decode(body["data"], validate=True)), dtype=_numpy_dtype(body["dtype"]))
    return decoder.bind(number, flat.reshape(body["shape"]))


def _read_scalar(decoder: Decoder, body: Any, number: int | None) -> Any:
    import numpy

    dtype = _numpy_dtype(body["dtype"])
    if "value" in body:
        if dtype.kind not in "biuf" or dtype.itemsize > 8:  # numpy.void(n) would ask for n bytes
            raise ValueError("a number expected")
        return dtype.type(decoder.value(body["value"]))
    return numpy.frombuffer(b64decode(body["data"], validate=True), dtype=dtype)[0]


def _missing(encoder: Encoder, value: Any) -> Any:
    return {"$pandas": "NaT" if type(value).__name__ == "NaTType" else "NA"}


def _timestamp(encoder: Encoder, value: Any) -> Any:
    body = {"value": value._value, "unit": value.unit}
    if value.tzinfo is not None:
        body["zone"] = encoder.at("tzinfo", value.tzinfo)
    return {"$timestamp": body}


def _timedelta(encoder: Encoder, value: Any) -> Any:
    return {"$pdtimedelta": {"value": value._value, "unit": value.unit}}


def _column(encoder: Encoder, values: Any) -> Any:
    """The tree of a one-dimensional pandas array."""
    import numpy

    dtype = values.dtype
    if isinstance(dtype, numpy.dtype) and not dtype.hasobject:
        return {"array": _array(encoder, numpy.asarray(values))}
    if hasattr(dtype, "categories"):
        return {
            "codes": _array(encoder, numpy.asarray(values.codes)),
            "categories": _column(encoder, dtype.categories.array),
            "ordered": bool(dtype.ordered),
        }
    if hasattr(dtype, "tz"):
        naive = numpy.asarray(values.tz_convert("UTC").tz_localize(None))
        return {"array": _array(encoder, naive), "zone": encoder.at("tz", dtype.tz)}
    return {"dtype": str(dtype), "items": encoder.each(list(values), [])}


def _index(encoder: Encoder, value: Any) -> Any:
    import pandas

    if type(value) is pandas.RangeIndex:
        return {
            "$index": {"range": [value.start, value.stop, value.step], "names": encoder.each(list(value.names), [])}
        }
    if type(value) is pandas.MultiIndex:
        levels = [_column(encoder, value.get_level_values(at).array) for at in range(value.nlevels)]
        return {"$index": {"levels": levels, "names": encoder.each(list(value.names), [])}}
    body = {"values": _column(encoder, value.array), "names": encoder.each(list(value.names), [])}
    if type(value) in (pandas.DatetimeIndex, pandas.TimedeltaIndex) and value.freqstr is not None:
        body["freq"] = value.freqstr
    return {"$index": body}


def _series(encoder: Encoder, value: Any) -> Any:
    return _whole(encoder, value, "$series", lambda: {
        "index": _index(encoder, value.index), "name": encoder.at("name", value.name),
        "values": _column(encoder, value.array),
    })  # fmt: skip


def _frame(encoder: Encoder, value: Any) -> Any:
    return _whole(encoder, value, "$dataframe", lambda: {
        "index": _index(encoder, value.index), "columns": _index(encoder, value.columns),
        "values": [_column(encoder, value.iloc[:, at].array) for at in range(value.shape[1])],
    })  # fmt: skip


def _whole(encoder: Encoder, value: Any, tag: str, body: Callable[[], Any]) -> Any:
    if id(value) in encoder.active:
        return encoder.opaque(value, "cyclic")
    encoder.active.add(id(value))
    try:
        return encoder.keep(value, {tag: body()})
    finally:
        encoder.active.discard(id(value))


def _read_column(decoder: Decoder, body: Any) -> Any:
    import numpy
    import pandas

    if "array" in body:
        array = decoder.value(body["array"])
        if not isinstance(array, numpy.ndarray):
            return pandas.array([], dtype=object)
        found = pandas.Index(array).array if array.dtype.kind in "mM" else pandas.array(array, dtype=array.dtype)
        return (
            pandas.DatetimeIndex(found, tz="UTC").tz_convert(decoder.value(body["zone"])).array
            if "zone" in body
            else found
        )
    if "codes" in body:
        categories = pandas.Index(_read_column(decoder, body["categories"]))
        codes = decoder.value(body["codes"])
        return pandas.Categorical.from_codes(codes, categories=categories, ordered=body["ordered"])
    items = [decoder.value(item) for item in body["items"]]
    return pandas.array(items, dtype=body["dtype"])


def _read_index(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    if "range" in body:
        index: Any = pandas.RangeIndex(*body["range"])
        if len(index) > _MOST:
            raise ValueError("a range of too many items")
    elif "levels" in body:
        index = pandas.MultiIndex.from_arrays([_read_column(decoder, level) for level in body["levels"]])
    else:
        index = pandas.Index(_read_column(decoder, body["values"]))
        if "freq" in body:
            index.freq = body["freq"]
    return decoder.bind(number, index.set_names([decoder.value(name) for name in body["names"]]))


def _read_series(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    index = decoder.value(body["index"])
    name = decoder.value(body["name"])
    return decoder.bind(
        number, pandas.Series(_read_column(decoder, body["values"]), index=index, name=name, copy=False)
    )


def _read_frame(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    index = decoder.value(body["index"])
    columns = decoder.value(body["columns"])
    values = {at: _read_column(decoder, column) for at, column in enumerate(body["values"])}
    frame = pandas.DataFrame(values, index=index)
    frame.columns = columns
    return decoder.bind(number, frame)


def _read_timestamp(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    moment = pandas.Timestamp(body["value"], unit=body["unit"]).as_unit(body["unit"])
    zone = decoder.value(body.get("zone"))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _read_timedelta(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    return pandas.Timedelta(body["value"], unit=body["unit"]).as_unit(body["unit"])


def _read_missing(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    return {"NaT": pandas.NaT, "NA": pandas.NA}[body]


_PANDAS: dict[str, Callable[[Any, Any], Any]] = {
    "DataFrame": _frame,
    "Series": _series,
    "Timestamp": _timestamp,
    "Timedelta": _timedelta,
    **dict.fromkeys(
        ("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "CategoricalIndex", "TimedeltaIndex"), _index
    ),
}

READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$ndarray": _read_array,
    "$npscalar": _read_scalar,
    "$pandas": _read_missing,
    "$timestamp": _read_timestamp,
    "$pdtimedelta": _read_timedelta,
    "$index": _read_index,
    "$series": _read_series,
    "$dataframe": _read_frame,
}
