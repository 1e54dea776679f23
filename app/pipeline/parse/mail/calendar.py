"""Calendars (RFC 5545) as text: the fields of each event and task, as calendar programs show them."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from icalendar import Calendar
from icalendar.prop import vBroken

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.text import clean_line

_SHOWN = {"VEVENT", "VTODO", "VJOURNAL"}
_FIELDS = (
    ("Where", "LOCATION"),
    ("Organizer", "ORGANIZER"),
    ("Attendees", "ATTENDEE"),
    ("Status", "STATUS"),
    ("Repeats", "RRULE"),
    ("Categories", "CATEGORIES"),
    ("Link", "URL"),
)
_ENDS = ("DTEND", "DUE")
_ERRORS = (ArithmeticError, AttributeError, IndexError, LookupError, RecursionError, TypeError, ValueError)
"""The errors of the library over invalid calendars."""


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """The events and tasks of a calendar file as one page.

    Raises:
        DocumentDamagedError: when it is not text.
    """
    text = decode(path.read_bytes())
    report(1, 1)
    return Parsed([Page(None, write_calendar(text))], {"title": _read_title(text)})


def write_calendar(text: str) -> str:
    """The entries of a calendar, separated by blank lines; its lines unchanged where it is invalid."""
    try:
        calendars = Calendar.from_ical(text, multiple=True)
        entries = [entry for calendar in calendars for entry in calendar.walk() if str(entry.name) in _SHOWN]
        shown = ["\n".join(_write_entry(entry)) for entry in entries]
    except _ERRORS:
        return text
    return "\n\n".join(filter(None, shown)) or text


def _read_title(text: str) -> str:
    """The name of a calendar, else the title of its only entry."""
    lines = [line.partition(":") for line in text.splitlines()]
    names = [value for name, _, value in lines if name.upper() == "X-WR-CALNAME"]
    titles = [value for name, _, value in lines if name.upper().partition(";")[0] == "SUMMARY"]
    return clean_line((names or (titles if len(titles) == 1 else [""]))[0])


def _write_entry(entry: Any) -> Iterator[str]:
    """The title, the time, the fields with their names, and the description of an entry."""
    if titles := _list_values(entry, "SUMMARY"):
        yield _fold(titles[0])
    if time := _write_time(entry):
        yield f"When: {time}"
    for name, key in _FIELDS:
        if values := [shown for value in _list_values(entry, key) if (shown := _fold(_write_value(value)))]:
            yield f"{name}: {', '.join(values)}"
    yield from (str(value).strip() for value in _list_values(entry, "DESCRIPTION"))


def _fold(text: str) -> str:
    """A text of any length on one line."""
    return clean_line(text, len(text))


def _list_values(entry: Any, key: str) -> list[Any]:
    values = entry.get(key)
    return values if isinstance(values, list) else [] if values is None else [values]


def _write_value(value: Any) -> str:
    """A value as text: people with name and address, rules and categories as they are written."""
    if hasattr(value, "cats"):
        return ", ".join(map(str, value.cats))
    if isinstance(value, dict):
        return ", ".join(f"{key.lower()} {'/'.join(map(str, parts))}" for key, parts in value.items())
    text = str(value)
    if text.lower().startswith("mailto:"):
        address, name = text[len("mailto:") :], str(value.params.get("CN", ""))
        return f"{name} <{address}>" if name and name != address else address
    return text


def _write_time(entry: Any) -> str:
    """From when to when, with the zone; the end of an entry of whole days is its last day."""
    start, length = _read_time(entry, "DTSTART"), _read_time(entry, "DURATION")
    key = next((key for key in _ENDS if _read_time(entry, key) is not None), "DTSTART")
    end = _read_time(entry, key) if key in _ENDS else None
    if end is None and isinstance(start, date) and isinstance(length, timedelta):
        end = start + length
    if isinstance(end, date) and not isinstance(end, datetime) and end != start:
        end -= timedelta(days=1)
    if isinstance(start, datetime) and isinstance(end, datetime) and start.date() == end.date():
        zone, last = _write_zone(entry, "DTSTART", start), _write_zone(entry, key, end)
        return f"{start:%Y-%m-%d %H:%M}{zone if zone != last else ''} to {end:%H:%M}{last}"
    moments = (("DTSTART", start), (key, end))
    shown = [_write_moment(entry, name, moment) for name, moment in moments if isinstance(moment, date)]
    return " to ".join(dict.fromkeys(shown))


def _read_time(entry: Any, key: str) -> date | timedelta | None:
    values = (value for value in _list_values(entry, key) if not isinstance(value, vBroken))
    found = (getattr(value, "dt", None) for value in values)
    return next((value for value in found if isinstance(value, (date, timedelta))), None)


def _write_moment(entry: Any, key: str, moment: date) -> str:
    if not isinstance(moment, datetime):
        return str(moment)
    return f"{moment:%Y-%m-%d %H:%M}{_write_zone(entry, key, moment)}"


def _write_zone(entry: Any, key: str, moment: datetime) -> str:
    """The name of the zone as the field gives it, and its offset from UTC."""
    if moment.tzinfo is None:
        return ""
    names = [value.params.get("TZID") for value in _list_values(entry, key) if hasattr(value, "params")]
    offset = f"{moment:%z}"
    shown = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:]}"
    return f" {names[0]} ({shown})" if names and names[0] else f" {shown}"
