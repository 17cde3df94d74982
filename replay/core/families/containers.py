"""Tuples, sets, dictionaries and the containers of `collections`."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from replay.core.looking import address_of
from replay.core.written import json_bytes

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

_SHARED_TUPLE = 50  # nodes; whether smaller ones are one object is up to the compiler, which must not show in the text
_FACTORIES: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (list, dict, set, int, str, float, tuple, bool, bytes, bytearray)
}


def _list(encoder: Encoder, value: list[Any]) -> Any:
    return encoder.each(value.copy(), encoder.keep(value, []))


def _tuple(encoder: Encoder, value: tuple[Any, ...]) -> Any:
    before = encoder.left
    tree = {"$tuple": encoder.each(value, [])}
    if before - encoder.left > _SHARED_TUPLE:
        encoder.keep(value, tree)
    return tree


def _dict(encoder: Encoder, value: dict[Any, Any]) -> Any:
    items = list(value.items())
    tree: dict[str, Any] = encoder.keep(value, {})
    for key, _ in items:
        if type(key) is not str or key[:1] == "$" or not (key.isascii() or _whole(key)):
            tree["$dict"] = pairs(encoder, items)
            return tree
    path = encoder.path
    path.append("")
    for key, item in items:
        path[-1] = key
        encoder.room -= len(key)
        if encoder.left <= 0 or encoder.room <= 0:
            path.pop()
            kept = dict(tree)
            tree.clear()
            tree.update(encoder.cut(value, encoder.spent() or "", len(items), kept))
            return tree
        tree[key] = encoder.node(item)
    path.pop()
    return tree


def pairs(encoder: Encoder, items: list[tuple[Any, Any]]) -> list[Any]:
    """Entries of a mapping whose keys are not all plain names."""
    out: list[Any] = []
    for index, (key, item) in enumerate(items):
        if encoder.left <= 0 or encoder.room <= 0:
            out.append([encoder.cut(items, encoder.spent() or "", len(items) - index), None])
            break
        step = key if type(key) is str else index
        out.append([encoder.at(f"key[{index}]", key), encoder.at(step, item)])
    return out


def _whole(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _members(encoder: Encoder, value: Any, tag: str) -> Any:
    if address_of(value) in encoder.active:
        return encoder.opaque(value, "cyclic")
    encoder.active.add(address_of(value))
    try:
        return {tag: members(encoder, list(value))}
    finally:
        encoder.active.discard(address_of(value))


def members(encoder: Encoder, items: list[Any]) -> list[Any]:
    """The trees of a set, in the order of their text."""
    out = []
    for index, item in enumerate(items):
        if encoder.left <= 0 or encoder.room <= 0:
            out.append((b"~", encoder.cut(items, encoder.spent() or "", len(items) - index)))
            break
        tree = encoder.apart(index, item)
        text = bytes(json_bytes(tree))
        if len(encoder.active) > 1:  # sets in sets are written once a level: let that count
            encoder.room -= len(text)
        out.append((text, tree))
    out.sort(key=lambda pair: pair[0])
    return [tree for _, tree in out]


def _set(encoder: Encoder, value: set[Any]) -> Any:
    tree = _members(encoder, value, "$set")
    return tree if "$opaque" in tree else encoder.keep(value, tree)


def _ordered(encoder: Encoder, value: OrderedDict[Any, Any]) -> Any:
    tree = encoder.keep(value, {})
    tree["$ordereddict"] = pairs(encoder, list(OrderedDict.items(value)))
    return tree


def _counter(encoder: Encoder, value: Counter[Any]) -> Any:
    tree = encoder.keep(value, {})
    tree["$counter"] = pairs(encoder, list(dict.items(value)))
    return tree


def _default(encoder: Encoder, value: defaultdict[Any, Any]) -> Any:
    factory = value.default_factory
    name = next((name for name, each in _FACTORIES.items() if each is factory), None)
    if name is None and factory is not None:
        encoder.gap("factory", "collections.defaultdict")
    tree = encoder.keep(value, {})
    body: dict[str, Any] = {"factory": name}
    tree["$defaultdict"] = body
    body["items"] = pairs(encoder, list(dict.items(value)))
    return tree


def _deque(encoder: Encoder, value: deque[Any]) -> Any:
    tree = encoder.keep(value, {})
    body: dict[str, Any] = {"maxlen": value.maxlen}
    tree["$deque"] = body
    body["items"] = encoder.each(list(value), [])
    return tree


def _space(encoder: Encoder, value: SimpleNamespace) -> Any:
    tree = encoder.keep(value, {})
    tree["$namespace"] = pairs(encoder, list(value.__dict__.items()))
    return tree


def fill(decoder: Decoder, into: Any, body: list[Any]) -> Any:
    """Decode the pairs of a mapping into it."""
    crowd: dict[int, int] = {}
    for key, item in body:
        name = decoder.key(key, crowd)
        into[name] = decoder.value(item)
    return into


def _read_default(decoder: Decoder, body: Any, number: int | None) -> Any:
    factory = None if body["factory"] is None else _FACTORIES[body["factory"]]
    return fill(decoder, decoder.bind(number, defaultdict(factory)), body["items"])


def _read_deque(decoder: Decoder, body: Any, number: int | None) -> Any:
    out: deque[Any] = decoder.bind(number, deque(maxlen=body["maxlen"]))
    out.extend(map(decoder.value, body["items"]))
    return out


def _read_space(decoder: Decoder, body: Any, number: int | None) -> SimpleNamespace:
    space: SimpleNamespace = decoder.bind(number, SimpleNamespace())
    fill(decoder, space.__dict__, body)
    return space


def _read_set(decoder: Decoder, body: Any, number: int | None) -> set[Any]:
    return set(decoder.members(body))


WRITERS: dict[type, Callable[[Encoder, Any], Any]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: lambda encoder, value: _members(encoder, value, "$frozenset"),
    OrderedDict: _ordered,
    Counter: _counter,
    defaultdict: _default,
    deque: _deque,
    SimpleNamespace: _space,
}

READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$tuple": lambda decoder, body, number: tuple([decoder.value(item) for item in body]),
    "$dict": lambda decoder, body, number: fill(decoder, decoder.bind(number, {}), body),
    "$set": _read_set,
    "$frozenset": lambda decoder, body, number: frozenset(decoder.members(body)),
    "$ordereddict": lambda decoder, body, number: fill(decoder, decoder.bind(number, OrderedDict()), body),
    "$counter": lambda decoder, body, number: fill(decoder, decoder.bind(number, Counter()), body),
    "$defaultdict": _read_default,
    "$deque": _read_deque,
    "$namespace": _read_space,
}
