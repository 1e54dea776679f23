"""What Word documents hold besides text: charts, diagrams, pictures, notes, comments and embedded documents."""

import io
from pathlib import Path

import docx
import pytest

from app.domain.errors import NoExtractableTextError
from app.domain.media import DOCX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.documents import W, make_docx, paragraph
from tests.pipeline.packages import chart, diagram

CHART, DIAGRAM = '<c:chart r:id="r0"/>', '<dgm:relIds r:dm="r0"/>'


def drawing(content: str, descr: str = "", more: str = "") -> str:
    named = f'<wp:docPr id="1" name="Picture 1" descr="{descr}">{more}</wp:docPr>'
    graphic = f"<a:graphic><a:graphicData>{content}</a:graphicData></a:graphic>"
    return f"<w:r><w:drawing><wp:inline>{named}{graphic}</wp:inline></w:drawing></w:r>"


def read(path: Path) -> str:
    return parse(path, DOCX).pages[0].text


def note(key: int, text: str, kind: str = "footnote") -> str:
    return f'<w:{kind} w:id="{key}">{paragraph(text)}</w:{kind}>'


def reference(key: int, kind: str = "footnote", more: str = "") -> str:
    return f'<w:r><w:{kind}Reference w:id="{key}" {more}/></w:r>'


def test_a_chart_is_a_table_after_its_paragraph(tmp_path: Path) -> None:
    body = f"<w:p><w:r><w:t>See:</w:t></w:r>{drawing(CHART)}</w:p>{paragraph('End.')}"
    parts = {"chart1": chart("Tolls", ["Spring", "Autumn"], {"2024": [3, 4], "2025": [5, 6.5]})}
    assert read(make_docx(tmp_path / "a", body, parts)) == (
        "See:\n\nTolls\n\n | 2024 | 2025\nSpring | 3 | 5\nAutumn | 4 | 6.5\n\nEnd."
    )


def test_a_diagram_lists_its_texts_in_the_order_shown(tmp_path: Path) -> None:
    body = f"<w:p>{drawing(DIAGRAM)}</w:p>"
    assert read(make_docx(tmp_path / "a", body, {"diagramData1": diagram("Survey", "Dig", "Fill")})) == (
        "Survey\nDig\nFill"
    )


def test_a_damaged_chart_or_diagram_leaves_the_document_readable(tmp_path: Path) -> None:
    body = f"<w:p><w:r><w:t>Text</w:t></w:r>{drawing(CHART)}{drawing(DIAGRAM)}</w:p>"
    assert read(make_docx(tmp_path / "a", body, {"chart1": "<broken"})) == "Text"


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (drawing("", "A lock with two gates"), "A lock with two gates"),
        (drawing("", "C:\\my scans\\image001.png"), ""),
        (drawing("", "A gate\n\nDescription automatically generated with medium confidence"), "A gate"),
        (drawing("", "A line", '<a:ext><d:decorative xmlns:d="d" val="1"/></a:ext>'), ""),
        (drawing("", "Logo", '<a:hlinkClick r:id="k"/>'), "Logo (https://canal.example.org)"),
        ('<w:r><w:pict><v:shape alt="An old drawing"/></w:pict></w:r>', "An old drawing"),
        ('<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>', "DRAFT"),
    ],
)
def test_pictures_are_read_as_their_alternative_texts(tmp_path: Path, picture: str, text: str) -> None:
    body = f"<w:p><w:r><w:t>Before</w:t></w:r>{picture}</w:p>"
    path = make_docx(tmp_path / "a", body, links={"k": "https://canal.example.org"})
    assert read(path) == f"Before\n\n{text}".strip()


def test_of_two_forms_of_a_drawing_one_is_read(tmp_path: Path) -> None:
    def alternatives(choice: str, fallback: str) -> str:
        content = f"<mc:Choice>{choice}</mc:Choice><mc:Fallback>{fallback}</mc:Fallback>"
        return f"<w:p><w:r><mc:AlternateContent>{content}</mc:AlternateContent></w:r></w:p>"

    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    body = (
        alternatives(box, box) + alternatives("", box.replace("boxed", "old")) + alternatives(drawing("", "New"), box)
    )
    assert read(make_docx(tmp_path / "a", body)) == "boxed\n\nold\n\nNew"


def test_notes_are_numbered_and_follow_the_paragraph_that_refers_to_them(tmp_path: Path) -> None:
    unused = note(-1, "unused").replace("<w:footnote ", '<w:footnote w:type="separator" ')
    footnotes = unused + note(5, "Later.") + note(4, "Sooner.") + note(9, "Unreferenced.")
    parts = {
        "footnotes": f'<w:footnotes xmlns:w="{W}">{footnotes}</w:footnotes>',
        "endnotes": f'<w:endnotes xmlns:w="{W}">{note(4, "At the end.", "endnote")}</w:endnotes>',
    }
    first = f"<w:p><w:r><w:t>Locks</w:t></w:r>{reference(4)}<w:r><w:t> and weirs</w:t></w:r>{reference(5)}</w:p>"
    second = f"<w:p><w:r><w:t>Again</w:t></w:r>{reference(4)}{reference(4, 'endnote')}</w:p>"
    assert read(make_docx(tmp_path / "a", first + second, parts)) == (
        "Locks[1] and weirs[2]\n\n[1] Sooner.\n\n[2] Later.\n\nAgain[1][i]\n\n[i] At the end.\n\nUnreferenced."
    )


def test_a_note_in_a_table_follows_the_table_and_one_with_its_own_mark_keeps_it(tmp_path: Path) -> None:
    parts = {"footnotes": f'<w:footnotes xmlns:w="{W}">{note(1, "A note.")}{note(2, "* Another.")}</w:footnotes>'}
    cells = "".join(
        f"<w:tc><w:p><w:r><w:t>{text}</w:t></w:r>{more}</w:p></w:tc>"
        for text, more in (("a", reference(1)), ("b", reference(2, more='w:customMarkFollows="1"')))
    )
    body = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>{paragraph('End.')}"
    assert read(make_docx(tmp_path / "a", body, parts)) == "a[1] | b\n\n[1] A note.\n\n* Another.\n\nEnd."


def test_comments_have_their_authors(tmp_path: Path) -> None:
    first = f'<w:comment w:author="Ada">{paragraph("Check this.")}</w:comment>'
    second = f"<w:comment>{paragraph('And this.')}</w:comment>"
    parts = {"comments": f'<w:comments xmlns:w="{W}">{first}{second}</w:comments>'}
    assert read(make_docx(tmp_path / "a", paragraph("Text."), parts)) == (
        "Text.\n\nComment by Ada: Check this.\n\nAnd this."
    )


def word_document(text: str) -> bytes:
    document, made = docx.Document(), io.BytesIO()
    document.add_paragraph(text)
    document.save(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part.html", "<html><body><p>The fee is <b>4</b> percent.</p></body></html>"),
        ("part.htm", b"\xef\xbb\xbf<html><body>The fee is 4 percent.</body></html>"),
        ("part.rtf", r"{\rtf1\ansi The fee is {\b 4} percent.}"),
        ("part.txt", "The fee is 4 percent."),
        (
            "part.mht",
            "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html><body>The fee is 4 percent.</body></html>",
        ),
        ("part.docx", word_document("The fee is 4 percent.")),
    ],
)
def test_an_embedded_document_is_read_in_its_place(tmp_path: Path, name: str, content: str | bytes) -> None:
    body = f'{paragraph("Before.")}<w:altChunk r:id="{name}"/>{paragraph("After.")}'
    assert read(make_docx(tmp_path / "a", body, chunks={name: content})) == (
        "Before.\n\nThe fee is 4 percent.\n\nAfter."
    )


def test_a_document_of_nothing_but_an_embedded_one_has_its_text(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "a", '<w:altChunk r:id="a.txt"/>', chunks={"a.txt": "All of it."})
    assert read(path) == "All of it."


def test_an_embedded_document_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    body = f'{paragraph("Text.")}<w:altChunk r:id="a.docx"/><w:altChunk r:id="b.png"/><w:altChunk r:id="gone"/>'
    path = make_docx(
        tmp_path / "a",
        body,
        chunks={"a.docx": b"PK\x03\x04 cut off", "b.png": b"\x89PNG" + bytes(range(256))},
    )
    assert read(path) == "Text."


def test_documents_are_read_in_documents_down_to_a_limited_depth(tmp_path: Path) -> None:
    content = (make_docx(tmp_path / "0", paragraph("deepest"))).read_bytes()
    for depth in range(1, 6):
        body = f'{paragraph(f"level {depth}")}<w:altChunk r:id="inner.docx"/>'
        content = make_docx(tmp_path / str(depth), body, chunks={"inner.docx": content}).read_bytes()
    assert read(tmp_path / "5") == "level 5\n\nlevel 4\n\nlevel 3\n\nlevel 2"


def test_damaged_properties_do_not_damage_a_document(tmp_path: Path) -> None:
    parts = {"../docProps/core": "<broken"}
    parsed = parse(make_docx(tmp_path / "a", paragraph("Text."), parts), DOCX, limits=Limits())
    assert (parsed.pages[0].text, parsed.metadata) == ("Text.", {})


def test_a_document_of_a_picture_without_words_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError):
        read(make_docx(tmp_path / "a", f"<w:p>{drawing('', 'scan.jpg')}</w:p>"))
