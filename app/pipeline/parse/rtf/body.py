"""The text of an RTF file as blocks: paragraphs, headings, tables, and notes after the paragraphs they belong to."""

from collections.abc import Iterable

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.equations import runs_together
from app.pipeline.parse.office.scripts import Script, Scripts
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.rendering.tables import join_blocks
from app.pipeline.parse.rtf.tables import RowDefinition, RtfTable

_DEEPEST = 10
"""Tables within tables at most; deeper ones are read as the cells of this depth."""


class RtfBody:
    """Collects the text of a document, or of a note, header or text box within it."""

    def __init__(self, kind: str, budget: Budget) -> None:
        self.kind = kind
        self._budget = budget
        self._blocks: list[tuple[str, str]] = []
        self._pieces: list[str] = []
        self._scripts = Scripts()
        self._cells: dict[int, list[str]] = {}
        """The text of the open cell at each depth of tables."""
        self._tables: dict[int, RtfTable] = {}
        self._after: list[tuple[str, str]] = []
        self._after_table: list[tuple[str, str]] = []
        self._paragraphs = 0

    def write(self, text: str, script: Script | None = None) -> None:
        """Add text to the current paragraph; ``script`` says whether it is a superscript or a subscript."""
        self._pieces.append(text)
        if script:
            self._scripts.write(self._pieces, len(self._pieces) - 1, script)

    def position(self) -> tuple[int, int]:
        """The current position, for ``replace_from``."""
        return self._paragraphs, len(self._pieces)

    def replace_from(self, position: tuple[int, int], address: str, default: str) -> None:
        """Make a link of the text since ``position``; where there is none, ``default`` takes its place."""
        paragraph, start = position
        start = start if paragraph == self._paragraphs else 0
        words = "".join(self._pieces[start:])
        if not address and not words.strip():
            words = (
                f" {default}" if runs_together("".join(self._pieces[max(start - 1, 0) : start]), default) else default
            )
        self._pieces[start:] = [write_link(words, address)]

    def follow(self, text: str) -> None:
        """Add a block that follows the current paragraph or table."""
        self._after.append(("paragraph", text))

    def end_paragraph(self, depth: int, level: int = 0) -> None:
        """End a paragraph.

        Args:
            depth: The number of tables around it.
            level: The level of a heading, from 1; 0 for others.
        """
        text, self._pieces = "".join(self._pieces), []
        self._paragraphs += 1
        if depth:
            self._end_deeper(min(depth, _DEEPEST))
            self._cells.setdefault(min(depth, _DEEPEST), []).append(text)
            self._after_table += self._after
            self._after = []
            return
        self._end_table()
        self._blocks.append(("paragraph", write_heading(level, text) if level else text.strip("\n")))
        self._blocks += self._after
        self._after = []

    def end_cell(self, depth: int) -> None:
        """End a cell of a table at ``depth``."""
        depth = min(max(depth, 1), _DEEPEST)
        self.end_paragraph(depth)
        text = " ".join(filter(str.strip, self._cells.pop(depth, [])))
        self._tables.setdefault(depth, RtfTable()).add_cell(text)

    def end_row(self, depth: int, definition: RowDefinition) -> None:
        """End a row of a table at ``depth``."""
        depth = min(max(depth, 1), _DEEPEST)
        if depth in self._tables:
            self._tables[depth].end_row(definition)

    def list_blocks(self) -> list[tuple[str, str]]:
        """All blocks. Ends the current paragraph."""
        self.end_paragraph(0)
        return self._blocks

    def _end_deeper(self, depth: int) -> None:
        """End the tables within a cell at ``depth``."""
        for deeper in sorted({key for key in (*self._tables, *self._cells) if key > depth}, reverse=True):
            texts = self._cells.pop(deeper, [])
            if deeper in self._tables:
                texts.append(self._tables.pop(deeper).write_inline())
            self._cells.setdefault(deeper - 1, []).extend(texts)

    def _end_table(self) -> None:
        self._end_deeper(1)
        if self._tables:
            self._blocks.append(("paragraph", self._tables[min(self._tables)].write(self._budget)))
            self._tables.clear()
        left = [text for texts in self._cells.values() for text in texts]
        self._cells.clear()
        self._blocks += [*(("paragraph", text) for text in left), *self._after_table]
        self._after_table = []


def join(parts: Iterable[RtfBody]) -> str:
    """The blocks of several bodies."""
    return join_blocks(block for part in parts for block in part.list_blocks())
