"""Capture under the servers and process models of this world: what was kept is on disk when a process has ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.safety.services import WEB, environment, free_port, get, recordings, run, running, until, wait_for

BEGIN = """
import os, signal, sys, threading, time
import replay
replay.init(service="unit", spool=os.environ["SPOOL"], keep=replay.always())

@replay.capture(name="unit:unit")
def unit(n):
    return n
"""


def numbers(folder: Path) -> list[int]:
    return sorted(recording.outcome.value for recording in recordings(folder))


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("", "", -signal.SIGTERM),
        ("signal.signal(signal.SIGTERM, lambda *a: sys.exit(7))", "", 7),
        ("signal.signal(signal.SIGTERM, lambda *a: (print('own'), os._exit(8)))", "", 8),
        ("", "signal.signal(signal.SIGTERM, lambda *a: sys.exit(9))", 9),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "time.sleep(0.5); sys.exit(6)", 6),
    ],
    ids=["default", "own-exits", "own-ends-at-once", "own-set-later", "ignored"],
)
def test_sigterm(tmp_path: Path, before: str, after: str, code: int) -> None:
    """The process ends as it would have, its own handler run, and samples that waited for company are on disk."""
    quick = "os._exit" in before
    goes_on = "sleep" in after
    lines = ["import signal, sys, os", before, BEGIN, "unit(1); unit(2)", "" if goes_on else after,
             "os.kill(os.getpid(), signal.SIGTERM)", after if goes_on else "time.sleep(20)"]  # fmt: skip
    done = run("\n".join(lines), tmp_path)
    assert done.returncode == code, done.stderr
    if not quick:
        assert numbers(tmp_path) == [1, 2]


def test_sigterm_hurries_the_writer(tmp_path: Path) -> None:
    """Where the service's handler shuts down in its own time and then dies, samples no longer wait for company."""
    done = run(
        "import signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\n" + BEGIN + "unit(1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nunit(2)\ntime.sleep(1.5)\nos._exit(3)",
        tmp_path,
    )
    assert done.returncode == 3, done.stderr
    assert numbers(tmp_path) == [1, 2]


def test_a_server_that_puts_the_default_back(tmp_path: Path) -> None:
    """As uvicorn does when its requests have ended, to raise the signal again: what they left is on disk."""
    done = run(
        "import signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\n" + BEGIN + "unit(1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nfor n in range(2, 400): unit(n)\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "signal.raise_signal(signal.SIGTERM)",
        tmp_path,
    )
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert numbers(tmp_path) == list(range(1, 400))


def test_sigterm_inside_a_put(tmp_path: Path) -> None:
    """A signal that comes while its thread hands over a recording is no deadlock."""
    done = run(
        BEGIN
        + """
from replay.surfaces import init
spool = init._spool
with spool._lock:
    unit(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
""",
        tmp_path,
    )
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert numbers(tmp_path) == [1]


def test_a_sigterm_that_is_not_wanted(tmp_path: Path) -> None:
    """`on_sigterm=False` leaves the signal alone."""
    code = "import signal, replay, os; replay.init(service='s', spool=os.environ['SPOOL'], on_sigterm=False)"
    assert run(f"{code}\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL", tmp_path).returncode == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    """Each child of each start method writes what it kept."""
    (tmp_path / "unit.py").write_text(
        BEGIN + "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    import unit as module\n"
        "    children = [context.Process(target=module.unit, args=(n,)) for n in range(4)]\n"
        "    [child.start() for child in children]\n"
        "    [child.join(30) for child in children]\n"
        "    assert [child.exitcode for child in children] == [0] * 4\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [0, 1, 2, 3]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("pool", ["multiprocessing", "concurrent.futures"])
def test_pools_of_processes(tmp_path: Path, method: str, pool: str) -> None:
    """A pool of `multiprocessing` ends its processes by SIGTERM; of what they kept nothing is lost."""
    made = {
        "multiprocessing": "context.Pool(2)",
        "concurrent.futures": "concurrent.futures.ProcessPoolExecutor(2, mp_context=context)",
    }
    (tmp_path / "unit.py").write_text(
        BEGIN + "import concurrent.futures, multiprocessing\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    import unit as module\n"
        f"    with {made[pool]} as pool:\n"
        "        assert list(pool.map(module.unit, range(20))) == list(range(20))\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == list(range(20))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("keeps", [True, False])
def test_sigterm_of_a_process_that_waits_for_a_lock(tmp_path: Path, method: str, keeps: bool) -> None:
    """A signal that does not wake the main thread ends the process all the same. The other thread stands for one that
    comes just before the wait: idle processes of a pool, which turn to its queue as they are ended, lived for ever."""
    (tmp_path / "unit.py").write_text(
        BEGIN + "import multiprocessing\n"
        "def late():\n"
        "    time.sleep(0.3)\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
        "def waits(lock):\n"
        f"    {'unit(1)' if keeps else 'pass'}\n"
        "    threading.Thread(target=late, daemon=True).start()\n"
        "    lock.acquire()\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    import unit as module\n"
        "    lock = context.Lock()\n"
        "    lock.acquire()\n"
        "    child = context.Process(target=module.waits, args=(lock,))\n"
        "    child.start()\n"
        "    child.join(15)\n"
        "    code, _ = child.exitcode, child.kill()\n"
        "    assert code == -signal.SIGTERM, code\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [1] * keeps


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_handles_sigterm(tmp_path: Path, method: str) -> None:
    """As a worker of uvicorn does without a lifespan: the signal comes before its first recording has ended, and the
    default is put back at the end."""
    (tmp_path / "unit.py").write_text(
        "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *a: None)\n" + BEGIN + "import multiprocessing\n"
        "def works():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    unit(1)\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    import unit as module\n"
        "    child = context.Process(target=module.works)\n"
        "    child.start()\n"
        "    child.join(15)\n"
        "    assert child.exitcode == -signal.SIGTERM, child.exitcode\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [1]


def test_sigterm_at_a_fork(tmp_path: Path) -> None:
    """What is sent to a child before it runs its first instruction is not lost, and the parent hears of its own."""
    done = run(
        BEGIN + "unit(1)\n"
        "def ended():\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(2)\n"
        "        os._exit(0)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "codes = [ended() for _ in range(25)]\n"
        "assert codes == [-signal.SIGTERM] * 25, codes\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(20)",
        tmp_path,
    )
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert numbers(tmp_path) == [1]


def test_a_process_that_a_worker_forked(tmp_path: Path) -> None:
    """Its end is its own: the worker, which is nudged when SIGTERM comes to it, goes on."""
    (tmp_path / "unit.py").write_text(
        BEGIN + "import multiprocessing\n"
        "def forks():\n"
        "    unit(1)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.signal(signal.SIGTERM, lambda *a: os._exit(5))\n"
        "        time.sleep(20)\n"
        "    time.sleep(0.2)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5\n"
        "    time.sleep(0.5)\n"
        "    unit(2)\n"
        "if __name__ == '__main__':\n"
        "    import unit as module\n"
        "    child = multiprocessing.get_context('fork').Process(target=module.forks)\n"
        "    child.start()\n"
        "    child.join(15)\n"
        "    assert child.exitcode == 0, child.exitcode\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [1, 2]


def test_a_worker_that_runs_an_event_loop(tmp_path: Path) -> None:
    """As trio's does, which warns where it finds a wakeup file of somebody else's, and at its end puts back what it
    found. The signal then ends the process all the same."""
    (tmp_path / "unit.py").write_text(
        BEGIN + "import multiprocessing, replay.store.ending, socket\n"
        "def late():\n"
        "    time.sleep(0.3)\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
        "def works(lock):\n"
        "    unit(1)\n"
        "    ours, theirs = socket.socketpair()\n"
        "    theirs.setblocking(False)\n"
        "    found = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)\n"
        "    assert (found, replay.store.ending._pipe is None) == (-1, False)\n"
        "    assert signal.set_wakeup_fd(found) == theirs.fileno()\n"
        "    threading.Thread(target=late, daemon=True).start()\n"
        "    lock.acquire()\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    import unit as module\n"
        "    lock = context.Lock()\n"
        "    lock.acquire()\n"
        "    child = context.Process(target=module.works, args=(lock,))\n"
        "    child.start()\n"
        "    child.join(15)\n"
        "    code, _ = child.exitcode, child.kill()\n"
        "    assert code == -signal.SIGTERM, code\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [1]


@pytest.mark.parametrize("how", ["both", "write"])
def test_a_worker_that_closes_all_files(tmp_path: Path, how: str) -> None:
    """It goes on, at no cost, and ends as it would."""
    closed = "replay.store.ending._pipe" if how == "both" else "replay.store.ending._pipe[1:]"
    (tmp_path / "unit.py").write_text(
        BEGIN + "import multiprocessing, replay.store.ending\n"
        "def closes():\n"
        "    unit(1)\n"
        f"    [os.close(end) for end in {closed}]\n"
        "    signal.set_wakeup_fd(-1)\n"
        "    before = time.process_time()\n"
        "    time.sleep(0.5)\n"
        "    assert time.process_time() - before < 0.2\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(20)\n"
        "if __name__ == '__main__':\n"
        "    import unit as module\n"
        "    child = multiprocessing.get_context('fork').Process(target=module.closes)\n"
        "    child.start()\n"
        "    child.join(15)\n"
        "    assert child.exitcode == -signal.SIGTERM, child.exitcode\n"
    )
    done = run("import runpy; runpy.run_path('unit.py', run_name='__main__')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == [1]


def test_forks_in_threads(tmp_path: Path) -> None:
    """Several threads fork at once, while others capture; the children start threads of their own."""
    done = run(
        BEGIN
        + """
stop = False
def busy():
    while not stop:
        unit(-1)
        time.sleep(0.005)
codes = []
def fork(first):
    for n in range(first, first + 8):
        child = os.fork()
        if child == 0:
            unit(n)
            thread = threading.Thread(target=unit, args=(100 + n,))
            thread.start()
            thread.join()
            os._exit(0 if replay.flush(20) else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
threads = [threading.Thread(target=busy) for _ in range(2)]
threads += [threading.Thread(target=fork, args=(8 * n,)) for n in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads[2:]]
stop = True
[thread.join() for thread in threads]
assert codes == [0] * 24, codes
""",
        tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [n for n in numbers(tmp_path) if n >= 0] == [*range(24), *range(100, 124)]


def forks(number: int) -> str:
    return (
        BEGIN
        + f"""
stop = False
def busy():
    n = 0
    while not stop:
        unit(-1)
        n += 1
        time.sleep(0.01)
threads = [threading.Thread(target=busy, daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
codes = []
for batch in range({number} // 10):
    children = []
    for n in range(10):
        child = os.fork()
        if child == 0:
            unit(batch * 10 + n)
            os._exit(0 if replay.flush(20) else 1)
        children.append(child)
    codes += [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop = True
[thread.join() for thread in threads]
assert codes == [0] * {number}, codes
"""
    )


@pytest.mark.parametrize("number", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_forks_under_load(tmp_path: Path, number: int) -> None:
    """Children forked while other threads capture and the writer writes: none hangs, each writes its own."""
    done = run(forks(number), tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [n for n in numbers(tmp_path) if n >= 0] == list(range(number))


def test_the_writer_imports_nothing(tmp_path: Path) -> None:
    """A child that is forked while another thread imports would find the module's lock held for ever."""
    done = run(
        BEGIN
        + """
class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            print(name)
sys.meta_path.insert(0, Watch())
@replay.capture(name="unit:other")
def other(mail):
    raise ValueError(f"of {mail} with password=hunter222 and Bearer abcdefghijklmnop")
unit({"email": "ada@example.org", "at": [1.5, b"x", "x" * 9000]})
try:
    other("ada@example.org")
except ValueError:
    pass
assert replay.flush(20)
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_capture_where_nobody_expects_it(tmp_path: Path) -> None:
    """In signal handlers, finalizers, callbacks of the garbage collector, exit handlers, daemon threads at the end."""
    done = run(
        BEGIN
        + """
import atexit, gc, weakref
class Dies:
    def __init__(self): self.me = self
    def __del__(self): unit(1)
signal.signal(signal.SIGALRM, lambda *a: unit(2))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
gc.callbacks.append(lambda *a: unit(3))
gc.set_threshold(500)
for _ in range(200):
    time.sleep(0.001)
    for _ in range(5):
        unit(4)
        Dies()
signal.setitimer(signal.ITIMER_REAL, 0)
gc.callbacks.clear()
atexit.register(lambda: unit(5))
def forever():
    while True:
        unit(6)
        time.sleep(0.001)
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
stats = replay.stats()
last = Dies()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr in ("", "replay: the process ended before all recordings were written.\n")
    assert {1, 2, 3, 4, 5} <= set(numbers(tmp_path))


def test_no_thread_is_started_at_the_end(tmp_path: Path) -> None:
    """A first capture after our exit handler ran is written by the thread that ends, which starts no other."""
    done = run(
        "import atexit, os, threading\n"
        "def late():\n"
        "    unit(1)\n"
        "    from replay.surfaces import init\n"
        "    print(init._spool._thread)\n"
        "atexit.register(late)\n" + BEGIN,
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")
    assert numbers(tmp_path) == [1]


def web(folder: Path) -> Path:
    (folder / "web.py").write_text(WEB)
    return folder


def serve(command: list[str], folder: Path, port: int, *, workers: int, **more: str) -> None:
    """Start a server, ask it until every worker has answered, end it by SIGTERM, and look at what is on disk."""
    url = f"http://127.0.0.1:{port}"
    with running(command, web(folder), **more) as process:
        wait_for(f"{url}/", process, folder / "said")
        pids: set[str] = set()
        deadline = time.monotonic() + 20
        asked = 0
        while (len(pids) < workers or asked < 30) and time.monotonic() < deadline:
            pids.add(get(f"{url}/number/{asked}"))
            asked += 1
        assert len(pids) == workers
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        assert code in (0, -signal.SIGTERM), (folder / "said").read_text()
    found = {recording.outcome.value["path"]: recording.outcome.value["pid"] for recording in recordings(folder)}
    assert {f"/number/{n}" for n in range(asked)} <= found.keys()
    assert {str(pid) for pid in found.values()} >= pids


def test_uvicorn(tmp_path: Path) -> None:
    """One process, which uvicorn ends by the signal that it got, when its handlers are put back."""
    pytest.importorskip("uvicorn")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "web:asgi", "--port", str(port), "--log-level", "warning"]
    serve(command, tmp_path, port, workers=1)


def test_uvicorn_workers(tmp_path: Path) -> None:
    """Two processes under uvicorn's supervisor."""
    pytest.importorskip("uvicorn")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "web:asgi", "--port", str(port), "--log-level", "warning"]
    serve([*command, "--workers", "2"], tmp_path, port, workers=2)


@pytest.mark.parametrize("options", [[], ["--preload"], ["-k", "gthread", "--threads", "4"], ["-k", "gevent"]],
                         ids=["sync", "preload", "gthread", "gevent"])  # fmt: skip
def test_gunicorn(tmp_path: Path, options: list[str]) -> None:
    """Two prefork workers, the application loaded before or after the fork, and with greenlets."""
    pytest.importorskip("gunicorn")
    if "gevent" in options:
        pytest.importorskip("gevent")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "web:wsgi", "-b", f"127.0.0.1:{port}", "-w", "2", *options]
    serve([*command, "--log-level", "warning", "--no-control-socket"], tmp_path, port, workers=2)


def test_gevent_writer_is_a_thread_of_the_system(tmp_path: Path) -> None:
    """While the writer is held up by its disk, greenlets go on."""
    pytest.importorskip("gevent")
    done = run(
        "from gevent import monkey; monkey.patch_all()\nimport gevent\n"
        + BEGIN
        + """
from replay.store import durable
slow = os.fsync
def fsync(handle):
    from replay.store.native import sleep
    sleep(0.6)
    slow(handle)
os.fsync = fsync
@replay.capture(name="unit:fails")
def fails(n):
    raise ValueError(n)
gaps, last = [], time.monotonic()
def tick():
    global last
    for _ in range(50):
        gevent.sleep(0.01)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
def work():
    for n in range(3):
        try: fails(n)
        except ValueError: pass
        gevent.sleep(0.05)
gevent.joinall([gevent.spawn(tick), gevent.spawn(work)])
assert replay.flush(20)
assert replay.stats()["written"] == 3, replay.stats()
gaps.sort()
print(gaps[-2])
assert gaps[-2] < 0.45, gaps
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(recordings(tmp_path)) == 3


CELERY = """
import os
from celery import Celery, shared_task
import replay

replay.init(service="tasks", spool=os.environ["SPOOL"], keep=replay.always())
app = Celery("tasks", broker="filesystem://", set_as_current=True)
folder = os.environ["BROKER"]
app.conf.update(
    broker_transport_options={"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder},
    worker_hijack_root_logger=False, task_ignore_result=True,
)
replay.celery.install(app)


@app.task
def add(a, b):
    return a + b


@app.task(bind=True)
def bound(self, n):
    return [self.name, n]


@shared_task
def fails(n):
    raise ValueError(n)
"""


def test_celery(tmp_path: Path) -> None:
    """Prefork workers: each task is a recording under its function's name, on disk when the worker has ended."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(CELERY)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    broker = tmp_path / "broker"
    broker.mkdir()
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", "2", "-P", "prefork", "-l", "warning",
               "--without-gossip", "--without-mingle", "--without-heartbeat"]  # fmt: skip
    import subprocess

    send = ("import tasks\nfor n in range(6): tasks.add.delay(n, 10)\n"
            "tasks.bound.delay(1); tasks.fails.delay(3)")  # fmt: skip
    env = environment(tmp_path, BROKER=str(broker))
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=env, check=True, timeout=60)
    with running(command, tmp_path, BROKER=str(broker)) as process:
        until(lambda: not list(broker.glob("*.msg")), 40)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(40)
    found = recordings(tmp_path)
    said = (tmp_path / "said").read_text()
    assert sorted(r.entrypoint for r in found) == ["tasks:add"] * 6 + ["tasks:bound", "tasks:fails"], said
    assert sorted(r.outcome.value for r in found if r.entrypoint == "tasks:add") == [10, 11, 12, 13, 14, 15]
    (failed,) = (r for r in found if r.status == "error")
    assert failed.error_type == "ValueError"
    shown = subprocess.run([sys.executable, "-m", "replay.surfaces.cli", "run", "spool", "--json"], cwd=tmp_path,
                           env=env, capture_output=True, text=True, timeout=100)  # fmt: skip
    assert shown.stdout.count('"reproduced"') == 8, shown.stdout + shown.stderr
    assert os.listdir(tmp_path / "spool")
