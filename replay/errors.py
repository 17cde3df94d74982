"""Every error that Replay Harness raises itself, each with a stable slug.

The slug names the entry in the README's list of messages; it never changes once released.
"""

from __future__ import annotations

from errno import EACCES


class ReplayError(Exception):
    """Base of all errors of this package. `str(error)` says what, where and what to do next."""

    slug = "replay-error"
    exit_code = 4

    def __init__(self, message: str, *, slug: str | None = None) -> None:
        super().__init__(message)
        if slug is not None:
            self.slug = slug


class UsageError(ReplayError):
    """A call or an option that cannot be meant."""

    slug = "usage"
    exit_code = 2


class BundleError(ReplayError):
    """A bundle that is missing, damaged, of a newer format, or not a bundle at all. Nothing of it was used."""

    slug = "bundle"
    exit_code = 3


class CodecError(ReplayError):
    """Stored text that is not an encoded value."""

    slug = "codec"
    exit_code = 3


class Unanswerable(ReplayError):
    """A recording that cannot be run here: the target is missing, not allowed, or its input was not stored whole."""

    slug = "unanswerable"
    exit_code = 4


class RedactionError(ReplayError):
    """A recording that could not be redacted, or not in time: it is dropped. Its text quotes nothing of it."""

    slug = "redaction"
    exit_code = 4


def moved(entrypoint: str) -> str:
    """How a project says, for all verbs and pytest, which code runs for a recorded entry point."""
    return f'in [tool.replay-harness] of pyproject.toml: targets = {{"{entrypoint}" = "module:name"}}'


class DivergenceError(ReplayError):
    """Raised into the application when it asks something that the recording cannot answer.

    The verdict does not depend on it: the divergence is noted before this is raised.
    """

    slug = "divergence"
    exit_code = 1


class Refused(ReplayError, PermissionError):
    """Raised into the application when it reaches for the real world during a replay.

    The verdict does not depend on it: the refusal is noted before this is raised.
    """

    slug = "refused"
    exit_code = 1

    def __init__(self, message: str) -> None:
        OSError.__init__(self, EACCES, message)

    def __reduce__(self) -> tuple[type[Refused], tuple[str]]:
        return type(self), (str(self.strerror),)
