"""Sealed bundles: opened with the reader's key only; tampering, truncation and strangers are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.errors import BundleError, UsageError
from replay.store.bundle import write_bundle
from replay.store.sealed import AGE, SIGNED, Seal
from replay.surfaces import cli
from tests.recordings import record
from tests.safety.services import environment, run

SIGNER, OTHER = "11" * 32, "22" * 32


@replay.capture
def double(number: int) -> int:
    """What is recorded."""
    return number * 2


def _public(key: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)).public_key().public_bytes_raw().hex()


def _slug(path: Path) -> str:
    with pytest.raises(BundleError) as error:
        replay.open(path)
    assert str(path) in str(error.value)
    return error.value.slug


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    """One recording."""
    (one,) = record(tmp_path / "spool", lambda: double(21))
    return one


def test_signed(recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature covers every byte; who signed is checked where the reader says whom it trusts."""
    pytest.importorskip("cryptography")
    path = write_bundle([recorded], tmp_path / "x.replay.db", seal=Seal(sign_with=SIGNER))
    data = path.read_bytes()
    assert data.startswith(SIGNED)
    assert list(replay.open(path)) == [recorded]
    monkeypatch.setenv("REPLAY_SIGNERS", f"{_public(OTHER)}, {_public(SIGNER)}")
    assert list(replay.open(path)) == [recorded]
    monkeypatch.setenv("REPLAY_SIGNERS", _public(OTHER))
    assert _slug(path) == "bundle-unsigned"
    plain = write_bundle([recorded], tmp_path / "plain.replay.db")
    assert _slug(plain) == "bundle-unsigned"
    monkeypatch.delenv("REPLAY_SIGNERS")
    for at in (10, 60, 110, 180, 3000, len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert _slug(path) == "bundle-altered"
    for size in (20, 90, 200, len(data) - 1):
        path.write_bytes(data[:size])
        assert _slug(path) == "bundle-altered"


def test_a_signature_is_asked_for_after_a_bundle_was_opened(
    recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked through without one is refused from then on."""
    path = write_bundle([recorded], tmp_path / "x.replay.db")
    assert list(replay.open(path)) == [recorded]
    monkeypatch.setenv("REPLAY_SIGNERS", _public(SIGNER))
    assert _slug(path) == "bundle-unsigned"


@pytest.mark.parametrize("signers", ["", " ", ",", "zz", "ab" * 31, f"{'ab' * 32},x"])
def test_signers_that_name_nobody(signers: str, recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that a build server does not have opens no door."""
    pytest.importorskip("cryptography")
    monkeypatch.setenv("REPLAY_SIGNERS", signers)
    for seal in (None, Seal(sign_with=SIGNER)):
        assert _slug(write_bundle([recorded], tmp_path / f"{seal is None}.replay.db", seal=seal)) == "bundle-unsigned"


def test_every_byte_of_a_sealed_bundle(recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is encrypted and signed no byte can be another, none can be missing and none be added; its content
    without the signature, signed by another, or encrypted anew is refused where a signature is asked for."""
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{key}\n")
    monkeypatch.setenv("REPLAY_IDENTITY", str(tmp_path / "key"))
    monkeypatch.setenv("REPLAY_SIGNERS", _public(SIGNER))
    seal = Seal([str(key.to_public())], SIGNER)
    path = write_bundle([recorded], tmp_path / "x.replay.db", seal=seal)
    data = path.read_bytes()
    refused = {"bundle-altered", "bundle-sealed", "bundle-unsigned"}
    for at in (*range(300), *range(300, len(data), 61), len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert _slug(path) in refused, at
    for size in (*range(0, 300, 7), *range(300, len(data), 331), len(data) - 1):
        path.write_bytes(data[:size])
        assert _slug(path) in refused, size
    signed = pyrage.decrypt(data, [key])
    plain = signed[len(SIGNED) + 96 :]
    theirs = Seal([str(key.to_public())], OTHER)
    others = (data + b"\0", data * 2, plain, pyrage.encrypt(plain, [key.to_public()]), theirs(plain), theirs(signed))
    for other in others:
        path.write_bytes(other)
        assert _slug(path) in refused
    path.write_bytes(data)
    assert list(replay.open(path)) == [recorded]


def test_encrypted(recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production has the public key only; the reader's file opens it, another does not, none says what to do."""
    pyrage = pytest.importorskip("pyrage")
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (found,) = _files(tmp_path / "sealed", seal_to=[str(mine.to_public())], sign_with=SIGNER)
    data = found.read_bytes()
    assert data.startswith(AGE)
    assert b"double" not in data
    monkeypatch.delenv("REPLAY_IDENTITY", raising=False)
    assert _slug(found) == "bundle-sealed"
    for file, key in (("mine.key", mine), ("other.key", other)):
        (tmp_path / file).write_text(f"# a key of the tests\n{key}\n")
    for file in ("other.key", "missing.key"):
        monkeypatch.setenv("REPLAY_IDENTITY", str(tmp_path / file))
        assert _slug(found) == "bundle-sealed"
    assert cli.main(["show", str(found)]) == 3
    monkeypatch.setenv("REPLAY_IDENTITY", str(tmp_path / "mine.key"))
    (one,) = replay.open(found)
    assert one.outcome.value == 42
    assert replay.run(one).status == "reproduced"
    assert [cli.main([verb, str(found)]) for verb in ("list", "show", "run")] == [0, 0, 0]
    with pytest.raises(BundleError) as error:
        write_bundle([one], found, overwrite=True)
    assert error.value.slug == "bundle-sealed"
    for changed in (data[:-1], data[: len(data) // 2], data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]):
        found.write_bytes(changed)
        assert _slug(found) == "bundle-altered"


def test_pytest_opens_a_sealed_bundle(tmp_path: Path) -> None:
    """With the reader's key it is an item as any other; without one, or signed by a stranger, the run fails and says
    why."""
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{key}\n")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "shop.py").write_text("import replay\n@replay.capture\ndef double(number):\n    return number * 2\n")
    done = run(
        "import os, replay, shop\n"
        "replay.init(service='shop', spool=os.environ['SPOOL'], keep=replay.always(), sign_with='11' * 32,\n"
        f"            seal_to=[{str(key.to_public())!r}])\n"
        "shop.double(21)\n"
        "assert replay.flush(20)\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for more, code, said in (
        ({"REPLAY_IDENTITY": "key", "REPLAY_SIGNERS": _public(SIGNER)}, 0, "1 passed"),
        ({"REPLAY_IDENTITY": "key", "REPLAY_SIGNERS": _public(OTHER)}, 2, "[bundle-unsigned]"),
        ({}, 2, "[bundle-sealed]"),
    ):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "spool"]
        ran = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True)
        assert (ran.returncode, said in ran.stdout) == (code, True), ran.stdout


def test_what_is_written_of_a_sealed_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy without secrets is asked for, finds of a search are told: neither is sealed."""
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    (found,) = _files(tmp_path / "sealed", seal_to=[str(key.to_public())])
    (tmp_path / "key").write_text(f"{key}\n")
    monkeypatch.setenv("REPLAY_IDENTITY", str(tmp_path / "key"))
    plain = str(tmp_path / "open.replay.db")
    assert cli.main(["scrub", str(found)]) == 3
    assert "[bundle-sealed]" in capsys.readouterr().err
    assert list(found.parent.iterdir()) == [found]
    assert cli.main(["scrub", str(found), "--unsealed", "--out", plain]) == 0
    assert len(list(replay.open(plain))) == 1
    search = ["fuzz", str(found), "--executions", "60", "--workers", "0", "--out", str(tmp_path / "finds")]
    assert cli.main(search) == 1
    assert "finds of a sealed bundle: they are not sealed" in capsys.readouterr().err
    assert cli.main(["fuzz", plain, *search[2:]]) == 1
    assert "sealed" not in capsys.readouterr().err


def _files(folder: Path, **options: Any) -> list[Path]:
    from replay.engine import recorder

    replay.init(service="test", spool=folder, keep=replay.always(), **options)
    try:
        double(21)
    finally:
        assert replay.flush(20)
        recorder.configure(None)
    return sorted(folder.glob("*.replay.db"))


@pytest.mark.parametrize("options", [{"sign_with": "ab"}, {"sign_with": b"short"}, {"seal_to": ["age1nobody"]}])
def test_keys_that_cannot_be_meant(options: Any, tmp_path: Path) -> None:
    """Said by `init`, not when the first incident is lost."""
    with pytest.raises(UsageError):
        replay.init(service="test", spool=tmp_path, **options)
