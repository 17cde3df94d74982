"""`replay minimize` keeps the failure, and what the failure does not need is nowhere in the file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

import replay
from replay.core.cause import Cause, with_cause
from replay.core.codec import encode
from replay.core.parts import Parts, value_at
from replay.core.recording import Recording
from replay.engine.minimize import minimize
from replay.engine.reduce import reduced
from replay.store.bundle import write_bundle
from replay.surfaces.why import Options, at_work
from tests.surfaces import planted, projects
from tests.surfaces.test_promote import last_line
from tests.surfaces.test_why import PLANTED, ROOT, command, parted, recorded


def whole(path: Path) -> bytes:
    """All that a bundle's file holds, its compressed bodies too."""
    found = [path.read_bytes()]
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found += [zstandard.decompress(data) for (data,) in connection.execute("SELECT zstd FROM body")]
    connection.close()
    return b"\n".join(found)


QUICK = ("nested", "api_status", "streamed", "clock", "two_inputs")
"""An input, an answer, a stream, a draw of the world, and two values together: the others are slow."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PLANTED]
)
def test_the_failure_stays_and_the_rest_goes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the bytes at most, no private value in any form, a strict replay of the same failure."""
    incident, _ = parted(recorded(name, PLANTED[name][0], tmp_path / "spool", monkeypatch))
    assert planted.SECRET in incident.input.text
    with at_work(incident, Options(root=ROOT)) as stage:
        made = minimize(incident, stage, runs=3000)
    found = made.recording
    assert found is not None, made.reason
    assert found.error_type == incident.error_type
    assert 2 * made.after <= made.before
    path = write_bundle([found], tmp_path / "small.replay.db")
    for private in (planted.SECRET.encode(), b"Byron", b"Ockham"):
        assert private not in whole(path)
    stored = next(iter(replay.open(path)))
    assert stored.parent_digest == incident.digest
    assert stored.edits is not None
    verdict = replay.run(stored, root=ROOT)
    assert verdict.status == "reproduced", verdict


def test_a_body_is_not_compressed_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header that says so goes together with the compression, which nobody could read in a review."""
    packed = {"headers": {"Content-Encoding": "gzip"}}
    runs = [{"body": {"price": "free"}, **packed}, {"body": {"price": "12"}, **packed}]
    incident, _ = parted(recorded("api_field", runs, tmp_path / "spool", monkeypatch))
    with at_work(incident, Options(root=ROOT)) as stage:
        found = minimize(incident, stage, runs=3000).recording
    assert found is not None
    (asked,) = found.interactions
    assert ("ncoding" in asked.answer.text, b"".join(data for _, data in asked.answer.decode()["pieces"])) == (
        False, b'{"price":""}',
    )  # fmt: skip


def test_a_text_of_the_cause_keeps_its_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`"60"` becomes `"00"` where the cause is known: a fix of texts of digits need not take the empty one."""
    incident, _ = parted(recorded("input_type", PLANTED["input_type"][0], tmp_path / "spool", monkeypatch))
    known = with_cause(incident, Cause(values=(("input.args[0].seats", ""),)))
    seats = []
    for each in (incident, known):
        with at_work(each, Options(root=ROOT)) as stage:
            found = minimize(each, stage, runs=3000).recording
        assert found is not None
        seats.append(value_at(Parts(found), "input.args[0].seats", None))
    assert seats == ["", "00"]


@pytest.mark.parametrize(
    ("more", "left", "known"),
    [
        ("in a text", {"amount": ""}, {"amount": "0", "xxxx": "xx x xxxx"}),
        ("in a text that is long " * 3, {"amount": ""}, {"amount": "0"}),
    ],
)
def test_json_in_a_text_stays_json(
    more: str, left: object, known: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another text fails at that line with that type too, for another reason: no fix would take it. Of a known cause
    the short texts in it keep their shape, and the letters stay that are names."""
    runs = [{"body": {"payload": json.dumps({"amount": amount, "more": more}), "id": 1}} for amount in ("5", 5)]
    incident, _ = parted(recorded("payload", runs, tmp_path / "spool", monkeypatch))
    noted = with_cause(incident, Cause(values=(("http[0].body.payload", ""),)))
    found = []
    for each in (incident, noted):
        with at_work(each, Options(root=ROOT)) as stage:
            made = minimize(each, stage, runs=3000).recording
        assert made is not None
        found.append(json.loads(value_at(Parts(made), "http[0].body.payload", None)))
    assert found == [left, known]


def test_the_command_writes_a_bundle_that_reproduces(project: Path) -> None:
    """Beside the incident; not twice unasked."""
    done = command("minimize", "captures/bad.replay.db")
    assert done.returncode == 0, done.stderr
    assert "stayed" in done.stdout
    assert "captures/bad.min.replay.db" in done.stdout
    assert command("run", "captures/bad.min.replay.db").stdout.startswith("reproduced")
    assert b"xxxxxxxx" not in whole(Path("captures/bad.min.replay.db"))
    again = command("minimize", "captures/bad.replay.db")
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    done = command("minimize", "captures/bad.replay.db", "--out", "small.replay.db", "--json")
    found = json.loads(done.stdout)
    assert (found["bundle"], found["status"]) == ("small.replay.db", "reproduced")
    assert found["bytes"]["after"] * 2 < found["bytes"]["before"]


DESK = """
import flask
import replay

site = flask.Flask("desk")


@replay.boundary
def look_up(sku):
    return {"sku": sku, "name": "Tea", "price": None, "stock": [1, 2, 3]}


@site.get("/total/<sku>")
def total(sku):
    return {"total": look_up(sku)["price"]["amount"]}


app = replay.WSGI(site, target="desk:app")

if __name__ == "__main__":
    from werkzeug.test import Client

    import desk

    replay.init(service="desk", spool="spool", keep=replay.on_error())
    with Client(desk.app).get("/total/tea") as answer:
        answer.get_data()
    assert replay.flush()
"""

_STOCK = (
    '@replay.boundary\ndef look_up(sku):\n    return {"sku": sku, "name": "Tea", "price": None, "stock": [1, 2, 3]}'
)
LATE = DESK.replace(_STOCK, 'def look_up(sku):\n    return httpx.get("http://127.0.0.1:9/stock").json()').replace(
    "import flask\n", "import flask\nimport httpx\n"
)


def _smallest(desk: str, folder: Path) -> Recording:
    """What `minimize` leaves of the one incident of a script, run in this folder, the current one."""
    (folder / "desk.py").write_text(desk)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")
    done = subprocess.run([sys.executable, "desk.py"], env=projects.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "spool").glob("*.replay.db")
    done = command("minimize", str(path), "--out", "small.replay.db")
    assert done.returncode == 0, done.stdout + done.stderr
    (small,) = replay.open(folder / "small.replay.db")
    return small


def test_an_answer_of_500_stays_one_of_the_same_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the price it would be a KeyError, at the same line and with the same page."""
    monkeypatch.chdir(tmp_path)
    small = _smallest(DESK, tmp_path)
    assert small.error_type == "TypeError"
    assert "stock" not in small.interactions[0].answer.text
    assert command("run", "small.replay.db").stdout.startswith("reproduced")


def test_an_error_behind_a_500_keeps_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare name would do for the page, and no `except httpx.TransportError` catches that."""
    monkeypatch.chdir(tmp_path)
    small = _smallest(LATE, tmp_path)
    assert small.error_type == "httpx.ConnectError"


def test_a_violated_property_stays_violated(project: Path) -> None:
    """A recording that ended well and breaks an invariant has a cause, and a smallest recording that breaks it too."""
    shop = project / "shop.py"
    rule = "assert run.outcome.value is None, 'it says something'"
    shop.write_text(f"{shop.read_text()}\n\n@replay.invariant('shop:triage')\ndef mute(run):\n    {rule}\n")
    found = json.loads(command("why", "captures/good.replay.db", "--no-save", "--json").stdout)
    assert (found["failure"]["error_type"], found["failure"]["message"]) == (
        "AssertionError", "mute: it says something",
    )  # fmt: skip
    done = command("minimize", "captures/good.replay.db", "--json")
    assert done.returncode == 0, done.stdout
    ran = json.loads(command("run", "captures/good.min.replay.db", "--json").stdout)
    assert [each["status"] for each in ran] == ["reproduced"]
    assert json.loads(done.stdout)["bytes"]["after"] < json.loads(done.stdout)["bytes"]["before"]


def test_what_does_not_fail_is_not_minimized(project: Path) -> None:
    """Said, with exit code 1, and nothing is written."""
    done = command("minimize", "captures/good.replay.db")
    assert (done.returncode, "not written" in done.stdout) == (1, True)
    assert not Path("captures/good.min.replay.db").exists()


@pytest.mark.parametrize(
    ("value", "needs", "small"),
    [
        ({"a": 1, "b": [1, 2, {"c": "hello"}]}, lambda v: v["b"][-1]["c"][:1] == "h", {"b": [{"c": "h"}]}),
        ("Dear Ada 4711,\nbye", lambda v: "," in v, ","),
        ([5, 6, 7], lambda v: len(v) == 3, [0, 0, 0]),
        (17, lambda v: v > 3, 17),
        ((1.5, True, None), lambda v: len(v) == 3 and v[1] is True, (0.0, True, None)),
        ("x" * 5000 + "!" + "y" * 5000, lambda v: "!" in v, "!"),
        ('{"a": [1, "bcd"], "e": "f"}', lambda v: json.loads(v)["a"][-1][:1] == "b", '{"a": ["b"]}'),
        (b"abcdef", lambda v: b"d" in v, b"d"),
    ],
)
def test_a_value_becomes_the_smallest_that_will_do(value: object, needs: object, small: object) -> None:
    """Names, items and characters; types stay."""

    def test(tried: object) -> bool:
        try:
            return bool(needs(tried))  # type: ignore[operator]
        except (LookupError, TypeError, ValueError):
            return False

    assert encode(reduced(value, test)) == encode(small)


ONWARD = (
    ('"bob": {"plan": None}', '"bob": {"plan": None, "seats": 7}'),
    ("@replay.capture\ndef triage", "@replay.boundary\ndef save(label):\n    pass\n\n\n@replay.capture\ndef triage"),
    ('    return {"label": customer["plan"].upper()}',
     '    label = customer["plan"].upper()\n    save(label)\n    return {"label": label, "n": customer["seats"]}'),
    ('"ann": {"plan": "pro"}', '"ann": {"plan": "pro", "seats": 2}'),
)  # fmt: skip


@pytest.mark.parametrize("source", ["given", "beside"])
def test_what_mended_code_reads_behind_another_call_stays(source: str, project: Path) -> None:
    """The failure kept it from asking on: with answers for that, the test of the minimal recording can be passed."""
    for each in ONWARD:
        projects.edit(project, *each)
    for path in (project / "captures").iterdir():
        path.unlink()
    projects.record(project, "bad", "bob")
    answers = ("--answer", "shop:save=null")
    if source == "beside":
        projects.record(project, "good", "ann")
        answers = ("--answers-from", "captures/good.replay.db")
    assert command("why", "captures/bad.replay.db").returncode == 0
    done = command("minimize", "captures/bad.replay.db", *(answers if source == "given" else ()))
    assert done.returncode == 0, done.stderr
    promoted = json.loads(command("promote", "captures/bad.replay.db", *answers, "--json").stdout)
    assert promoted[0]["minimal"] is True
    assert last_line("tests").startswith("1 failed")
    projects.edit(project, 'customer["plan"].upper()', '(customer["plan"] or "free").upper()')
    assert last_line("tests").startswith("1 passed")


BRANCHES = (
    (
        '{"ann": {"plan": "pro"}, "bob": {"plan": None}, "eve": {"plan": None}}',
        '{"ann": {"plan": "pro", "seats": 2}, "bob": {"plan": None, "seats": 7, "since": 2019}, '
        '"eve": {"plan": "free", "since": 2020}}',
    ),
    (
        '    return {"label": customer["plan"].upper()}',
        '    label = customer["plan"].upper()\n    if label == "FREE":\n        return {"since": customer["since"]}\n'
        '    return {"seats": customer["seats"]}',
    ),
)


@pytest.mark.parametrize("fix", ["free", pytest.param("pro", marks=pytest.mark.slow)])
def test_what_mended_code_reads_on_any_way_that_others_went_stays(fix: str, project: Path) -> None:
    """Which value stands in the place of the cause decides what is read then: a fix may take either."""
    for each in BRANCHES:
        projects.edit(project, *each)
    for path in (project / "captures").iterdir():
        path.unlink()
    projects.record(project, "good", "ann", "eve")
    projects.record(project, "bad", "bob")
    for verb in ("why", "minimize", "promote"):
        done = command(verb, "captures/bad.replay.db")
        assert done.returncode == 0, done.stdout + done.stderr
    assert last_line("tests").startswith("1 failed")
    projects.edit(project, 'customer["plan"].upper()', f'(customer["plan"] or "{fix}").upper()')
    assert last_line("tests").startswith("1 passed")
