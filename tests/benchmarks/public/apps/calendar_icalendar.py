"""Calendars that users subscribe to."""

from __future__ import annotations

import icalendar

import replay

BENIGN = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//shop//EN\r\nBEGIN:VEVENT\r\nUID:1@shop.example\r\n"
    "DTSTART:20240305T100000Z\r\nSUMMARY:Sale\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@replay.capture
def titles(calendar: str) -> list[str]:
    """Titles of its events."""
    return [str(each.get("summary")) for each in icalendar.Calendar.from_ical(calendar).walk("vevent")]


def record() -> None:
    titles(BENIGN)
