"""A fix for each planted failure, and the planted functions as a project of their own."""

from __future__ import annotations

from pathlib import Path

from tests.surfaces import planted

NAME = planted.__name__
FIXES = {
    "null_field": ('customer("c")["plan"].upper()', '(customer("c")["plan"] or "free").upper()'),
    "missing_key": ('len(customer("c")["plan"])', 'len(customer("c").get("plan", ""))'),
    "nested": ('10 / customer("c")["limits"]["seats"]["most"]', '10 / (customer("c")["limits"]["seats"]["most"] or 1)'),
    "raised": (
        '    return str(customer("c")["plan"])\n',
        '    try:\n        return str(customer("c")["plan"])\n    except TimeoutError:\n        return ""\n',
    ),
    "api_field": (
        '    return int(get().json()["price"]) + 1\n',
        '    price = get().json()["price"]\n    return int(price) + 1 if price.isdigit() else 0\n',
    ),
    "api_header": (
        '    return float(get().headers["X-Wait"])\n',
        '    wait = get().headers["X-Wait"]\n    return float(wait) if wait.isdigit() else 1.0\n',
    ),
    "api_status": ('raise ValueError("half an answer")', "return 0"),
    "score": ("1 / (0.0 if found > 1 else 1.0)", "1 / min(found, 1.0)"),
    "label": ('TABLE[risk({"amount": 3})["label"]]', 'TABLE.get(risk({"amount": 3})["label"], 0)'),
    "streamed": ('TABLE[json.loads(text)["label"]]', 'TABLE.get(json.loads(text)["label"], 0)'),
    "flagged": ('raise RuntimeError("the new prices are not ready")', "return 2"),
    "variable": (
        '    return int(os.environ["PLANTED_LIMIT"])\n',
        '    limit = os.environ["PLANTED_LIMIT"]\n    return int(limit) if limit.isdigit() else 10\n',
    ),
    "clock": ('raise RuntimeError("an odd millisecond")', "return 2"),
    "unset": ('raise RuntimeError("no new prices there")', "return 2"),
    "draw": ('raise RuntimeError("tails")', "return 2"),
    "order": ('raise RuntimeError("b came first")', "return 2"),
    "input_type": ('ticket["seats"] > 3', 'int(ticket["seats"]) > 3'),
    "input_text": ('encode("ascii")', "encode()"),
    "input_date": (
        '    return date.fromisoformat(ticket["day"]).year\n',
        '    return date.fromisoformat(ticket["day"]).year if ticket["day"][0].isdigit() else 0\n',
    ),
    "input_flag": ('[1][int(ticket["urgent"])]', '[1, 2][int(ticket["urgent"])]'),
    "empty_list": ('max(ticket["items"])', 'max(ticket["items"], default=0)'),
    "long_list": ('one, two = ticket["items"]', 'one, two = ticket["items"][:2]'),
    "one_item": ('10 / item["count"]', '10 / (item["count"] or 1)'),
    "together": ('raise RuntimeError("no refunds of free plans")', "return 2"),
    "twice": ('+ customer("c")["plan"].upper()', '+ (customer("c")["plan"] or "free").upper()'),
    "payload": (
        'json.loads(get().json()["payload"])["amount"] + 1',
        'int(json.loads(get().json()["payload"])["amount"]) + 1',
    ),
    "tool_call": (
        'TABLE[json.loads("".join(call["function"]["arguments"] for call in calls))["level"]]',
        'TABLE.get(json.loads("".join(call["function"]["arguments"] for call in calls))["level"], 0)',
    ),
    "local_zone": ('raise RuntimeError("closed in the morning")', "return 2"),
    "duplicate": ('raise RuntimeError("one name twice")', "return 2"),
    "not_set": ('os.environ["PLANTED_REGION"]', 'os.environ.get("PLANTED_REGION", "")'),
    "far": ('state["plan"].upper()', '(state["plan"] or "free").upper()'),
    "two_inputs": ('1 / (ticket["left"] - ticket["right"])', '1 / ((ticket["left"] - ticket["right"]) or 1)'),
}
"""By function: what is to be replaced, and by what."""


def project(folder: Path) -> Path:
    """A project whose `planted.py` goes by the name under which it was recorded."""
    folder.mkdir()
    targets = ", ".join(f'"{NAME}:{name}" = "planted:{name}"' for name in FIXES)
    (folder / "pyproject.toml").write_text(
        f"[tool.replay-harness]\ntargets = {{ {targets} }}\n"
        '[tool.pytest.ini_options]\nincident_paths = ["captures"]\n[tool.ruff]\nline-length = 100\n'
    )
    text = Path(planted.__file__).read_text(encoding="utf-8")
    start = "from __future__ import annotations\n"
    (folder / "planted.py").write_text(text.replace(start, f'{start}\n__name__ = "{NAME}"\n'), encoding="utf-8")
    return folder


def repair(folder: Path) -> None:
    """Apply all of them."""
    path = folder / "planted.py"
    text = path.read_text(encoding="utf-8")
    for before, after in FIXES.values():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
