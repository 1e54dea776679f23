"""MHTML: a web page that a browser or Word saved with its pictures as one MIME message (RFC 2557)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, NoExtractableTextError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.mail.headers import HEADER_ERRORS, MailPolicy, read_header
from app.pipeline.parse.mail.transfer import read_stored
from app.pipeline.parse.web.html import read_page
from app.pipeline.parse.web.markup import write_markup

_PAGES = {"text/html", "application/xhtml+xml"}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The page that was saved, as an HTML file is read. Its links are relative to the address that it was saved from.

    Raises:
        DocumentDamagedError: when it holds no page.
        NoExtractableTextError: when only a browser that runs its scripts shows its text.
        ParseLimitExceededError: when it is larger, or nested deeper, than allowed.
    """
    if path.stat().st_size > limits.inflated_bytes:
        raise ParseLimitExceededError("The web archive is larger than is allowed.")
    try:
        message = message_from_bytes(read_stored(path), policy=MailPolicy())
        parts = list(message.walk())
        address = _find_address(message)
        pages = [part for part in parts if part.get_content_type() in _PAGES]
        root = _find_root(message, pages)
        subject = read_header(message, "Subject", None)
    except RecursionError as error:
        raise ParseLimitExceededError("Its parts are nested deeper than is allowed.") from error
    except HEADER_ERRORS as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:200]) from error
    if root is None:
        raise DocumentDamagedError("It holds no web page.")
    report(1, 1)
    try:
        parsed = read_page(_read(root), limits, root.get_content_charset(), _find_address(root) or address)
    except NoExtractableTextError:
        if len(pages) == 1:
            raise
        parsed = Parsed([])
    if not any(page.text.strip() for page in parsed.pages):
        parsed = replace(parsed, pages=list(_read_frames(pages, limits)))
    return replace(parsed, metadata={"title": subject, **parsed.metadata})


def _find_root(message: Message, pages: list[Message]) -> Message | None:
    """The page that the others belong to: the one that is named as the start, else the first."""
    start = str(message.get_param("start") or "")
    named = (page for page in pages if start and str(page.get("Content-ID") or "").strip() == start.strip())
    return next(named, pages[0] if pages else None)


def _find_address(part: Message) -> str | None:
    for name in ("Snapshot-Content-Location", "Content-Location"):
        address = "".join(str(part.get(name) or "").split())
        if address.startswith(("http://", "https://")):
            return address
    return None


def _read(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _read_frames(pages: list[Message], limits: Limits) -> Iterator[Page]:
    """The pages of a frameset, one after the other."""
    for page in pages:
        yield Page(None, write_markup(_read(page), limits, page.get_content_charset(), _find_address(page)))
