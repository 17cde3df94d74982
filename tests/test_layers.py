"""The rooms of the house: who may import whom, no cycles, and what `import replay` may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "replay"
ALLOWED = {
    "errors": set(),
    "core": {"errors"},
    "boundaries": {"errors", "core"},
    "store": {"errors", "core"},
    "engine": {"errors", "core"},
    "entrypoints": {"errors", "core", "boundaries", "store", "engine"},
    "surfaces": {"errors", "core", "boundaries", "store", "engine", "entrypoints"},
}
HEAVY = {"pytest", "hypothesis", "vcr", "deepdiff", "sqlite_utils"}


@cache
def _modules() -> dict[str, ast.Module]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imports(tree: ast.AST, *, top_level: bool) -> set[str]:
    """Names of `replay` modules that are imported; with `top_level`, only those that importing the module runs."""
    found: set[str] = set()
    waiting = list(ast.iter_child_nodes(tree))
    while waiting:
        node = waiting.pop()
        if _type_checking(node) or (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))
    return {name for name in found if name.startswith("replay.")}


def _room(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(_modules()))
def test_imports_point_inwards(module: str) -> None:
    """A module imports only from its own room and from the rooms below it, lazily or not."""
    if module == "replay" or module.startswith("replay.surfaces.demo"):
        return  # the package's face names every home; the demo is a user of the product
    reached = {_room(name) for name in _imports(_modules()[module], top_level=False)} & ALLOWED.keys() - {_room(module)}
    assert reached <= ALLOWED[_room(module)], f"{module} reaches {sorted(reached - ALLOWED[_room(module)])}"


def test_there_is_no_import_cycle() -> None:
    """Modules can be ordered so that each imports only earlier ones."""
    modules = _modules()
    graph = {
        name: {found for found in _imports(tree, top_level=True) if found in modules and found != name}
        for name, tree in modules.items()
    }
    while graph:
        free = {name for name, needs in graph.items() if not needs & graph.keys()}
        assert free, f"cycle among {sorted(graph)}"
        graph = {name: needs for name, needs in graph.items() if name not in free}


def _loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import replay",
        "import replay; replay.capture, replay.boundary, replay.ASGI, replay.WSGI, replay.on_error",
        "import replay, tempfile; replay.init(service='x', spool=tempfile.mkdtemp())",
    ],
)
def test_capture_loads_no_test_tools(code: str) -> None:
    """A service that captures never loads pytest, Hypothesis, vcrpy, DeepDiff or sqlite-utils."""
    assert _loaded_after(code) & HEAVY == set()


def test_capture_loads_no_http_client() -> None:
    """Turning capture on imports no client that the service does not use itself."""
    clients = {"httpx", "httpx2", "aiohttp", "requests", "urllib3", "numpy", "pandas", "openai"}
    code = "import replay, tempfile; replay.init(service='x', spool=tempfile.mkdtemp())"
    assert _loaded_after(code) & clients == set()


def test_public_names_are_exactly_those_that_load() -> None:
    """Everything in `replay.__all__` can be had, and an unknown name is an AttributeError."""
    import replay

    for name in replay.__all__:
        assert getattr(replay, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = replay.nothing
