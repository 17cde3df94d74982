"""The page: hostile text stays text, nothing is loaded or run, colours can be read, headings and names are in order."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.surfaces.report import html
from replay.surfaces.report.incidents import Campaign
from tests.surfaces.report import samples

GOLDEN = Path(__file__).parent / "golden"
ATTACKS = (
    '"><script>alert(1)</script>', "' onmouseover='alert(1)", "javascript:alert(1)", "</style><script>x</script>",
    "</title><img src=x onerror=alert(1)>", "<!--", "-->", "]]><svg/onload=alert(1)>", "</svg><script>x</script>",
    "{{ 7 * 7 }}{% raw %}", "&lt;script&gt;", "\u202egnp.exe\u2066", "\x00\x1b[2J\u200b\ufeff", "\n\n# heading\r",
    "`x`", "url(https://evil.example/)", "} body { display: none }", "a" * 3000,
)  # fmt: skip
VOID = {"meta", "wbr", "rect", "path", "link", "img", "br", "input"}


class Page(HTMLParser):
    """A page's elements in order, without its text and without places where a long word may be broken."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.unclosed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            return
        shown = tuple((name, value) for name, value in attrs if (tag, name) != ("meta", "content"))
        self.elements.append((tag, shown))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ()))

    @property
    def names(self) -> set[str]:
        """Of its elements."""
        return {tag for tag, _ in self.elements}

    def values(self, attribute: str) -> list[str]:
        """Of an attribute, in order."""
        return [value or "" for _, attrs in self.elements for name, value in attrs if name == attribute]


PLAIN = {"single": Page(html.page(samples.single("word"))), "many": Page(html.page(samples.campaign("word")[0]))}


def pages(text: str) -> dict[str, str]:
    """Both kinds of page with this text everywhere."""
    return {"single": html.page(samples.single(text)), "many": html.page(samples.campaign(text)[0])}


def same_shape(text: str) -> None:
    """The elements and attributes of the pages are those of a harmless word, and no character drives a reader."""
    for name, page in pages(text).items():
        parsed = Page(page)
        assert parsed.elements == PLAIN[name].elements
        assert (parsed.open, parsed.unclosed) == ([], [])
        assert [c for c in page if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")] == []


@pytest.mark.parametrize("text", ATTACKS)
def test_known_attacks_stay_text(text: str) -> None:
    """In HTML, attributes, SVG and CSS."""
    same_shape(text)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(min_size=1, max_size=40).map(lambda text: f"x{text}"))
def test_no_text_changes_the_page(text: str) -> None:
    """Whatever is recorded, the page has the same elements."""
    same_shape(text)


def test_nothing_runs_and_nothing_is_loaded() -> None:
    """No script, frame, form or image; links only within the page; the policy allows this style sheet and no other."""
    for page, parsed in (
        (html.page(samples.single()), PLAIN["single"]),
        (html.page(samples.campaign()[0]), PLAIN["many"]),
    ):
        assert not parsed.names & {"script", "iframe", "form", "img", "link", "object", "embed", "base", "input", "a:x"}
        assert all(value.startswith("#") for value in parsed.values("href"))
        assert not [
            name for _, attrs in parsed.elements for name, _ in attrs if name.startswith("on") or name == "style"
        ]
        (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
        digest = b64encode(sha256(style.encode()).digest()).decode()
        assert f"default-src 'none'; style-src 'sha256-{digest}'" in page.replace("&#39;", "'")
        assert not re.search(r"url\(|@import|https?:", style)


def test_links_and_names_fit() -> None:
    """Each id once; each link and each label has its element."""
    for parsed in PLAIN.values():
        ids = parsed.values("id")
        assert len(ids) == len(set(ids))
        assert {value[1:] for value in parsed.values("href")} <= set(ids)
        assert set(parsed.values("aria-labelledby")) <= set(ids)


def test_landmarks_headings_and_names() -> None:
    """One main, header and footer; headings without a gap; each picture and scrolling part has a name; a language."""
    for parsed in PLAIN.values():
        tags = [tag for tag, _ in parsed.elements]
        assert [tags.count(tag) for tag in ("main", "header", "footer", "h1")] == [1, 1, 1, 1]
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        pictures = [number for number, tag in enumerate(tags) if tag == "svg"]
        assert all(tags[number + 1] == "title" for number in pictures)
        assert pictures
        regions = [dict(attrs) for _, attrs in parsed.elements if dict(attrs).get("role") == "region"]
        assert all(one.get("aria-label") and one.get("tabindex") == "0" for one in regions)
        assert ("html", (("lang", "en"), ("dir", "ltr"))) in parsed.elements


def test_everything_is_said() -> None:
    """Each part of an incident is on its page."""
    text = " ".join(" ".join(Page(html.page(samples.single("ann"))).texts).split())
    for part in (
        "diverged", "AttributeError", "because of", "'NoneType'" if False else "shop/app.py:40", "https://crm/ann",
        "in 2 pieces", "unfinished", "lann", "score 0.41 , threshold 0.6", "below it", "1,200 mutations run",
        "eann", "nothing there", "note ann", "nondeterministic: ann", "http[0].body.ann", "31", "input.args[0]: ann",
        "sha256:", "3.11.7 on ann", "What could not be kept whole", "replay run", "Only credentials",
    ):  # fmt: skip
        assert part in text, part


def test_an_interrupted_report_shows_the_rest_as_recorded() -> None:
    """Ctrl-C ends the replays, not the report."""

    def replayed(path: str, recording: samples.Recording) -> samples.Verdict:
        if recording.id == "rec-2":
            raise KeyboardInterrupt
        return samples.diverged()

    found = [("x.replay.db", samples.recording(id=f"rec-{number}")) for number in (1, 2, 3)]
    made_of, made = samples.gather(found, replayed, owners={})
    assert made.interrupted
    assert [one.status for one in made_of.incidents] == ["diverged", "recorded", "recorded"]


def test_a_page_is_small_whatever_was_recorded() -> None:
    """A value of many parts, a long stream and a thousand interactions are cut, and what is left out is counted."""
    wide = samples.recording(
        input=samples.encode({"args": [[{"n": number} for number in range(10_000)]], "kwargs": {}}),
        interactions=tuple(samples.http(seq, "x") for seq in range(1000)),
    )
    made = samples.incident("x.replay.db", wide, None)
    page = html.page(Campaign(incidents=(made,), groups=(), counts=(("recorded", 1),), made="0"))
    assert len(page) < 3_000_000
    assert "and 9900 more" in page
    assert "and 701 more, see" in page


@pytest.mark.usefixtures("_four_verbs")
@pytest.mark.parametrize("name", ["single", "many"])
def test_golden_pages(name: str) -> None:
    """As last looked at, style aside. `REPLAY_GOLDEN=1 pytest ...` writes them anew: look at them then."""
    page = html.page(samples.single() if name == "single" else samples.campaign()[0])
    page = re.sub("<style>.*?</style>", "<style></style>", re.sub("sha256-[^;]*", "sha256-", page), flags=re.DOTALL)
    file = GOLDEN / f"{name}.html"
    if os.environ.get("REPLAY_GOLDEN"):
        file.write_text(page, encoding="utf-8")
    assert page == file.read_text(encoding="utf-8")


# Colours. WCAG 2.2, 1.4.3 (text, 4.5:1) and 1.4.11 (parts of a picture, 3:1).


def colours() -> dict[str, dict[str, str]]:
    """The colours of each scheme, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", html.css(), re.DOTALL)[:2]
    read = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    return {"light": read[0], "dark": read[1]}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXTS = [
    *itertools.product(("text", "soft", "link"), ("page", "card", "sunk")),
    *itertools.product(("bad", "string", "number", "word"), ("card", "sunk")),
    *((tone, f"{tone}-back") for tone in ("bad", "good", "warn", "none")),
    *itertools.product(("text", "soft"), ("bad-back", "good-back", "warn-back", "none-back")),
]
PARTS = [("mark", "sunk"), ("bad", "sunk"), ("soft", "sunk"), ("tick", "mark"), ("tick", "sunk"), ("card", "bad"),
         ("focus", "page"), ("focus", "card"), ("good", "sunk")]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Every pair of colours that meet, in both schemes."""
    found = colours()[scheme]
    assert {name for pair in (*TEXTS, *PARTS) for name in pair} <= set(found)
    poor = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in TEXTS
            if contrast(found[pair[0]], found[pair[1]]) < 4.5}  # fmt: skip
    poor |= {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in PARTS
             if contrast(found[pair[0]], found[pair[1]]) < 3}  # fmt: skip
    assert poor == {}


def test_contrast_is_measured_right() -> None:
    """Black on white is 21:1; a known grey is as published."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
