"""The report as one HTML page that needs nothing but itself: no script, no network, no style but its own.

A recording holds what strangers sent, and the page is opened in a browser. So every expression of the templates is
first made printable (no control, format or bidirectional character is left, `finalize` below), then HTML-escaped
(autoescape); no address in the page comes from a recording; and a Content-Security-Policy allows one style sheet, by
its hash, and nothing else (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from replay.errors import ReplayError
from replay.surfaces.page import count, when
from replay.surfaces.printable import escape
from replay.surfaces.report.incidents import Campaign, Incident

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

WHOLE = 100
"""Incidents of a campaign that are shown whole; of the others there is a line."""
_TEMPLATES = "replay.surfaces.report"


def page(campaign: Campaign) -> str:
    """The page of one incident, or of many. Raises ReplayError (`report-not-installed`) without Jinja2."""
    from markupsafe import Markup

    styles = css()
    return _environment().get_template("page.html").render(
        campaign=campaign,
        title=title(campaign),
        css=Markup(styles),  # ours, not recorded
        policy=policy(styles),
        sections=_sections(campaign.incidents[0]) if len(campaign.incidents) == 1 else (),
        anchors={one.name: f"r{number}-top" for number, one in enumerate(campaign.incidents[:WHOLE], 1)},
        whole=WHOLE,
    )  # fmt: skip


def title(campaign: Campaign) -> str:
    """Of the page."""
    if len(campaign.incidents) == 1:
        one = campaign.incidents[0]
        return f"{one.status}: {one.title}"
    failures = f", {count(len(campaign.groups), 'failure')}" if campaign.groups else ""
    return f"{count(len(campaign.incidents), 'recording')}{failures}"


@cache
def css() -> str:
    """The style sheet."""
    return files(_TEMPLATES).joinpath("templates/page.css").read_text("utf-8")


def policy(styles: str) -> str:
    """The Content-Security-Policy that lets this style sheet be and nothing else."""
    digest = b64encode(sha256(styles.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _printable(value: Any) -> Any:
    """What an expression of a template becomes before it is HTML-escaped; markup is what a macro of ours made."""
    return value if hasattr(value, "__html__") else escape(str(value))


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        message = "an HTML report needs Jinja2, which is not installed: pip install 'path/to/checkout[report]'"
        raise ReplayError(message, slug="report-not-installed") from error
    made = Environment(
        loader=PackageLoader(_TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breaks"] = _breaks
    made.globals |= {"command": _command, "day": lambda at: when(at)[:10]}
    return made


def _breaks(text: str) -> Markup:
    """A path or an address that may be broken after its separators, rather than anywhere."""
    from markupsafe import Markup

    parts = re.split(r"(?<=[/:._?&=-])(?=\w)", escape(text))
    return Markup("<wbr>").join(parts)  # escapes each


def _command(bundle: str) -> str:
    return f"replay run {shlex.quote(escape(bundle))}"


def _sections(one: Incident) -> list[tuple[str, str]]:
    """Id and name of each section that the page has."""
    differs = one.partings or one.sides or one.expected or (one.reason and one.status != "unanswerable")
    found = [
        ("cause", "Cause", one.cause),
        ("edits", "What was changed", one.edits),
        ("saw", "What production saw", True),
        ("now", "What happened now", one.now and one.status in ("changed", "diverged")),
        ("differs", "What differs", differs),
        ("time", "Time line", one.timeline.steps),
        ("models", "Models", one.scored),
        ("near", "Neighbours tried", one.tried),
        ("from", "Provenance", True),
        ("gaps", "Gaps", True),
        ("next", "Next", True),
    ]
    return [(id, name) for id, name, there in found if there]
