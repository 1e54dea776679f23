import zipfile
from pathlib import Path

import pytest

from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.domain.media import DOCX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.documents import W_STRICT, W, make_docx, paragraph


def read(path: Path) -> str:
    return parse(path, DOCX).pages[0].text


def cell(text: str) -> str:
    return f"<w:tc>{paragraph(text)}</w:tc>"


@pytest.mark.parametrize("namespace", [W, W_STRICT])
def test_paragraphs_and_tables_come_in_document_order(tmp_path: Path, namespace: str) -> None:
    table = f"<w:tbl><w:tr>{cell('a')}{cell('b')}</w:tr><w:tr>{cell('')}{cell('d')}</w:tr></w:tbl>"
    path = make_docx(tmp_path / "a", paragraph("before") + table + paragraph("after"), namespace=namespace)
    assert read(path) == "before\n\na | b\n | d\n\nafter"


def test_text_boxes_and_content_controls_are_read_once_and_deleted_text_never(tmp_path: Path) -> None:
    compatibility = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    body = (
        f"<w:p><w:r><w:t>run</w:t><w:tab/><w:t>on</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        f"<w:r><mc:AlternateContent {compatibility}><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
        f"</mc:AlternateContent></w:r></w:p><w:sdt><w:sdtContent>{paragraph('controlled')}</w:sdtContent></w:sdt>"
    )
    assert read(make_docx(tmp_path / "a", body)) == "run\ton\n\nboxed\n\ncontrolled"


def test_headers_footers_and_notes_are_read_once(tmp_path: Path) -> None:
    parts = {
        "header1": f'<w:hdr xmlns:w="{W}">{paragraph("Letterhead")}</w:hdr>',
        "header2": f'<w:hdr xmlns:w="{W}">{paragraph("Letterhead")}</w:hdr>',
        "footnotes": f'<w:footnotes xmlns:w="{W}"><w:footnote>{paragraph("A note.")}</w:footnote></w:footnotes>',
        "footer1": f'<w:ftr xmlns:w="{W}">{paragraph("Imprint")}</w:ftr>',
    }
    assert read(make_docx(tmp_path / "a", paragraph("Body."), parts)) == "Letterhead\n\nBody.\n\nA note.\n\nImprint"


def test_lists_carry_the_markers_that_word_shows(tmp_path: Path) -> None:
    levels = (
        '<w:lvl w:ilvl="0"><w:start w:val="2"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    )
    numbering = (
        f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="7">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>'
    )

    def item(text: str, level: int) -> str:
        return paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>')

    body = item("a", 0) + item("b", 1) + item("c", 1) + item("d", 0) + item("e", 1)
    text = read(make_docx(tmp_path / "a", body, {"numbering": numbering}))
    assert text.splitlines() == ["2. a", "2.i) b", "2.ii) c", "3. d", "3.i) e"]


def test_a_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "a", paragraph("x" * 5_000_000))
    assert path.stat().st_size < 50_000
    with pytest.raises(ParseLimitExceededError):
        parse(path, DOCX, limits=Limits(inflated_bytes=1_000_000))


def test_external_entities_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("top secret")
    path = make_docx(tmp_path / "a", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f'<!DOCTYPE d [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
            f'<w:document xmlns:w="{W}"><w:body>{paragraph("seen &x;")}</w:body></w:document>',
        )
    assert read(path).strip() == "seen"


def test_a_file_that_is_cut_off_locked_or_empty_fails_by_name(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "a", paragraph("text"))
    (tmp_path / "cut").write_bytes(path.read_bytes()[:200])
    (tmp_path / "locked").write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(DocumentDamagedError):
        read(tmp_path / "cut")
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path / "locked")
    with pytest.raises(NoExtractableTextError):
        read(make_docx(tmp_path / "b", paragraph(" ")))
