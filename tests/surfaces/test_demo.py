"""The demo: its traffic, its servers, and a whole run."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from replay.errors import UsageError
from replay.store.bundle import open_bundle
from replay.surfaces.demo import demonstrate, servers
from replay.surfaces.demo.processes import refuses, third_parties
from replay.surfaces.demo.result import DemoResult
from replay.surfaces.demo.table import next_steps, table
from replay.surfaces.demo.tickets import SURPRISES, Ticket, tickets
from replay.surfaces.grouping import Groups


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, int]]:
    """The demo's servers in this process: name -> port."""
    running = servers.start()
    yield {name: server.server_address[1] for name, server in running.items()}
    for server in running.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """One whole run, with a fifth of the traffic."""
    return demonstrate(tmp_path_factory.mktemp("demo") / "out", tickets=60, echo=lambda text: None)


@dataclass(frozen=True)
class Got:
    """An answer, read to its end."""

    status: int
    headers: Message
    body: bytes


def exchange(port: int, method: str, path: str, body: str | None = None, **headers: str) -> Got:
    """One request over a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path, body, headers)
        with closing(connection.getresponse()) as response:
            return Got(response.status, response.headers, response.read())


def get(port: int, path: str, **headers: str) -> Got:
    """The answer to a GET."""
    return exchange(port, "GET", path, **headers)


def ask_model(port: int, text: str, user: str = "cus_1001") -> bytes:
    """The model server's stream for a ticket."""
    asked = {"messages": [{"role": "user", "content": text}], "user": user, "stream": True}
    return exchange(port, "POST", "/v1/chat/completions", json.dumps(asked)).body


def content(stream: bytes) -> str:
    """What the pieces of a streamed completion say together."""
    lines = [line.removeprefix("data: ") for line in stream.decode().split("\n\n") if line]
    chunks: list[dict[str, Any]] = [json.loads(line) for line in lines if line != "[DONE]"]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


class TestTickets:
    def test_seed(self) -> None:
        """The traffic is a function of its seed."""
        assert tickets(300, 1) == tickets(300, 1)
        assert tickets(300, 1) != tickets(300, 2)

    @pytest.mark.parametrize("count", [60, 300, 1000])
    def test_count_and_shapes(self, count: int) -> None:
        """As many tickets as asked for, none of the surprises left out."""
        made = tickets(count, 7)
        assert count == len(made)
        assert {shape.__name__ for shape in SURPRISES} <= {ticket.shape for ticket in made}

    def test_bodies(self) -> None:
        """Malformed, lone surrogates, null bytes and 20 KB are all there, as bytes on the wire."""
        bodies = {ticket.shape: ticket.body for ticket in tickets(300, 7)}
        assert b"\\ud83d" in bodies["half_an_emoji"]
        assert any(b"\\u0000" in ticket.body for ticket in tickets(300, 7) if ticket.shape == "odd_text")
        assert len(bodies["very_long"]) > 19_000

    @pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)])
    def test_midnight_is_always_somewhere(self, day: datetime) -> None:
        """At any minute some of the tickets from around the clock meet the date bug, in small traffic as well."""
        from replay.surfaces.demo.service import due_at

        zones = [_zone(ticket) for ticket in tickets(60, 3) if ticket.shape == "around_the_clock"]
        for minutes in range(0, 24 * 60, 7):
            failed = 0
            for zone in zones:
                try:
                    due_at("high", zone, day + timedelta(minutes=minutes))
                except ValueError:
                    failed += 1
            assert 0 < failed < len(zones)


def _zone(ticket: Ticket) -> ZoneInfo:
    return ZoneInfo(json.loads(ticket.body)["timezone"])


class TestServers:
    def test_plan_turns_null(self, addresses: dict[str, int]) -> None:
        """A customer whose trial ended has no plan; the others have one."""
        assert json.loads(get(addresses["crm"], "/customers/cus_2001").body)["plan"] is None
        assert json.loads(get(addresses["crm"], "/customers/cus_1001").body)["plan"]

    def test_missing_id_is_a_list(self, addresses: dict[str, int]) -> None:
        """Without an id the CRM answers with a page."""
        assert json.loads(get(addresses["crm"], "/customers/").body)["object"] == "list"

    def test_busy_once(self, addresses: dict[str, int]) -> None:
        """A busy CRM says when to come back, then answers."""
        first, second = (get(addresses["crm"], "/customers/cus_4123") for _ in range(2))
        assert (first.status, first.headers["Retry-After"], second.status) == (503, "1", 200)

    def test_billing_renames(self, addresses: dict[str, int]) -> None:
        """The new billing version has another name for the amount, and compresses when it may."""
        old = get(addresses["billing"], "/accounts/acct_1001/invoices")
        new = get(addresses["billing"], "/accounts/acct_3002/invoices", **{"Accept-Encoding": "gzip"})
        assert "amount_due" in json.loads(old.body)["data"][0]
        assert new.headers["Content-Encoding"] == "gzip"
        assert "amountDue" in json.loads(gzip.decompress(new.body))["data"][0]

    def test_model(self, addresses: dict[str, int]) -> None:
        """The model streams JSON, in a fence if the ticket has code."""
        assert json.loads(content(ask_model(addresses["model"], "a refund, please")))["label"] == "billing"
        assert content(ask_model(addresses["model"], "```x```")).startswith("```json\n{")

    def test_model_drops(self, addresses: dict[str, int]) -> None:
        """For some customers the stream ends without its last chunk."""
        with pytest.raises(http.client.IncompleteRead):
            ask_model(addresses["model"], "help", user="cus_7001")

    def test_stopped(self) -> None:
        """The process of the servers leaves no open port."""
        with third_parties() as ports:
            assert [refuses(port) for port in ports.values()] == [False] * 3
        assert [refuses(port) for port in ports.values()] == [True] * 3


class TestRun:
    def test_everything_reproduces(self, result: DemoResult) -> None:
        """Every answer of 500 was captured, all incidents reproduce, and there are five kinds at least."""
        assert [(i.path.name, i.verdict.status, i.message) for i in result.incidents if not i.verdict.green] == []
        assert (result.missed, result.exit_code) == (0, 0)
        assert len(result.failures) >= 5
        assert sum(result.statuses.values()) == 60

    def test_bugs(self, result: DemoResult) -> None:
        """The promised bugs are among the failures, each in its function."""
        found = {(kind.rpartition(".")[2], function) for kind, function, _ in result.failures}
        assert {
            ("AttributeError", "raise_priority"),
            ("JSONDecodeError", "classify"),
            ("APIConnectionError", "classify"),
            ("ValueError", "due_at"),
            ("UnicodeEncodeError", "fingerprint_of"),
        } <= found

    def test_table(self, result: DemoResult) -> None:
        """The table has a row for each failure; the next commands name the folder."""
        text = table(result)
        assert all(group[0].where in text for group in result.failures.values())
        assert f"{len(result.incidents)} incidents captured" in text
        assert f"pytest {result.folder}" in next_steps(result)

    def test_an_error_that_says_nothing(self, result: DemoResult) -> None:
        """Its row has the type alone."""
        silent = replace(result.incidents[0], error_type="httpx.ReadTimeout", message="")
        text = table(replace(result, incidents=(silent,)))
        assert "ReadTimeout " in text
        assert "ReadTimeout:" not in text

    def test_groups(self, result: DemoResult) -> None:
        """Where `list --group` shows fewer failures than the table, the demo says so."""
        gathered = Groups({})
        for incident in result.incidents:
            gathered.add(str(incident.path), next(iter(open_bundle(incident.path))))
        assert result.groups == len(list(gathered.groups())) == 11
        assert len(result.failures) == 12
        assert "by failure: 11 there, as" in next_steps(result)

    def test_not_reproduced_is_not_green(self, result: DemoResult) -> None:
        """One verdict of another kind, or one lost incident, turns the exit code and is named."""
        first, *rest = result.incidents
        changed = replace(first, verdict=msgspec.structs.replace(first.verdict, status="changed"))
        bad = replace(result, incidents=(changed, *rest))
        assert bad.exit_code == 1
        assert f"changed: {first.path}" in table(bad)
        assert replace(result, incidents=tuple(rest)).exit_code == 1

    def test_data(self, result: DemoResult) -> None:
        """What --json prints holds every incident."""
        data = json.loads(json.dumps(result.as_data()))
        assert len(result.incidents) == data["captured"] == data["reproduced"]
        assert len(result.incidents) == sum(len(failure["incidents"]) for failure in data["failures"])

    def test_not_empty(self, result: DemoResult) -> None:
        """A folder with something in it is refused before anything starts."""
        with pytest.raises(UsageError, match="not an empty folder"):
            demonstrate(result.folder)

    def test_command(self, tmp_path: Path) -> None:
        """`replay demo --json` prints one document; a second run takes a numbered folder."""
        (tmp_path / "replay-demo").mkdir()
        (tmp_path / "replay-demo" / "mine.txt").write_text("kept")
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "replay.surfaces.cli", "demo", "--json", "--tickets", "40"]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert Path(document["folder"]) == tmp_path / "replay-demo-2"
        assert Counter(document["statuses"])["500"] == document["captured"]
