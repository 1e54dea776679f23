"""The state of the RTF reader: groups, fonts, encodings and the text so far."""

import codecs
from dataclasses import dataclass, replace

from app.domain.errors import ParseLimitExceededError

CELL = "\x1f"
"""Marks the end of a table cell; it never occurs in text."""
_SIGNS = {
    "par": "\n\n",
    "line": "\n",
    "sect": "\n\n",
    "page": "\n\n",
    "column": "\n\n",
    "row": "\n",
    "nestrow": "\n",
    "cell": CELL,
    "nestcell": " ",
    "tab": "\t",
    "emdash": "\u2014",
    "endash": "\u2013",
    "bullet": "\u2022",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
_SYMBOLS = {"~": " ", "_": "-", "\n": "\n\n", "\r": "\n\n", "\t": "\t", "\\": "\\", "{": "{", "}": "}"}
_SKIPPED = {
    *("colortbl", "stylesheet", "pict", "objdata", "fldinst", "nonshppict", "listtable", "sp"),
    *(
        "listoverridetable",
        "revtbl",
        "rsidtbl",
        "themedata",
        "datastore",
        "xmlnstbl",
        "generator",
        "filetbl",
        "bkmkstart",
    ),
    *("bkmkend", "private", "latentstyles", "mmathPr", "annotation", "atnid", "atnauthor", "tc", "xe", "ftnsep"),
    *("ftnsepc", "aftnsep", "aftnsepc", "objalias", "objclass", "objname", "ud", "falt", "panose", "fname"),
}
_STARRED_READ = {"shpinst", "shptxt", "footnote", "hlfr", "fldrslt"}
"""Groups marked as optional for old readers that contain text."""
_DESTINATIONS = {**dict.fromkeys(_SKIPPED, "skipped"), "fonttbl": "fonts", "info": "info"}
_INFO = {"title": "title", "author": "author", "subject": "subject", "keywords": "keywords"}
_CODEPAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}


@dataclass(frozen=True, slots=True)
class _Group:
    """The properties that hold within a pair of braces."""

    destination: str = "text"
    """The destination: ``text``, ``skipped``, ``fonts``, ``info`` or the name of a metadata field."""
    starred: bool = False
    hidden: bool = False
    in_table: bool = False
    replacements: int = 1
    """Number of replacement characters after each Unicode character."""
    encoding: str | None = None


class RtfWriter:
    """Collects the text of an RTF file.

    Args:
        depth: The allowed nesting of groups.
    """

    def __init__(self, depth: int) -> None:
        self.metadata: dict[str, str] = {}
        self._depth = depth
        self._groups: list[_Group] = []
        self._group = _Group()
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = self._default_font = -1
        self._written: list[str] = []
        self._bytes = bytearray()
        self._bytes_encoding = ""
        self._surrogate = 0
        self._to_skip = 0

    @property
    def text(self) -> str:
        """The text so far."""
        self._flush()
        return "".join(self._written)

    @property
    def is_open(self) -> bool:
        """Whether a group is open."""
        return bool(self._groups)

    def open_group(self) -> None:
        """Begin a group.

        Raises:
            ParseLimitExceededError
        """
        self._flush()
        if len(self._groups) >= self._depth:
            raise ParseLimitExceededError("Its groups are nested deeper than is allowed.")
        self._groups.append(self._group)
        self._group = replace(self._group, starred=False)

    def close_group(self) -> bool:
        """End a group. Returns False when it was the outermost one."""
        self._flush()
        self._to_skip = 0
        if self._groups:
            self._group = self._groups.pop()
        return self.is_open

    def write_bytes(self, data: bytes) -> None:
        """Write text in the current encoding."""
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        encoding = self._group.encoding or self._encoding
        if self._is_visible() and skipped < len(data):
            if encoding != self._bytes_encoding:
                self._flush()
                self._bytes_encoding = encoding
            self._bytes += data[skipped:]

    def write_symbol(self, symbol: str) -> None:
        """Write a control symbol, given by the character after the backslash."""
        if symbol == "*":
            self._group = replace(self._group, starred=True)
        elif self._to_skip:
            self._to_skip -= 1
        else:
            self._write(_SYMBOLS.get(symbol, ""))

    def write_word(self, word: str, parameter: int | None) -> int:
        """Process a control word. Returns the number of binary bytes that follow it."""
        self._to_skip = 0
        starred = self._group.starred
        if starred:
            self._group = replace(self._group, starred=False)
        if word == "bin":
            return max(parameter or 0, 0)
        if word == "u" and parameter is not None:
            self._write_unit(parameter % 0x10000)
        elif word in _DESTINATIONS or (starred and word not in _STARRED_READ):
            self._enter(_DESTINATIONS.get(word, "skipped"))
        elif self._group.destination == "info" and word in _INFO:
            self._enter(_INFO[word])
        elif word in _SIGNS:
            sign = _SIGNS[word]
            self._write(" " if self._group.in_table and word in {"par", "line", "sect"} else sign)
        elif word == "footnote":
            self._write(" ")
        else:
            self._set_property(word, parameter)
        return 0

    def _enter(self, destination: str) -> None:
        self._flush()
        if self._group.destination != "skipped":
            self._group = replace(self._group, destination=destination)

    def _set_property(self, word: str, parameter: int | None) -> None:
        """Process a word that changes how the following text is read."""
        group = self._group
        if word in {"v", "deleted"}:
            self._group = replace(group, hidden=parameter != 0)
        elif word in {"pard", "intbl"}:
            self._group = replace(group, in_table=word == "intbl")
        elif word == "plain":
            self._group = replace(group, hidden=False, encoding=self._fonts.get(self._default_font))
        elif word == "uc":
            self._group = replace(group, replacements=max(parameter or 0, 0))
        elif word == "f":
            self._font = -1 if parameter is None else parameter
            self._group = replace(group, encoding=self._fonts.get(self._font))
        elif word == "deff":
            self._default_font = -1 if parameter is None else parameter
        elif word in _CODEPAGES:
            self._encoding = _CODEPAGES[word]
        elif word == "ansicpg":
            self._encoding = _find_codepage(parameter) or self._encoding
        elif group.destination == "fonts" and word in {"fcharset", "cpg"}:
            encoding = _find_codepage(parameter) if word == "cpg" else _CHARSETS.get(parameter or 0)
            self._fonts |= {self._font: encoding} if encoding else {}

    def _is_visible(self) -> bool:
        return self._group.destination not in {"skipped", "fonts", "info"} and not self._group.hidden

    def _write_unit(self, unit: int) -> None:
        """Write a UTF-16 code unit; characters beyond U+FFFF are two."""
        high, self._surrogate = self._surrogate, 0
        self._to_skip = self._group.replacements
        if 0xD800 <= unit < 0xDC00:  # noqa: PLR2004, a high surrogate
            self._surrogate = unit
        elif 0xDC00 <= unit < 0xE000:  # noqa: PLR2004, a low surrogate
            self._write(chr(0x10000 + (high - 0xD800) * 0x400 + unit - 0xDC00) if high else "\ufffd")
        else:
            self._write(chr(unit))

    def _write(self, text: str) -> None:
        self._flush()
        if not text or not self._is_visible():
            return
        destination = self._group.destination
        if destination == "text":
            self._written.append(text)
        else:
            self.metadata[destination] = self.metadata.get(destination, "") + text

    def _flush(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._bytes_encoding, "replace").replace(CELL, "")
            self._bytes.clear()
            self._write(text)


def _find_codepage(number: int | None) -> str | None:
    """The codec of a Windows code page; None where Python has none."""
    name = "utf-8" if number == 65001 else f"cp{number}"  # noqa: PLR2004, the code page's number
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
