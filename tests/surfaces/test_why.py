"""`replay why` names the planted cause of recorded failures, and says so where it cannot."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from msgspec.structs import replace

from replay.core.cause import known_cause, minimal_of
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.causes import why
from replay.engine.finding import Finding
from replay.engine.minimize import minimize
from replay.engine.mutation import mutate
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.why import Options, at_work, beside
from replay.surfaces.why_report import shown
from tests.recordings import record
from tests.surfaces import planted, projects

ROOT = str(Path(__file__).parent.parent.parent)
Run = dict[str, Any]
"""What the input and the world were: `ticket`, and names of `planted.WORLD`."""


def _calls(id: int, **arguments: str) -> str:
    """A model's call of a tool, its arguments three characters at a time."""
    text = json.dumps(arguments)
    parts = [text[at : at + 3] for at in range(0, len(text), 3)]
    chunks = [{"id": f"c{id}", "choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "function": {"arguments": part}}]}}]} for part in parts]  # fmt: skip
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"


def _customers(good: Any, bad: Any) -> list[Run]:
    return [{"customer": bad, "number": 1}, {"customer": good, "number": 2}, {"customer": good, "number": 3}]


def _tickets(bad: Run, *good: Run) -> list[Run]:
    return [{"ticket": each} for each in (bad, *good)]


def _events(id: int, **answer: str) -> str:
    """A model's answer as its deltas, three characters in each."""
    text = json.dumps(answer)
    deltas = [text[at : at + 3] for at in range(0, len(text), 3)]
    chunks = [{"id": f"c{id}", "created": 10**9 + id, "choices": [{"index": 0, "delta": {"content": each}}]}
              for each in deltas]  # fmt: skip
    end = {"id": f"c{id}", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return "".join(f"data: {json.dumps(each)}\n\n" for each in (*chunks, end)) + "data: [DONE]\n\n"


PLANTED: dict[str, tuple[list[Run], set[str]]] = {
    "null_field": (_customers({"plan": "pro"}, {"plan": None}), {"call[0].plan"}),
    "missing_key": (_customers({"plan": "pro"}, {}), {"call[0].plan"}),
    "nested": (_customers({"limits": {"seats": {"most": 4}}}, {"limits": {"seats": {"most": 0}}}),
               {"call[0].limits.seats.most"}),
    "raised": (_customers({"plan": "pro"}, TimeoutError("slow")), {"call[0]"}),
    "api_field": ([{"body": {"price": "free", "id": 1}}, {"body": {"price": "12", "id": 2}}], {"http[0].body.price"}),
    "api_header": ([{"body": [1], "headers": {"X-Wait": "soon", "X-Id": "1"}},
                    {"body": [2], "headers": {"X-Wait": "3", "X-Id": "2"}}], {"http[0].headers.x-wait"}),
    "api_status": ([{"body": [1], "status": 207}, {"body": [2], "status": 200}], {"http[0].status"}),
    "score": ([{"risk": {"score": 1.2, "label": "low"}}, {"risk": {"score": 0.4, "label": "high"}}],
              {"model[0].score"}),
    "label": ([{"risk": {"score": 0.2, "label": "hoch"}}, {"risk": {"score": 0.4, "label": "high"}}],
              {"model[0].label"}),
    "streamed": ([{"body": _events(1, label="hoch", why="smoke")}, {"body": _events(2, label="high", why="as ever")}],
                 {"http[0].stream.json.label"}),
    "flagged": ([{"flag": True}, {"flag": False}], {"environ[0]"}),
    "variable": ([{"variable": "ten"}, {"variable": "10"}], {"environ.PLANTED_LIMIT"}),
    "unset": ([{"flag": True, "region": "us"}, {"flag": False, "region": "us"}, {"flag": True}],
              {"environ.PLANTED_REGION", "environ[0]"}),
    "clock": ([{}] * 40, {"clock.started_at"}),
    "draw": ([{}] * 20, {'draws["0"].random[0]'}),
    "order": ([{"delays": {"a": 0.03, "b": 0.01}}, {"delays": {"a": 0.002, "b": 0.02}}], {"timing[0]"}),
    "input_type": (_tickets({"seats": "60"}, {"seats": 70}, {"seats": 2}), {"input.args[0].seats"}),
    "input_text": (_tickets({"name": "jörg"}, {"name": "ann"}), {"input.args[0].name"}),
    "input_date": (_tickets({"day": "yesterday"}, {"day": "2024-03-01"}), {"input.args[0].day"}),
    "input_flag": (_tickets({"urgent": True}, {"urgent": False}), {"input.args[0].urgent"}),
    "empty_list": (_tickets({"items": []}, {"items": [4, 5]}), {"input.args[0].items"}),
    "long_list": (_tickets({"items": [1, 2, 3]}, {"items": [4, 5]}), {"input.args[0].items"}),
    "one_item": (_tickets({"lines": [{"count": 1}, {"count": 0}, {"count": 2}]},
                          {"lines": [{"count": 3}, {"count": 4}, {"count": 5}]}), {"input.args[0].lines[1].count"}),
    "twice": ([{"customer": [{"plan": plan}, {"plan": other}]} for plan, other in
               (("pro", None), ("pro", "free"), ("free", "pro"))], {"call[1].plan"}),
    "payload": ([{"body": {"payload": json.dumps({"amount": amount, "more": note}), "id": id}} for id, amount, note in
                 ((1, "5", "in a text"), (2, 5, "a number"), (3, 6, "also a number"))], {"http[0].body.payload"}),
    "tool_call": ([{"body": _calls(1, level="hoch", why="smoke")}, {"body": _calls(2, level="high", why="as ever")},
                   {"body": _calls(3, level="low", why="no")}], {"http[0].stream.input.level"}),
    "local_zone": ([{"zone": "Asia/Tokyo"}, {"zone": "Europe/Berlin"}, {"zone": "America/New_York"}], {"zone"}),
    "duplicate": (_tickets({"lines": [{"name": "a"}, {"name": "b"}, {"name": "a"}]},
                           {"lines": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
                           {"lines": [{"name": "x"}, {"name": "y"}, {"name": "z"}]}),
                  {"input.args[0].lines[0].name", "input.args[0].lines[2].name"}),
    "not_set": ([{}, {"region": "us"}, {"region": "eu"}], {"environ.PLANTED_REGION"}),
    "far": ([{"customer": [{"plan": plan}, {"plan": "x"}]} for plan in (None, "pro", "free")], {"call[0].plan"}),
    "together": ([{"ticket": {"kind": kind}, "customer": {"plan": plan}} for kind, plan in
                  (("refund", "free"), ("refund", "pro"), ("order", "free"), ("order", "pro"))],
                 {"input.args[0].kind", "call[0].plan"}),
    "two_inputs": (_tickets({"left": 2, "right": 2}, {"left": 2, "right": 5}, {"left": 4, "right": 2}),
                   {"input.args[0].left", "input.args[0].right"}),
}  # fmt: skip


def recorded(name: str, runs: list[Run], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    """One recording of each run of a planted function: with much that does not matter, different each time."""
    function = getattr(planted, name)

    def work() -> None:
        for number, each in enumerate(runs):
            for key in ("headers", "status"):
                planted.WORLD.pop(key, None)
            planted.WORLD.update({key: list(told) if isinstance(told, list) else told for key, told in each.items()})
            monkeypatch.setenv("PLANTED_LIMIT", each.get("variable", "1"))
            monkeypatch.setenv("PLANTED_OTHER", f"other {number}")
            monkeypatch.delenv("PLANTED_REGION", raising=False)
            if "region" in each:
                monkeypatch.setenv("PLANTED_REGION", each["region"])
            monkeypatch.setenv("TZ", each.get("zone", "UTC"))
            time.tzset()
            note = f"{planted.SECRET} wrote {number} times. " * 20
            ticket = {"id": number, "note": note, "tags": [str(number)] * 3, **each.get("ticket", {})}
            try:
                found = function(ticket)
                if inspect.isgenerator(found):
                    list(found)
                elif inspect.isawaitable(found):
                    asyncio.run(found)  # type: ignore[arg-type]
            except Exception:
                continue

    with planted.api():
        found = record(folder, work, environ=("PLANTED_*",))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("PLANTED_REGION", raising=False)
    time.tzset()
    return found


def parted(found: list[Recording]) -> tuple[Recording, list[tuple[str, Recording]]]:
    """The first failure, and what passed."""
    incident = next(each for each in found if each.status == "error")
    return incident, [(each.id, each) for each in found if each.status == "ok"]


def caused(incident: Recording, others: list[tuple[str, Recording]]) -> Finding:
    with at_work(incident, Options(root=ROOT)) as stage:
        return why(incident, others, stage, runs=600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.mark.parametrize("name", PLANTED)
def test_the_planted_cause_is_named(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the planted values, proved both ways, in a bounded number of runs."""
    runs, wanted = PLANTED[name]
    made = recorded(name, runs, folder, monkeypatch)
    if name == "clock":  # it shows whole milliseconds: those in which none ended
        made = [each for each in made if each.started_at % 1_000_000 + each.duration_ns < 1_000_000]
    incident, passing = parted(made)
    assert passing
    found = caused(incident, passing)
    assert found.isolated, found.reason
    paths = {value.path for value in found.values}
    if name == "order":  # who was first is told by either time
        assert paths
        assert paths <= {"timing[0]", "timing[1]"}
    else:
        assert paths == wanted
    assert {value.fails_with for value in found.values} == {"same"}
    assert {value.passes_without for value in found.values} <= {"passed", "past"}
    assert found.irrelevant
    assert found.runs <= 600
    if name == "raised":  # an error has no parts to edit: the whole answer is another one
        (edit,) = found.cure
        assert (edit.path, edit.operator, edit.argument[0]) == ("call[0]", "answered", "returned")
        assert mutate(incident, found.cure).interactions[0].state == "returned"
    assert found.chain[-1].what == "failed"
    assert found.chain[-1].frame.source


def test_each_item_of_a_list_is_one_cause(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each item has it and one suffices, the place is named once, with the lines that lead to it."""
    runs = _customers(*({"lines": [{"price": each} for each in prices]} for prices in ((4, 5), (None, None))))
    found = caused(*parted(recorded("every_price", runs, folder, monkeypatch)))
    assert [value.path for value in found.values] == ["call[0].lines[*].price"]
    assert found.chain[-1].what == "failed"


@pytest.mark.slow
def test_a_run_that_never_ends_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value in the place of one that does not matter may be one that a loop waits for in vain."""
    (incident,) = recorded("paces", _tickets({"pace": 5, "left": 0}), folder, monkeypatch)
    started = time.monotonic()
    with at_work(incident, Options(root=ROOT, limit=2)) as stage:
        found = why(incident, [], stage, runs=200)
    assert [value.path for value in found.values] == ["input.args[0].left"]
    assert time.monotonic() - started < 120


def test_a_draw_that_fits_nowhere_is_not_given_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`random.choice` draws until it gets a number that is small enough."""
    found = recorded("picks", _tickets(*[{}] * 20), folder, monkeypatch)
    incident = next(each for each in found if each.status == "error")
    with at_work(incident, Options(root=ROOT, limit=5)) as stage, stage(incident).limited():
        ran = stage(incident).execute([Edit('draws["0"].getrandbits', "set", [7])])
    assert (ran.reason, ran.outcome is not None) == (None, True)
    assert len(ran.drawn["0"]["getrandbits"]) > 1000


def _order(order: Run) -> None:
    body = json.dumps(order).encode()
    environ: dict[str, Any] = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)),
                               "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}  # fmt: skip
    setup_testing_defaults(environ)
    response = planted.shares(environ, lambda *_: None)
    list(response)
    getattr(response, "close", lambda: None)()


def test_the_line_behind_a_status_is_shown(folder: Path) -> None:
    """An error that the application turned into a 500: its line, not its type."""

    found = caused(*parted(record(folder, lambda: [_order({"seats": seats}) for seats in (0, 2, 5)])))
    assert [value.path for value in found.values] == ["input.body.seats"]
    assert found.chain[-1].frame.source == 'share = json.dumps(100 / order["seats"])'


def test_what_else_it_takes_is_told_by_recordings_that_end_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest ones are as late in the day as the incident; one that fails before the line is not."""
    runs: list[Run] = [
        {"ticket": {"kind": "urgent", "hour": 21}, "customer": {"plan": "PRO"}},
        {"ticket": {"kind": "normal", "hour": 22}, "customer": {"plan": "PRO"}},
        {"ticket": {"kind": "normal", "hour": 9}, "customer": {"plan": None}},
    ]
    named = {each.error_type: each for each in recorded("evening", runs, folder, monkeypatch)}
    incident = named["IndexError"]
    others = [(each.id, each) for each in (named[None], named["AttributeError"])]
    nearest = caused(incident, others[:1])
    assert {value.path for value in nearest.values} == {"input.args[0].kind"}
    found = caused(incident, others)
    assert {value.path for value in found.values} == {"input.args[0].kind", "input.args[0].hour"}
    assert "input.args[0].hour" not in found.irrelevant
    assert found.compared == tuple(name for name, _ in others)


@pytest.mark.parametrize(
    ("name", "runs", "links"),
    [
        ("yielded", _tickets({"lines": [{"price": 0}]}, {"lines": [{"price": 3}]}),
         [("first read", 'price = item["price"]'), ("failed", "total += 10 / price")]),
        ("handed_on", _tickets({"parts": 0}, {"parts": 3}),
         [("first read", 'parts = ticket["parts"]'), ("failed", "return whole / parts")]),
        ("by_place", _tickets({"parts": 0}, {"parts": 3}),
         [("first seen", "def by_place(ticket: Any) -> float:"),
          ("failed", "return 10 / float(list(ticket.values())[-1])")]),
        ("variable", PLANTED["variable"][0],
         [("first read", 'return int(os.environ["PLANTED_LIMIT"])'),
          ("failed", 'return int(os.environ["PLANTED_LIMIT"])')]),
    ],
)  # fmt: skip
def test_the_line_that_first_reads_it_is_named(
    name: str, runs: list[Run], links: list[tuple[str, str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the body, also of a generator: not the decorator above it, nor where an argument was handed on."""
    incident, passing = parted(recorded(name, runs, folder, monkeypatch))
    found = caused(incident, passing)
    assert [(link.what, link.frame.source) for link in found.chain] == links


@pytest.mark.parametrize("name", ["null_field", "api_field", "input_type", "input_text", "label", "flagged"])
def test_made_up_values_stand_in_for_passing_recordings(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident alone: the same cause, or none, but no wrong one."""
    runs, wanted = PLANTED[name]
    incident, _ = parted(recorded(name, runs, folder, monkeypatch))
    found = caused(incident, [])
    paths = {value.path for value in found.values} if found.isolated else None
    assert paths in (wanted, None) if name == "label" else paths == wanted


ALONE: dict[str, tuple[Run, list[str]]] = {
    "two_names": ({"id": 1, "names": ["x"]}, ["input.args[0].net", "input.args[0].tax"]),
    "of_a_table": ({"plan": "gold", "id": 1}, ["input.args[0].plan"]),
    "two_zeros": ({"left": 0, "right": 0, "id": 1}, ["input.args[0].left", "input.args[0].right"]),
}
"""Failures that no other value of one place cures, or none that is not in the code."""


@pytest.mark.parametrize(("name", "plan"), [*((name, None) for name in ALONE), ("of_a_table", {"plan": None})])
def test_what_the_failing_line_says_is_tried(
    name: str, plan: Run | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that lack, texts of the code, and several places at once."""
    ticket, wanted = ALONE[name]
    incident, _ = parted(recorded(name, _tickets({**ticket, **(plan or {})}), folder, monkeypatch))
    found = caused(incident, [])
    assert [value.path for value in found.values] == wanted, found.reason
    assert found.together == (len(wanted) > 1)
    assert (found.passing is not None, bool(found.cure)) == (True, True)


def test_a_cause_that_was_found_is_kept_where_the_runs_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that keeps the code from the failing line; what the line says is tried as long as there are runs."""
    incident, _ = parted(recorded("either", _tickets({"left": 9, "right": 1, "by": "ann"}), folder, monkeypatch))
    enough = caused(incident, [])
    assert [value.path for value in enough.values] == ["input.args[0].left"]
    with at_work(incident, Options(root=ROOT)) as stage:
        found = why(incident, [], stage, runs=enough.runs - 4)
    assert ([value.path for value in found.values], found.isolated) == (["input.args[0].left"], True)


def test_what_frames_a_request_is_no_cause(folder: Path) -> None:
    """Another length of the body fails otherwise, and no client sends it."""
    (incident,) = record(folder, lambda: _order({}))
    found = caused(incident, [])
    assert [value.path for value in found.values] == ["input.body.seats"], found.reason
    assert not any("content-length" in path for path in found.irrelevant)


def test_why_there_is_no_cause(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the failure hangs on is named, and what would help."""
    incident, _ = parted(recorded("no_guess", _tickets({"code": None}), folder, monkeypatch))
    found = caused(incident, [])
    assert not found.isolated
    assert found.reason == (
        "none of the values that were made up lets it pass; what happens hangs on input.args[0].code; it takes a "
        "passing recording beside it (replay why INCIDENT PASSING)"
    )


def test_what_cannot_be_isolated_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two causes of which each is enough."""
    runs = _tickets({"left": 9, "right": 9}, {"left": 1, "right": 2})
    incident, passing = parted(recorded("either", runs, folder, monkeypatch))
    found = caused(incident, passing)
    assert (found.isolated, found.values) == (False, ())
    assert "more than one cause" in found.reason


def test_what_no_recording_holds_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings that passed, and fail now with all their values: a cause that was made up is told with that."""
    found = []
    for closed, left in ((True, 1), (False, 2), (False, 3)):
        monkeypatch.setitem(planted.STATE, "closed", closed)
        found += recorded("outside", _tickets({"left": left}), folder / str(left), monkeypatch)
    incident, passing = parted(found)
    assert len(passing) == 2
    monkeypatch.setitem(planted.STATE, "closed", True)
    cause = caused(incident, passing)
    assert cause.side == "mutations"
    assert cause.reason.startswith("2 recordings that passed in production fail here with all their values")
    monkeypatch.setitem(planted.STATE, "closed", False)
    assert "does not fail when it is run here" in caused(incident, passing).reason


def test_a_flaky_failure_has_no_cause(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It depends on what no recording holds."""
    planted._turns[0] = 0
    incident, passing = parted(recorded("flaky", [{}] * 4, folder, monkeypatch))
    found = caused(incident, passing)
    assert not found.isolated
    assert "flaky" in found.reason or "does not fail" in found.reason


def test_the_runs_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than were allowed, and that is said."""
    incident, passing = parted(recorded("null_field", PLANTED["null_field"][0], folder, monkeypatch))
    with at_work(incident, Options(root=ROOT)) as stage:
        found = why(incident, passing, stage, runs=6)
    assert (found.isolated, found.runs) == (False, 6)
    assert "--runs" in found.reason


def test_ctrl_c_keeps_what_was_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run at hand ends, the next is not made; minimize gives the smallest so far. Afterwards all is as before."""
    incident, passing = parted(recorded("null_field", PLANTED["null_field"][0], folder, monkeypatch))
    before = signal.getsignal(signal.SIGINT)

    def press(runs: int, most: int) -> None:
        if runs == 5:
            signal.raise_signal(signal.SIGINT)

    with at_work(incident, Options(root=ROOT)) as stage:
        found = why(incident, passing, stage, runs=600, on_run=press)
        small = minimize(incident, stage, runs=600, on_run=lambda runs, most: press(runs - 4, most))
    assert (found.isolated, found.interrupted, found.runs) == (False, True, 5)
    assert found.reason == "interrupted after 5 runs"
    assert (small.stopped, small.finding.interrupted, small.finding.runs) == (True, True, 9)
    assert small.recording is not None
    assert small.after < small.before
    assert (
        minimal_of(small.recording)
        == "it was stopped before its end, so values that the failure does not need may be left"
    )
    assert signal.getsignal(signal.SIGINT) == before


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own, as a user runs it."""
    line = [sys.executable, "-m", "replay.surfaces.cli", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def test_the_command_and_its_document(project: Path) -> None:
    """The shop's null plan, against the recordings in its folder and against one that is named."""
    done = command("why", "captures/bad.replay.db")
    assert done.returncode == 0, done.stderr
    assert "cause     call[0].plan = null, of shop:lookup" in done.stdout
    assert re.search(r"^  seen      shop.py:\d+ in triage\n +customer = lookup", done.stdout, re.MULTILINE)
    assert re.search(r"^  next      replay minimize captures/bad.replay.db$", done.stdout, re.MULTILINE)
    assert "it fails in the same way in a fresh process" in done.stdout
    done = command("why", "captures/bad.replay.db", "captures/good.replay.db", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["isolated"], found["side"]) == (0, True, "recordings")
    assert [(value["path"], value["value"]) for value in found["values"]] == [("call[0].plan", "null")]
    assert (found["reproduced_again"], found["passed_again"]) == (True, True)
    assert [link["what"] for link in found["chain"]] == ["asked", "first seen", "first read", "failed"]


def test_a_recording_that_passes_has_no_cause(project: Path) -> None:
    """Said, with exit code 1."""
    done = command("why", "captures/good.replay.db")
    assert done.returncode == 1, done.stderr
    assert "not isolated: the incident does not fail" in done.stdout


def test_bundles_of_another_entry_point_are_refused(project: Path, tmp_path: Path) -> None:
    """A named recording that cannot be compared is an error, not silently nothing."""
    done = command("why", "captures/bad.replay.db", "captures/async.replay.db")
    assert (done.returncode, "no other recording of shop:triage there" in done.stderr) == (3, True)


def test_what_is_cut_of_a_text_is_text() -> None:
    """Not an escape in the middle; the characters that are counted are those of the text."""
    long = 'say "x", \u202e' * 12
    found = shown(long)
    assert found.endswith(f"... ({len(long)} characters)")
    assert long.startswith(json.loads(found.partition("... (")[0]))
    assert (shown("a" * 60), shown('"')) == (f'"{"a" * 60}"', '"\\""')


def test_requests_to_another_route_are_no_other_side(tmp_path: Path) -> None:
    """Of them everything is another: the path would be the cause."""
    made = record(tmp_path, lambda: [planted.input_text({"name": "ada"}) for _ in range(4)])
    routes = [("POST", "/classify"), ("POST", "/stream"), ("GET", "/classify"), ("POST", "/classify")]
    incident, *others = [
        replace(each, http_request_method=method, http_route=route)
        for each, (method, route) in zip(made, routes, strict=True)
    ]
    path = tmp_path / "all.replay.db"
    write_bundle([incident, *others], path)
    assert [recording.id for _, recording in beside(path, incident)] == [others[2].id]
    assert len(beside(path, replace(incident, http_route=None))) == 3
    assert len(beside(path, incident, [str(path)])) == 3


INTERRUPTED = """\
import sys
import time
from pathlib import Path
import replay

MARK = Path({mark!r})


@replay.boundary
def plan_of(customer):
    return {{"ann": "pro", "bob": None}}[customer]


@replay.capture
def quote(customer):
    if "replay.surfaces.child" in sys.modules:  # in a fresh process
        MARK.touch()
        while True:
            pass
    return plan_of(customer).upper()
"""


def test_ctrl_c_in_the_proof_keeps_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and that no fresh process was heard; nothing is stored of it."""
    mark = tmp_path / "mark"
    (tmp_path / "shop.py").write_text(INTERRUPTED.format(mark=str(mark)))
    (tmp_path / "pyproject.toml").write_text("")
    code = """import replay, shop
replay.init(service="shop", spool="captures", keep=replay.always())
shop.quote("ann")
try: shop.quote("bob")
except AttributeError: pass
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=projects.environment(), check=True, timeout=60)
    paths = sorted((tmp_path / "captures").glob("*.replay.db"))
    (bad,) = [path for path in paths if next(iter(open_bundle(path))).status == "error"]
    monkeypatch.chdir(tmp_path)
    done = projects.interrupted(["why", str(bad)], mark.exists)
    assert done.returncode == 130, done.stderr
    assert "cause     call[0] = null" in done.stdout
    assert "not tried in a fresh process: interrupted" in done.stdout
    assert known_cause(next(iter(open_bundle(bad)))) is None


def test_a_recording_that_passed_comes_before_one_that_failed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer is the smaller change, and gets past the line too; that there is a row at all is no cause beside
    what lies in it."""
    good = [{"id": 2, "tags": ["A"]}, {"id": 3, "tags": ["b"]}]
    runs: list[Run] = [{"rows": [{"id": 1, "tags": None}]}, {"rows": []}, {"rows": good}]
    found = recorded("tags_of_rows", runs, tmp_path, monkeypatch)
    incident = next(each for each in found if each.error_type == "TypeError")
    finding = caused(incident, [(each.id, each) for each in found if each is not incident])
    assert [value.path for value in finding.values] == ["call[0][*].tags"]
