"""Hunting the demo's failures from its service's log alone: `python -m tests.campaigns.hunt_demo`.

The demo's traffic is driven twice: against a service that records nothing, whose log has the tracebacks, and benign
tickets against one that records everything. Each distinct failure of the log is then hunted in the second's captures.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from replay.core.recording import Recording
from replay.store.bundle import open_bundle
from replay.surfaces.demo import processes
from replay.surfaces.demo.tickets import Ticket, tickets
from replay.surfaces.demo.traffic import drive
from replay.surfaces.fuzz_report import watching
from replay.surfaces.hunt import Options, hunt
from replay.surfaces.signature import read_signature
from tests.campaigns.hunts import line

BENIGN = {"ordinary", "busy_crm", "billing_down", "numbers_as_text", "pasted_html", "around_the_clock"}
"""Shapes of tickets that the service was written for."""
SERVE = """\
import os
import sys

import uvicorn

import replay
from replay.surfaces.demo import service

if sys.argv[1] == "record":
    replay.init(service="triage", spool=os.environ["REPLAY_SPOOL"], keep=replay.always(),
                environ=("CRM_URL", "BILLING_URL", "MODEL_URL"))
service.migrate()
uvicorn.run("replay.surfaces.demo.service:app", host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
"""


def served(mode: str, folder: Path, traffic: Sequence[Ticket], ports: dict[str, int]) -> Path:
    """The log of a service that was sent this traffic."""
    work = folder / mode
    work.mkdir()
    log, port = work / "service.log", processes.free_port()
    environ = os.environ | {
        "PORT": str(port), "REPLAY_SPOOL": str(folder / "captures"), "TRIAGE_DATABASE": str(work / "triage.sqlite3"),
        "CRM_URL": f"http://127.0.0.1:{ports['crm']}", "BILLING_URL": f"http://127.0.0.1:{ports['billing']}",
        "MODEL_URL": f"http://127.0.0.1:{ports['model']}/v1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", SERVE, mode], env=environ, stdout=out, stderr=out)
        processes.await_start(process, port, log)
        drive(port, traffic)
        process.terminate()
        process.wait(60)
    return log


def tracebacks(log: Path) -> dict[str, str]:
    """One text of each distinct failure: by its type and place."""
    found: dict[str, str] = {}
    for text in re.split(r"(?m)^ERROR: +Exception in ASGI application\n", log.read_text(errors="replace"))[1:]:
        signature = read_signature(text)
        own = [frame for frame in signature.frames if frame.file.endswith("demo/service.py")]
        found.setdefault(f"{signature.error_type} in {own[-1].function}:{own[-1].line}", text)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt all of them; 0 if as many as demanded were reproduced."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--captures", type=int, default=12)
    parser.add_argument("--at-least", type=int, default=8)
    parser.add_argument("--only", default="")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traffic = tickets(300, 2026)
        benign = [each for each in traffic if each.shape in BENIGN][: given.captures]
        with processes.third_parties() as ports:
            texts = tracebacks(served("plain", folder, traffic, ports))
            served("record", folder, benign, ports)
        recordings: list[tuple[str, Recording]] = [
            (str(path), each)
            for path in sorted((folder / "captures").glob("*.replay.db"))
            for each in open_bundle(path)
        ]
        recordings = [(path, each) for path, each in recordings if each.status == "ok"]
        print(f"{len(texts)} failures in the log, {len(recordings)} benign captures")
        good = 0
        for what, text in texts.items():
            if given.only not in what:
                continue
            with watching():
                options = Options(root=str(folder), out=folder / "finds", seed=given.seed, seconds=given.seconds,
                                  workers=given.workers)  # fmt: skip
                report = hunt(recordings, read_signature(text), options)
            good += any(kept.reproduced for kept in report.finds)
            print(line(what, report), flush=True)
    print(f"{good} of {len(texts)} reproduced from the log alone, seed {given.seed}")
    return 0 if good >= min(given.at_least, len(texts)) else 1


if __name__ == "__main__":
    sys.exit(main())
