"""The lines of a page while it is written: white space folded as browsers do, blocks apart, list items marked."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.rendering.marks import take_marks

ADDRESS = "\ufdef"
"""Stands before and after an address in a line, so that the words can be compared without it. No text contains it."""
_INVISIBLE = " \t\n\xa0\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_INDENT = "  "
_SENTENCE_END = ".;:,!?…。、\uff1b\uff1a\uff01\uff1f"


@dataclass(slots=True)
class Line:
    """One line of text.

    Attributes:
        text: The text, with marks of headings and addresses.
        owner: The block element that it is in.
        marker: The marker of the list item that begins here, indented; empty for other lines.
        blank_before: Whether a blank line stands before it.
        is_verbatim: Whether its white space is kept.
        table: The number of the table that it is a row of; 0 for other lines.
        linked: The number of characters within links.
        is_heading: Whether it is a heading.
        is_picture: Whether it holds nothing but the descriptions of pictures.
    """

    text: str
    owner: etree._Element
    marker: str = ""
    blank_before: bool = False
    is_verbatim: bool = False
    table: int = 0
    linked: int = 0
    is_heading: bool = False
    is_picture: bool = False


@dataclass(slots=True)
class Flow:
    """Collects lines. ``owner`` is the block element of the text that comes next."""

    owner: etree._Element
    lines: list[Line] = field(default_factory=list)
    marker: str = ""
    linked: int = 0
    addresses: set[str] = field(default_factory=set)
    """The addresses written in this paragraph."""
    _pieces: list[str] = field(default_factory=list)
    _is_blank_due: bool = False
    _is_gap_due: bool = False
    _is_verbatim: bool = False
    _described: int = 0
    """The characters of the line that describe pictures."""

    def clear(self) -> None:
        """Begin again, with no lines."""
        self.lines, self.marker, self._is_blank_due = [], "", False
        self.addresses.clear()

    def add(self, text: str | None) -> None:
        """Add text to the line, its white space folded."""
        if not text:
            return
        words = text.split()
        if not words:
            self._add_space()
            return
        if text[0].isspace():
            self._add_space()
        self._add_gap(words[0])
        self._pieces.append(" ".join(words))
        if text[-1].isspace():
            self._add_space()

    def add_verbatim(self, text: str | None) -> None:
        """Add text with its white space; each line end in it ends a line."""
        first, *others = (text or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._pieces += [first] if first else []
        for piece in others:
            self._is_verbatim = True
            self.end_line()
            self._pieces += [piece] if piece else []
        self._is_verbatim = True

    def add_description(self, text: str) -> None:
        """Add the description of a picture."""
        self.add(f" {text} ")
        self._described += len(text)

    def set_apart(self) -> None:
        """Keep the words before and after this point apart, as the borders of buttons do."""
        self._is_gap_due = True

    def end_line(self) -> None:
        """End the line. White space alone makes none."""
        if not self._pieces and not self._is_verbatim:
            self._is_gap_due = False
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        is_verbatim, self._is_verbatim = self._is_verbatim, False
        text = text.rstrip() if is_verbatim else text.strip()
        self._is_gap_due = False
        if text.strip(_INVISIBLE):
            blank = self._is_blank_due and bool(self.lines)
            is_picture = self._described >= len(text)
            line = Line(text, self.owner, self.marker, blank, is_verbatim, linked=self.linked, is_picture=is_picture)
            self.lines.append(line)
            self.marker, self._is_blank_due = "", False
        elif is_verbatim:
            self._is_blank_due = bool(self.lines)
        self.linked = self._described = 0

    def end_paragraph(self) -> None:
        """End the line and leave a blank one, except between a list marker and its text."""
        self.end_line()
        self.addresses.clear()
        self._is_blank_due = self._is_blank_due or not self.marker

    def break_line(self) -> None:
        """A forced line end; the second of two makes a blank line."""
        if any(piece.strip() for piece in self._pieces):
            self.end_line()
        else:
            self._is_blank_due = True

    def extend(self, lines: Iterable[Line]) -> None:
        """Add lines that were written elsewhere, as they are."""
        self.end_line()
        for line in lines:
            line.blank_before = bool(self.lines) and (line.blank_before or self._is_blank_due)
            line.marker = line.marker or self.marker
            self.marker, self._is_blank_due = "", False
            self.lines.append(line)

    def tell(self) -> tuple[int, int]:
        """The present position, for ``take`` and ``join``."""
        return len(self.lines), len(self._pieces)

    def take(self, position: tuple[int, int]) -> str | None:
        """Remove and return the text of the line since ``position``; None where the line ended since."""
        lines, pieces = position
        if lines != len(self.lines) or pieces > len(self._pieces):
            return None
        text = "".join(self._pieces[pieces:])
        del self._pieces[pieces:]
        return text

    def insert(self, text: str) -> None:
        """Add text as it is."""
        self._pieces += [text] if text else []

    def last_characters(self, number: int) -> str:
        """The end of the line so far."""
        tail = ""
        for piece in reversed(self._pieces):
            tail = piece + tail
            if len(tail) >= number:
                break
        return tail[-number:]

    def _add_space(self) -> None:
        self._is_gap_due = False
        if self._pieces and not self._pieces[-1][-1:].isspace():
            self._pieces.append(" ")

    def _add_gap(self, word: str) -> None:
        """A space where words that are set apart would run together; scripts without spaces need none."""
        if self._is_gap_due and self._pieces:
            before = self._pieces[-1][-1:]
            if before.isalnum() and word[0].isalnum() and not (_is_ideograph(before) or _is_ideograph(word[0])):
                self._add_space()
        self._is_gap_due = False


def flatten(lines: Iterable[Line]) -> str:
    """Lines as the text of one table cell: items separated by semicolons, other blocks by spaces."""
    text = ""
    pieces = list[str]()
    was_item = False
    for line in lines:
        text, _ = take_marks(line.text)
        is_item = bool(line.marker or line.table)
        if pieces:
            ends = pieces[-1][-1:] in _SENTENCE_END
            pieces.append("; " if (is_item or was_item) and not ends else " ")
        number = line.marker.strip()
        pieces += [f"{number} " if number[:1].isalnum() else "", text.replace(" | ", ", ") if line.table else text]
        was_item = is_item
    return "".join(pieces)


def indent(depth: int, marker: str) -> str:
    """The marker of a list item in ``depth`` lists."""
    return f"{_INDENT * min(depth - 1, 9)}{marker} "


def join_lines(lines: Iterable[Line]) -> str:
    """The lines as text."""
    pieces = list[str]()
    for line in lines:
        pieces += ["\n\n" if line.blank_before else "\n", line.marker, line.text.replace(ADDRESS, "")]
    return "".join(pieces[1:])


def _is_ideograph(character: str) -> bool:
    """Whether the script of a character is written without spaces between words."""
    return "\u0e00" <= character <= "\u0eff" or "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af"
