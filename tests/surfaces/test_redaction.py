"""Redaction from capture to disk: what is written, what still replays, what is dropped, what the verbs find."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import replay
from replay.core.recording import Recording
from replay.core.redaction.redactor import Redactor
from replay.engine import recorder
from replay.engine.redaction import Redacting
from replay.errors import RedactionError, UsageError
from replay.store.bundle import write_bundle
from replay.surfaces import cli
from replay.surfaces.redaction import redactor
from tests.core.redaction.test_redactor import CANARY, everything, shapes
from tests.recordings import record
from tests.safety.services import run

MAIL = "jane.q.doe@example.com"
TOKENS = {"live": "tok-9f8A7b6C5d4E3f2G"}


class Crm(BaseHTTPRequestHandler):
    """Answers with who asked and a token."""

    def do_POST(self) -> None:
        """Echo the body's mail."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = json.dumps({"mail": body.get("mail"), "access_token": CANARY, "plan": "Team"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("set-cookie", f"sid={CANARY[::-1]}; Path=/")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def crm() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Crm) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@replay.boundary
def audit(who: str, digest: str) -> str:
    """What the audit log answers."""
    return f"seen {who}"


@replay.capture
def order(url: str, mail: str, password: str) -> dict[str, Any]:
    """Asks with personal data, with a secret of the environment, and with what it computed of a secret."""
    import hashlib

    with httpx.Client() as client:
        first = client.post(f"{url}/login?api_key={TOKENS['live']}", json={"mail": mail, "password": password}).json()
        second = client.post(f"{url}/u/{mail}", json={"mail": mail.lower(), "token": first["access_token"]}).json()
    seen = audit(first["mail"], hashlib.sha256(f"{mail}/{password}/x".encode()).hexdigest())
    return {"mail": second["mail"], "domain": mail.rpartition("@")[2], "seen": seen, "token": first["access_token"]}


@replay.capture
def refused(password: str) -> None:
    """Fails with the secret in its message."""
    raise ValueError(f"wrong password {password!r} of {MAIL}")


def test_nothing_reaches_the_disk_and_it_still_replays(
    crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundles hold no secret, and reproduce with production's redaction key; also where the code now has another key in
    its environment."""
    seen: list[str] = []
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(tmp_path, stop, seen))
    watcher.start()
    replay.init(service="shop", spool=tmp_path, keep=replay.always(), redaction_key="k" * 32)
    try:
        for _ in range(5):
            order(crm, MAIL, CANARY)
            with pytest.raises(ValueError, match="wrong"):
                refused(CANARY)
    finally:
        assert replay.flush(20)
        recorder.configure(None)
        stop.set()
        watcher.join()
    assert seen == []
    recordings = [one for path in sorted(tmp_path.glob("*.replay.db")) for one in replay.open(path)]
    assert len(recordings) == 10
    for one in recordings:
        text = everything(one)
        secrets = [CANARY, CANARY[::-1], MAIL, TOKENS["live"]]
        assert [shape for secret in secrets for shape in shapes(secret) if shape in text] == []
        assert one.redacted
        verdict = replay.run(one)
        assert (verdict.status == "changed") is (one.status == "error")  # it says a mail address of its own
        monkeypatch.setenv("REPLAY_REDACTION_KEY", "k" * 32)
        assert replay.run(one).status == "reproduced"
        monkeypatch.delenv("REPLAY_REDACTION_KEY")
    asking = next(one for one in recordings if one.entrypoint.endswith("order"))
    TOKENS["live"] = "another-key-of-a-laptop-1"
    try:
        verdict = replay.run(asking)
    finally:
        TOKENS["live"] = "tok-9f8A7b6C5d4E3f2G"
    assert verdict.status == "reproduced"
    assert "known noise: redacted, api-key" in [difference.note for difference in verdict.difference]


def _watch(folder: Path, stop: threading.Event, seen: list[str]) -> None:
    """Look at every file of the spool, again and again, while it is written."""
    while not stop.is_set():
        for file in list(folder.iterdir()):
            try:
                data = file.read_bytes()
            except OSError:
                continue
            seen.extend(secret for secret in (CANARY, MAIL, TOKENS["live"]) if secret.encode() in data)


def test_a_changed_request_is_still_a_divergence(crm: str, tmp_path: Path) -> None:
    """What the recording gives to the code is compared: a mail address that is another is excused by nothing."""
    (one,) = record(tmp_path, lambda: order(crm, MAIL, CANARY))
    mail = one.input.decode()["args"][1]
    other = "someone.else@example.com"
    changed = msgspec.structs.replace(one, input=type(one.input)(one.input.text.replace(mail, other)))
    verdict = replay.run(changed)
    assert verdict.status == "diverged"
    assert verdict.divergence is not None
    assert verdict.divergence.kind == "changed"


class Broken:
    """A redactor that raises what quotes a secret."""

    def redact(self, recording: Recording, pause: Any, left: Any) -> Recording:
        """Never gives one."""
        raise ValueError(CANARY)


class Endless:
    """A redactor that looks for ever."""

    def redact(self, recording: Recording, pause: Any, left: Any) -> Recording:
        """Ends only when it is ended."""
        while True:
            pause(100_000)


@pytest.mark.parametrize("kind", [Broken, Endless])
def test_it_fails_closed(kind: Any, tmp_path: Path) -> None:
    """What cannot be redacted is dropped, counted, and nothing of it is written or quoted."""
    replay.init(service="shop", spool=tmp_path, keep=replay.always())
    settings = recorder.active
    assert settings is not None
    redacting = Redacting(kind, seconds=0.05)
    recorder.configure(msgspec.structs.replace(settings, redact=redacting))
    try:
        with pytest.raises(ValueError, match="wrong"):
            refused(CANARY)
    finally:
        assert replay.flush(20)
        recorder.configure(None)
    assert replay.stats()["dropped"]["redaction"] == 1
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RedactionError) as error:
        redacting(_recording(), frozenset())
    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None


def _recording() -> Recording:
    from tests.core.redaction.test_redactor import recording

    found: Recording = recording({"password": CANARY, "mail": MAIL})
    return found


def test_settings_of_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that are not known, keys too short and patterns that cannot be used are said at once."""
    for redact, key in (
        ({"kyes": ()}, None),
        (None, "short"),
        (replay.Redaction(patterns={"own": "("}), None),
        (3, None),
    ):
        with pytest.raises(UsageError):
            replay.init(service="shop", spool=tmp_path, redact=redact, redaction_key=key)  # type: ignore[arg-type]
    (tmp_path / "pyproject.toml").write_text(
        '[tool.replay-harness.redaction]\nkeys = ["badge"]\nallow = ["mail"]\npatterns = {own = "B-\\\\d+"}\n'
    )
    monkeypatch.chdir(tmp_path)
    for redact in (None, {"keys": ["badge"], "allow": ["mail"]}, replay.Redaction(keys=("badge",), allow=("mail",))):
        folder = tmp_path / "spool"
        (one,) = record(folder, lambda: badged(badge="B-77-1234567", mail=MAIL), redact=redact)
        assert "B-77-1234567" not in everything(one)
        assert MAIL in everything(one)
    (one,) = record(tmp_path / "off", lambda: badged(badge="x", mail=MAIL, password=CANARY), redact=False)
    assert CANARY in everything(one)


def test_a_service_starts_whatever_else_is_wrong_in_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What replays and searches take is nothing to it. What it takes itself is said at once."""
    monkeypatch.chdir(tmp_path)
    rules = '[tool.replay-harness.redaction]\nkeys = ["badge"]\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.replay-harness]\ntolerance = 7\nignroe = []\nalow = []\n{rules}")
    (one,) = record(tmp_path / "spool", lambda: badged(badge="B-77-1234567"))
    assert "B-77-1234567" not in everything(one)
    with pytest.raises(UsageError, match="ignroe"):
        replay.run(one)
    for wrong, word in (
        (rules.replace("keys", "kyes"), "kyes"),
        (rules.replace("redaction", "redactions"), "redactions"),
        (rules.replace("redaction", "redact"), "redact"),
        (rules.replace(".redaction", ""), "keys"),
    ):
        (tmp_path / "pyproject.toml").write_text(wrong)
        with pytest.raises(UsageError, match=f"unknown key `{word}`"):
            replay.init(service="shop", spool=tmp_path)


@replay.capture
def badged(**facts: str) -> int:
    """Takes what it is given."""
    return len(facts)


@replay.model("fraud-v3")
def scored(who: str, pin: str) -> float:
    """A model has a name that is none of a function."""
    return 0.5


@replay.boundary(name="crm.login")
def login(who: str, password: str) -> str:
    """A boundary with a name of its own."""
    return who


def test_by_position_of_what_is_found_nowhere(tmp_path: Path) -> None:
    """The names of parameters count, also where nobody finds the function by its name."""

    @replay.capture
    def inner(who: str, token: str) -> None:
        login(who, CANARY[::-1])
        scored(who, "Summer-" + CANARY)

    (one,) = record(tmp_path, lambda: inner("ada", CANARY))
    assert len(one.interactions) == 2
    assert [secret for secret in (CANARY, CANARY[::-1]) if secret in everything(one)] == []


def with_context(function: Any) -> Any:
    """Gives a further argument, as `click.pass_context` does."""

    @wraps(function)
    def inner(*args: Any) -> Any:
        return function({"plan": "Team"}, *args)

    return inner


def test_by_position_behind_a_decorator_that_passes_more(tmp_path: Path) -> None:
    """What is first for the caller is second for the function: each text may be the one that is secret."""

    @replay.boundary(name="crm.enter")
    @with_context
    def enter(context: dict[str, str], password: str, number: int) -> int:
        return number

    @replay.capture
    @with_context
    def inner(context: dict[str, str], token: str) -> int:
        return enter(CANARY[::-1], 7)

    (one,) = record(tmp_path, lambda: inner(CANARY))
    assert [secret for secret in (CANARY, CANARY[::-1]) if secret in everything(one)] == []
    assert one.interactions[0].request.decode()["args"][1] == 7


def test_by_position_in_a_script(tmp_path: Path) -> None:
    """A service that is run as a script has its functions in `__main__`."""
    (tmp_path / "shop.py").write_text(
        "import replay\nreplay.init(service='s', spool='captures', keep=replay.always())\n"
        f"@replay.capture\ndef enter(who, token): pass\nenter('ada', {CANARY!r})\n"
    )
    done = run("import runpy; runpy.run_path('shop.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "captures").iterdir()
    (one,) = replay.open(path)
    assert one.entrypoint == "shop:enter"
    assert CANARY not in everything(one)


def test_services_of_one_key_give_equal_pseudonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is in no recording, only its name."""
    found = []
    for folder, key in (("a", "k" * 32), ("b", "k" * 32), ("c", "other" * 8)):
        monkeypatch.setenv("REPLAY_REDACTION_KEY", key)
        (one,) = record(tmp_path / folder, lambda: badged(mail=MAIL))
        found.append((one.input.text, one.context.tree["redaction"]["key"]))
        assert key not in everything(one)
    assert found[0] == found[1] != found[2]


def test_scan_and_scrub(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle with secrets is found, rewritten, and then clean; a test with a key in it is found."""
    monkeypatch.chdir(tmp_path)
    bundle = tmp_path / "x.replay.db"
    write_bundle([_recording()], bundle)
    (tmp_path / "test_x.py").write_text("KEY = 'ghp_" + "a1B2" * 9 + "'\n")
    (tmp_path / "key.txt").write_text("-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 16 + "\n-----END PRIVATE KEY-----\n")
    assert cli.main(["scan", "."]) == 1
    said = capsys.readouterr().out
    assert "x.replay.db::one input $.password: password" in said
    assert "test_x.py line 1: vendor-key ghp_... (40 characters)" in said
    assert "key.txt line 1: private-key" in said
    assert CANARY not in said
    assert "a1B2a1B2" not in said
    assert MAIL not in said
    assert cli.main(["scan", "--personal", "--json", str(bundle)]) == 1
    kinds = {each["kind"] for each in json.loads(capsys.readouterr().out)}
    assert {"password", "email"} <= kinds
    assert cli.main(["scrub", str(bundle)]) == 0
    capsys.readouterr()
    clean = tmp_path / "x-scrubbed.replay.db"
    (before,), (after,) = replay.open(bundle), replay.open(clean)
    assert CANARY not in everything(after)
    assert after.parent_digest == before.digest
    assert cli.main(["scan", "--personal", str(clean)]) == 0
    assert cli.main(["scrub", "--in-place", str(bundle)]) == 0
    assert cli.main(["scan", "--personal", str(bundle)]) == 0
    assert cli.main(["scrub", str(clean), "--out", str(bundle)]) == 3
    assert cli.main(["scan", str(tmp_path / "missing.replay.db")]) == 3
    assert CANARY not in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(Path("captures").glob("*.replay.db")), ids=lambda path: path.name)
def test_the_sample_bundles_reproduce_when_redacted(path: Path) -> None:
    """All of them, more than the 95 % that are promised: by a key of its own each has the verdict that it had."""
    take_out: Redactor = redactor(replay.Redaction(), os.urandom(32))
    for one in replay.open(path):
        assert replay.run(take_out.redact(one)).status == replay.run(one).status


def test_the_hook_is_given_what_may_hold_secrets() -> None:
    """pre-commit hands files to `replay scan` by their names: bundles, tests, reports of each form."""
    (entry,) = re.findall(r"entry: (.+)", Path(".pre-commit-hooks.yaml").read_text())
    (pattern,) = re.findall(r"files: (.+)", Path(".pre-commit-hooks.yaml").read_text())
    assert entry == "replay scan"
    names = ["captures/x.replay.db", "tests/test_x.py", "r.html", "r.md", "r.xml", "r.txt", "found.json"]
    assert [name for name in names if not re.search(pattern, name)] == []
    assert not re.search(pattern, "logo.png")


def test_scan_of_a_folder_with_all_kinds_of_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is packed or has two bytes a letter is looked through; a pipe is passed over, links are not followed."""
    monkeypatch.chdir(tmp_path)
    line = 'token = "ghp_aB3dE6aB3dE6aB3dE6aB3dE6aB3dE6aB3dE6"\n'
    Path("a.txt").write_text(line)
    Path("b.log.gz").write_bytes(gzip.compress(line.encode()))
    Path("c.txt").write_bytes(line.encode("utf-16"))
    Path("d.bin").write_bytes(b"\0" + line.encode())
    os.mkfifo("pipe")
    Path("loop").symlink_to(".")
    Path("zero").symlink_to("/dev/zero")
    assert cli.main(["scan", "--json", "."]) == 1
    found = json.loads(capsys.readouterr().out)
    assert sorted(Path(each["path"]).name for each in found) == ["a.txt", "b.log.gz", "c.txt"]
    assert cli.main(["scan", "zero"]) == 3
    assert "more than" in capsys.readouterr().err
