"""A replay under debugpy: the launch configuration for VS Code, and waiting for it to attach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from types import FrameType, ModuleType
from typing import Any

from replay.engine.outside import Outside
from replay.errors import ReplayError, UsageError
from replay.surfaces.debug_world import Attached, in_world

_BREAK = 111
"""pydevd's CMD_SET_BREAK: the reason of a stop."""


def launch_configurations(command: list[str], environ: dict[str, str]) -> dict[str, Any]:
    """A `.vscode/launch.json` with one configuration that runs `replay COMMAND` under debugpy, in this environment."""
    return {
        "version": "0.2.0",
        "configurations": [
            {
                "name": f"replay {command[1]}",
                "type": "debugpy",
                "request": "launch",
                "module": "replay.surfaces.cli",
                "args": command,
                "cwd": "${workspaceFolder}",
                "env": environ,
                "console": "integratedTerminal",
                "justMyCode": True,
                "subProcess": False,
            }
        ],
    }


def check_port(port: int) -> None:
    """Raise UsageError or ReplayError if there can be no listening on `port`."""
    if not 0 < port < 65536:
        raise UsageError(f"--listen {port}: give a port from 1 to 65535")
    try:
        found = find_spec("debugpy")
    except ImportError:
        found = None
    if found is None:
        raise ReplayError(
            "--listen needs debugpy: pip install debugpy. Or start it from VS Code: see `replay debug --vscode`.",
            slug="debugpy-not-installed",
        )


def wait_for_client(port: int) -> None:
    """Listen on loopback and wait until a debugger has attached. Raises UsageError."""
    debugpy = import_module("debugpy")
    try:
        debugpy.listen(("127.0.0.1", port))
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--listen {port}: {error}", slug="listen") from error
    text = f"Waiting on 127.0.0.1:{port}: attach in VS Code (Run and Debug, Python Debugger: Remote Attach)."
    print(text, flush=True)
    debugpy.wait_for_client()


def is_attached() -> bool:
    """An editor debugs this process."""
    debugpy = sys.modules.get("debugpy")
    return debugpy is not None and bool(debugpy.is_client_connected())


def place_to_stop(command: list[str]) -> dict[str, Any]:
    """Where `replay COMMAND` would stop, found in another process. Raises ReplayError with its message."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYDEVD", "DEBUGPY"))}
    done = subprocess.run(
        [sys.executable, "-m", "replay.surfaces.cli", *command, "--json"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if not done.stdout.strip():
        raise ReplayError("it cannot be run; see above", slug="unanswerable")
    document: dict[str, Any] = json.loads(done.stdout)
    return document["stop"] or {}


def shield() -> None:
    """Keep the debugger's own code real: its pauses must not move the recording's clock, and what is evaluated while
    the program stands is sealed. To be called before the boundaries are installed."""
    clock = ModuleType("time")
    clock.__dict__.update(vars(import_module("time")))
    for name, module in list(sys.modules.items()):
        if name.startswith(("pydevd", "_pydevd", "_pydev", "debugpy")) and vars(module).get("time") is not None:
            module.time = clock  # type: ignore[attr-defined]  # its own global
    import_module("pydevd_tracing").TracingFunctionHolder._warn = False  # of our own tracing, for a condition
    debugger = import_module("pydevd").get_global_debugger()
    original = debugger.do_wait_suspend

    def do_wait_suspend(*args: Any, **kwargs: Any) -> Any:
        with in_world(Attached()):
            return original(*args, **kwargs)

    debugger.do_wait_suspend = do_wait_suspend


def break_at(file: str, line: int) -> None:
    """A breakpoint as the client sets them."""
    api = import_module("_pydevd_bundle.pydevd_api").PyDevdAPI()
    debugger = import_module("pydevd").get_global_debugger()
    api.add_breakpoint(debugger, file, "python-line", -1, line, None, "None", None, "ALL", None, False)


def suspend(frame: FrameType) -> None:
    """Stop at `frame`, now, in the debugger that is attached."""
    pydevd = import_module("pydevd")
    thread = threading.current_thread()
    with in_world(Outside()):
        pydevd.settrace(suspend=False, trace_only_current_thread=True, patch_multiprocessing=False)
        debugger = pydevd.get_global_debugger()
        debugger.set_suspend(thread, _BREAK)
        debugger.set_trace_for_frame_and_parents(thread.ident, frame)
        debugger.do_wait_suspend(thread, frame, "line", None)
