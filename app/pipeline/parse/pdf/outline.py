"""The headings of a PDF: the titles of its outline (bookmarks), where its pages show them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

import pypdfium2 as pdfium

from app.domain.documents import Page
from app.pipeline.parse.rendering.marks import write_heading

_LEVELS = 6
_MAX_TITLES = 20_000
_MAX_LINES = 3
"""The lines over which a title runs at the most."""
_MAX_PLACES = 20
"""The lines of a page that are examined for one title."""
_JOINED = "\0"
"""In place of a line that belongs to the heading before it."""
_NUMBER = 20
"""Characters of the number of a heading at the most."""

Outline = Mapping[int, Sequence[tuple[int, str]]]
"""Levels from 1, and titles, by the numbers of their pages."""


def read_outline(document: pdfium.PdfDocument) -> Outline:
    """The titles of the outline in order. pdfium leaves out entries that repeat or lead nowhere."""
    titles = defaultdict[int, list[tuple[int, str]]](list)
    for entry in islice(document.get_toc(max_depth=_LEVELS), _MAX_TITLES):
        place = entry.get_dest()
        index = place.get_index() if place else None
        title = entry.get_title()
        if index is not None and title.strip():
            titles[index + 1].append((entry.level + 1, title))
    return titles


def mark_headings(pages: Sequence[Page], outline: Outline) -> list[Page]:
    """The pages, with a mark on each line that is a title of the outline on that page."""
    return [Page(page.number, _mark_page(page.text, outline.get(page.number or 0, ()))) for page in pages]


def _mark_page(text: str, titles: Sequence[tuple[int, str]]) -> str:
    if not titles:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    found = _find_lines(lines, {_reduce(title).casefold() for _, title in titles})
    for level, title in titles:
        places = found.get(_reduce(title).casefold(), [])
        # A running header may repeat the title in capitals, above it.
        exact = [place for place in places if _reduce(" ".join(lines[place])) == _reduce(title)]
        for place in (exact or places)[:1]:
            places.remove(place)
            heading = write_heading(level, " ".join(lines[place]))
            lines[place] = [heading, *[_JOINED] * (place.stop - place.start - 1)]
    return "\n".join(line for line in lines if line != _JOINED)


def _find_lines(lines: Sequence[str], keys: Collection[str]) -> dict[str, list[slice]]:
    """The lines that are titles, by the reduced titles."""
    longest = 2 * max(map(len, keys)) + _NUMBER
    found = defaultdict[str, list[slice]](list)
    for start in range(len(lines)):
        for stop in range(start + 1, min(start + _MAX_LINES, len(lines)) + 1):
            title = " ".join(lines[start:stop])
            if len(title) > longest or not lines[stop - 1].strip():
                break
            key = _reduce(title).casefold()
            if key in keys and len(found[key]) < _MAX_PLACES:
                found[key].append(slice(start, stop))
    return found


def _reduce(title: str) -> str:
    """The letters and digits of a title without its number, because outlines and pages differ in it and in spaces."""
    signs = "".join(filter(str.isalnum, title))
    return signs.lstrip("0123456789") or signs
