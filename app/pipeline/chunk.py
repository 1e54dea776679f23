"""Cutting a document's text into overlapping pieces that keep their exact place in it.

Every chunk is found by looking backwards from the furthest point it may reach, for the best place to
stop: the end of a paragraph, of a sentence, of a line, of a word. The patterns begin with a greedy
``.*``, so the regular expression engine itself walks backwards and stops at the last match: each
character is looked at a bounded number of times, whatever the text. Tables end at their rows, and a piece
that begins within one carries the header.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from app.domain.documents import PAGE_BREAK, Chunk, Page
from app.pipeline.boundaries import (
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
from app.pipeline.table_headers import Table, find_header, find_tables, is_within

_ENDS = (PARAGRAPH_END, SENTENCE_END, LINE_END, CLAUSE_END)
_ROW_FIRST = (LINE_END, *_ENDS)
_SPACE = re.compile(r"\s*")


def split(pages: Iterable[Page], size: int = 1000, overlap: int = 200) -> Iterator[Chunk]:
    """Cut pages into chunks, in order.

    A chunk stays within its page, begins and ends with a character that is not white space, and never
    cuts a word, except where a single unbroken run is longer than ``size``. Every character that is not
    white space is in at least one chunk, and no chunk lies within another.

    Args:
        pages: The document's pages, in order.
        size: Characters a chunk at most.
        overlap: About how many characters a chunk repeats of the one before it on the same page,
            fewer where a sentence or word begins later.

    Raises:
        ValueError: unless ``0 <= overlap < size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be from 0 to size - 1, got size {size} and overlap {overlap}")
    return _chunks(pages, size, overlap)


def find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a text, ``text[start:end]``, in order and without white space at their ends."""
    starts = [_skip_space(text, 0), *(match.end() for match in SENTENCE_START.finditer(text)), len(text)]
    for start, following in pairwise(starts):
        end = start + len(text[start:following].rstrip())
        if end > start:
            yield start, end


def _chunks(pages: Iterable[Page], size: int, overlap: int) -> Iterator[Chunk]:
    index = offset = 0
    for page in pages:
        tables = find_tables(page.text)
        for start, end in _spans(page.text, size, overlap, tables):
            context = find_header(tables, start)
            yield Chunk(index, page.text[start:end], offset + start, offset + end, page.number, context)
            index += 1
        offset += len(page.text) + len(PAGE_BREAK)


def _spans(text: str, size: int, overlap: int, tables: Sequence[Table]) -> Iterator[tuple[int, int]]:
    start = done = _skip_space(text, 0)
    stop = len(text.rstrip())
    while stop - start > size:
        wish = start + _wish(stop - start, size, overlap)
        end = _find_end(text, start, done, wish, start + size, _ROW_FIRST if is_within(tables, wish) else _ENDS)
        if end is None:  # the next word fits only without the overlap
            start = done = _skip_space(text, done)
            continue
        yield start, end
        row = _find_row(text, max(end - overlap, start + 1), end) if is_within(tables, end) else None
        start, done = row or _find_start(text, start, end, overlap), end
    if done < stop:
        yield start, stop


def _wish(rest: int, size: int, overlap: int) -> int:
    """How long the next chunk had best be: rather two of like length at the end than a full one and a scrap."""
    return min(size, (rest + overlap) // 2) if rest < size + size // 2 else size


def _find_end(text: str, start: int, done: int, wish: int, limit: int, ends: Sequence[re.Pattern[str]]) -> int | None:
    """The best end up to ``wish``, else one up to ``limit``; None when only an end up to ``done`` cuts no word."""
    half = max((start + wish) // 2, done)
    for pattern in ends:
        if match := pattern.match(text, half, wish + 1):
            return match.end()
    for furthest in sorted({wish, limit}):
        word = WORD_END.match(text, start + 1, furthest + 1)
        if word and word.end() > done:
            return word.end()
    if word:
        return None
    part = PART_END.match(text, half + 1, limit)
    return part.end() if part else whole_character(text, limit, max(start, done) + 1)


def _find_start(text: str, start: int, end: int, overlap: int) -> int:
    """Where the chunk after ``start:end`` begins: at a sentence or word in the overlap, else at what follows."""
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
    """Where the first whole row of a table after ``earliest`` begins; None where ``end`` is within a row."""
    if text[end] != "\n":
        return None
    return _skip_space(text, text.find("\n", earliest - 1, end + 1))


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
