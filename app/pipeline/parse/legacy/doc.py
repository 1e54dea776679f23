"""Word 6 to 2003 (.doc), read from the structures of [MS-DOC].

legacy-doc, a library for the format, was measured first: it does not separate the cells of tables, keeps the codes of
fields and deleted revisions, and searches for the table of the text instead of following the header.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError
from app.pipeline.detection.compound_file import open_compound
from app.pipeline.parse.legacy.properties import read_properties
from app.pipeline.parse.legacy.word_file import WordFile
from app.pipeline.parse.legacy.word_story import StoryWriter
from app.pipeline.parse.limits import Budget, Limits

_TEXT, _FOOTNOTES, _HEADERS, _COMMENTS, _ENDNOTES, _BOXES = 0, 1, 2, 4, 5, 6
_SEPARATORS = 6
"""The first stories of the headers are the lines between text and notes."""
_FOOTER_KINDS = {2, 3, 5}
"""Of the six stories of each section, in order: headers and footers of even, odd and first pages."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text: headers, the body, notes, comments, text boxes and footers, each once.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    try:
        with open_compound(path) as compound:
            file = WordFile(compound, limits)
            text = "\n\n".join(part for part in _write(file, limits) if part.strip())
            properties = read_properties(compound)
    except (struct.error, IndexError) as error:
        raise DocumentDamagedError(str(error)) from error
    report(1, 1)
    return Parsed([Page(None, text)], properties)


def _write(file: WordFile, limits: Limits) -> Iterator[str]:
    budget = Budget(limits.characters, "Its tables contain more text than is allowed.")
    lengths = [max(length, 0) for length in file.lengths]
    starts = [0, *accumulate(lengths)]

    def write(story: int) -> str:
        return StoryWriter(file, budget).write(starts[story], starts[story + 1])

    headers = list(_list_headers(file, budget, starts[_HEADERS], lengths[_HEADERS]))
    yield from dict.fromkeys(text for is_footer, text in headers if not is_footer)
    for story in (_TEXT, _BOXES, _FOOTNOTES, _ENDNOTES, _COMMENTS):
        yield write(story)
    yield from dict.fromkeys(text for is_footer, text in headers if is_footer)


def _list_headers(file: WordFile, budget: Budget, start: int, length: int) -> Iterator[tuple[bool, str]]:
    """Whether each is a footer, and its text."""
    count = len(file.header_table) // 4
    places = struct.unpack_from(f"<{count}I", file.header_table)
    for index in range(_SEPARATORS, count - 1):
        first, last = min(places[index], length), min(places[index + 1], length)
        if first < last:
            text = StoryWriter(file, budget).write(start + first, start + last)
            yield (index - _SEPARATORS) % 6 in _FOOTER_KINDS, text.strip()
