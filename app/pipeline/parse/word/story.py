"""The blocks of a part of a Word document in their order: paragraphs, lists, tables, text boxes and notes."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.office.alternatives import choose
from app.pipeline.parse.office.package import Part
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.rendering.tables import Table, join_blocks, join_inline
from app.pipeline.parse.word.inline import DROPPED, InlineWriter
from app.pipeline.parse.word.notes import Notes
from app.pipeline.parse.word.shared import Shared
from app.pipeline.parse.word.tables import read_table, single_column
from app.pipeline.parse.xml import attribute, child, children, local


class StoryWriter:
    """Writes the text of one part.

    Args:
        shared: What all parts share.
        part: The part.
        notes: The notes to which the part refers.
    """

    def __init__(self, shared: Shared, part: Part, notes: Notes) -> None:
        self._shared = shared
        self._part = part
        self._notes = notes
        self._inline = InlineWriter(shared, part, notes.label)
        self._joined: list[str] = []
        """The text of paragraphs whose ends were deleted: the next paragraph continues it."""
        self._cells = 0
        """The number of table cells around the current paragraph."""
        self._after: list[tuple[str, str]] = []
        """Charts and notes, which follow the paragraph or the table that refers to them."""

    def write(self, container: etree._Element | None) -> str:
        """Paragraphs separated by blank lines; list items and table rows by line ends."""
        return join_blocks(self.blocks(container))

    def blocks(self, container: etree._Element | None) -> Iterator[tuple[str, str]]:
        """The blocks in ``container`` as ``(kind, text)``."""
        for item in children(container):
            name = local(item)
            if name != "p" and name not in DROPPED:
                yield from self._take_joined()
            if name == "p":
                yield from self._paragraph(item)
            elif name == "tbl":
                yield from self._table(item)
            elif name == "AlternateContent":
                yield from self.blocks(choose(item))
            elif name == "altChunk":
                yield "paragraph", self._shared.read_chunk(self._part.find(attribute(item, "id")))
            elif name not in DROPPED:
                yield from self.blocks(item)
            if self._after and not self._cells:
                yield from self._take_after()
        yield from self._take_joined()

    def _take_joined(self) -> Iterator[tuple[str, str]]:
        joined, self._joined = "".join(self._joined), []
        yield "paragraph", joined

    def _take_after(self) -> Iterator[tuple[str, str]]:
        after, self._after = self._after, []
        yield from after

    def _paragraph(self, paragraph: etree._Element) -> Iterator[tuple[str, str]]:
        properties = child(paragraph, "pPr")
        line = self._inline.write(paragraph)
        pieces, self._joined = self._joined, []
        pieces.append(line.text)
        continues = any(child(properties, "rPr", name) is not None for name in ("del", "moveFrom"))
        if not continues:
            yield self._write_paragraph(properties, "".join(pieces))
        for item in line.beside:
            if isinstance(item, str):
                yield "paragraph", item
            else:
                yield from self.blocks(item)
        self._joined = pieces if continues else []
        self._after += [("paragraph", chart) for chart in line.charts]
        for kind, key, label in line.notes:
            self._after += self._notes.take(kind, key, label)

    def _write_paragraph(self, properties: etree._Element | None, text: str) -> tuple[str, str]:
        mark = self._shared.numbering.mark(properties)
        if not text.strip():
            return "paragraph", ""
        level = self._shared.styles.heading_level(properties) if not self._cells else 0
        if level:
            return "paragraph", write_heading(level, mark + text)
        return ("item", mark + text) if mark else ("paragraph", text)

    def _table(self, table: etree._Element) -> Iterator[tuple[str, str]]:
        framed = single_column(table)
        if framed and not self._cells:
            for cell in framed:
                yield from self.blocks(cell)
            return
        if self._cells:
            rows = read_table(table, self._cell)
            yield "paragraph", join_inline([cell.text for cell in row.cells] for row in rows)
            return
        written = Table(self._shared.budget)
        for row in read_table(table, self._cell):
            written.add_row(row.cells, header=row.header)
        yield "paragraph", written.write()

    def _cell(self, cell: etree._Element) -> str:
        self._cells += 1
        text = " ".join(" ".join(text for _, text in self.blocks(cell)).split())
        self._cells -= 1
        return text
