"""Places the texts of annotations: values beside labels, addresses after the words of links, notes at the end."""

import re
from collections.abc import Iterator, Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.pdf.annotations import Annotation, Kind
from app.pipeline.parse.pdf.edits import Edit
from app.pipeline.parse.pdf.layout import (
    Box,
    Piece,
    find_pieces,
    find_position,
    is_affordable,
    read_character_boxes,
)
from app.pipeline.parse.rendering.links import write_link

_ON_LINE = 0.5
"""The share of the lower of two boxes by which both overlap where they are on one line."""
_FAR = 250.0
"""Points between a field and a label on its left at the most."""
_NEAR = 40.0
"""Points between a tick box and its words at the most."""
_LABEL = re.compile(r"[:\uff1a_.…]\s*\Z|\A.{1,30}\Z", re.DOTALL)
_LEADER = re.compile(r"(?<=\s)[._…]{2,}\Z")
_WORD = re.compile("[A-Za-z0-9\u00c0-\u024f]")
_TALL = 24.0
_EDGE = 2.0
_MAX_WORDS = 200


def place(page: pdfium.PdfTextPage, text: str, annotations: Sequence[Annotation]) -> tuple[list[Edit], list[str]]:
    """The edits of the page's text, and the lines that follow it."""
    if not is_affordable(len(annotations), len(text)):
        annotations = [item._replace(boxes=()) for item in annotations]
    links = [item for item in annotations if item.kind is Kind.LINK]
    notes = [item for item in annotations if item.kind is Kind.NOTE]
    edits, addresses = _place_links(page, text, links)
    placer = _Placer(page, text, [item for item in annotations if item.kind in (Kind.VALUE, Kind.TICK, Kind.TYPED)])
    edits += placer.edits
    return edits, [*placer.lines, *dict.fromkeys(_write_note(page, note) for note in notes), *addresses]


def _write_note(page: pdfium.PdfTextPage, note: Annotation) -> str:
    words = " ".join(" ".join(page.get_text_bounded(*box, errors="ignore").split()) for box in note.boxes).strip()
    if not 0 < len(words) <= _MAX_WORDS:
        words = ""
    if words == " ".join(note.text.split()):
        return ""  # some programs copy the words into the note
    return f"Note{f' by {note.name}' if note.name else ''}{f' on “{words}”' if words else ''}: {note.text}"


class _Placer:
    """Finds the places of values, ticks and typed text among the pieces of a page's lines.

    ``edits`` insert those that belong to a label; ``lines`` are the other ones, from top to bottom.
    """

    def __init__(self, page: pdfium.PdfTextPage, text: str, annotations: Sequence[Annotation]) -> None:
        self.edits: list[Edit] = []
        self.lines: list[str] = []
        if not annotations:
            return
        self._page = page
        self._text = text
        self._pieces = find_pieces(page, text)
        for item in sorted(annotations, key=_reading_order):
            edit = self._find_place(item)
            if edit:
                self.edits.append(edit)
            else:
                self.lines.append(_write_alone(item))

    def _find_place(self, item: Annotation) -> Edit | None:
        if not item.boxes:
            return None
        box = item.boxes[0]
        if item.kind is Kind.TICK:
            return self._before_words(item, box) or self._after_label(item, box, _NEAR)
        if item.kind is Kind.TYPED:
            return self._in_typed_place(item, box)
        above = self._below_label(item, box)
        return self._after_label(item, box, _NEAR if above else _FAR) or above

    def _before_words(self, item: Annotation, box: Box) -> Edit | None:
        """A tick before the nearest words on its right."""
        right = [piece for piece in self._on_line(box) if piece.box.right > box.right]
        nearest = min(right, key=lambda piece: piece.box.left, default=None)
        if nearest is None or nearest.box.left - box.right > _NEAR:
            return None
        place = self._find_character(nearest, box.right - _EDGE)
        return Edit(place, place, f"{item.text} ", leads=True)

    def _after_label(self, item: Annotation, box: Box, reach: float) -> Edit | None:
        """A value after the nearest words on its left."""
        left = [piece for piece in self._on_line(box) if piece.box.left < box.left]
        nearest = max(left, key=lambda piece: (min(piece.box.right, box.left), piece.box.top), default=None)
        if nearest is None or box.left - nearest.box.right > reach:
            return None
        place = self._find_character(nearest, box.left)
        dots = _LEADER.search(self._text, nearest.start, place)
        return self._insert(item, dots.start() if dots else place)

    def _below_label(self, item: Annotation, box: Box) -> Edit | None:
        """A value after the words that stand right above it."""
        above = [
            piece
            for piece in self._pieces
            if -piece.box.height / 2 <= piece.box.bottom - box.top <= 1.5 * piece.box.height
            and min(piece.box.right, box.right) > max(piece.box.left, box.left)
        ]
        nearest = min(above, key=lambda piece: piece.box.bottom, default=None)
        return self._insert(item, nearest.stop) if nearest else None

    def _in_typed_place(self, item: Annotation, box: Box) -> Edit | None:
        """Typed text after a label on its left, or on a line of its own where the page is free."""
        edit = self._after_label(item, box, _FAR)
        if edit:
            line = self._text[self._text.rfind("\n", 0, edit.start) + 1 : edit.start]
            return edit if _LABEL.search(line.strip()) else None
        if any(True for _ in self._on_line(box)):
            return None
        above = [piece for piece in self._pieces if piece.box.bottom >= box.top - _EDGE]
        return Edit(above[-1].stop, above[-1].stop, f"\r\n{item.text}") if above else None

    def _insert(self, item: Annotation, place: int) -> Edit:
        before = "" if self._text[place - 1 : place].isspace() else " "
        after = " " if self._text[place : place + 1].strip() else ""
        return Edit(place, place, f"{before}{item.text}{after}")

    def _on_line(self, box: Box) -> Iterator[Piece]:
        for piece in self._pieces:
            shared = min(piece.box.top, box.top) - max(piece.box.bottom, box.bottom)
            if shared > _ON_LINE * min(piece.box.height, box.height):
                yield piece

    def _find_character(self, piece: Piece, place: float) -> int:
        """The position of the first character of a piece that stands right of this x coordinate."""
        if piece.box.left >= place:
            return piece.start
        if piece.box.right <= place:
            return piece.stop
        boxes = enumerate(read_character_boxes(self._page, piece.start, piece.stop), piece.start)
        return next((index for index, box in boxes if box.left + box.right > 2 * place), piece.stop)


def _reading_order(item: Annotation) -> tuple[int, float]:
    """From top to bottom by lines, then from left to right."""
    if not item.boxes:
        return 0, 0.0
    box = item.boxes[0]
    return -round((box.top + box.bottom) / 12), box.left


def _write_alone(item: Annotation) -> str:
    if item.kind is Kind.TICK:
        return f"{item.text} {item.name}"
    return f"{item.name}: {item.text}" if item.name else item.text


def _place_links(page: pdfium.PdfTextPage, text: str, links: Sequence[Annotation]) -> tuple[list[Edit], list[str]]:
    """The addresses after the words that their links cover, and those of links without words.

    Links that follow each other to one address are one: some programs write one for each line.
    """
    edits: list[Edit] = []
    alone: list[str] = []
    former: tuple[str, int, int] | None = None
    for link in links:
        found = [area for box in link.boxes if (area := _find_words(page, box))]
        if not found:
            alone.append(write_link("", link.text))
            continue
        start, stop = min(found)[0], max(stop for _, stop in found)
        start, stop = _complete_words(text, start, stop)
        if former and former[0] == link.text and not _WORD.search(text, former[2], start):
            edits.pop()
            start = former[1]
        words = text[start:stop].rstrip()
        edits.append(Edit(start + len(words), start + len(words), write_link(words, link.text).removeprefix(words)))
        former = link.text, start, stop
    return [edit for edit in edits if edit.text], list(dict.fromkeys(filter(None, alone)))


def _complete_words(text: str, start: int, stop: int) -> tuple[int, int]:
    """The range with the rest of its first and last words, because areas of links are often too narrow."""
    while start and _WORD.match(text, start - 1) and _WORD.match(text, start):
        start -= 1
    while stop < len(text) and _WORD.match(text, stop) and _WORD.match(text, stop - 1):
        stop += 1
    return start, stop


def _find_words(page: pdfium.PdfTextPage, box: Box) -> tuple[int, int] | None:
    """The characters ``text[start:stop]`` in a box, by those at its ends; None where it covers none."""
    half = min(box.height / 2, _TALL / 4)
    inset = min(_EDGE, box.width / 4)
    ends = []
    for across, up in ((box.left + inset, box.top - half), (box.right - inset, box.bottom + half)):
        index = pdfium_raw.FPDFText_GetCharIndexAtPos(page.raw, across, up, box.width / 2, half)
        position = find_position(page, index) if index >= 0 else -1
        if position < 0:
            return None
        ends.append(position)
    return min(ends), max(ends) + 1
