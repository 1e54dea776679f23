"""RTF by one pass over its tokens (Rich Text Format 1.9.1), linear in the size of the file."""

import re
from collections.abc import Callable
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.rtf.state import RtfWriter

_START = b"{\\rtf"
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?"  # a control word
    rb"|\\'([0-9a-fA-F]{2})"  # a byte
    rb"|\\([^a-zA-Z])"  # a control symbol
    rb"|([{}])"
    rb"|[\r\n]+"
    rb"|([^\\{}\r\n]+)"
    rb"|\\",
    re.DOTALL,
)


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of an RTF file as one page, with title, author, subject and keywords.

    Raises:
        DocumentDamagedError: when it is not RTF or is truncated.
        ParseLimitExceededError: when its groups are nested deeper, or its text is longer, than is allowed.
    """
    parsed = read_rtf(path.read_bytes(), limits)
    report(1, 1)
    return parsed


def read_rtf(data: bytes, limits: Limits) -> Parsed:
    """The text of RTF as one page, as ``read`` returns it.

    Raises:
        DocumentDamagedError, ParseLimitExceededError: as ``read``.
    """
    start = data[:1024].find(_START)
    if start < 0:
        raise DocumentDamagedError("It is not an RTF file.")
    writer = RtfWriter(limits)
    position = start
    while match := _TOKEN.match(data, position):
        position = match.end()
        word, parameter, byte, symbol, brace, text = match.groups()
        if word:
            position += writer.write_word(word.decode("ascii"), int(parameter) if parameter else None)
        elif byte:
            writer.write_bytes(bytes((int(byte, 16),)))
        elif symbol:
            writer.write_symbol(symbol.decode("latin-1"))
        elif text:
            writer.write_bytes(text)
        elif brace == b"{":
            writer.open_group()
        elif brace and not writer.close_group():
            break
    if writer.is_open:
        raise DocumentDamagedError("The file is truncated.")
    return Parsed([Page(None, writer.write())], writer.metadata)
