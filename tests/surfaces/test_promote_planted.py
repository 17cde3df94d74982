"""The planted failures, promoted: each test is red on the code as it was recorded and green on the fixed one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.store.bundle import write_bundle
from tests.surfaces import planted, projects
from tests.surfaces.test_promote import checked, last_line, promote
from tests.surfaces.test_why import PLANTED, parted, recorded

NAME = planted.__name__
FIXES = {
    "null_field": ('customer("c")["plan"].upper()', '(customer("c")["plan"] or "free").upper()'),
    "missing_key": ('len(customer("c")["plan"])', 'len(customer("c").get("plan", ""))'),
    "nested": ('10 / customer("c")["limits"]["seats"]["most"]', '10 / (customer("c")["limits"]["seats"]["most"] or 1)'),
    "raised": (
        '    return str(customer("c")["plan"])\n',
        '    try:\n        return str(customer("c")["plan"])\n    except TimeoutError:\n        return ""\n',
    ),
    "api_field": (
        '    return int(get().json()["price"]) + 1\n',
        '    price = get().json()["price"]\n    return int(price) + 1 if price.isdigit() else 0\n',
    ),
    "api_header": (
        '    return float(get().headers["X-Wait"])\n',
        '    wait = get().headers["X-Wait"]\n    return float(wait) if wait.isdigit() else 1.0\n',
    ),
    "api_status": ('raise ValueError("half an answer")', "return 0"),
    "score": ("1 / (0.0 if found > 1 else 1.0)", "1 / min(found, 1.0)"),
    "label": ('TABLE[risk({"amount": 3})["label"]]', 'TABLE.get(risk({"amount": 3})["label"], 0)'),
    "streamed": ('TABLE[json.loads(text)["label"]]', 'TABLE.get(json.loads(text)["label"], 0)'),
    "flagged": ('raise RuntimeError("the new prices are not ready")', "return 2"),
    "variable": (
        '    return int(os.environ["PLANTED_LIMIT"])\n',
        '    limit = os.environ["PLANTED_LIMIT"]\n    return int(limit) if limit.isdigit() else 10\n',
    ),
    "clock": ('raise RuntimeError("an odd millisecond")', "return 2"),
    "draw": ('raise RuntimeError("tails")', "return 2"),
    "order": ('raise RuntimeError("b came first")', "return 2"),
    "input_type": ('ticket["seats"] > 3', 'int(ticket["seats"]) > 3'),
    "input_text": ('encode("ascii")', "encode()"),
    "input_date": (
        '    return date.fromisoformat(ticket["day"]).year\n',
        '    return date.fromisoformat(ticket["day"]).year if ticket["day"][0].isdigit() else 0\n',
    ),
    "input_flag": ('[1][int(ticket["urgent"])]', '[1, 2][int(ticket["urgent"])]'),
    "empty_list": ('max(ticket["items"])', 'max(ticket["items"], default=0)'),
    "long_list": ('one, two = ticket["items"]', 'one, two = ticket["items"][:2]'),
    "one_item": ('10 / item["count"]', '10 / (item["count"] or 1)'),
    "together": ('raise RuntimeError("no refunds of free plans")', "return 2"),
    "two_inputs": ('1 / (ticket["left"] - ticket["right"])', '1 / ((ticket["left"] - ticket["right"]) or 1)'),
}
"""By function: what is to be replaced, and by what."""


def made(folder: Path) -> Path:
    """A project whose `planted.py` goes by the name under which it was recorded."""
    folder.mkdir()
    targets = ", ".join(f'"{NAME}:{name}" = "planted:{name}"' for name in PLANTED)
    (folder / "pyproject.toml").write_text(
        f"[tool.replay-harness]\ntargets = {{ {targets} }}\n"
        '[tool.pytest.ini_options]\nincident_paths = ["captures"]\n[tool.ruff]\nline-length = 100\n'
    )
    text = Path(planted.__file__).read_text(encoding="utf-8")
    start = "from __future__ import annotations\n"
    (folder / "planted.py").write_text(text.replace(start, f'{start}\n__name__ = "{NAME}"\n'), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_red_and_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them; Ruff and mypy have nothing to say of the tests."""
    assert set(FIXES) == set(PLANTED)
    project = made(tmp_path / "project")
    bundles = []
    for name, (runs, _) in PLANTED.items():
        incident, _ = parted(recorded(name, runs, tmp_path / "spool" / name, monkeypatch))
        bundles.append(write_bundle([incident], tmp_path / f"{name}.replay.db"))
    for name, value in projects.environment().items():
        monkeypatch.setenv(name, value)
    for start in range(0, len(bundles), 4):
        done = promote(*map(str, bundles[start : start + 4]), "--json", cwd=project)
        assert done.returncode == 0, done.stderr
        assert all("still fails with" in each["fails"] for each in json.loads(done.stdout))
    number = len(PLANTED)
    assert last_line("tests", cwd=project).startswith(f"{number} failed in")
    path = project / "planted.py"
    text = path.read_text(encoding="utf-8")
    for before, after in FIXES.values():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
    assert last_line("tests", cwd=project).startswith(f"{number} passed in")
    checked(project / "tests", project / "pyproject.toml")
