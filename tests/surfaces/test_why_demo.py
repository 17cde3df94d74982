"""`replay why` and `replay minimize` of the demo's twelve failures: the odd ticket or bad day that made each.

About four minutes. The causes are those of `replay.surfaces.demo.tickets.SURPRISES` and `servers.COHORTS`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from replay.store.bundle import open_bundle
from replay.surfaces.demo import demonstrate
from replay.surfaces.demo.result import DemoResult
from replay.surfaces.plainly import plain_input
from tests.surfaces import projects

pytestmark = pytest.mark.slow

CAUSES: dict[str, set[str]] = {
    "trial_ended": {"http[0].body.plan"},
    "billing_moved": {"http[2].body.data[*].amount_due"},
    "code_pasted": {"http[3].body"},
    "stream_dropped": {"http[3]"},
    "long_cjk": {"http[3].body"},
    "around_the_clock": {"input.body.timezone", "http[3].body"},  # late there, and the model says that it is urgent
    "half_an_emoji": {"input.body.subject"},
    "no_customer": {"http[0].body.account_id"},  # what the CRM answers where no customer is named
    "enterprise_form": {"input.body.seats", "http[0].body.plan"},
    "wants_spanish": {"http[3].body"},
    "accented_sender": {"input.body.from"},
    "slow_crm": {"http[0]"},
}
"""By the shape of the ticket: the values that it failed by."""


def shape_of(path: Path) -> str:
    """The shape of the ticket that a recording began with."""
    (recording,) = open_bundle(path)
    ticket: Any = plain_input(recording)["body"]
    if not isinstance(ticket, dict):
        return "half_an_emoji"  # no JSON that plain text could hold
    cohort = {"2": "trial_ended", "3": "billing_moved", "6": "slow_crm", "7": "stream_dropped", "8": "enterprise_form"}
    subject, customer = str(ticket["subject"]), str(ticket["customer_id"] or "")
    if not customer:
        return "no_customer"
    if customer[4] in cohort:
        return cohort[customer[4]]
    if not ticket["from"].isascii():
        return "accented_sender"
    named = {"Export fails": "code_pasted", "Outage": "around_the_clock", "Factura": "wants_spanish"}
    return named.get(subject) or ("half_an_emoji" if "\ud83d" in subject else "long_cjk")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """The demo as a user runs it."""
    return demonstrate(tmp_path_factory.mktemp("demo") / "demo", tickets=300, echo=lambda text: None)


@pytest.fixture(scope="module")
def incidents(demo: DemoResult) -> Mapping[str, Path]:
    """The first recording of each failure, by shape."""
    found = {shape_of(group[0].path): group[0].path for group in demo.failures.values()}
    assert set(found) == set(CAUSES)
    return found


def told(*arguments: str) -> dict[str, Any]:
    """The document of a command that is content."""
    done = subprocess.run([sys.executable, "-m", "replay.surfaces.cli", *arguments, "--json"], capture_output=True,
                          text=True, timeout=300, env=projects.environment())  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def general(path: str) -> str:
    """Without the number of an item; billing is asked first or second, at the same time as the history."""
    return path.replace("data[0]", "data[*]").replace("http[1].", "http[2].")


@pytest.mark.parametrize("shape", CAUSES)
def test_the_cause_is_named(incidents: Mapping[str, Path], shape: str) -> None:
    """Exactly what the ticket or the bad day was made of, proved both ways, in a bounded number of runs."""
    found = told("why", str(incidents[shape]))
    assert {general(value["path"]) for value in found["values"]} == CAUSES[shape]
    assert {value["fails_with"] for value in found["values"]} == {"same"}
    assert {value["passes_without"] for value in found["values"]} <= {"passed", "past"}
    assert found["runs"] <= found["most_runs"] == 600
    assert found["reproduced_again"] is True


@pytest.mark.parametrize("shape", CAUSES)
def test_the_rest_goes(incidents: Mapping[str, Path], tmp_path: Path, shape: str) -> None:
    """It reproduces, with half the bytes at most, and no mail address or name of a customer that does not matter."""
    out = tmp_path / "small.replay.db"
    found = told("minimize", str(incidents[shape]), "--out", str(out))
    assert found["status"] == "reproduced"
    assert found["bytes"]["after"] * 2 <= found["bytes"]["before"]
    (recording,) = open_bundle(out)
    held = "".join(text for i in recording.interactions for text in (i.request.text, i.answer.text))
    for private in ("owner@crm.example", "Lovelace", "O'Brien", "usr_17"):
        assert private not in held + recording.input.text
