"""Text cleaning for all formats: stored, searched and quoted text is plain, composed Unicode.

Every step is linear in the length of the text.
"""

import re
import unicodedata
from collections.abc import Iterator

_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
_LINE_ENDS = "\v\f\u0085\u2028\u2029"
_INVISIBLE = [
    *range(0x09),
    *range(0x0E, 0x20),
    *range(0x7F, 0x85),
    *range(0x86, 0xA0),
    0xAD,  # soft hyphen
    0x200B,  # zero-width space; the joiners 200C and 200D stay, because Persian and emoji need them
    *range(0x200E, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2065),
    *range(0x2066, 0x2070),
    *range(0xD800, 0xE000),  # lone surrogates are not characters
    0xFEFF,
    0xFFFE,
    0xFFFF,
]
_REPLACEMENTS: dict[int, str | None] = (
    dict.fromkeys(_INVISIBLE) | dict.fromkeys(map(ord, _SPACES), " ") | dict.fromkeys(map(ord, _LINE_ENDS), "\n")
)
_REPLACED = re.compile(f"[{re.escape(''.join(map(chr, _REPLACEMENTS)))}]")
PART_CHARACTERS = 1_000_000
"""The size of the parts in which a text without pages is processed."""
_SLICES = re.compile(r".{1,1023}(?:\s|\Z)|.{1,1024}", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{4,}")


def clean(text: str) -> str:
    """``text`` composed (NFC), with LF line ends and without invisible characters.

    Removes control characters, NUL, zero-width and bidirectional marks, soft hyphens, lone surrogates and spaces at
    line ends. All kinds of space but the tab become U+0020. More than two blank lines become two.
    """
    text = _replace(text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "\n".join(line.rstrip() for line in _compose(text).split("\n"))
    if "\n\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n\n", text)
    return text.strip("\n")


def cut(text: str, length: int = PART_CHARACTERS) -> Iterator[str]:
    """A text in parts of at most ``length`` characters, cut between paragraphs, else lines, else words if possible."""
    start = 0
    while len(text) - start > length:
        ends = (text.rfind(mark, start + length // 2, start + length) for mark in ("\n\n", "\n", " "))
        end = next((end for end in ends if end > 0), start + length)
        yield text[start:end]
        start = end
    yield text[start:]


def clean_line(text: str, limit: int = 1000) -> str:
    """``text`` cleaned, on one line and of at most ``limit`` characters, for titles, authors and cells."""
    return " ".join(clean(text).split())[:limit]


def _replace(text: str) -> str:
    """``text`` with ``_REPLACEMENTS``. ``translate`` is fast for ASCII only: else it looks up every character."""
    if text.isascii():
        return text.translate(_REPLACEMENTS)
    return _REPLACED.sub(lambda match: _REPLACEMENTS[ord(match[0])] or "", text)


def _compose(text: str) -> str:
    """NFC by slices, because ordering one long run of combining marks takes quadratic time."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFC", piece) for piece in _SLICES.findall(text))
