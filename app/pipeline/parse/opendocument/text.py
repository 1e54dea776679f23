"""The text of an OpenDocument body, block by block."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.opendocument.inline import BLOCKS, DROPPED, InlineWriter, read_description
from app.pipeline.parse.opendocument.lists import List, Lists
from app.pipeline.parse.opendocument.objects import write_object
from app.pipeline.parse.opendocument.package import OdfPackage
from app.pipeline.parse.opendocument.styles import Styles
from app.pipeline.parse.opendocument.tables import frame_cells, read_rows, read_value
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.rendering.tables import Table, join_blocks, join_inline
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.xml import attribute, child, local, to_integer


class OdfTextWriter:
    """Writes parts of a document as text.

    Args:
        package: The document, for the objects within it.
        styles: Its styles.
        budget: The total number of characters allowed.
    """

    def __init__(self, package: OdfPackage, styles: Styles, budget: Budget) -> None:
        self._package = package
        self._styles = styles
        self._budget = budget
        self._lists = Lists(styles)
        self._inline = InlineWriter(package, styles)
        self._cells = 0
        """The number of table cells around the current paragraph."""
        self._after: list[tuple[str, str]] = []
        """Notes, comments and charts, which follow the paragraph or the table that they belong to."""

    def write(self, container: etree._Element) -> str:
        """Paragraphs separated by blank lines; list items and table rows by line ends.

        Raises:
            ParseLimitExceededError
        """
        return join_blocks(self.blocks(container))

    def write_table(self, table: etree._Element) -> str:
        """A line for each row. Blank rows become one blank line.

        Raises:
            ParseLimitExceededError
        """
        written = Table(self._budget)
        for row in read_rows(table, self._cell):
            for _ in range(row.times):
                written.add_row(row.cells, header=row.header)
        return written.write()

    def write_sheet(self, table: etree._Element) -> str:
        """The tables of a sheet: those that blank rows separate are tables of their own.

        Raises:
            ParseLimitExceededError
        """
        grid = Grid(self._budget)
        number = 0
        for row in read_rows(table, lambda cell: self._cell(cell) or read_value(cell)):
            filled = [place for place, cell in enumerate(row.cells, 1) if cell.text]
            for _ in range(row.times):
                number += 1
                if filled:
                    grid.add_cells(number, row.cells[: filled[-1]], header=row.header)
        return grid.write()

    def take_after(self) -> str:
        """The comments and charts in the cells of the sheet that ``write_sheet`` wrote."""
        after, self._after = self._after, []
        return join_blocks(after)

    def write_shape(self, shape: etree._Element) -> Iterator[tuple[str, str]]:
        """The blocks of one shape on a slide."""
        yield from self._block(shape, None)
        after, self._after = self._after, []
        yield from after

    def blocks(self, container: etree._Element, current: List | None = None) -> Iterator[tuple[str, str]]:
        """The blocks in ``container`` as ``(kind, text)``; ``current`` is the list around it."""
        for item in container:
            yield from self._block(item, current)
            if self._after and not self._cells:
                after, self._after = self._after, []
                yield from after

    def _block(self, item: etree._Element, current: List | None) -> Iterator[tuple[str, str]]:
        name = local(item)
        if name in {"p", "h"}:
            yield from self._paragraph(item, current)
        elif name == "table":
            yield from self._table(item)
        elif name == "list":
            yield from self.blocks(item, self._lists.open(item, current))
        elif name in {"list-item", "list-header"} and current is not None:
            current.begin_item(item)
            yield from self.blocks(item, current)
        elif name == "frame":
            yield from self._frame(item)
        elif name == "a":
            yield "paragraph", write_link(join_blocks(self.blocks(item)), attribute(item, "href"))
        elif name in {"note", "annotation"}:
            self._add_note(item)
        elif name and name not in DROPPED and not self._styles.hides(item):
            yield from self._described(item)
            yield from self.blocks(item, current)

    def _paragraph(self, paragraph: etree._Element, current: List | None) -> Iterator[tuple[str, str]]:
        if self._styles.hides(paragraph):
            return
        line = self._inline.write(paragraph)
        self._budget.spend(len(line.text))
        level = to_integer(attribute(paragraph, "outline-level"), 1) if local(paragraph) == "h" else 0
        mark = self._lists.mark(current) if current else self._lists.mark_heading(paragraph, level) if level else ""
        text = f"{mark} {line.text}" if mark else line.text
        if not line.text.strip():
            yield "paragraph", ""
        elif level and not self._cells:
            yield "paragraph", write_heading(level, text)
        else:
            yield ("item" if mark else "paragraph"), text
        for item in line.beside:
            yield from self._block(item, None)

    def _table(self, table: etree._Element) -> Iterator[tuple[str, str]]:
        if self._cells:
            rows = read_rows(table, self._cell)
            yield "paragraph", join_inline([cell.text for cell in row.cells] for row in rows)
        elif framed := frame_cells(table):
            for cell in framed:
                yield from self.blocks(cell)
        else:
            yield "paragraph", self.write_table(table)

    def _cell(self, cell: etree._Element) -> str:
        self._cells += 1
        text = " ".join(" ".join(text for _, text in self.blocks(cell)).split())
        self._cells -= 1
        return text

    def _frame(self, frame: etree._Element) -> Iterator[tuple[str, str]]:
        """One of the forms of a frame's content: an object has a picture for programs that cannot show it."""
        yield from self._described(frame)
        found = child(frame, "object")
        if found is not None:
            content = write_object(self._package, found, self)
            self._after += [("paragraph", text) for text in content]
            return
        yield from self.blocks(frame)

    def _described(self, shape: etree._Element) -> Iterator[tuple[str, str]]:
        text = read_description(shape) if local(shape) in BLOCKS else ""
        if text:
            yield "paragraph", text

    def _add_note(self, note: etree._Element) -> None:
        """Let a note or a comment follow."""
        cells, self._cells = self._cells, 0
        after, self._after = self._after, []
        if local(note) == "note":
            body, label = child(note, "note-body"), self._inline.label_of(note)
        else:
            body, author = note, child(note, "creator")
            label = f"Comment by {author.text}:" if author is not None and author.text else ""
        text = self.write(body).strip() if body is not None else ""
        self._cells, self._after = cells, after
        if text:
            self._after.append(("paragraph", f"{label} {text}".strip()))
