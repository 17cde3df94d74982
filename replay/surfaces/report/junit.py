"""The report as JUnit XML, which build servers read: a test case a recording.

Attributes and elements as in the schema that Jenkins and GitLab accept
(https://github.com/testmoapp/junitxml, "Common JUnit XML Format"). XML 1.0 has no way to write most control characters
and no surrogates at all, so what is not printable is escaped as text first.
"""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from replay.surfaces.printable import escape
from replay.surfaces.report.incidents import Campaign, Incident
from replay.surfaces.report.trees import Node

NAME = "replay-harness"
_ELEMENTS = {"changed": "failure", "diverged": "failure", "unanswerable": "error", "recorded": "skipped"}


def text(campaign: Campaign, seconds: dict[str, float]) -> str:
    """The document. `seconds`: how long each replay took, by `PATH::ID`."""
    root = Element("testsuites", name=NAME)
    suites: dict[str, list[Incident]] = {}
    for one in campaign.incidents:
        suites.setdefault(one.name.rpartition("::")[0], []).append(one)
    _count(root, campaign.incidents, seconds)
    for path, found in suites.items():
        suite = SubElement(root, "testsuite", name=escape(path))
        _count(suite, found, seconds)
        for one in found:
            _case(suite, one, seconds.get(one.name, 0.0))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _count(element: Element, found: tuple[Incident, ...] | list[Incident], seconds: dict[str, float]) -> None:
    kinds = Counter(_ELEMENTS.get(one.status, "passed") for one in found)
    element.set("tests", str(len(found)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(kinds[kind]))
    element.set("time", f"{sum(seconds.get(one.name, 0.0) for one in found):.3f}")


def _case(suite: Element, one: Incident, took: float) -> None:
    case = SubElement(suite, "testcase", name=escape(one.id), classname=escape(one.entrypoint), time=f"{took:.3f}")
    properties = SubElement(case, "properties")
    for name, value in one.provenance:
        SubElement(properties, "property", name=name, value=escape(value))
    kind = _ELEMENTS.get(one.status)
    if kind is not None:
        told = SubElement(case, kind, message=escape(f"{one.status}: {one.sentence}"))
        if kind != "skipped":
            told.set("type", one.status)
            told.text = "\n".join(map(escape, _told(one)))
    SubElement(case, "system-out").text = "\n".join(map(escape, (one.title, *(text for _, text in one.commands))))


def _told(one: Incident) -> list[str]:
    lines = [one.explained, f"recorded: {one.recorded.sentence}"]
    if one.now is not None:
        lines.append(f"now: {one.now.sentence}")
    for parting in one.partings:
        lines.append(f"{parting.kind}: {parting.sentence}")
        lines += [f"  at {line.place} in {line.function}" for line in parting.frames]
        lines += [f"  {side.path}: recorded {_text(side.recorded)}, now {_text(side.now)}" for side in parting.sides]
    lines += [f"{side.path}: recorded {_text(side.recorded)}, now {_text(side.now)}" for side in one.sides]
    return [*lines, one.served]


def _text(node: Node | None) -> str:
    return "nothing" if node is None else node.text
