"""What the code speaks of on some lines: its words, where they come from, the constants."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from replay.engine.frontier import FAR, Frontier, plain

SOURCE = dedent("""\
    def ship(order, found):
        hurried = order.get("priority") is True
        first, total = counted(order["parcels"]), 0
        if hurried and found.state == "backlog":
            missing = first - 43
            if missing > 0:
                raise ArithmeticError(order["inside"])
        for item in found.rows:
            total += item
""")


def at(folder: Path, *lines: int) -> tuple[list[set[str]], set[object]]:
    """Words and constants of lines of the source."""
    file = folder / "shop.py"
    file.write_text(SOURCE)
    found = Frontier().at([(str(file), line) for line in lines])
    return found.words, {value for _, value in found.constants}


def test_words_and_constants_of_a_statement(tmp_path: Path) -> None:
    """Of a condition only its test: its block has lines of its own."""
    words, constants = at(tmp_path, 4)
    assert words[0] == {"hurried", "found", "state", "backlog"}
    assert constants == {"backlog"}


def test_where_its_names_come_from(tmp_path: Path) -> None:
    """Step by step, through loops and assignments to several names; none twice."""
    words, constants = at(tmp_path, 5)
    assert words[0] == {"missing", "first"}
    assert words[1] == {"counted", "order", "parcels"}
    assert (len(words), constants) == (FAR + 1, {43})
    assert {"rows", "item"} <= set.union(*at(tmp_path, 9)[0])


def test_a_name_is_the_same_however_it_is_written() -> None:
    """As headers, keys and variables write it."""
    assert plain("retry_after") == plain("Retry-After") == plain("retryAfter") == "retryafter"


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    """Neither do lines on which nothing begins."""
    broken = tmp_path / "broken.py"
    broken.write_text("def (:")
    assert Frontier().at([(str(tmp_path / "none.py"), 1), (str(broken), 1)]).words[0] == set()
    assert at(tmp_path, 99)[0][0] == set()


def test_an_expression_of_any_depth_is_read(tmp_path: Path) -> None:
    """What somebody wrote as one long sum is deeper than Python recurses."""
    file = tmp_path / "wide.py"
    file.write_text("total = first" + " + 1" * 2000 + "\n")
    assert Frontier().at([(str(file), 1)]).words[0] == {"total", "first"}
