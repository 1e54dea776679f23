"""Tables of Word documents keep each value in its column."""

from pathlib import Path

import pytest

from app.domain.documents import Page
from app.domain.media import DOCX
from app.pipeline.parse import parse
from tests.pipeline.documents import W, make_docx, paragraph


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/><w:tblGrid><w:gridCol/></w:tblGrid>{''.join(rows)}</w:tbl>"


def span(columns: int) -> str:
    return f'<w:gridSpan w:val="{columns}"/>'


def read_page(folder: Path, body: str, **parts: str) -> Page:
    return parse(make_docx(folder / "a.docx", body, parts), DOCX).pages[0]


def read(folder: Path, body: str) -> list[str]:
    return read_page(folder, body).text.splitlines()


RESTART, CONTINUE, BARE = '<w:vMerge w:val="restart"/>', '<w:vMerge w:val="continue"/>', "<w:vMerge/>"


def test_a_cell_across_columns_leaves_the_values_after_it_below_their_names(tmp_path: Path) -> None:
    body = table(row(cell("Port"), cell("Berth"), cell("Tons")), row(cell("Sum", span(2)), cell("70")))
    assert read(tmp_path, body) == ["Port | Berth | Tons", "Sum |  | 70"]


@pytest.mark.parametrize("continued", [CONTINUE, BARE])
def test_a_cell_across_rows_is_repeated_in_each_of_them(tmp_path: Path, continued: str) -> None:
    body = table(
        row(cell("Port"), cell("Berth")),
        row(cell("Hull", RESTART), cell("1")),
        row(cell("", continued), cell("2")),
        row(cell("", continued), cell("3")),
        row(cell("Goole", RESTART), cell("4")),
    )
    assert read(tmp_path, body) == ["Port | Berth", "Hull | 1", "Hull | 2", "Hull | 3", "Goole | 4"]


def test_a_block_of_rows_and_columns_is_one_cell(tmp_path: Path) -> None:
    body = table(
        row(cell("a"), cell("b"), cell("c")),
        row(cell("block", span(2) + RESTART), cell("1")),
        row(cell("", span(2) + BARE), cell("2")),
        row(cell("x"), cell("y"), cell("z")),
    )
    assert read(tmp_path, body) == ["a | b | c", "block |  | 1", "block |  | 2", "x | y | z"]


def test_a_cell_that_continues_nothing_is_a_cell_of_its_own(tmp_path: Path) -> None:
    body = table(row(cell("a"), cell("b")), row(cell("c"), cell("d")), row(cell("e", span(2) + BARE)))
    assert read(tmp_path, body)[-1] == "e"


def test_rows_that_begin_and_end_in_other_columns_keep_their_columns(tmp_path: Path) -> None:
    body = table(
        row(cell("a"), cell("b"), cell("c")),
        row(cell("under b"), cell("under c"), properties='<w:gridBefore w:val="1"/>'),
        row(cell("under a"), properties='<w:gridAfter w:val="2"/>'),
    )
    assert read(tmp_path, body) == ["a | b | c", " | under b | under c", "under a"]


def test_cells_merged_as_old_programs_do_span_columns(tmp_path: Path) -> None:
    body = table(
        row(cell("a"), cell("b"), cell("c")),
        row(cell("wide", '<w:hMerge w:val="restart"/>'), cell("", "<w:hMerge/>"), cell("1")),
    )
    assert read(tmp_path, body) == ["a | b | c", "wide |  | 1"]


def test_several_header_rows_name_their_columns_and_the_data_follows_them(tmp_path: Path) -> None:
    head = "<w:tblHeader/>"
    body = table(
        row(cell("Port", RESTART), cell("2025", span(2)), properties=head),
        row(cell("", BARE), cell("in"), cell("out"), properties=head),
        row(cell("Hull"), cell("1"), cell("2")),
    )
    page = read_page(tmp_path, body)
    assert page.text.splitlines() == ["Port | 2025 | 2025", "Port | in | out", "Hull | 1 | 2"]
    assert [page.text[mark.start :] for mark in page.marks] == ["Hull | 1 | 2"]


def test_deleted_and_hidden_rows_and_cells_are_left_out(tmp_path: Path) -> None:
    body = table(
        row(cell("a"), cell("b")),
        row(cell("gone"), cell("gone"), properties="<w:del/>"),
        row(cell("unseen"), cell("unseen"), properties="<w:hidden/>"),
        row(cell("gone", "<w:cellDel/>"), cell("c"), cell("d")),
    )
    assert read(tmp_path, body) == ["a | b", "c | d"]


def test_a_paragraph_whose_end_was_deleted_stays_in_its_cell_and_before_its_table(tmp_path: Path) -> None:
    joined = "<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>".format
    body = joined("Before") + table(row(f"<w:tc>{joined('a')}</w:tc>", cell("b"))) + joined("End")
    assert read_page(tmp_path, body).text == "Before\n\na | b\n\nEnd"


def test_rows_and_cells_in_content_controls_are_read(tmp_path: Path) -> None:
    controlled = f"<w:sdt><w:sdtPr/><w:sdtContent>{row(cell('c'), cell('d'))}</w:sdtContent></w:sdt>"
    in_row = row(f"<w:sdt><w:sdtContent>{cell('e')}</w:sdtContent></w:sdt>", cell("f"))
    assert read(tmp_path, table(row(cell("a"), cell("b")), controlled, in_row)) == ["a | b", "c | d", "e | f"]


def test_a_table_in_a_cell_stays_within_its_row(tmp_path: Path) -> None:
    inner = table(row(cell("bow"), cell("2")), row(cell("stern"), cell("3")))
    holder = f"<w:tc>{paragraph('Lines:')}{inner}{paragraph('')}</w:tc>"
    body = table(row(cell("Ship"), cell("Crew")), row(cell("Ouse"), holder), row(cell("Trent"), cell("none")))
    assert read(tmp_path, body) == ["Ship | Crew", "Ouse | Lines: bow, 2; stern, 3", "Trent | none"]


def test_a_table_that_only_frames_text_flows_as_text(tmp_path: Path) -> None:
    inner = table(row(cell("a"), cell("b")), row(cell("c"), cell("d")))
    framed = table(row(f"<w:tc>{paragraph('First.')}{paragraph('Second.')}</w:tc>"))
    layout = table(row(f"<w:tc>{paragraph('Left.')}{inner}</w:tc>", cell("Right.")))
    assert read_page(tmp_path, framed + layout).text == "First.\n\nSecond.\n\nLeft.\n\na | b\nc | d\n\nRight."


def test_tables_in_text_boxes_and_headers_are_rows(tmp_path: Path) -> None:
    rows = table(row(cell("a"), cell("b")), row(cell("c"), cell("d")))
    boxed = f"<w:p><w:r><w:t>Before.</w:t></w:r><w:r><w:pict><w:txbxContent>{rows}</w:txbxContent></w:pict></w:r></w:p>"
    header = f'<w:hdr xmlns:w="{W}">{table(row(cell("Head"), cell("1")))}</w:hdr>'
    assert read_page(tmp_path, boxed, header1=header).text == "Head | 1\n\nBefore.\n\na | b\nc | d"
