from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.domain.media import EPUB
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.packages import make_epub, make_zip


def encryption(algorithm: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
        f'<enc:EncryptedData><enc:EncryptionMethod Algorithm="{algorithm}"/></enc:EncryptedData></encryption>'
    )


def test_chapters_are_pages_in_the_order_they_are_read(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a", ["<h1>One</h1><p>First&nbsp;lock.</p>", "<img src='x'/>", "<p>Third</p>"])
    seen: list[tuple[int, int]] = []
    parsed = parse(path, EPUB, lambda done, total: seen.append((done, total)))
    assert [(page.number, page.text) for page in parsed.pages] == [(1, "One\n\nFirst lock."), (3, "Third")]
    assert parsed.metadata == {"title": "The canal", "author": "Ada", "language": "en", "page_count": 3}
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_chapters_read_as_web_pages_do(tmp_path: Path) -> None:
    body = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><ul><li>x</li><li>y</li></ul>"
    assert parse(make_epub(tmp_path / "a", [body]), EPUB).pages[0].text == "a | b\n1 | 2\n\n- x\n- y"


def test_mangled_fonts_are_no_obstacle_and_rights_management_is(tmp_path: Path) -> None:
    fonts = {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert parse(make_epub(tmp_path / "a", ["<p>free</p>"], fonts), EPUB).pages[0].text == "free"
    rights = {"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    with pytest.raises(DocumentEncryptedError):
        parse(make_epub(tmp_path / "b", ["<p>locked</p>"], rights), EPUB)


def test_a_book_without_its_list_of_parts_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DocumentDamagedError):
        parse(make_zip(tmp_path / "a", {"mimetype": EPUB}), EPUB)


def test_entities_of_a_chapters_own_making_are_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("top secret")
    chapter = (
        f'<!DOCTYPE html [<!ENTITY own "expanded"><!ENTITY far SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
        "<html><body><p>seen &own;&far;</p></body></html>"
    )
    text = parse(make_epub(tmp_path / "a", [""], {"OEBPS/text/chapter 1.xhtml": chapter}), EPUB).pages[0].text
    assert "seen" in text
    assert "secret" not in text.replace((tmp_path / "secret").as_uri(), "")
    assert "expanded" not in text.partition("seen")[2]


def test_chapters_are_bounded_in_number_size_and_attributes(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a", ["<p>x</p>"] * 3)
    wide = make_epub(tmp_path / "b", [f"<p {' '.join(f'a{n}=1' for n in range(50))}>x</p>"])
    for file, limits in ((path, Limits(pages=2)), (path, Limits(markup_bytes=20)), (wide, Limits(attributes=40))):
        with pytest.raises(ParseLimitExceededError):
            parse(file, EPUB, limits=limits)
