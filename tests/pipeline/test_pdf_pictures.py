"""A PDF with little text is read, unless each page with text shows a picture: then the text may be its label."""

from pathlib import Path

import pytest

from app.domain.errors import NoExtractableTextError
from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line, draw_pdf, draw_stream

LABEL = "Barges"
TEXT = draw_line(72, 700, LABEL)
LONG = draw_line(72, 700, "The lock keeper counts barges.")
PICTURE = draw_stream(
    "00>",
    "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 "
    "/Filter /ASCIIHexDecode",
)
INLINE = "q 300 0 0 300 72 72 cm BI /W 1 /H 1 /CS /G /BPC 8 /F /AHx ID 00> EI Q\n"
FORM = "/Type /XObject /Subtype /Form /BBox [0 0 612 792]"
XOBJECTS = {
    "Picture": PICTURE,
    "Holding": draw_stream("/Picture Do", f"{FORM} /Resources << /XObject << /Picture 6 0 R >> >>"),
    "Nesting": draw_stream("/Holding Do", f"{FORM} /Resources << /XObject << /Holding 7 0 R /Nesting 8 0 R >> >>"),
    "Lines": draw_stream("0 0 m 100 100 l S", FORM),
    "Inlining": draw_stream(INLINE, FORM),
}
"""Objects 6 to 10 of a file with one page."""
both_readers = pytest.mark.parametrize("fallback", [False, True])


def read(folder: Path, *pages: str, fallback: bool) -> list[tuple[int | None, str]]:
    path = folder / "a.pdf"
    path.write_bytes(draw_pdf(*pages, xobjects=XOBJECTS))
    return [(page.number, page.text) for page in parse(path, PDF, fallback=fallback).pages]


@both_readers
@pytest.mark.parametrize(
    "drawn", ["", "0 0 m 100 100 l S\n", "/Lines Do\n"], ids=["nothing else", "lines", "a form without a picture"]
)
def test_little_text_without_a_picture_is_read(tmp_path: Path, drawn: str, fallback: bool) -> None:
    assert read(tmp_path, drawn + TEXT, fallback=fallback) == [(1, LABEL)]


@both_readers
@pytest.mark.parametrize(
    "drawn",
    [
        "q 612 0 0 792 0 0 cm /Picture Do Q\n",
        "q 20 0 0 20 72 72 cm /Picture Do Q\n",
        "q 612 0 0 792 0 0 cm /Holding Do Q\n",
        "q 612 0 0 792 0 0 cm /Nesting Do Q\n",
        INLINE,
        "/Inlining Do\n",
    ],
    ids=["a page's size", "a logo's size", "in a form", "in a form in a form", "inline", "inline in a form"],
)
def test_little_text_beside_a_picture_is_its_label(tmp_path: Path, drawn: str, fallback: bool) -> None:
    with pytest.raises(NoExtractableTextError):
        read(tmp_path, drawn + TEXT, fallback=fallback)
    assert read(tmp_path, drawn + LONG, fallback=fallback)


@both_readers
@pytest.mark.parametrize("drawn", ["", "0 0 m 100 100 l S\n", INLINE], ids=["empty", "lines", "a picture"])
def test_a_page_without_text_has_none_with_or_without_a_picture(tmp_path: Path, drawn: str, fallback: bool) -> None:
    with pytest.raises(NoExtractableTextError):
        read(tmp_path, drawn, fallback=fallback)


@both_readers
def test_one_page_of_text_without_a_picture_makes_a_document_of_the_whole(tmp_path: Path, fallback: bool) -> None:
    pages = read(tmp_path, INLINE + TEXT, TEXT, INLINE, fallback=fallback)
    assert pages == [(1, LABEL), (2, LABEL)]
