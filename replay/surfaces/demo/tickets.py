"""The demo's traffic: support tickets of the shapes that mail gateways, web forms and phones really send.

`tickets(count, seed)` is a pure function. Each shape has a share of the traffic; the odd ones are rare, as they are,
but none is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Any

ZONES = (  # without daylight saving, one for each hour of the globe
    "Pacific/Niue", "Pacific/Honolulu", "Pacific/Gambier", "Pacific/Pitcairn", "America/Phoenix",
    "America/Costa_Rica", "America/Lima", "America/La_Paz", "America/Argentina/Buenos_Aires", "America/Noronha",
    "Atlantic/Cape_Verde", "Africa/Abidjan", "Africa/Lagos", "Africa/Johannesburg", "Europe/Istanbul", "Asia/Dubai",
    "Asia/Karachi", "Asia/Dhaka", "Asia/Bangkok", "Asia/Singapore", "Asia/Tokyo", "Australia/Brisbane",
    "Pacific/Guadalcanal", "Pacific/Tarawa",
)  # fmt: skip
HOME_ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Europe/London", "Asia/Kolkata", "UTC")
TEXTS = (
    ("Invoice question", "Hi,\n\nour last invoice lists 12 seats, we have 11. Could you check?\n\nThanks\nMaria"),
    ("Cannot log in since this morning", "I get asked for my 2FA code again and again. Password reset did not help."),
    ("Export crashes", "When I export more than 10,000 rows the page shows error 0x80070057."),
    (
        "Kündigung zum Jahresende",
        "Sehr geehrte Damen und Herren,\nhiermit kündigen wir zum 31.12.\nMit freundlichen Grüßen",
    ),
    ("Rechnung fehlt", "Die Rechnung für März ist nicht angekommen. Bitte an buchhaltung@example.de."),
    ("Facture en double", "Bonjour, nous avons été débités deux fois (facture n° 2026-0312). Merci de rembourser."),
    ("請求書について", "お世話になっております。先月の請求金額が違うようです。ご確認ください。"),
    ("ログインできません", "パスワードを変えてからログインできません。よろしくお願いします。"),
    ("سؤال عن الحساب", "مرحبا، كيف يمكنني إضافة مستخدم جديد؟ شكرا"),
    ("Вопрос", "Здравствуйте! Где найти настройки уведомлений?"),
    ("Feature idea", "It would be great to sort the board by colour. Also: dark mode 🙏"),
    ("How do I add a teammate?", "I am the admin but the button is grey."),
    (
        "Re: Re: Fwd: payment",
        "> On Tue, you wrote:\n>> On Mon, we:\n>>> payment failed\n> please retry\nStill fails.",
    ),
)
HTML = (
    '<html><body style="font-family:Calibri"><p>Hello&nbsp;team,</p><p>please find the <b>refund</b> request below.</p>'
    "<table><tr><td>Order</td><td>4711</td></tr></table><!--[if mso]><xml></xml><![endif]--></body></html>"
)
MOMENTS = (  # around midnight, month ends, leap days, daylight saving, and formats nobody promised
    "2026-03-08T02:30:00", "2026-10-25T02:30:00+02:00", "2026-11-01T01:30:00-05:00", "2025-12-31T23:59:59.999999Z",
    "2026-01-01T00:00:00+14:00", "2024-02-29T12:00:00Z", "20260315T101500Z", "31/12/2025 23:59", "yesterday", "",
    "1767225599", "2026-04-05T24:00:00Z",
)  # fmt: skip

Body = dict[str, Any] | bytes


@dataclass(frozen=True)
class Ticket:
    """One request to the service."""

    shape: str
    """The name of the function below that made it."""
    body: bytes


def ordinary(random: Random, index: int) -> dict[str, Any]:
    """A ticket as the documentation of the endpoint has it."""
    subject, body = random.choice(TEXTS)
    return {
        "customer_id": f"cus_1{random.randrange(1000):03}",
        "from": random.choice(("maria@example.com", "k.tanaka@example.co.jp", "info@example.de", "ops@example.org")),
        "subject": subject,
        "body": body,
        "timezone": random.choice(HOME_ZONES),
        "created_at": f"2026-0{random.randint(1, 9)}-{random.randint(10, 28)}T{random.randint(10, 23)}:15:00+00:00",
        "channel": random.choice(("mail", "web", "mobile")),
    }


def from_cohort(number: int, random: Random, index: int, **fields: Any) -> dict[str, Any]:
    """An ordinary ticket of a customer of that cohort (see `servers.COHORTS`)."""
    return ordinary(random, index) | {"customer_id": f"cus_{number}{random.randrange(1000):03}"} | fields


def odd_dates(random: Random, index: int) -> Body:
    """Dates at the edges, or no dates at all."""
    zone = random.choice((*HOME_ZONES, "W. Europe Standard Time", "GMT+2", "", None))
    return ordinary(random, index) | {"created_at": MOMENTS[index % len(MOMENTS)], "timezone": zone}


def odd_text(random: Random, index: int) -> Body:
    """Emoji sequences, combining marks, direction marks, null bytes, a byte order mark, control characters."""
    odd = (
        "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3f3\ufe0f\u200d\U0001f308", "Z\u0337\u0311a\u0338lgo",
        "\u202eevil\u202c", "a\x00b", "\ufeffHello", "\ufb01ne ß İ", "\x1b[31mred", "\U0001d573\U0001d58a",
    )  # fmt: skip
    return ordinary(random, index) | {"subject": odd[index % len(odd)], "body": f"{odd[index % len(odd)]} how do I?"}


def pasted_html(random: Random, index: int) -> Body:
    """A mail whose text part is HTML."""
    return ordinary(random, index) | {"body": HTML, "subject": None}


def very_long(random: Random, index: int) -> Body:
    """20 KB: a thread quoted a hundred times."""
    body = "Please see below.\n" + "\n".join(f"{'>' * (line % 9)} {TEXTS[0][1]!r}" for line in range(200))
    return ordinary(random, index) | {"body": body[:20_000]}


def renamed_keys(random: Random, index: int) -> Body:
    """The phone app's names for the same things."""
    ticket = ordinary(random, index)
    return {"customerId": ticket["customer_id"], "text": ticket["body"], "meta": {"os": "iOS 19", "locale": "fr_CA"}}


def numbers_as_text(random: Random, index: int) -> Body:
    """A form that sends every field as text, for a customer whose number of seats does not matter."""
    return ordinary(random, index) | {"seats": str(random.randint(1, 400)), "urgent": "false", "attachments": "0"}


def busy_crm(random: Random, index: int) -> Body:
    """The CRM says 503 once."""
    return from_cohort(4, random, index, customer_id=f"cus_4{index:03}")


def billing_down(random: Random, index: int) -> Body:
    """Billing says 503."""
    return from_cohort(5, random, index)


def empty(random: Random, index: int) -> Body:
    """Nothing but keys."""
    return {"customer_id": "cus_1001", "subject": "", "body": "  ", "from": ""}


def deleted_customer(random: Random, index: int) -> Body:
    """A customer that the CRM does not know any more."""
    return from_cohort(9, random, index)


def not_json(random: Random, index: int) -> Body:
    """Cut off on the way, a form post, single quotes, Latin-1, a bare list."""
    whole = json.dumps(ordinary(random, index), ensure_ascii=False).encode()
    odd = (
        whole[:-20],
        b"subject=Help&body=me",
        b"{'subject': 'Help'}",
        '{"subject": "Größe"}'.encode("latin-1"),
        b"[1]",
    )
    return odd[index % len(odd)]


def trial_ended(random: Random, index: int) -> Body:
    """A customer without a plan."""
    return from_cohort(2, random, index)


def billing_moved(random: Random, index: int) -> Body:
    """An account on the new billing API."""
    return from_cohort(3, random, index)


def code_pasted(random: Random, index: int) -> Body:
    """Markdown with a code block."""
    code = "```python\nclient.export(rows=10_000)\nTraceback (most recent call last): ...\n```"
    return ordinary(random, index) | {"subject": "Export fails", "body": f"This is what I run:\n\n{code}\n\nIdeas?"}


def stream_dropped(random: Random, index: int) -> Body:
    """A customer whose model server drops the connection."""
    return from_cohort(7, random, index)


def long_cjk(random: Random, index: int) -> Body:
    """12,000 characters that are three bytes each: the model runs out of context."""
    return ordinary(random, index) | {"body": (TEXTS[6][1] + "\n") * 400}


def around_the_clock(random: Random, index: int) -> Body:
    """An outage, reported from an hour of the globe."""
    fields = {"subject": "Outage", "body": "Our production is down, nobody can work.", "timezone": ZONES[index % 24]}
    return ordinary(random, index) | fields


def half_an_emoji(random: Random, index: int) -> Body:
    """A subject that some gateway cut at 40 UTF-16 units, in the middle of an emoji."""
    ticket = json.dumps(ordinary(random, index) | {"subject": "CUT"})
    return ticket.replace('"CUT"', '"Re: your order has not arrived yet \\ud83d"').encode()


def no_customer(random: Random, index: int) -> Body:
    """The web form without a login."""
    ticket: dict[str, Any] = ordinary(random, index) | {"customer_id": ("", None)[index % 2]}
    return ticket


def enterprise_form(random: Random, index: int) -> Body:
    """A form that sends every field as text, for a customer whose number of seats matters."""
    return from_cohort(8, random, index, seats=str(random.randint(60, 400)), subject="Question", body="Who owns this?")


def wants_spanish(random: Random, index: int) -> Body:
    """The sender asks the reader, and so the model, for Spanish."""
    body = "Hola, ¿por qué la factura es más alta este mes? Por favor, responde en español."
    return ordinary(random, index) | {"subject": "Factura", "body": body}


def accented_sender(random: Random, index: int) -> Body:
    """A mail address that is valid and not ASCII."""
    return ordinary(random, index) | {"from": ("jörg@müller.example", "用户@例子.example")[index % 2]}


def slow_crm(random: Random, index: int) -> Body:
    """A customer for whom the CRM takes too long."""
    return from_cohort(6, random, index)


Shape = Callable[[Random, int], Body]
ROUTINE: dict[Shape, int] = {
    odd_dates: 24, odd_text: 16, pasted_html: 8, very_long: 5, renamed_keys: 10, numbers_as_text: 8, busy_crm: 8,
    billing_down: 6, empty: 3, deleted_customer: 4, not_json: 5,
}  # fmt: skip
"""Shapes that the service was written for, their tickets of 300."""
SURPRISES: dict[Shape, int] = {
    trial_ended: 6, billing_moved: 6, code_pasted: 5, stream_dropped: 3, long_cjk: 2, around_the_clock: 24,
    half_an_emoji: 4, no_customer: 5, enterprise_form: 3, wants_spanish: 3, accented_sender: 3, slow_crm: 2,
}  # fmt: skip
"""Shapes that it was not, their tickets of 300."""
LEAST: dict[Shape, int] = {around_the_clock: 8, odd_dates: 1}
"""Eight hours of the globe, evenly spread: at any moment one of them is in the last four hours of its day."""


def tickets(count: int, seed: int) -> list[Ticket]:
    """`count` tickets, equal for an equal seed; at least one of each surprise, so never fewer than these are."""
    random = Random(seed)
    made = [_ticket(shape, random, index) for shape, index in _deck(count)]
    random.shuffle(made)
    return made


def _deck(count: int) -> Iterator[tuple[Shape, int]]:
    """Which shapes, each with the number of the ticket within its shape."""
    left = count
    for shape, share in (SURPRISES | ROUTINE).items():
        number = max(LEAST.get(shape, int(shape in SURPRISES)), share * count // 300)
        number = number if shape in SURPRISES else min(number, max(0, left))
        left -= number
        step = max(1, 24 // number) if shape is around_the_clock else 1
        yield from ((shape, index * step) for index in range(number))
    yield from islice(zip(cycle([ordinary]), range(max(0, left)), strict=False), max(0, left))


def _ticket(shape: Shape, random: Random, index: int) -> Ticket:
    made = shape(random, index)
    body = made if isinstance(made, bytes) else json.dumps(made, ensure_ascii=bool(index % 2)).encode()
    return Ticket(shape.__name__, body)
