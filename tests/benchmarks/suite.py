"""What an item costs under pytest: recordings, vcrpy cassettes, a mocked transport, and an item that does nothing.

Each variant is a folder that a pytest of its own runs; its CPU time, less that of the same folder with one item, is
divided by the number of items. Both runs find their bytecode (pytest's rewritten modules too) where an earlier run has
put it: compiling it takes as long as a thousand items, and longer one time than another.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from tests.benchmarks.playback import serving

FLOOR = "an item that does nothing"
FUNCTION = "replay, recordings of a function"
HTTP = "replay, recordings with three httpx calls"
MOCK = "httpx.MockTransport, three calls"
MOCK_TEST = "httpx.MockTransport, three calls in a test function"
VCR = "vcrpy, YAML cassettes with three httpx calls"
OWN_HTTP = "replay, three calls of httpx.post"
OWN_MOCK = "httpx.MockTransport, a client for each call"
OWN_VCR = "vcrpy, three calls of httpx.post"
_FEWER = {OWN_VCR: 10}
"""Of what takes so long, a part of the items: each call makes a client, and that loads all certificates."""

ROOT = Path(__file__).parents[2]

_ITEMS = '''
"""Items that are no recordings: as many as `count.items` says, each running `work(number)` of its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from work import work


class _File(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        for number in range(int(self.path.read_text())):
            yield _Item.from_parent(self, name=f"item{number}", number=number)


class _Item(pytest.Item):
    def __init__(self, *, number: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._number = number

    def runtest(self) -> None:
        work(self._number)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return _File.from_parent(parent, path=file_path) if file_path.suffix == ".items" else None
'''

_NOTHING = """
def work(number):
    pass
"""

_TESTS = """
import pytest

from work import work


@pytest.mark.parametrize("number", range({count}))
def test_work(number):
    work(number)
"""

_CALLS = """
import httpx

address = {address!r}


def three(post):
    found = [post(f"{{address}}/v1/thing{{n}}", json={{"a": n}}).json()["id"] for n in range(3)]
    assert found == ["x0", "x1", "x2"], found
"""

_MOCKED = """
{calls}
from pathlib import Path

answers = [(Path(__file__).parent / f"answer{{n}}").read_bytes() for n in range(3)]


def answer(request):
    content = answers[int(request.url.path[-1])]
    return httpx.Response(200, headers={{"content-type": "application/json"}}, content=content)


def own(*arguments, **named):
    with httpx.Client(transport=httpx.MockTransport(answer), trust_env=False) as client:
        return client.post(*arguments, **named)


post = own if {own} else httpx.Client(transport=httpx.MockTransport(answer), trust_env=False).post


def work(number):
    three(post)
"""

_TAPED = """
{calls}
from pathlib import Path

import vcr

post = httpx.post if {own} else httpx.Client(trust_env=False).post
cassettes = Path(__file__).parent / "cassettes"


def work(number, mode="none"):
    with vcr.use_cassette(str(cassettes / f"{{number}}.yaml"), record_mode=mode, match_on=["method", "uri"]):
        three(post)
"""

_SERVICE = """
import httpx

import replay

client = httpx.Client(trust_env=False)


@replay.capture
def shout(order):
    return {"id": order["id"], "text": order["text"].upper(), "lines": len(order["lines"])}


@replay.capture
def three(address):
    return [client.post(f"{address}/v1/thing{n}", json={"a": n}).json()["id"] for n in range(3)]


@replay.capture
def three_of_their_own(address):
    return [httpx.post(f"{address}/v1/thing{n}", json={"a": n}).json()["id"] for n in range(3)]
"""

_RECORD = """
import sys

import replay
import service
from tests.benchmarks.workload import order

what, address, count, spool = sys.argv[1:]
replay.init(service="benchmark", spool=spool, keep=replay.always(), max_cpu=9, max_latency=9)  # nothing is shed
for number in range(int(count)):
    service.shout(order(number)) if what == "shout" else getattr(service, what)(address)
    if number % 200 == 199:
        assert replay.flush(60)
assert replay.flush(60)
assert not replay.stats()["dropped"], replay.stats()
"""


def run(*, count: int = 1000, rounds: int = 3) -> dict[str, float]:
    """Name of the variant -> nanoseconds of CPU for one item, of `count` in one run of pytest."""
    many = {name: max(2, count // _FEWER.get(name, 1)) for name in _MAKERS}
    with TemporaryDirectory() as folder:
        place = Path(folder)
        with serving() as address:
            pairs = {
                name: (make(place / f"many{n}", address, many[name]), make(place / f"one{n}", address, 1))
                for n, (name, make) in enumerate(_MAKERS.items())
            }
        found: dict[str, list[float]] = {name: [] for name in pairs}
        for _, one in pairs.values():
            _cpu_of(one, 1)  # compiles
        for _ in range(rounds):
            for name, (whole, one) in pairs.items():
                found[name].append((_cpu_of(whole, many[name]) - _cpu_of(one, 1)) / (many[name] - 1))
    return {name: median(costs) * 1e9 for name, costs in found.items()}


def _items(place: Path, work: str, count: int) -> Path:
    place.mkdir()
    (place / "conftest.py").write_text(_ITEMS)
    (place / "work.py").write_text(work)
    (place / "count.items").write_text(str(count))
    return place


def _floor(place: Path, address: str, count: int) -> Path:
    return _items(place, _NOTHING, count)


def _mock(place: Path, address: str, count: int, *, own: bool = False) -> Path:
    _items(place, _MOCKED.format(calls=_CALLS.format(address=address), own=own), count)
    for number in range(3):
        answer = httpx.post(f"{address}/v1/thing{number}", json={"a": number}, trust_env=False)
        (place / f"answer{number}").write_bytes(answer.content)
    return place


def _mock_tests(place: Path, address: str, count: int) -> Path:
    """As people write them."""
    _mock(place, address, count)
    (place / "count.items").unlink()
    (place / "test_work.py").write_text(_TESTS.format(count=count))
    return place


def _vcr(place: Path, address: str, count: int, *, own: bool = False) -> Path:
    _items(place, _TAPED.format(calls=_CALLS.format(address=address), own=own), count)
    _python(place, "-c", "from work import work; work(0, 'once')")
    cassette = (place / "cassettes" / "0.yaml").read_bytes()
    for number in range(1, count):
        (place / "cassettes" / f"{number}.yaml").write_bytes(cassette)
    return place


def _recorded(what: str) -> Callable[[Path, str, int], Path]:
    def make(place: Path, address: str, count: int) -> Path:
        place.mkdir()
        (place / "pyproject.toml").write_text("[tool.replay-harness]\n")
        (place / "service.py").write_text(_SERVICE)
        _python(place, "-c", _RECORD, what, address, str(count), "captures")
        return place

    return make


_MAKERS: dict[str, Callable[[Path, str, int], Path]] = {
    FLOOR: _floor,
    FUNCTION: _recorded("shout"),
    HTTP: _recorded("three"),
    MOCK: _mock,
    MOCK_TEST: _mock_tests,
    VCR: _vcr,
    OWN_HTTP: _recorded("three_of_their_own"),
    OWN_MOCK: partial(_mock, own=True),
    OWN_VCR: partial(_vcr, own=True),
}


def _python(place: Path, *arguments: str) -> str:
    """Run Python in `place`, which finds its modules and ours."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(place), str(ROOT)]),
        "PYTHONPYCACHEPREFIX": str(place.parent / "bytecode"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments} in {place}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def _cpu_of(place: Path, count: int) -> float:
    """Seconds of CPU of a pytest run there; all its `count` items must pass."""
    before = _children()
    shown = _python(place, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")
    spent = _children() - before
    if f"{count} passed" not in shown:
        raise RuntimeError(f"not all passed in {place}:\n{shown[-3000:]}")
    return spent


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rows(found: Mapping[str, float]) -> list[tuple[str, str]]:
    """Name and cost in microseconds, with how many times the floor it is."""
    return [(name, f"{cost / 1000:,.0f} µs, {cost / found[FLOOR]:.1f} x") for name, cost in found.items()]
