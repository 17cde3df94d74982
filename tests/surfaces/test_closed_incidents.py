"""Sealed and redacted incidents on their way to a cause, a test and a certificate, as a user takes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from replay.core.cause import known_cause
from replay.store.bundle import open_bundle
from tests.surfaces import projects, repositories
from tests.surfaces.test_minimize import whole

SHOP = """\
import os
import replay

PLANS = {"ann": "pro", "bob": None, "eve": "team"}


@replay.boundary
def lookup(customer):
    return {"plan": PLANS[customer], "email": customer + "@corp.example", "note": "met at the fair"}


@replay.boundary
def bill(api_key, email):
    return {"due": len(email)}


@replay.capture
def triage(ticket):
    customer = lookup(ticket["from"])
    due = bill(os.environ["SHOP_KEY"], customer["email"])
    label = customer["plan"].upper()
    return {"label": label, "due": due["due"], "to": customer["email"]}
"""
RECORD = """\
import sys
from pathlib import Path
import replay

keys = {"seal_to": [Path("reader.pub").read_text()], "sign_with": Path("signer").read_text()}
seal = keys if sys.argv[1] == "seal" else {}
replay.init(service="shop", spool="captures", keep=replay.always(), redaction_key=b"0123456789abcdef", **seal)
import shop

for name in ("bob", "ann", "eve"):
    try:
        shop.triage({"from": name, "text": "mail me at " + name + "@corp.example", "password": "hunter2 " + name})
    except AttributeError:
        pass
assert replay.flush()
"""
PRODUCTION, MINE = "sk_live_PRODUCTIONabcdef1234", "sk_test_MINEabcdefghijk5678"
FIX = ('customer["plan"].upper()', '(customer["plan"] or "free").upper()')


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service with a credential of its own; a reader's key."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "record.py").write_text(RECORD)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "reader.key").write_text(str(identity))
    (tmp_path / "reader.pub").write_text(str(identity.to_public()))
    (tmp_path / "signer").write_text(Ed25519PrivateKey.generate().private_bytes_raw().hex())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_KEY", MINE)
    monkeypatch.delenv("REPLAY_IDENTITY", raising=False)
    return tmp_path


def record(how: str) -> str:
    """Production runs once; the name of the incident's bundle."""
    done = subprocess.run([sys.executable, "record.py", how], env={**projects.environment(), "SHOP_KEY": PRODUCTION},
                          capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(replay("list", "--error", "captures", "--json", identity=True).stdout)
    (incident,) = listed
    return str(incident["path"])


def replay(*arguments: str, identity: bool = False) -> subprocess.CompletedProcess[str]:
    """The command, with the reader's key or without."""
    environ = {**projects.environment(), **({"REPLAY_IDENTITY": "reader.key"} if identity else {})}
    return subprocess.run([sys.executable, "-m", "replay.surfaces.cli", *arguments], env=environ, capture_output=True,
                          text=True, timeout=120)  # fmt: skip


def test_a_sealed_incident(shop: Path) -> None:
    """Nothing without the key; with it the cause, which is not stored, and a minimal bundle, which is promoted."""
    path = record("seal")
    for verb in (["why"], ["minimize"], ["promote"], ["report", "--out", "x.html"]):
        done = replay(verb[0], path, *verb[1:])
        assert (done.returncode, "[bundle-sealed]" in done.stderr) == (3, True), (verb, done.stderr)
    before = Path(path).read_bytes()
    done = replay("why", path, "--json", identity=True)
    found = json.loads(done.stdout)
    assert (done.returncode, [value["path"] for value in found["values"]]) == (0, ["call[0].plan"])
    assert "is sealed, so the cause that was found was not stored" in done.stderr
    done = replay("promote", path, identity=True)
    assert (done.returncode, "--unsealed" in done.stderr, Path("tests").exists()) == (3, True, False)
    done = replay("minimize", path, identity=True)
    assert (done.returncode, "the incident is sealed, this bundle is not" in done.stdout) == (0, True), done.stdout
    done = replay("promote", path, "--json", identity=True)
    (promoted,) = json.loads(done.stdout)
    assert (promoted["minimal"], "still fails" in promoted["fails"]) == (True, True)
    done = replay("report", path, "--format", "markdown", "--out", "-", identity=True)
    assert (done.returncode, "AttributeError" in done.stdout) == (0, True)
    assert Path(path).read_bytes() == before


@pytest.mark.skipif(not repositories.there(), reason="git is not installed")
def test_a_redacted_incident(shop: Path) -> None:
    """The code asks with its own credential, which is in no bundle; the test of the minimal recording can be passed."""
    path = record("plain")
    found = json.loads(replay("why", path, "--json").stdout)
    assert [value["path"] for value in found["values"]] == ["call[0].plan"]
    (incident,) = open_bundle(path)
    cause = known_cause(incident)
    assert cause is not None
    assert cause.key == "plan of call shop:lookup"
    made = json.loads(replay("minimize", path, "--json").stdout)
    assert (made["status"], made["reason"]) == ("reproduced", "")
    held = whole(Path(made["bundle"]))
    assert [secret for secret in (PRODUCTION, MINE, "corp.example", "hunter2", "fair") if secret.encode() in held] == []
    assert json.loads(replay("promote", path, "--json").stdout)[0]["minimal"] is True
    repositories.init(shop, "shop.py", "pyproject.toml")
    projects.edit(shop, *FIX)
    done = replay("verify", made["bundle"], "--base", "HEAD", "--neighbours", "20", "--json")
    assert json.loads(done.stdout)["predicate"]["reasons"] == []
