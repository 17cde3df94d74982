"""How Hypothesis runs for us: each setting said, whatever the profile of the project or of the CI is.

The profile that Hypothesis loads where `CI` is set would try the same examples in every run, and forget what failed.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.database import ExampleDatabase, choices_to_bytes

NAME = "replay"
PROFILE = settings(
    settings.get_profile("default"),
    max_examples=100,
    derandomize=False,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    stateful_step_count=50,
    report_multiple_bugs=False,
    print_blob=False,
    verbosity=Verbosity.quiet,
)


class Handed(ExampleDatabase):
    """A database that holds one example of any test, which is to be shrunk: it stands under the secondary key, since
    one under the primary key counts as shrunk."""

    def __init__(self, choices: Iterable[bool | int | float | str | bytes]) -> None:
        super().__init__()
        self._example = choices_to_bytes(choices)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return [self._example] if key.endswith(b".secondary") else []

    def save(self, key: bytes, value: bytes) -> None:
        pass

    def delete(self, key: bytes, value: bytes) -> None:
        pass
