"""Headers of mails as text: encoded words (RFC 2047), parameters (RFC 2231) and bytes without any declaration."""

import binascii
import re
from email.errors import MessageError
from email.message import Message
from email.policy import Compat32
from typing import Any

from app.domain.errors import DocumentDamagedError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.mail.transfer import decode_base64
from app.pipeline.text import clean_line

HEADER_CHARACTERS = 8000
HEADER_ERRORS = (ArithmeticError, AttributeError, LookupError, MessageError, RecursionError, TypeError, ValueError)
"""The errors of the standard library over invalid headers."""
NAME_CHARACTERS = 255
_WORD = re.compile(r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")


class MailPolicy(Compat32):
    """The policy that leaves headers as they are, for mails that may be invalid or hostile.

    Long headers are cut, because the standard library takes more than linear time to split them.
    """

    def header_fetch_parse(self, name: str, value: str) -> Any:  # noqa: ARG002, the signature is the library's
        """The first 8,000 characters of a header, with its bytes beyond ASCII as surrogates."""
        return value[:HEADER_CHARACTERS]

    def fold_binary(self, name: str, value: str) -> bytes:
        """A header as it was read."""
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


def decode_header(raw: str, charset: str | None = None) -> str:
    """A header as text on one line.

    Args:
        raw: The header, with its bytes beyond ASCII as surrogates.
        charset: The encoding of the message's text, in which programs also write headers without encoded words.
    """
    joined = _BETWEEN_WORDS.sub("", raw)
    pieces: list[str] = []
    waiting, declared, end = b"", "", 0
    for word in _WORD.finditer(joined):
        between = joined[end : word.start()]
        if waiting and (between or word[1].lower() != declared):
            pieces.append(_decode_bytes(waiting, declared))
            waiting = b""
        pieces.append(_decode_raw(between, charset))
        declared, end = word[1].lower(), word.end()
        waiting += _decode_word(word[2].lower(), word[3])  # a character may continue in the next word
    pieces += [_decode_bytes(waiting, declared), _decode_raw(joined[end:], charset)]
    return clean_line("".join(pieces), HEADER_CHARACTERS)


def read_header(message: Message, name: str, charset: str | None = None) -> str:
    """A header of a message as text on one line; empty where it is missing."""
    return decode_header(str(message.get(name) or ""), charset)


def read_filename(part: Message, charset: str | None = None) -> str:
    """The name that a message gives to one of its parts; empty where it gives none."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        try:
            value = part.get_param(parameter, header=header)
        except HEADER_ERRORS:
            continue
        if isinstance(value, tuple):
            stated, _language, text = value
            value = _decode_bytes(text.encode("latin-1", "replace"), stated or "")
        if value:
            name = decode_header(str(value), charset).replace("\\", "/").rpartition("/")[2]
            return name[-NAME_CHARACTERS:]
    return ""


def read_charset(message: Message) -> str | None:
    """The encoding that the first text of a message declares."""
    for part in message.walk():
        if part.get_content_maintype() == "text" and (charset := read_declared(part)):
            return charset
    return None


def read_declared(part: Message) -> str | None:
    """The encoding that a part declares."""
    try:
        return part.get_content_charset()
    except HEADER_ERRORS:
        return None


def _decode_word(kind: str, text: str) -> bytes:
    data = text.encode("ascii", "surrogateescape")
    if kind == "b":
        return decode_base64(data)
    return _HEX.sub(lambda found: binascii.unhexlify(found[1]), data.replace(b"_", b" "))


def _decode_raw(text: str, charset: str | None) -> str:
    if text.isascii() and "\x1b" not in text:
        return text
    return _decode_bytes(text.encode("utf-8", "surrogateescape"), charset or "")


def _decode_bytes(data: bytes, charset: str) -> str:
    try:
        return decode(data, charset) if data else ""
    except DocumentDamagedError:
        return data.decode("ascii", "ignore")
