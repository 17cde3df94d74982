"""The note of a promoted recording: kept, taken back, and not believed if it has another form."""

from __future__ import annotations

import msgspec
import pytest

from replay.core.codec import Value, encode
from replay.core.promoted import ONWARD, Promoted, promoted, with_onward, with_promotion
from replay.core.recording import Interaction, Outcome, Recording

RECORDING = Recording(
    id="r", kind="function", entrypoint="a:b", started_at=0, duration_ns=7, input=encode({}),
    outcome=Outcome("returned", encode(1)), context=encode({"zone": "UTC"}),
    interactions=(Interaction(seq=4, lane="0", boundary="call", target="a:c", request=encode(1), answer=encode(2),
                              state="returned", offset_ns=3, duration_ns=2),),
)  # fmt: skip
NOTE = Promoted(test="tests/test_a.py", expect="result", origin="0" * 64, onward=RECORDING.interactions)


def test_kept_and_taken_back() -> None:
    """It is read as it was written; without it the recording is the one that it was, to the digest."""
    marked = with_promotion(RECORDING, NOTE)
    assert promoted(marked) == NOTE
    assert promoted(RECORDING) is None
    assert marked.id == RECORDING.id
    assert with_promotion(marked, None).digest == RECORDING.digest


@pytest.mark.parametrize(
    "note",
    [
        None,
        1,
        [],
        {},
        {"test": 1},
        {"test": "a", "expect": "nothing", "origin": "b"},
        {"test": "a", "expect": "result", "origin": "b", "onward": [{"seq": 0}]},
    ],
)
def test_another_form_is_no_note(note: object) -> None:
    """A bundle may say anything."""
    text = msgspec.json.encode({"promoted": note}).decode()
    assert promoted(msgspec.structs.replace(RECORDING, context=Value(text))) is None


@pytest.mark.parametrize("context", ["[]", "null", '"a"', '{"$id":[1,{}]}'])
def test_a_context_that_is_no_mapping(context: str) -> None:
    """Nothing is read from it, nothing can be noted in it."""
    odd = msgspec.structs.replace(RECORDING, context=Value(context))
    assert promoted(odd) is None
    with pytest.raises(ValueError, match="no mapping"):
        with_promotion(odd, NOTE)


def test_onward() -> None:
    """Its answers stand behind the recorded ones, at the end, in a lane of their own."""
    found = with_onward(RECORDING, NOTE.onward).interactions
    assert [(each.seq, each.lane, each.offset_ns, each.duration_ns) for each in found] == [
        (4, "0", 3, 2),
        (5, ONWARD, 7, 0),
    ]
