"""EML: the text of a mail and of the mails it forwards. Attachments are listed by name and not read."""

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import EmailPolicy
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.markup import write_markup
from app.pipeline.text import clean_line

_HEADERS = ("From", "To", "Cc", "Subject", "Date")
_HEADER_CHARACTERS = 8000
_ENCRYPTED_TYPES = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_HEADER_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""The errors of the standard library over invalid headers."""
_TOO_DEEP = "Its messages are nested deeper than is allowed."


class _Policy(EmailPolicy):
    """The policy that decodes headers, for mails that may be invalid or hostile."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """A header, decoded if possible. Long ones are cut, because decoding takes more than linear time."""
        try:
            return super().header_fetch_parse(name, value[:_HEADER_CHARACTERS])
        except _HEADER_ERRORS:
            return value[:_HEADER_CHARACTERS]


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """A mail as one page: From, To, Cc, Subject and Date, the text, the names of its attachments.

    Raises:
        DocumentEncryptedError: when its text is encrypted (S/MIME, PGP).
        DocumentDamagedError, ParseLimitExceededError
    """
    try:
        message = message_from_bytes(path.read_bytes(), policy=_Policy())
        text = _write(message, limits, 0)
        metadata = _read_metadata(message)
    except RecursionError as error:
        raise ParseLimitExceededError(_TOO_DEEP) from error
    except _HEADER_ERRORS as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:200]) from error
    report(1, 1)
    return Parsed([Page(None, text)], metadata)


def _write(message: Message, limits: Limits, depth: int) -> str:
    attached: list[str] = []
    lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    texts = list(_texts(message, attached, limits, depth))
    names = f"Attachments: {', '.join(attached)}" if attached else ""
    return "\n\n".join(filter(None, ("\n".join(lines), *texts, names)))


def _texts(part: Message, attached: list[str], limits: Limits, depth: int) -> Iterator[str]:
    """The texts of a part. The names of attachments are added to ``attached``."""
    if depth > limits.depth:
        raise ParseLimitExceededError(_TOO_DEEP)
    kind, payload = part.get_content_type(), part.get_payload()
    if kind in _ENCRYPTED_TYPES and part.get_param("smime-type") != "signed-data":
        raise DocumentEncryptedError
    if kind == "multipart/encrypted":
        raise DocumentEncryptedError
    if isinstance(payload, list):
        children = [child for child in payload if isinstance(child, Message)]
        if kind == "multipart/alternative":
            yield _choose(children, attached, limits, depth)
        elif kind == "message/rfc822":
            yield from (_write(child, limits, depth + 1) for child in children)
        else:
            for child in children:
                yield from _texts(child, attached, limits, depth + 1)
    elif (text := _read_text(part, kind, limits)) is not None:
        yield text.strip("\n")
    elif name := part.get_filename():
        attached.append(clean_line(str(name), 255))


def _choose(children: list[Message], attached: list[str], limits: Limits, depth: int) -> str:
    """One of several parts with the same content: the plain text where it has words, else the last part with text."""
    texts = [
        (child.get_content_type() == "text/plain", "\n\n".join(_texts(child, attached, limits, depth + 1)))
        for child in children
    ]
    filled = [(plain, text) for plain, text in texts if text.strip()]
    return next((text for plain, text in filled if plain), filled[-1][1] if filled else "")


def _read_text(part: Message, kind: str, limits: Limits) -> str | None:
    """The text of a part; None for attachments and other types."""
    if kind not in {"text/plain", "text/html"} or part.get_content_disposition() == "attachment":
        return None
    data = part.get_payload(decode=True)
    charset = part.get_content_charset()
    if not isinstance(data, bytes):
        return None
    try:
        return write_markup(data, limits, charset) if kind == "text/html" else decode(data, charset)
    except DocumentDamagedError:
        return None  # declared as text, but binary


def _header(message: Message, name: str) -> str:
    return clean_line(str(message.get(name) or ""), _HEADER_CHARACTERS)


def _read_metadata(message: Message) -> dict[str, str]:
    given = {name.lower(): _header(message, name) for name in ("From", "To", "Subject")}
    metadata = {"title": given["subject"], "author": given["from"], **given}
    try:
        metadata["date"] = parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except _HEADER_ERRORS:
        metadata["date"] = _header(message, "Date")
    return metadata
