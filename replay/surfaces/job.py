"""What passes between `replay run` and the fresh process that replays one recording: the job, and the reply.

Both are typed msgpack; nothing in them is code. A reply carries the job's token, so that nothing that the code under
test might write to the same pipe is taken for one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from replay.core.codec import Value, encode
from replay.core.recording import Recording
from replay.core.verdict import Difference, Frame, Verdict

MOST_BYTES = 1 << 30
"""Of a reply."""
_HEAD = struct.Struct("!8sQ")
_MAGIC = b"replay\0\1"
T = TypeVar("T")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to replay; see `replay.run`."""

    root: str | None = None
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    live: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    tolerance: float | None = None
    writable: tuple[str, ...] = ()
    onward: bool = False


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """For `replay run --check`: in what another process is started, and what is told beside the verdict."""

    environment: Mapping[str, str | None] = {}
    """Variables that are set, or None: not set, whatever the recording says."""
    folder: str | None = None
    """The working folder."""
    switch_interval: float | None = None
    """Seconds after which a thread gives way to another."""
    tick: int | None = None
    """Nanoseconds by which each reading of a monotonic clock moves it."""
    trace: bool = False
    """Note what each line of user code does."""
    compare: bool = True
    """Compare the outcome with the recorded one. A check compares replays with each other."""


class Asked(msgspec.Struct, frozen=True):
    """A request that was answered."""

    seq: int
    """The interaction that answered."""
    request: Value
    where: Frame | None = None
    """The line of user code that asked."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One replay."""

    token: str
    recording: Recording
    options: Options
    temporary: str
    """The temporary folder: a recorded environment must not choose another."""
    folders: tuple[str, ...] = ()
    """Where the code may write: real paths that end in a separator."""
    probe: Probe | None = None
    control: int | None = None
    """Hard isolation: the descriptor over which the locked-down process and its supervisor come to terms."""


class Failure(msgspec.Struct, frozen=True):
    """An error of ours that is no verdict: a configuration that cannot be read."""

    message: str
    slug: str
    exit_code: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the process found out."""

    token: str
    verdict: Verdict | None = None
    failure: Failure | None = None
    asked: tuple[Asked, ...] = ()
    """Of a probe: the requests that were answered."""
    trace: bytes = b""
    """Of a probe: what user code did, see `tracing`."""


def pack_job(job: Job) -> bytes:
    """A job as bytes."""
    return msgspec.msgpack.encode(job)


def unpack_job(data: bytes) -> Job:
    """The job. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(data, type=Job)


def pack_reply(reply: Reply) -> bytes:
    """A reply as bytes, its length first. Values that only this process has are encoded as recorded ones are."""
    reply = _mapped(reply, lambda value: value if isinstance(value, Value) else encode(value))
    try:
        data = msgspec.msgpack.encode(reply)
    except UnicodeEncodeError:  # a lone surrogate in the name of a file or in a line of source
        data = msgspec.msgpack.encode(_printable(msgspec.to_builtins(reply, builtin_types=(bytes,))))
    return _HEAD.pack(_MAGIC, len(data)) + data


def missing(data: bytes | bytearray) -> int:
    """How many bytes of a reply are still to come, at least. Raises ValueError if this is the start of none."""
    if len(data) < _HEAD.size:
        return _HEAD.size - len(data)
    magic, size = _HEAD.unpack_from(data)
    if magic != _MAGIC or size > MOST_BYTES:
        raise ValueError("not a reply")
    return int(max(0, _HEAD.size + size - len(data)))


def unpack_reply(data: bytes | bytearray, token: str) -> Reply:
    """The reply to the job with this token. Raises ValueError if these bytes are not exactly that."""
    if missing(data) or len(data) != _HEAD.size + _HEAD.unpack_from(data)[1]:
        raise ValueError("not one whole reply")
    reply = msgspec.msgpack.decode(data[_HEAD.size :], type=Reply)
    if reply.token != token:
        raise ValueError("a reply to another job")
    return _mapped(reply, lambda value: msgspec.convert(value, Value))


def _mapped(node: T, change: Callable[[Any], Any]) -> T:
    """`node`, with `change` applied to both sides of every difference in it."""
    found: Any = node
    if isinstance(found, Difference):
        found = msgspec.structs.replace(found, recorded=change(found.recorded), actual=change(found.actual))
    elif isinstance(found, tuple):
        found = tuple(_mapped(each, change) for each in found)
    elif isinstance(found, msgspec.Struct) and not isinstance(found, Value):
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        found = msgspec.structs.replace(found, **{name: _mapped(value, change) for name, value in fields.items()})
    return found  # type: ignore[no-any-return]


def _printable(node: Any) -> Any:
    if isinstance(node, str):
        return node.encode("utf-8", "backslashreplace").decode()
    if isinstance(node, list | tuple):
        return [_printable(each) for each in node]
    if isinstance(node, dict):
        return {_printable(key): _printable(value) for key, value in node.items()}
    return node
