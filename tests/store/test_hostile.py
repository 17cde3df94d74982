"""Forged bundles, sealed with a digest that fits: each ends in a refusal or a verdict, soon, and nothing is touched."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.core.codec import Value
from replay.core.recording import Interaction, Log, Outcome, Recording
from replay.errors import BundleError
from replay.store.bundle import open_bundle, serialize, write_bundle
from tests.store.conftest import make_recording

ROOT = Path(__file__).parent.parent.parent
Change = dict[str, Any]

APP = """\
import os
import os as system
import replay


@replay.boundary
def lookup(name):
    return {"plan": "pro"}


@replay.capture
def triage(ticket=None, **more):
    return lookup("ann")["plan"].upper()


@replay.capture
def _private():
    open("touched", "w").close()


def plain():
    open("touched", "w").close()


class Shop:
    @property
    def trap(self):
        open("touched", "w").close()

    @replay.capture
    def method(self):
        return 1


shop = Shop()
"""


def _interaction(seq: int = 0, **fields: Any) -> Interaction:
    settings = {"seq": seq, "lane": "0", "boundary": "call", "target": "app:lookup", "state": "returned",
                "request": Value('{"args":["ann"],"kwargs":{}}'), "answer": Value('{"plan":"pro"}'),
                "offset_ns": 10, "duration_ns": 20}  # fmt: skip
    return Interaction(**settings | fields)


def _recording(**fields: Any) -> Recording:
    settings = {"id": "rec-1", "kind": "function", "entrypoint": "app:triage", "started_at": 1_789_000_000 * 10**9,
                "duration_ns": 1000, "input": Value('{"args":[],"kwargs":{}}'), "context": Value("{}"),
                "outcome": Outcome("returned", Value('"PRO"')), "interactions": (_interaction(),)}  # fmt: skip
    return Recording(**settings | fields)


def _bombs(levels: int = 40) -> str:
    parts = ['{"$id":[0,{"$tuple":[1]}]}']
    parts += [f'{{"$id":[{n},{{"$tuple":[{{"$ref":{n - 1}}},{{"$ref":{n - 1}}}]}}]}}' for n in range(1, levels)]
    return '{"$tuple":[' + ",".join(parts) + "]}"


def _given(text: str) -> Change:
    return {"input": Value('{"args":[' + text + '],"kwargs":{}}')}


ENTRYPOINTS = (
    "os:system", "os:abort", "app:os.system", "app:system", "app:__builtins__", "app:__builtins__.exec", "app:_missing",
    "app:triage.__globals__", "app:triage.__code__", "app:Shop.__subclasses__", "app:Shop.__init__.__globals__",
    "app:shop.trap", "app:Shop.trap", "app:plain", "../app:triage", "..app:triage", ".app:triage", "app.:triage",
    "app:..", "app:", ":triage", "", ":", "/etc/passwd:x", "app;import os:x", "app\n:triage", "app:triage()",
    "subprocess:Popen", "builtins:eval", "pickle:loads", "shutil:rmtree", "importlib:import_module", "a" * 100_000,
)  # fmt: skip
CONTEXTS = (
    "[]", "5", '"x"', "null", '{"draws":[]}', '{"draws":{"0":[]}}', '{"draws":{"0":{"random":5}}}', '{"zone":5}',
    '{"zone":"../../etc/passwd"}', '{"zone":"/etc/passwd"}', '{"zone":":/etc/passwd"}', '{"zone":"Mars/Olympus"}',
    '{"environ":[]}', '{"environ":{"A=B":"x","A\\u0000":"x","":"x","C":"a\\u0000b","D":5}}', '{"entropy":[]}',
    '{"entropy":{"seed":5,"choices":3},"draws":{"0":{"below":["x",null]}}}',
    '{"entropy":{"seed":5}}', '{"flags":5}', '{"notes":[]}', "{" * 3000, "[" * 500 + "]" * 500, "NaN",
    '{"python":{"$error":5},"versions":[1]}',
)  # fmt: skip
VALUES = {
    "deep": "[" * 900 + "]" * 900, "deeper": "[" * 200_000 + "]" * 200_000, "nan": "NaN", "surrogate": '"\\ud800"',
    "huge-int": "9" * 100_000, "huge-int-tag": '{"$int":"0x' + "f" * 1_000_000 + '"}', "twice": '{"a":1,"a":2}',
    "many-digits": '{"$int":"' + "9" * 100_000 + '"}', "pickle": '{"$pickle":"gASVCgAAAAAAAACMAm9zlIwGc3lzdGVtlJOU"}',
    "many-lists": "[" + "[]," * 4_000_000 + "[]]", "popen": '{"$dataclass":{"type":"subprocess:Popen","fields":{}}}',
    "os-subclass": '{"$subclass":{"type":"os:system","base":"str","items":"id","fields":{"__class__":1}}}',
    "enum": '{"$enum":{"type":"app:Shop","fields":{"name":"trap","value":1}}}',
    "key-bomb": '{"$dict":[[' + _bombs() + ",1]]}",
    "set-bomb": '{"$set":[' + _bombs() + "]}", "tuple-bomb": _bombs(), "zone": '{"$zoneinfo":"../../etc/passwd"}',
    "fraction": '{"$fraction":["1e99999999",null]}', "range": '{"$range":[0,1000000000000000000]}',
    "void": '{"$npscalar":{"dtype":"V2000000000","value":2000000000}}', "object-array":
    '{"$ndarray":{"dtype":"O","shape":[1],"data":"AAAAAAAAAAA="}}', "empty-array":
    '{"$ndarray":{"dtype":"<f8","shape":[1000000000000,0],"data":""}}', "index":
    '{"$index":{"range":[0,100000000000,1],"names":[null]}}', "bytearray": '{"$bytearray":1000000000000}',
    "collisions": '{"$dict":[' + ",".join(f'[{{"$int":"{n * ((1 << 61) - 1)}"}},0]' for n in range(20_000)) + "]}",
    "classes": "[" + ",".join(f'{{"$subclass":{{"type":"m:C{n}","base":"str","items":"","fields":{{}}}}}}'
                              for n in range(20_000)) + "]",
    "fields": '{"$namedtuple":{"type":"a:b","fields":{' + ",".join(f'"f{n}":1' for n in range(100_000)) + "}}}",
    "interrupt": '{"$error":{"type":"KeyboardInterrupt","message":"","args":[],"frames":[]}}',
}  # fmt: skip
OTHERS: dict[str, Change] = {
    **{f"started-{at}": {"started_at": at} for at in (-(2**63), -1, 0, 2**63 - 1)},
    "gap-in-seq": {"interactions": (_interaction(7), _interaction(99))},
    "odd-lanes": {"interactions": (_interaction(0, lane="../x"), _interaction(1, lane=""), _interaction(2, lane="\0"))},
    "unknown-boundary": {"interactions": (_interaction(boundary="shell"),)},
    "answer-no-json": {"interactions": (_interaction(answer=Value("{")),)},
    "answer-interrupts": {"interactions": (_interaction(state="raised", answer=Value(VALUES["interrupt"])),)},
    "answer-exits": {"interactions": (_interaction(state="raised", answer=Value(
        '{"$error":{"type":"SystemExit","message":"0","args":[0],"native":{"code":0},"frames":[]}}')),)},
    **{f"http-{name}": {"interactions": (_interaction(boundary="http", target="GET https://a/", answer=Value(text)),)}
       for name, text in {"status": '{"status":-1}', "headers": '{"status":200,"headers":5}', "list": "[]",
                          "pieces": '{"status":200,"headers":[],"pieces":[[0,5]]}'}.items()},
    "raised-no-error": {"outcome": Outcome("raised", Value("5"))},
    "own-parent": {"parent_digest": "0" * 64, "edits": Value('{"$ref":0}')},
    **{f"kind-{kind}": {"kind": kind} for kind in ("asgi", "wsgi", "block")},
    "no-args": {"input": Value("{}")}, "args-mapping": {"input": Value('{"args":{"a":1},"kwargs":[1]}')},
    "keyword-no-text": {"input": Value('{"args":[],"kwargs":{"$dict":[[1,2]]}}')},
    "log-times": {"logs": (Log(offset_ns=-(10**15), level="", logger="", message=""),)},
    "args-endless": {"input": Value('{"args":{"$range":[0,1000000000000000000]},"kwargs":{}}')},
    "draws-endless": {"context": Value('{"draws":{"0":{"random":{"$range":[0,1000000000000000000]}}}}')},
    "many": {"interactions": tuple(_interaction(n) for n in range(20_000))},
}  # fmt: skip
CASES: dict[str, Change] = {
    **{f"entrypoint {name[:40]!r}": {"entrypoint": name} for name in ENTRYPOINTS},
    **{f"context {text[:60]}": {"context": Value(text)} for text in CONTEXTS},
    **{f"value {name}": _given(text) for name, text in VALUES.items()},
    **{f"outcome {name}": {"outcome": Outcome("returned", Value(text))} for name, text in VALUES.items()},
    **OTHERS,
}

_WORKER = """\
import json, sys, time
import replay
from replay.surfaces.cli import main
import contextlib, io
for path in json.load(sys.stdin):
    started, codes = time.monotonic(), []
    for verb in (["list"], ["list", "--json"], ["show"], ["show", "--json"], ["run", "--in-process"],
                 ["run", "--in-process", "--json"], ["diff", "ok.replay.db"]):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                codes.append(main([*verb, path]))
            except BaseException as error:
                codes.append(f"{verb}: {type(error).__name__}: {error}"[:300])
        if "Traceback (most" in out.getvalue():
            codes.append(f"{verb}: a traceback")
        if any(word in out.getvalue() for word in ("root:x:0", "uid=0")):
            codes.append(f"{verb}: a file was read")
    try:
        status = replay.run(next(iter(replay.open(path)))).status
    except replay.BundleError:
        status = "refused"
    print(json.dumps([codes, status, time.monotonic() - started]), flush=True)
"""
SECONDS = 30.0
"""Longest time of one bundle, eight looks together, on a busy machine."""
MEMORY = 2 << 30
"""Bytes of address space."""


def _limit() -> None:
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in folder.rglob("*")}  # fmt: skip


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each verb made of each bundle, in a child with little memory; `touched`: what changed in the folder."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "app.py").write_text(APP)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")
    write_bundle([_recording()], folder / "ok.replay.db")
    paths = ["ok.replay.db"]
    for number, change in enumerate(CASES.values()):
        paths.append(f"{number}.replay.db")
        (folder / paths[-1]).write_bytes(serialize([msgspec.structs.replace(_recording(), **change)]))
    before = _tree(folder)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run([sys.executable, "-c", _WORKER], input=json.dumps(paths), cwd=folder, env=environ, text=True,
                          capture_output=True, timeout=300, check=False, preexec_fn=_limit)  # fmt: skip
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    after = _tree(folder)
    touched = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return {"touched": touched, **dict(zip(["ok", *CASES], found, strict=True))}


def test_an_honest_bundle_reproduces(endings: dict[str, Any]) -> None:
    """The same way of looking, so that the other cases mean something."""
    codes, status, _ = endings["ok"]
    assert (codes, status) == ([0] * 7, "reproduced")


def test_nothing_was_touched(endings: dict[str, Any]) -> None:
    """No file was made, changed or removed by any of them."""
    assert endings["touched"] == []


@pytest.mark.parametrize("case", CASES)
def test_hostile(endings: dict[str, Any], case: str) -> None:
    """A documented exit code of each verb, in bounded time and memory."""
    codes, status, seconds = endings[case]
    assert [code for code in codes if code not in (0, 1, 3, 4)] == []
    assert status in ("refused", "reproduced", "changed", "diverged", "nondeterministic", "unanswerable")
    assert seconds < SECONDS


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("entrypoint")])
def test_entry_points_are_not_run(endings: dict[str, Any], case: str) -> None:
    """Nothing but what the project marked."""
    assert endings[case][1] == "unanswerable"


@pytest.mark.parametrize("case", ["value pickle", "value nan", "value surrogate", "value deeper", "value many-lists",
                                  "value key-bomb", "value collisions", "value fraction", "answer-interrupts",
                                  'context {"zone":"/etc/passwd"}'])  # fmt: skip
def test_what_cannot_be_read_cannot_be_run(endings: dict[str, Any], case: str) -> None:
    """It is said so; it is never green."""
    assert endings[case][1] == "unanswerable"


UNSOUND: dict[str, Callable[[Recording], Change]] = {
    "empty-id": lambda r: {"id": ""},
    "negative": lambda r: {"duration_ns": -1},
    "endless": lambda r: {"duration_ns": 2**63 - 1},
    "seq-negative": lambda r: {"interactions": (_interaction(-1),)},
    "seq-order": lambda r: {"interactions": (_interaction(1), _interaction(0))},
    "asked-before": lambda r: {"interactions": (_interaction(offset_ns=-(10**18)),)},
    "took-negative": lambda r: {"interactions": (_interaction(duration_ns=-1),)},
    "asked-late": lambda r: {"interactions": (_interaction(offset_ns=2**62),)},
    "log-late": lambda r: {"logs": (Log(offset_ns=2**62, level="", logger="", message=""),)},
}


@pytest.mark.parametrize("case", UNSOUND)
def test_numbers_that_no_run_has_are_damage(case: str, tmp_path: Path) -> None:
    """Refused when read, and not written in the first place."""
    recording = _recording()
    recording = msgspec.structs.replace(recording, **UNSOUND[case](recording))
    path = tmp_path / "x.replay.db"
    with pytest.raises(BundleError) as unfit:
        write_bundle([recording], path)
    assert (unfit.value.slug, path.exists()) == ("bundle-unfit", False)
    path.write_bytes(serialize([recording]))
    with pytest.raises(BundleError) as refused:
        list(open_bundle(path))
    assert refused.value.slug == "bundle-damaged"


def test_rows_of_no_recording_are_damage(tmp_path: Path) -> None:
    """A digest says nothing of them, so they may not be there."""
    import sqlite3
    from contextlib import closing

    for table in ("interaction", "model_call", "prediction", "log"):
        path = write_bundle([make_recording()], tmp_path / f"{table}.replay.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"UPDATE {table} SET recording_id = 'nobody'")
        with pytest.raises(BundleError, match="rows of no recording"):
            open_bundle(path)
