"""Removes running headers, footers and page numbers."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import compress, islice
from typing import NamedTuple

_PAGES = 5
_EDGE = 3
"""Lines examined at both ends of a page: pdfium returns some headers last and some footers first."""
_SHARE = 0.4
"""Share of the pages on which a line must occur. Left and right pages often differ; headers of chapters stay."""
_AGREE = 3
"""Lines, or a tenth of them if that is more, whose numbers must follow one sequence: numbering may restart."""
_LENGTH = 150
_FIGURE = re.compile(r"\d{1,9}")
_SENTENCE = re.compile(r"(?:\S+\s+){5,}\S*[.!?。！？]\Z")  # noqa: RUF001 (punctuation of other scripts)
_PAGE_MARK = re.compile(
    r"\A\W*#|\b(?:page|p|pg|seite|s|página|pág|pagina|pag|sida|side|strona|str|стр|of|von|de|di)\W*#|[|/–—•·-]\s*#|第\s*#"  # noqa: RUF001
)
"""A number that begins a line or follows one of these is a page number; one in a heading ``Lesson 7`` may not be."""


class _Line(NamedTuple):
    page: int
    row: int
    text: str
    is_last: bool


def drop_running_lines(pages: Sequence[tuple[int, str]]) -> list[str]:
    """The texts of numbered pages without running lines; the first of each stays, unless it is only a number.

    A running line occurs at the edge of many pages and is the same except for numbers that increase with the pages. A
    line with other numbers, such as sums, stays, and so does a sentence. No page loses more than it keeps. Documents
    with fewer than five pages are not changed. Linear in the length of the text.
    """
    if len(pages) < _PAGES:
        return [text for _, text in pages]
    lines = [text.split("\n") for _, text in pages]
    groups = defaultdict[str, list[_Line]](list)
    for place, (number, _) in enumerate(pages):
        for index, is_last in _edges(lines[place]).items():
            text = lines[place][index].strip()
            groups[_FIGURE.sub("#", text).lower()].append(_Line(number, index, text, is_last))
    running = dict[tuple[int, int], bool]()
    for key, group in groups.items():
        running |= _find_running(key, group, len(pages))
    return [_drop_lines(text, found, number, running) for found, (number, text) in zip(lines, pages, strict=True)]


def _edges(lines: Sequence[str]) -> dict[int, bool]:
    """The first and last lines with text, by index; True for the last lines."""
    first = islice((index for index, line in enumerate(lines) if line.strip()), _EDGE)
    last = islice((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), _EDGE)
    return dict.fromkeys(last, True) | dict.fromkeys(first, False)


def _find_running(key: str, group: Sequence[_Line], pages: int) -> dict[tuple[int, int], bool]:
    """The running lines of a group, by page and index; True for the one that stays."""
    if len(group) < _SHARE * pages or len(key) > _LENGTH or _SENTENCE.search(key):
        return {}
    counts = False
    figures = [[int(figure) for figure in _FIGURE.findall(line.text)] for line in group]
    for slot in range(min(map(len, figures), default=0)):
        same, counted = (_find_regular(group, [line[slot] for line in figures], step) for step in (0, 1))
        counts |= sum(counted) > sum(same)
        regular = max(same, counted, key=sum)
        group, figures = list(compress(group, regular)), list(compress(figures, regular))
    if counts and not _PAGE_MARK.search(key):
        group = [line for line in group if line.is_last]
    found = {line.page: line for line in reversed(group)}
    if len(found) < _SHARE * pages:
        return {}
    kept = min(found) if any(map(str.isalpha, key)) else None
    return {(line.page, line.row): page == kept for page, line in found.items()}


def _find_regular(lines: Sequence[_Line], figures: Sequence[int], step: int) -> list[bool]:
    """Which of the numbers increase by ``step`` on each page, in a sequence that many lines share."""
    starts = [figure - step * line.page for line, figure in zip(lines, figures, strict=True)]
    counts = Counter(starts)
    return [counts[start] >= max(_AGREE, len(lines) / 10) for start in starts]


def _drop_lines(text: str, lines: Sequence[str], page: int, running: Mapping[tuple[int, int], bool]) -> str:
    """A page without its running lines, from both edges up to the first other line."""
    dropped = set[int]()
    for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
        for index in order:
            if (page, index) not in running and lines[index].strip():
                break
            if running.get((page, index)) is False:
                dropped.add(index)
    if not dropped or 2 * sum(len(lines[index]) for index in dropped) >= len(text):
        return text
    return "\n".join(line for index, line in enumerate(lines) if index not in dropped)
