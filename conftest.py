"""Plugins of the whole suite: pytest's own test bench, and ours where the package is not installed."""

from importlib.metadata import entry_points

pytest_plugins = ["pytester"]
if not entry_points(group="pytest11", name="replay_harness"):
    pytest_plugins.append("replay.surfaces.pytest_plugin")
