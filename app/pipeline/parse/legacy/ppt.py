"""PowerPoint 97 to 2003 (.ppt), read from the records of [MS-PPT]. No maintained library of a small size reads it."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.detection.compound_file import open_compound
from app.pipeline.parse.legacy.ppt_file import PresentationFile, Slide
from app.pipeline.parse.legacy.ppt_shapes import ShapeReader
from app.pipeline.parse.legacy.properties import read_properties
from app.pipeline.parse.legacy.records import Record, list_records, walk
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.slides.order import sort_boxes

_COMMENT, _STRING = 0x2EE0, 0x0FBA
_AUTHOR, _COMMENT_TEXT = 0, 1


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The slides as numbered pages with their notes and comments.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    try:
        with open_compound(path) as compound:
            file = PresentationFile(compound, limits)
            properties = read_properties(compound)
        total = len(file.slides)
        if total > limits.pages:
            raise ParseLimitExceededError(f"It has {total} slides; the limit is {limits.pages}.")
        shapes = ShapeReader(
            file.stream, file.links, Budget(limits.characters, "It contains more text than is allowed.")
        )
        pages = []
        for number, slide in enumerate(file.slides, 1):
            pages.append(Page(number, "\n\n".join(filter(None, _write(file.stream, shapes, slide)))))
            report(number, total)
    except (struct.error, IndexError) as error:
        raise DocumentDamagedError(str(error)) from error
    return Parsed(pages, {**properties, "page_count": total})


def _write(stream: bytes, reader: ShapeReader, slide: Slide) -> Iterator[str]:
    """The title, the other texts in reading order, the notes and the comments."""
    shapes = reader.read(slide.record, slide.outline)
    title = next((shape for shape in shapes if shape.text.is_title), None)
    if title:
        yield write_heading(1, " ".join(title.text.text.split()))
    others = [shape for shape in shapes if shape is not title]
    if not shapes:  # without a shape, the outline has the text
        yield from (text.text for text in reader.read_texts(slide.outline))
    for index in sort_boxes([shape.box for shape in others]) if others else ():
        yield others[index].text.text
    notes = [shape.text.text for shape in reader.read(slide.notes, [])] if slide.notes else []
    if notes:
        yield "Notes: " + "\n".join(notes)
    yield from _list_comments(stream, slide.record)


def _list_comments(stream: bytes, slide: Record) -> Iterator[str]:
    for comment in (record for record in walk(stream, slide) if record.kind == _COMMENT):
        parts = {
            part.instance: part.content(stream).decode("utf-16-le", "replace").strip()
            for part in list_records(stream, comment)
            if part.kind == _STRING
        }
        if text := parts.get(_COMMENT_TEXT):
            author = parts.get(_AUTHOR, "")
            yield f"Comment by {author}: {text}" if author else f"Comment: {text}"
