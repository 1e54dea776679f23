"""The content of a part of a mail as bytes and as paragraphs: transfer encodings, also damaged, and flowed text."""

import base64
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from email.message import Message
from pathlib import Path

from app.pipeline.parse.encoding import decode

_APPENDED = re.compile(rb"^(?:[^ \r\n]+ +[^ \r\n]|___|--)", re.MULTILINE)
"""Begins a line that is no Base64: it has words, or is a rule."""
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_QUOTES = re.compile(r">*")
_SIGNATURE = "-- "


def read_stored(path: Path) -> bytes:
    """The messages of a file, from their first header.

    Editors of text add a byte order mark, which would become a part of that header, and store files as UTF-16.

    Raises:
        DocumentDamagedError: when UTF-16 cannot be decoded.
    """
    data = path.read_bytes().removeprefix(BOM_UTF8)
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        data = decode(data).encode("utf-8", "replace")
    return data.lstrip(b"\r\n")


def read_bytes(part: Message) -> bytes:
    """The decoded content of a part that has no parts itself. What is damaged is decoded as far as possible."""
    if str(part.get("content-transfer-encoding") or "").strip().lower() == "base64":
        payload = part.get_payload()
        return _decode_lines(payload.encode("ascii", "surrogateescape") if isinstance(payload, str) else b"")
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def decode_base64(data: bytes) -> bytes:
    """The bytes that Base64 stands for, also in several pieces that were encoded one by one.

    Other characters are ignored, and so is a last one that is incomplete.
    """
    pieces = (_NO_BASE64.sub(b"", piece) for piece in data.split(b"="))
    whole = (piece[:-1] if len(piece) % 4 == 1 else piece for piece in pieces)
    return b"".join(base64.b64decode(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _decode_lines(data: bytes) -> bytes:
    """Base64, and the plain lines that mailing lists append to it."""
    appended = _APPENDED.search(data)
    end = appended.start() if appended else len(data)
    return decode_base64(data[:end]) + data[end:]


def join_flowed(text: str, *, delete_space: bool) -> str:
    """The paragraphs of a text whose lines were broken for transfer (RFC 3676)."""
    pieces: list[str] = []
    depth, continues = 0, False
    for line in text.replace("\r\n", "\n").split("\n"):
        quotes = len(_QUOTES.match(line)[0])  # type: ignore[index]
        content = line[quotes:].removeprefix(" ")
        if not continues or quotes != depth or content == _SIGNATURE:
            pieces.append("\n" + ">" * quotes + (" " if quotes else ""))
        depth, continues = quotes, content.endswith(" ") and content != _SIGNATURE
        pieces.append(content[:-1] if continues and delete_space else content)
    return "".join(pieces)[1:]
