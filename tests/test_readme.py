"""The README says what is so: its code is run, its tables are compared with the code."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, get_args

import click
import pytest

import replay
from replay.core.verdict import Status
from replay.engine import invariants
from replay.surfaces import cli, config
from replay.surfaces.redaction import rules_of
from replay.surfaces.verbs import VERBS, shared
from tests.surfaces import projects, repositories

README = (projects.ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CHECKED = (
    "pip install '.[demo]'",
    "pip install -e '.[test]'",
    "def quote(order",
    "replay.ASGI(app",
    "@replay.aws_lambda",
    "replay list captures",
    "replay fuzz captures",
    "replay fuzz --ci",
    "replay hunt captures",
    "refunds = replay.Policy(",
    "def discount_is_a_percentage",
    "def decimal_comma",
    "@replay.fuzz(",
    "git init",
    "replay verify captures",
    "replay bisect captures",
    "bundle = replay.open",
    "incident_paths = ",
    "@pytest.mark.incident(",
    "[tool.replay-harness]",
    "[tool.replay-harness.redaction]",
)
"""What each block holds that no other does; each is used by a test below."""
ERROR = """\
Traceback (most recent call last):
  File "/srv/app/releases/123/shop.py", line 99, in quote
    discount = {"free": 0, "team": 10}[customer["plan"].lower()]
KeyError: 'pro'
"""
FIX = ('customer["plan"].lower()', '(customer["plan"] or "free").lower()')


def block(mark: str) -> str:
    """The one block of the README with this text."""
    found: str
    (found,) = [text for _, text in BLOCKS if mark in text]
    return found


def table(heading: str) -> list[list[str]]:
    """The cells of the table that begins with this heading, without the heading."""
    (found,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in found.splitlines()]


def test_every_block_is_checked() -> None:
    """A block that no test uses, or that two marks mean, fails here."""
    assert [len([mark for mark in CHECKED if mark in text]) for _, text in BLOCKS] == [1] * len(BLOCKS)
    assert len(CHECKED) == len(BLOCKS)


# The service of "Add it to a service in ten lines", recorded for real.


class Crm(BaseHTTPRequestHandler):
    """Two customers whose plan turned null."""

    def do_GET(self) -> None:
        body = json.dumps({"name": self.path.rpartition("/")[2].title(), "plan": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@contextmanager
def crm() -> Iterator[str]:
    """The CRM's address; it is stopped afterwards."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Crm) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def execute(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in a project."""
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=projects.environment(), capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the README's `shop.py` and two incidents: `captures/x.replay.db` and `captures/y.replay.db`."""
    folder = tmp_path_factory.mktemp("readme")
    (name,) = re.findall(r"<!-- file: (\S+) -->\n```python", README)
    (folder / name).write_text(block("def quote(order"))
    (folder / "pyproject.toml").write_text(block("[tool.replay-harness]"))
    with crm() as address:
        for bundle, customer in (("x", "ada"), ("y", "grace")):
            order = {"crm": address, "customer": customer}
            done = execute("-c", f"import shop; shop.quote({order!r})", cwd=folder)
            assert "AttributeError: 'NoneType' object has no attribute 'lower'" in done.stderr
            (written,) = (folder / "captures").glob("shop-*.replay.db")
            written.rename(folder / "captures" / f"{bundle}.replay.db")
    return folder


@pytest.fixture
def project(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(recorded, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def verb(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`replay ARGUMENTS` in the project."""
    return execute("-m", "replay.surfaces.cli", *arguments, cwd=project)


def pytest_run(project: Path, *arguments: str) -> str:
    """The last line that pytest prints."""
    done = execute("-m", "pytest", *projects.plugin(), "-q", *arguments, cwd=project)
    return done.stdout.strip().rpartition("\n")[2]


READING = [shlex.split(line, comments=True)[1:] for line in block("replay list captures").splitlines() if line.strip()]


@pytest.mark.parametrize("arguments", READING, ids=lambda arguments: arguments[0])
def test_commands_that_read_an_incident(recorded: Path, arguments: list[str]) -> None:
    """As written, with no server running: as expected, but for two recordings that differ."""
    expected = shared.UNEXPECTED if arguments[0] == "diff" else shared.EXPECTED
    done = verb(recorded, *arguments)
    assert (done.returncode, done.stderr) == (expected, "")
    as_json = verb(recorded, *arguments, "--json")
    assert as_json.returncode == expected
    assert json.loads(as_json.stdout)


def test_the_incident_is_shown_and_reproduced(recorded: Path) -> None:
    """What the CRM answered is in the bundle, and each verb says the failure."""
    shown = verb(recorded, "show", "captures/x.replay.db").stdout
    assert re.search(r"http +GET \S+/customers/ada .* 200\n", shown)
    assert "AttributeError" in shown
    run = json.loads(verb(recorded, "run", "captures", "--json").stdout)
    assert [row["status"] for row in run] == ["reproduced", "reproduced"]


def test_the_fuzz_example(project: Path) -> None:
    """As written but for the time: it finds something near the incident, saved so that it replays; and the operator
    of the text is one."""
    (line,) = block("replay fuzz captures").splitlines()
    arguments = [*shlex.split(line)[1:-2], "--executions", "300", "--json"]
    done = verb(project, *arguments)
    assert done.returncode == shared.UNEXPECTED, done.stderr
    found = json.loads(done.stdout)["finds"]
    assert found
    assert all(verb(project, "run", find["bundle"]).returncode == shared.EXPECTED for find in found[:2])
    names: dict[str, Any] = {"replay": replay}
    exec(block("def decimal_comma"), names)  # noqa: S102  # our own text
    assert list(names["decimal_comma"]("1.5")) == ["1,5"]


def test_the_fuzz_tests(project: Path) -> None:
    """Both fail on the code of the text, each with an edit that is enough for it."""
    code = block("@replay.fuzz(").replace("executions=100", "executions=40, seed=1")
    (project / "test_shop.py").write_text(code.replace("deadline=None", "deadline=None, derandomize=True"))
    done = execute("-m", "pytest", *projects.plugin(), "-q", "test_shop.py", cwd=project)
    assert "2 failed" in done.stdout, done.stdout
    assert "changed   http[0].body.plan: drop" in done.stdout
    assert "raised KeyError at shop.py:" in done.stdout
    assert "mutated=<shop:quote with " in done.stdout


def test_the_policy_and_the_invariant() -> None:
    """As written: the policy decides, the invariant refuses what it is there for."""
    names: dict[str, Any] = {"replay": replay}
    exec(block("refunds = replay.Policy("), names)  # noqa: S102  # our own text
    assert names["refunds"].decide(0.5, 0.9) == "review"
    assert names["refunds"].is_act("POST https://pay.example/refunds")
    before = dict(invariants.own)
    exec(block("def discount_is_a_percentage"), names)  # noqa: S102  # our own text
    (name,) = invariants.own.keys() - before.keys()
    assert invariants.own.pop(name).entrypoint == "shop:quote"
    for discount, holds in ((10, True), (101, False)):
        run = SimpleNamespace(outcome=SimpleNamespace(value={"discount": discount}))
        with nullcontext() if holds else pytest.raises(AssertionError, match="101"):
            names["discount_is_a_percentage"](run)


def test_the_ci_example(project: Path) -> None:
    """As written but for the time, in a repository: it fails, keeps a corpus where the example caches one, and names
    the folder of its finds. The table's options are those of the command."""
    text = block("replay fuzz --ci")
    repositories.init(project, "shop.py", "pyproject.toml")
    (line,) = re.findall(r"&& replay (.*)", text)
    done = verb(project, *shlex.split(line), "--executions", "60", "--json")
    assert done.returncode == shared.UNEXPECTED, done.stderr
    document = json.loads(done.stdout)
    cached, finds = re.findall(r"path: ([^,}]+)", text)
    assert document["ci"]["corpus"]["folder"] == cached
    assert {find["bundle"].partition("/")[0] for find in document["finds"]} == {finds}
    command = cli.cli.get_command(click.Context(cli.cli), "fuzz")
    assert command is not None
    own = {one.opts[0] for one in command.params if isinstance(one, click.Option) and "With --ci" in (one.help or "")}
    assert {re.findall(r"--[a-z-]+", row[0])[0] for row in table("CI option | means")} == own | {"--ci"}


def test_the_hunt_example(project: Path) -> None:
    """As written, beside a log with a traceback: the find replays. The table's options are the command's."""
    (line,) = block("replay hunt captures").splitlines()
    (project / "error.txt").write_text(ERROR)
    done = verb(project, *shlex.split(line)[1:], "--json")
    assert done.returncode == shared.EXPECTED, done.stderr
    (find,) = json.loads(done.stdout)["finds"]
    assert (find["error_type"], find["message"]) == ("KeyError", "'pro'")
    assert verb(project, "run", find["bundle"]).returncode == shared.EXPECTED
    command = cli.cli.get_command(click.Context(cli.cli), "hunt")
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    told = {each for row in table("`replay hunt` is given | means") for each in re.findall(r"--[a-z]+", row[0])}
    assert told < options


def test_from_an_incident_to_a_committed_test(tmp_path: Path) -> None:
    """As written, in an empty folder beside the demo's: the test that is committed fails as production did."""
    (tmp_path / "replay-demo").mkdir()
    (tmp_path / "new").mkdir()
    shutil.copy(projects.ROOT / "captures" / "demo-null-field.replay.db", tmp_path / "replay-demo")
    said = []
    for line in block("git init").replace("INCIDENT", "demo-null-field").splitlines():
        for part in line.partition("#")[0].split("&&"):
            program, *arguments = shlex.split(part)
            if program == "git":
                repositories.git(tmp_path / "new", *arguments)
                continue
            module = ["replay.surfaces.cli"] if program == "replay" else ["pytest", *projects.plugin()]
            done = execute("-m", *module, *arguments, cwd=tmp_path / "new")
            said.append(done.stdout)
            assert done.returncode == (1 if program == "pytest" else 0), done.stdout + done.stderr
    assert "it still fails with AttributeError: 'NoneType' object has no attribute 'lower'" in said[-1]
    assert "1 failed, 1 skipped" in said[-1]
    committed = repositories.git(tmp_path / "new", "ls-files").splitlines()
    assert [Path(name).parent.name for name in committed if "__pycache__" not in name] == ["captures", "tests"]


def test_the_certificate_and_the_commit(project: Path) -> None:
    """Both commands of the text, in a repository with a fix that is not committed and a commit with the bug."""
    bug, fixed = FIX
    projects.edit(project, bug, fixed)
    repositories.init(project, "shop.py", "pyproject.toml")
    repositories.git(project, "tag", "v1.2")
    projects.edit(project, fixed, bug)
    culprit = repositories.commit(project, "simplify")
    (line,) = block("replay bisect captures").splitlines()
    assert culprit in verb(project, *shlex.split(line)[1:]).stdout
    projects.edit(project, bug, fixed)
    (line,) = block("replay verify captures").splitlines()
    done = verb(project, *shlex.split(line)[1:])
    assert done.returncode == shared.EXPECTED, done.stdout + done.stderr
    assert json.loads((project / "fix.json").read_text())["predicate"]["result"] == "verified"
    assert (project / "fix.md").read_text().startswith("## Fix verified")


def test_exit_codes(project: Path) -> None:
    """Each code of the table is the constant of that number, and comes when the table says."""
    codes = {int(code): meaning for code, meaning in table("exit code")}
    assert sorted(codes) == [shared.EXPECTED, shared.UNEXPECTED, shared.USAGE, shared.REFUSED, shared.NOT_RUN]
    assert verb(project, "run", "captures").returncode == shared.EXPECTED
    assert verb(project, "run", "captures", "--nothing").returncode == shared.USAGE
    assert verb(project, "run", "nowhere.replay.db").returncode == shared.REFUSED
    projects.edit(project, *FIX)
    assert verb(project, "run", "captures").returncode == shared.UNEXPECTED
    projects.edit(project, "def quote", "def moved")
    assert verb(project, "run", "captures").returncode == shared.NOT_RUN


def test_verdicts() -> None:
    """The table has each status, in the order of the type."""
    assert [row[0].strip("`") for row in table("verdict")] == list(get_args(Status))


def test_a_bundle_in_python(recorded: Path) -> None:
    """Opened, one recording chosen by a prefix of its id, replayed."""
    (row,) = json.loads(verb(recorded, "list", "captures/x.replay.db", "--json").stdout)
    code = block("bundle = replay.open").replace("3f2a", row["id"][:-1])
    said = re.findall(r" \.(\w+)", code)
    assert said
    check = (
        f"assert list(bundle)[0].id == {row['id']!r}\nfor name in {said}: getattr(verdict, name)\nprint(verdict.status)"
    )
    done = execute("-c", f"import replay\n{code}\n{check}", cwd=recorded)
    assert (done.stdout, done.stderr) == ("reproduced\n", "")


def test_pytest_collects_the_bundles(project: Path) -> None:
    """They xfail while the bug is there and fail once it is fixed, saying what to do."""
    assert pytest_run(project).startswith("2 xfailed")
    projects.edit(project, *FIX)
    done = execute("-m", "pytest", *projects.plugin(), "-q", cwd=project)
    assert done.returncode == 1
    assert "delete the bundle, or move it out of `incident_paths`" in done.stdout


def test_the_pytest_example(project: Path) -> None:
    """Red on the old code and green on the new; the bundle itself is not collected any more."""
    with (project / "pyproject.toml").open("a") as file:
        file.write(block("incident_paths = "))
    (project / "test_shop.py").write_text(block("@pytest.mark.incident("))
    assert pytest_run(project).startswith("1 failed")
    projects.edit(project, *FIX)
    assert pytest_run(project).startswith("1 passed")
    (project / "captures" / "open").mkdir()
    shutil.copy(project / "captures" / "y.replay.db", project / "captures" / "open")
    assert pytest_run(project).startswith("1 failed, 1 passed")


def test_wrapping_an_app() -> None:
    """The line makes an ASGI app of one."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """An application."""

    names: dict[str, Any] = {"app": app, "replay": replay}
    exec(block("replay.ASGI(app"), names)  # noqa: S102 -- the README's own line
    assert isinstance(names["app"], replay.ASGI)


UVICORN = """\
import fastapi
import uvicorn

import replay

replay.init(service="shop", spool="captures", keep=replay.always())
web = fastapi.FastAPI()


@web.get("/")
def root():
    return "ok"


app = replay.ASGI(web, target="web:app")
if __name__ == "__main__":
    uvicorn.run(app, port=0, log_level="info")
"""


def test_flushing_at_shut_down(tmp_path: Path) -> None:
    """A uvicorn that is ended by SIGTERM leaves what was sampled."""
    (tmp_path / "web.py").write_text(UVICORN)
    with subprocess.Popen([sys.executable, "web.py"], cwd=tmp_path, env=projects.environment(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            lines = iter(server.stderr.readline, "")
            address = next(match[0] for line in lines if (match := re.search(r"http://[\d.:]+", line)))
            fetch = f"import urllib.request as u; u.build_opener(u.ProxyHandler({{}})).open({address!r}).read()"
            assert execute("-c", fetch, cwd=tmp_path).returncode == 0
        finally:
            server.terminate()
            server.communicate(timeout=30)
    assert [len(replay.open(path)) for path in (tmp_path / "captures").glob("*.replay.db")] == [1]


def test_celery_and_lambda() -> None:
    """The lines install capture in a Celery app, and make a handler that is an entry point."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("tasks", broker="memory://")
    names: dict[str, Any] = {"celery_app": app, "replay": replay, "__name__": "shop"}
    exec(block("@replay.aws_lambda"), names)  # noqa: S102 -- the README's own lines
    assert names["handler"].__replay_entry__ == "shop:handler"

    @app.task
    def task(n: int) -> int:
        return n

    assert task(3) == 3
    assert task.__replay_entry__.endswith("test_celery_and_lambda.<locals>.task")


# Tables and commands against the code.


def test_limits_are_arguments_of_init() -> None:
    """Each argument of the table is one of `replay.init`, and every limit of it is in the table."""
    shown = {name for row in table("argument | means") for name in re.findall(r"`(\w+)`", row[0])}
    others = {"service", "spool", "keep", "version", "environment", "environ", "on_sigterm"}
    others |= {"earlier", "redact", "redaction_key", "seal_to", "sign_with"}  # of other sections
    assert shown == set(inspect.signature(replay.init).parameters) - others


def test_reasons_are_counted() -> None:
    """Each reason of the table is one that the code counts."""
    code = "".join(path.read_text() for path in (projects.ROOT / "replay").rglob("*.py"))
    shown = [
        name for row in table("reason | a recording was lost because") for name in re.findall(r"`([\w-]+)`", row[0])
    ]
    assert len(shown) > 8
    assert [name for name in shown if f'"{name}"' not in code] == []


RECORDING = """\
import replay
replay.init(service="jobs", spool="captures", keep=replay.always())


@replay.capture
def job():
    value, row = 1, 2
{body}


job()
with_block()
assert replay.flush()
"""


def test_what_records(tmp_path: Path) -> None:
    """Each line of the table runs, and what it records is in the bundle."""
    cells = [cell.strip("`") for _, cell in table("to record") if cell != "nothing"]
    body = []
    for cell in cells:
        if cell.startswith("@"):
            body += [cell, "def asked(): return {'score': 0.5}", "asked()"]
        elif not cell.startswith(("with", "replay.init")):
            body.append(cell)
    (init,) = [cell for cell in cells if cell.startswith("replay.init")]
    (block_,) = [cell for cell in cells if cell.startswith("with")]
    script = RECORDING.format(body="\n".join(f"    {line}" for line in body))
    script = script.replace("with_block()", f"row = 3\n{block_}")
    script += f"{init}\n"
    (tmp_path / "job.py").write_text(script)
    done = execute("job.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(verb(tmp_path, "show", "captures", "--json").stdout)
    kinds = {interaction["boundary"] for recording in shown for interaction in recording["interactions"]}
    assert {"call", "model", "environ"} <= kinds
    assert {recording["kind"] for recording in shown} == {"function", "block"}
    assert "acme" in json.dumps(shown)


def test_public_names() -> None:
    """Each `replay.name` is public; each public function is in the README."""
    others = {"db", "surfaces", "core", "recordings", "dropped", "bundles", "queue"}  # the last four are metrics
    said = set(re.findall(r"\breplay\.([A-Za-z]\w*)", README)) - others
    assert said <= set(replay.__all__)
    plain = set(re.findall(r"\w+", README))
    assert set(replay.__all__) - {"__version__", "errors"} <= plain


def test_commands() -> None:
    """Each verb of the command line is in the README, and the README has no other."""
    code = "\n".join([*(text for language, text in BLOCKS if language == "sh"), *re.findall(r"`([^`\n]+)`", README)])
    said = set(re.findall(r"(?:^|&& |\n)replay ([a-z]+)", code))
    assert said == set(VERBS)


def test_json_is_everywhere() -> None:
    """Every verb that the README promises `--json` for has it."""
    for name in VERBS:
        command = cli.cli.get_command(click.Context(cli.cli), name)
        assert command is not None, name
        options = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
        assert ("--json" in options) == (name not in ("bench", "completion")), name


def test_pytest_options() -> None:
    """The table has the options and ini values of `pytest --help`, no more and no less."""
    help_text = execute("-m", "pytest", *projects.plugin(), "--help", cwd=projects.ROOT).stdout
    told = set(re.findall(r"^ +(--incident[-a-z]*|incident_[a-z]+)\b", help_text, re.MULTILINE))
    said = {re.sub(r"^ini ", "", row[0].replace("`", "")).split()[0] for row in table("option")}
    assert said == told
    assert set(re.findall(r"--incident[-a-z]*", README)) <= told


def test_configuration(tmp_path: Path) -> None:
    """The example is read without complaint and gives what it says."""
    (tmp_path / "pyproject.toml").write_text(block("[tool.replay-harness]"))
    read = config.load(tmp_path)
    assert (read.allow, read.ignore) == (("shared_models",), ("$.items[*].id",))


def test_report_formats() -> None:
    """The table has each form of a report, and the owners' setting is one."""
    from replay.surfaces.report.make import FORMS

    assert [row[0] for row in table("report format")] == [f"`--format {form}`" for form in FORMS]
    assert "owners" in config.KEYS


def test_sqlite_utils_reads_a_bundle(recorded: Path) -> None:
    """The command in the text, as it stands."""
    (command,) = re.findall(r"`(sqlite-utils tables)\s+x\.replay\.db`", README)
    done = execute("-m", *command.replace("-", "_").split(), "captures/x.replay.db", cwd=recorded)
    assert {"bundle", "recording", "interaction", "body"} <= {row["table"] for row in json.loads(done.stdout)}


# Messages.


def test_redaction_settings(tmp_path: Path) -> None:
    """The example is read, and its pattern compiles."""
    (tmp_path / "pyproject.toml").write_text(block("[tool.replay-harness.redaction]"))
    read = config.load(tmp_path).redaction
    assert (read.keys, read.allow) == (("employee_no",), ("email", "session.plan"))
    assert rules_of(read).kind_of("Employee-No") == "custom"


def slugs() -> Iterator[str]:
    """Every slug in the code: class attributes and keyword arguments."""
    for path in (projects.ROOT / "replay").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            named = (isinstance(node, ast.keyword) and node.arg == "slug") or (
                isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "slug"
            )
            if named and isinstance(node.value, ast.Constant):  # type: ignore[attr-defined]
                yield str(node.value.value)  # type: ignore[attr-defined]


def test_messages() -> None:
    """Each name that an error can carry has one line, in order, that says what to do."""
    rows = [(name.strip("`"), advice) for name, advice in table("name")]
    assert [name for name, _ in rows] == sorted(set(slugs()))
    assert all(advice for _, advice in rows)


# Installation.


def requirements(text: str) -> str:
    """The name of a requirement, normalised."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", text)[0]).lower()  # type: ignore[index]


def project_table() -> dict[str, Any]:
    """`[project]` of our `pyproject.toml`."""
    found: dict[str, Any] = tomllib.loads((projects.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@pytest.mark.parametrize("mark", CHECKED[:2])
def test_set_up_commands(mark: str) -> None:
    """Their extras exist, and so do the commands that they end in."""
    line = block(mark).partition("#")[0].strip()
    install, _, then = line.partition(" && ")
    extra = re.search(r"\[(\w+)\]", install)
    assert extra
    about = project_table()
    assert extra[1] in about["optional-dependencies"]
    program, *arguments = then.split()
    if program == "replay":
        assert about["scripts"]["replay"] == "replay.surfaces.cli:main"
        assert arguments[0] in VERBS
    else:
        assert program in {requirements(one) for one in about["dependencies"]}


def third_party(*places: str) -> set[str]:
    """Top-level modules that the files there import and that are neither Python's nor ours."""
    found: set[str] = set()
    for place in places:
        path = projects.ROOT / place
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            if "apps" in file.parts:  # of benchmarks/public: each runs beside a library that is installed for it
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"replay", "tests", "captures", "shop", "_pytest"}


@pytest.mark.parametrize(
    ("places", "extras"),
    [(("tests", "captures", "conftest.py"), ("demo", "test")), (("replay/surfaces/demo",), ("demo",))],
)
def test_imports_are_declared(places: tuple[str, ...], extras: tuple[str, ...]) -> None:
    """What tests and demo import comes with the README's commands, by name and not by chance."""
    from importlib.metadata import packages_distributions

    about = project_table()
    declared = {requirements(one) for one in about["dependencies"]}
    for extra in extras:
        declared |= {requirements(one) for one in about["optional-dependencies"][extra]}
    makers = packages_distributions()
    undeclared = {
        name for name in third_party(*places) if not declared & {requirements(one) for one in makers.get(name, [name])}
    }
    assert undeclared == set()


# The sample bundles.


def test_sample_bundles_are_described() -> None:
    """Each bundle in `captures` has a line that says what recorded it, and the folder has no other."""
    folder = projects.ROOT / "captures"
    text = (folder / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `([\w-]+)` \| (?:`(\w+)` \|)?", text, re.MULTILINE))
    recorded_by = {}
    for path in folder.glob("*.replay.db"):
        (recording,) = replay.open(path)
        module, _, name = recording.entrypoint.partition(":")
        assert module == ("captures.recorded" if name != "app" else "replay.surfaces.demo.service")
        recorded_by[path.name.removesuffix(".replay.db")] = name if name != "app" else ""
    assert said == recorded_by
