"""`replay run --check`: what varies is named, with its line, stored, and compared as known noise from then on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from string import ascii_lowercase
from time import monotonic, sleep
from typing import Any

import msgspec
import pytest

from replay.core.codec import encode
from replay.core.noise import Noise, known, with_noise
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Verdict
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.check import check
from replay.surfaces.job import Probe, Reply
from tests.boundaries.http.server import Server
from tests.surfaces import noisy
from tests.surfaces.projects import environment

BUNDLE = "captures/noisy.replay.db"
Checked = tuple[Path, dict[str, dict[str, Any]], dict[str, Any]]


def _replay(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, run in the project."""
    done = subprocess.run(
        [sys.executable, "-m", "replay.surfaces.cli", *arguments],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def _documents(folder: Path, *arguments: str, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and the JSON document of each recording by the name of its function."""
    code, out, error = _replay(folder, *arguments, "--json", **variables)
    assert out, error
    names = {each.id: each.entrypoint.partition(":")[2] for each in open_bundle(folder / BUNDLE)}
    return code, {names[row["id"]]: row for row in json.loads(out)}


@pytest.fixture(scope="module")
def _checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder = tmp_path_factory.mktemp("noisy")
    before = {each.id: each for each in open_bundle(noisy.make(folder))}
    code, found = _documents(folder, "run", "--check", BUNDLE)
    assert code == 1
    return folder, found, before


@pytest.fixture
def checked(_checked: Checked, tmp_path: Path) -> Checked:
    """The project after a check of all its recordings, in a fresh copy; what was said; the recordings before it."""
    folder, found, before = _checked
    shutil.copytree(folder, tmp_path / "project")
    return tmp_path / "project", found, before


def _said(row: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """What varies, by place and path: matcher, cause, line, source."""
    return {
        f"{each['place']} {each['path']}": (
            each["matcher"],
            each["cause"],
            each["where"] and (each["where"]["file"], each["where"]["line"]),
            each["source"],
        )
        for each in row["varies"]
    }


AGAIN = "varies from run to run"
TOOK = "time that it takes"
OWN = "reads an untaped source: random.Random"


def _at(mark: str) -> tuple[str, int]:
    return "svc.py", noisy.line_of(mark)


BARE = Recording(
    id="bare", kind="function", entrypoint="svc:it", started_at=1_600_000_000 * 10**9, duration_ns=10**9,
    input=encode(None), outcome=Outcome("returned", encode(None)), context=encode({}),
)  # fmt: skip
TAGGED = {
    "outcome $.items": ("unordered", "hash seed", _at("set"), "order of a set: tags"),
    "outcome $.line": ("unordered", "hash seed", _at("joined"), "order of a set: tags"),
}
"""What varies of a text and a list that are made of a set."""


def test_a_check_of_one_recording(tmp_path: Path) -> None:
    """What varies is named and stored; from then on it is expected."""
    tagged = next(each.id for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":tagged"))
    code, found = _documents(tmp_path, "run", "--check", f"{BUNDLE}::{tagged}")
    assert (code, _said(found["tagged"])) == (1, TAGGED)
    code, found = _documents(tmp_path, "run", f"{BUNDLE}::{tagged}", PYTHONHASHSEED="3")
    assert (code, found["tagged"]["status"]) == (0, "reproduced")


@pytest.mark.slow
def test_a_steady_service_is_steady(checked: Checked) -> None:
    """Nothing varies, in concurrent tasks, but what the recorded clock says, which is listed apart."""
    _, found, _ = checked
    assert (found["clean"]["varies"], found["clean"]["status"]) == ([], "reproduced")
    assert found["clean"]["clock"] == [{"place": "outcome", "path": "$.at", "cause": "clock"}]


def test_of_a_line_with_several_sources_the_one_that_varies_is_named(tmp_path: Path) -> None:
    """Not what a replay answers as in production, nor what another statement, key or item of that line reads."""
    crowded = next(each.id for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":crowded"))
    _, found = _documents(tmp_path, "run", "--check", f"{BUNDLE}::{crowded}")
    said = {
        name.removeprefix("outcome "): (where, source)
        for name, (_, _, where, source) in _said(found["crowded"]).items()
    }
    assert said == {
        "$.own": (_at("crowded"), "reads the address of an object: id()"),
        "$.items": (_at("of names"), "order of a set"),
        "$.clock": (_at("of names"), "reads an untaped source: time.process_time_ns"),
        "$.both[1]": (_at("both"), "reads an untaped source: time.process_time"),
        "$.both[2]": (_at("both"), "reads the process id: os.getpid()"),
    }


def test_what_counts_whole_seconds_varies_however_fast_replays_are(tmp_path: Path) -> None:
    """All of a check fits into one second of a fast machine: one replay comes in another."""
    tagged = next(each for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":tagged"))

    def replay(recording: Recording, *, hear: Callable[[Reply], None], probe: object) -> Verdict:
        outcome = Outcome("returned", encode(int(monotonic())))
        return Verdict(id=recording.id, status="reproduced", recorded=recording.outcome, outcome=outcome)

    sleep(1 - monotonic() % 1)
    assert [(each.place, each.path, each.cause) for each in check(tagged, replay, tmp_path).varies] == [
        ("outcome", "$", AGAIN)
    ]


def test_runs_that_are_followed_come_in_two_seconds(tmp_path: Path) -> None:
    """A replay's monotonic clock starts at a whole second: of two in one it would seem to be steady, and where
    something began, not where a time was computed, would be named."""
    tagged = next(each for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":tagged"))
    seconds = []

    def replay(recording: Recording, *, hear: Callable[[Reply], None], probe: Probe) -> Verdict:
        if probe.trace:
            seconds.append(int(monotonic()))
        outcome = Outcome("returned", encode(1 if probe.environment.get("PYTHONHASHSEED") else 2))
        return Verdict(id=recording.id, status="reproduced", recorded=recording.outcome, outcome=outcome)

    sleep(1 - monotonic() % 1)
    assert [each.cause for each in check(tagged, replay, tmp_path).varies] == ["hash seed"]
    assert seconds[0] < seconds[1]


class _Run:
    """What a replay of a check may read."""

    def __init__(self, recording: Recording, probe: Probe, number: int) -> None:
        self.took = recording.duration_ns / 1e9
        """Seconds."""
        self.seed = int(probe.environment.get("PYTHONHASHSEED") or 0)
        self.number = number
        self.folder = probe.folder or "/project"
        self.random = Random(number)


NOISE = {
    "a duration": (lambda run: run.took, "took", TOOK),
    "what is left of a limit": (lambda run: 30 - run.took, "took", TOOK),
    "whole milliseconds": (lambda run: int(run.took * 1000), "took", TOOK),
    "few milliseconds": (lambda run: int(run.took * 30), "took", TOOK),
    "said of a duration": (lambda run: f"done in {run.took:.3f} s", "took", TOOK),
    "a limit that is met": (lambda run: run.took > 1.01, None, TOOK),
    "a label by a limit": (lambda run: "late" if run.took > 1.01 else "ok", None, TOOK),
    "attempts by a limit": (lambda run: 3 + (run.took > 1.01), None, TOOK),
    "a score by a limit": (lambda run: 0.9 if run.took > 1.01 else 0.4, None, TOOK),
    "said of attempts": (lambda run: f"after {3 + (run.took > 1.01)} attempts", None, TOOK),
    "as many as came": (lambda run: ["a"] * (3 - (run.took > 1.01)), None, TOOK),
    "hash of a name": (lambda run: 10**9 + run.seed, "type", "hash seed"),
    "a bucket of a hash": (lambda run: run.seed % 10, None, "hash seed"),
    "the first of a set": (lambda run: f"tag {run.seed}", None, "hash seed"),
    "a set as a text": (lambda run: "a,b" if run.seed % 2 else "b,a", "unordered", "hash seed"),
    "the sum of a set": (lambda run: 0.1 + 0.2 if run.seed % 2 else 0.3, "near", "hash seed"),
    "the working folder": (lambda run: f"{run.folder}/data", "type", "working folder"),
    "a place in a folder": (lambda run: run.folder == "/project", None, "working folder"),
    "a number of its own": (lambda run: run.random.random(), "type", AGAIN),
    "an address": (lambda run: f"<Ticket at 0x{run.random.getrandbits(40):x}>", "type", AGAIN),
    "a token": (lambda run: "".join(run.random.choices(ascii_lowercase, k=12)), "type", AGAIN),
    "a few large numbers": (lambda run: 1_700_000_000 + run.number // 3, "type", AGAIN),
    "a few small numbers": (lambda run: run.number % 3, None, AGAIN),
    "a label of its own": (lambda run: ["spam", "ham", "none"][run.number % 3], None, AGAIN),
    "a label with a number": (lambda run: f"{run.random.random()} {'spam' if run.number % 2 else 'ham'}", None, AGAIN),
    "a flag of its own": (lambda run: run.number % 2 == 0, None, AGAIN),
    "a list of some length": (lambda run: ["a"] * (run.number % 3), None, AGAIN),
}
"""What a run says, the matcher that it gets, and the cause."""


def test_a_decision_is_no_noise() -> None:
    """Only what each run has of its own, a time that grows with all times, an order and the like are compared by less
    than what they are: else a change may be hidden there. A decision that varies is told."""
    numbers = count()

    def outcome(recording: Recording, probe: Probe) -> Outcome:
        number = next(numbers)
        said = {name: says(_Run(recording, probe, number)) for name, (says, _, _) in NOISE.items()}
        return Outcome("returned", encode(said))

    def replay(recording: Recording, *, hear: Callable[[Reply], None], probe: Probe) -> Verdict:
        return Verdict(
            id=recording.id, status="reproduced", recorded=recording.outcome, outcome=outcome(recording, probe)
        )

    found = check(msgspec.structs.replace(BARE, outcome=outcome(BARE, Probe())), replay, Path("/project"))
    assert {each.path.split("'")[1]: (each.matcher, each.cause) for each in found.varies} == {
        name: (matcher, cause) for name, (_, matcher, cause) in NOISE.items()
    }
    assert {each.matcher for each in found.noise} == {matcher for _, matcher, _ in NOISE.values() if matcher}


def test_how_long_something_took_is_named(tmp_path: Path) -> None:
    """No recording has what code computed: by a monotonic clock or the wall's, in the result or in what is asked; a
    moment beside it is as recorded."""
    timed = next(each.id for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":timed"))
    code, found = _documents(tmp_path, "run", "--check", f"{BUNDLE}::{timed}")
    monotonic = "reads a monotonic clock: monotonic"
    assert (code, _said(found["timed"])) == (
        1,
        {
            "interaction[1].request $.kwargs.seconds": ("took", TOOK, _at("took"), monotonic),
            "outcome $.took": ("took", TOOK, _at("took"), monotonic),
            "outcome $.text": ("took", TOOK, _at("wall"), "reads an untaped source: time.time"),
        },
    )
    code, found = _documents(tmp_path, "run", f"{BUNDLE}::{timed}")
    assert (code, found["timed"]["status"]) == (0, "reproduced")


def test_an_address_and_a_lambda_are_named(tmp_path: Path) -> None:
    """Of several lambdas in one statement the one that ran."""
    shown = next(each.id for each in open_bundle(noisy.make(tmp_path)) if each.entrypoint.endswith(":shown"))
    _, found = _documents(tmp_path, "run", "--check", f"{BUNDLE}::{shown}")
    assert _said(found["shown"]) == {
        "outcome $.text": ("type", AGAIN, _at("shown"), "shows the address of an object"),
        "outcome $.number": ("type", AGAIN, _at("lambda"), "reads the address of an object: id()"),
    }


@pytest.mark.slow
def test_the_order_of_a_set_is_named(checked: Checked) -> None:
    """Another hash seed gives another order: of a list its items are compared, of a text its type."""
    _, found, _ = checked
    assert _said(found["tagged"]) == TAGGED


@pytest.mark.slow
def test_untaped_sources_are_named_with_their_lines(checked: Checked) -> None:
    """A generator of the service's own, an address, native code, a file that changes: each at the line that reads it,
    also where the value is made into another one, or in a function that is called."""
    _, found, _ = checked
    said = _said(found["untaped"])
    assert said.pop("outcome $.key")[:2] == ("uuid", AGAIN)
    assert said == {
        "outcome $.score": ("type", AGAIN, _at("generator"), f"{OWN}.random"),
        "outcome $.label": ("type", AGAIN, _at("address"), "reads the address of an object: id()"),
        "outcome $.now": ("type", AGAIN, _at("native"), "calls native code: LIBC.time"),
        "outcome $.count": ("type", AGAIN, _at("file"), "reads the file counter"),
        "outcome $.rows[*].id": ("type", AGAIN, _at("rows"), f"{OWN}.random"),
    }


@pytest.mark.slow
def test_a_generator_bound_before_the_patch_is_named(checked: Checked) -> None:
    """Production's draws were not recorded, so the replay draws on its own."""
    _, found, _ = checked
    assert _said(found["bound"]) == {
        "draws $.random": ("type", AGAIN, _at("bound"), "reads an untaped source: random.random"),
        "outcome $.draw": ("type", AGAIN, _at("bound"), "reads an untaped source: random.random"),
    }


@pytest.mark.slow
def test_fields_of_requests_are_named(checked: Checked) -> None:
    """Also those that are asked only after the first one had its answer; of http in query and body."""
    _, found, _ = checked
    assert _said(found["asks"]) == {
        "interaction[0].request $.kwargs.nonce": ("type", AGAIN, _at("nonce"), f"{OWN}.getrandbits"),
        "interaction[1].request $.kwargs.nonce": ("uuid", AGAIN, _at("inline"), f"{OWN}.getrandbits"),
    }
    assert _said(found["orders"]) == {
        f"interaction[{number}].request {path}": ("type", AGAIN, _at(mark), f"{OWN}.{source}")
        for number in (0, 1)
        for path, mark, source in (("$.query.mark", "mark", "random"), ("$.body.key", "key", "getrandbits"))
    }


@pytest.mark.slow
def test_identifiers_made_of_the_moment_are_named(checked: Checked) -> None:
    """No recording has the nanosecond that production read: a UUID that is made of it is another at replay, in a
    request and in a message, and is compared as one."""
    _, found, _ = checked
    said = _said(found["minted"])
    assert said.pop("interaction[0].request $.kwargs.nonce")[:2] == ("uuid", "clock")
    assert said.pop("outcome $.message")[:2] == ("uuid", "clock")
    assert (said, found["minted"]["status"]) == ({}, "reproduced")


@pytest.mark.slow
def test_an_order_of_requests_is_named_and_not_stored(checked: Checked) -> None:
    """Requests in the order of a set come in another order: nothing covers that."""
    _, found, _ = checked
    assert _said(found["looped"]) == {"requests $": (None, "hash seed", _at("loop"), "order of a set")}
    assert found["looped"]["status"] == "reproduced"


@pytest.mark.slow
def test_what_a_process_is_started_in_is_named(checked: Checked) -> None:
    """The working folder, and the time zone where it is read before the replay sets the recorded one."""
    _, found, _ = checked
    said = _said(found["placed"])
    assert said["outcome $.folder"] == (
        "type",
        "working folder",
        _at("folder"),
        "reads the working folder: os.getcwd()",
    )
    assert said["outcome $.zone"][:3] == (None, "time zone", _at("zone"))


@pytest.mark.slow
def test_the_message_of_an_error_is_named(checked: Checked) -> None:
    """At the line that raises."""
    _, found, _ = checked
    place = ("type", AGAIN, _at("fails"), "reads the address of an object: id()")
    assert _said(found["fails"]) == {"outcome $.message": place}


@pytest.mark.slow
def test_what_nothing_may_cover_is_named_and_not_stored(checked: Checked) -> None:
    """The name of a field varies: it stays a difference at every replay."""
    folder, found, _ = checked
    (varies,) = found["fields"]["varies"]
    assert (varies["path"], varies["matcher"], found["fields"]["status"]) == ("$", None, "changed")
    stored = next(each for each in open_bundle(folder / BUNDLE) if each.entrypoint == "svc:fields")
    assert known(stored).outcome == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "3"])
def test_what_was_found_is_expected_from_then_on(checked: Checked, seed: str) -> None:
    """A plain replay is reproduced under any hash seed, and each difference is still there with its note."""
    folder, found, _ = checked
    _, rows = _documents(folder, "run", "--in-process", BUNDLE, PYTHONHASHSEED=seed)
    del rows["fields"], rows["looped"]  # what nothing may cover
    del rows["placed"]  # reads the zone of the process as it is imported: the same here
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(rows, "reproduced")
    noted = {each["path"]: each["note"] for each in rows["untaped"]["difference"]}
    assert noted["$.score"] == f"known noise: type, {AGAIN}"
    assert noted["$.key"] == f"known noise: uuid, {AGAIN}"
    assert {each["path"] for each in rows["orders"]["difference"]} == {
        f"{each['place']} {each['path']}" for each in found["orders"]["varies"]
    }
    assert [each["path"] for each in rows["bound"]["difference"]] == ["$.draw", "draws $.random"]
    assert {each["note"] for each in rows["clean"]["difference"]} <= {"time inside the recorded window"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "name", "status"),
    [
        ("items = list(tags)", "items = [*tags, 'z']", "tagged", "changed"),
        ('"score": score', '"score": str(score)', "untaped", "changed"),
        ('"key": key', '"key": key[1:]', "untaped", "changed"),
        ('"score": score,', "", "untaped", "changed"),
        ("raise ValueError", "raise KeyError", "fails", "changed"),
        ("send(order, nonce=nonce)", "send(order, nonce=str(nonce))", "asks", "diverged"),
        ("send(order, nonce=nonce)", "send(order + '!', nonce=nonce)", "asks", "diverged"),
        ('"number": number, ', "", "orders", "diverged"),
        ('"key": key}', '"key": str(key)}', "orders", "diverged"),
        ('params={"mark": mark}', 'params={"mark": mark, "more": 1}', "orders", "diverged"),
    ],
)
def test_what_a_matcher_does_not_cover_is_still_told(
    checked: Checked, before: str, after: str, name: str, status: str
) -> None:
    """Another item, type, field, error or value of the same request is no noise."""
    folder, _, _ = checked
    text = (folder / "svc.py").read_text()
    assert before in text
    (folder / "svc.py").write_text(text.replace(before, after))
    id = next(each.id for each in open_bundle(folder / BUNDLE) if each.entrypoint == f"svc:{name}")
    code, rows = _documents(folder, "run", "--in-process", f"{BUNDLE}::{id}")
    assert (code, rows[name]["status"]) == (1, status)


@pytest.mark.slow
def test_only_noise_is_written(checked: Checked) -> None:
    """Recordings keep their ids and their order; without the noise each is what it was."""
    folder, _, before = checked
    after = list(open_bundle(folder / BUNDLE))
    assert [each.id for each in after] == list(before)
    assert [with_noise(each, ()) for each in after] == list(before.values())
    assert after[0] == before[after[0].id]  # the steady one is the same, digest and all


@pytest.mark.slow
def test_a_check_finds_noise_anew_and_can_leave_the_bundle_alone(checked: Checked) -> None:
    """Noise that is no longer there is taken out; `--no-save` writes nothing, and the text names what varies."""
    folder, _, _ = checked
    recordings = list(open_bundle(folder / BUNDLE))
    stale = [Noise(place="outcome", path="$.name", matcher="type")]
    write_bundle([with_noise(recordings[0], stale), recordings[1]], folder / "two.replay.db")
    content = (folder / "two.replay.db").read_bytes()
    code, out, _ = _replay(folder, "run", "--check", "--no-save", "two.replay.db")
    assert (code, (folder / "two.replay.db").read_bytes()) == (1, content)
    for words in ("nothing varies", "$.items", "svc.py", "order of a set: tags", "any order", "not stored (--no-save)"):
        assert words in out
    (folder / "two.replay.db").chmod(0o444)
    code, out, error = _replay(folder, "run", "--check", f"two.replay.db::{recordings[0].id}")
    assert (code, "steady" in out, "[bundle-unwritable]" in error) == (3, True, True)
    (folder / "two.replay.db").chmod(0o644)
    assert _replay(folder, "run", "--check", f"two.replay.db::{recordings[0].id}")[0] == 0
    first, second = open_bundle(folder / "two.replay.db")
    assert (known(first).outcome, second) == ((), recordings[1])


@pytest.mark.slow
def test_malformed_noise_is_ignored_and_said(checked: Checked) -> None:
    """What a bundle says of its noise is checked; the rest of the recording is as good as before."""
    folder, _, _ = checked
    recording = next(each for each in open_bundle(folder / BUNDLE) if each.entrypoint == "svc:tagged")
    text = recording.context.text.replace('"unordered"', '"anything"', 1)
    context = type(recording.context)(text, recording.context.gaps)
    from msgspec.structs import replace

    (folder / BUNDLE).unlink()
    write_bundle([replace(recording, context=context)], folder / BUNDLE)
    _, rows = _documents(folder, "run", "--in-process", BUNDLE, PYTHONHASHSEED="3")
    noted = {each["path"]: each["note"] for each in rows["tagged"]["difference"]}
    assert (rows["tagged"]["status"], noted["$.line"]) == ("changed", "known noise: unordered, hash seed")
    assert "malformed" in noted["context.noise"]


@pytest.mark.slow
def test_a_check_that_cannot_be_run_says_why(checked: Checked) -> None:
    """The code is gone: exit 4. An option that excludes it: exit 2."""
    folder, _, _ = checked
    (folder / "svc.py").write_text("")
    id = next(iter(open_bundle(folder / BUNDLE))).id
    code, rows = _documents(folder, "run", "--check", f"{BUNDLE}::{id}")
    (row,) = rows.values()
    assert (code, row["status"], row["saved"]) == (4, "unanswerable", False)
    assert _replay(folder, "run", "--check", "--in-process", BUNDLE)[0] == 2
    assert _replay(folder, "run", "--no-save", BUNDLE)[0] == 2


ORDERED = """
import replay

@replay.boundary
def send(names):
    return len(names)

@replay.capture
def asks(count):
    return send(list({f"name {number}" for number in range(count)}))
"""


@pytest.mark.slow
def test_a_baseline_that_parts_from_production_is_made_again(tmp_path: Path) -> None:
    """Recorded under a hash seed that nobody knows: the first replays ask in another order, and that is all."""
    (tmp_path / "ordered.py").write_text(ORDERED)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    record = (
        "import replay; replay.init(service='o', spool='cap', keep=replay.always())\nimport ordered; ordered.asks(8)"
    )
    subprocess.run([sys.executable, "-c", f"{record}; replay.flush()"], cwd=tmp_path, check=True,
                   env=environment() | {"PYTHONHASHSEED": "random"})  # fmt: skip
    code, out, error = _replay(tmp_path, "run", "cap", "--check", "--json")
    assert code == 1, error
    (row,) = json.loads(out)
    assert row["status"] == "reproduced"
    assert [(found["place"], found["path"], found["matcher"]) for found in row["varies"]] == [
        ("interaction[0].request", "$.args[0]", "unordered")
    ]


COUNTED = """
import time

import replay

@replay.boundary
def fetch(page):
    time.sleep(0.02)
    return [page] * 3

@replay.capture
def counts(pages):
    began = time.perf_counter()
    items = [item for page in range(pages) for item in fetch(page)]
    return {"said": f"{len(items)} items in {time.perf_counter() - began:.6f} s"}
"""


@pytest.mark.slow
def test_a_count_beside_how_long_it_took_is_no_noise(tmp_path: Path) -> None:
    """Of one text only what varies may vary."""
    (tmp_path / "counted.py").write_text(COUNTED)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    record = "import replay; replay.init(service='c', spool='cap', keep=replay.always())\nimport counted; "
    subprocess.run([sys.executable, "-c", f"{record}counted.counts(4); replay.flush()"], cwd=tmp_path, check=True,
                   env=environment())  # fmt: skip
    _, out, error = _replay(tmp_path, "run", "cap", "--check", "--json")
    (row,) = json.loads(out)
    assert [(found["path"], found["matcher"]) for found in row["varies"]] == [("$.said", "took")], error
    assert _replay(tmp_path, "run", "cap")[0] == 0
    (tmp_path / "counted.py").write_text(COUNTED.replace("in fetch(page)", "in fetch(page)[:2]"))
    assert _replay(tmp_path, "run", "cap")[0] == 1


SAYS = """
from datetime import UTC, datetime

import httpx
import replay

@replay.capture
def says(url):
    for _ in range(2):
        httpx.post(url, content=f"It is {datetime.now(UTC).isoformat()}, go on")
    httpx.post(url, data={"at": datetime.now(UTC).isoformat()})
"""


@pytest.mark.slow
def test_a_moment_behind_a_text_that_tells_the_time_does_not_vary(tmp_path: Path) -> None:
    """Nothing may cover such a text, so a replay at another time does not come further than there."""
    (tmp_path / "says.py").write_text(SAYS)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    server = Server()
    record = "import replay; replay.init(service='s', spool='cap', keep=replay.always())\nimport says; "
    work = f"says.says({server.url!r}); replay.flush()"
    subprocess.run([sys.executable, "-c", record + work], cwd=tmp_path, check=True, env=environment())
    server.stop()
    code, out, error = _replay(tmp_path, "run", "cap", "--check", "--json")
    (row,) = json.loads(out)
    assert (code, row["varies"]) == (0, []), error
