"""The processor time of annotations and of lines in unusual order grows with the file, not with its square."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from tests.pipeline.documents import draw_line, draw_stream
from tests.pipeline.pdf_files import FIRST_FREE, build_pdf, draw_mapped
from tests.pipeline.test_parse_cost import check_linear

pytestmark = pytest.mark.slow

ANNOTATIONS = {
    "links": "/Subtype /Link /Rect [72 {y} 107 711] /A << /S /URI /URI (https://example.org/{n}) >>",
    "fields": "/Subtype /Widget /F 4 /Rect [150 {y} 250 710] /FT /Tx /T (a{n}) /V (Okonkwo)",
    "notes": "/Subtype /Highlight /Rect [72 {y} 107 711] /Contents (note {n})",
    "typed texts": "/Subtype /FreeText /Rect [72 {y} 107 711] /Contents (typed {n})",
    "stamps": f"/Subtype /Stamp /Rect [72 {{y}} 272 711] /T ({{n}}) /AP << /N {FIRST_FREE} 0 R >>",
}
APPEARANCE = draw_stream("", "/Type /XObject /Subtype /Form /BBox [0 0 200 20]")


@pytest.mark.parametrize("kind", ANNOTATIONS)
def test_annotations_are_read_in_linear_time(tmp_path: Path, kind: str) -> None:
    def write(number: int) -> Path:
        path = tmp_path / "many.pdf"
        content = "".join(draw_line(72, 5 + n % 700, f"The keeper counts the barges {n}") for n in range(number))
        many = [ANNOTATIONS[kind].format(y=n % 700, n=n) for n in range(number)]
        path.write_bytes(
            build_pdf(content, annotations=many, catalog="/AcroForm << /Fields [] >>", objects={FIRST_FREE: APPEARANCE})
        )
        return path

    check_linear(write, PDF, 700)


def test_lines_from_right_to_left_are_read_in_linear_time(tmp_path: Path) -> None:
    def write(number: int) -> Path:
        codes: dict[int, int] = {}
        content = draw_mapped(10, 700, "( םולש AB-17 " * number, codes)
        (tmp_path / "long.pdf").write_bytes(build_pdf(content, codes=codes))
        return tmp_path / "long.pdf"

    check_linear(write, PDF, 700)


def test_rows_of_columns_are_read_in_linear_time(tmp_path: Path) -> None:
    def write(number: int) -> Path:
        rows = ((72 + 90 * (n % 5), 700 - 0.1 * (n // 5)) for n in range(number))
        content = "".join(draw_line(x, y, "the next barge") for x, y in rows)
        (tmp_path / "rows.pdf").write_bytes(build_pdf(content))
        return tmp_path / "rows.pdf"

    check_linear(write, PDF, 700)
