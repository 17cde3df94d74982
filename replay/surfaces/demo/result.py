"""What a run of the demo found out, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.surfaces.documents import outcome
from replay.surfaces.grouping import fingerprint

LEAST_FAILURES = 5


@dataclass(frozen=True)
class Incident:
    """One captured recording and what its replay said."""

    path: Path
    id: str
    error_type: str
    message: str
    where: str
    """The line of the service that failed: `service.py:41 in classify`."""
    verdict: Verdict
    fingerprint: str
    """Equal for those that `replay list --group` shows as one."""

    @property
    def failure(self) -> tuple[str, str, str]:
        """Equal for incidents of one bug: type, function, first words of the message."""
        return self.error_type, self.where.rpartition(" ")[2], " ".join(self.message.split()[:3])


@dataclass(frozen=True)
class DemoResult:
    """What the demo found out."""

    folder: Path
    seed: int
    statuses: dict[int, int]
    """Status of the service's answer -> number of tickets."""
    incidents: tuple[Incident, ...]
    traffic_seconds: float
    replay_seconds: float
    seconds: float

    @property
    def failures(self) -> dict[tuple[str, str, str], list[Incident]]:
        """The incidents, those of one bug together, the most frequent first."""
        groups: dict[tuple[str, str, str], list[Incident]] = {}
        for incident in self.incidents:
            groups.setdefault(incident.failure, []).append(incident)
        return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))

    @property
    def groups(self) -> int:
        """How many `replay list --group` shows: what failed with one type at one line is one there."""
        return len({incident.fingerprint for incident in self.incidents})

    @property
    def missed(self) -> int:
        """Answers of 500 and more that no bundle holds."""
        return sum(count for status, count in self.statuses.items() if status >= 500) - len(self.incidents)

    @property
    def exit_code(self) -> int:
        """0 if every failure was captured, each of them reproduced, and there were at least five kinds."""
        reproduced = all(incident.verdict.green for incident in self.incidents)
        return 0 if reproduced and self.missed == 0 and len(self.failures) >= LEAST_FAILURES else 1

    def as_data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "folder": str(self.folder),
            "seed": self.seed,
            "tickets": sum(self.statuses.values()),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "captured": len(self.incidents),
            "missed": self.missed,
            "reproduced": sum(incident.verdict.green for incident in self.incidents),
            "failures": [
                {
                    "error_type": group[0].error_type,
                    "message": group[0].message,
                    "where": group[0].where,
                    "captured": len(group),
                    "reproduced": sum(incident.verdict.green for incident in group),
                    "seconds": round(sum(incident.verdict.seconds for incident in group), 4),
                    "incidents": [
                        {"path": str(i.path), "id": i.id, "status": i.verdict.status, "seconds": i.verdict.seconds}
                        for i in group
                    ],
                }
                for group in self.failures.values()
            ],
            "traffic_seconds": round(self.traffic_seconds, 3),
            "replay_seconds": round(self.replay_seconds, 3),
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
        }


def incident(path: Path, recording: Recording, verdict: Verdict) -> Incident:
    """The recording's own account of its failure, with what its replay said."""
    ended, alike = outcome(recording.outcome), fingerprint(recording).digest
    if recording.outcome.state != "raised":
        said = f"HTTP {recording.http_response_status_code}"
        return Incident(path, recording.id, "(answered)", said, "", verdict, alike)
    message = " ".join(str(ended["message"]).split())
    return Incident(path, recording.id, str(ended["error_type"]), message, _where(ended["frames"]), verdict, alike)


def _where(frames: list[dict[str, Any]]) -> str:
    """The innermost line of the service, else of all; the demo may be installed among the libraries."""
    ours = [frame for frame in frames if Path(frame["file"]).parts[-2:] == ("demo", "service.py")] or frames
    if not ours:
        return ""
    return f"{Path(ours[-1]['file']).name}:{ours[-1]['line']} in {ours[-1]['function']}"
