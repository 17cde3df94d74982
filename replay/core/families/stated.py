"""Instances of libraries' classes that are nothing but their attributes or items: ids, ranges, results, messages.

`{"$state": {"type", "fields"}}` is made again without any code of its class, from slots and `__dict__`. Made by their
classes in C are `{"$items": {"type", "items"}}` (the items of a multidict, of `time.struct_time`) and `{"$message":
{"type", "fields"}}` (a message of Protocol Buffers: the fields that are set, by name). Only classes that are named
here, or derive from one that is, and whose module is imported; of others nothing but the type stands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from time import struct_time
from typing import TYPE_CHECKING, Any

from replay.core.choosing import counts, says_whose
from replay.core.families import records
from replay.core.looking import assign, attributes, imported, instance_dict, located, module_and_name, mro
from replay.core.standins import ABSENT, Opaque, Record

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

_STATES = frozenset(
    f"{module}:{name}"
    for module, names in {
        "argparse": "Namespace",
        "asyncpg.types": "Range",
        "azure.functions._eventgrid": "EventGridEvent EventGridOutputEvent",
        "azure.functions._eventhub": "EventHubEvent",
        "azure.functions._http": "HttpRequest HttpRequestHeaders HttpResponse HttpResponseHeaders",
        "azure.functions._queue": "QueueMessage",
        "azure.functions._servicebus": "ServiceBusMessage",
        "azure.functions.eventhub": "EventHubEvent",
        "azure.functions.kafka": "KafkaEvent",
        "azure.functions.queue": "QueueMessage",
        "azure.functions.servicebus": "ServiceBusMessage",
        "azure.functions.timer": "TimerRequest",
        "bson.dbref": "DBRef",
        "bson.decimal128": "Decimal128",
        "bson.regex": "Regex",
        "bson.timestamp": "Timestamp",
        "cloudevents.http.event": "CloudEvent",
        "collections": "ChainMap",
        "elastic_transport": "ObjectApiResponse ListApiResponse TextApiResponse HeadApiResponse BinaryApiResponse "
        "NodeConfig",
        "grpc._channel": "_RPCState",
        "grpc.aio._metadata": "Metadata",
        "psycopg.types.multirange": "Multirange",
        "psycopg.types.range": "Range",
        "psycopg2._range": "Range NumericRange DateRange DateTimeRange DateTimeTZRange",
        "pymongo.results": "InsertOneResult InsertManyResult UpdateResult DeleteResult BulkWriteResult",
    }.items()
    for name in names.split()
)
_MESSAGES: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"{library}:{name}": ("_content", {"stream": None, **more})
        for library in ("httpx", "httpx2")
        for name, more in (("Request", {}), ("Response", {"_elapsed": timedelta(), "_decoder": None}))
    },
    "requests.models:PreparedRequest": ("headers", {"_cookies": None}),
    "requests.models:Response": ("_content", {"elapsed": timedelta(), "raw": None, "connection": None}),
}
"""Messages of HTTP clients that were read: what holds the body, and what is left out, with what is there instead: how
long it took, which is another at each run, and what it was read from."""
_REQUESTS = frozenset(name for name in _MESSAGES if name.endswith("Request"))
_LISTS = frozenset({
    "elastic_transport:HttpHeaders", "httpx2:Headers", "httpx:Headers", "multidict._multidict:CIMultiDict",
    "multidict._multidict:MultiDict", "requests.structures:CaseInsensitiveDict", "time:struct_time",
})  # fmt: skip
"""Names beside their values, as redaction reads them, whatever lies in their attributes."""
_TEXTS = {"bson.objectid:ObjectId": "id", "httpx2:URL": "url", "httpx:URL": "url", "yarl:URL": "url"}
"""What is made of its text, and what that is called."""
_ROWS = frozenset({"asyncpg.protocol.record:Record", "asyncpg.protocol.protocol:Record"})
_MESSAGE, _WRAPPED = "google.protobuf.message:Message", "proto.message:Message"
_MODELS = frozenset({"peewee:Model", "tortoise.models:Model"})
"""Rows of these are instances of the project's classes, that hold what was read and no session."""
_FOREIGN = frozenset({"google.protobuf", "peewee", "tortoise"})
"""Packages of which classes of the project may derive."""
_BASES = _MODELS | {_WRAPPED}


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is one of these."""
    name = located(kind)
    if name in _STATES and _loaded(name) is kind:
        return _state
    if name in _MESSAGES and _loaded(name) is kind:
        return _exchanged
    if name in _LISTS and _loaded(name) is kind:
        return _items
    if name in _TEXTS and _loaded(name) is kind:
        return _text
    if name in _ROWS and _loaded(name) is kind:
        return _row
    if not _FOREIGN.isdisjoint(sys.modules):
        names = {located(each) for each in mro(kind)}
        if _MESSAGE in names:
            return _message
        if not _BASES.isdisjoint(names):
            return _state
    return None


def _loaded(name: str) -> Any:
    """The class of that name, if its module is imported: nothing is imported for it."""
    module, _, found = name.partition(":")
    return getattr(imported(module), found, None)


def _state(encoder: Encoder, value: Any) -> Any:
    return records.record(encoder, value, "$state", attributes(value), {})


def _exchanged(encoder: Encoder, value: Any) -> Any:
    body, without = _MESSAGES[located(type(value))]
    held = {name: item for name, item in attributes(value).items() if name not in without}
    if type(held.get(body)) is bool or body not in held:
        return encoder.opaque(value)  # a stream that was not read
    extensions = held.get("extensions")
    if type(extensions) is dict:
        held["extensions"] = {name: item for name, item in extensions.items() if type(item) in (bytes, dict)}
    return records.record(encoder, value, "$state", held, {})


def _text(encoder: Encoder, value: Any) -> Any:
    return records.record(encoder, value, "$state", fields_of(value) or {}, {})


def fields_of(value: object) -> dict[str, Any] | None:
    """What is compared of a value that a text stands for; None: it is none."""
    name = located(type(value))
    return {_TEXTS[name]: str(value)} if name in _TEXTS and _loaded(name) is type(value) else None


def is_answer(value: object) -> bool:
    """Whether it is an answer of such a client."""
    name = located(type(value))
    return name in _MESSAGES and name not in _REQUESTS and _loaded(name) is type(value)


def asked_by(value: object) -> dict[str, Any] | None:
    """What is compared of a request that an answer or an error holds, as the SDKs' do: of its headers those by which a
    server chooses its answer, as of what the code asks; the others say who asks. None: it is no request."""
    name = located(type(value))
    if name not in _REQUESTS or _loaded(name) is not type(value):
        return None
    held: dict[str, Any] = attributes(value)
    headers = held.get("headers")
    if not isinstance(headers, Mapping):
        return held  # a stranger's bundle
    named = [(str(key).lower(), item) for key, item in headers.items()]
    chosen = {key: of(item) for key, item in named if not says_whose(key) and (of := counts(key)) is not None}
    return {**held, "headers": chosen}


def _items(encoder: Encoder, value: Any) -> Any:
    pairs = (*value, value.tm_zone, value.tm_gmtoff) if type(value) is struct_time else tuple(value.items())
    tree: dict[str, Any] = encoder.keep(value, {})
    tree["$items"] = {"type": located(type(value)), "items": encoder.at("items", pairs)}
    return tree


def _row(encoder: Encoder, value: Any) -> Any:
    columns = dict(value.items())
    if len(columns) != len(value):  # two columns of one name
        return encoder.opaque(value)
    return records.record(encoder, value, "$state", columns, {})


def _message(encoder: Encoder, value: Any) -> Any:
    held = {field.name: _plain(item) for field, item in value.ListFields()}
    return records.record(encoder, value, "$message", held, {})


def _plain(item: Any) -> Any:
    """Of repeated fields and maps, which are views of the message, a copy."""
    kind = module_and_name(type(item))[1]
    if "Map" in kind and hasattr(item, "items"):
        return dict(item.items())
    return list(item) if kind.startswith("Repeated") else item


def _read_state(decoder: Decoder, body: Any, number: int | None) -> Any:
    if body["type"] in _ROWS:
        return _read_row(decoder, body, number)
    if body["type"] in _TEXTS:
        return _read_text(decoder, body, number)
    is_listed = body["type"] in _STATES or body["type"] in _MESSAGES
    kind = _loaded(body["type"]) if is_listed else _derived(decoder, body["type"], _BASES)
    if kind is None:
        return _absent(decoder, body, number)
    value = decoder.bind(number, object.__new__(kind))
    if body["type"] in _MESSAGES:
        instance_dict(value).update(_MESSAGES[body["type"]][1])
    for name, item in decoder.mapping(body["fields"]).items():
        assign(value, name, item)
    return value


def _read_text(decoder: Decoder, body: Any, number: int | None) -> Any:
    kind = _loaded(body["type"])
    if kind is None:
        return _absent(decoder, body, number)
    text = decoder.value(body["fields"][_TEXTS[body["type"]]])
    if type(text) is not str:
        raise TypeError("text expected")
    return decoder.bind(number, kind(text, encoded=True) if body["type"] == "yarl:URL" else kind(text))


def _read_row(decoder: Decoder, body: Any, number: int | None) -> Any:
    """A row of asyncpg, made as its own tests make one."""
    make = _loaded("asyncpg.protocol.protocol:_create_record")
    if make is None:
        return _absent(decoder, body, number)
    columns = decoder.mapping(body["fields"])
    return decoder.bind(number, make({name: at for at, name in enumerate(columns)}, tuple(columns.values())))


def _read_items(decoder: Decoder, body: Any, number: int | None) -> Any:
    kind = _loaded(body["type"]) if body["type"] in _LISTS else None
    if kind is None:
        return _absent(decoder, body, number)
    items = decoder.value(body["items"])
    if type(items) is not tuple:
        raise TypeError("items are a tuple")
    return decoder.bind(number, kind(dict(items) if body["type"] == "elastic_transport:HttpHeaders" else items))


def _read_message(decoder: Decoder, body: Any, number: int | None) -> Any:
    kind = _derived(decoder, body["type"], frozenset({_MESSAGE}))
    if kind is None:
        return _absent(decoder, body, number)
    return decoder.bind(number, kind(**decoder.mapping(body["fields"])))


def _derived(decoder: Decoder, name: str, bases: frozenset[str]) -> Any:
    """The class of that name that is here, if it derives from one of these."""
    kind = decoder.class_of(name) or _loaded(name)
    return kind if isinstance(kind, type) and not bases.isdisjoint(located(each) for each in mro(kind)) else None


def _absent(decoder: Decoder, body: dict[str, Any], number: int | None) -> Any:
    """Its class is not here: what stands for it says so, where the code uses it."""
    if decoder.unkept is not None:
        kind = str(body["type"]).replace(":", ".")
        return decoder.bind(number, decoder.unkept(Opaque(kind + ABSENT)))
    fields: dict[str, Any] = {}
    record = decoder.bind(number, Record("$state", body["type"], fields))
    held = body["fields"] if "fields" in body else {"items": body["items"]}
    fields.update(decoder.mapping(held))
    return record


READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$state": _read_state,
    "$items": _read_items,
    "$message": _read_message,
}
