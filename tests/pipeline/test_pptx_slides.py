"""Slides are read in the order in which people read them, with all that they show."""

from pathlib import Path

import pytest

from app.domain.media import PPTX
from app.pipeline.parse import parse
from tests.pipeline.packages import A, P, R, chart, diagram, make_pptx, relate, slide

EMU = 914_400
CXN = '<p:cxnSp><p:nvCxnSpPr><p:cNvPr id="9" name="line"/></p:nvCxnSpPr></p:cxnSp>'


def place(left: float, top: float, width: float = 3, height: float = 1, prefix: str = "a") -> str:
    offset = f'<a:off x="{int(left * EMU)}" y="{int(top * EMU)}"/>'
    return f'<{prefix}:xfrm>{offset}<a:ext cx="{int(width * EMU)}" cy="{int(height * EMU)}"/></{prefix}:xfrm>'


def text_body(*paragraphs: str) -> str:
    return f"<p:txBody>{''.join(f'<a:p>{content}</a:p>' for content in paragraphs)}</p:txBody>"


def run(text: str, properties: str = "") -> str:
    return f"<a:r><a:rPr>{properties}</a:rPr><a:t>{text}</a:t></a:r>"


def box(text: str, at: str = "", *, ph: str = "", named: str = "", link: str = "") -> str:
    names = f'<p:nvSpPr><p:cNvPr id="1" name="n" {named}>{link}</p:cNvPr><p:nvPr>{ph}</p:nvPr></p:nvSpPr>'
    return f"<p:sp>{names}<p:spPr>{at}</p:spPr>{text_body(run(text))}</p:sp>"


def frame(content: str, at: str = "") -> str:
    return f"<p:graphicFrame>{at}<a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>"


def read(folder: Path, *shapes: str, relations: str = "", parts: dict[str, str] | None = None) -> str:
    related = {"ppt/slides/_rels/slide1.xml.rels": relations} if relations else {}
    path = make_pptx(folder / "a.pptx", [slide(*shapes)], {**related, **(parts or {})})
    return parse(path, PPTX).pages[0].text


def test_shapes_are_read_from_top_to_bottom_whatever_was_drawn_first(tmp_path: Path) -> None:
    shapes = [box("last", place(1, 5)), box("first", place(1, 1)), CXN, box("middle", place(1, 3))]
    assert read(tmp_path, *shapes) == "first\n\nmiddle\n\nlast"


def test_shapes_beside_each_other_are_read_from_left_to_right(tmp_path: Path) -> None:
    shapes = [box("right", place(5, 1.05)), box("left", place(1, 1)), box("below", place(1, 4, 8))]
    assert read(tmp_path, *shapes) == "left\n\nright\n\nbelow"


def test_a_heading_stays_with_its_column_and_a_grid_is_read_by_rows(tmp_path: Path) -> None:
    columns = [
        *(box("Against", place(5, 1, 3, 0.5)), box("For", place(1, 1, 3, 0.5))),
        *(box("cost", place(5, 1.5, 3, 3)), box("speed", place(1, 1.5, 3, 3))),
    ]
    assert read(tmp_path, *columns) == "For\n\nspeed\n\nAgainst\n\ncost"
    grid = [box(f"{row}{column}", place(column * 3, row * 2, 2, 1)) for column in (1, 2) for row in (1, 2)]
    assert read(tmp_path, *grid) == "11\n\n12\n\n21\n\n22"


def test_a_wide_shape_stands_above_the_columns_below_it(tmp_path: Path) -> None:
    columns = [
        *(box("R1", place(5, 1.2, 4, 0.7)), box("R2", place(5, 2.2, 4, 0.7)), box("R3", place(5, 3.2, 4, 0.7))),
        *(box("L1", place(0.5, 1, 4, 0.7)), box("L2", place(0.5, 3, 4, 0.7)), box("Head", place(0.5, 0.1, 8.5, 0.7))),
        box("Foot", place(0.5, 5, 8.5, 0.7)),
    ]
    assert read(tmp_path, *columns).split("\n\n") == ["Head", "L1", "L2", "R1", "R2", "R3", "Foot"]


def test_the_title_comes_first_and_is_a_heading(tmp_path: Path) -> None:
    path = make_pptx(
        tmp_path / "a", [slide(box("body", place(1, 0)), box("Title", place(1, 3), ph='<p:ph type="title"/>'))]
    )
    page = parse(path, PPTX).pages[0]
    assert (page.text, [tuple(mark) for mark in page.marks]) == ("Title\n\nbody", [(0, 1)])


def test_a_placeholder_without_a_position_has_that_of_its_layout_or_master(tmp_path: Path) -> None:
    layout = slide(box("prompt", place(1, 4), ph='<p:ph idx="7"/>'), root="sldLayout")
    master = slide(box("prompt", place(1, 2), ph='<p:ph type="body"/>'), root="sldMaster")
    parts = {
        "ppt/slideLayouts/l.xml": layout,
        "ppt/slideLayouts/_rels/l.xml.rels": relate(("m", "slideMaster", "../slideMasters/m.xml")),
        "ppt/slideMasters/m.xml": master,
    }
    shapes = [
        *(box("by layout", ph='<p:ph idx="7"/>'), box("above", place(1, 1)), box("between", place(1, 3))),
        box("by master", ph='<p:ph type="body" idx="9"/>'),
    ]
    relations = relate(("l", "slideLayout", "../slideLayouts/l.xml"))
    assert read(tmp_path, *shapes, relations=relations, parts=parts) == "above\n\nby master\n\nbetween\n\nby layout"


def test_the_shapes_of_a_group_stay_together_in_their_own_order(tmp_path: Path) -> None:
    group = f"<p:grpSp><p:grpSpPr>{place(1, 2)}</p:grpSpPr>{box('b', place(0, 900))}{box('a', place(0, 0))}</p:grpSp>"
    assert read(tmp_path, box("last", place(1, 4)), group, box("first", place(1, 1))) == "first\n\na\n\nb\n\nlast"


def test_charts_tables_and_diagrams_stand_where_the_slide_shows_them(tmp_path: Path) -> None:
    relations = relate(("c", "chart", "../charts/c.xml"), ("d", "diagramData", "../diagrams/d.xml"))
    parts = {"ppt/charts/c.xml": chart("Tolls", ["Hull"], {"2025": [3]}), "ppt/diagrams/d.xml": diagram("Dig", "Fill")}
    shapes = [
        box("last", place(1, 6)),
        frame('<d:relIds xmlns:d="d" r:dm="d"/>', place(1, 4, prefix="p")),
        frame('<c:chart xmlns:c="c" r:id="c"/>', place(1, 2, prefix="p")),
        box("first", place(1, 1)),
    ]
    text = read(tmp_path, *shapes, relations=relations, parts=parts)
    assert text == "first\n\nTolls\n\n | 2025\nHull | 3\n\nDig\nFill\n\nlast"


def cell(text: str, attributes: str = "") -> str:
    return f"<a:tc {attributes}><a:txBody><a:p>{run(text)}</a:p></a:txBody></a:tc>"


def test_merged_cells_of_a_table_keep_the_columns(tmp_path: Path) -> None:
    rows = (
        (cell("Port", 'rowSpan="2"'), cell("2025", 'gridSpan="2"'), cell("", 'hMerge="1"')),
        (cell("", 'vMerge="1"'), cell("in"), cell("out")),
        (cell("Hull"), cell("1"), cell("2")),
        (cell("Sum", 'gridSpan="2"'), cell("", 'hMerge="true"'), cell("3")),
    )
    written = "".join("<a:tr>" + "".join(row) + "</a:tr>" for row in rows)
    lines = read(tmp_path, frame(f"<a:tbl>{written}</a:tbl>")).splitlines()
    assert lines == ["Port | 2025 | 2025", "Port | in | out", "Hull | 1 | 2", "Sum |  | 3"]


def test_links_of_words_and_of_shapes_keep_their_addresses(tmp_path: Path) -> None:
    address = "https://tolls.example.org"
    relations = (
        f'<Relationships xmlns="r"><Relationship Id="k" Type="{R}/hyperlink" Target="{address}" TargetMode="External"/>'
        "</Relationships>"
    )
    linked = run("the ", '<a:hlinkClick r:id="k"/>') + run("rates", '<a:hlinkClick r:id="k"/>') + run(" today")
    words = f"<p:sp>{text_body(run('See ') + linked)}</p:sp>"
    shape = box("Click here", link='<a:hlinkClick r:id="k"/>')
    assert read(tmp_path, words, shape, relations=relations) == (
        f"See the rates ({address}) today\n\nClick here ({address})"
    )


def test_pictures_have_their_alternative_texts_and_hidden_shapes_are_left_out(tmp_path: Path) -> None:
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="2" name="Picture 2" descr="{}"/></p:nvPicPr></p:pic>'.format
    shapes = (picture("A lock"), picture("lock.png"), box("unseen", named='hidden="1"'), box("seen"))
    assert read(tmp_path, *shapes) == "A lock\n\nseen"


def test_numbered_lists_have_their_numbers(tmp_path: Path) -> None:
    def line(text: str, form: str = "arabicPeriod", more: str = "", depth: int = 0) -> str:
        bullet = f'<a:buAutoNum type="{form}" {more}/>' if form else ""
        return f'<a:pPr lvl="{depth}">{bullet}</a:pPr>{run(text)}'

    lines = (
        *(line("a"), line("b"), line("c", "alphaLcParenR", depth=1), line("d", "alphaLcParenR", depth=1), line("e")),
        *(line("plain", ""), line("f", "romanUcPeriod", 'startAt="4"'), line("g", "romanUcPeriod", 'startAt="4"')),
    )
    assert read(tmp_path, f"<p:sp>{text_body(*lines)}</p:sp>").splitlines() == [
        *("1. a", "2. b", "a) c", "b) d", "3. e", "plain", "IV. f", "V. g")
    ]


def test_signs_equations_and_numbers_of_slides_are_as_shown(tmp_path: Path) -> None:
    half = "<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>"
    math = f'<e:m xmlns:e="e" xmlns:m="m"><m:oMathPara><m:oMath>{half}</m:oMath></m:oMathPara></e:m>'
    choice = f"<p:sp>{text_body(math)}</p:sp>"
    forms = f"<mc:Choice>{choice}</mc:Choice><mc:Fallback>{box('?')}</mc:Fallback>"
    both = f'<mc:AlternateContent xmlns:mc="mc">{forms}</mc:AlternateContent>'
    symbol = '<a:sym typeface="Wingdings"/>'
    words = (
        run("up ", symbol) + run("\xe0", symbol) + run(" d\xe9j\xe0", symbol) + run("b", '<a:latin typeface="Symbol"/>')
    )
    counted = '<a:fld type="slidenum"><a:t>7</a:t></a:fld>'
    power = run("10") + '<a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r>'
    text = read(tmp_path, both, f"<p:sp>{text_body(words, counted, power)}</p:sp>")
    assert text == "1/2\n\nup → déjàβ\n10^6"


def test_a_fixed_date_is_read_and_one_that_powerpoint_fills_in_is_not(tmp_path: Path) -> None:
    date = box("3 May", ph='<p:ph type="dt"/>')
    filled = date.replace(run("3 May"), '<a:fld type="datetime1"><a:t>4 May</a:t></a:fld>')
    assert read(tmp_path, date, filled, box("Text")) == "3 May\n\nText"


@pytest.mark.parametrize("form", ["2007", "2021"])
def test_comments_have_their_authors_and_hidden_slides_are_listed(tmp_path: Path, form: str) -> None:
    old = f'<p:cmLst xmlns:p="{P}"><p:cm authorId="0"><p:text>Too long.</p:text></p:cm></p:cmLst>'
    reply = f'<n:replyLst><n:reply authorId="1"><n:txBody><a:p>{run("Yes.")}</a:p></n:txBody></n:reply></n:replyLst>'
    body = f"<n:txBody><a:p>{run('Too long.')}</a:p></n:txBody>"
    new = f'<n:cmLst xmlns:n="n" xmlns:a="{A}"><n:cm authorId="0">{reply}{body}</n:cm></n:cmLst>'
    authors = '<n:authorLst xmlns:n="n"><n:author id="0" name="Ada"/><n:author id="1" name="Bob"/></n:authorLst>'
    main = relate(
        ("r0", "slide", "slides/slide1.xml"), ("a", "commentAuthors" if form == "2007" else "authors", "a.xml")
    )
    parts = {
        "ppt/_rels/presentation.xml.rels": main,
        "ppt/a.xml": authors,
        "ppt/slides/_rels/slide1.xml.rels": relate(("c", "comments", "../comments/c.xml")),
        "ppt/comments/c.xml": old if form == "2007" else new,
    }
    hidden = slide(box("Text")).replace("<p:sld ", '<p:sld show="0" ')
    parsed = parse(make_pptx(tmp_path / "a", [hidden], parts), PPTX)
    replied = "" if form == "2007" else "\nComment by Bob: Yes."
    assert parsed.pages[0].text == f"Text\n\nComment by Ada: Too long.{replied}"
    assert parsed.metadata["hidden_slides"] == [1]
