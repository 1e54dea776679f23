"""The paragraphs of a shape, with the numbers that PowerPoint adds to lists."""

from collections.abc import Iterator, Mapping

from lxml import etree

from app.pipeline.parse.office.drawing_text import write_paragraph
from app.pipeline.parse.office.numerals import write_number
from app.pipeline.parse.xml import attribute, child, to_integer

_FORMS = {
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "arabic": "decimal",
}
_MARKS = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Plain": "{}", "Minus": "- {} -"}


def list_paragraphs(shape: etree._Element, links: Mapping[str, str]) -> Iterator[str]:
    """The paragraphs of ``shape`` that have text, in order."""
    counts: dict[int, tuple[str, int]] = {}
    for paragraph in shape.iter("{*}p"):
        text = write_paragraph(paragraph, links)
        if not text.strip():
            continue
        properties = child(paragraph, "pPr")
        depth = to_integer(attribute(properties, "lvl"), 0)
        numbered = child(properties, "buAutoNum")
        form = attribute(numbered, "type") or ""
        before = counts.get(depth, ("", 0))
        counts = {level: count for level, count in counts.items() if level < depth}
        if numbered is not None:
            first = to_integer(attribute(numbered, "startAt"), 1)
            number = before[1] + 1 if before[0] == form else first
            counts[depth] = form, number
            text = f"{_write_mark(number, form)} {text}"
        yield text


def _write_mark(number: int, form: str) -> str:
    name = next((name for name in _FORMS if form.startswith(name)), "arabic")
    mark = next((mark for ending, mark in _MARKS.items() if form.endswith(ending)), "{}")
    return mark.format(write_number(number, _FORMS[name]))
