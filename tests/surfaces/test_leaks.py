"""A secret that a service handled is in none of the files and lines that capture, replay and reports leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import replay
from tests.core.redaction.test_redactor import CANARY, everything, shapes
from tests.safety.services import environment

SERVICE = """
import logging, os
import httpx
import replay

replay.init(service="shop", spool="captures", keep=replay.always(), environ=["SHOP_*"])
log = logging.getLogger("shop")


class Settings:
    def __init__(self, key):
        self.api_key = key


class Shop:
    def __init__(self, key):
        self.pin = key
        self.settings = Settings(key)
        self.options = {"token": key, "plan": "Team"}
        self.client = httpx.Client(headers={"X-Api-Key": key, "Authorization": f"Bearer {key}"}, params={"token": key})

    @replay.capture
    def login(self, user, password):
        log.warning("login of %s with password=%s", user, password)
        replay.note(session_id=password)
        replay.flag("secret-plan", password)
        seen = "".join(said(user))
        rows = query("select * from users where token = ?", [password])
        secret = password  # a local variable
        if self.options["plan"] == "Team":
            raise ValueError(f"no login for {user}: {secret} {seen} {rows['url']} {os.environ['SHOP_TOKEN']}")

    @replay.capture
    def answer(self, prompt):
        for at in range(0, len(self.pin), 3):
            yield self.pin[at:at + 3]


@replay.boundary
def said(user):
    key = os.environ["SHOP_TOKEN"]
    for at in range(0, len(key), 4):
        yield key[at:at + 4]


@replay.boundary
def query(sql, parameters):
    return {"url": f"postgres://app:{parameters[0]}@db/shop", "rows": [{"id": 1, "card": "4111 1111 1111 1111"}]}
"""
SCRIPT = """
import os
import shop
key = os.environ["SHOP_TOKEN"]
one = shop.Shop(key)
try:
    one.login("jane", key)
except ValueError:
    pass
list(one.answer(f"my password: {key}"))
assert shop.replay.flush(20)
print(shop.replay.stats())
"""
REPORTS = {"r.html": "html", "r.md": "markdown", "r.xml": "junit", "r.txt": "github"}
QUICK = [["run"], ["report", "--out", "r.html"], ["promote", "--out", "promoted"]]
ALL = [
    ["list"], ["list", "--json"], ["list", "--group"], ["show"], ["show", "--json"], ["run", "--json"],
    ["scan", "--personal"],
    *(["report", "--format", kind, "--out", name] for name, kind in REPORTS.items()), *QUICK,
    ["fuzz", "--executions", "40", "--seed", "1", "--workers", "0"],
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose service ran once."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SERVICE)
    (folder / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\n")
    env = {**environment(folder), "SHOP_TOKEN": CANARY}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "'written': 2" in done.stdout
    return folder


def left(folder: Path) -> list[str]:
    """Files of the folder that show it in any spelling."""
    texts = {path: path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}
    for path in [path for path in texts if path.name.endswith(".replay.db")]:
        texts[path] += "".join(map(everything, replay.open(path)))
    return [f"{path.name}: {shape}" for path, text in texts.items() for shape in shapes(CANARY) if shape in text]


@pytest.mark.parametrize("verbs", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_it_is_nowhere(shop: Path, verbs: list[list[str]]) -> None:
    """In the spool, then after each verb that writes or prints; all of them within five minutes."""
    assert left(shop) == []
    env = {name: value for name, value in environment(shop).items() if name != "SHOP_TOKEN"}
    for verb in verbs:
        command = [sys.executable, "-m", "replay.surfaces.cli", verb[0], "captures", *verb[1:]]
        paths = sorted(map(str, (shop / "captures").glob("*.replay.db")))
        if verb[0] in ("show", "promote", "fuzz"):
            command[4] = paths[0]
        if verb[0] in ("report", "promote"):
            command.append("--force")
        done = subprocess.run(command, cwd=shop, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 1), (verb, done.stderr)
        assert [shape for shape in shapes(CANARY) if shape in done.stdout + done.stderr] == [], verb
        assert left(shop) == [], verb
        if verb == ["run"]:
            assert done.stdout.count("reproduced") >= 2, done.stdout
        if verb[0] == "scan":
            assert done.returncode == 0, done.stdout
    assert (shop / "r.html").is_file()
    assert os.listdir(shop / "promoted")
