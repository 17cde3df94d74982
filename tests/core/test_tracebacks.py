"""Tracebacks as logs have them: what Python really prints, with prefixes, cut, in JSON, among other lines."""

from __future__ import annotations

import json
import random
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from replay.core.signature import Signature, SignatureError
from replay.core.tracebacks import read_traceback


def parse(text: str) -> float:
    return float(text)


def chained() -> None:
    try:
        parse("12,50")
    except ValueError as error:
        raise LookupError("no price\nin line two") from error


def grouped() -> None:
    inner = ExceptionGroup("inner", [KeyError("plan")])
    raise ExceptionGroup("outer", [ValueError("a"), inner, TypeError("z")])


def noted() -> None:
    error = ValueError("bad")
    error.add_note("order 7")
    raise error


def recursive(depth: int = 0) -> None:
    recursive(depth + 1)


def printed(run: Callable[[], Any]) -> str:
    """What Python prints of it."""
    try:
        run()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("it did not fail")


def test_the_last_error_counts_and_its_cause_is_kept() -> None:
    """Types, messages, functions and the text of lines."""
    found = read_traceback(printed(chained))
    assert (found.error_type, found.message) == ("LookupError", "no price\nin line two")
    assert [frame.function for frame in found.frames] == ["printed", "chained"]
    assert found.frames[-1].source == 'raise LookupError("no price\\nin line two") from error'
    assert found.cause is not None
    assert (found.cause.error_type, found.cause.message) == (
        "ValueError", "could not convert string to float: '12,50'",
    )  # fmt: skip
    assert [frame.function for frame in found.cause.frames] == ["chained", "parse"]
    assert found.cause.frames[-1].source == "return float(text)"


def test_a_group_has_its_members() -> None:
    """Those of groups inside it too."""
    found = read_traceback(printed(grouped))
    assert (found.error_type, found.message) == ("ExceptionGroup", "outer (3 sub-exceptions)")
    assert [frame.function for frame in found.frames] == ["printed", "grouped"]
    assert [(each.error_type, each.message) for each in found.members] == [
        ("ValueError", "a"), ("ExceptionGroup", "inner (1 sub-exception)"), ("TypeError", "z"),
    ]  # fmt: skip
    assert [each.error_type for each in found.members[1].members] == ["KeyError"]


def test_notes_follow_the_message() -> None:
    """The first line of the message stays its first."""
    found = read_traceback(printed(noted))
    assert found.message == "bad\norder 7"


def test_a_recursion_is_read() -> None:
    """With its line of repetitions."""
    found = read_traceback(printed(recursive))
    assert found.error_type == "RecursionError"
    assert found.frames[-1].function == "recursive"


@pytest.mark.parametrize("run", [chained, grouped, noted])
@pytest.mark.parametrize(
    "prefix",
    [
        "2026-11-01T10:00:{0:02d}.{0}Z ",
        "web-1  | ",
        "2026-11-01T10:00:{0:02d}.123456789Z stderr F ",
        "Nov {0} 10:00:07 host shop[4711]: ",
        "[pod/web-{0}/app] ",
        "\t",
    ],
)
def test_what_a_log_puts_before_each_line_does_not_matter(run: Callable[[], Any], prefix: str) -> None:
    """Times, containers, pods; also where lines of other services stand between."""
    text = printed(run)
    lines = [prefix.format(number % 60) + line for number, line in enumerate(text.splitlines())]
    assert read_traceback("\n".join(lines)) == read_traceback(text)
    if prefix.strip():
        mixed = [each for line in lines for each in (line, "db-1 | checkpoint complete")]
        assert read_traceback("\n".join(mixed)) == read_traceback(text)


def test_lines_of_the_log_around_it_do_not_matter() -> None:
    """Before and after; the last traceback of several counts."""
    text = printed(chained)
    log = f"{printed(noted)}\nERROR:root:failed\n{text}2026-11-01 10:00:01 INFO all is well\n"
    assert read_traceback(log).frames == read_traceback(text).frames
    assert read_traceback(log).message == "no price\nin line two"


def test_a_json_log_is_read() -> None:
    """Where the whole traceback is one string."""
    text = printed(chained)
    line = json.dumps({"level": "error", "exc_info": text, "at": 3})
    assert read_traceback(f'{{"level": "info"}}\n{line}\n') == read_traceback(text)


def test_a_cut_traceback_says_what_it_has() -> None:
    """Its head may be missing; without its end there are frames and no type."""
    text = printed(noted)
    assert read_traceback(text.split("\n", 3)[3]).error_type == "ValueError"
    assert read_traceback(text[: text.index("ValueError: bad")]).error_type == ""


@pytest.mark.parametrize("text", ["", "hello", "KeyError: 'plan'", "\x00" * 1000, "{", '{"a": 1}', "File x, line 3"])
def test_what_is_no_traceback_is_refused(text: str) -> None:
    """With what to give instead."""
    with pytest.raises(SignatureError, match="no traceback"):
        read_traceback(text)


def test_damage_never_breaks_the_reader() -> None:
    """Bytes cut out, doubled and changed: a signature, or a refusal."""
    chance = random.Random(7)
    text = printed(grouped) + printed(chained)
    for _ in range(500):
        damaged = list(text)
        for _ in range(chance.randrange(1, 9)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randrange(9)] = chance.choice(["", "\n", "|", "+", '"', "\x00", "  File ", "é"])
        try:
            assert isinstance(read_traceback("".join(damaged)), Signature)
        except SignatureError:
            continue
