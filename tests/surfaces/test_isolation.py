"""A fresh process for each recording, and hard isolation in it: what leaves, what comes back, what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from replay.core.codec import encode
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Verdict
from replay.engine import lockdown
from replay.errors import ReplayError, UsageError
from replay.surfaces.fresh import replay_fresh
from replay.surfaces.isolation import replayer
from replay.surfaces.job import Options, Reply, missing, pack_reply, unpack_reply
from tests.engine import probes
from tests.engine.outside import told, untouched
from tests.engine.outside import where as where  # a fixture
from tests.surfaces import native_probes, projects

ROOT = Path(__file__).parent.parent.parent
hard_only = pytest.mark.skipif(
    lockdown.unavailable() is not None, reason=f"no hard isolation: {lockdown.unavailable()}"
)
fresh_only = pytest.mark.skipif(os.name != "posix", reason="no descriptors can be handed to a new process")
pytestmark = fresh_only


@pytest.fixture(autouse=True)
def _armed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native_probes.ARMED, "1")


def recording(name: str, *args: Any, outcome: Any = "done", **context: Any) -> Recording:
    """Of a function of `native_probes` that did nothing yet."""
    return Recording(
        id=name,
        kind="function",
        entrypoint=f"tests.surfaces.native_probes:{name}",
        started_at=1_760_000_000_000_000_000,
        duration_ns=1,
        input=encode({"args": list(args), "kwargs": {}}),
        outcome=Outcome("returned", encode(outcome)),
        context=encode(context),
    )


def run(one: Recording, where: dict[str, Any] | None = None, **how: Any) -> Verdict:
    """In a fresh process."""
    how.setdefault("timeout", 120)
    return replay_fresh(one, Options(root=str(ROOT)), **how)


# Hard isolation -----------------------------------------------------------------------------------------------------


@hard_only
@pytest.mark.parametrize("name", native_probes.NATIVE)
def test_native_code_is_refused_by_the_kernel(name: str, where: dict[str, Any]) -> None:
    """Past every audit hook: nothing leaves, and the verdict says what was tried, though the code hides it."""
    if name in ("psycopg", "grpc") and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    verdict = run(recording("swallows", "native", name, told(where)), hard=True)
    assert verdict.status == "diverged", verdict
    targets = [found.target.replace("[::ffff:127.0.0.1]", "127.0.0.1") for found in verdict.divergences]
    assert {divergence.kind for divergence in verdict.divergences} == {"refused"}
    expected = native_probes.NATIVE[name][1].format_map(where)
    assert any(target.startswith(expected) for target in targets), targets
    untouched(where)


@hard_only
def test_other_processes_and_the_machine_are_out_of_reach(where: dict[str, Any]) -> None:
    """Signals, limits, priorities, queues, shared memory, devices, groups, attributes: each is refused, and told."""
    verdict = run(recording("swallows", "others", " ".join(native_probes.OTHERS), told(where)), hard=True)
    assert verdict.status == "diverged", verdict
    targets = [found.target for found in verdict.divergences]
    for name, (_, told_as) in native_probes.OTHERS.items():
        assert any(target.startswith(told_as.format_map(where)) for target in targets), (name, targets)
    untouched(where)


@hard_only
@pytest.mark.parametrize("name", [*sorted(set(probes.SOFT) - set(probes.UNHEARD)), " ".join(probes.UNHEARD)])
def test_python_code_is_refused_in_hard_isolation_too(name: str, where: dict[str, Any]) -> None:
    """As in soft isolation, with the line that did it."""
    verdict = run(recording("swallows", "python", name, told(where)), hard=True)
    assert verdict.status == "diverged", verdict
    assert verdict.divergence is not None
    assert verdict.divergence.kind == "refused"
    untouched(where)


def test_the_probes_reach(where: dict[str, Any]) -> None:
    """The same code without isolation: so it is the isolation that stops it. Processes are made in a child."""
    for name in ("connect", "datagram", "message", "unix"):
        native_probes.NATIVE[name][0](where)
        assert where["listener"].count(), name
        where["listener"].hits.clear()
    for name in ("system", "write", "relative_write", "attach"):
        if os.path.exists(where["file"]):
            os.remove(where["file"])
        native_probes.NATIVE[name][0](where)
        assert os.path.exists(where["file"]), name
    for name in ("chmod", "fchmod"):
        os.chmod(where["precious"], 0o644)
        native_probes.NATIVE[name][0](where)
        assert os.stat(where["precious"]).st_mode & 0o777 == 0, name
    native_probes.NATIVE["truncate"][0](where)
    assert os.stat(where["precious"]).st_size == 0
    native_probes.NATIVE["rename"][0](where)
    assert not os.path.exists(where["precious"])


@hard_only
def test_what_must_work_works_in_hard_isolation(where: dict[str, Any]) -> None:
    """Temporary files, socket pairs, event loops, threads, databases in memory and in temporary files."""
    work = ["pair", "True", "True", "True", "loop", "memory", '"""']
    verdict = run(recording("harmless", where["temporary"], outcome=work), hard=True)
    assert (verdict.status, verdict.divergences, verdict.reason) == ("reproduced", (), None)


@hard_only
def test_files_are_changed_in_hard_isolation_as_elsewhere(where: dict[str, Any], tmp_path: Path) -> None:
    """What the supervisor does in the place of the process comes out as if the process did it."""
    expected = native_probes._changed(str(tmp_path / "here"))
    folder = os.path.join(where["temporary"], "there")
    verdict = run(recording("changes", folder, outcome=expected), hard=True)
    assert verdict.outcome is not None
    assert verdict.outcome.value == expected
    assert (verdict.status, verdict.divergences) == ("reproduced", ())


@hard_only
def test_a_file_that_takes_the_place_of_another_is_not_changed(where: dict[str, Any]) -> None:
    """The path is looked at, and the file exchanged before the kernel follows it."""
    before = os.stat(where["precious"])
    verdict = run(recording("races", told(where)), hard=True)
    now = os.stat(where["precious"])
    assert (now.st_mode, now.st_size, now.st_mtime_ns) == (before.st_mode, before.st_size, before.st_mtime_ns)
    assert verdict.status == "diverged"


@hard_only
def test_hard_isolation_needs_no_privileges(where: dict[str, Any], tmp_path: Path) -> None:
    """In a process that has given up all capabilities, and its children's."""
    code = (
        "import ctypes, struct\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "for each in range(64): libc.prctl(24, each, 0, 0, 0)\n"  # out of the bounding set
        "libc.capset(struct.pack('=Ii', 0x20080522, 0), bytes(24))\n"
        "status = open('/proc/self/status').read()\n"
        "assert 'CapEff:\\t0000000000000000' in status and 'CapPrm:\\t0000000000000000' in status, status\n"
        "from tests.surfaces.test_isolation import recording, run, told\n"
        "import json, sys\n"
        "v = run(recording('swallows', 'native', 'connect', json.loads(sys.argv[1])), hard=True)\n"
        "print(v.status, [d.target for d in v.divergences], v.reason)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(told(where))], env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"diverged ['connect 127.0.0.1:{where['tcp']}'] None\n", done.stderr
    untouched(where)


def test_hard_isolation_is_never_silently_soft(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where it is not to be had: said loudly, and an error of exit 4 where it is required."""
    monkeypatch.setattr(lockdown, "unavailable", lambda: "no such kernel")
    replayer({"root": str(ROOT)}, hard=True)
    assert "no such kernel. THE ISOLATION IS ONLY SOFT" in capfd.readouterr().err
    with pytest.raises(ReplayError, match="no such kernel; nothing was run") as caught:
        replayer({"root": str(ROOT)}, hard=True, required=True)
    assert (caught.value.slug, caught.value.exit_code) == ("hard-isolation", 4)


@pytest.mark.parametrize("how", [{"hard": True, "in_process": True}, {"in_process": True, "timeout": 1.0}])
def test_what_excludes_each_other_is_a_usage_error(how: dict[str, Any]) -> None:
    """In this process there is neither hard isolation nor a time limit; live needs the world."""
    with pytest.raises(UsageError):
        replayer({}, **how)
    with pytest.raises(UsageError, match="--live"):
        replayer({"live": ("http",)}, hard=True)


# The fresh process --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("dies", "died of signal 11 (SIGSEGV)"),
        ("leaves", "ended with exit code 0 before there was a verdict"),
        ("closes", "closed the pipe"),
        ("hangs", "no verdict after 3 s (--timeout)"),
        ("babbles", "something that is no verdict"),
    ],
)
@pytest.mark.parametrize("hard", [False, pytest.param(True, marks=hard_only)])
def test_a_process_without_a_verdict_is_unanswerable(how: str, said: str, hard: bool) -> None:
    """It dies, leaves, hangs or writes nonsense to each descriptor it has: a defined end, with the reason."""
    verdict = run(recording("misbehaves", how), timeout=3 if how == "hangs" else 120, hard=hard)
    assert (verdict.status, verdict.outcome) == ("unanswerable", None)
    assert said in str(verdict.reason)


def test_it_starts_as_the_recorded_process_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash seed, zone, locale, flags and variables; what is not recorded is as here, the seed the same each time."""
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("SHOP_MODE", "here")
    interpreter = {"hash_seed": 5, "optimize": 1, "utf8": True, "locale": {"LC_ALL": "C", "LANG": "de_DE.UTF-8"}}
    context = {
        "interpreter": interpreter,
        "zone": "Asia/Tokyo",
        "environ": {"SHOP_MODE": "there", "LD_PRELOAD": "/x.so"},
    }
    found = [run(recording("surroundings", **context)).outcome for _ in range(2)]
    other = run(recording("surroundings", **{**context, "interpreter": {**interpreter, "hash_seed": 6}})).outcome
    plain = run(recording("surroundings")).outcome
    first, second, third, fourth = [each.value for each in (*found, other, plain) if each is not None]
    assert first == second
    assert first["order"] != third["order"]
    assert (first["zone"], first["utf8"], first["optimize"]) == ("JST +0900", 1, 1)
    expected = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "de_DE.UTF-8", "SHOP_MODE": "there", "LD_PRELOAD": None}
    assert first["variables"] == expected
    assert (fourth["variables"]["SHOP_MODE"], fourth["optimize"]) == ("here", 0)


@pytest.mark.parametrize(
    "interpreter",
    [
        "text",
        {"hash_seed": "5", "locale": {"LC_ALL": "/tmp/evil"}},
        {"hash_seed": -1, "optimize": 9, "utf8": 3, "locale": 4},
    ],
)
def test_a_hostile_context_starts_nothing_else(interpreter: Any) -> None:
    """Only what is a seed, a flag or a locale's name is taken from a bundle."""
    verdict = run(recording("surroundings", interpreter=interpreter))
    assert verdict.outcome is not None
    assert verdict.outcome.value["variables"]["LC_ALL"] in (None, os.environ.get("LC_ALL"))
    assert verdict.outcome.value["optimize"] == 0


def test_a_hostile_zone_is_unanswerable() -> None:
    """Which is known before there is a process."""
    verdict = run(recording("surroundings", zone="../../etc/passwd"))
    assert (verdict.status, "time zone" in str(verdict.reason)) == ("unanswerable", True)


def test_a_recorded_temporary_folder_does_not_move_the_guard(where: dict[str, Any]) -> None:
    """A bundle that says TMPDIR=/home/... does not get leave to write there."""
    outside = os.path.dirname(where["file"])
    one = recording("swallows", "python", "write_file", told(where), environ={"TMPDIR": outside, "TEMP": outside})
    verdict = run(one)
    assert verdict.status == "diverged"
    untouched(where)


def test_a_reply_is_taken_only_if_it_is_ours() -> None:
    """Whole, of this job, and nothing after it."""
    verdict = Verdict(id="x", status="reproduced", recorded=Outcome("returned", encode(1)))
    data = pack_reply(Reply(token="right", verdict=verdict))
    assert unpack_reply(data, "right").verdict == verdict
    assert missing(data[:-1]) == 1
    for wrong in (data[:-1], data + b"x", b"x" * len(data), data[:16] + b"\xff" * (len(data) - 16)):
        with pytest.raises(ValueError):
            unpack_reply(wrong, "right")
    with pytest.raises(ValueError, match="another job"):
        unpack_reply(data, "wrong")


def test_odd_values_survive_the_way_back() -> None:
    """Lone surrogates in a reason, differences of any value."""
    from replay.core.codec import Value
    from replay.core.verdict import Difference

    difference = Difference("$.x", "changed", recorded={1, 2}, actual=None)
    verdict = Verdict(
        id="x", status="changed", recorded=Outcome("returned", encode(1)), difference=(difference,), reason="a \ud800"
    )
    back = unpack_reply(pack_reply(Reply(token="t", verdict=verdict)), "t").verdict
    assert back is not None
    assert back.reason == "a \\ud800"
    assert isinstance(back.difference[0].recorded, Value)
    assert back.difference[0].recorded.decode() == {1, 2}
    assert back.difference[0].actual.decode() is None


# The surfaces -------------------------------------------------------------------------------------------------------


NOSY = """
    import ctypes, os, socket
    try:
        number = ctypes.CDLL(None).socket(2, 1, 0)
        libc = ctypes.CDLL(None)
        libc.dlsym.restype = ctypes.c_void_p
        libc.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        connect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
        address = b"\\x02\\x00" + bytes([0, 9, 127, 0, 0, 1]) + bytes(8)
        connect(libc.dlsym(None, b"connect"))(number, address, 16)
        os.close(number)
    except BaseException:
        pass
"""


@pytest.fixture
def nosy(project: Path) -> Path:
    """The service, since edited to connect by native code and to hide it."""
    from tests.surfaces import projects

    projects.edit(project, '    print("triage of"', NOSY + '    print("triage of"')
    return project


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`replay ARGUMENTS`."""
    from tests.surfaces import projects

    return subprocess.run(
        [sys.executable, "-m", "replay.surfaces.cli", *arguments], env=projects.environment(), capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip


@hard_only
def test_replay_run_has_both_isolations(nosy: Path) -> None:
    """Soft does not see native code, and does not claim to; hard refuses it, names it and exits with 1."""
    assert command("run", "captures/good.replay.db").returncode == 0
    for option in (["--isolation", "hard"], ["--require-hard"]):
        done = command("run", "captures/good.replay.db", *option)
        assert done.returncode == 1, done.stderr
        assert "connect 127.0.0.1:9" in done.stdout


def test_replay_run_is_fresh_by_default(project: Path) -> None:
    """Modules of one replay are not there in the next; `--in-process` shares them; a time limit ends what hangs."""
    from tests.surfaces import projects

    projects.edit(
        project, '    print("triage of"', '    print("seen", len(SEEN), SEEN.append(1))\n    print("triage of"'
    )
    projects.edit(project, "ANSWERS =", "SEEN = []\nANSWERS =")
    assert command("run", "captures/mixed.replay.db").stderr.count("seen 0") == 3
    assert command("run", "captures/mixed.replay.db", "--in-process").stderr.count("seen 0") == 1
    projects.edit(project, '    print("triage of"', '    while True: pass\n    print("triage of"')
    done = command("run", "captures/good.replay.db", "--timeout", "2")
    assert (done.returncode, "no verdict after 2 s (--timeout)" in done.stdout) == (4, True)


def test_replay_run_refuses_what_excludes_each_other(project: Path) -> None:
    """Exit 2; a broken configuration is said once, with its own code."""
    assert command("run", "captures", "--in-process", "--isolation", "hard").returncode == 2
    assert command("run", "captures", "--isolation", "hard", "--live", "http").returncode == 2
    (project / "pyproject.toml").write_text("[tool.replay-harness]\nallows = []\n")
    done = command("run", "captures/good.replay.db")
    assert (done.returncode, "did you mean `allow`" in done.stderr) == (2, True)


@hard_only
def test_pytest_has_hard_isolation(nosy: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The items and the fixture run in processes of their own; with xdist too."""
    from tests.surfaces import projects

    monkeypatch.chdir(nosy)
    base = [f"--rootdir={nosy}", *projects.plugin(), "captures/good.replay.db"]
    pytester.runpytest_subprocess(*base).assert_outcomes(passed=1)
    for more in (["--incident-isolation=hard"], ["--incident-require-hard", "-n1"]):
        result = pytester.runpytest_subprocess(*base, *more)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*reached for the real world (socket): connect 127.0.0.1:9*"])


def test_pytest_says_that_it_is_only_soft(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the summary; where hard isolation is required, nothing is run."""
    from tests.surfaces import projects

    monkeypatch.chdir(project)
    (project / "conftest.py").write_text(
        "from replay.engine import lockdown\nlockdown.unavailable = lambda: 'no such kernel'\n"
    )
    base = [f"--rootdir={project}", *projects.plugin(), "captures/good.replay.db"]
    result = pytester.runpytest_subprocess(*base, "--incident-isolation=hard")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*THE ISOLATION IS ONLY SOFT*", "*no such kernel*"])
    result = pytester.runpytest_subprocess(*base, "--incident-require-hard")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result = pytester.runpytest_subprocess(*base, "--incident-require-hard", "--incident-live=http")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


LOGGING = """
import replay

@replay.capture
def writes(text):
    with open("logs/service.log", "a") as file:
        file.write(text)
    return text
"""


@pytest.mark.parametrize("how", [[], pytest.param(["--isolation", "hard"], marks=hard_only), ["--in-process"]])
def test_folders_that_the_project_lets_be_written(tmp_path: Path, how: list[str]) -> None:
    """Named in its configuration, relative to it; all else outside the temporary folder stays refused."""
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    (project / "logs").mkdir(parents=True)
    temporary.mkdir()
    (project / "writer.py").write_text(LOGGING)
    (project / "pyproject.toml").write_text("[tool.replay-harness]\n")
    environment = {**projects.environment(), "TMPDIR": str(temporary)}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=60
        )

    made = python(
        "-c",
        "import replay; replay.init(service='w', spool='cap', keep=replay.always())\n"
        "import writer; writer.writes('x'); assert replay.flush(20)",
    )
    assert made.returncode == 0, made.stderr
    refused = python("-m", "replay.surfaces.cli", "run", "cap", *how)
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "refused" in refused.stdout
    (project / "pyproject.toml").write_text('[tool.replay-harness]\nwritable = ["logs"]\n')
    allowed = python("-m", "replay.surfaces.cli", "run", "cap", *how)
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    assert (project / "logs" / "service.log").read_text() == "xx"


def test_a_fresh_process_loads_little(tmp_path: Path) -> None:
    """Neither pytest, for a fixture of time-machine's, nor pandas, for a comparison of what is equal: each takes longer
    than the rest of a replay."""
    projects.shop(tmp_path)
    projects.edit(tmp_path, '    print("triage of", ticket["from"])', "    import sys")
    before = '    return {"label": customer["plan"].upper()}'
    projects.edit(
        tmp_path, before, '    raise AttributeError(sorted({"pytest", "deepdiff", "pandas"} & set(sys.modules)))'
    )
    bundle = projects.record(tmp_path, "light", "ann", "bob")
    done = subprocess.run([sys.executable, "-m", "replay.surfaces.cli", "run", "--json", str(bundle)], cwd=tmp_path,
                          env=projects.environment(), capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row["status"] for row in json.loads(done.stdout)] == ["reproduced"] * 2


CLIENT = """\
import sys
import urllib.request
import replay


@replay.capture
def ask(url):
    with urllib.request.urlopen(url) as answer:
        said = answer.read().decode()
    loaded = sorted({"aiohttp", "httpx", "requests", "vcr"} & set(sys.modules))
    from vcr import patch

    return [said, loaded, hasattr(patch, "aiohttp"), hasattr(patch, "httpx")]
"""


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def test_a_fresh_process_loads_no_client_and_an_application_gets_vcrpy_whole(tmp_path: Path) -> None:
    """What plays recorded requests imports vcrpy, and vcrpy any client there is; the application may import both."""
    (tmp_path / "asking.py").write_text(CLIENT)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        program = (
            "import replay; replay.init(service='asking', spool='captures', keep=replay.always()); "
            f"import asking; print(asking.ask({url!r})); assert replay.flush(20)"
        )
        made = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=projects.environment(),
                              capture_output=True, text=True, check=False)  # fmt: skip
        server.shutdown()
    assert (made.returncode, made.stdout) == (0, "['hi', [], True, True]\n"), made.stdout + made.stderr
    done = subprocess.run([sys.executable, "-m", "replay.surfaces.cli", "run", "--json", "captures"], cwd=tmp_path,
                          env=projects.environment(), capture_output=True, text=True, check=False)  # fmt: skip
    assert [row["status"] for row in json.loads(done.stdout)] == ["reproduced"], done.stdout
