"""pydantic's ValidationError: what failed is in no argument and no attribute of it, and only its own class makes it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay.core.encoder import Encoder

_MOST = 20
"""Failures that are kept: each may hold all of the input."""
_KEPT = ("type", "loc", "msg", "input", "ctx")


def is_validation(kind: type) -> bool:
    """Whether it is that class, of the pydantic that the application has loaded."""
    core = sys.modules.get("pydantic_core._pydantic_core")
    return core is not None and core.__dict__.get("ValidationError") is kind


def told(encoder: Encoder, error: Any) -> tuple[str, tuple[Any, ...]]:
    """Its message, without the values and addresses of `str(error)`, and as arguments its title and what failed."""
    found = [{name: each[name] for name in _KEPT if name in each} for each in error.errors(include_url=False)]
    lines = [f"{len(found)} validation error{'' if len(found) == 1 else 's'} for {error.title}"]
    for each in found[:_MOST]:
        lines += [".".join(map(str, each["loc"])), f"  {each['msg']} [type={each['type']}]"]
    if len(found) > _MOST:
        encoder.gap("truncated-count", "pydantic_core.ValidationError")
    return "\n".join(line for line in lines if line), (error.title, found[:_MOST])


def made(kind: Any, title: str, found: list[dict[str, Any]]) -> BaseException:
    """The error anew."""
    return kind.from_exception_data(title, [_detail(kind, each) for each in found])  # type: ignore[no-any-return]


def _detail(kind: Any, each: dict[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = {name: each[name] for name in ("type", "loc", "input", "ctx") if name in each}
    try:
        same = kind.from_exception_data("", [detail]).errors()[0]["msg"] == each["msg"]
    except (KeyError, TypeError, ValueError):  # a type of the application, or of another version
        same = False
    if not same:
        detail = {**detail, "type": sys.modules[kind.__module__].PydanticCustomError(each["type"], each["msg"])}
    return detail
