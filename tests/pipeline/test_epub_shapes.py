"""Books as their many makers write them: each word of each chapter is read, in order."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError
from app.domain.media import EPUB
from app.pipeline.parse import parse
from tests.pipeline.packages import make_zip

_CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
_XHTML = "application/xhtml+xml"
_ENCRYPTED = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
    '<e:EncryptedData><e:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/><e:CipherData>'
    '<e:CipherReference URI="{}"/></e:CipherData></e:EncryptedData></encryption>'
)


def page(body: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'


def package(items: list[tuple[str, str, str]], spine: list[str]) -> str:
    """A package document. ``items`` are ``(id, href, media type)``."""
    listed = "".join(f'<item id="{key}" href="{href}" media-type="{kind}"/>' for key, href, kind in items)
    order = "".join(f'<itemref idref="{key}"/>' for key in spine)
    return (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{listed}</manifest><spine>{order}</spine></package>'
    )


def read(folder: Path, parts: Mapping[str, str | bytes], book: str = "OEBPS/book.opf") -> list[str]:
    """The texts of the pages of a book with these files."""
    files = {"mimetype": EPUB, "META-INF/container.xml": _CONTAINER.format(book), **parts}
    return [found.text for found in parse(make_zip(folder / "a.epub", files), EPUB).pages]


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("text/one.xhtml", "OEBPS/text/one.xhtml"),
        ("../text/one.xhtml", "text/one.xhtml"),
        ("caf%C3%A9%20one.xhtml", "OEBPS/café one.xhtml"),
        ("one%201.xhtml", "OEBPS/one%201.xhtml"),
        ("cafe\u0301.xhtml", "OEBPS/caf\u00e9.xhtml"),
        ("Text/One.XHTML", "OEBPS/text/one.xhtml"),
        ("text\\one.xhtml", "OEBPS/text/one.xhtml"),
        ("OEBPS/one.xhtml", "OEBPS/one.xhtml"),
        ("/OEBPS/one.xhtml", "OEBPS/one.xhtml"),
        ("one.xhtml#start", "OEBPS/one.xhtml"),
    ],
)
def test_a_chapter_is_found_however_its_name_is_written(tmp_path: Path, href: str, name: str) -> None:
    parts = {"OEBPS/book.opf": package([("a", href, _XHTML)], ["a"]), name: page("<p>read</p>")}
    assert read(tmp_path, parts) == ["read"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (_XHTML, "a.xml"),
        ("text/html", "a.html"),
        ("application/xml", "a.xml"),
        ("text/xml", "a.xhtml"),
        ("text/html; charset=utf-8", "a"),
        ("", "a.html"),
        ("application/octet-stream", "a.htm"),
        ("text/x-oeb1-document", "a.html"),
    ],
)
def test_a_chapter_is_read_whatever_its_declared_type(tmp_path: Path, kind: str, name: str) -> None:
    parts = {"OEBPS/book.opf": package([("a", name, kind)], ["a"]), f"OEBPS/{name}": page("<p>read</p>")}
    assert read(tmp_path, parts) == ["read"]


def test_chapters_that_the_spine_leaves_out_follow_it(tmp_path: Path) -> None:
    items = [("n", "notes.xhtml", _XHTML), ("a", "a.xhtml", _XHTML), ("t", "toc.ncx", "application/x-dtbncx+xml")]
    book = package(items, ["a", "missing", "a"]).replace(
        "</manifest>", f'<item id="v" href="nav.xhtml" media-type="{_XHTML}" properties="nav"/></manifest>'
    )
    pages = {name: page(f"<p>{name}</p>") for name in ("a", "notes", "nav")}
    parts = {"OEBPS/book.opf": book, **{f"OEBPS/{name}.xhtml": text for name, text in pages.items()}}
    assert read(tmp_path, parts) == ["a", "notes"]


@pytest.mark.parametrize(
    "book",
    [
        package([("a", "a.xhtml", _XHTML)], []),
        package([], ["a"]),
        package([("a", "a.xhtml", _XHTML)], ["a"]).replace("<manifest>", "&copy;<manifest>"),
        package([("a", "a.xhtml", _XHTML)], ["a"]).replace("</spine>", "<broken></spine>"),
        "",
        "no xml",
    ],
    ids=["empty spine", "empty manifest", "an entity", "not well-formed", "empty", "no XML"],
)  # fmt: skip
def test_a_book_with_a_faulty_list_of_chapters_is_read(tmp_path: Path, book: str) -> None:
    assert read(tmp_path, {"OEBPS/book.opf": book, "OEBPS/a.xhtml": page("<p>read</p>")}) == ["read"]


@pytest.mark.parametrize("book", ["missing.opf", "OEBPS%2Fbook.opf", ""])
def test_a_container_that_leads_nowhere_does_not_hide_the_book(tmp_path: Path, book: str) -> None:
    parts = {"OEBPS/book.opf": package([("a", "a.xhtml", _XHTML)], ["a"]), "OEBPS/a.xhtml": page("<p>read</p>")}
    assert read(tmp_path, parts, book) == ["read"]
    with pytest.raises(DocumentDamagedError):
        read(tmp_path, {"OEBPS/picture.png": b"x"}, book)


@pytest.mark.parametrize(
    ("chapter", "text"),
    [
        (page("<p>caf&eacute;&nbsp;&mdash; &#x263A;</p>"), "café — ☺"),
        (page("<p><a id='x'/>after</p><div/><p>more<br/>lines</p><script/><p>end</p>"), "after\n\nmore\nlines\n\nend"),
        (page("<p><![CDATA[a < b & c]]></p>"), "a < b & c"),
        ('<h:html xmlns:h="x"><h:body><h:p>one</h:p><h:p>two</h:p></h:body></h:html>', "one\n\ntwo"),
        (page("<section><h1>Head</h1><p>t<sup>2</sup></p></section>"), "Head\n\nt^2"),
        (page("<svg xmlns='s'><text><tspan>first</tspan><tspan>second</tspan></text></svg>"), "first second"),
        (page("<img src='c.jpg' alt='Cover of the book'/>"), "Cover of the book"),
        (page("<aside epub:type='footnote' id='n'><p>Note</p></aside>"), "Note"),
        (page("<p>so<a epub:type='noteref' href='n.xhtml#n1'><sup>1</sup></a></p>"), "so[1]"),
        ("<dtbook><book><level1><h1>H</h1><p>a</p><p>b</p></level1></book></dtbook>", "H\n\na\n\nb"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><text>drawn</text></svg>', "drawn"),
        (page("<p>UTF-16</p>").replace('version="1.0"', 'version="1.0" encoding="UTF-16"'), "UTF-16"),
    ],
)  # fmt: skip
def test_chapters_of_every_notation_are_read(tmp_path: Path, chapter: str, text: str) -> None:
    data = chapter.encode("utf-16" if 'encoding="UTF-16"' in chapter else "utf-8")
    book = package([("a", "a.xhtml", _XHTML)], ["a"])
    assert read(tmp_path, {"OEBPS/book.opf": book, "OEBPS/a.xhtml": data}) == [text]


def test_only_encrypted_chapters_make_a_book_encrypted(tmp_path: Path) -> None:
    parts = {"OEBPS/book.opf": package([("a", "a b.xhtml", _XHTML)], ["a"]), "OEBPS/a b.xhtml": page("<p>read</p>")}
    assert read(tmp_path, {**parts, "META-INF/encryption.xml": _ENCRYPTED.format("OEBPS/film.mp4")}) == ["read"]
    for reference in ("OEBPS/a%20b.xhtml", ""):
        with pytest.raises(DocumentEncryptedError):
            read(tmp_path, {**parts, "META-INF/encryption.xml": _ENCRYPTED.format(reference)})
