"""Attachments that are shown below a message, as mail programs do: texts, tables and calendars."""

from pathlib import PurePath

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.markup import write_markup

_SHOWN_CHARACTERS = 20_000
_CALENDAR_BYTES = 1024 * 1024
_SHOWN_TYPES = {"text/plain", "text/csv", "text/markdown", "text/html", "text/calendar"}
_BY_SUFFIX = {
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".htm": "text/html",
    ".html": "text/html",
    ".ics": "text/calendar",
}
_UNSPECIFIC = {"application/octet-stream", "application/ics", "text/x-markdown", "application/csv"}


def find_shown_type(kind: str, name: str) -> str | None:
    """The type as which an attachment is shown; None for those that are only named."""
    by_name = _BY_SUFFIX.get(PurePath(name).suffix.lower())
    if kind in _SHOWN_TYPES:
        return by_name if kind == "text/plain" and by_name else kind
    return by_name if kind in _UNSPECIFIC else None


def write_shown(kind: str, content: bytes, charset: str | None, limits: Limits) -> str:
    """The text of an attachment, at most 20,000 characters; empty where it is not text."""
    try:
        if kind == "text/html":
            text = write_markup(content, limits, charset)
        elif kind == "text/calendar" and len(content) <= _CALENDAR_BYTES:
            from app.pipeline.parse.mail.calendar import write_calendar  # noqa: PLC0415, few mails need its library

            text = write_calendar(decode(content, charset))
        else:
            text = decode(content, charset)
    except (DocumentDamagedError, ParseLimitExceededError):
        return ""
    return text.strip()[:_SHOWN_CHARACTERS]
