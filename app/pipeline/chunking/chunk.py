"""Splits a document's text into overlapping chunks with their exact positions.

The end of each chunk is searched backwards from its maximum length: the end of a paragraph, else of a sentence, a line
or a word. The patterns begin with a greedy ``.*``, so the regular expression engine itself searches backwards and stops
at the last match. Each character is examined a bounded number of times. Tables are cut between rows. The context of a
chunk is the path of the headings above it, and the header of a table in which it begins.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from app.domain.documents import PAGE_BREAK, Chunk, Page
from app.pipeline.chunking.boundaries import (
    CLAUSE_END,
    CLAUSE_START,
    LINE_END,
    PARAGRAPH_END,
    PART_END,
    SENTENCE_END,
    SENTENCE_START,
    WORD_END,
    WORD_START,
    whole_character,
)
from app.pipeline.chunking.headings import HeadingPath
from app.pipeline.chunking.table_headers import Table, find_header, find_tables, is_within

_ENDS = (PARAGRAPH_END, SENTENCE_END, LINE_END, CLAUSE_END)
_ROW_FIRST = (LINE_END, *_ENDS)
_SPACE = re.compile(r"\s*")


def split(pages: Iterable[Page], size: int = 1000, overlap: int = 200) -> Iterator[Chunk]:
    """Split pages into chunks, in order.

    A chunk stays within its page, begins and ends with a character that is not white space, and cuts a word only where
    a single unbroken run is longer than ``size``. Every character that is not white space is in at least one chunk, and
    no chunk is contained in another.

    Args:
        pages: The document's pages, in order.
        size: The maximum number of characters of a chunk.
        overlap: About how many characters a chunk repeats of the previous one on its page; fewer where a sentence or
            word begins later.

    Raises:
        ValueError: unless ``0 <= overlap < size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be from 0 to size - 1, got size {size} and overlap {overlap}")
    return _chunks(pages, size, overlap)


def find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a text as ``(start, end)``, in order and without white space at their ends."""
    starts = [_skip_space(text, 0), *(match.end() for match in SENTENCE_START.finditer(text)), len(text)]
    for start, following in pairwise(starts):
        end = start + len(text[start:following].rstrip())
        if end > start:
            yield start, end


def _chunks(pages: Iterable[Page], size: int, overlap: int) -> Iterator[Chunk]:
    index = offset = 0
    headings = HeadingPath()
    number, above = None, ""  # of the page before: large pages are read in parts
    for page in pages:
        tables = find_tables(page.text, page.marks, above if page.number == number else "")
        number, above = page.number, tables[-1].header if tables and tables[-1].end == len(page.text) else ""
        headings.open_page(page.text, page.marks)
        for start, end in _spans(page.text, size, overlap, tables):
            context = "\n".join(filter(None, (headings.find(start), find_header(tables, start))))
            yield Chunk(index, page.text[start:end], offset + start, offset + end, page.number, context)
            index += 1
        offset += len(page.text) + len(PAGE_BREAK)


def _spans(text: str, size: int, overlap: int, tables: Sequence[Table]) -> Iterator[tuple[int, int]]:
    start = done = _skip_space(text, 0)
    stop = len(text.rstrip())
    while stop - start > size:
        target = start + _target_length(stop - start, size, overlap)
        end = _find_end(text, start, done, target, start + size, _ROW_FIRST if is_within(tables, target) else _ENDS)
        if end is None:  # the next word only fits without the overlap
            start = done = _skip_space(text, done)
            continue
        yield start, end
        row = _find_row(text, max(end - overlap, start + 1), end) if is_within(tables, end) else None
        start, done = row or _find_start(text, start, end, overlap), end
    if done < stop:
        yield start, stop


def _target_length(rest: int, size: int, overlap: int) -> int:
    """The preferred length of the next chunk: two of equal length at the end rather than a full and a short one."""
    return min(size, (rest + overlap) // 2) if rest < size + size // 2 else size


def _find_end(text: str, start: int, done: int, target: int, limit: int, ends: Sequence[re.Pattern[str]]) -> int | None:
    """The end of the chunk that begins at ``start``.

    Args:
        text: The text of the page.
        start: The start of the chunk.
        done: The end of the previous chunk, which this one must exceed.
        target: The preferred end.
        limit: The furthest end.
        ends: The patterns for ends, in order of preference.

    Returns:
        None when every end that cuts no word is at ``done`` or before it.
    """
    half = max((start + target) // 2, done)
    for pattern in ends:
        if (match := pattern.match(text, half, target + 1)) and match.end() > done:
            return match.end()
    for furthest in sorted({target, limit}):
        word = WORD_END.match(text, start + 1, furthest + 1)
        if word and word.end() > done:
            return word.end()
    if word:
        return None
    part = PART_END.match(text, half + 1, limit)
    return part.end() if part else whole_character(text, limit, max(start, done) + 1)


def _find_start(text: str, start: int, end: int, overlap: int) -> int:
    """The start of the chunk after ``start:end``: a sentence or word in the overlap, else the text after ``end``."""
    earliest = max(end - overlap, start + 1)
    sentence = SENTENCE_START.search(text, earliest - 1, (earliest + end) // 2)
    if sentence and sentence.end() >= earliest:
        return _skip_space(text, sentence.end())
    if (clause := CLAUSE_START.search(text, earliest, (earliest + end) // 2)) and clause.end() < end:
        return _skip_space(text, clause.end())
    if word := WORD_START.search(text, earliest, end):
        return word.start()
    if not overlap or text[end].isspace() or WORD_START.match(text, end):
        return _skip_space(text, end)
    return _skip_space(text, whole_character(text, earliest, start))


def _find_row(text: str, earliest: int, end: int) -> int | None:
    """The start of the first whole table row after ``earliest``; None where ``end`` is within a row."""
    if text[end] != "\n":
        return None
    return _skip_space(text, text.find("\n", earliest - 1, end + 1))


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
