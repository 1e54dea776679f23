"""The visible text of an HTML page, line by line."""

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.web.captures import CAPTURED, Captures
from app.pipeline.parse.web.flow import Flow, Line, indent
from app.pipeline.parse.web.forms import write_control
from app.pipeline.parse.web.formulas import write_formula
from app.pipeline.parse.web.lists import HtmlList, open_list
from app.pipeline.parse.web.names import is_navigation, words_of
from app.pipeline.parse.web.tables import MAX_NESTED, HtmlTable
from app.pipeline.parse.web.visibility import is_hidden

_PARAGRAPHS = {"article", "blockquote", "hr", "p", "pre", "section", "table", "ol", "ul", "dl", "menu", "dir"}
_LINES = {
    *("address", "aside", "body", "caption", "center", "dd", "details", "dialog", "div", "dt", "fieldset", "li", "tr"),
    *("figcaption", "figure", "footer", "form", "header", "legend", "main", "nav", "summary", "search", "hgroup"),
    *("listing", "xmp", "plaintext", "td", "th"),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = {**dict.fromkeys(_LINES, False), **dict.fromkeys((*_PARAGRAPHS, *_HEADINGS), True)}
"""The elements that begin and end a line, and whether a blank line goes with them."""
_LISTS = {"ol", "ul", "menu", "dir"}
_VERBATIM = {"pre", "listing", "xmp", "plaintext"}
_SECTIONS = {"thead", "tbody", "tfoot"}
_TABLE_PARTS = {"table", *_SECTIONS, "tr", "td", "th"}
_CONTROLS = {"input", "select", "textarea"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a page is read.

    Attributes:
        address: The address that the page's references are relative to, if the caller has it.
        noscript: Whether the text for browsers without scripts is read.
        consent: Whether requests for consent to cookies are read.
    """

    address: str | None = None
    noscript: bool = False
    consent: bool = False


def write_lines(tree: etree._Element, budget: Budget, reading: Reading) -> list[Line]:
    """The visible lines of a page. Time is linear in its size.

    Raises:
        ParseLimitExceededError: when the tables exceed the budget of characters.
    """
    writer = _Writer(tree, budget, reading)
    walker = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walker:
        if event == "end":
            writer.end(element)
        elif not writer.start(element):
            walker.skip_subtree()
    return writer.finish()


class _Writer:
    def __init__(self, tree: etree._Element, budget: Budget, reading: Reading) -> None:
        self._budget, self._reading = budget, reading
        self._captures = Captures(tree, reading.address)
        self._has_sources = next(tree.iterfind(".//script[@type='math/tex']"), None) is not None
        self._flow = Flow(tree)
        self._flows: list[tuple[etree._Element, Flow]] = []
        """The table parts that write to a flow of their own, each with the flow around it."""
        self._tables: list[HtmlTable] = []
        self._lists: list[list[HtmlList]] = [[]]
        """The open lists of each flow."""
        self._navigation: list[etree._Element] = []
        self._heading: tuple[etree._Element, int] | None = None
        """The open heading, and the number of lines before it."""
        self._skipped: etree._Element | None = None
        self._verbatim = self._table_number = 0
        self._whole: dict[str, Callable[[etree._Element], None]] = {
            **dict.fromkeys(_CONTROLS, self._write_control),
            "br": lambda _: self._flow.break_line(),
            "img": self._write_picture,
            "math": lambda element: self._flow.add(write_formula(element)),
            "svg": self._write_drawing,
        }

    def start(self, element: etree._Element) -> bool:
        """Write the start of an element. Returns False where nothing within it is left to read."""
        name = element.tag
        if self._write_whole(element, name):
            self._skipped = element
            return False
        if is_navigation(element):
            self._navigation.append(element)
        self._separate(element, starts=True)
        if name in CAPTURED:
            self._captures.start(element, self._flow)
        elif name in _LISTS:
            self._lists[-1].append(open_list(element))
        elif name == "li":
            lists = self._lists[-1]
            self._flow.marker = indent(len(lists) or 1, lists[-1].mark_item(element) if lists else "-")
        elif name == "dd":
            self._flow.marker = "  "
        elif name in _HEADINGS and self._heading is None:
            self._heading = element, len(self._flow.lines)
        elif name in _TABLE_PARTS:
            self._start_table_part(element, name)
        self._verbatim += name in _VERBATIM
        self._add(element.text)
        return True

    def end(self, element: etree._Element) -> None:
        """Write the end of an element, and the text after it."""
        if element is self._skipped:
            self._skipped = None
        else:
            name = element.tag
            self._verbatim -= name in _VERBATIM
            if name in CAPTURED:
                self._captures.end(
                    element, self._flow, in_navigation=bool(self._navigation), in_heading=self._heading is not None
                )
            elif name in _LISTS and self._lists[-1]:
                self._lists[-1].pop()
                self._flow.marker = ""
            elif self._heading is not None and self._heading[0] is element:
                self._end_heading(name, self._heading[1])
            elif name in _TABLE_PARTS:
                self._end_table_part(element, name)
            self._separate(element, starts=False)
            if self._navigation and self._navigation[-1] is element:
                self._navigation.pop()
        self._add(element.tail)

    def finish(self) -> list[Line]:
        """All lines."""
        self._flow.end_line()
        return self._flow.lines

    def _add(self, text: str | None) -> None:
        if self._verbatim:
            self._flow.add_verbatim(text)
        else:
            self._flow.add(text)

    def _separate(self, element: etree._Element, *, starts: bool) -> None:
        """End the line at the start and the end of a block. Within lists, paragraphs and lists leave no blank line."""
        name = element.tag
        with_blank = _BLOCKS.get(name)
        if with_blank is None:
            if name == "button":
                self._flow.set_apart()
            return
        if with_blank and not (self._lists[-1] and (name == "p" or name in _LISTS)):
            self._flow.end_paragraph()
        else:
            self._flow.end_line()
        parent = element.getparent()
        self._flow.owner = element if starts or parent is None else parent

    def _write_whole(self, element: etree._Element, name: str) -> bool:
        """Write an element that is read as a whole. Also returns True for one that is not seen."""
        if name == "script" and element.get("type") == "math/tex":
            self._flow.add(element.text)
            return True
        if is_hidden(element, noscript=self._reading.noscript, consent=self._reading.consent):
            return True
        if self._has_sources and name in {"span", "div"} and words_of(element).startswith("MathJax"):
            return True
        write = self._whole.get(name)
        if write is not None:
            write(element)
        return write is not None

    def _write_control(self, element: etree._Element) -> None:
        self._flow.set_apart()
        self._flow.add(f" {write_control(element)} ")
        self._flow.set_apart()

    def _write_picture(self, element: etree._Element) -> None:
        text = " ".join((element.get("alt") or "").split())
        if text:
            self._flow.add_description(text)

    def _write_drawing(self, element: etree._Element) -> None:
        for item in element.iter("text", "{*}text"):
            self._flow.add(f" {' '.join(map(str, item.itertext()))} ")

    def _end_heading(self, name: str, first: int) -> None:
        flow = self._flow
        flow.end_line()
        lines = flow.lines[first:]
        del flow.lines[first:]
        if lines:
            text = write_heading(_HEADINGS[name], " ".join(line.text for line in lines))
            flow.lines.append(Line(text, lines[0].owner, lines[0].marker, lines[0].blank_before, is_heading=True))
        self._heading = None
        self._captures.end_heading(flow)

    def _start_table_part(self, element: etree._Element, name: str) -> None:
        """Begin a table, a section, a row or a cell. Tables nested too deep are read as blocks."""
        if name == "table" and len(self._tables) < MAX_NESTED:
            self._tables.append(HtmlTable(element, Flow(element)))
            self._push(element, self._tables[-1].caption)
        elif not self._tables or self._is_beyond(element):
            return
        elif name in _SECTIONS:
            self._tables[-1].open_section(name)
        elif name == "tr":
            self._tables[-1].open_row()
        elif name != "table":
            self._push(element, self._tables[-1].open_cell(element))

    def _end_table_part(self, element: etree._Element, name: str) -> None:
        if self._flows and self._flows[-1][0] is element:
            ended, self._flow = self._flow, self._flows.pop()[1]
            self._lists.pop()
            if name == "table":
                self._table_number += 1
                self._flow.extend(self._tables.pop().write(self._table_number, self._budget))
            else:
                self._tables[-1].end_cell(element, ended)
        elif self._tables and name != "table" and not self._is_beyond(element):
            end = self._tables[-1].end_row if name == "tr" else self._tables[-1].end_section
            end()

    def _is_beyond(self, element: etree._Element) -> bool:
        """Whether a row or section belongs to a table that is nested too deep."""
        return len(self._tables) == MAX_NESTED and next(element.iterancestors("table"), None) is not (
            self._tables[-1].element
        )

    def _push(self, element: etree._Element, flow: Flow) -> None:
        self._flows.append((element, self._flow))
        self._flow = flow
        self._lists.append([])
