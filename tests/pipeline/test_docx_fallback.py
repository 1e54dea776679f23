"""DOCX files that only python-docx reads, and hostile files that it never receives."""

import asyncio
import io
import os
import signal
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import docx
import pytest

from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    DocumentError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.domain.media import DOCX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.word import fallback as docx_fallback
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import wait_until
from tests.pipeline.documents import W
from tests.pipeline.packages import R, make_zip

LINE = "The lock keeper counts barges."
FOOTNOTES = "word/footnotes.xml"
BROKEN_FOOTNOTES = {FOOTNOTES: b"<broken"}
BODY = b"<w:body>"
STORIES = f"Letterhead\n\n{LINE}\n\na | b\n\nA comment."


def make(path: Path, changes: Mapping[str, bytes] | None = None, body: tuple[bytes, bytes] = (BODY, BODY)) -> Path:
    """A document by python-docx, with parts added or replaced and bytes of its main part replaced.

    Args:
        path: Where it is written.
        changes: Parts by their names.
        body: The bytes that are replaced and what replaces them.
    """
    document = docx.Document()
    document.core_properties.author = "Ada"
    document.sections[0].header.paragraphs[0].text = "Letterhead"
    document.add_paragraph(LINE)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    document.add_comment(document.paragraphs[0].runs, "A comment.")
    made = io.BytesIO()
    document.save(made)
    with zipfile.ZipFile(made) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relation = f'<Relationship Id="n" Type="{R}/footnotes" Target="footnotes.xml"/></Relationships>'
    if FOOTNOTES in (changes or {}):
        relations = "word/_rels/document.xml.rels"
        parts[relations] = parts[relations].replace(b"</Relationships>", relation.encode())
    parts["word/document.xml"] = parts["word/document.xml"].replace(*body)
    return make_zip(path, {**parts, **(changes or {})})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The files that python-docx received."""
    files: list[object] = []

    def open_document(file: object) -> None:
        files.append(file)
        raise ValueError("not opened in this test")

    monkeypatch.setattr(docx_fallback, "docx", SimpleNamespace(Document=open_document))
    return files


def test_python_docx_reads_a_file_on_which_the_own_walk_fails(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = make(tmp_path / "a", BROKEN_FOOTNOTES)
    parsed = parse(path, DOCX, lambda done, total: seen.append((done, total)))
    assert parsed.pages[0].text == STORIES
    assert parsed.metadata["author"] == "Ada"
    assert seen == [(1, 1)]


def test_python_docx_reads_a_file_in_which_the_own_walk_finds_no_text(tmp_path: Path) -> None:
    blank = dict.fromkeys(("word/header1.xml", "word/comments.xml"), f'<w:x xmlns:w="{W}"/>'.encode())
    foreign = (BODY, b'<x:body xmlns:x="urn:x"/><w:body>')
    assert parse(make(tmp_path / "a", blank, foreign), DOCX).pages[0].text == f"{LINE}\n\na | b"


def test_a_file_without_text_has_none_for_python_docx_either(tmp_path: Path) -> None:
    path = tmp_path / "a"
    docx.Document().save(str(path))
    with pytest.raises(NoExtractableTextError):
        parse(path, DOCX)


def test_the_fallback_reader_may_be_used_from_the_start(tmp_path: Path) -> None:
    assert LINE in parse(make(tmp_path / "a"), DOCX, fallback=True).pages[0].text


def test_where_python_docx_fails_as_well_the_first_error_stands(tmp_path: Path) -> None:
    path = make(tmp_path / "a", {**BROKEN_FOOTNOTES, "word/settings.xml": b"<broken too"})
    with pytest.raises(DocumentDamagedError, match=FOOTNOTES):
        parse(path, DOCX)
    with pytest.raises(DocumentDamagedError):
        parse(path, DOCX, fallback=True)


def test_a_sound_file_is_not_given_to_python_docx(tmp_path: Path, opened: list[object]) -> None:
    assert LINE in parse(make(tmp_path / "a"), DOCX).pages[0].text
    assert opened == []


@pytest.mark.parametrize(
    ("limits", "error"),
    [(Limits(inflated_bytes=1_000), ParseLimitExceededError), (Limits(archive_entries=3), ParseLimitExceededError)],
)
def test_what_exceeds_a_limit_is_not_given_to_python_docx(
    tmp_path: Path, opened: list[object], limits: Limits, error: type[DocumentError]
) -> None:
    for fallback in (False, True):
        with pytest.raises(error):
            parse(make(tmp_path / "a", BROKEN_FOOTNOTES), DOCX, limits=limits, fallback=fallback)
    assert opened == []


def test_what_is_encrypted_is_not_given_to_python_docx(tmp_path: Path, opened: list[object]) -> None:
    path = make(tmp_path / "a", BROKEN_FOOTNOTES)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(mark)
        while position >= 0:
            data[position + offset] |= 1
            position = data.find(mark, position + 1)
    path.write_bytes(data)
    for fallback in (False, True):
        with pytest.raises(DocumentEncryptedError):
            parse(path, DOCX, fallback=fallback)
    assert opened == []


def test_pictures_are_not_unpacked_for_python_docx(tmp_path: Path) -> None:
    path = make(tmp_path / "a", {**BROKEN_FOOTNOTES, "word/media/image1.png": bytes(5_000_000)})
    assert LINE in parse(path, DOCX, limits=Limits(inflated_bytes=1_000_000)).pages[0].text


def test_a_part_that_declares_less_than_it_holds_is_never_unpacked_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a", {**BROKEN_FOOTNOTES, "word/settings.xml": b" " * 5_000_000})
    path.write_bytes(path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(DocumentDamagedError, match=FOOTNOTES):
        parse(path, DOCX, limits=Limits(inflated_bytes=1_000_000))


def test_a_cell_that_spans_a_billion_columns_is_read_once(tmp_path: Path) -> None:
    span = (b'<w:tcW w:type="dxa"', b'<w:gridSpan w:val="1000000000"/><w:tcW w:type="dxa"')
    text = parse(make(tmp_path / "a", BROKEN_FOOTNOTES, span), DOCX).pages[0].text
    assert "\na | b\n" in text


def test_markup_deep_in_itself_has_the_error_of_the_first_reader(tmp_path: Path) -> None:
    deep = (BODY, BODY + b"<w:ins>" * 20_000 + b"</w:ins>" * 20_000)
    with pytest.raises(DocumentDamagedError, match=r"word/document\.xml"):
        parse(make(tmp_path / "a", {}, deep), DOCX)


@pytest.mark.parametrize("sound", [True, False])
async def test_python_docx_reads_a_file_that_kills_its_reader_else_the_first_error_stands(
    tmp_path: Path, sound: bool
) -> None:
    parser = ParserSandbox(size=1, time_limit=60, memory_mb=1024, max_pages=9)
    path = tmp_path / "a"
    os.mkfifo(path)  # the first reader waits for a writer until it is killed
    try:
        parsing = asyncio.create_task(parser.parse(path, DOCX))
        await wait_until(lambda: parser._busy, "the child to be busy")
        os.kill(next(iter(parser._busy)).pid, signal.SIGSEGV)
        path.unlink()
        make(path, {} if sound else {"word/settings.xml": b"<broken"})
        if sound:
            assert (await parsing).pages[0].text == STORIES
            return
        with pytest.raises(DocumentDamagedError, match="SIGSEGV"):
            await parsing
    finally:
        await parser.close()


def test_python_docx_keeps_the_columns_of_merged_cells(tmp_path: Path) -> None:
    def cell(text: str, span: int = 1) -> str:
        properties = f'<w:tcPr><w:gridSpan w:val="{span}"/></w:tcPr>'
        return f"<w:tc>{properties}<w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"

    rows = ((cell("Port"), cell("Berth"), cell("Tons")), (cell("Sum", 2), cell("70")))
    table = "<w:tbl>" + "".join(f"<w:tr>{''.join(row)}</w:tr>" for row in rows) + "</w:tbl>"
    path = make(tmp_path / "a", body=(BODY, BODY + table.encode()))
    assert "Port | Berth | Tons\nSum |  | 70" in parse(path, DOCX, fallback=True).pages[0].text
