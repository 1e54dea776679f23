import json
import zipfile
from pathlib import Path

import pytest

from app.domain.errors import UnsupportedTypeError
from app.domain.media import DOCX, HTML, MARKDOWN, PDF, SUPPORTED, TEXT
from app.pipeline.media_type import detect
from tests.pipeline.documents import make_docx, make_pdf, paragraph

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (make_pdf("x"), "holiday.png", PDF),
        (b"\n\n%PDF-1.7 cut off", "a.pdf", PDF),
        (b"# Notes", "notes.md", MARKDOWN),
        (b"# Notes", "notes.txt", TEXT),
        (b"# Notes", "notes", TEXT),
        (b"<!DOCTYPE html><p>x", "page.txt", HTML),
        (b"<h3 class='x'>Titel</h3>", "page.html", HTML),
        (b"<p>from a template</p>", "page", HTML),
        ("Größe und Übermaß".encode("latin-1"), "a.txt", TEXT),
        ("plain words\n".encode("utf-16-le"), "a.txt", TEXT),
        ("plain words\n".encode("utf-16-be"), "a.txt", TEXT),
        ("plain words\n".encode("utf-32-be"), "a.txt", TEXT),
        ("昨日の夜、私たちは劇場に行き".encode("shift_jis"), "a.txt", TEXT),
        (("x" + "ä" * 40_000).encode(), "long.txt", TEXT),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "locked.docx", DOCX),
        (b"PK\x03\x04 cut off", "letter.docx", DOCX),
    ],
)
def test_content_tells_the_type_and_the_name_only_the_kind_of_text(
    tmp_path: Path, data: bytes, name: str, expected: str
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(data)
    assert detect(path, name) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"MZ\x90\x00" + bytes(range(256)) * 10,
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 4,
        b"PK\x03\x04 cut off",
        b"{\\rtf1 text}",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    ],
)
def test_what_is_no_document_is_refused_with_the_list_of_what_is(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(data)
    with pytest.raises(UnsupportedTypeError) as refusal:
        detect(path, "innocent.txt")
    assert all(media_type in (refusal.value.detail or "") for media_type in SUPPORTED)


def test_a_zip_is_a_document_only_with_a_word_body(tmp_path: Path) -> None:
    assert detect(make_docx(tmp_path / "a", paragraph("x")), "renamed.zip") == DOCX
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(UnsupportedTypeError):
        detect(tmp_path / "b", "sheet.docx")


@pytest.mark.corpus
def test_every_file_of_the_corpus_is_told_apart() -> None:
    manifest = json.loads((CORPUS / "manifest.json").read_text())
    for path in sorted(CORPUS.glob("good/*")):
        assert path.suffix in SUPPORTED[detect(path, path.name)], path.name
    for path in sorted(CORPUS.glob("bad/*")):
        if "unsupported_type" in manifest[f"bad/{path.name}"]["expect"]:
            with pytest.raises(UnsupportedTypeError):
                detect(path, path.name)
