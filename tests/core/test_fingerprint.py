"""Which failures are one: same code and error, wherever the release lay and whatever line it was."""

from __future__ import annotations

from replay.core.fingerprint import below, digest, foreign, own, places
from replay.core.verdict import Frame

LIBRARY = Frame("/usr/lib/python3.11/site-packages/web/app.py", 9, "call")


def stack(root: str, line: int = 40) -> list[Frame]:
    """A library's frame around two of the project's."""
    return [LIBRARY, Frame(f"{root}/shop/app.py", 12, "handle"), Frame(f"{root}/shop/crm.py", line, "fetch")]


def fingerprint(entrypoint: str, frames: list[Frame]) -> str:
    """Of the project's frames, without lines."""
    return digest("KeyError", places(below(entrypoint, own(frames, entrypoint)), lines=False))


def test_a_release_folder_and_a_line_do_not_matter() -> None:
    """Nor does a path written the Windows way."""
    found = {
        fingerprint("shop.app:handle", stack("/srv/release-41")),
        fingerprint("shop.app:handle", stack("/home/ann/work", line=41)),
        fingerprint("shop.app:handle", [Frame(f.file.replace("/", "\\"), f.line, f.function) for f in stack("C:/x")]),
        fingerprint("shop.app:handle", [Frame("shop/app.py", 1, "handle"), Frame("shop/crm.py", 2, "fetch")]),
    }
    assert len(found) == 1


def test_another_function_or_file_is_another_failure() -> None:
    """And so is another way there."""
    one = stack("/srv")
    others = [
        one[:2],
        [*one[:2], Frame("/srv/shop/crm.py", 40, "store")],
        [*one[:2], Frame("/srv/shop/mail.py", 40, "fetch")],
        [Frame("/srv/shop/app.py", 1, "other"), *one[1:]],
    ]
    found = {fingerprint("shop.app:handle", frames) for frames in (one, *others)}
    assert len(found) == 5


def test_files_elsewhere_keep_the_end_of_their_path() -> None:
    """Where the entry point's module is in no frame, two parts tell files apart."""
    assert [frame.file for frame in below("other:main", stack("/srv/a"))] == [
        "web/app.py",
        "shop/app.py",
        "shop/crm.py",
    ]


def test_libraries_are_left_out() -> None:
    """If there is only a library, its innermost frame stands."""
    assert [frame.function for frame in own(stack("/srv"), "shop.app:handle")] == ["handle", "fetch"]
    assert own([LIBRARY, LIBRARY], "shop.app:handle") == [LIBRARY]
    assert own([LIBRARY, LIBRARY], "web.app:call") == [LIBRARY, LIBRARY], "the service itself is installed"
    assert foreign("replay/engine/player.py")
    assert foreign("<frozen importlib._bootstrap>")
    assert foreign("<sqlalchemy generated warned() wrapper for sqlalchemy.orm.session.Session._flush>")
    assert foreign("<attrs generated init shop.Order>")
    assert not foreign("replay/surfaces/demo/service.py")


def test_a_comprehension_is_a_part_of_its_function() -> None:
    """It has a frame of its own up to Python 3.11: equal seeds give equal finds in every version."""
    older = [Frame("a.py", 3, "total"), Frame("a.py", 4, "total.<locals>.<listcomp>"), Frame("a.py", 9, "price")]
    newer = [Frame("a.py", 4, "total"), Frame("a.py", 9, "price")]
    for lines in (True, False):
        assert places(older, lines=lines) == places(newer, lines=lines)


def test_a_recursion_counts_once() -> None:
    """Its depth is not what it failed of."""
    one = Frame("a.py", 1, "walk")
    assert places([one] * 50, lines=False) == places([one], lines=False)
    assert places([one, Frame("a.py", 2, "walk")], lines=True) == (("a.py", 1, "walk"), ("a.py", 2, "walk"))
