"""The texts of a slide of PowerPoint 97 to 2003, with the places of their shapes ([MS-PPT] 2.9, [MS-ODRAW] 2.2)."""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from app.pipeline.parse.legacy.records import Record, list_records, walk
from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.tables import Cell, Table
from app.pipeline.parse.slides.order import Box

_GROUP, _SHAPE, _TEXT_BOX = 0xF003, 0xF004, 0xF00D
_ANCHOR, _CHILD_ANCHOR, _OPTIONS = 0xF010, 0xF00F, 0xF122
_TABLE_OPTION, _OPTION_NUMBER = 0x039F, 0x3FFF
_HEADER, _WIDE, _NARROW, _OUTLINE_TEXT = 0x0F9F, 0x0FA0, 0x0FA8, 0x0F9E
_ACTION, _ACTION_ATOM, _ACTION_RANGE = 0x0FF2, 0x0FF3, 0x0FDF
_TITLES = {0, 6}
_FIELDS = {"", "*"}
"""Texts of which PowerPoint shows a number or a date: a placeholder for it, or nothing."""


class Text(NamedTuple):
    """A text, and whether it is a title."""

    text: str
    is_title: bool


class Shape(NamedTuple):
    """A text or a table on a slide, and its place."""

    text: Text
    box: Box


class ShapeReader:
    """Reads the shapes of slides.

    Args:
        stream: The records of the presentation.
        links: The addresses of its hyperlinks by number.
        budget: Limits the characters.
    """

    def __init__(self, stream: bytes, links: dict[int, str], budget: Budget) -> None:
        self._stream = stream
        self._links = links
        self._budget = budget

    def read(self, slide: Record, outline: list[Record]) -> list[Shape]:
        """The shapes with text, in the order of the file."""
        texts = list(self.read_texts(outline))
        found: list[Shape] = []
        waiting: list[tuple[Record, Box | None]] = [(slide, None)]
        while waiting:
            parent, box = waiting.pop()
            inner: list[tuple[Record, Box | None]] = []
            for record in list_records(self._stream, parent):
                if record.kind == _SHAPE:
                    found += self._read_shape(record, box, texts)
                elif record.kind == _GROUP and self._is_table(record):
                    found.append(Shape(Text(self._write_table(record, texts), is_title=False), self._place(record)))
                elif record.is_container:
                    is_inner_group = record.kind == _GROUP and parent.kind == _GROUP
                    inner.append((record, box or (self._place(record) if is_inner_group else None)))
            waiting += reversed(inner)
        return [shape for shape in found if shape.text.text.strip() not in _FIELDS]

    def read_texts(self, records: Iterable[Record], outline: list[Text] | None = None) -> Iterator[Text]:
        """The texts in a list of records, with the addresses of links. A record may refer to a text of the outline."""
        kind, text, spans, action = 0, "", list[tuple[int, int, int]](), 0
        for record in [*records, None]:
            if record is None or record.kind == _HEADER:
                if text:
                    yield Text(self._link(text, spans), kind in _TITLES)
                kind, text, spans = record.number(self._stream, 0) if record else 0, "", []
            elif record.kind == _OUTLINE_TEXT:
                number = record.number(self._stream, 0)
                if outline and number < len(outline):
                    text, kind = outline[number].text, 0 if outline[number].is_title else 1
            elif record.kind == _WIDE:
                text = record.content(self._stream).decode("utf-16-le", "replace")
            elif record.kind == _NARROW:
                text = record.content(self._stream).decode("latin-1")
            elif record.kind == _ACTION:
                atoms = (one for one in list_records(self._stream, record) if one.kind == _ACTION_ATOM)
                action = next((atom.number(self._stream, 4) for atom in atoms), 0)
            elif record.kind == _ACTION_RANGE:
                spans.append((record.number(self._stream, 0), record.number(self._stream, 4), action))

    def _link(self, text: str, spans: list[tuple[int, int, int]]) -> str:
        self._budget.spend(len(text))
        parts, at = [], 0
        for start, end, number in sorted(spans):
            if at <= start < end <= len(text) and self._links.get(number):
                parts += [text[at:start], write_link(text[start:end], self._links[number])]
                at = end
        return "".join([*parts, text[at:]]).replace("\r", "\n").replace("\x0b", "\n").strip()

    def _read_shape(self, shape: Record, box: Box | None, outline: list[Text]) -> Iterator[Shape]:
        parts = list(list_records(self._stream, shape))
        for part in parts:
            if part.kind == _TEXT_BOX:
                texts = self.read_texts(list_records(self._stream, part), outline)
                yield from (Shape(text, box or self._read_box(parts)) for text in texts)

    def _place(self, group: Record) -> Box:
        """The place of a group: that of its first shape, which stands for the whole."""
        first = next((one for one in list_records(self._stream, group) if one.kind == _SHAPE), None)
        return self._read_box(list(list_records(self._stream, first))) if first else Box()

    def _read_box(self, parts: list[Record]) -> Box:
        for part in parts:
            raw = part.content(self._stream)
            if part.kind == _CHILD_ANCHOR and len(raw) >= 16:  # noqa: PLR2004, four numbers
                left, top, right, bottom = struct.unpack_from("<4i", raw)
            elif part.kind == _ANCHOR and len(raw) >= 8:  # noqa: PLR2004, four numbers
                top, left, right, bottom = struct.unpack_from("<4i" if len(raw) >= 16 else "<4h", raw)  # noqa: PLR2004
            else:
                continue
            return Box(left, top, max(right - left, 0), max(bottom - top, 0))
        return Box()

    def _is_table(self, group: Record) -> bool:
        first = next((one for one in list_records(self._stream, group) if one.kind == _SHAPE), None)
        for options in list_records(self._stream, first) if first else ():
            if options.kind == _OPTIONS:
                raw = options.content(self._stream)[: 6 * options.instance]
                numbers = (raw[at] | raw[at + 1] << 8 for at in range(0, len(raw) - 1, 6))
                if any(number & _OPTION_NUMBER == _TABLE_OPTION for number in numbers):
                    return True
        return False

    def _write_table(self, group: Record, outline: list[Text]) -> str:
        """The rows of a table, whose cells are shapes in a grid."""
        cells = [
            shape
            for record in walk(self._stream, group)
            if record.kind == _SHAPE
            for shape in self._read_shape(record, None, outline)
        ]
        lefts, tops = (sorted({getattr(shape.box, side) for shape in cells}) for side in ("left", "top"))
        table = Table(self._budget)
        rows: dict[int, list[Shape]] = {top: [] for top in tops}
        for shape in cells:
            rows[shape.box.top].append(shape)
        for row in rows.values():
            table.add_row(self._make_cell(shape, lefts, tops) for shape in sorted(row, key=lambda one: one.box.left))
        return table.write()

    @staticmethod
    def _make_cell(shape: Shape, lefts: list[int], tops: list[int]) -> Cell:
        left, top, width, height = shape.box
        columns = bisect_left(lefts, left + width) - bisect_left(lefts, left)
        rows = bisect_left(tops, top + height) - bisect_left(tops, top)
        return Cell(shape.text.text, columns=max(columns, 1), rows=max(rows, 1))
