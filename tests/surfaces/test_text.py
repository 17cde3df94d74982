"""What people read: safe, as wide as the terminal, and saying where two worlds part."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from replay.core.codec import Gap, Value, encode
from replay.core.recording import Interaction, Log, ModelCall, Outcome, Prediction, Recording
from replay.core.verdict import MOST_NOTED, Difference, Divergence, Frame, Verdict
from replay.errors import DivergenceError
from replay.surfaces.documents import run_row
from replay.surfaces.literals import literal
from replay.surfaces.page import Page, duration
from replay.surfaces.printable import clip, columns, escape, pad
from replay.surfaces.report.facts import ending, incident
from replay.surfaces.text import frames, headline, outcome_line, user_frames, verdict_text
from replay.surfaces.waterfall import recording_text, timing_bar
from tests.core.test_parts import recording as of_parts

HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202egnp.exe\u2066\x00\r\x9b2J\u200b\ufeff"
STARTED = 1_790_000_000_000_000_000


def interaction(seq: int = 0, target: str = "GET https://crm/customers/12", **fields: Any) -> Interaction:
    """One recorded request with its answer."""
    given: dict[str, Any] = {
        "seq": seq,
        "lane": "0",
        "boundary": "http",
        "target": target,
        "request": encode({"id": 12}),
        "answer": encode({"status": 200, "end": "complete", "error": None}),
        "state": "returned",
        "offset_ns": seq * 1_000_000,
        "duration_ns": 2_000_000,
        **fields,
    }
    return Interaction(**given)


def raised() -> Value:
    """A real error, encoded."""
    customer: dict[str, str] = {}
    try:
        customer["plan"]
    except KeyError as error:
        return encode(error)
    raise AssertionError


def test_an_exception_group_says_what_is_in_it() -> None:
    """In the line that tells how it ended the first, in the text a few with the way to the first."""
    inside = encode(KeyError("plan")).tree["$error"] | {"frames": [["/srv/shop/app.py", 7, "one", 'row["plan"]']]}
    kinds = [ValueError("b"), TypeError("c"), OSError("d"), IndexError("e"), LookupError("f")]
    group = encode(ExceptionGroup("g", kinds)).tree["$error"]
    group["frames"] = [["/srv/shop/app.py", 9, "plans", "async with tasks:"]]
    group["members"].insert(0, {"$error": inside})
    text = verdict_text(
        verdict("changed", outcome=Outcome("raised", Value(json.dumps({"$error": group})))), recording()
    )
    assert (
        """\
  error     ExceptionGroup: g (5 sub-exceptions)
  holds     KeyError: 'plan'
  holds     ValueError: b
  holds     TypeError: c
  holds     OSError: d
            and 2 more
  at        /srv/shop/app.py:7 in one    row["plan"]
  by        /srv/shop/app.py:9 in plans  async with tasks:
"""
        in text
    )
    ended = Outcome("raised", Value(json.dumps({"$error": group})))
    assert outcome_line(ended) == "ExceptionGroup: g (5 sub-exceptions): KeyError: 'plan'"


def recording(**fields: Any) -> Recording:
    """A recording that failed."""
    given: dict[str, Any] = {
        "id": "rec-1",
        "kind": "function",
        "entrypoint": "shop.app:triage",
        "started_at": STARTED,
        "duration_ns": 50_000_000,
        "input": encode({"args": [{"subject": HOSTILE, "text": "x" * 5000}], "kwargs": {}}),
        "outcome": Outcome("raised", raised()),
        "context": encode({"zone": "UTC", "notes": {"tenant": HOSTILE}}),
        "interactions": (interaction(0), interaction(1, "POST https://model/v1/chat\x1b[2J")),
        **fields,
    }
    return Recording(**given)


def verdict(status: str, **fields: Any) -> Verdict:
    """A verdict on `recording()`."""
    given: dict[str, Any] = {"id": "rec-1", "status": status, "recorded": recording().outcome, **fields}
    return Verdict(**given)


DIVERGED = Divergence(
    kind="changed",
    lane="0",
    boundary="http",
    target="GET https://crm/customers/13",
    asked=encode({"id": 13, "note": HOSTILE}),
    nearest=interaction(0),
    differences=(Difference("$.id", "changed", 12, 13), Difference("$.note", "added", None, HOSTILE)),
    where=(Frame("shop/app.py", 40, "triage", "plan = fetch(id)"), Frame("shop/crm.py", 33, "fetch", "client.get(id)")),
)


def active(text: str) -> list[str]:
    """Characters that a terminal acts on."""
    return [char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_nothing_recorded_reaches_the_terminal_unescaped() -> None:
    """Control, bidi and format characters of inputs, targets, notes and logs are escaped everywhere."""
    hostile = recording(
        entrypoint=f"shop:{HOSTILE}",
        service_name=HOSTILE,
        trace_id=HOSTILE,
        logs=(Log(offset_ns=1, level="INFO", logger="shop", message=HOSTILE + "\nnext"),),
        gaps=(Gap(HOSTILE, HOSTILE, HOSTILE),),
        model_calls=(ModelCall(seq=1, operation_name=HOSTILE, provider_name=HOSTILE, request_model=HOSTILE),),
        predictions=(Prediction(seq=0, name=HOSTILE, label=HOSTILE, decision=HOSTILE),),
    )
    found = verdict("diverged", divergence=DIVERGED, difference=DIVERGED.differences, path=HOSTILE, reason=HOSTILE)
    texts = (recording_text(hostile, path=HOSTILE), verdict_text(found, hostile), escape(HOSTILE))
    assert [active(text) for text in texts] == [[], [], []]


def test_escaped_text_still_says_what_was_there() -> None:
    """An escape is the character's Python escape; printable text is left alone."""
    assert escape("Zoë 🙂 日本\x1b[0m\u202e") == "Zoë 🙂 日本\\x1b[0m\\u202e"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Wide and combining characters included."""
    wide = recording(input=encode({"args": ["日本" * 300, "e\u0301" * 300], "kwargs": {}}))
    found = verdict("diverged", divergence=DIVERGED, difference=(Difference("$.a", "changed", "日" * 99, "x" * 99),))
    page = Page(width=width)
    lines = (recording_text(wide, page) + "\n" + verdict_text(found, wide, page)).splitlines()
    assert [line for line in lines if columns(line) > width] == []


def test_a_divergence_says_who_asked_what_and_what_differs() -> None:
    """The line of user code, the request, the nearest recorded one and its differing field."""
    text = verdict_text(verdict("diverged", divergence=DIVERGED, served=1, left_over=1, unanswered=1), recording())
    shown = [
        "Where they part",
        "asked http GET https://crm/customers/13 with other values than recorded",
        "shop/crm.py:33 in fetch",
        "client.get(id)",
        "#0 at +0 ns: GET https://crm/customers/12 {'id': 12}",
        "$.id: recorded 12, now 13",
        "1 served, 1 left over, 1 unanswered",
        "replay show rec-1",
    ]
    assert [line for line in shown if line not in text] == []


def test_an_outcome_that_changed_is_shown_with_both_sides_and_its_note() -> None:
    """What production saw with its frames, what happened now, and notes of expected differences."""
    differences = (
        Difference("$.label", "changed", "PRO", "NONE"),
        Difference("$.at", "changed", 1, 2, "time inside the recorded window"),
    )
    now = Outcome("returned", encode({"label": "NONE"}))
    text = verdict_text(verdict("changed", outcome=now, difference=differences), recording())
    shown = [
        "KeyError: 'plan'",
        "in raised",
        'customer["plan"]',
        "What happened now",
        "{'label': 'NONE'}",
        "$.label: recorded 'PRO', now 'NONE'",
        "$.at: recorded 1, now 2 (expected: time inside the recorded window)",
    ]
    assert [line for line in shown if line not in text] == []


def test_a_cause_has_a_label_of_its_own() -> None:
    """The label of an error's cause does not run into the cause."""
    error = ValueError("no plan")
    error.__cause__ = TypeError("none")
    text = verdict_text(verdict("changed", outcome=Outcome("raised", encode(error))), recording())
    assert "  because   TypeError('none')" in text.splitlines()


@pytest.mark.parametrize(
    ("error", "shown"),
    [(DivergenceError("replay: refused wait x"), "replay: refused wait x"),
     (DivergenceError("not the usual"), "replay.errors.DivergenceError: not the usual"),
     (ValueError("replay: not ours"), "ValueError: replay: not ours")],
)  # fmt: skip
def test_an_error_that_a_replay_raised_is_shown_without_its_type(error: Exception, shown: str) -> None:
    """That is for the code under test."""
    text = verdict_text(verdict("changed", outcome=Outcome("raised", encode(error))), recording())
    assert f"  error     {shown}" in text.splitlines()


def test_a_cause_that_is_an_argument_too_is_shown() -> None:
    """It is stored once: of aiohttp's errors the OS error is both."""
    cause = OSError(111, "refused")
    error = ValueError("no plan", cause)
    error.__cause__ = cause
    text = verdict_text(verdict("changed", outcome=Outcome("raised", encode(error))), recording())
    assert "  because   ConnectionRefusedError('[Errno 111] refused')" in text.splitlines()


def test_an_unanswerable_recording_says_why() -> None:
    """The reason stands where the outcome would."""
    text = verdict_text(verdict("unanswerable", reason="shop.app has no 'triage' any more."), recording())
    assert "Why it could not be run here\n  shop.app has no 'triage' any more." in text


def test_user_frames_leave_out_libraries() -> None:
    """The innermost lines of the project; if there are only libraries, those."""
    library = Frame("/venv/lib/python3.11/site-packages/httpx/_client.py", 1, "send")
    mine = Frame("/app/shop.py", 2, "triage")
    assert (user_frames([mine, library], "shop:triage"), user_frames([library], "shop:triage")) == ([mine], [library])


def test_an_installed_service_is_shown_without_its_libraries() -> None:
    """What `show` prints and the report lists are the service's own lines, wherever production installed it."""
    folder = "/venv/lib/python3.11/site-packages"
    stack = [[f"{folder}/shop/app.py", 2, "triage", "send()"], [f"{folder}/httpx/_client.py", 1, "send", "raise"]]
    body = {"type": "TimeoutError", "message": "slow", "args": [], "frames": stack}
    ended = Outcome("raised", Value(json.dumps({"$error": body})))
    text = recording_text(recording(outcome=ended))
    assert ("in triage" in text, "in send" in text) == (True, False)
    lines = ending(ended, "shop.app:triage").lines
    assert [(line.function, line.library) for line in lines] == [("triage", False)]


def test_frames_of_an_encoded_error() -> None:
    """File, line, function and source come back from the stored text."""
    found = frames(json.loads(raised().text))[-1]
    assert (found.function, found.source.strip()) == ("raised", 'customer["plan"]')
    assert found.file.endswith("test_text.py")


def test_show_has_every_section() -> None:
    """Input, context, interactions, models, logs, outcome, gaps."""
    whole = recording(
        logs=(Log(offset_ns=1_500_000, level="WARNING", logger="shop", message="no plan"),),
        gaps=(Gap("input.args[0].session", "opaque", "requests.Session"),),
        model_calls=(
            ModelCall(
                seq=1,
                operation_name="chat",
                provider_name="openai",
                request_model="gpt-x",
                input_tokens=1204,
                output_tokens=7,
                finish_reasons=("stop",),
            ),
        ),
        predictions=(Prediction(seq=0, name="fraud-v3", label="ok", score=0.41, threshold=0.5),),
    )
    text = recording_text(whole, path="x.replay.db")
    shown = [
        "x.replay.db::rec-1",
        "Input",
        "(5,000 characters)",
        "Context",
        "Interactions (2)",
        "openai chat gpt-x, tokens 1,204 in, 7 out, finished: stop",
        "fraud-v3, label 'ok', score 0.41 (threshold 0.5)",
        "+1.5 ms   WARNING shop: no plan",
        "KeyError: 'plan'",
        "input.args[0].session: requests.Session",
    ]
    assert [line for line in shown if line not in text] == []


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"subject": "Export fails", "$error": {"type": "x"}, "seats": 3}', "'subject': 'Export fails'"),
        (b"subject=Export", "body [b'subject=Export']"),
        (b'{"cut', "body [b'{"),
    ],
)
def test_the_body_of_a_request_is_read(body: bytes, shown: str) -> None:
    """JSON as what it says, a line each field; what is none as it came. Its names are no types of ours."""
    given = {"method": "POST", "path": "/", "query_string": b"", "headers": [(b"content-type", b"application/json")],
             "body": [body], "body_read": "whole"}  # fmt: skip
    lines = recording_text(of_parts(kind="asgi", given=given), Page(width=80))
    assert shown in lines
    assert ("'$error': {'type': 'x'}" in lines) == (b"$error" in body)


def test_timing_bars_stand_where_the_interaction_ran() -> None:
    """Offset and duration in proportion; never empty, never over the edge."""
    drawn = [
        timing_bar(interaction(offset_ns=offset, duration_ns=length), 100, 10)
        for offset, length in ((0, 50), (50, 50), (99, 1), (0, 0))
    ]
    assert drawn == ["█████     ", "     █████", "         ▏", "▏         "]


def test_colours_only_on_request() -> None:
    """Plain text has no escape sequence; a coloured page has the same words."""
    found = verdict("diverged", divergence=DIVERGED)
    assert "\x1b" not in verdict_text(found, recording())
    assert "\x1b[" in verdict_text(found, recording(), Page(colour=True))


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [(0, "0 ns"), (850, "850 ns"), (12_300, "12.3 µs"), (2_050_000_000, "2.05 s"), (123_400_000_000, "123 s")],
)
def test_durations(nanoseconds: int, shown: str) -> None:
    """In the unit that fits."""
    assert shown == duration(nanoseconds)


def test_widths() -> None:
    """Columns, not characters."""
    assert (columns("日本e\u0301"), clip("日本語", 5), pad("日", 4), clip("abc", 3)) == (5, "日本…", "日  ", "abc")


def test_damaged_values_are_shown_as_such() -> None:
    """A value that is no JSON, or nested without end, does not break the page."""
    deep = "[" * 100_000
    text = recording_text(recording(input=Value(deep), context=Value("{!")))
    assert text.count("damaged(") == 2


def test_long_containers_are_shortened() -> None:
    """With the number of what is left out."""
    assert literal(list(range(20))) == "[0, 1, 2, 3, 4, 5, 6, 7, … 12 more]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((1,), "(1,)"),
        (b"plain", "b'plain'"),
        ("né".encode(), "b'n\\xc3\\xa9'"),
        (b"\xff\x00", "b'\\xff\\x00'"),
        (b"x" * 100, f"b'{'x' * 60}'… (100 bytes)"),
        ({1: "a"}, "{1: 'a'}"),
        ("\ud800", "'\\ud800'"),
        (float("nan"), "nan"),
        (10**30, str(10**30)),
        (object(), "<object, not stored>"),
        (ValueError("no"), "ValueError('no')"),
    ],
)
def test_stored_values_read_like_python(value: object, shown: str) -> None:
    """Tags of the codec are not what an engineer wants to read."""
    assert literal(json.loads(encode(value).text)) == shown


def _many(number: int) -> tuple[Divergence, ...]:
    own = Divergence(
        kind="missing", lane="0", boundary="http", target="GET https://tax/rate", nearest=interaction(5), seq=5
    )
    rest = (
        Divergence(kind="missing", lane="0", boundary="call", target=f"app:step{n}", seq=n, follows=0)
        for n in range(number)
    )
    return (DIVERGED, *rest, own)


def test_the_first_divergence_and_the_next_independent_one_are_shown_in_full() -> None:
    """The hundred that follow from the first have a line each for a few, and a number for the rest."""
    found = _many(100)
    text = verdict_text(verdict("diverged", divergence=found[0], divergences=found), recording())
    shown = [
        "And another one, which does not follow from the first",
        "did not ask http GET https://tax/rate, which production asked",
        "100 more divergences, 100 of them following from an earlier one",
        "follows   missing    #0 call app:step0",
        "and 94 more",
    ]
    assert [line for line in shown if line not in text] == []
    assert "app:step6" not in text


def test_of_more_divergences_than_a_verdict_holds_no_number_is_claimed() -> None:
    found = _many(MOST_NOTED - 2)
    text = verdict_text(verdict("diverged", divergence=found[0], divergences=found), recording())
    assert f"At least {MOST_NOTED - 2} more divergences, {MOST_NOTED - 2} of them following" in text
    assert f"and at least {MOST_NOTED - 8} more" in text


def test_a_divergence_says_what_production_got_there() -> None:
    """The recorded answer, in one line."""
    text = verdict_text(verdict("diverged", divergence=DIVERGED), recording())
    assert "answered  200, 0 bytes" in text


def test_a_verdict_that_may_be_another_next_time_says_so() -> None:
    """The reason stands in the text, and the headline has the word."""
    found = verdict("diverged", divergence=DIVERGED, divergences=(DIVERGED,), reason="nondeterministic: #1 and #2")
    assert "What else may be the reason\n  nondeterministic: #1 and #2" in verdict_text(found, recording())
    assert headline(found).startswith("diverged (nondeterministic): asked http")


def test_the_document_lists_every_divergence_in_short() -> None:
    """With the place in the recording and the number of the one that it follows from."""
    found = _many(2)
    row = run_row(verdict("diverged", divergence=found[0], divergences=found))
    assert [(one["kind"], one["seq"], one["follows"]) for one in row["divergences"]] == [
        ("changed", None, None),
        ("missing", 0, 0),
        ("missing", 1, 0),
        ("missing", 5, None),
    ]
    assert row["divergence"]["kind"] == "changed"
    assert "nearest" not in row["divergences"][0]


@pytest.mark.parametrize("stored", [True, 7, "text", {"a": 1}, [7, None]])
def test_frames_that_are_none(stored: object) -> None:
    """A bundle may hold anything there."""
    assert frames({"$error": {"type": "E", "message": "m", "args": [], "frames": stored}}) == []


def test_a_change_beside_the_outcome_is_the_headline() -> None:
    """Both ended in the same way: that says nothing of what is another."""
    same = Outcome("returned", encode(None))
    left = Difference("input afterwards $.args[0].total", "changed", 3, 4, None)
    found = verdict("changed", recorded=same, outcome=same, difference=(left,))
    assert headline(found) == "changed: input afterwards $.args[0].total: recorded 3, now 4"


def test_the_report_says_it_too() -> None:
    """`now None` under a title of None would say nothing."""
    known = recording(outcome=Outcome("returned", encode(None)))
    difference = (Difference("input afterwards $.args[0].total", "changed", 3, 4),)
    found = verdict("changed", recorded=known.outcome, outcome=known.outcome, difference=difference)
    assert incident("a.replay.db", known, found).sentence == "input afterwards $.args[0].total: recorded 3, now 4"
    other = verdict("changed", recorded=known.outcome, outcome=Outcome("returned", encode(5)), difference=difference)
    assert incident("a.replay.db", known, other).sentence == "now 5"


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"kinds": {"card": 1, "email": 1200}, "key": "4ac541d1"},
         "card 1, email 1,200: masked before it was written (key 4ac541d1)"),
        ({"kinds": {HOSTILE: 2, "x": "y"}, "key": HOSTILE * 9}, None),
        ({"kinds": 3, "key": 4}, "secrets: masked before it was written"),
        ("x", "secrets: masked before it was written"),
    ],
)  # fmt: skip
def test_what_was_masked_is_a_line(marks: Any, said: str | None) -> None:
    """The places, pseudonyms and parts that redaction notes are for the machine: `--json` has them."""
    context = {"zone": "UTC", "redaction": marks, "draws": {"0": {"random": [0.5] * 3}}, "threads": {"0.0": [1, 2, 3]}}
    shown = recording_text(recording(context=encode(context), redacted=True))
    lines = {line.split()[0]: line.partition(line.split()[0])[2].strip() for line in shown.splitlines() if line.strip()}
    assert said is None or lines["redacted"] == said
    assert [lines["threads"], lines["draws"]] == ["0.0: 3", "0: 1"]
    assert "redaction" not in lines
    assert not active(shown)
    assert len(lines["redacted"]) < 200
