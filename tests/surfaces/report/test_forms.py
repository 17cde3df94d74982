"""Markdown, JUnit XML and workflow commands: what they say, and that no recorded text changes their structure."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from replay.core.codec import encode
from replay.core.recording import Outcome
from replay.surfaces.report import github, junit, markdown
from replay.surfaces.report.facts import incident
from replay.surfaces.report.incidents import Campaign, Incident
from tests.surfaces.report import samples
from tests.surfaces.report.test_html import ATTACKS, GOLDEN

WORDS = st.text(min_size=1, max_size=40).map(lambda text: f"x{text}")
MARKS = ("`", "``", "`" * 9, "@everyone", "#1", "https://evil.example", "![x](y)", "|", "\\", "\\|", "</summary>",
         "</details>", "<details>", "* * *", "    code", "~~~", "%0A::error::x", "::error::x",
         "a,b:c%", " ", "&#42;")  # fmt: skip
TEXTS = (*ATTACKS, *MARKS)


def shape(text: str) -> list[str]:
    """The tokens of a Markdown text, without the text of code spans and code blocks."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        inner = [child.type for child in token.children or ()]
        # A summary is HTML, whose tags are compared; its text is references only.
        tags = re.findall("<[^>]*>", token.content) if token.type == "html_block" else []
        found.append(f"{token.type} {inner} {tags}")
    return found


PLAIN = shape(markdown.text(samples.single("word"))), shape(markdown.text(samples.campaign("word")[0]))


def same_shape(text: str) -> None:
    """As with a harmless word; nothing that an `@`, `#` or address outside a code span could mean."""
    for made, plain in zip((samples.single(text), samples.campaign(text)[0]), PLAIN, strict=True):
        assert shape(markdown.text(made)) == plain


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 1000])  # longer: what has room, see below
def test_known_marks_stay_text(text: str) -> None:
    """In Markdown."""
    same_shape(text)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORDS)
def test_no_text_changes_the_markdown(text: str) -> None:
    """Whatever is recorded, the comment has the same blocks and spans."""
    same_shape(text)


def test_a_comment_has_room() -> None:
    """GitHub takes 65,536 characters: many incidents are cut to those that fit, and the rest is counted."""
    made = samples.one("ann")
    many = tuple(msgspec.structs.replace(made, id=f"rec-{number}") for number in range(200))
    text = markdown.text(Campaign(incidents=many, groups=(), counts=(("diverged", 200),)))
    assert len(text) < 65_536
    rest = re.findall(r"And (\d+) more", text)
    assert text.count("<details>\n<summary>🟠") + int(rest[0]) == 200
    long = incident("x.replay.db", samples.recording(input=encode({"args": ["x" * 150] * 9000, "kwargs": {}})), None)
    assert len(markdown.text(Campaign(incidents=(long,), groups=(), counts=()))) < 65_536


@pytest.mark.parametrize("text", [*TEXTS, "\ud800", "\ufffe\uffff\x01\x0b"])
def test_junit_is_xml_whatever_was_recorded(text: str) -> None:
    """It parses, and the counts are those of the verdicts."""
    if "\ud800" in text:
        one = incident("x.replay.db", samples.recording(), samples.diverged(reason=text))
        made = Campaign(incidents=(one,), groups=(), counts=())
        root = ElementTree.fromstring(junit.text(made, {}).encode())
        assert root.get("failures") == "1"
        return
    made, parts = samples.campaign(text)
    seconds = {name: verdict.seconds for name, verdict in parts.verdicts if verdict}
    root = ElementTree.fromstring(junit.text(made, seconds).encode())
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "3", "failures": "1", "errors": "1", "skipped": "0", "time": "0.750",
    }  # fmt: skip
    cases = list(root.iter("testcase"))
    assert [case.get("name") for case in cases] == ["rec-1", "rec-2", "rec-3"]
    assert [[part.tag for part in case] for case in cases] == [
        ["properties", "failure", "system-out"], ["properties", "system-out"], ["properties", "error", "system-out"],
    ]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORDS)
def test_annotations_are_one_line_each(text: str) -> None:
    """No text ends a command, adds one, or adds a property."""
    one_line_each(text)


@pytest.mark.parametrize("text", TEXTS)
def test_known_marks_change_no_annotation(text: str) -> None:
    """Least of all those that the commands are made of."""
    one_line_each(text)


def one_line_each(text: str) -> None:
    """Three commands with a title and no other property."""
    lines = github.text(samples.campaign(text)[0]).split("\n")
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::error", "::warning", ""]
    for line in lines[:3]:
        found = re.fullmatch(r"::(error|warning) title=([^,:\n\r]*)::([^\n\r]*)", line)
        assert found
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", found[2])


def ended(status: str, **fields: object) -> Incident:
    """An incident of the project below the current folder."""
    verdict = samples.diverged(status=status, divergence=None, divergences=(), reason=None, **fields)
    return incident("x.replay.db", samples.recording("", service_name="s"), verdict)


def test_annotations_stand_at_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the innermost line of the project that is a file of the checkout; a fixed incident is a notice."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.py").write_text("pass\n")
    monkeypatch.chdir(tmp_path)
    made = samples.single("ann")
    (line,) = github.text(made).splitlines()
    assert line.startswith("::error file=shop/app.py,line=40,title=diverged%3A AttributeError%3A ann::diverged: asked")
    monkeypatch.setattr(samples, "FILE", str(tmp_path / "shop" / "app.py"))
    for status, level in (("reproduced", "error"), ("changed", "notice")):
        text = github.text(Campaign(incidents=(ended(status),), groups=(), counts=()))
        assert text.startswith(f"::{level} file=shop/app.py,line=40,title={status}%3A AttributeError")
    worse = ended("changed", outcome=Outcome("raised", samples.error("other", "TypeError")))
    text = github.text(Campaign(incidents=(worse,), groups=(), counts=()))
    assert text.startswith("::error file=shop/app.py,line=40,title=changed")
    assert github.text(Campaign(incidents=(samples.incident("x.replay.db", good(), None),), groups=(), counts=())) == ""


def good() -> samples.Recording:
    """A result."""
    return samples.recording(outcome=Outcome("returned", encode(1)))


@pytest.mark.usefixtures("_four_verbs")
@pytest.mark.parametrize("name", ["single.md", "many.md", "many.xml", "many.txt"])
def test_golden_texts(name: str) -> None:
    """As last looked at; `REPLAY_GOLDEN=1 pytest ...` writes them anew."""
    many, parts = samples.campaign()
    texts = {
        "single.md": lambda: markdown.text(samples.single()),
        "many.md": lambda: markdown.text(many),
        "many.xml": lambda: junit.text(many, {name: verdict.seconds for name, verdict in parts.verdicts if verdict}),
        "many.txt": lambda: github.text(many),
    }
    text = texts[name]()
    file = GOLDEN / name
    if os.environ.get("REPLAY_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
