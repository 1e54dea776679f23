"""The text of an OpenDocument body, block by block."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.tables import join_blocks, write_row
from app.pipeline.parse.xml import attribute, local, to_integer

_DROPPED = {
    *("tracked-changes", "notes", "forms", "scripts", "sequence-decls", "variable-decls", "user-field-decls"),
    *("annotation-end", "note-citation", "table-of-content-source", "desc", "title", "image", "object-ole"),
    *("shapes", "event-listeners", "page-number", "page-count"),
}
_CELLS = {"table-cell", "covered-table-cell"}
_BLOCKS = {"frame", "text-box", "custom-shape", "rect", "annotation", "note", "note-body", "g", "line", "connector"}
_REPEATS = 100
"""Repetitions of an empty cell at most; files fill the rest of a row or sheet with one repeated cell."""


class OdfTextWriter:
    """Writes parts of a document as text.

    Args:
        budget: The total number of characters allowed.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def write(self, container: etree._Element) -> str:
        """Paragraphs separated by blank lines; list items and table rows by line ends.

        Raises:
            ParseLimitExceededError
        """
        return join_blocks(self._blocks(container, listed=False))

    def write_table(self, table: etree._Element) -> str:
        """A line for each row. Blank rows become one blank line.

        Raises:
            ParseLimitExceededError
        """
        lines: list[str] = []
        for line in self._rows(table):
            if line or (lines and lines[-1]):
                lines.append(line)
        return "\n".join(lines).strip("\n")

    def _blocks(self, container: etree._Element, *, listed: bool) -> Iterator[tuple[str, str]]:
        for item in container:
            name = local(item)
            if name in {"p", "h"}:
                yield from self._paragraph(item, listed=listed)
            elif name == "table":
                yield from (("row", line) for line in self._rows(item))
            elif name == "list-item":
                yield from self._blocks(item, listed=True)
            elif name and name not in _DROPPED:
                yield from self._blocks(item, listed=listed)

    def _paragraph(self, paragraph: etree._Element, *, listed: bool) -> Iterator[tuple[str, str]]:
        boxes: list[etree._Element] = []
        text = "".join(self._inline(paragraph, boxes)).strip("\n")
        self._budget.spend(len(text))
        if text.strip():
            yield ("item", f"- {text}") if listed else ("paragraph", text)
        for box in boxes:
            yield from self._blocks(box, listed=False)

    def _inline(self, element: etree._Element, boxes: list[etree._Element]) -> Iterator[str]:
        """The text of spans. Frames and notes are added to ``boxes``, because they follow their paragraph."""
        yield _fold(element.text)
        for item in element:
            name = local(item)
            if name in _BLOCKS:
                boxes.append(item)
            elif name == "s":
                yield " " * min(to_integer(attribute(item, "c"), 1), _REPEATS)
            elif name in {"tab", "line-break"}:
                yield "\t" if name == "tab" else "\n"
            elif name and name not in _DROPPED:
                yield from self._inline(item, boxes)
            yield _fold(item.tail)

    def _rows(self, table: etree._Element) -> Iterator[str]:
        for item in table:
            if local(item) == "table-row":
                line = write_row(self._cells(item))
                for _ in range(_repeats(item, "number-rows-repeated") if line else 1):
                    self._budget.spend(len(line))
                    yield line
            elif local(item) not in _DROPPED and local(item) not in _BLOCKS:
                yield from self._rows(item)  # row groups and repeated header rows

    def _cells(self, row: etree._Element) -> Iterator[str]:
        for item in row:
            if local(item) not in _CELLS:
                continue
            text = " ".join(text for _, text in self._blocks(item, listed=False))
            times = _repeats(item, "number-columns-repeated")
            for _ in range(times if text else min(times, _REPEATS)):
                self._budget.spend(len(text))
                yield text


def _repeats(item: etree._Element, name: str) -> int:
    return max(to_integer(attribute(item, name), 1), 1)


def _fold(text: str | None) -> str:
    """A run of white space is one space; further ones are elements ``text:s`` (6.1.2)."""
    if not text:
        return ""
    folded = " ".join(text.split())
    return f"{' ' * text[0].isspace()}{folded}{' ' * (text[-1].isspace() and bool(folded))}"
