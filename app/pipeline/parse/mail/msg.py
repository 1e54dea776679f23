"""MSG: a message of Outlook ([MS-OXMSG]), read as the mail that it would be on the Internet."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import format_datetime
from pathlib import Path

from olefile import OleFileIO
from oxmsg.domain.encodings import encoding_from_codepage
from oxmsg.domain.model import UnrecognizedCodePageError, UnsupportedEncodingError
from oxmsg.storage import Storage

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.mail.compressed_rtf import decompress
from app.pipeline.parse.mail.eml import read_mail
from app.pipeline.parse.mail.headers import HEADER_ERRORS, MailPolicy
from app.pipeline.parse.mail.message import flatten
from app.pipeline.parse.rtf.reader import read_rtf

_ERRORS = (*HEADER_ERRORS, OSError)
_SUBJECT, _BODY, _HTML, _RTF, _HEADERS = 0x0037, 0x1000, 0x1013, 0x1009, 0x007D
_SENDER, _SENDER_ADDRESSES = (0x0C1A, 0x0042), (0x5D01, 0x5D02, 0x0C1F, 0x0065)
_RECIPIENT, _RECIPIENT_ADDRESSES, _RECIPIENT_KIND = (0x3001,), (0x39FE, 0x3003), 0x0C15
_RECIPIENT_KINDS = {1: "To", 2: "Cc"}
_SHOWN_RECIPIENTS = {"To": 0x0E04, "Cc": 0x0E03}
_SENT, _RECEIVED = 0x0039, 0x0E06
_BODY_CODEPAGE, _CODEPAGE = 0x3FDE, 0x3FFD
_FILE_NAMES, _FILE, _FILE_TYPE = (0x3707, 0x3704, 0x3001), 0x3701, 0x370E
_MESSAGE_HEADER, _INNER_HEADER, _OTHER_HEADER = 32, 24, 8
_EMBEDDED = "__substg1.0_3701000D"


class _Item:
    """The properties of a message, a recipient or an attachment.

    Args:
        storage: Contains its properties as streams.
        header: The length of the header of its fixed properties.
        outer: The item that contains it, for the encoding.
    """

    def __init__(self, storage: Storage, header: int, outer: "_Item | None" = None) -> None:
        self.storage = storage
        self._streams = {stream.name: stream.bytes_ for stream in storage.streams}
        self._values = dict(_read_fixed(self._streams.get("__properties_version1.0", b"")[header:]))
        self._outer = outer

    def binary(self, number: int) -> bytes:
        """A property of bytes; empty where it is missing."""
        return self._streams.get(f"__substg1.0_{number:04X}0102", b"")

    def text(self, *numbers: int) -> str:
        """The first of these properties that has text."""
        for number in numbers:
            wide = self._streams.get(f"__substg1.0_{number:04X}001F", b"").decode("utf-16-le", "replace")
            narrow = self._streams.get(f"__substg1.0_{number:04X}001E", b"").rstrip(b"\0")
            text = wide.rstrip("\0") or (decode(narrow, self.encoding(_CODEPAGE)) if narrow else "")
            if text.strip():
                return text
        return ""

    def number(self, number: int) -> int:
        """A property of fixed length as an integer; 0 where it is missing."""
        return self._values.get(number, 0)

    def time(self, *numbers: int) -> datetime | None:
        """The first of these times; they count tenths of microseconds since 1601. None where it is no date."""
        ticks = next(filter(None, map(self.number, numbers)), 0)
        try:
            return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10) if ticks else None
        except OverflowError:
            return None

    def encoding(self, *numbers: int) -> str | None:
        """The encoding that one of these code pages names, of this item or of the one around it."""
        for number in numbers:
            if codepage := self.number(number):
                try:
                    return encoding_from_codepage(codepage)
                except (UnrecognizedCodePageError, UnsupportedEncodingError):
                    continue  # statistics decide
        return self._outer.encoding(*numbers) if self._outer else None


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """A message as one page, like a mail.

    Raises:
        DocumentEncryptedError: when its text is encrypted.
        DocumentDamagedError, ParseLimitExceededError
    """
    try:
        with OleFileIO(path) as file:
            message = _convert(_Item(Storage.from_ole(file), _MESSAGE_HEADER), limits, 0)
    except RecursionError as error:
        raise ParseLimitExceededError("Its messages are nested deeper than is allowed.") from error
    except _ERRORS as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:200]) from error
    text, metadata, mail = read_mail(flatten(message), limits)
    report(1, 1)
    return Parsed([Page(None, text)], metadata, list(mail.attachments))


def _convert(item: _Item, limits: Limits, depth: int) -> Message:
    """The message as a mail: its headers, its text in all forms, its attachments."""
    if depth > limits.depth:
        raise ParseLimitExceededError("Its messages are nested deeper than is allowed.")
    message = _make_multipart("mixed")
    for name, value in _list_headers(item):
        message[name] = " ".join(value.split())
    body = _make_multipart("alternative")
    for part in _list_bodies(item, limits):
        body.attach(part)
    message.attach(body)
    for storage in item.storage.iter_attachment_storages():
        message.attach(_convert_attachment(_Item(storage, _OTHER_HEADER, item), limits, depth))
    return message


def _list_headers(item: _Item) -> Iterator[tuple[str, str]]:
    """The headers by the properties of a message, else those with which it was received."""
    received = message_from_bytes(item.text(_HEADERS).encode("utf-8", "replace"), policy=MailPolicy())
    yield "From", _write_person(item, _SENDER, _SENDER_ADDRESSES) or str(received.get("From") or "")
    people: dict[str, list[str]] = {"To": [], "Cc": []}
    for storage in item.storage.iter_recipient_storages():
        recipient = _Item(storage, _OTHER_HEADER, item)
        kind = _RECIPIENT_KINDS.get(recipient.number(_RECIPIENT_KIND) & 0xF)
        if kind and (person := _write_person(recipient, _RECIPIENT, _RECIPIENT_ADDRESSES)):
            people[kind].append(person)
    for kind, shown in _SHOWN_RECIPIENTS.items():
        yield kind, ", ".join(people[kind]) or item.text(shown) or str(received.get(kind) or "")
    yield "Subject", item.text(_SUBJECT)
    sent = item.time(_SENT, _RECEIVED)
    yield "Date", format_datetime(sent) if sent else str(received.get("Date") or "")


def _write_person(item: _Item, names: tuple[int, ...], addresses: tuple[int, ...]) -> str:
    """``name <address>``; only one of them where the other is missing or an internal address of Exchange."""
    name = item.text(*names).strip()
    address = next((text for number in addresses if "@" in (text := item.text(number).strip())), "")
    return f"{name} <{address}>" if name and address and name != address else name or address


def _list_bodies(item: _Item, limits: Limits) -> Iterator[Message]:
    """The text of a message in its forms, the richest last.

    Raises:
        DocumentDamagedError, ParseLimitExceededError: when RTF is its only form and cannot be read.
    """
    body, html, html_text = item.text(_BODY), item.binary(_HTML), item.text(_HTML)
    if packed := item.binary(_RTF):
        try:
            text = "\n".join(page.text for page in read_rtf(decompress(packed, limits.markup_bytes), limits).pages)
            yield _make_part("text/plain", text.encode("utf-8", "replace"), "utf-8")
        except (DocumentDamagedError, ParseLimitExceededError):
            if not (body or html or html_text):
                raise
    yield _make_part("text/plain", body.encode("utf-8", "replace"), "utf-8")
    if html:
        yield _make_part("text/html", html, item.encoding(_BODY_CODEPAGE, _CODEPAGE))
    elif html_text:
        yield _make_part("text/html", html_text.encode("utf-8", "replace"), "utf-8")


def _convert_attachment(item: _Item, limits: Limits, depth: int) -> Message:
    """An attachment as a part: a file, or a message."""
    inner = next((storage for storage in item.storage.storages if storage.name == _EMBEDDED), None)
    content, kind = item.binary(_FILE), item.text(_FILE_TYPE).strip().lower()
    if inner is not None and any(stream.name == "__properties_version1.0" for stream in inner.streams):
        part = Message(policy=MailPolicy())
        part["Content-Type"] = "message/rfc822"
        part.set_payload([_convert(_Item(inner, _INNER_HEADER, item), limits, depth + 1)])
        return part
    if kind == "multipart/signed":  # a signed message, as it was received
        return message_from_bytes(content, policy=MailPolicy())
    part = _make_part(kind if kind.count("/") == 1 else "application/octet-stream", content, None)
    part.add_header("Content-Disposition", "attachment", filename=item.text(*_FILE_NAMES) or "attachment.bin")
    return part


def _make_multipart(kind: str) -> Message:
    message = Message(policy=MailPolicy())
    message.add_header("Content-Type", f"multipart/{kind}")
    message.set_payload([])
    return message


def _make_part(kind: str, content: bytes, charset: str | None) -> Message:
    part = Message(policy=MailPolicy())
    part.add_header("Content-Type", kind, **({"charset": charset} if charset else {}))
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(content).decode("ascii"))
    return part


def _read_fixed(data: bytes) -> Iterator[tuple[int, int]]:
    """The properties of fixed length by their numbers."""
    for start in range(0, len(data) - 15, 16):
        yield (
            int.from_bytes(data[start + 2 : start + 4], "little"),
            int.from_bytes(data[start + 8 : start + 16], "little"),
        )
