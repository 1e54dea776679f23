"""Workbooks in the XML format of Excel 2003, which other programs also write and name ``.xls``."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.number_formats import NumberFormat
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.layout import Area, Layout
from app.pipeline.parse.xml import to_integer

_PIECE = 64 * 1024
_SPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001, spreadsheets have no time zones
_SECONDS = 86_400
_NAMED = {
    **dict.fromkeys(("General Date", "Short Date", "Medium Date", "Long Date"), "yyyy-mm-dd"),
    **dict.fromkeys(("Short Time", "Medium Time"), "h:mm"),
    "Long Time": "h:mm:ss",
    "Fixed": "0.00",
    "Standard": "#,##0.00",
    "Percent": "0.00%",
    "Scientific": "0.00E+00",
    "Currency": "$#,##0.00",
}
"""Formats that are stated by a name. Those of dates depend on the reader's computer; here they are ISO 8601."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages, as of XLSX.

    Raises:
        DocumentDamagedError, ParseLimitExceededError
    """
    target = _Target(Budget(limits.characters, "It contains more text than is allowed."), limits.pages)
    parser = etree.XMLParser(
        target=target,  # type: ignore[arg-type]
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                parser.feed(piece)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise DocumentDamagedError(str(error)) from error
    report(len(target.pages), len(target.pages))
    return Parsed(target.pages, {"page_count": len(target.pages)})


class _Target:
    """Receives the elements; no tree is built."""

    def __init__(self, budget: Budget, most: int) -> None:
        self.pages: list[Page] = []
        self._budget, self._most = budget, most
        self._formats: dict[str, NumberFormat] = {}
        self._style = self._name = self._kind = self._address = self._author = ""
        self._layout = Layout()
        self._rows: dict[int, dict[int, str]] = {}
        self._row = self._column = self._following = 0
        self._text: list[str] | None = None
        self._in_comment = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        name = tag.removeprefix(_SPACE)
        if name == "Style":
            self._style = attributes.get(f"{_SPACE}ID", "")
        elif name == "NumberFormat":
            code = attributes.get(f"{_SPACE}Format", "")
            self._formats[self._style] = NumberFormat(_NAMED.get(code, code))
        elif name == "Worksheet":
            self._name, self._row = attributes.get(f"{_SPACE}Name", ""), 0
            self._layout, self._rows = Layout(), {}
        elif name == "Row":
            self._row = to_integer(attributes.get(f"{_SPACE}Index"), self._row + 1)
            self._following = 0
        elif name == "Cell":
            self._start_cell(attributes)
        elif name == "Comment":
            self._in_comment, self._author = True, attributes.get(f"{_SPACE}Author", "")
        elif name == "Data":
            self._kind, self._text = attributes.get(f"{_SPACE}Type", ""), []

    def data(self, text: str) -> None:
        """Handle text in the current element."""
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        name = tag.removeprefix(_SPACE)
        if name == "Data" and self._text is not None:
            text, self._text = "".join(self._text), None
            self._budget.spend(len(text))
            if self._in_comment:
                self._layout.add_note(self._row, self._column, self._author, text, self._budget)
            else:
                shown = write_link(self._show(text), self._address)
                self._rows.setdefault(self._row, {})[self._column] = shown
        elif name == "Comment":
            self._in_comment = False
        elif name == "Worksheet":
            self._end_sheet()

    def close(self) -> None:
        """Handle the end of the file."""

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._column = to_integer(attributes.get(f"{_SPACE}Index"), self._following + 1) - 1
        self._style = attributes.get(f"{_SPACE}StyleID", "Default")
        self._address = attributes.get(f"{_SPACE}HRef", "")
        across = to_integer(attributes.get(f"{_SPACE}MergeAcross"), 0)
        self._following = self._column + across + 1
        down = to_integer(attributes.get(f"{_SPACE}MergeDown"), 0)
        if across or down:
            self._layout.merge(Area(self._row, self._column, self._row + down, self._column + across))

    def _show(self, text: str) -> str:
        number_format = self._formats.get(self._style)
        if self._kind == "Number" and number_format:
            return number_format.show(text)
        if self._kind == "DateTime":
            return _show_date(text, number_format)
        return {"1": "TRUE", "0": "FALSE"}.get(text, text) if self._kind == "Boolean" else text

    def _end_sheet(self) -> None:
        if len(self.pages) >= self._most:
            raise ParseLimitExceededError(f"It has more than {self._most} sheets.")
        grid = Grid(self._budget, self._layout)
        for number, row in sorted(self._rows.items()):
            grid.add(number, dict(sorted(row.items())))
        rows = grid.write()
        self.pages.append(Page(len(self.pages) + 1, f"{write_heading(1, self._name)}\n\n{rows}" if rows else ""))


def _show_date(text: str, number_format: NumberFormat | None) -> str:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
    if number_format is None or number_format.is_general:
        return moment.isoformat(" ", "seconds").removesuffix(" 00:00:00")
    return number_format.show(str((moment - _EPOCH).total_seconds() / _SECONDS))
