"""A mail as text: its headers, the fullest of its alternative texts, its text attachments, the mails within it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.generator import BytesGenerator
from email.message import Message
from io import BytesIO

from app.domain.documents import Attachment
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.mail.headers import (
    HEADER_ERRORS,
    NAME_CHARACTERS,
    MailPolicy,
    read_charset,
    read_declared,
    read_filename,
    read_header,
)
from app.pipeline.parse.mail.shown import write_shown
from app.pipeline.parse.mail.signed import find_kind, unwrap
from app.pipeline.parse.mail.tnef import unpack
from app.pipeline.parse.mail.transfer import decode_base64, join_flowed, read_bytes
from app.pipeline.parse.web.markup import write_markup
from app.pipeline.text import clean_line

SHOWN_HEADERS = ("From", "To", "Cc", "Subject", "Date")
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
_SECURED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_MESSAGES = {"message/rfc822", "message/global", "message/news"}
_BODIES = {"text/plain", "text/html"}
_FILES = {"text/calendar", "text/rtf", "text/vcard", "text/x-vcard"}
"""Texts that are attachments also where they have no name."""
_MEDIA = {"image", "audio", "video"}
_NAMES = {
    "text/calendar": "invite.ics",
    "text/rtf": "text.rtf",
    "text/plain": "text.txt",
    "text/html": "text.html",
    "application/ms-tnef": "winmail.dat",
    "application/pdf": "attachment.pdf",
}
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}
_PGP = "-----BEGIN PGP MESSAGE-----"
_TOO_DEEP = "Its messages are nested deeper than is allowed."
_SHOWN_ATTACHMENTS = 100
_FULLER = 0.7
"""The richest alternative is read unless it has fewer words than this share of the fullest."""
_DECORATION_BYTES = 20_000
"""The size up to which a picture that an HTML text shows is decoration, such as a logo, and no attachment."""
_WORDS = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"\b(?:https?|mailto):\S+")


@dataclass(slots=True)
class Mail:
    """The texts and the attachments of a message.

    Attributes:
        texts: The texts of its body in order.
        shown: The texts of attachments with the names of these, each text once.
        attachments: All attachments, each once.
        encrypted: Whether a part of it is encrypted.
    """

    texts: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    attachments: dict[Attachment, None] = field(default_factory=dict)
    encrypted: bool = False

    @property
    def has_text(self) -> bool:
        """Whether there is any text other than headers and names."""
        return bool(self.shown) or any(text.strip() for text in self.texts)


class MessageReader:
    """Reads the parts of one message.

    Args:
        limits: The limits of what is read.
        charset: The encoding of headers without a declaration.
        depth: The number of messages and parts around this one.
        alternative: Whether it is one of several parts with the same content.
        tries: An item for each attachment whose text may still be read, shared by the readers of a mail.
    """

    def __init__(
        self,
        limits: Limits,
        charset: str | None,
        depth: int = 0,
        *,
        alternative: bool = False,
        tries: Iterator[int] | None = None,
    ) -> None:
        self._limits = limits
        self._charset = charset
        self._depth = depth
        self._alternative = alternative
        self._tries = iter(range(_SHOWN_ATTACHMENTS)) if tries is None else tries
        self.mail = Mail()

    def read(self, part: Message) -> None:
        """Add a part and the parts within it.

        Raises:
            ParseLimitExceededError: when parts are nested too deep.
        """
        if self._depth > self._limits.depth:
            raise ParseLimitExceededError(_TOO_DEEP)
        kind, payload = part.get_content_type(), part.get_payload()
        if kind == "multipart/encrypted":
            self.mail.encrypted = True
        elif kind in _MESSAGES and isinstance(payload, list):
            self._read_forwarded(part, [child for child in payload if isinstance(child, Message)])
        elif isinstance(payload, list):
            self._read_children(kind, [child for child in payload if isinstance(child, Message)])
        elif kind not in _SIGNATURES and not (kind in _SECURED and self._read_secured(part)):
            self._read_leaf(part, kind)

    def _read_children(self, kind: str, children: list[Message]) -> None:
        self._depth += 1
        if kind == "multipart/alternative":
            self._read_alternatives(children)
        elif kind == "message/delivery-status":
            self.mail.texts += [
                "\n".join(f"{name}: {read_header(child, name)}" for name in child) for child in children
            ]
        else:
            for child in children:
                self.read(child)
        self._depth -= 1

    def _read_leaf(self, part: Message, kind: str) -> None:
        """Add a body text, or an attachment."""
        name, content = read_filename(part, self._charset), read_bytes(part)
        inline = part.get_content_disposition() != "attachment"
        is_body = inline and (self._alternative or not name)
        if inline and kind.startswith("image/") and part.get("content-id") and len(content) <= _DECORATION_BYTES:
            return
        if is_body and (kind in _BODIES or kind.startswith("multipart/") or self._is_shown(kind)):
            text = self._read_body(part, kind, content)
            self.mail.texts += [text] if text is not None else []
        elif (kind in _TNEF or name.lower() == "winmail.dat") and (files := unpack(content)):
            for inner, data in files:
                self._attach(inner, data, "application/octet-stream", None)
        elif (name or content) and not (is_body and self._is_variant(kind)):
            name = name or _make_name(kind, len(self.mail.attachments) + 1)
            self._attach(name, content, kind, read_declared(part))

    def _is_shown(self, kind: str) -> bool:
        """Whether a text of another type is read: mail programs show it, unless it is one of several alternatives."""
        return kind.startswith("text/") and kind not in _FILES and not self._alternative

    def _is_variant(self, kind: str) -> bool:
        """Whether a text is another form of the alternatives that are read, such as ``text/enriched``."""
        return self._alternative and kind.startswith("text/") and kind != "text/calendar"

    def _attach(self, name: str, content: bytes, kind: str, charset: str | None) -> None:
        """Add an attachment, and its text."""
        name = clean_line(name, NAME_CHARACTERS)
        self.mail.attachments[Attachment(name, content)] = None
        if next(self._tries, None) is not None:
            self.mail.shown.setdefault(write_shown(kind, name, content, charset, self._limits), name)

    def _read_body(self, part: Message, kind: str, content: bytes) -> str | None:
        """The text of a part; None where it is declared as text, but is none."""
        charset = read_declared(part)
        try:
            if kind == "text/html":
                return write_markup(content, self._limits, charset).strip("\n")
            text = decode(content, charset)
        except DocumentDamagedError:
            return None
        if str(part.get_param("format", "")).lower() == "flowed":
            text = join_flowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
        if _PGP in text:
            self.mail.encrypted = True
            text = text.partition(_PGP)[0]
        return text.strip("\n")

    def _read_alternatives(self, children: list[Message]) -> None:
        """Add one of several parts with the same content: the last, unless it has far fewer words than another."""
        mails: list[tuple[int, Mail]] = []
        for child in children:
            reader = MessageReader(self._limits, self._charset, self._depth, alternative=True, tries=self._tries)
            reader.read(child)
            mails.append((_count_words(reader.mail.texts), reader.mail))
        most = max((words for words, _ in mails), default=0)
        fullest = [mail.texts for words, mail in mails if words >= _FULLER * most and any(map(str.strip, mail.texts))]
        self.mail.texts += fullest[-1] if fullest else []
        for _, mail in mails:
            self.mail.encrypted |= mail.encrypted
            self.mail.shown |= mail.shown
            self.mail.attachments |= mail.attachments

    def _read_secured(self, part: Message) -> bool:
        """Add what an S/MIME part holds: the message within a signature. False where it holds none."""
        content = read_bytes(part)
        if find_kind(content, str(part.get_param("smime-type") or "")) == "encrypted":
            self.mail.encrypted = True
            return True
        signed = unwrap(content)
        if signed is None:
            return False
        self._read_children("", [message_from_bytes(signed, policy=MailPolicy())])
        return True

    def _read_forwarded(self, part: Message, children: list[Message]) -> None:
        """Add a message within this one as text, and as an attachment."""
        for child in children:
            packed = str(part.get("content-transfer-encoding") or "").strip().lower() == "base64"
            inner = _unpack(child) if packed else child
            charset = read_charset(inner)
            reader = MessageReader(self._limits, charset, self._depth + 1, tries=self._tries)
            reader.read(inner)
            self.mail.encrypted |= reader.mail.encrypted and not reader.mail.has_text
            self.mail.texts.append(write_mail(inner, reader.mail, charset))
            name = read_filename(part, self._charset) or "message.eml"
            self.mail.attachments[Attachment(name, flatten(inner))] = None


def write_mail(message: Message, mail: Mail, charset: str | None) -> str:
    """A message as text: its headers, its texts, its text attachments and the names of all attachments."""
    lines = [f"{name}: {value}" for name in SHOWN_HEADERS if (value := read_header(message, name, charset))]
    shown = [f"{name}\n\n{text}" for text, name in mail.shown.items() if text]
    names = f"Attachments: {', '.join(attachment.name for attachment in mail.attachments)}" if mail.attachments else ""
    return "\n\n".join(filter(None, ("\n".join(lines), *mail.texts, *shown, names)))


def flatten(message: Message) -> bytes:
    """The bytes of a message; none where it is too deep or too damaged to be written."""
    buffer = BytesIO()
    try:
        BytesGenerator(buffer, mangle_from_=False, policy=MailPolicy()).flatten(message)
    except HEADER_ERRORS:
        return b""
    return buffer.getvalue()


def _unpack(message: Message) -> Message:
    """A message that was encoded as a whole, which the standard library reads as the text of one without headers."""
    return message_from_bytes(decode_base64(flatten(message)), policy=MailPolicy())


def _count_words(texts: list[str]) -> int:
    """The number of words without addresses of links, which plain texts spell out."""
    return sum(len(_WORDS.findall(_ADDRESS.sub("", text))) for text in texts)


def _make_name(kind: str, number: int) -> str:
    """A name for a part that has none: by its type, and by its position among the attachments."""
    if kind in _NAMES:
        return _NAMES[kind]
    main, _, sub = kind.partition("/")
    suffix = re.sub(r"[^a-z0-9]", "", sub.removeprefix("x-"))[:8] if main == "image" else "bin"
    return f"{main if main in _MEDIA else 'attachment'}{number}.{suffix or 'bin'}"
