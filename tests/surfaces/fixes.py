"""The demo's service as a project of its own, and a fix for each of its twelve bugs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.surfaces import projects

SERVICE = projects.ROOT / "replay" / "surfaces" / "demo" / "service.py"
NAME = "replay.surfaces.demo.service"
ANSWER = f"{NAME}:save=null"
"""What the service calls only after the point of every failure."""
FIXES = {
    "raise_priority_attribute_error": [('customer["plan"].lower()', '(customer["plan"] or "free").lower()')],
    "genexpr_key_error": [('invoice["amount_due"] for', 'invoice.get("amount_due", invoice.get("amountDue", 0)) for')],
    "triage_key_error": [
        ("    if customer is None:\n", '    if customer is None or "account_id" not in customer:\n'),
        ('QUEUES[answer["label"]]', 'QUEUES.get(answer["label"], "frontline")'),
    ],
    "raise_priority_type_error": [('ticket.get("seats", 0) >', 'int(ticket.get("seats") or 0) >')],
    "fetch_customer_unicode_encode_error": [
        ('{"X-On-Behalf-Of": sender}', '{"X-On-Behalf-Of": sender.encode("unicode_escape").decode()}')
    ],
    "fingerprint_of_unicode_encode_error": [
        ('str(ticket.get("subject") or "")', 'str(ticket.get("subject") or "").encode(errors="replace").decode()'),
        ('ticket.get("text") or "")\n', 'ticket.get("text") or "").encode(errors="replace").decode()\n'),
    ],
    "due_at_value_error": [
        (
            "local.replace(hour=local.hour + SAME_DAY_HOURS[priority])",
            "local + timedelta(hours=SAME_DAY_HOURS[priority])",
        )
    ],
    "fetch_customer_read_timeout": [
        (
            '        response = await client.get(f"/customers/{customer_id}", headers=headers)\n',
            "        try:\n"
            '            response = await client.get(f"/customers/{customer_id}", headers=headers)\n'
            "        except httpx.TimeoutException:\n"
            "            continue\n",
        )
    ],
    "classify": [
        (
            "    answer: dict[str, Any] = json.loads(text)\n    return answer\n",
            '    fallback = {"label": "question", "priority": "normal", "confidence": 0.0}\n'
            '    text = text.strip().removeprefix("```json").removesuffix("```")\n'
            "    try:\n"
            "        answer: dict[str, Any] = json.loads(text)\n"
            "    except ValueError:\n"
            "        return fallback\n"
            "    return answer\n",
        ),
        (
            "    answer = await classify(subject, body, customer_id)\n",
            "    try:\n"
            "        answer = await classify(subject, body, customer_id)\n"
            "    except openai.APIConnectionError:\n"
            '        answer = {"label": "question", "priority": "normal", "confidence": 0.0}\n',
        ),
        ("import httpx\n", "import httpx\nimport openai\n"),
    ],
}
"""By where it failed and with what: what is to be replaced, and by what."""


def project(folder: Path) -> None:
    """A project whose `service.py` is the demo's. It goes by the name under which it was recorded, as a service that
    was not moved would; only its file lies elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        f'[tool.replay-harness]\ntargets = {{ "{NAME}:app" = "service:app" }}\n'
        '[tool.pytest.ini_options]\nincident_paths = ["captures"]\n'
    )
    text = SERVICE.read_text(encoding="utf-8")
    start = "from __future__ import annotations\n"
    assert start in text
    (folder / "service.py").write_text(text.replace(start, f'{start}\n__name__ = "{NAME}"\n'), encoding="utf-8")


def repair(folder: Path, *names: str) -> None:
    """Apply the fixes of these names, or all."""
    path = folder / "service.py"
    text = path.read_text(encoding="utf-8")
    for name in names or FIXES:
        for before, after in FIXES[name]:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def hide(folder: Path, bodies: list[object]) -> None:
    """What only looks like a fix: these very tickets are answered without being looked at."""
    (folder / "hidden.json").write_text(json.dumps(bodies))
    path = folder / "service.py"
    text = path.read_text(encoding="utf-8")
    before = "    if not isinstance(ticket, dict):\n"
    assert text.count(before) == 1
    answer = '    if ticket in HIDDEN:\n        return JSONResponse({"queue": "frontline"}, 201)\n'
    text = text.replace(before, answer + before)
    hidden = 'json.load(open(os.path.dirname(__file__) + "/hidden.json"))'
    text = text.replace("\nQUEUES = ", f"\nHIDDEN = {hidden}\nQUEUES = ")
    path.write_text(text, encoding="utf-8")
