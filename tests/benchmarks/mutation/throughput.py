"""Executions a second: of a function recording beside one example of Hypothesis each, of three httpx calls beside
httpx's own MockTransport. CPU time, in interleaved batches, line hits on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import replay
from replay.boundaries import ALL
from replay.boundaries.clock import move_to, wait
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine import recorder
from replay.engine.explorer import DEEPEST, Explorer
from replay.engine.operators import suggested
from replay.engine.places import places
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.surfaces.init import install, replaying
from tests.benchmarks import measure
from tests.benchmarks.calls import captured, three_calls
from tests.benchmarks.mutation import units
from tests.benchmarks.playback import serving

PROJECT = Path(__file__).parents[1]
FUNCTION = "replay fuzz, a function recording"
GIVEN = "Hypothesis, one execution an example"
HTTP = "replay fuzz, three httpx calls"
MOCK = "httpx.MockTransport, three calls, unchanged"
EXECUTIONS = 5000
"""Of one search; of one run of Hypothesis a fifth: of shorter ones every second meets a full garbage collection."""


def run(*, rounds: int = 7, batch_ns: int = 100_000_000, executions: int = EXECUTIONS) -> dict[str, float]:
    """Name of the variant -> executions a second of CPU time."""
    install()
    with serving() as address:
        function, calls = _recorded(units.record), _recorded(lambda: captured(address))
        answers = [httpx.post(f"{address}/v1/thing{number}", json={"a": number}).content for number in range(3)]
    made: dict[str, list[int]] = {FUNCTION: [], HTTP: []}
    examples = max(1, executions // 5)
    cases: dict[str, measure.Case] = {
        FUNCTION: _search(function, executions, made[FUNCTION]),
        GIVEN: _examples(function, examples),
        HTTP: _search(calls, executions, made[HTTP]),
        MOCK: _mocked(answers),
    }
    with replaying():
        found = measure.interleaved(cases, rounds=rounds, batch_ns=batch_ns)
    per_call = {GIVEN: examples, MOCK: 1, **{name: sum(counts) / len(counts) for name, counts in made.items()}}
    return {name: per_call[name] * 1e9 / median(costs) for name, costs in found.items()}


def _recorded(work: Callable[[], object]) -> Recording:
    with TemporaryDirectory() as folder:
        replay.init(service="benchmark", spool=folder, keep=replay.always())
        try:
            work()
            assert replay.flush(20)
        finally:
            recorder.configure(None)
        (bundle,) = Path(folder).glob("*.replay.db")
        return next(iter(replay.open(bundle)))


def _stage(recording: Recording) -> Stage:
    return Stage(
        recording, boundaries=ALL, runners=RUNNERS, targets=Targets(PROJECT, ("tests",)), move=move_to, wait=wait
    )


def _search(recording: Recording, executions: int, made: list[int]) -> measure.Case:
    """A whole search, plan and shrinking included; `made` is told of its executions."""
    stage = _stage(recording)

    def search() -> None:
        made.append(Explorer(stage, executions=executions).explore().executions)

    return search


def _examples(recording: Recording, count: int) -> measure.Case:
    """Each place is edited once, as in a search: a list a hundred times as long, three times over, takes seconds."""
    stage = _stage(recording)
    edits: list[Edit] = [edit for site in places(stage.mutations.parts, None, ()) for edit in suggested(site)]

    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(st.sampled_from(edits), max_size=DEEPEST, unique_by=lambda edit: edit.path))
    def example(chosen: list[Edit]) -> None:
        stage.execute(chosen)

    return example


def _mocked(answers: list[bytes]) -> measure.Case:
    def answer(request: httpx.Request) -> httpx.Response:
        content = answers[int(request.url.path[-1])]
        return httpx.Response(200, headers={"content-type": "application/json"}, content=content)

    client = httpx.Client(transport=httpx.MockTransport(answer), trust_env=False)

    def three() -> list[Any]:
        return three_calls("http://api.example", client)

    return three


def rows(found: dict[str, float]) -> list[tuple[str, str]]:
    """Name and rate, with the ratio that it is compared by."""
    return [
        (FUNCTION, f"{found[FUNCTION]:,.0f}, {found[FUNCTION] / found[GIVEN]:.1f} x"),
        (GIVEN, f"{found[GIVEN]:,.0f}"),
        (HTTP, f"{found[HTTP]:,.0f}, {found[HTTP] / found[MOCK]:.2f} x"),
        (MOCK, f"{found[MOCK]:,.0f}"),
    ]
