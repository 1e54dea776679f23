"""Links, fields, signs and revisions within the paragraphs of a Word document."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.media import DOCX
from app.pipeline.parse import parse
from tests.pipeline.documents import W_STRICT, W, make_docx, paragraph

ADDRESS = "https://tolls.example.org/rates"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def mark(kind: str, content: str = "") -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}">{content}</w:fldChar></w:r>'


def code(*pieces: str) -> str:
    return "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in pieces)


def complex_field(instruction: str, result: str = "", form: str = "") -> str:
    return mark("begin", form) + code(instruction) + (mark("separate") + result if result else "") + mark("end")


def read(folder: Path, *content: str, namespace: str = W, **parts: str) -> str:
    body = "".join(f"<w:p>{item}</w:p>" for item in content)
    path = make_docx(folder / "a.docx", body, parts, namespace=namespace, links={"k1": ADDRESS, "k2": "mailto:a@b.org"})
    return parse(path, DOCX).pages[0].text


@pytest.mark.parametrize("namespace", [W, W_STRICT])
@pytest.mark.parametrize(
    ("link", "text"),
    [
        (f'<w:hyperlink r:id="k1">{run("the ")}{run("rates")}</w:hyperlink>', f"the rates ({ADDRESS})"),
        (f'<w:hyperlink r:id="k1" w:anchor="top">{run("rates")}</w:hyperlink>', f"rates ({ADDRESS}#top)"),
        (f'<w:hyperlink w:anchor="top">{run("above")}</w:hyperlink>', "above"),
        (f'<w:hyperlink r:id="k1">{run(ADDRESS)}</w:hyperlink>', ADDRESS),
        (f'<w:hyperlink r:id="k2">{run("Ada")}</w:hyperlink>', "Ada (a@b.org)"),
        (f'<w:hyperlink r:id="missing">{run("lost")}</w:hyperlink>', "lost"),
        (complex_field(f'HYPERLINK "{ADDRESS}" \\o "tip"', run("rates")), f"rates ({ADDRESS})"),
        (complex_field(f'HYPERLINK {ADDRESS} \\l "top"', run("rates")), f"rates ({ADDRESS}#top)"),
        (complex_field('HYPERLINK \\l "top"', run("above")), "above"),
        (f'<w:fldSimple w:instr="HYPERLINK &quot;{ADDRESS}&quot;">{run("rates")}</w:fldSimple>', f"rates ({ADDRESS})"),
    ],
)
def test_a_link_keeps_its_address(tmp_path: Path, namespace: str, link: str, text: str) -> None:
    assert read(tmp_path, run("See ") + link + run("."), namespace=namespace) == f"See {text}."


def test_the_code_of_a_link_may_be_split_over_runs_and_fields(tmp_path: Path) -> None:
    inner = complex_field("REF address", run(ADDRESS))
    split = (
        mark("begin") + code("HYPER", 'LINK "https://tolls.', 'example.org/rates"') + mark("separate") + run("rates")
    )
    nested = mark("begin") + code('HYPERLINK "') + inner + code('"') + mark("separate") + run("again") + mark("end")
    assert read(tmp_path, split + mark("end"), nested) == f"rates ({ADDRESS})\n\nagain ({ADDRESS})"


def test_fields_show_their_results_and_never_their_codes(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        run("Page ") + complex_field(" PAGE ", run("3")) + run(" of ") + complex_field("NUMPAGES", run("9")),
        mark("begin") + code("IF ") + complex_field("MERGEFIELD n", run("7")) + code(' = 7 "yes"') + mark("separate"),
        run("yes") + mark("end") + run(" indeed") + complex_field('XE "index entry"'),
        complex_field("MACROBUTTON Print Click to print"),
    )
    assert text == "Page 3 of 9\n\nyes indeed\n\nClick to print"


def test_a_field_may_end_in_a_later_paragraph(tmp_path: Path) -> None:
    first = mark("begin") + code('TOC \\o "1-3"') + mark("separate") + run("Locks\t1")
    assert read(tmp_path, first, run("Weirs\t2") + mark("end"), run("Body")) == "Locks\t1\n\nWeirs\t2\n\nBody"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ('<w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>', "☒"),
        ('<w:checkBox><w:default w:val="1"/></w:checkBox>', "☒"),
        ('<w:checkBox><w:default w:val="1"/><w:checked w:val="0"/></w:checkBox>', "☐"),
        ("<w:checkBox/>", "☐"),
        ('<w:ddList><w:result w:val="1"/><w:listEntry w:val="oak"/><w:listEntry w:val="elm"/></w:ddList>', "elm"),
        ('<w:ddList><w:default w:val="1"/><w:listEntry w:val="oak"/><w:listEntry w:val="elm"/></w:ddList>', "elm"),
        ('<w:ddList><w:listEntry w:val="oak"/><w:listEntry w:val="elm"/></w:ddList>', "oak"),
        ('<w:ddList><w:result w:val="9"/><w:listEntry w:val="oak"/></w:ddList>', ""),
    ],
)
def test_form_fields_show_what_is_ticked_and_chosen(tmp_path: Path, form: str, shown: str) -> None:
    field = complex_field("FORM", form=f"<w:ffData>{form}</w:ffData>")
    assert read(tmp_path, run("State:") + field + run(";")) == f"State:{shown};"


def test_a_text_field_shows_what_was_typed(tmp_path: Path) -> None:
    form = '<w:ffData><w:textInput><w:default w:val="unused"/></w:textInput></w:ffData>'
    assert read(tmp_path, complex_field("FORMTEXT", run("typed"), form)) == "typed"


def test_content_controls_show_their_content_once(tmp_path: Path) -> None:
    box = (
        '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="1"/></w14:checkbox></w:sdtPr>'
        f"<w:sdtContent>{run('☒')}</w:sdtContent></w:sdt>"
    )
    entries = '<w:listItem w:displayText="unchosen" w:value="1"/><w:listItem w:displayText="chosen" w:value="2"/>'
    choice = (
        f"<w:sdt><w:sdtPr><w:dropDownList>{entries}</w:dropDownList></w:sdtPr>"
        f"<w:sdtContent>{run('chosen')}</w:sdtContent></w:sdt>"
    )
    assert read(tmp_path, box + run(" paid, ") + choice) == "☒ paid, chosen"


@pytest.mark.parametrize(
    ("font", "sign", "shown"),
    [
        ("Symbol", "F0B3", "≥"),
        ("Symbol", "F062", "β"),
        ("symbol", "B1", "±"),
        ("Wingdings", "F0FE", "☑"),
        ("Wingdings", "F0FD", "☒"),
        ("Wingdings", "F0A8", "☐"),
        ("Wingdings", "F0E0", "→"),
        ("Wingdings 2", "F052", "☑"),
        ("Wingdings 2", "F0A3", "☐"),
        ("Webdings", "F061", "✔"),
        ("Arial", "2192", "→"),
        ("Arial", "none", ""),
    ],
)
def test_symbols_are_the_signs_that_their_font_shows(tmp_path: Path, font: str, sign: str, shown: str) -> None:
    assert read(tmp_path, run("a") + f'<w:r><w:sym w:font="{font}" w:char="{sign}"/></w:r>' + run("b")) == f"a{shown}b"


def test_text_in_a_symbol_font_is_what_the_font_shows(tmp_path: Path) -> None:
    fonts = '<w:rFonts w:ascii="{0}" w:hAnsi="{0}"/>'.format
    greek = run("ab", fonts("Symbol")) + run(" \uf0fe", fonts("Wingdings")) + run(" ab", fonts("Arial"))
    assert read(tmp_path, greek, complex_field("SYMBOL 254 \\f &quot;Wingdings&quot; \\s 10")) == "αβ ☑ ab\n\n☑"


def test_inserted_and_moved_text_is_kept_and_deleted_text_left_out(tmp_path: Path) -> None:
    deleted = "<w:r><w:delText>gone</w:delText></w:r>"
    tracked = (
        f"<w:ins>{run('new ')}</w:ins><w:del>{deleted}</w:del><w:moveFrom>{run('from')}</w:moveFrom>"
        f"<w:moveTo>{run('to')}</w:moveTo>"
    )
    joined = "<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>" + run("one ")
    assert read(tmp_path, tracked, joined, run("paragraph")) == "new to\n\none paragraph"


def test_hidden_text_is_left_out(tmp_path: Path) -> None:
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:styleId="Unseen"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Below"><w:basedOn w:val="Unseen"/></w:style></w:styles>'
    )
    hidden = run("1", "<w:vanish/>") + run("2", '<w:rStyle w:val="Below"/>')
    shown = run("3", '<w:vanish w:val="0"/>') + run("4", '<w:rStyle w:val="Below"/><w:vanish w:val="false"/>')
    assert read(tmp_path, hidden + shown, styles=styles) == "34"


def test_signs_between_runs_are_kept_and_readings_of_characters_left_out(tmp_path: Path) -> None:
    signs = "<w:r><w:t>e</w:t><w:noBreakHyphen/><w:t>mail so</w:t><w:softHyphen/><w:t>ft</w:t><w:tab/><w:br/></w:r>"
    ruby = f"<w:r><w:ruby><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby></w:r>"
    assert read(tmp_path, signs + ruby + run("Caps", "<w:caps/>")) == "e-mail soft\n東Caps"


def test_an_equation_beside_a_number_is_not_read_as_one(tmp_path: Path) -> None:
    half = "<m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>"
    field = complex_field("EQ \\f(1,2)")
    assert read(tmp_path, run("Take 2") + half + run(" cups"), run("or 2") + field) == "Take 2 1/2 cups\n\nor 2 1/2"


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ((("10", ""), ("6", "superscript"), (" m", "")), "10^6 m"),
        ((("10", ""), ("-", "superscript"), ("1", "superscript"), ("2", "superscript")), "10^-12"),
        ((("CO", ""), ("2", "subscript"), (" x", ""), ("i+1", "subscript")), "CO2 x_(i+1)"),
        ((("the 1", ""), ("st", "superscript"), (" lock", "")), "the 1st lock"),
        ((("2", ""), ("1", "superscript"), ("/", ""), ("4", "subscript"), (" cups", "")), "2 1/4 cups"),
        ((("Freeman", ""), ("3", "superscript")), "Freeman[3]"),
    ],
)
def test_scripts_that_change_a_value_are_marked(tmp_path: Path, runs: Sequence[tuple[str, str]], text: str) -> None:
    content = "".join(run(piece, f'<w:vertAlign w:val="{kind}"/>' if kind else "") for piece, kind in runs)
    assert read(tmp_path, content) == text


def test_paragraphs_of_heading_styles_are_headings_in_any_language(tmp_path: Path) -> None:
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Kapitel"><w:basedOn w:val="berschrift2"/></w:style>'
        '<w:style w:styleId="Teil"><w:name w:val="Teil"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>'
    )
    body = "".join(
        paragraph(text, properties)
        for text, properties in (
            ("Part", '<w:pStyle w:val="Teil"/>'),
            ("Chapter", '<w:pStyle w:val="Kapitel"/>'),
            ("Text", ""),
            ("Own", '<w:outlineLvl w:val="3"/>'),
            ("No heading", '<w:pStyle w:val="Teil"/><w:outlineLvl w:val="9"/>'),
        )
    )
    page = parse(make_docx(tmp_path / "a.docx", body, {"styles": styles}), DOCX).pages[0]
    found = [(mark.level, page.text[mark.start :].split("\n")[0]) for mark in page.marks]
    assert found == [(1, "Part"), (2, "Chapter"), (4, "Own")]
