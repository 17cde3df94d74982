"""The pytest plugin: its hooks. Each pytest run imports this file, so the work is in `pytest_items`, loaded at need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from replay.surfaces.pytest_items import BundleFile, Incident

SUFFIX = ".replay.db"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("replay harness", "replay of recorded incidents (replay-harness)")
    group.addoption(
        "--incident",
        action="append",
        default=[],
        metavar="PATH[::ID]",
        help="run these recordings too: a bundle, a recording in it (a prefix of its id will do), or a folder",
    )
    group.addoption(
        "--incident-live",
        action="append",
        default=[],
        metavar="KIND",
        help="a boundary (http, call, model, ...) that goes live in replayed recordings instead of being answered",
    )
    group.addoption(
        "--incident-isolation",
        choices=["soft", "hard"],
        default="soft",
        help="who keeps recordings from the real world: Python (soft), or the kernel too, in a process each (hard)",
    )
    group.addoption(
        "--incident-require-hard",
        action="store_true",
        help="hard isolation, or a usage error where it is not to be had",
    )
    group.addoption(
        "--incident-fuzz",
        type=int,
        default=None,
        metavar="N",
        help="search what lies next to each recording too: N mutations of it, as one more item",
    )
    group.addoption(
        "--incident-seed",
        type=int,
        default=None,
        metavar="N",
        help="try the mutations of that seed (default: others in each run)",
    )
    parser.addini(
        "incident_paths",
        "folders or glob patterns, relative to the root; only bundles there are collected (default: all *.replay.db)",
        type="args",
    )
    parser.addini(
        "incident_targets",
        "lines of `recorded = replacement`: the entry point that runs instead of one that was renamed or moved",
        type="linelist",
    )
    parser.addini(
        "incident_fresh",
        "replay once more in a fresh process what does not reproduce in this one (default: true)",
        type="bool",
        default=True,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "incident(path, ...): the recordings (PATH or PATH::ID) that the fixture `incident` gives to this test",
    )
    if config.getoption("--incident-isolation") == "hard" or config.getoption("--incident-require-hard"):
        from replay.surfaces.pytest_items import hard_isolation

        hard_isolation(config)
    if config.getoption("--incident-live"):
        from replay.surfaces.pytest_items import check_live

        check_live(config)
    if config.getoption("--incident-fuzz") is not None or config.getoption("--incident-seed") is not None:
        from replay.surfaces import pytest_fuzz

        pytest_fuzz.configure(config)
    if config.getoption("--incident"):
        from replay.surfaces.pytest_items import named_arguments

        known = set(config.args)
        for argument in named_arguments(config):
            if argument not in known:  # an xdist worker is started with the arguments of its controller
                config.args.append(argument)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> BundleFile | None:
    if not file_path.name.endswith(SUFFIX):
        return None
    from replay.surfaces.pytest_items import BundleFile, is_wanted

    if not is_wanted(file_path, parent.session):
        return None
    return BundleFile.of(parent, file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "incident" in metafunc.fixturenames:
        from replay.surfaces.pytest_items import parametrize

        parametrize(metafunc)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "replay.surfaces.pytest_items" in sys.modules or config.getoption("numprocesses", None):
        from replay.surfaces import pytest_fresh

        pytest_fresh.summary(terminalreporter)
    if config.getoption("--incident-fuzz") is not None:
        from replay.surfaces import pytest_fuzz

        pytest_fuzz.summary(terminalreporter)
    if config.getoption("--incident-isolation") == "hard":
        from replay.surfaces.pytest_items import hard_isolation

        found = hard_isolation(config)
        if found != "hard":
            terminalreporter.section("THE ISOLATION IS ONLY SOFT", red=True)
            terminalreporter.line(f"{found}. Native code of the replayed recordings could reach the real world.")


@pytest.fixture
def incident(request: pytest.FixtureRequest) -> Incident:
    """The recording named by `@pytest.mark.incident(...)`: `.recording`, `.run()`, `.input`, `.outcome`."""
    from replay.surfaces.pytest_items import incident_of

    return incident_of(request)
