import json
import zipfile
from pathlib import Path

import pytest

from app.domain.errors import UnsupportedTypeError
from app.domain.media import (
    ARCHIVES,
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JSON,
    MARKDOWN,
    MSG,
    ODP,
    ODS,
    ODT,
    PDF,
    PPTX,
    RTF,
    SOURCE,
    SUPPORTED,
    TEXT,
    TSV,
    XLSX,
    XML,
    YAML,
    ZIP,
)
from app.pipeline.detection.media_type import HEAD_BYTES, detect, detect_by_head
from tests.pipeline.compound_files import make_compound, make_message
from tests.pipeline.documents import make_docx, make_pdf, paragraph
from tests.pipeline.packages import make_epub, make_odf, make_pptx, make_xlsx, make_zip, slide

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAIL = b"Return-Path: <a@b.c>\r\nReceived: from x\r\n\tby y\r\nFrom: a@b.c\r\nSubject: x\r\n\r\n<html>body</html>"


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
        (OLE + bytes(600), "locked.docx", DOCX),
        (OLE + bytes(600), "locked.xlsx", XLSX),
        (OLE + bytes(600), "locked.pptx", PPTX),
        (make_compound({"EncryptedPackage": b"x"}), "locked", DOCX),
        (make_compound({"ENCRYPTEDPACKAGE": b"x"}), "locked.docx", DOCX),
        *((b"PK\x03\x04 cut off", f"a{SUPPORTED[kind][0]}", kind) for kind in (DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB)),
        (b"PK\x03\x04 cut off", "letters.zip", ZIP),
        (b"PK\x05\x06" + bytes(18), "empty.docx", ZIP),
        (b"{\\rtf1 text}", "letter.doc", RTF),
        (MAIL, "mail", EML),
        (MAIL, "mail.txt", EML),
        (b"Dear all", "mail.eml", EML),
        (b"From: here\nTo: there\n\nA travelogue", "a.txt", TEXT),
        (b"From: a\n# Notes\nMIME-Version: x\n", "a.md", MARKDOWN),
        (b"a,b\n1,2", "a.csv", CSV),
        (b"a\tb\n1\t2", "a.TSV", TSV),
        (b"a,b\n1,2", "a", TEXT),
        (b'{"a": 1}', "a.json", JSON),
        (b"a: 1", "a.yml", YAML),
        (b"<?xml version='1.0'?><a/>", "a.xml", XML),
        (b"<?xml version='1.0'?><html xmlns='x'/>", "a.xml", HTML),
        (b"x = 1", "a.py", SOURCE),
        (b"<!DOCTYPE html><?php echo 1 ?>", "a.php", SOURCE),
        (b"<!DOCTYPE html><p>an error page</p>", "a.py", HTML),
        (b"[a]\nb = 1", "settings.ini", SOURCE),
        (b"<html>a sheet, says its name</html>", "a.xls", HTML),
    ],
)
def test_content_tells_the_type_and_the_name_only_the_kind_of_text(
    tmp_path: Path, data: bytes, name: str, expected: str
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(data)
    assert detect(path, name) == expected
    consists_of_files = data.startswith((b"PK", OLE))
    assert detect_by_head(data[:HEAD_BYTES], name) == (None if consists_of_files else expected)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"MZ\x90\x00" + bytes(range(256)) * 10,
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 4,
        b"PK\x03\x04 cut off",
        OLE + bytes(600),
        make_compound({"Contents": b"x"}),
        OLE + b"\xff" * 600,
    ],
)
def test_what_is_no_document_is_refused_with_the_list_of_what_is(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(data)
    with pytest.raises(UnsupportedTypeError) as refusal:
        detect(path, "innocent.txt")
    assert {one["media_type"] for one in refusal.value.members["supported_types"]} >= SUPPORTED.keys()


def test_a_zip_is_what_it_holds_whatever_its_name(tmp_path: Path) -> None:
    body = "<office:text/>"
    made = {
        DOCX: make_docx(tmp_path / "docx", paragraph("x")),
        PPTX: make_pptx(tmp_path / "pptx", [slide()]),
        XLSX: make_xlsx(tmp_path / "xlsx", {"S": ""}),
        EPUB: make_epub(tmp_path / "epub", [""]),
        **{kind: make_odf(tmp_path / kind.rpartition(".")[2], kind, body) for kind in (ODT, ODS, ODP)},
        ZIP: make_zip(tmp_path / "zip", {"letters/a.docx": "x", "word.xml": "x"}),
    }
    for name in ("a.zip", "a.docx", "a.pdf", "a"):
        assert {kind: detect(path, name) for kind, path in made.items()} == {kind: kind for kind in made}
    assert detect(make_odf(tmp_path / "a", f"{ODT}-template", body), "a") == ODT
    assert detect(make_zip(tmp_path / "b", {"META-INF/container.xml": "x"}), "a.zip") == EPUB
    assert ZIP in ARCHIVES
    assert ZIP not in SUPPORTED


@pytest.mark.parametrize(
    "parts",
    [
        {"mimetype": "application/vnd.oasis.opendocument.graphics", "content.xml": ""},
        {"[Content_Types].xml": "", "xl/model.bin": ""},
        {"[Content_Types].xml": "", "visio/document.xml": ""},
    ],
)
def test_a_zipped_document_of_another_kind_is_no_archive(tmp_path: Path, parts: dict[str, str]) -> None:
    with pytest.raises(UnsupportedTypeError):
        detect(make_zip(tmp_path / "a", parts), "a.zip")


def test_a_zip_whose_directory_would_fill_the_memory_is_told_by_its_name(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a", {f"{number}{'x' * 60_000}": "" for number in range(150)})
    assert detect(path, "a.zip") == ZIP
    assert detect(path, "a.odt") == ODT
    with pytest.raises(UnsupportedTypeError):
        detect(path, "a.txt")


@pytest.mark.corpus
def test_every_file_of_the_corpus_is_told_apart() -> None:
    manifest = json.loads((CORPUS / "manifest.json").read_text())
    for path in sorted(CORPUS.glob("good/*")):
        assert path.suffix in SUPPORTED[detect(path, path.name)], path.name
    for path in sorted(CORPUS.glob("bad/*")):
        if "unsupported_type" in manifest[f"bad/{path.name}"]["expect"]:
            with pytest.raises(UnsupportedTypeError):
                detect(path, path.name)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("page", [b"", b"<!doctype html><p>The heron waits."])
def test_comments_before_everything_are_read_once(tmp_path: Path, page: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"<!-- a -->\n" * 1000 + (page or b"The heron waits."))
    assert detect(path, "a.txt") == (HTML if page else TEXT)


def test_a_file_around_a_pdf_is_not_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.pdf", make_pdf("x"))
    assert detect(path, "a.zip") == ZIP
    path.write_bytes(make_message({0x1000: "See below."}, attachments=[{0x3707: "a.pdf", 0x3701: b"%PDF-1.4"}]))
    assert detect(path, "a.msg") == MSG
