"""A recorded error is raised with the context that production's had."""

from __future__ import annotations

import gc
import weakref

import pytest

from replay.core.raising import throw


def chained(*kinds: type[Exception]) -> Exception:
    """An error with that chain of contexts, as it is rebuilt."""
    error = later = kinds[0]()
    for kind in kinds[1:]:
        later.__context__ = later = kind()
    return error


def thrown(error: Exception, handled: Exception | None) -> BaseException | None:
    """Its context, raised where the code handles that."""
    with pytest.raises(type(error)) as caught:
        _throw(error, handled)
    return caught.value.__context__


def _throw(error: Exception, handled: Exception | None) -> None:
    if handled is None:
        throw(error)
    try:
        raise handled
    except Exception:
        throw(error)


def test_what_lies_between_stays() -> None:
    """A client raised its error as it handled another: that one is the context, not what the code handles."""
    assert type(thrown(chained(ValueError, OSError, KeyError), KeyError())) is OSError
    assert type(thrown(chained(ValueError, KeyError), KeyError())) is KeyError


def test_what_the_code_handles_now_is_seen() -> None:
    """Production handled something else there, or nothing."""
    assert type(thrown(chained(ValueError, OSError, KeyError), IndexError())) is IndexError
    assert type(thrown(chained(ValueError), IndexError())) is IndexError
    assert thrown(chained(ValueError), None) is None
    assert type(thrown(chained(ValueError, OSError), None)) is OSError


def test_a_ring_of_contexts_ends() -> None:
    """As a stranger's bundle may have it."""
    error = chained(ValueError, OSError)
    error.__context__.__context__ = error  # type: ignore[union-attr]
    assert type(thrown(error, KeyError())) is KeyError


def test_nothing_keeps_the_error() -> None:
    """Its traceback would hold it, until the collector runs."""

    class Mine(Exception):
        """One that can be watched."""

    def raised() -> weakref.ref[Mine]:
        try:
            throw(Mine())
        except Mine as error:
            return weakref.ref(error)

    gc.disable()
    try:
        assert raised()() is None
    finally:
        gc.enable()
