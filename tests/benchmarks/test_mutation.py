"""The benchmarks of the search run, cover every method and say what they measured; their figures are for the README."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from msgspec.structs import replace

from replay.core.signature import Signature
from replay.core.verdict import Frame
from replay.surfaces.cli import main as cli
from tests.benchmarks.__main__ import block_replaced
from tests.benchmarks.mutation import __main__ as command
from tests.benchmarks.mutation import planted, search, throughput
from tests.benchmarks.public import hunts
from tests.benchmarks.public import run as public
from tests.benchmarks.public.cases import CASES, Case

APPS = Path(public.__file__).parent / "apps"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:vcr")
def test_a_planted_failure_is_found_by_each_method() -> None:
    """Ours is minimal and the failure that was armed; the others make as many executions as they may."""
    found = search.run(numbers=(3,), seeds=1, budget=400, examples=60)
    assert list(found) == [search.OURS, search.HYPOTHESIS, search.RANDOM]
    assert [each.edits for each in found[search.OURS]] == [("input.args[0].parcels: []",)]
    assert found[search.OURS][0].is_minimal
    assert all(each.executions <= 60 for name in (search.HYPOTHESIS, search.RANDOM) for each in found[name])
    assert [name for name, _ in search.rows(found)] == list(found)


def test_nothing_is_found_where_nothing_is_armed(tmp_path: Path) -> None:
    """The service itself has no failure next door: what is found was planted."""
    contest = search.Contest(*search.record(tmp_path))
    found = contest.ours(0, 0, 120)
    assert found.edits is None
    assert 120 <= found.executions < 150


def test_every_planted_failure_is_in_the_service() -> None:
    """Each number of the list is planted once, and nothing else."""
    tree = ast.parse(Path(planted.__file__).read_bytes())
    calls = [node.args[0].value for node in ast.walk(tree)
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "planted"]  # fmt: skip
    assert sorted(calls) == list(planted.KINDS) == list(planted.LEAST)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:vcr")
def test_throughput_is_measured_beside_its_peers() -> None:
    """Each variant makes executions; in so few the plan of a search takes longest."""
    found = throughput.run(rounds=1, batch_ns=1_000_000, executions=40)
    assert list(found) == [throughput.FUNCTION, throughput.GIVEN, throughput.HTTP, throughput.MOCK]
    assert all(rate > 0 for rate in found.values())
    assert len(throughput.rows(found)) == 4


def test_every_library_has_an_application() -> None:
    """A benign run each, for the library that is listed in a fixed version; none twice."""
    assert sorted(case.app for case in CASES) == sorted(path.stem for path in APPS.glob("[!_]*.py"))
    for case in CASES:
        names = {node.name for node in ast.parse((APPS / f"{case.app}.py").read_bytes()).body
                 if isinstance(node, ast.FunctionDef)}  # fmt: skip
        assert "record" in names, case.app
        assert all("==" in each for each in case.requires), case.app
    assert len({case.requires for case in CASES}) == len(CASES)


def test_no_operator_knows_a_library() -> None:
    """The list of libraries is in the benchmark, not in the mutation code."""
    paths = (public.ROOT / "replay" / "engine").rglob("*.py")
    sources = [path.read_text("utf-8").lower() for path in paths if path.name != "targets.py"]  # what may be rebuilt
    names = [case.requires[0].partition("==")[0].lower() for case in CASES]
    distinct = [name for name in names if name not in ("requests", "markdown", "toml", "openai")]  # words, forms
    assert [name for name in distinct if any(name in source for source in sources)] == []


WORDS = Case("words", ("wordlib==1",), "nobody/wordlib/issues/1", "IndexError", "first", "out of range")
_WORDS = """
import wordlib

import replay


@replay.capture
def head(text):
    return wordlib.first(text)


def record():
    head("a b")
"""


def words(folder: Path) -> Path:
    """The folder of an application with its library, as the benchmark has them."""
    place = folder / "words"
    (place / "lib").mkdir(parents=True)
    (place / "lib" / "wordlib.py").write_text("def first(text):\n    return text.split()[0]\n")
    (place / "words.py").write_text(_WORDS)
    (place / "pyproject.toml").write_text("[tool.replay-harness]\n")
    return place


def test_a_library_is_searched_in_a_process_of_its_own(tmp_path: Path) -> None:
    """What is found has the reported type, function and message, and is hunted by the log of the live crash; here of a
    library that lies there already."""
    place = words(tmp_path)
    result = public.one(WORDS, tmp_path, 20.0, install=False)
    assert (result.found, result.reproduced, result.problem) == (True, True, ""), result
    assert result.edits == ('input.args[0]: "a b" is ""',)
    hunted = result.hunted
    assert hunted is not None
    assert (hunted.reproduced, hunted.problem, hunted.edits) == (True, "", ('input.args[0]: ""',))
    log = (place / "crash.log").read_text()
    assert f'File "{hunts.PRODUCTION}/lib/wordlib.py", line 2, in first' in log
    assert str(tmp_path) not in log
    shown = public.rows([result])
    assert "| [`IndexError`][words] |" in shown[2]
    assert shown[-1].endswith("/nobody/wordlib/issues/1")


def test_another_failure_is_not_the_hunted_one(tmp_path: Path) -> None:
    """Of another type, or by another way: the benchmark says so."""
    place = words(tmp_path)
    assert public.one(WORDS, tmp_path, 20.0, install=False).found
    (bundle,) = (place / "hunted").glob("*.replay.db")
    same = Signature(error_type="IndexError", frames=(
        Frame("/usr/bin/serve", 1, "main"), Frame("/srv/app/words.py", 9, "head"),
        Frame("/srv/app/lib/wordlib.py", 2, "first"),
    ))  # fmt: skip
    assert hunts.unlike(same, bundle, place) == ""
    assert "another type" in hunts.unlike(replace(same, error_type="KeyError"), bundle, place)
    assert "other frames" in hunts.unlike(replace(same, frames=same.frames[:2]), bundle, place)


def test_a_named_block_is_replaced() -> None:
    """Only what is between its marks; a file without them is refused."""
    text = (
        "a\n<!-- benchmark public -->\nold\n<!-- /benchmark public -->\nb\n<!-- benchmark -->\nc\n<!-- /benchmark -->\n"
    )
    new = block_replaced(text, "public", "new")
    assert new == text.replace("old", "new")
    with pytest.raises(ValueError, match="expected one block"):
        block_replaced(text, "planted", "new")


def test_the_verb_runs_the_benchmark(capfd: pytest.CaptureFixture[str]) -> None:
    """`replay bench` hands its arguments on."""
    assert cli(["bench", "mutation", "--help"]) == 0
    assert "--seeds N" in capfd.readouterr().out
    assert cli(["bench", "nonsense"]) == 2


def test_a_file_without_marks_is_left_alone(tmp_path: Path) -> None:
    """`--write` fails at once and changes nothing."""
    page = tmp_path / "README.md"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="expected one block"):
        command.main(["throughput", "--write", str(page)])
    assert page.read_text() == "no marks"
