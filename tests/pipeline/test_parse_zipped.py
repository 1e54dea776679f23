"""Damaged and hostile files of every zipped format."""

import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, DocumentError, ParseLimitExceededError
from app.domain.media import DOCX, EPUB, ODP, ODS, ODT, PPTX, SUPPORTED, XLSX
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.documents import W, make_docx, paragraph
from tests.pipeline.packages import S, make_epub, make_odf, make_pptx, make_xlsx, make_zip, shape, slide

WORDS = "The lock keeper counts barges."
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def sheet(text: str) -> str:
    return f'<row><c t="inlineStr"><is><t>{text}</t></is></c></row>'


def odf(kind: str, media_type: str) -> Callable[[Path, str], Path]:
    wrap = {
        "text": "<text:p>{}</text:p>",
        "spreadsheet": "<table:table><table:table-row><table:table-cell><text:p>{}</text:p>"
        "</table:table-cell></table:table-row></table:table>",
        "presentation": "<draw:page><draw:frame><text:p>{}</text:p></draw:frame></draw:page>",
    }[kind]
    return lambda path, text: make_odf(path, media_type, f"<office:{kind}>{wrap.format(text)}</office:{kind}>")


MAKERS: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    DOCX: (lambda path, text: make_docx(path, paragraph(text)), "word/document.xml"),
    PPTX: (lambda path, text: make_pptx(path, [slide(shape(text))]), "ppt/slides/slide1.xml"),
    XLSX: (lambda path, text: make_xlsx(path, {"S": sheet(text)}), "xl/worksheets/sheet9.xml"),
    EPUB: (lambda path, text: make_epub(path, [f"<p>{text}</p>"]), "OEBPS/text/chapter 1.xhtml"),
    ODT: (odf("text", ODT), "content.xml"),
    ODS: (odf("spreadsheet", ODS), "content.xml"),
    ODP: (odf("presentation", ODP), "content.xml"),
}
formats = pytest.mark.parametrize("media_type", MAKERS)


def make(folder: Path, media_type: str, text: str = WORDS) -> Path:
    return MAKERS[media_type][0](folder / "a", text)


def rewrite(path: Path, change: Callable[[str, bytes], bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The same file with each part replaced by ``change(name, content)``."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@formats
def test_its_words_are_found(tmp_path: Path, media_type: str) -> None:
    assert WORDS in parse(make(tmp_path, media_type), media_type).pages[0].text


@formats
def test_a_file_cut_off_anywhere_is_damaged(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(DocumentDamagedError):
            parse(path, media_type)


@formats
def test_a_file_with_any_byte_changed_is_read_or_fails_by_name(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type)
    whole = path.read_bytes()
    for position in range(0, len(whole), 11):
        path.write_bytes(whole[:position] + bytes((whole[position] ^ 0x55,)) + whole[position + 1 :])
        try:
            parse(path, media_type)
        except DocumentError:
            continue


@formats
def test_a_bomb_is_refused_by_its_declared_size(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type, "x" * 5_000_000)
    assert path.stat().st_size < 50_000
    with pytest.raises(ParseLimitExceededError):
        parse(path, media_type, limits=Limits(inflated_bytes=1_000_000))


@formats
def test_a_bomb_that_declares_less_than_it_holds_is_damaged(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type, "x" * 5_000_000)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(MAKERS[media_type][1]).file_size
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(DocumentDamagedError):
        parse(path, media_type, limits=Limits(inflated_bytes=1_000_000))


@formats
def test_parts_packed_as_documents_never_are_are_refused(tmp_path: Path, media_type: str) -> None:
    path = rewrite(make(tmp_path, media_type), lambda _name, content: content, zipfile.ZIP_BZIP2)
    with pytest.raises(DocumentDamagedError):
        parse(path, media_type)


@formats
def test_a_directory_that_would_fill_the_memory_is_refused(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(200):
            archive.writestr(f"extra/{number}{'x' * 50_000}", "")
    with pytest.raises(ParseLimitExceededError):
        parse(path, media_type)


@pytest.mark.parametrize("media_type", [PPTX, XLSX, EPUB, ODT])
def test_too_many_members_are_refused(tmp_path: Path, media_type: str) -> None:
    with pytest.raises(ParseLimitExceededError):
        parse(make(tmp_path, media_type), media_type, limits=Limits(archive_entries=2))


@formats
def test_entities_that_multiply_are_refused(tmp_path: Path, media_type: str) -> None:
    names = "abcdefghi"
    laughs = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    doctype = f'<!DOCTYPE x [<!ENTITY a "{"ha" * 50}">{laughs}]>'.encode()

    def change(name: str, content: bytes) -> bytes:
        if name != MAKERS[media_type][1]:
            return content
        start = content.find(b"<", content.find(b"?>") + 1 if content.startswith(b"<?") else 0)
        return content[:start] + doctype + content[start:].replace(WORDS.encode(), b"&i;" * 100)

    path = rewrite(make(tmp_path, media_type), change)
    try:
        text = parse(path, media_type).pages[0].text
    except DocumentError:
        return
    assert "haha" not in text.replace("ha" * 50 + '"', "")


@formats
def test_markup_deep_in_itself_is_read_or_refused(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type, f"{'<b>' * 20_000}x{'</b>' * 20_000}")
    try:
        parse(path, media_type)
    except DocumentError:
        return


@formats
def test_members_that_want_a_password_say_so(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(mark)
        while position >= 0:
            data[position + offset] |= 1
            position = data.find(mark, position + 1)
    path.write_bytes(data)
    assert detect(path, f"a{SUPPORTED[media_type][0]}") == media_type
    with pytest.raises(DocumentEncryptedError):
        parse(path, media_type)


@formats
def test_members_that_lie_beyond_the_end_are_damaged(tmp_path: Path, media_type: str) -> None:
    path = make(tmp_path, media_type)
    data = bytearray(path.read_bytes())
    position = data.find(b"PK\x01\x02")
    while position >= 0:
        data[position + 42 : position + 46] = (len(data) - 10).to_bytes(4, "little")
        position = data.find(b"PK\x01\x02", position + 1)
    path.write_bytes(data)
    assert detect(path, f"a{SUPPORTED[media_type][0]}") == media_type
    with pytest.raises(DocumentDamagedError):
        parse(path, media_type)


@pytest.mark.parametrize("stream", ["EncryptedPackage", "ENCRYPTEDPACKAGE"])
@pytest.mark.parametrize("media_type", [DOCX, PPTX, XLSX])
def test_an_office_file_with_a_password_says_so(tmp_path: Path, media_type: str, stream: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(OLE + bytes(1024) + stream.encode("utf-16-le"))
    with pytest.raises(DocumentEncryptedError):
        parse(path, media_type)
    path.write_bytes(OLE + bytes(1024))
    with pytest.raises(DocumentDamagedError):
        parse(path, media_type)


def test_parts_outside_the_package_are_not_reached(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f'<worksheet xmlns="{S}"/>')
    path = make_zip(
        tmp_path / "a",
        {
            "_rels/.rels": "<Relationships/>",
            "word/document.xml": f'<w:document xmlns:w="{W}"><w:body>{paragraph(WORDS)}</w:body></w:document>',
            "word/_rels/document.xml.rels": (
                '<Relationships><Relationship Type="x/header" Target="../../secret"/>'
                f'<Relationship Type="x/footer" Target="{(tmp_path / "secret").as_uri()}"/></Relationships>'
            ),
        },
    )
    assert parse(path, DOCX).pages[0].text == WORDS
