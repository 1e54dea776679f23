"""The texts of attachments, which are shown below the message."""

from pathlib import PurePath

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.embedded import read_embedded
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


def write_shown(kind: str, name: str, content: bytes, charset: str | None, limits: Limits) -> str:
    """The text of an attachment, at most 20,000 characters; empty where it has none.

    Args:
        kind: Its declared type.
        name: Its file name.
        content: Its bytes.
        charset: Its declared encoding.
        limits: The limits of what is read.
    """
    shown_type = _find_type(kind, name)
    text = _decode(shown_type, content, charset, limits) if shown_type else read_embedded(name, content, limits)
    return text.strip()[:_SHOWN_CHARACTERS]


def _find_type(kind: str, name: str) -> str | None:
    """The type of an attachment that is text; None for other documents."""
    by_name = _BY_SUFFIX.get(PurePath(name).suffix.lower())
    if kind in _SHOWN_TYPES:
        return by_name if kind == "text/plain" and by_name else kind
    return by_name if kind in _UNSPECIFIC else None


def _decode(kind: str, content: bytes, charset: str | None, limits: Limits) -> str:
    """The text of an attachment of this type; empty where it is not text."""
    try:
        if kind == "text/html":
            return write_markup(content, limits, charset)
        if kind == "text/calendar" and len(content) <= _CALENDAR_BYTES:
            from app.pipeline.parse.mail.calendar import write_calendar  # noqa: PLC0415, few mails need its library

            return write_calendar(decode(content, charset))
        return decode(content, charset)
    except (DocumentDamagedError, ParseLimitExceededError):
        return ""
