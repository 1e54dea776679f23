"""The fonts of RTF, which decide the encoding of the text, and the code pages."""

import codecs

from app.pipeline.parse.office.symbols import is_symbol_font

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


class RtfFonts:
    """The fonts by their numbers, and the encoding of text without one."""

    def __init__(self) -> None:
        self.encoding = "cp1252"
        self._encodings: dict[int, str] = {}
        self._names: dict[int, list[str]] = {}
        self._selected = self._default = -1

    def select(self, number: int | None) -> int:
        """Select a font, which the font table then describes. Returns its number."""
        self._selected = -1 if number is None else number
        return self._selected

    def set(self, word: str, parameter: int | None, *, in_list: bool) -> None:
        """Process a control word; ``in_list`` says whether it stands in the font table."""
        if word == "deff":
            self._default = -1 if parameter is None else parameter
        elif word in _CODEPAGES:
            self.encoding = _CODEPAGES[word]
        elif word == "ansicpg":
            self.encoding = _find_codepage(parameter) or self.encoding
        elif in_list and word in {"fcharset", "cpg"}:
            encoding = _find_codepage(parameter) if word == "cpg" else _CHARSETS.get(parameter or 0)
            self._encodings |= {self._selected: encoding} if encoding else {}

    def add_name(self, text: str) -> None:
        """Add to the name of the selected font."""
        self._names.setdefault(self._selected, []).append(text)

    def find(self, number: int | None) -> tuple[str | None, str]:
        """The encoding of a font, and its name if it is a font of signs. None stands for the default font."""
        number = self._default if number is None else number
        name = "".join(self._names.get(number, ())).strip("; ")
        return self._encodings.get(number), name if is_symbol_font(name) else ""


def _find_codepage(number: int | None) -> str | None:
    """The codec of a Windows code page; None where Python has none."""
    name = "utf-8" if number == 65001 else f"cp{number}"  # noqa: PLR2004, the code page's number
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
