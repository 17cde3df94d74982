"""pandas frames, series, indexes and scalars: only where the application has imported pandas itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from replay.core.families.arrays import MOST, array
from replay.core.looking import address_of, module_and_name

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder


def _missing(encoder: Encoder, value: Any) -> Any:
    return {"$pandas": "NaT" if type(value).__name__ == "NaTType" else "NA"}


def _timestamp(encoder: Encoder, value: Any) -> Any:
    body = {"value": value._value, "unit": value.unit}
    if value.tzinfo is not None:
        body["zone"] = encoder.at("tzinfo", value.tzinfo)
    return {"$timestamp": body}


def _timedelta(encoder: Encoder, value: Any) -> Any:
    return {"$pdtimedelta": {"value": value._value, "unit": value.unit}}


def _period(encoder: Encoder, value: Any) -> Any:
    return {"$period": {"ordinal": value.ordinal, "freq": value.freqstr}}


def _interval(encoder: Encoder, value: Any) -> Any:
    ends = encoder.each([value.left, value.right], [])
    return {"$interval": {"left": ends[0], "right": ends[-1], "closed": value.closed}}


def _column(encoder: Encoder, values: Any) -> Any:
    """The tree of a one-dimensional pandas array."""
    import numpy

    dtype = values.dtype
    if isinstance(dtype, numpy.dtype) and not dtype.hasobject:
        return {"array": array(encoder, numpy.asarray(values))}
    if hasattr(dtype, "categories"):
        return {
            "codes": array(encoder, numpy.asarray(values.codes)),
            "categories": _column(encoder, dtype.categories.array),
            "ordered": bool(dtype.ordered),
        }
    if hasattr(dtype, "tz"):
        naive = numpy.asarray(values.tz_convert("UTC").tz_localize(None))
        return {"array": array(encoder, naive), "zone": encoder.at("tz", dtype.tz)}
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
    if address_of(value) in encoder.active:
        return encoder.opaque(value, "cyclic")
    encoder.active.add(address_of(value))
    try:
        return encoder.keep(value, {tag: body()})
    finally:
        encoder.active.discard(address_of(value))


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


def _dtype(body: Any) -> Any:
    """Of a column of objects it has to be said: pandas 3 takes texts for a column of texts."""
    return object if body.get("dtype") == "object" else None


def _read_index(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    if "range" in body:
        index: Any = pandas.RangeIndex(*body["range"])
        if len(index) > MOST:
            raise ValueError("a range of too many items")
    elif "levels" in body:
        levels = [pandas.Index(_read_column(decoder, level), dtype=_dtype(level)) for level in body["levels"]]
        index = pandas.MultiIndex.from_arrays(levels)
    else:
        index = pandas.Index(_read_column(decoder, body["values"]), dtype=_dtype(body["values"]))
        if "freq" in body:
            index.freq = body["freq"]
    return decoder.bind(number, index.set_names([decoder.value(name) for name in body["names"]]))


def _read_series(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    index = decoder.value(body["index"])
    name = decoder.value(body["name"])
    values = _read_column(decoder, body["values"])
    found = pandas.Series(values, index=index, name=name, dtype=_dtype(body["values"]), copy=False)
    return decoder.bind(number, found)


def _read_frame(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    index = decoder.value(body["index"])
    columns = decoder.value(body["columns"])
    if not isinstance(index, pandas.Index):
        index = pandas.Index(index)
    values = {
        at: pandas.Series(_read_column(decoder, column), index=index, dtype=_dtype(column))
        for at, column in enumerate(body["values"])
    }
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


def _read_period(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    return pandas.Period(ordinal=body["ordinal"], freq=body["freq"])


def _read_interval(decoder: Decoder, body: Any, number: int | None) -> Any:
    import pandas

    return pandas.Interval(decoder.value(body["left"]), decoder.value(body["right"]), body["closed"])


_WRITERS: dict[str, Callable[[Any, Any], Any]] = {
    "DataFrame": _frame,
    "Series": _series,
    "Timestamp": _timestamp,
    "Timedelta": _timedelta,
    "Period": _period,
    "Interval": _interval,
    **dict.fromkeys(
        ("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "CategoricalIndex", "TimedeltaIndex", "PeriodIndex",
         "IntervalIndex"),
        _index,
    ),
}  # fmt: skip


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is pandas' own."""
    if module_and_name(kind)[0].partition(".")[0] != "pandas" or (pandas := sys.modules.get("pandas")) is None:
        return None
    for name, write in _WRITERS.items():
        if kind is getattr(pandas, name):
            return write
    return _missing if kind is type(pandas.NaT) or kind is type(pandas.NA) else None


READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$pandas": _read_missing,
    "$timestamp": _read_timestamp,
    "$pdtimedelta": _read_timedelta,
    "$period": _read_period,
    "$interval": _read_interval,
    "$index": _read_index,
    "$series": _read_series,
    "$dataframe": _read_frame,
}
