from pathlib import Path

import pytest

from app.domain.errors import DocumentEncryptedError, ParseLimitExceededError
from app.domain.media import ODP, ODS, ODT
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.packages import make_odf


def paragraph(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{paragraph(text) if text else ''}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def test_a_text_is_read_in_document_order(tmp_path: Path) -> None:
    items = "".join(f"<text:list-item>{paragraph(text)}</text:list-item>" for text in ("x", "y"))
    deleted = (
        f"<text:tracked-changes><text:changed-region>{paragraph('gone')}</text:changed-region></text:tracked-changes>"
    )
    spaced = 'a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d'
    boxed = f"<draw:frame><draw:text-box>{paragraph('boxed')}</draw:text-box></draw:frame>"
    note = (
        "<text:note><text:note-citation>1</text:note-citation>"
        f"<text:note-body>{paragraph('A note.')}</text:note-body></text:note>"
    )
    body = (
        f"<office:text>{deleted}<text:h>Locks</text:h>{paragraph(f'of <text:span>the</text:span>{note} canal')}"
        f"{paragraph(spaced)}<text:list>{items}</text:list>"
        f"<table:table>{row(cell('1'), cell('2'))}{row(cell(''), cell('4'))}</table:table>"
        f"{paragraph(boxed)}</office:text>"
    )
    parsed = parse(make_odf(tmp_path / "a", ODT, body), ODT)
    assert [page.number for page in parsed.pages] == [None]
    assert parsed.pages[0].text == (
        "Locks\n\nof the[1] canal\n\n[1] A note.\n\na   b\tc\nd\n\n- x\n- y\n\n1 | 2\n | 4\n\nboxed"
    )
    assert parsed.metadata == {"title": "Barges", "author": "Ada"}


def test_page_headers_stand_before_a_text_and_footers_after_it(tmp_path: Path) -> None:
    master = (
        f"<style:header>{paragraph('Letterhead')}</style:header><style:footer>{paragraph('Imprint')}</style:footer>"
    )
    styles = (
        "<office:document-styles SPACES><office:master-styles>"
        f"<style:master-page>{master}</style:master-page><style:master-page>{master}</style:master-page>"
        "</office:master-styles></office:document-styles>"
    )
    path = make_odf(tmp_path / "a", ODT, f"<office:text>{paragraph('Body')}</office:text>", {"styles.xml": styles})
    assert parse(path, ODT).pages[0].text == "Letterhead\n\nBody\n\nImprint"


def test_sheets_are_pages_whose_endless_blank_cells_are_not_written(tmp_path: Path) -> None:
    filler = cell("", 'table:number-columns-repeated="16380"')
    heading = row(cell("c"), attributes='table:number-rows-repeated="2"')
    rows = (
        row(cell("a"), cell("b", 'table:number-columns-repeated="2"'), filler)
        + row(filler, attributes='table:number-rows-repeated="1048000"')
        + f"<table:table-header-rows>{heading}</table:table-header-rows>"
    )
    body = (
        f'<office:spreadsheet><table:table table:name="Tolls">{rows}</table:table><table:table table:name="Empty"/>'
        f'<table:table table:name="Ice">{row(cell("7"))}</table:table></office:spreadsheet>'
    )
    parsed = parse(make_odf(tmp_path / "a", ODS, body), ODS)
    assert [(page.number, page.text) for page in parsed.pages] == [(1, "Tolls\n\na | b | b\n\nc\nc"), (3, "Ice\n\n7")]
    assert parsed.metadata["page_count"] == 3


def test_slides_are_pages_with_their_notes(tmp_path: Path) -> None:
    box = f"<draw:frame><draw:text-box>{paragraph('Winter')}</draw:text-box></draw:frame>"
    notes = f"<presentation:notes><draw:frame>{paragraph('Mention the ice.')}</draw:frame></presentation:notes>"
    body = f"<office:presentation><draw:page>{box}{notes}</draw:page><draw:page>{box}</draw:page></office:presentation>"
    pages = parse(make_odf(tmp_path / "a", ODP, body), ODP).pages
    assert [(page.number, page.text) for page in pages] == [(1, "Winter\n\nNotes: Mention the ice."), (2, "Winter")]


def test_a_manifest_that_speaks_of_encryption_is_believed(tmp_path: Path) -> None:
    manifest = '<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'
    path = make_odf(tmp_path / "a", ODT, "<office:text/>", {"META-INF/manifest.xml": manifest, "content.xml": "\x07"})
    with pytest.raises(DocumentEncryptedError):
        parse(path, ODT)


def test_few_bytes_that_stand_for_much_text_are_refused(tmp_path: Path) -> None:
    many = cell("x" * 1000, 'table:number-columns-repeated="1000"')
    rows = row(many, attributes='table:number-rows-repeated="99999"')
    body = f"<office:spreadsheet><table:table>{rows}</table:table></office:spreadsheet>"
    with pytest.raises(ParseLimitExceededError):
        parse(make_odf(tmp_path / "a", ODS, body), ODS, limits=Limits(characters=5_000_000))
