"""When a recording does not say whose an answer was."""

from __future__ import annotations

import msgspec
import pytest

from replay.core.codec import Value, encode
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Difference, Divergence, DivergenceKind
from replay.engine.ambiguity import nondeterminism, overtaken, rearranged


def _recording(*interactions: Interaction) -> Recording:
    numbered = tuple(msgspec.structs.replace(one, seq=seq) for seq, one in enumerate(interactions))
    nothing = encode(None)
    return Recording(
        id="r", kind="function", entrypoint="m:f", started_at=0, duration_ns=100, input=nothing,
        outcome=Outcome("returned", nothing), context=encode({}), interactions=numbered,
    )  # fmt: skip


def _asked(lane: str, answer: Value, offset: int = 0, asked: str = "turn") -> Interaction:
    return Interaction(
        seq=0, lane=lane, boundary="call", target="m:turn", request=encode({"args": [asked], "kwargs": {}}),
        answer=answer, state="returned", offset_ns=offset, duration_ns=10,
    )  # fmt: skip


ONE, TWO = encode(1), encode(2)
LATER = 5_000_000
"""Nanoseconds after which nobody may have been overtaken."""


def _pieces(offset: int, data: bytes) -> Value:
    return encode({"status": 200, "pieces": [[offset, data]], "end": "complete", "error": None})


@pytest.mark.parametrize(
    ("interactions", "ambiguous"),
    [
        ([_asked("0.0", ONE), _asked("0.1", TWO)], True),
        ([_asked("0.0", ONE), _asked("0.1", ONE)], False),
        ([_asked("0.0", ONE), _asked("0.0", TWO)], False),
        ([_asked("0.0", ONE), _asked("0.1", TWO, asked="other")], False),
        ([_asked("0", ONE), _asked("0.0", TWO, offset=5)], True),
        ([_asked("0", ONE), _asked("0.0", TWO, offset=50)], False),
        ([_asked("0.0", _pieces(3, b"a")), _asked("0.1", _pieces(9, b"a"))], False),
        ([_asked("0.0", _pieces(3, b"a")), _asked("0.1", _pieces(3, b"b"))], True),
    ],
    ids=["siblings", "same answer", "one lane", "other request", "at once", "one after the other", "when", "what"],
)
def test_equal_requests_of_lanes_without_an_order(interactions: list[Interaction], ambiguous: bool) -> None:
    """Different answers to the same request in lanes that nothing puts in order; when an answer came is no answer."""
    reason = nondeterminism(_recording(*interactions))
    assert (reason is not None) is ambiguous
    if reason is not None:
        assert reason.startswith("nondeterministic: ")
        assert "#0 and #1" in reason


def _parted(kind: DivergenceKind, boundary: str = "random", target: str = "getrandbits") -> Divergence:
    return Divergence(kind=kind, lane="0.0", boundary=boundary, target=target)


REORDERED = _parted("reordered", "call", "m:turn")


@pytest.mark.parametrize(
    ("divergences", "second", "ambiguous"),
    [
        ([REORDERED], 5, True),
        ([REORDERED], LATER, False),
        ([], 5, False),
        ([REORDERED, _parted("extra", "call", "m:turn")], 5, False),
        ([_parted("exhausted"), _parted("missing")], 5, True),
        ([_parted("exhausted"), _parted("missing")], LATER, False),
        ([_parted("exhausted"), _parted("missing", target="random")], 5, False),
        ([_parted("exhausted")], 5, False),
        ([_parted("exhausted", "call"), _parted("missing", "call")], 5, False),
    ],
    ids=["order", "one after the other", "none", "another", "draws", "draws one after the other", "other draws",
         "more draws", "no draws"],
)  # fmt: skip
def test_a_turn_that_another_lane_took(divergences: list[Divergence], second: int, ambiguous: bool) -> None:
    """Only where lanes were under way at once."""
    reason = overtaken(_recording(_asked("0.0", ONE), _asked("0.1", TWO, offset=second)), divergences)
    assert (reason is not None and reason.startswith("nondeterministic: ")) is ambiguous


def _changed(*pairs: tuple[object, object]) -> list[Difference]:
    return [Difference(f"$[{number}]", "changed", *pair) for number, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    ("lanes", "difference", "ambiguous"),
    [
        (("0.0", 0, "0.1", 5), _changed((1, 2), (2, 1)), True),
        (("0.0", 0, "0.1", LATER), _changed((1, 2), (2, 1)), False),
        (("0.0", 0, "0.1", 50), _changed((1, 2), (2, 1)), True),
        (("0.0", 0, "0.1", 5), _changed(("a, b c", "c a, b")), True),
        (("0.0", 0, "0.1", 5), _changed(("a b", "a c")), False),
        (("0.0", 0, "0.0", 5), _changed((1, 2), (2, 1)), False),
        (("0.0", 0, "0.1", 5), _changed((1, 2), (2, 3)), False),
        (("0.0", 0, "0.1", 5), _changed((1, 2)), False),
        (("0.0", 0, "0.1", 5), _changed((1, True), (True, 1)), True),
        (("0.0", 0, "0.1", 5), [Difference("$[0]", "added", None, ["a"]), Difference("$[1]", "removed", "a")], True),
    ],
    ids=[
        "order",
        "one after the other",
        "in turn",
        "in a text",
        "another text",
        "one lane",
        "a new value",
        "one place",
        "types",
        "other groups",
    ],
)
def test_the_same_values_in_other_places(
    lanes: tuple[str, int, str, int], difference: list[Difference], ambiguous: bool
) -> None:
    """Which lane went on first is not recorded; a value that production did not have is the code's doing."""
    one, first, two, second = lanes
    recording = _recording(_asked(one, ONE, first), _asked(two, ONE, second, asked="other"))
    reason = rearranged(recording, difference)
    assert (reason is not None and reason.startswith("nondeterministic: ")) is ambiguous
