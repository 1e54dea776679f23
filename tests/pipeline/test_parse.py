from pathlib import Path

import pytest

from app.domain.errors import (
    DocumentDamagedError,
    NoExtractableTextError,
    ParseLimitExceededError,
    UnsupportedTypeError,
)
from app.domain.media import HTML, MARKDOWN, PDF, TEXT
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.documents import draw_pdf, make_pdf

FIRST, SECOND = "The lock keeper counts barges.", "The canal froze in January."


@pytest.mark.parametrize("fallback", [False, True])
def test_both_readers_give_the_pages_of_a_pdf_with_their_numbers(tmp_path: Path, fallback: bool) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(FIRST, "", SECOND))
    seen: list[tuple[int, int]] = []
    parsed = parse(path, PDF, lambda done, total: seen.append((done, total)), fallback=fallback)
    assert [(page.number, page.text) for page in parsed.pages] == [(1, FIRST), (3, SECOND)]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert parsed.metadata["page_count"] == 3


def test_a_title_that_is_no_unicode_does_not_make_a_pdf_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    fields = "<< /Title <FEFFD80000410000> /Author <FEFF004100640061> >>"
    pdf = draw_pdf(f"BT /F1 12 Tf 72 720 Td ({FIRST}) Tj ET", xobjects={"Fields": fields})
    path.write_bytes(pdf.replace(b"/Root 1 0 R", b"/Root 1 0 R /Info 6 0 R"))
    parsed = parse(path, PDF)
    assert parsed.pages[0].text == FIRST
    assert (parsed.metadata["author"], parsed.metadata.get("title")) == ("Ada", None)


def test_a_pdf_is_spelt_in_plain_letters_though_set_in_ligatures(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    glyphs = b"/Helvetica /Encoding << /Differences [1 /fi 2 /ffl 3 /uniFEFB 4 /uniFE91] >>"
    path.write_bytes(make_pdf("The \\001rst shu\\002e of papers \\003 \\004").replace(b"/Helvetica", glyphs))
    assert parse(path, PDF).pages[0].text == "The first shuffle of papers \u0644\u0627 \u0628"


@pytest.mark.parametrize("fallback", [False, True])
def test_a_pdf_with_too_many_pages_is_refused_not_cut(tmp_path: Path, fallback: bool) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(FIRST, SECOND))
    with pytest.raises(ParseLimitExceededError):
        parse(path, PDF, limits=Limits(pages=1), fallback=fallback)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (make_pdf("", ""), NoExtractableTextError),
        (b"%PDF-1.7\n" + bytes(range(256)) * 20, DocumentDamagedError),
        (make_pdf(FIRST)[:60], DocumentDamagedError),
    ],
)
def test_a_pdf_without_text_or_sense_fails_by_name(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(error):
        parse(path, PDF)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Größe\r\nund Maß".encode(), "Größe\nund Maß"),
        ("Größe".encode("utf-16"), "Größe"),
        ("Größe and more".encode("utf-16-be"), "Größe and more"),
        ("Größe".encode("utf-32"), "Größe"),
        ("## können\n\näöüß, größer und süßer".encode("latin-1"), "## können\n\näöüß, größer und süßer"),
        (
            "Вчера вечером друзья пошли вместе гулять вдоль реки".encode("cp1251"),
            "Вчера вечером друзья пошли вместе гулять вдоль реки",
        ),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        (("Zürich " * 50).encode() + b"\xff", "Zürich " * 50 + "\ufffd"),
    ],
)
def test_text_is_read_in_any_common_encoding(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert [page.text for page in parse(path, TEXT).pages] == [text.rstrip()]


def test_form_feeds_number_the_pages_of_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\f\ftwo\f")
    assert [(page.number, page.text) for page in parse(path, TEXT).pages] == [(1, "one"), (3, "two")]


@pytest.mark.parametrize("media_type", [TEXT, MARKDOWN, HTML])
def test_text_of_nothing_but_space_is_no_success(tmp_path: Path, media_type: str) -> None:
    path = tmp_path / "a"
    path.write_text(" \n\u200b\u00a0\n")
    with pytest.raises(NoExtractableTextError):
        parse(path, media_type)


def test_noise_that_calls_itself_text_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(DocumentDamagedError):
        parse(path, TEXT)


def test_markdown_stays_as_written_and_its_front_matter_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    text = '---\ntitle: "The canal"\nauthor: Ada\nlang: en\n---\n# Locks\n\n```html\n<p>  kept </p>\n```'
    path.write_text(text)
    parsed = parse(path, MARKDOWN)
    assert parsed.pages[0].text == text.split("---\n")[2]
    assert parsed.metadata == {"title": "The canal", "author": "Ada", "language": "en"}


def test_a_first_heading_is_a_title(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Locks and weirs #\n\nText.")
    assert parse(path, MARKDOWN).metadata["title"] == "Locks and weirs"


def test_a_type_without_a_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTypeError):
        parse(tmp_path / "a", "image/gif")
