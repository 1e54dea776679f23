"""The slides of OpenDocument presentations, in reading order."""

import re

from lxml import etree

from app.pipeline.parse.opendocument.inline import read_description
from app.pipeline.parse.opendocument.text import OdfTextWriter
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.rendering.tables import join_blocks
from app.pipeline.parse.slides.order import Box, sort_boxes
from app.pipeline.parse.xml import attribute, child, local

_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)(cm|mm|in|pt|pc|px)?")
_MOVE = re.compile(r"translate\s*\(\s*([^\s,)]+)[\s,]+([^\s,)]+)\s*\)")
_MICROMETRES = {"cm": 10_000, "mm": 1000, "in": 25_400, "pt": 353, "pc": 4233, "px": 265}
_LONGEST = 1000
_COUNTERS = {"page-number", "date-time"}
_SKIPPED = {"notes", "forms", "animations", "par", "title", "desc"}


def write_slide(writer: OdfTextWriter, slide: etree._Element) -> str:
    """A slide: its title, its shapes in reading order, and its notes.

    Raises:
        ParseLimitExceededError
    """
    title, texts = _write_shapes(writer, slide)
    notes = child(slide, "notes")
    notes_text = writer.write(notes) if notes is not None else ""
    blocks = [write_heading(1, title), *texts, f"Notes: {notes_text}" if notes_text else ""]
    return "\n\n".join(filter(None, blocks))


def _write_shapes(writer: OdfTextWriter, container: etree._Element) -> tuple[str, list[str]]:
    """The title among the shapes of a slide or a group, and the texts of the others in reading order."""
    title, shapes = "", list[tuple[Box, str]]()
    for shape in container:
        kind = attribute(shape, "class")
        if local(shape) in _SKIPPED or not local(shape) or kind in _COUNTERS:
            continue
        if local(shape) == "g":
            text = "\n\n".join(filter(None, (read_description(shape), *_write_shapes(writer, shape)[1])))
        else:
            text = join_blocks(writer.write_shape(shape))
        if kind == "title" and not title:
            title = text
        elif text:
            shapes.append((_read_box(shape), text))
    return title, [shapes[at][1] for at in sort_boxes([box for box, _ in shapes])]


def _read_box(shape: etree._Element) -> Box:
    """The position of a shape; that of a group is the area of the shapes in it."""
    if local(shape) == "g":
        return _enclose([_read_box(item) for item in shape if local(item) not in {"title", "desc"}])
    left, top, width, height = (attribute(shape, name) for name in ("x", "y", "width", "height"))
    if move := _MOVE.search((attribute(shape, "transform") or "")[:_LONGEST]):
        left, top = move[1], move[2]
    return Box(_to_length(left), _to_length(top), _to_length(width), _to_length(height))


def _enclose(boxes: list[Box]) -> Box:
    if not boxes:
        return Box()
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.left + box.width for box in boxes), max(box.top + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _to_length(text: str | None) -> int:
    match = _LENGTH.fullmatch(text or "")
    return int(float(match[1]) * _MICROMETRES.get(match[2], 1)) if match else 0
