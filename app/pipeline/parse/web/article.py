"""The article of a page with navigation, by trafilatura, where the page is of a form that it reads in linear time."""

from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

_ARTICLE_CHARACTERS = 250
_ARTICLE_SHARE = 0.25
"""An article shorter than this share of the body's text is probably not the main content of the page."""

_PRECISE_SHARE = 0.6
"""Below it, the precise mode of trafilatura lost text rather than teasers: docs/text-quality.md."""

_MAX_ELEMENTS = 50_000
_MAX_STEPS = 1_000_000
"""The steps that an extraction may take, as estimated below. They and the elements keep it within a few seconds."""

_CELL_STEPS = 4
_ROW_PARENTS = ("tr", "table", "thead", "tbody", "tfoot")
_CELLS = {"td", "th"}
_MAX_SPAN = _PADDED_COLUMNS = 100
"""trafilatura cuts spans to 100 columns and rows, and pads rows to at most 100 cells."""


def choose_article(tree: etree._Element, body: str) -> str:
    """The article of a page whose text is ``body``; the body where the article is too small, or costly to find."""
    if is_costly(tree):
        return body
    article = _extract(tree)
    share = 0.0 if _declares_article(tree) else _ARTICLE_SHARE
    return article if len(article) >= max(_ARTICLE_CHARACTERS, share * len(body)) else body


def is_costly(tree: etree._Element) -> bool:
    """Whether trafilatura would take longer than a few seconds: its time is not linear.

    It grows with the depth of each element (it walks an element again for each table or list around it), with the
    square of the width of table rows (it counts the cells of a row again for each cell), and, for very many elements,
    with the square of their number.
    """
    elements = steps = depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        steps += depth
        if elements > _MAX_ELEMENTS or steps > 2 * _MAX_STEPS:  # each element is counted at its start and its end
            return True
    return steps // 2 + _count_table_steps(tree) > _MAX_STEPS


def _count_table_steps(tree: etree._Element) -> int:
    widths = list(_measure_rows(tree))
    padded = min(max(widths, default=0), _PADDED_COLUMNS)
    return sum(_CELL_STEPS * max(width, padded) + width * width // _PADDED_COLUMNS for width in widths)


def _measure_rows(tree: etree._Element) -> Iterator[int]:
    """The columns of each table row, including those that cells of rows above extend into."""
    spanning = 0
    ends: dict[int, int] = defaultdict(int)
    for number, row in enumerate(tree.iter(*_ROW_PARENTS)):
        spanning -= ends.pop(number, 0)
        width = spanning
        for cell in row:
            if cell.tag in _CELLS:
                columns, rows = _read_span(cell, "colspan"), _read_span(cell, "rowspan")
                width += columns
                if rows > 1:
                    spanning += columns
                    ends[number + rows] += columns
        yield width


def _read_span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return max(1, min(int(value[:9]), _MAX_SPAN)) if value.isdecimal() else 1


def _declares_article(tree: etree._Element) -> bool:
    return bool(tree.xpath("//meta[@property='og:type'][@content='article'] | //body[count(.//article) = 1]"))


def _extract(tree: etree._Element) -> str:
    """The article by trafilatura: its precise mode, which drops teasers, unless that loses much of the plain text."""
    from trafilatura import bare_extraction  # noqa: PLC0415, only pages with navigation need it, and it costs memory

    found = [
        bare_extraction(tree, fast=True, include_comments=False, favor_precision=precise) for precise in (False, True)
    ]
    plain, precise_text = (str(getattr(article, "text", None) or "") for article in found)
    return precise_text if len(precise_text) > _PRECISE_SHARE * len(plain) else plain
