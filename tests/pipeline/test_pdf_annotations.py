"""Form values, typed text, notes, stamps and links of a PDF are part of its text, each where a reader finds it."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line, draw_stream
from tests.pipeline.pdf_files import FIRST_FREE, build_pdf, write_text_string

FORM = "/AcroForm << /Fields [] >>"
PROSE = "The lock keeper counts the barges of the morning."


def read(
    folder: Path, content: str, *annotations: str, catalog: str = FORM, objects: dict[int, str] | None = None
) -> str:
    path = folder / "annotated.pdf"
    path.write_bytes(build_pdf(content, annotations=annotations, catalog=catalog, objects=objects))
    return parse(path, PDF).pages[0].text


def field(left: float, bottom: float, entries: str, *, width: float = 120, height: float = 14) -> str:
    return f"/Subtype /Widget /F 4 /Rect [{left} {bottom} {left + width} {bottom + height}] {entries}"


def test_the_value_of_a_text_field_follows_its_label(tmp_path: Path) -> None:
    content = draw_line(72, 700, "Family name:") + draw_line(72, 660, "Harbour:")
    values = [
        field(150, 657, f"/FT /Tx /T (b) /V {write_text_string('Zürich Süd')}"),
        field(150, 697, "/FT /Tx /T (a) /V (Okonkwo)"),
    ]
    assert read(tmp_path, content, *values) == "Family name: Okonkwo\nHarbour: Zürich Süd"


def test_two_fields_on_a_line_follow_their_labels(tmp_path: Path) -> None:
    content = draw_line(72, 700, "First:") + draw_line(300, 700, "Last:")
    values = [field(340, 697, "/FT /Tx /T (b) /V (Okonkwo)"), field(110, 697, "/FT /Tx /T (a) /V (Ada)")]
    assert read(tmp_path, content, *values).split() == ["First:", "Ada", "Last:", "Okonkwo"]


def test_a_value_over_a_dotted_line_stands_before_the_dots(tmp_path: Path) -> None:
    content = draw_line(72, 700, "Signed at ........................................ on ....................")
    values = [field(122, 697, "/FT /Tx /T (a) /V (Tromso)", width=90)]
    assert read(tmp_path, content, *values).startswith("Signed at Tromso .....")


def test_a_value_below_its_label_follows_it(tmp_path: Path) -> None:
    content = draw_line(72, 700, "Family name") + draw_line(300, 700, "Harbour") + draw_line(72, 600, PROSE)
    values = [field(72, 682, "/FT /Tx /T (a) /V (Okonkwo)"), field(300, 682, "/FT /Tx /T (b) /V (Bergen)")]
    found = " ".join(read(tmp_path, content, *values).split())
    assert found == f"Family name Okonkwo Harbour Bergen {PROSE}"


def test_a_value_without_a_label_stands_under_the_name_of_its_field(tmp_path: Path) -> None:
    fields = [
        field(72, 400, "/FT /Tx /T (form1[0].page[0].berth[0]) /V (North quay)"),
        field(72, 300, "/FT /Tx /T (x7) /TU (Name of the ship) /V (Halcyon)"),
    ]
    text = read(tmp_path, draw_line(72, 700, PROSE), *fields)
    assert text == f"{PROSE}\nberth: North quay\nName of the ship: Halcyon"


def test_a_form_without_other_content_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "", field(72, 400, "/FT /Tx /T (berth) /V (9)")) == "berth: 9"


def test_a_value_is_inherited_from_the_parent_field(tmp_path: Path) -> None:
    catalog = f"/AcroForm << /Fields [{FIRST_FREE} 0 R] >>"
    kid = FIRST_FREE + 1
    objects = {
        FIRST_FREE: f"<< /FT /Tx /T (ship) /V (Halcyon) /Kids [{kid} 0 R] >>",
        kid: f"<< /Type /Annot {field(120, 697, f'/Parent {FIRST_FREE} 0 R')} >>",
    }
    path = tmp_path / "kids.pdf"
    data = build_pdf(draw_line(72, 700, "Ship:"), annotations=["/Subtype /Text"], catalog=catalog, objects=objects)
    path.write_bytes(data.replace(b"/Annots [<< /Type /Annot /Subtype /Text >> ]", b"/Annots [%d 0 R]" % kid))
    assert parse(path, PDF, fallback=False).pages[0].text == "Ship: Halcyon"


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        ("/V (Rye bread) /Opt [(Rye bread) (Wheat)]", "Rye bread"),
        ("/V (2) /Opt [[(1) (Rye bread)] [(2) (Wheat bread)]]", "Wheat bread"),
        ("/V [(Rye) (Oat)] /Opt [(Rye) (Wheat) (Oat)] /Ff 2097152", "Rye, Oat"),
        ("/V (Barley) /Opt [(Rye) (Wheat)] /Ff 393216", "Barley"),
    ],
    ids=["a combo box", "with labels", "a list with several", "a value of one's own"],
)
def test_the_chosen_options_are_shown_by_their_labels(tmp_path: Path, entries: str, shown: str) -> None:
    entries = entries if "/Ff" in entries else f"{entries} /Ff 131072"
    content = draw_line(72, 700, "Bread:")
    assert read(tmp_path, content, field(150, 697, f"/FT /Ch /T (bread) {entries}")) == f"Bread: {shown}"


def test_tick_boxes_and_radio_buttons_show_their_state_before_their_words(tmp_path: Path) -> None:
    states = "/AP << /N << /On 20 0 R /Off 20 0 R >> >>"
    boxes = [
        field(72, 697, f"/FT /Btn /T (a) /V /On /AS /On {states}", width=10, height=10),
        field(172, 697, f"/FT /Btn /T (b) /V /Off /AS /Off {states}", width=10, height=10),
        field(72, 657, f"/FT /Btn /Ff 32768 /T (c) /V /On /AS /On {states}", width=10, height=10),
    ]
    content = draw_line(88, 700, "Diesel") + draw_line(188, 700, "Steam") + draw_line(88, 660, "Paid in full")
    objects = {FIRST_FREE: draw_stream("", "/Type /XObject /Subtype /Form /BBox [0 0 10 10]")}
    assert read(tmp_path, content, *boxes, objects=objects).split() == [
        "☒",
        "Diesel",
        "☐",
        "Steam",
        "☒",
        "Paid",
        "in",
        "full",
    ]


@pytest.mark.parametrize(
    "entries",
    [
        "/FT /Tx /T (a) /Ff 8192 /V (secret)",
        "/FT /Tx /T (a) /F 2 /V (secret)",
        "/FT /Btn /T (a) /Ff 65536 /MK << /CA (secret) >>",
        "/FT /Tx /T (secret)",
    ],
    ids=["a password", "hidden", "a button", "an empty field"],
)
def test_passwords_hidden_fields_buttons_and_empty_fields_have_no_text(tmp_path: Path, entries: str) -> None:
    widget = field(150, 697, entries).replace("/F 4 ", "" if "/F 2" in entries else "/F 4 ")
    assert read(tmp_path, draw_line(72, 700, PROSE), widget) == PROSE


def test_typed_text_completes_the_line_of_its_label(tmp_path: Path) -> None:
    content = draw_line(72, 700, "Name:") + draw_line(72, 660, "Date:")
    typed = ["/Subtype /FreeText /Rect [110 697 250 711] /Contents (Ada Okonkwo)"]
    assert read(tmp_path, content, *typed, catalog="") == "Name: Ada Okonkwo\nDate:"


def test_typed_text_on_a_free_part_of_the_page_stands_between_the_lines(tmp_path: Path) -> None:
    content = draw_line(72, 700, PROSE) + draw_line(72, 500, "Second paragraph.")
    typed = ["/Subtype /FreeText /Rect [72 600 250 620] /Contents (Approved by the harbour master)"]
    expected = f"{PROSE}\nApproved by the harbour master\nSecond paragraph."
    assert read(tmp_path, content, *typed, catalog="") == expected


def test_typed_text_beside_a_paragraph_does_not_interrupt_it(tmp_path: Path) -> None:
    lines = [f"Sentence {number} of a paragraph that runs over several lines" for number in range(4)]
    content = "".join(draw_line(72, 700 - 12 * row, line) for row, line in enumerate(lines))
    typed = ["/Subtype /FreeText /Rect [400 680 500 694] /Contents (see the annex)"]
    assert read(tmp_path, content, *typed, catalog="") == "\n".join([*lines, "see the annex"])


@pytest.mark.parametrize("kind", ["Text", "Caret", "Square", "Line", "Ink"])
def test_notes_follow_the_text_of_the_page_with_their_authors(tmp_path: Path, kind: str) -> None:
    note = f"/Subtype /{kind} /Rect [300 700 320 720] /T (Ada) /Contents (Check the tolls)"
    popup = "/Subtype /Popup /Rect [400 700 500 800] /Open false"
    assert (
        read(tmp_path, draw_line(72, 700, PROSE), note, popup, catalog="") == f"{PROSE}\nNote by Ada: Check the tolls"
    )


@pytest.mark.parametrize("kind", ["Highlight", "Underline", "StrikeOut", "Squiggly"])
def test_a_note_on_words_quotes_them(tmp_path: Path, kind: str) -> None:
    area = "/Rect [70 696 200 712] /QuadPoints [72 708 108 708 72 698 108 698]"
    found = read(tmp_path, draw_line(72, 700, PROSE), f"/Subtype /{kind} {area} /Contents (Which one?)", catalog="")
    assert found == f"{PROSE}\nNote on “The lock”: Which one?"


def test_marked_words_without_a_note_are_not_repeated(tmp_path: Path) -> None:
    area = "/Rect [70 696 200 712] /QuadPoints [72 708 108 708 72 698 108 698]"
    marks = [f"/Subtype /Highlight {area}", f"/Subtype /Highlight {area} /Contents (The lock)"]
    assert read(tmp_path, draw_line(72, 700, PROSE), *marks, catalog="") == PROSE


@pytest.mark.parametrize("kind", ["Stamp", "FreeText", "Widget /FT /Sig /T (s)"])
def test_words_that_only_an_appearance_shows_are_read(tmp_path: Path, kind: str) -> None:
    drawn = draw_stream(
        "BT /F1 12 Tf 4 6 Td (PAID IN FULL) Tj ET",
        "/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F1 4 0 R >> >>",
    )
    stamp = f"/Subtype /{kind} /F 4 /Rect [72 600 272 620] /AP << /N {FIRST_FREE} 0 R >>"
    note = "/Subtype /Text /Rect [300 700 320 720] /Contents (Check the tolls)"
    found = read(tmp_path, draw_line(72, 700, PROSE), note, stamp, objects={FIRST_FREE: drawn})
    assert found == f"{PROSE}\nNote: Check the tolls\nPAID IN FULL"


def link(left: float, right: float, action: str, *, bottom: float = 698) -> str:
    return f"/Subtype /Link /Rect [{left} {bottom} {right} {bottom + 11}] /A << {action} >>"


def test_an_address_follows_the_words_of_its_link(tmp_path: Path) -> None:
    shown = link(72, 107, "/S /URI /URI (https://example.org/locks)")
    assert read(tmp_path, draw_line(72, 700, PROSE), shown, catalog="") == PROSE.replace(
        "The lock", "The lock (https://example.org/locks)"
    )


def test_a_link_over_two_lines_shows_its_address_once(tmp_path: Path) -> None:
    content = draw_line(72, 700, "The tolls are in the table of the") + draw_line(72, 688, "harbour office and change.")
    parts = [
        link(143, 205, "/S /URI /URI (https://example.org/tolls)"),
        link(72, 128, "/S /URI /URI (https://example.org/tolls)", bottom=686),
    ]
    expected = "The tolls are in the table of the\nharbour office (https://example.org/tolls) and change."
    assert read(tmp_path, content, *parts, catalog="") == expected


@pytest.mark.parametrize(
    "action",
    ["/S /GoTo /D [3 0 R /Fit]", "/S /URI /URI (javascript:alert\\(1\\))", "/S /JavaScript /JS (app.alert\\(1\\))"],
)
def test_links_within_the_document_and_scripts_are_left_out(tmp_path: Path, action: str) -> None:
    assert read(tmp_path, draw_line(72, 700, PROSE), link(72, 107, action), catalog="") == PROSE


def test_an_address_that_the_words_state_is_not_repeated(tmp_path: Path) -> None:
    shown = link(94, 190, "/S /URI /URI (https://example.org/locks/)")
    assert (
        read(tmp_path, draw_line(72, 700, "See example.org/locks here"), shown, catalog="")
        == "See example.org/locks here"
    )


def test_the_address_of_a_picture_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    shown = link(72, 107, "/S /URI /URI (https://example.org/shop)", bottom=400)
    assert read(tmp_path, draw_line(72, 700, PROSE), shown, catalog="") == f"{PROSE}\nhttps://example.org/shop"


def test_pypdf_reads_values_and_notes_too(tmp_path: Path) -> None:
    path = tmp_path / "fallback.pdf"
    note = "/Subtype /Text /Rect [300 700 320 720] /Contents (Check the tolls)"
    secret = field(150, 657, "/FT /Tx /T (b) /Ff 8192 /V (secret)")
    data = build_pdf(
        draw_line(72, 700, PROSE), annotations=[field(150, 697, "/FT /Tx /T (a) /V (Okonkwo)"), note, secret]
    )
    path.write_bytes(data)
    assert parse(path, PDF, fallback=True).pages[0].text == f"{PROSE}\na: Okonkwo\nCheck the tolls"
