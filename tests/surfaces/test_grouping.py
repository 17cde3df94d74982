"""Groups: what belongs together, whose it is, and which recording stands for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from replay.core.cause import Cause, known_cause, origins, with_cause
from replay.core.codec import Value, encode
from replay.core.promoted import Promoted, promoted, with_promotion
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Verdict
from replay.surfaces.group_text import text
from replay.surfaces.grouping import TRIES, Group, Groups, Member, fingerprint, owner_of, size_of
from replay.surfaces.page import Page
from tests.surfaces import projects
from tests.surfaces.report import samples
from tests.surfaces.test_cli import replay

OWNERS = {"shop": "shop team", "shop.app": "app team", "shop.ap": "nobody"}


def incident(id: str, text: str = "", **fields: object) -> Recording:
    """One that failed; `text` makes its input longer."""
    plain = changed(samples.recording(""), entrypoint="shop.app:triage", predictions=(), id=id)
    return changed(plain, **{"input": encode({"args": [text], "kwargs": {}}), **fields})


def groups(*found: Recording, verdicts: dict[str, str] | None = None) -> list[Group]:
    """Of one bundle; with `verdicts`, which are those of the replays."""
    gathered = Groups(OWNERS)
    for one in found:
        gathered.add("y.replay.db" if promoted(one) else "x.replay.db", one)

    def replayed(member: Member) -> Verdict | None:
        if verdicts is None:
            return None
        status = verdicts[member.id]
        return Verdict(id=member.id, status=status, recorded=found[0].outcome)  # type: ignore[arg-type]

    return list(gathered.groups(replayed))


def test_groups_of_errors_are_apart_by_what_they_hold() -> None:
    """All leave the same line: what the first of them says stands beside the group's message."""
    plan, other = (Outcome("raised", encode(ExceptionGroup("g", [each]))) for each in (KeyError("plan"), ValueError()))
    (one, two) = groups(incident("a", outcome=plan), incident("b", outcome=other), incident("c", outcome=plan))
    assert (one.count, one.because, one.message) == (2, ("KeyError",), "g (1 sub-exception): KeyError: 'plan'")
    assert (two.count, two.because, two.message) == (1, ("ValueError",), "g (1 sub-exception): ValueError")


def test_the_same_failure_is_one_group() -> None:
    """Counted, with its first and last time; another error, cause or entry point without frames is another one."""
    day = 86_400 * 10**9
    other_cause = Outcome("raised", encode(ValueError("x")))
    (one, two) = groups(
        incident("a", started_at=3 * day), incident("b", started_at=1 * day), incident("c", outcome=other_cause)
    )
    assert (one.count, one.first_seen, one.last_seen) == (2, day, 3 * day)
    assert one.members == ("x.replay.db::b", "x.replay.db::a")
    assert (one.failure, one.place, one.because) == ("AttributeError", "triage in shop/app.py", ("KeyError",))
    assert (two.failure, two.count) == ("ValueError", 1)


def test_where_production_parted_tells_failures_apart() -> None:
    """One client for two services: the one that did not answer, by what was asked, whatever the number in it."""
    slow = encode(TimeoutError("slow"))

    def timed_out(id: str, target: str) -> Recording:
        asked = changed(samples.http(1, "x"), target=target, boundary="call", answer=slow, state="raised")
        return incident(id, outcome=Outcome("raised", slow), interactions=(samples.http(0, "x"), asked))

    crm, other = "GET http://crm:8080/customers/c17", "GET http://crm:9090/customers/c18?all=1"
    found = groups(timed_out("a", crm), timed_out("b", other), timed_out("c", "GET http://bank/v1"))
    assert [(one.count, one.parted) for one in found] == [
        (2, "call GET http://crm/customers/*"), (1, "call GET http://bank/v1"),
    ]  # fmt: skip
    assert len({one.fingerprint for one in found}) == 2
    answered = samples.http(0, "x")
    assert fingerprint(incident("d", interactions=(answered,))).parted == ""  # the error is the code's own


def test_known_causes_tell_failures_apart() -> None:
    """One that is known is that of all; of two each has its group, and what nobody asked about is a third."""
    plan = Cause(values=(("call[3].plan", "call shop:lookup"),))
    seats = Cause(values=(("input.args[0].seats", ""),))
    (one,) = groups(with_cause(incident("a"), plan), incident("b"))
    (before,) = groups(incident("b"))
    assert (one.count, one.cause, one.fingerprint) == (2, "plan of call shop:lookup", before.fingerprint)
    found = groups(with_cause(incident("a"), plan), with_cause(incident("c"), seats), incident("b"))
    assert {each.cause: each.members for each in found} == {
        "plan of call shop:lookup": ("x.replay.db::a",),
        "input.args[*].seats": ("x.replay.db::c",),
        "": ("x.replay.db::b",),
    }
    assert len({each.fingerprint for each in found}) == 3


@pytest.mark.parametrize("note", [1, {}, {"values": []}, {"values": [["nope", ""]]},
                                  {"values": [["input", ""]], "cure": [["input"]]}])  # fmt: skip
def test_what_is_no_cause_counts_as_none(note: object) -> None:
    """A bundle is untrusted."""
    plain = incident("a")
    context = {**plain.context.tree, "cause": note}
    assert known_cause(changed(plain, context=encode(context))) is None


def test_a_noted_cause_leaves_the_recording_as_it_was() -> None:
    """Its id stays, and what was made of it before is still its own."""
    plain = incident("a")
    noted = with_cause(plain, Cause(values=(("input.args[0]", ""),)))
    assert (noted.id, known_cause(noted)) == (plain.id, Cause(values=(("input.args[0]", ""),)))
    assert noted.digest != plain.digest
    assert plain.digest in origins(noted)
    assert with_cause(noted, None).digest == plain.digest


def test_an_installed_service_is_the_project() -> None:
    """Its frames count where production installed it as a package, those of other packages do not."""
    text = samples.error().text
    file = re.search(r'"([^"]*)shop/app.py"', text)
    assert file is not None
    installed = text.replace(file[0], '"/usr/lib/python3.12/site-packages/shop/app.py"')
    assert installed != text
    foreign = installed.replace("site-packages/shop/", "site-packages/other/")
    here, there, elsewhere = (
        fingerprint(incident("a", outcome=Outcome("raised", Value(each)))) for each in (text, installed, foreign)
    )
    assert (there.place, there.frames) == (here.place, here.frames)
    assert elsewhere.frames != here.frames


def test_two_statements_of_a_function_are_two_failures() -> None:
    """Told apart by their text: a line's number and its indentation may move."""
    text = samples.error().text
    moved = text.replace("40,", "44,").replace("customer[", "    customer[")
    other = text.replace("upper()", "lower()")
    assert len({text, moved, other}) == 3
    found = [incident(str(n), outcome=Outcome("raised", Value(one))) for n, one in enumerate((text, moved, other))]
    assert [(one.count, one.statement) for one in groups(*found)] == [
        (2, 'customer["plan"].upper()'), (1, 'customer["plan"].lower()'),
    ]  # fmt: skip


def test_answers_and_unfinished_runs_have_fingerprints() -> None:
    """A status of 500 by its route; a run that never ended by its entry point."""
    answered = incident("a", outcome=Outcome("returned", encode(None)), http_response_status_code=503,
                        http_request_method="GET", http_route="/a")  # fmt: skip
    unfinished = incident("b", outcome=Outcome("unfinished", encode(None)))
    assert (fingerprint(answered).failure, fingerprint(answered).place) == ("HTTP 503", "shop.app:triage GET /a")
    assert fingerprint(unfinished).failure == "unfinished"
    other = changed(answered, http_route="/b")
    assert len({fingerprint(one).digest for one in (answered, unfinished, other)}) == 3


def test_the_smallest_that_reproduces_stands_for_its_group() -> None:
    """Else the smallest; no more than a few are tried."""
    found = [incident(id, "x" * size) for id, size in (("d", 400), ("b", 200), ("c", 300), ("a", 100))]
    assert sorted(found, key=size_of)[0].id == "a"
    (untried,) = groups(*found)
    assert (untried.representative, untried.status) == ("x.replay.db::a", None)
    (second,) = groups(*found, verdicts={"a": "diverged", "b": "reproduced", "c": "reproduced", "d": "reproduced"})
    assert (second.representative, second.status) == ("x.replay.db::b", "reproduced")
    (none,) = groups(*found, verdicts={"a": "diverged", "b": "changed", "c": "changed"})  # "d" is never asked for
    assert (none.representative, none.status, TRIES) == ("x.replay.db::a", "diverged", 3)


def test_an_incident_counts_once() -> None:
    """However many minimal, scrubbed and promoted recordings of it there are, and whatever was noted in it since; the
    one to look at is as production saw it, with the minimal one beside it. Without it they are one, too."""
    cause = Cause(values=(("input.args[0]", ""),))
    whole = incident("a", "long", edits=None, parent_digest=None)
    noted = with_cause(whole, cause)
    tested = with_promotion(noted, Promoted(test="tests/test_a.py", expect="no-exception", origin=noted.digest))
    made = {"edits": encode([["input", "minimize", None]]), "started_at": 1}
    scrubbed = incident("s", "---", parent_digest=whole.digest, edits=None)
    small = incident("small", parent_digest=whole.digest, **made)
    smaller = incident("m", parent_digest=noted.digest, **made,
                       outcome=Outcome("raised", encode(ValueError("another group"))))  # fmt: skip
    smallest = incident("n", parent_digest=scrubbed.digest, **made)
    copies = (tested, small, smaller, smallest, scrubbed)
    verdicts = {"a": "reproduced"}
    for every in ((noted, *copies, incident("b", "longer")), (incident("b", "longer"), *reversed(copies), noted)):
        (group,) = groups(*every, verdicts=verdicts)
        assert (group.count, group.representative, group.cause) == (2, "x.replay.db::a", cause.key)
        assert group.minimal == "x.replay.db::m"
        assert group.members == ("x.replay.db::a", "x.replay.db::b")
        assert group.first_seen > 1
    for left in ((small, changed(small, id="z")), (scrubbed, smallest), (smallest,)):
        (alone,) = groups(*left)
        assert alone.count == 1
    assert (alone.representative, alone.minimal) == ("x.replay.db::n", None)


def test_a_minimal_recording_is_named_beside_it() -> None:
    """On a terminal, in its table, and in lines."""
    whole = incident("a", edits=None, parent_digest=None)
    small = incident("m", parent_digest=whole.digest, edits=encode([["input", "minimize", None]]))
    found = groups(whole, small)
    table, lines = (text(found, Page(width=200, terminal=terminal)) for terminal in (True, False))
    assert "x.replay.db::a" in table
    assert "minimal: x.replay.db::m" in table
    assert "look at   x.replay.db::a\n  minimal   x.replay.db::m\n" in lines


def test_whose_it_is() -> None:
    """As the model's policy says, else the longest prefix of the module."""
    plain = incident("a")
    assert owner_of(plain, OWNERS) == "app team"
    assert owner_of(changed(plain, entrypoint="shop.mail:send"), OWNERS) == "shop team"
    assert owner_of(changed(plain, entrypoint="shopping:x"), OWNERS) is None
    assert owner_of(changed(plain, predictions=samples.recording("ann").predictions), OWNERS) == "ann"
    named = changed(plain, id="b", predictions=samples.recording("ann").predictions)
    assert [groups(*found)[0].owner for found in ((plain, named), (named, plain))] == ["ann", "ann"]


def test_list_group(project: Path) -> None:
    """Incidents only, replayed unless told not to; owners from the configuration."""
    (project / "pyproject.toml").write_text('[tool.replay-harness.owners]\nshop = "checkout team"\n')
    (one,) = json.loads(replay("list", "--group", "captures", "--json").stdout)
    assert (one["count"], one["owner"], one["status"]) == (3, "checkout team", "reproduced")
    assert one["representative"] in one["members"]
    assert one["frames"] == [{"file": "shop.py", "function": "triage"}]
    text = replay("list", "--group", "captures").stdout
    assert text.startswith("3 x  AttributeError: 'NoneType' object has no attribute 'upper'\n")
    assert text.endswith("1 failure in 3 incidents\n")
    projects.edit(project, 'customer["plan"].upper()', '(customer["plan"] or "none").upper()')
    (fixed,) = json.loads(replay("list", "--group", "captures", "--json").stdout)
    assert fixed["status"] == "changed"
    (unrun,) = json.loads(replay("list", "--group", "--no-run", "captures", "--json").stdout)
    assert unrun["status"] is None


def test_no_run_is_for_groups(project: Path) -> None:
    """A usage error elsewhere."""
    assert replay("list", "--no-run").returncode == 2


@pytest.mark.parametrize("filters", [["--since", "2999-01-01"], ["--status", "ok"], ["--entrypoint", "later"]])
def test_filters_hold_for_groups(project: Path, filters: list[str]) -> None:
    """What is not listed is not grouped."""
    assert json.loads(replay("list", "--group", "--no-run", *filters, "captures", "--json").stdout) == []


def test_an_incident_that_is_named_twice_is_one() -> None:
    """`replay list --group captures captures/x.replay.db`."""
    (one,) = groups(incident("a"), incident("a"))
    assert (one.count, one.members) == (1, ("x.replay.db::a",))
