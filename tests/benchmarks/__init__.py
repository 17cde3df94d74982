"""Replay Harness side by side with its peers, in one run, as ratios. `python -m tests.benchmarks`."""
