"""Values, objects and streams that do harm: capture calls none of their code and ends in bounded time."""

from __future__ import annotations

import asyncio
import dis
import gc
import inspect
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import replay
from replay.boundaries import call, handled, stream, threads
from replay.boundaries.http import aiohttp_client, httpx_clients, wire, wire_pools
from replay.core import receiver, snapshot
from replay.core.world import cross, dropped
from replay.engine import recorder
from replay.entrypoints import aiohttp_server, aws_lambda, celery, function
from replay.entrypoints.asgi import ASGI
from replay.entrypoints.steps import Steps
from replay.entrypoints.wsgi import WSGI
from replay.entrypoints.wsgi import Answer as WsgiAnswer
from replay.store.spool import Spool
from tests.safety.services import ROOT, environment, run

CALLS: list[str] = []


def counting(name: str) -> Any:
    def dunder(self: Any, *args: Any) -> Any:
        CALLS.append(name)
        raise SystemExit(name)

    return dunder


NAMES = [
    "repr", "str", "eq", "ne", "lt", "bool", "len", "hash", "iter", "next", "getitem", "contains", "call", "index",
    "int", "float", "bytes", "format", "copy", "deepcopy", "reduce", "reduce_ex", "getstate", "sizeof", "dir", "fspath",
    "buffer", "enter", "exit", "await", "aiter", "length_hint", "missing", "getattr",
]  # fmt: skip
Hostile = type("Hostile", (), {f"__{name}__": counting(name) for name in NAMES})
HostileDict = type("HostileDict", (dict,), {f"__{name}__": counting(name) for name in NAMES if name != "buffer"})
HostileStr = type("HostileStr", (str,), {f"__{name}__": counting(name) for name in NAMES})


class Classless:
    @property
    def __class__(self) -> type:  # type: ignore[override]
        CALLS.append("class")
        raise SystemExit


META = ("eq", "hash", "bool", "len", "iter", "instancecheck", "getattribute")


def compared(base: type) -> Any:
    """An instance of a class whose own comparison does harm. Pytest looks at the classes of a module: it is in none."""
    return type("Meta", (type,), {f"__{name}__": counting(name) for name in META})("Compared", (base,), {})()


@pytest.fixture
def captured() -> Iterator[list[recorder.Captured]]:
    found: list[recorder.Captured] = []
    recorder.configure(recorder.Settings(service="inputs", keep=replay.always(), sink=found.append))
    CALLS.clear()
    yield found
    recorder.configure(None)


@replay.boundary
def passed(value: Any) -> Any:
    return value


@replay.capture
def unit(value: Any) -> Any:
    return passed(value)


MAKERS: dict[str, Callable[[], Any]] = {
    "object": Hostile,
    "dict": HostileDict,
    "str": HostileStr,
    "class": Classless,
    "metaclass": lambda: compared(object),
    "metaclass of a dict": lambda: compared(dict),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", ["bare", "in a list", "in a dict", "raised"])
def test_hostile_objects_are_never_called(make: str, shape: str, captured: list[recorder.Captured]) -> None:
    """As an argument, an answer, a result and inside an error: no code of theirs runs, on the path or after it."""
    value = MAKERS[make]()
    given = {"bare": value, "in a list": [value], "in a dict": {"k": value}, "raised": ValueError(value)}[shape]
    before = dropped.copy()
    assert unit(given) is given
    for each in captured:
        each.settle()
    assert CALLS == []
    assert dropped == before
    assert len(captured) == 1


def test_cyclic_deep_and_shared_values(captured: list[recorder.Captured]) -> None:
    """A cycle, 100,000 levels, and ten levels of ten references to one: in seconds, with what is cut in the gaps."""
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    shared: Any = ["lol"] * 10
    for _ in range(30):
        shared = [shared] * 10
    started = time.process_time()  # of the processor: the machine may be busy
    for value in (cyclic, deep, shared):
        assert unit(value) is value
    settled = [each.settle() for each in captured]
    assert time.process_time() - started < 20
    assert len(settled) == 3
    assert {gap.reason for gap in settled[1].gaps} == {"truncated-depth"}


@pytest.mark.parametrize("megabytes", [300, pytest.param(1024, marks=pytest.mark.slow)])
def test_a_huge_value(megabytes: int, captured: list[recorder.Captured]) -> None:
    """300 MB, or 1 GB, in one argument: seconds of work (minutes where memory is short); what is kept is small."""
    value = ["x" * (megabytes // 3 << 20), b"y" * (megabytes * 2 // 3 << 20)]
    started = time.thread_time()
    assert unit(value) is value
    (one,) = captured
    assert one.size <= 33 << 20
    recording = one.settle()
    assert time.thread_time() - started < 20
    assert {"budget-bytes"} <= {gap.reason for gap in recording.gaps} <= {"budget-bytes", "budget-time"}


def test_natures_are_kept() -> None:
    """Signature, name, documentation and every predicate of `inspect` are those of the wrapped function."""

    def function(a: int, /, b: str = "x", *rest: int, c: bool = False, **more: Any) -> float:
        """A function."""
        return 1.0

    async def coroutine(a: int) -> None: ...
    def generator(a: int) -> Iterator[int]:
        yield a

    async def async_generator(a: int) -> AsyncIterator[int]:
        yield a

    predicates = [inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction,
                  inspect.isasyncgenfunction, inspect.isroutine, inspect.isclass]  # fmt: skip
    for plain in (function, coroutine, generator, async_generator):
        for wrapped in (replay.capture(name="a:b")(plain), replay.boundary(plain), replay.model("m")(plain)):
            assert [test(wrapped) for test in predicates] == [test(plain) for test in predicates]
            assert inspect.signature(wrapped) == inspect.signature(plain)
            assert (wrapped.__name__, wrapped.__qualname__) == (plain.__name__, plain.__qualname__)
            assert (wrapped.__doc__, wrapped.__module__) == (plain.__doc__, plain.__module__)


def log() -> tuple[list[str], Any, Any]:
    said: list[str] = []

    def stream() -> Iterator[int]:
        try:
            got = yield 1
            said.append(f"got {got}")
            try:
                yield 2
            except KeyError:
                said.append("thrown")
            yield 3
        finally:
            said.append("closed")

    async def stream_later() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            said.append("closed")

    return said, stream, stream_later


@pytest.mark.parametrize("wrap", [lambda f: f, replay.capture(name="a:b"), replay.boundary], ids=["bare", "c", "b"])
def test_streams_end_as_without_the_shim(wrap: Any, captured: list[recorder.Captured]) -> None:
    """Sent to, thrown into, closed, abandoned, never started: what the generator sees, and when, is the same."""
    said, stream, stream_later = log()
    wrapped, later = wrap(stream), wrap(stream_later)

    running = wrapped()
    assert [next(running), running.send("x"), running.throw(KeyError())] == [1, 2, 3]
    running.close()
    assert said == ["got x", "thrown", "closed"]
    said.clear()
    abandoned = wrapped()
    next(abandoned)
    del abandoned
    gc.collect()
    assert said == ["closed"]
    said.clear()
    never = wrapped()
    never.close()
    del never
    assert said == []

    async def drive() -> None:
        async for _ in later():
            break
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0.01)
        assert said == ["closed"]
        said.clear()
        await later().aclose()
        assert said == []

    asyncio.run(drive())


def test_out_of_memory() -> None:
    """Under a limit of address space that capture runs into, the call's result is what it is without capture."""
    code = """
        import resource, replay
        from replay.engine import recorder
        found = []
        recorder.configure(recorder.Settings(service="m", keep=replay.always(), sink=found.append))

        @replay.capture(name="a:b")
        def unit(value):
            return len(value[0])

        small = unit([b"x"])
        value = [b"x" * (64 << 20), [1]]
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), used + (32 << 20)))
        for _ in range(5):
            assert unit(value) == 64 << 20
        print("intact", sum(recorder.dropped.values()), len(found))
    """
    done = run(code, ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("intact ")


def test_hardly_any_memory() -> None:
    """With less than a recording needs, from next to nothing on, of values that no quick copy takes: the result stays,
    and the process lives (`msgspec.json.encode` ended it)."""
    code = """
        import resource, replay
        from replay.engine import recorder
        found = []
        recorder.configure(recorder.Settings(service="m", keep=replay.always(), sink=found.append))

        @replay.capture(name="a:b")
        def unit(value):
            return value

        class Line:
            def __init__(self, n):
                self.sku, self.more = str(n), [n]

        def limit(room):
            used = int(open("/proc/self/statm").read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (used + room if room else -1, -1))

        value = {"lines": [Line(n) for n in range(3000)]}
        unit(value)
        same = 0
        for kilobytes in range(32, 700, 8):
            found.clear()
            limit(kilobytes << 10)
            result = unit(value)
            limit(0)
            same += result is value
        print("same", same)
    """
    done = run(code, ROOT)
    assert (done.returncode, done.stdout) == (0, "same 84\n"), done.stderr[-2000:]


UNITS = {
    "function": "@replay.boundary\ndef ask():\n    fill()\nrun = replay.capture(lambda: ask(), name='m:run')",
    "coroutine": """
        @replay.boundary
        async def ask():
            fill()
        @replay.capture(name='m:run')
        async def unit():
            await ask()
        def run():
            try:
                unit().send(None)
            except StopIteration:
                pass
    """,
    "generator": """
        @replay.boundary
        def ask():
            yield 1
            fill()
        run = replay.capture(lambda: list(ask()), name='m:run')
    """,
    "lambda": """
        @replay.aws_lambda
        def handler(event, context):
            fill()
        def run():
            handler({}, None)
    """,
    "thread": """
        class Thread(threading.Thread):
            def run(self):
                pass
        def unit():
            fill(0.9)
            Thread().start()
        run = replay.capture(unit, name='m:run')
    """,
    "http": """
        import http.client
        def pieces():
            yield b"x"
            fill()
        "x".encode("idna")  # imports what a connection needs
        connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1])
        def unit():
            try:
                connection.request("POST", "/", body=pieces())
            finally:
                connection.close()
        run = replay.capture(unit, name='m:run')
    """,
}


@pytest.mark.parametrize("unit", UNITS)
def test_an_error_passes_where_no_memory_is_left(tmp_path: Path, unit: str) -> None:
    """What holds the memory lives on as the error goes through our frames: it comes out, whatever room there was."""
    code = """
        import resource, socket, sys, threading
        import replay
        from replay.engine import recorder

        replay.init(service="memory", spool="captures", keep=replay.sample(0.0), on_sigterm=False)
        listening = socket.create_server(("127.0.0.1", 0))

        def limit(room):
            with open("/proc/self/statm") as told:
                used = int(told.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + room, -1))

        slots = [[None] * (1 << 15) for _ in range(21)]

        def fill(share=1.0):
            held, size = [], 1 << 20
            while size > 16:
                try:
                    held.append(bytearray(size))
                except MemoryError:
                    size //= 2
            if share < 1:
                del held[int(len(held) * share):]
                return
            last = slots.pop()
            for at in range(len(last)):
                last[at] = (at + 1000, object(), [at])
            raise SystemError("there is memory left")
    """
    code += "\n" + textwrap.indent(textwrap.dedent(UNITS[unit]), " " * 8)
    code += """
        def seen():  # by itself, for it has to be short, too
            number = 0
            for kilobytes in range(8, 512, 24):
                limit(kilobytes << 10)
                try:
                    run()
                except Exception:
                    number += 1
                resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
            return number

        print("passed", seen())
    """
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("passed ")
    assert unit == "thread" or done.stdout == "passed 21\n"


@pytest.mark.parametrize("kilobytes", [None, 100, 400, 1600])
def test_a_call_with_many_records_ends_soon(tmp_path: Path, kilobytes: int | None) -> None:
    """Of 300,000 records as many are taken as the time for one value is enough for; so it is where memory ends, where
    each of them takes five times as long, and the interpreter looks for ever for memory to unwind a long function."""
    code = f"""
        import os, resource, time
        from dataclasses import dataclass
        import replay
        from replay.engine import recorder
        found = []
        recorder.configure(recorder.Settings(service="m", keep=replay.always(), sink=found.append,
                                             most_copying_ns=50_000_000))

        @dataclass
        class Line:
            sku: str
            more: list

        @replay.capture(name="a:b")
        def unit(value):
            return value

        value = [Line(str(n), [n]) for n in range(300_000)]
        if {kilobytes}:
            used = int(open("/proc/self/statm").read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (used + ({kilobytes} << 10), -1))
        began = time.thread_time()
        assert unit(value) is value
        spent = time.thread_time() - began
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        print(spent / 0.2, *{{gap.reason for gap in found[0].settle().input.gaps}})
    """
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    times, _, reasons = done.stdout.partition(" ")
    assert reasons.split() == ["budget-time"] or (kilobytes and reasons.split() == ["encode-failed"])
    assert float(times) < 8  # its input and its result, four times over: another 13 s without the bound


def test_disabled_costs_next_to_nothing() -> None:
    """With REPLAY_DISABLED=1 a captured function and a boundary cost at most a microsecond more than without."""
    code = """
import time, replay
replay.init(service="s", spool="/nowhere")
def plain(a, b): return a
captured, asked = replay.capture(name="a:b")(plain), replay.boundary(plain)
def cost(f):
    best = 1e9
    for _ in range(15):
        start = time.thread_time_ns()
        for _ in range(20000): f(1, b=2)
        best = min(best, (time.thread_time_ns() - start) / 20000)
    return best
base = cost(plain)
print(cost(captured) - base, cost(asked) - base)
"""
    env = {**environment(ROOT), "REPLAY_DISABLED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    captured, asked = map(float, done.stdout.split())
    assert captured <= 1000
    assert asked <= 1000


def within(function: Callable[..., Any], name: str) -> CodeType:
    """The code of a function that is defined in another one."""
    return next(each for each in function.__code__.co_consts if isinstance(each, CodeType) and each.co_name == name)


AROUND = {
    "cross": cross, "asgi": ASGI.__call__, "wsgi": WSGI.__call__, "wsgi answer": WsgiAnswer.__next__,
    "function": within(call._function, "call"), "coroutine": within(call._coroutine, "call"),
    "generator": stream.recorded, "lambda": within(aws_lambda.aws_lambda, "invoked"),
    "httpx": within(httpx_clients._Seam.sync, "handle_request"),
    "async httpx": within(httpx_clients._Seam.asynchronous, "handle_async_request"),
    "aiohttp": aiohttp_client._middleware, "send": within(wire._around_send, "send"),
    "putrequest": within(wire._around_putrequest, "putrequest"),
    "getresponse": within(wire._around_getresponse, "getresponse"),
    "urllib3": within(wire_pools._around_make_request, "_make_request"),
    "thread": within(threads._tap_start, "start"), "put": Spool.put, "method": receiver.encode_method,
    "request": within(wire.around_request, "request"), "celery": within(celery._sending, "send_task"),
    "async generator": within(function._async_generator, "captured"),
    "aiohttp.web": within(aiohttp_server._middleware, "replay_middleware"),
    "middleware": within(handled._watch_below_middleware, "call"),
    "body of a generator": Steps.follow, "step of a generator": Steps._stepped, "value": snapshot._taken,
}  # fmt: skip


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the number takes no memory")
@pytest.mark.parametrize("function", AROUND.values(), ids=AROUND)
def test_what_stands_around_the_application_is_short(function: Callable[..., Any] | CodeType) -> None:
    """Behind the 256th instruction an error is unwound with a number, which CPython without memory seeks for ever."""
    code = dis.Bytecode(function)
    guarded = [entry for entry in code.exception_entries if entry.lasti]
    late = [
        each.opname
        for each in code
        if each.opname in ("RERAISE", "RAISE_VARARGS")
        and each.offset // 2 > 256
        and any(entry.start <= each.offset < entry.end for entry in guarded)
    ]
    assert guarded
    assert late == []


def test_the_writer_goes_on_where_no_memory_is_left(tmp_path: Path) -> None:
    """Of functions off the path of requests some are longer: what they settle, redact and write is lost, and counted,
    and nothing hangs, from next to nothing on."""
    code = """
        import resource
        from pathlib import Path
        import msgspec
        import replay
        from replay.engine import recorder
        from replay.store.quota import Quota
        from replay.store.writer import Writer

        replay.init(service="m", spool="captures", on_sigterm=False)
        found = []
        recorder.configure(msgspec.structs.replace(recorder.active, sink=found.append))

        @replay.capture(name="m:run")
        def run(value):
            raise ValueError("wrong password=abcd1234xyz")

        rows = [{"id": n, "token": f"abc{n}xyz123456"} for n in range(60)]
        try:
            run({"rows": rows, "text": "token = abcd12345678 " * 60, "json": '{"pin": "12345678"}', "bytes": b"x"})
        except ValueError:
            pass
        writer = Writer(Path("captures"), "m", most_bytes=1 << 20, quota=Quota(Path("captures"), "m", 1 << 20, 100),
                        producer=None, dropped=dict)
        writer.take(found[0], 10, 0)
        blocks = [None] * 5000

        def fill(left):
            size, at = 1 << 20, 0
            while size > 16 and at < 5000:
                try:
                    blocks[at] = bytearray(size)
                    at += 1
                except MemoryError:
                    size //= 2
            chain = None
            try:
                while True:
                    chain = (chain,)
            except MemoryError:
                pass
            while left and chain is not None:
                chain = chain[0]
                left -= 1
            return chain

        rooms = [0, 3, 20, 50, 120, 300, 700, 1500, 3000, 5000, 8000, 12000, 20000]
        for room in rooms:
            with open("/proc/self/statm") as told:
                used = int(told.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 10), -1))
            held = fill(room)
            try:
                writer.take(found[0], 10, 0)
            except MemoryError:  # the spool counts it
                writer.dropped["spool-failed"] += 1
            held = None
            blocks.clear()
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
            blocks.extend([None] * 5000)
        lost = sum(writer.dropped.values())
        writer.take(found[0], 10, 0)
        print(lost > 5, writer.counts["written"] + lost >= len(rooms) + 2)
    """
    done = run(code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr[-2000:]
