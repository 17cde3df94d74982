"""What a verdict guesses of a request that the recording cannot answer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from replay.core.codec import encode
from replay.core.recording import Interaction
from replay.core.verdict import Divergence, Frame
from replay.surfaces.hints import perhaps
from replay.surfaces.unset import advice, behind, unset


def _asked(target: str, near: str | None, kind: str = "extra", boundary: str = "http") -> Divergence:
    nothing = encode(None)
    nearest = near and Interaction(
        seq=0, lane="0", boundary="http", target=near, request=nothing, answer=nothing, state="returned", offset_ns=0,
        duration_ns=0,
    )  # fmt: skip
    return Divergence(kind=kind, lane="0", boundary=boundary, target=target, nearest=nearest or None)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["extra", "changed"])
@pytest.mark.parametrize("target", ["POST https://api.mistral.ai/v1/chat?a=1", "POST http://127.0.0.1:2/v1/chat?a=1"])
def test_only_where_it_goes_is_another(kind: str, target: str) -> None:
    """The base URL is set by a variable that no recording has."""
    said = perhaps(_asked(target, "POST http://127.0.0.1:1/v1/chat?a=1", kind))
    assert said is not None
    assert "replay.init(environ=" in said


@pytest.mark.parametrize(
    ("target", "near", "is_so"),
    [
        ("GET https://huggingface.co/api/list", "POST http://127.0.0.1:1/v1/chat", True),
        ("GET https://huggingface.co/api/list", None, True),
        ("GET http://127.0.0.1:1/v1/models", "POST http://127.0.0.1:1/v1/chat", False),
        ("POST https://huggingface.co/api/list", None, False),
        ("shop:lookup", None, False),
    ],
)
def test_a_library_may_ask_by_itself(target: str, near: str | None, is_so: bool) -> None:
    """A list, a version: of a host that production asked nothing of, while the unit of work ran."""
    said = perhaps(_asked(target, near))
    assert said is not None
    assert said.startswith("the code has changed")
    assert ("a library asks it" in said) is is_so


def test_what_is_refused_is_recorded_by_a_boundary() -> None:
    """A client with a transport of its own (dspy), a process (MCP over stdio)."""
    said = perhaps(_asked("connect 127.0.0.1:1", None, "refused", "socket"))
    assert said is not None
    assert "@replay.boundary" in said


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("sqlite3.connect /srv/none/crew/latest.db", "/srv/none/crew"), ("open /srv/a b/x.log for writing", "/srv/a b"),
        ("chmod /usr", "/usr"), ("open /srv/…/x for writing", "its folder"), ("rename (path unknown)", "its folder"),
    ],
)  # fmt: skip
def test_the_folder_that_is_always_written_is_named(target: str, folder: str) -> None:
    """As it stands in the configuration; a folder itself, where that is one."""
    assert f'writable = ["{folder}"]' in (perhaps(_asked(target, None, "refused", "file")) or "")


@pytest.mark.parametrize(("boundary", "function", "said"), [
    ("file", "quote", "writable = "), ("process", "<module>", "as the project is imported"),
    ("file", "<module>", "as the project is imported"),
])  # fmt: skip
def test_what_is_refused_is_let_through_or_spared(boundary: str, function: str, said: str) -> None:
    """A log that is always written; what a library does as it is set up (sentry-sdk asks git for the revision)."""
    asked = _asked("run git rev-parse HEAD", None, "refused", boundary)
    place = Frame("shop.py", 3, function, "sentry_sdk.init()")
    assert said in (perhaps(msgspec.structs.replace(asked, where=(place,))) or "")


SETTINGS = """\
import os
from os import environ, getenv

BASE = getenv("SHOP_URL_A")

def direct(client):
    return client.get(os.environ["SHOP_URL_B"] + "/x")

def indirect(client):
    base = environ.get("SHOP_URL_C")
    url = f"{base}/x"
    return client.get(url)

def module(client):
    return client.get(f"{BASE}/x")

def block(make):
    with make(base_url=os.environ.get("SHOP_URL_D", "")) as client:
        return client.get("/x")

def known(client):
    return client.get(os.environ["PATH"])
"""


@pytest.mark.parametrize(
    ("line", "names"),
    [(7, ["SHOP_URL_B"]), (12, ["SHOP_URL_C"]), (15, ["SHOP_URL_A"]), (19, ["SHOP_URL_D"]), (22, []), (99, [])],
)
def test_variables_that_a_line_reads(tmp_path: Path, line: int, names: list[str]) -> None:
    """Itself, or by a name that was assigned before; only such as are not set here."""
    file = tmp_path / "shop.py"
    file.write_text(SETTINGS)
    assert unset([Frame(str(file), line, "f", ""), Frame(str(tmp_path / "none.py"), 1, "g", "")]) == names


@pytest.mark.parametrize(
    ("kind", "message", "is_so"),
    [
        ("KeyError", "'SHOP_URL_B'", True), ("KeyError", "'plan'", False), ("ValueError", "no plan", False),
        ("requests.exceptions.MissingSchema", "Invalid URL 'None/x'", True), ("httpx.UnsupportedProtocol", "", True),
        ("TypeError", "unsupported operand type(s) for +: 'NoneType' and 'str'", True),
    ],
)  # fmt: skip
def test_errors_that_come_of_a_variable_that_is_not_set(tmp_path: Path, kind: str, message: str, is_so: bool) -> None:
    """Another error of that line does not."""
    file = tmp_path / "shop.py"
    file.write_text(SETTINGS)
    assert behind(kind, message, [Frame(str(file), 7, "direct", "")]) == (["SHOP_URL_B"] if is_so else [])


def test_the_advice_names_the_variable_and_where_production_went() -> None:
    """What to set, to what, and how to need it no more."""
    said = advice(["SHOP_URL"], "GET http://crm.example:81/v1/x?a=1")
    assert said.startswith("SHOP_URL is not set here")
    assert "(it asked http://crm.example:81)" in said
    assert 'replay.init(environ=["SHOP_URL"])' in said
    assert "A and B are not set here" in advice(["A", "B"], None)


def test_a_request_to_no_server_names_the_variable(tmp_path: Path) -> None:
    """A client without a base URL asks `GET /x`."""
    file = tmp_path / "shop.py"
    file.write_text(SETTINGS)
    asked = msgspec.structs.replace(
        _asked("GET /x", "GET http://127.0.0.1:1/x"), where=(Frame(str(file), 19, "block", ""),)
    )
    assert (perhaps(asked) or "").startswith("SHOP_URL_D is not set here")
