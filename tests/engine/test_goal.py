"""A signature in the code that is here: files of another machine, moved lines, how near a run came, what is met."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from replay.core.codec import encode
from replay.core.recording import Outcome
from replay.core.signature import Signature, SignatureError
from replay.core.verdict import Frame
from replay.engine.failures import Failure
from replay.engine.goal import Goal, Near
from replay.engine.lines import Lines
from tests.engine import desk

ROOT = Path(__file__).parent.parent.parent
FAR = "/srv/app/releases/123/"
RAISES = 'raise ArithmeticError("gifts have cents")'
SHOP = """\
def parse(text):
    return [
        float(each)
        for each in text
    ]


class Bill:
    def total(self, rows):
        if rows:
            for row in rows:
                if row.get("amount") is not None:
                    return parse(row["amount"])
        return 0
"""


def signature(*frames: Frame, error: str = "ArithmeticError", **more: object) -> Signature:
    return Signature(error_type=error, frames=frames, **more)  # type: ignore[arg-type]


def gift(file: str = f"{FAR}tests/engine/desk.py", line: int = 900, text: str = RAISES) -> Frame:
    return Frame(file, line, "order", text)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of one package."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "billing.py").write_text(SHOP)
    return tmp_path


@pytest.fixture
def lines() -> Iterator[Lines]:
    found = Lines(ROOT)
    found.prepare()
    yield found
    found.close()


@pytest.mark.parametrize(
    "file",
    [f"{FAR}shop/billing.py", "shop/billing.py", "C:\\build\\shop\\billing.py",
     "/usr/lib/python3.12/site-packages/shop/billing.py", "./shop/billing.py"],
)  # fmt: skip
def test_files_match_by_their_end(shop: Path, file: str) -> None:
    """Release folders, installed packages, Windows."""
    spot = Goal(signature(Frame(file, 99, "total", "for row in rows:")), shop).spots[-1]
    assert (spot.file, spot.lines) == (str(shop / "shop" / "billing.py"), frozenset({11}))


def test_lines_match_by_their_text(shop: Path) -> None:
    """A number counts only where the text is there, or where it was given for this code."""
    frame = Frame("shop/billing.py", 3, "total", "return 0")
    assert Goal(signature(frame), shop).spots[-1].lines == {14}
    assert Goal(signature(Frame("shop/billing.py", 3, "total", "gone = 1")), shop).spots[-1].lines == frozenset()
    assert Goal(signature(Frame("shop/billing.py", 13, "total"), exact=True), shop).spots[-1].lines == {13}


def test_a_comprehension_is_found_in_its_function(shop: Path) -> None:
    """As Python 3.11 names it, in a frame of its own."""
    frames = Frame("shop/billing.py", 2, "parse", "return ["), Frame("shop/billing.py", 3, "<listcomp>", "float(each)")
    (spot,) = Goal(signature(*frames), shop).spots
    assert (spot.function, spot.lines) == ("parse", frozenset({3}))


def test_what_names_nothing_here_is_refused(shop: Path) -> None:
    """With what was looked for, and where."""
    with pytest.raises(SignatureError, match=r"no frame of .*: looked for other/wsgi.py in run") as caught:
        Goal(signature(Frame("/srv/other/wsgi.py", 3, "run")), shop)
    assert caught.value.slug == "signature-foreign"
    with pytest.raises(SignatureError, match="no frames"):
        Goal(signature(), shop)
    with pytest.raises(SignatureError, match="--error TYPE"):
        Goal(signature(Frame("shop/billing.py", 3, "total"), error=""), shop)


def test_milestones_are_the_blocks_around_the_line(shop: Path) -> None:
    """From the outermost function inwards: the first statement of each block, then the line."""
    frame = Frame("shop/billing.py", 13, "total", 'return parse(row["amount"])')
    goal = Goal(signature(frame), shop)
    assert [(each.what, min(each.lines)) for each in goal.milestones] == [
        ("function", 9), ("block", 11), ("block", 12), ("line", 13),
    ]  # fmt: skip
    assert goal.told(Near(0)) == "reached 0 of 1 frames; total was not reached"
    assert goal.told(Near(1)) == "reached 0 of 1 frames; total was reached, the line not"
    assert goal.told(Near(3)) == "reached 0 of 1 frames; total was reached, and 2 of 2 blocks around the line"
    assert goal.told(Near(4, place=True)) == "reached 1 of 1 frames; it failed there, but not with ArithmeticError"


def test_a_run_is_nearer_the_further_it_comes(lines: Lines) -> None:
    """By what it reached; then by where and with what it failed."""
    goal = Goal(signature(gift()), ROOT)

    def near(**given: object) -> Near:
        lines.start()
        failure = None
        try:
            desk.order.__wrapped__({"customer": 1, "items": ["a"], **given})  # type: ignore[attr-defined]
        except Exception as error:
            step = error.__traceback__
            assert step is not None
            while step.tb_next is not None:
                step = step.tb_next
            frame = Frame("tests/engine/desk.py", step.tb_lineno, step.tb_frame.f_code.co_name)
            failure = Failure("error", type(error).__name__, str(error), (frame,))
        return goal.near(lines, lines.reached(), failure)

    empty, plain, yen, both = near(items=[]), near(), near(currency="JPY"), near(currency="JPY", gift=True)
    assert empty <= plain < yen < both
    assert (both.place, both.kind) == (True, True)
    assert both.reached == len(goal.milestones)


def test_only_the_type_at_the_line_is_met() -> None:
    """Another line, function, file or type is not; a status counts by the error behind it."""
    goal = Goal(signature(gift()), ROOT)
    line = next(iter(goal.spots[-1].lines))

    def failure(**changed: object) -> Failure:
        given = {"kind": "error", "error_type": "ArithmeticError", "message": "", **changed}
        frame = Frame("tests/engine/desk.py", line, "order", str(changed.get("source", "")))
        given.pop("source", None)
        return Failure(**{"frames": (frame,), **given})  # type: ignore[arg-type]

    assert goal.is_met(failure())
    assert not goal.is_met(failure(error_type="KeyError"))
    assert not goal.is_met(failure(frames=(Frame("tests/engine/desk.py", line + 1, "order"),)))
    assert not goal.is_met(failure(frames=(Frame("tests/engine/desk.py", line, "other"),)))
    assert not goal.is_met(failure(frames=(Frame("tests/desk.py", line, "order"),)))
    assert not goal.is_met(failure(frames=()))
    assert goal.is_met(failure(kind="status", error_type="HTTP 500", source="ArithmeticError"))
    assert not goal.is_met(failure(kind="status", error_type="HTTP 500", source="KeyError"))


@pytest.mark.parametrize(
    ("wanted", "found", "is_said"),
    [("'plan'", "'plan'", True), ('"plan"', "'plan'", True), ("plan", "'plan'", True), ('"it\'s"', "'it\\'s'", True),
     ('"plan"', "'tier'", False), ('"a" or "b"', "a", False), ('"plan', "'plan'", False), ("", "'plan'", True)],
)  # fmt: skip
def test_a_quoted_message_is_the_same_in_other_quotes(wanted: str, found: str, is_said: bool) -> None:
    """A KeyError says its key as Python writes it; logs write it in other ways."""
    goal = Goal(msgspec.structs.replace(signature(gift()), message=wanted), ROOT)
    assert goal.is_said(Failure("error", "KeyError", found, ())) is is_said


def test_what_a_boundary_raised_is_looked_for_where_it_was_called() -> None:
    """No replay runs the function itself; nor what is around the entry point."""
    inside = Frame(f"{FAR}tests/engine/desk.py", 23, "customer", "return {")
    driver = Frame("/venv/lib/python3.11/site-packages/psycopg/connection.py", 7, "wait")
    outer = Frame(f"{FAR}tests/engine/desk.py", 74, "record_order")
    call = gift(text='found = customer(given.get("customer"))')
    entries, boundaries = ["tests.engine.desk:order"], ["tests.engine.desk:customer"]
    goal = Goal(signature(outer, call, inside, driver), ROOT, boundaries, entries)
    assert goal.cut == "tests.engine.desk:customer"
    assert [spot.function for spot in goal.spots] == ["order"]
    assert goal.tail == ()
    with pytest.raises(SignatureError, match="is a boundary"):
        Goal(signature(inside), ROOT, boundaries)


def raised(error: BaseException, frames: list[list[object]]) -> Outcome:
    error.__dict__["__replay_frames__"] = tuple(tuple(frame) for frame in frames)
    return Outcome("raised", encode(error))


def test_the_frames_of_libraries_and_the_cause_count_too() -> None:
    """The innermost of a library; of what a recording answered, any on the way."""
    here = str(ROOT / "tests" / "engine" / "desk.py")
    decoder = Frame("/usr/lib/python3.12/json/decoder.py", 355, "raw_decode")
    goal = Goal(signature(gift(), Frame("/usr/lib/python3.12/json/__init__.py", 346, "loads"), decoder), ROOT)
    line = next(iter(goal.spots[-1].lines))
    project: list[object] = [here, line, "order"]
    loads: list[object] = ["/opt/python3.11/json/__init__.py", 1, "loads"]
    inner: list[object] = ["/opt/python3.11/json/decoder.py", 2, "raw_decode"]
    ours: list[object] = ["/venv/replay/boundaries/call.py", 2, "crossing"]
    assert goal.differs(raised(ArithmeticError(), [project, loads, inner])) is None
    assert (
        goal.differs(raised(ArithmeticError(), [project, loads])) == "it does not end in raw_decode of json/decoder.py"
    )
    assert goal.differs(raised(ArithmeticError(), [project])) == "it does not end in raw_decode of json/decoder.py"
    assert goal.differs(raised(ArithmeticError(), [project, loads, ours])) is None
    caused = Goal(signature(gift(), cause=signature(gift(), error="KeyError")), ROOT)
    other = ArithmeticError()
    other.__cause__ = ValueError()
    assert caused.differs(raised(other, [project])) == "it was raised from ValueError"
    other.__cause__ = KeyError()
    assert caused.differs(raised(other, [project])) is None
