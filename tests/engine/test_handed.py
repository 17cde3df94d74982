"""Values that no tag stands for: another one than production's is not served, and what cannot be told is said."""

from __future__ import annotations

import io
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value, encode
from replay.core.recording import Recording
from tests.engine import handed
from tests.engine.handed import KINDS
from tests.recordings import record

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def unedited() -> Iterator[None]:
    """The application as it was recorded."""
    yield
    handed.EDITED.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_another_value_is_not_served(tmp_path: Path, kind: str) -> None:
    """Each kind reproduces as it was, and diverges with another value of its type."""
    (recording,) = record(tmp_path, lambda: handed.hands(kind))
    verdict = replay.run(recording)
    assert (verdict.status, verdict.difference) == ("reproduced", ())
    handed.EDITED.add("value")
    verdict = replay.run(recording)
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.kind) == ("diverged", "changed")
    assert verdict.divergence.differences


@pytest.mark.parametrize("kind", KINDS)
def test_another_result_is_changed(tmp_path: Path, kind: str) -> None:
    """A result is compared in the same way."""
    (recording,) = record(tmp_path, lambda: handed.shows(kind))
    assert replay.run(recording).status == "reproduced"
    handed.EDITED.add("value")
    assert replay.run(recording).status == "changed"


@pytest.mark.parametrize("kind", KINDS)
def test_recordings_without_fields_are_read_as_before(tmp_path: Path, kind: str) -> None:
    """An older recording has nothing but the type: the value now is of it."""
    (recording,) = record(tmp_path, lambda: handed.hands(kind))
    (sent,) = recording.interactions
    older = msgspec.structs.replace(sent, request=_without_fields(sent.request))
    assert '"fields"' not in older.request.text
    verdict = replay.run(msgspec.structs.replace(recording, interactions=(older,)))
    assert verdict.status == "reproduced"


def _without_fields(value: Value) -> Value:
    def bare(node: Any) -> Any:
        if isinstance(node, list):
            return [bare(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$id" in node:
            return bare(node["$id"][1])
        if "fields" in (body := node.get("$opaque", {})):
            return {"$opaque": {"type": body["type"], "size": 48}}
        return {name: bare(item) for name, item in node.items()}

    return Value(msgspec.json.encode(bare(value.tree)).decode())


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    """Of an object that holds a lock only the type is compared: the verdict names it."""
    (recording,) = record(tmp_path, handed.hands_store)
    verdict = replay.run(recording)
    (found,) = verdict.difference
    assert verdict.green
    assert (found.kind, found.path) == ("unknown", "interaction[0].request $.args[0]")
    assert found.recorded == "tests.engine.handed.Store"


@pytest.mark.parametrize("kind", ["object", "dataclass", "model"])
def test_a_computed_property_is_no_value(tmp_path: Path, kind: str) -> None:
    """What a `cached_property` has computed by then tells no objects apart."""
    (recording,) = record(tmp_path, lambda: handed.hands_cached(kind))
    handed.EDITED.add("value")
    assert replay.run(recording).status == "reproduced"
    handed.EDITED.add("total")
    assert replay.run(recording).status == "diverged"


@pytest.mark.parametrize("kind", ["bytes-io", "string-io", "address", "array", "slice", "proxy"])
def test_values_that_are_their_fields_are_answers(tmp_path: Path, kind: str) -> None:
    """A file in memory, an address and the like are made again, without a gap."""
    value = KINDS[kind](1)
    stored = encode(value)
    again = stored.decode()
    assert stored.gaps == ()
    assert type(again) is type(value)
    assert encode(again) == stored
    if kind != "bytes-io" and kind != "string-io":
        (recording,) = record(tmp_path, lambda: handed.reads(kind))
        assert replay.run(recording).status == "reproduced"


def test_files_in_memory_stand_where_they_stood() -> None:
    """What was read of one is not read again."""
    file = io.BytesIO(b"abc")
    file.read(1)
    assert encode(file).decode().read() == b"bc"


@pytest.mark.parametrize(
    "fields",
    ['{"text":"none"}', '{"text":7}', "{}", '{"value":5,"at":0}', '{"value":"a","at":9999999999}', '{"typecode":"??"}',
     '{"items":3,"value":{"$bytes":"abc"},"typecode":"d"}'],
)  # fmt: skip
@pytest.mark.parametrize(
    "kind", ["ipaddress.IPv4Address", "_io.BytesIO", "_io.StringIO", "array.array", "mappingproxy"]
)
def test_strange_fields_are_no_value(kind: str, fields: str) -> None:
    """A bundle may say anything of one: it stays what it is called."""
    found = Value(f'{{"$opaque":{{"type":"{kind}","fields":{fields}}}}}').decode()
    assert found.type == kind


def test_shared_parts_outlive_what_was_given_up() -> None:
    """An object within one that cannot be kept is kept where it stands alone."""
    order = handed.Order(1)
    store = handed.Store(1)
    store.total = order  # type: ignore[assignment]
    kept = encode([store, order, order]).decode()
    assert kept[0].fields is None
    assert kept[1].fields == {"total": 1}
    assert kept[1] is kept[2]


def test_large_objects_cost_little() -> None:
    """Of an object that holds much nothing is kept but the type."""
    order = handed.Order(1)
    order.total = [[number] for number in range(10_000)]  # type: ignore[assignment]
    assert encode(order).decode().fields is None
    deep = handed.Order(1)
    for _ in range(400):
        deep, deep.total = handed.Order(1), deep  # type: ignore[assignment]
    assert encode([deep, 5]).decode()[1] == 5


INSTALLED = """
import json, sys, replay
replay.init(service="shop", spool="captures", keep=replay.always())
from shop.orders import Order
import library
from shop import entry
entry.sell(Order(2), library.Client(3))
assert replay.flush(20)
(recording,) = [each for path in __import__("pathlib").Path("captures").iterdir() for each in replay.open(path)]
print(json.dumps([gap.reason for gap in recording.interactions[0].request.gaps]))
"""


def test_an_application_that_is_installed_has_classes_of_its_own(tmp_path: Path) -> None:
    """Its package lies where libraries do, and is told from them by what is captured."""
    packages = tmp_path / "site-packages"
    (packages / "shop").mkdir(parents=True)
    (packages / "shop" / "__init__.py").write_text("")
    (packages / "shop" / "orders.py").write_text("class Order:\n    def __init__(self, n): self.n = n\n")
    (packages / "library.py").write_text("class Client:\n    def __init__(self, n): self.n = n\n")
    (packages / "shop" / "entry.py").write_text(
        "import replay\n@replay.boundary\ndef send(order, client): ...\n"
        "@replay.capture\ndef sell(order, client): send(order, client)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ('["not-rebuilt", "opaque"]\n', "")


def test_secrets_of_objects_are_masked(tmp_path: Path) -> None:
    """What an object holds is redacted as anything else is."""
    order = handed.Order(1)
    order.password = "correct-horse-battery"  # type: ignore[attr-defined]
    order.address = ipaddress.ip_address("203.0.113.77")  # type: ignore[attr-defined]

    def work() -> None:
        with replay.recording("one"):
            handed.send(order)

    (recording,) = record(tmp_path, work)
    (sent,) = recording.interactions
    assert "password" in sent.request.text
    assert "correct-horse-battery" not in sent.request.text


def test_gaps_are_named(tmp_path: Path) -> None:
    """The input of a function with an object still cannot be rebuilt, and a run that uses it says so."""
    stored: Recording
    (stored,) = record(tmp_path, lambda: handed.hands(handed.Order(1)))  # type: ignore[arg-type]
    verdict = replay.run(stored)
    assert verdict.status == "unanswerable"
    assert "it used args[0] (tests.engine.handed.Order), which no recording can hold" in str(verdict.reason)


def test_a_state_that_the_process_keeps_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that an earlier recording changed: no code has changed."""
    monkeypatch.setattr(handed.COUNTER, "done", 57)
    (recording,) = record(tmp_path, handed.hands_kept)
    assert replay.run(recording).status == "reproduced"
    handed.COUNTER.done = 0
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert (verdict.reason or "").startswith("state: the code asked with another state of $.args[0], ")
    assert "tests.engine.handed.COUNTER" in (verdict.reason or "")


def test_a_state_that_nothing_keeps_is_the_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an object made within the recording."""
    (recording,) = record(tmp_path, handed.hands_own)
    handed.EDITED.add("value")
    monkeypatch.delattr(handed, "COUNTER")
    verdict = replay.run(recording)
    assert (verdict.status, verdict.reason) == ("diverged", None)
