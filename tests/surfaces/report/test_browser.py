"""The page in a real Chromium: narrow and wide, light and dark, by keyboard. Skipped where there is none.

`REPLAY_SCREENSHOTS=FOLDER` keeps the pictures, to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.surfaces.report import html
from tests.surfaces.report import chromium, samples

pytestmark = pytest.mark.skipif(chromium.executable() is None, reason="no Chromium here: apt-get install chromium")

LONG = "a-word-without-any-space" * 20
WIDEST = """
Math.max(...[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, .skip, .hidden'))
  .map(one => one.getBoundingClientRect().right))
"""


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Tab]:
    with chromium.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages as a user has them: as files."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {"single": html.page(samples.single()), "many": html.page(samples.campaign()[0]),
             "long": html.page(samples.single(LONG))}  # fmt: skip
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize("width", chromium.WIDTHS)
@pytest.mark.parametrize("scheme", chromium.SCHEMES)
@pytest.mark.parametrize("name", ["single", "many", "long"])
def test_the_page_fits_the_screen(
    tab: chromium.Tab, pages: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    """Nothing is scrolled sideways, opened or closed; the policy complains of nothing; the colours are the scheme's."""
    tab.complaints.clear()
    tab.show(pages[name], width, scheme)
    picture = tab.picture()
    if folder := os.environ.get("REPLAY_SCREENSHOTS"):
        (Path(folder) / f"{name}-{width}-{scheme}.png").write_bytes(picture)
    for _ in range(2):
        assert tab.value("document.documentElement.scrollWidth") == width
        assert tab.value(WIDEST) <= width
        tab.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    background = tab.value("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(244, 245, 248)", "dark": "rgb(14, 17, 22)"}[scheme]
    assert picture.startswith(b"\x89PNG")
    assert tab.complaints == []


def test_the_keyboard_reaches_and_opens(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """Tab goes to the skip link first, then on in order, each with a visible outline; Enter opens a step."""
    tab.show(pages["single"], 1280, "light")
    tab.press("Tab")
    assert tab.value("document.activeElement.className") == "skip"
    seen = []
    for _ in range(60):
        tab.press("Tab")
        seen.append(tab.value("document.activeElement.tagName"))
        assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if tab.value("document.activeElement.classList.contains('step')"):
            break
    assert "A" in seen
    assert tab.value("document.activeElement.parentElement.open") is False
    tab.press("Enter")
    assert tab.value("document.activeElement.parentElement.open") is True


def test_a_link_opens_what_it_points_to(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """Of a campaign the recordings are folded; the link of a failure unfolds the one to look at."""
    tab.show(pages["many"], 1280, "light")
    assert tab.value("document.querySelectorAll('.case[open]').length") == 0
    tab.value("document.querySelector('.groups a').click()")
    for _ in range(200):
        if tab.value("document.querySelectorAll('.case[open]').length"):
            break
    assert tab.value("document.querySelector('.case[open] h2').id") == "r1-name"


def test_what_a_screen_reader_is_told(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """The accessibility tree has the landmarks, and each bar of the time line is a picture with words."""
    tab.show(pages["single"], 1280, "light")
    nodes = tab.ask("Accessibility.getFullAXTree")["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = {role for role, _ in told}
    assert {"main", "banner", "navigation", "contentinfo", "heading", "region"} <= roles
    pictures = [name for role, name in told if role in ("image", "img")]
    assert "asked at +0 ns, took 8 ms, in 2 pieces" in pictures
    assert all(pictures)


def test_one_tap_selects_a_command(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """A command can be copied without a script and without aiming."""
    tab.show(pages["single"], 360, "light")
    style = "getComputedStyle(document.querySelector('.command code')).userSelect"
    assert tab.value(style) == "all"


COPIED = """
(() => { const field = document.activeElement; field.select();
  return [field.className, getComputedStyle(field).clipPath, field.getBoundingClientRect().height > 20,
          field.value === field.previousElementSibling.textContent, !!field.getAttribute('aria-label')]; })()
"""


def test_the_keyboard_copies_a_command(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """Tab goes to a field with it, which is seen then only; no script is needed to select and copy all of it."""
    tab.show(pages["single"], 360, "dark")
    hidden = "document.querySelector('.copy').getBoundingClientRect().width"
    assert tab.value(hidden) <= 1
    tab.value("document.querySelector('#next-title').setAttribute('tabindex', 0); "
              "document.querySelector('#next-title').focus()")  # fmt: skip
    tab.press("Tab")
    assert tab.value(COPIED) == ["copy", "none", True, True, True]
    assert tab.value("document.documentElement.scrollWidth") == 360


NO_DATE_BROKEN = """
(() => { let broken = 0;
  document.querySelectorAll('.once').forEach(one => { broken += one.getClientRects().length > 1; });
  return [document.querySelectorAll('.once').length > 1, broken]; })()
"""


@pytest.mark.parametrize("width", [320, 360, 375, 412, 768, 1200])
def test_no_date_is_broken(tab: chromium.Tab, pages: dict[str, Path], width: int) -> None:
    """At its hyphens, where a line ends."""
    tab.show(pages["many"], width, "light")
    assert tab.value(NO_DATE_BROKEN) == [True, 0]


def test_lists_and_failures_are_said(tab: chromium.Tab, pages: dict[str, Path]) -> None:
    """Lists without marks are lists to every reader; what failed is told by a word, not by its colour alone."""
    tab.show(pages["single"], 360, "light")
    assert tab.value("[...document.querySelectorAll('ul, ol')].filter(one => one.getAttribute('role') !== 'list')"
                     ".length") == 0  # fmt: skip
    assert tab.value("[...document.querySelectorAll('.step.fails')].filter(one => !/failed: /.test(one.textContent))"
                     ".length") == 0  # fmt: skip
    assert tab.value("document.querySelectorAll('.step.fails').length") > 0
    assert tab.value("[...document.querySelectorAll('table')].filter(one => !one.caption).length") == 0
    assert tab.value("[...document.querySelectorAll('tbody tr')].filter(one => !one.querySelector('th[scope=row]'))"
                     ".length") == 0  # fmt: skip
