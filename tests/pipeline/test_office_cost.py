"""The processor time of reading Word documents and slides: four times the file takes four times as long."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.media import DOC, DOCX, PPTX
from tests.pipeline.documents import W, make_docx, paragraph
from tests.pipeline.legacy_files import make_doc
from tests.pipeline.packages import chart, make_pptx, shape, slide
from tests.pipeline.test_parse_cost import check_linear

pytestmark = pytest.mark.slow

_CELL = "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>"
_LINK = '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>HYPERLINK "a"</w:instrText></w:r>'
_OPEN = '<w:r><w:fldChar w:fldCharType="begin"/><w:fldChar w:fldCharType="separate"/></w:r>'
_MERGED = f"<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>{'x' * 20}</w:t></w:r></w:p>"
_PICTURE = '<w:r><w:drawing><wp:docPr descr="a picture of {}"/></w:drawing></w:r>'
_NESTED_TABLE = "<w:tbl><w:tr><w:tc>" * 60 + paragraph("x") * 20 + "</w:tc></w:tr></w:tbl>" * 60
_NESTED_CHOICE = "<mc:AlternateContent><mc:Choice>" * 60 + "<w:r/>" * 50 + "</mc:Choice></mc:AlternateContent>" * 60
_REFERENCE = '<w:r><w:footnoteReference w:id="1"/></w:r>'
_FRACTION = "<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>x</m:t></m:r></m:den></m:f>"

_BODIES: dict[str, tuple[Callable[[int], str], int]] = {
    "merged rows": (lambda n: "<w:tbl>" + f"<w:tr>{_CELL * 5}</w:tr>" * n + "</w:tbl>", 1_000),
    "cells in one row": (lambda n: f"<w:tbl><w:tr>{'<w:tc><w:p/></w:tc>' * n}</w:tr></w:tbl>", 10_000),
    "nested tables": (lambda n: _NESTED_TABLE * n, 10),
    "nested alternatives": (lambda n: f"<w:p>{_NESTED_CHOICE * n}</w:p>", 15),
    "results that never end": (lambda n: f"<w:p>{_OPEN * n}</w:p>" + paragraph("x") * n, 3_000),
    "fields that never end": (lambda n: f"<w:p>{_LINK * n}</w:p>" + paragraph("x") * n, 3_000),
    "deleted ends of paragraphs": (lambda n: _MERGED * n, 10_000),
    "pictures in a paragraph": (lambda n: "<w:p>" + "".join(_PICTURE.format(at) for at in range(n)) + "</w:p>", 3_000),
    "terms of an equation": (lambda n: f"<w:p><m:oMath>{_FRACTION * n}</m:oMath></w:p>", 3_000),
    "equations": (lambda n: f"<w:p>{f'<m:oMath>{_FRACTION}</m:oMath>' * n}</w:p>", 2_000),
    "references to one note": (lambda n: f"<w:p>{_REFERENCE * n}</w:p>", 5_000),
}


@pytest.mark.parametrize("form", _BODIES)
def test_a_word_document_of_any_form_is_read_in_linear_time(tmp_path: Path, form: str) -> None:
    make, size = _BODIES[form]
    notes = f'<w:footnotes xmlns:w="{W}"><w:footnote w:id="1">{paragraph("note")}</w:footnote></w:footnotes>'

    def write(number: int) -> Path:
        return make_docx(tmp_path / "a.docx", paragraph("Text.") + make(number), {"footnotes": notes})

    check_linear(write, DOCX, size)


def test_slides_with_many_shapes_and_layouts_are_read_in_linear_time(tmp_path: Path) -> None:
    def write_shapes(number: int) -> Path:
        offsets = (f'<p:spPr><a:xfrm><a:off x="{at}" y="{at * at}"/></a:xfrm></p:spPr>' for at in range(number))
        shapes = (shape("x").replace("<p:txBody>", f"{offset}<p:txBody>") for offset in offsets)
        return make_pptx(tmp_path / "a.pptx", [slide(*shapes)])

    def write_chart(number: int) -> Path:
        frames = '<p:graphicFrame><c:chart xmlns:c="c" r:id="c"/></p:graphicFrame>'
        relations = '<Relationships xmlns="r"><Relationship Id="c" Type="r/chart" Target="../c.xml"/></Relationships>'
        parts = {
            "ppt/slides/_rels/slide1.xml.rels": relations,
            "ppt/c.xml": chart("T", [str(at) for at in range(number)], {"a": [1] * number}),
        }
        return make_pptx(tmp_path / "a.pptx", [slide(frames)], parts)

    check_linear(write_shapes, PPTX, 1_000)
    check_linear(write_chart, PPTX, 3_000)


@pytest.mark.parametrize("form", ["\x13HYPERLINK\x14", "\x13HYPERLINK a", "\x13A\x14x\r", "\x13A\x01"])
def test_open_fields_of_an_old_word_document_take_linear_time(tmp_path: Path, form: str) -> None:
    def write(number: int) -> Path:
        (tmp_path / "a.doc").write_bytes(make_doc({0: "Some text\r" + form * number + "x\x01" * number + "\r"}))
        return tmp_path / "a.doc"

    check_linear(write, DOC, 8_000)
