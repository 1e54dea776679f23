"""EML: one mail, with the mails that it forwards."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.mail.headers import HEADER_ERRORS, MailPolicy, read_charset, read_header
from app.pipeline.parse.mail.message import Mail, MessageReader, write_mail
from app.pipeline.parse.mail.transfer import read_stored

_TOO_DEEP = "Its messages are nested deeper than is allowed."


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """A mail as one page: From, To, Cc, Subject and Date, the text, its text attachments, the names of all.

    Raises:
        DocumentEncryptedError: when its text is encrypted (S/MIME, PGP).
        DocumentDamagedError, ParseLimitExceededError
    """
    text, metadata, mail = read_mail(read_stored(path), limits)
    report(1, 1)
    return Parsed([Page(None, text)], metadata, list(mail.attachments))


def read_mail(data: bytes, limits: Limits) -> tuple[str, dict[str, str], Mail]:
    """The text of a mail, its metadata and its parts.

    Raises:
        DocumentEncryptedError: when its text is encrypted.
        DocumentDamagedError, ParseLimitExceededError
    """
    try:
        message = message_from_bytes(data, policy=MailPolicy())
        charset = read_charset(message)
        reader = MessageReader(limits, charset)
        reader.read(message)
        if reader.mail.encrypted and not reader.mail.has_text:
            raise DocumentEncryptedError
        return write_mail(message, reader.mail, charset), _read_metadata(message, charset), reader.mail
    except RecursionError as error:
        raise ParseLimitExceededError(_TOO_DEEP) from error
    except HEADER_ERRORS as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:200]) from error


def _read_metadata(message: Message, charset: str | None) -> dict[str, str]:
    given = {name.lower(): read_header(message, name, charset) for name in ("From", "To", "Subject")}
    metadata = {"title": given["subject"], "author": given["from"], **given}
    date = read_header(message, "Date")
    try:
        metadata["date"] = parsedate_to_datetime(date).date().isoformat()
    except HEADER_ERRORS:
        metadata["date"] = date
    return metadata
