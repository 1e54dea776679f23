"""Tables, links, fields and notes of RTF files."""

from pathlib import Path

import pytest

from app.domain.documents import Page
from app.domain.media import RTF
from app.pipeline.parse import parse
from tests.pipeline.test_parse_cost import check_linear

LINKED = "the rates (https://tolls.example.org/a)"


def read_page(folder: Path, body: str) -> Page:
    path = folder / "a.rtf"
    path.write_bytes(b"{\\rtf1\\ansi\\ansicpg1252 " + body.encode("latin-1") + b"}")
    return parse(path, RTF).pages[0]


def read(folder: Path, body: str) -> str:
    return read_page(folder, body).text


def row(*cells: str, edges: str = "", more: str = "") -> str:
    """A row whose cells end at these edges, in inches; a letter before an edge merges its cell."""
    merges = {"h": r"\clmgf", "H": r"\clmrg", "v": r"\clvmgf", "V": r"\clvmrg"}
    defined = "".join(f"{merges.get(edge[0], '')}\\cellx{int(edge.lstrip('hHvV')) * 1440}" for edge in edges.split())
    return f"\\trowd{more}{defined}\\pard\\intbl " + "".join(f"{cell}\\cell " for cell in cells) + "\\row "


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (r'HYPERLINK "https://tolls.example.org/a"', LINKED),
        (r'HYPERLINK "https://tolls.example.org/a" \\o "tip"', LINKED),
        (r'HYPERLINK https://tolls.example.org/a \\l "top"', "the rates (https://tolls.example.org/a#top)"),
        (r'{\rtlch HYPER}{LINK "https://tolls.}{example.org/a"}', LINKED),
        (r'HYPERLINK "mailto:a@b.org"', "the rates (a@b.org)"),
        (r'HYPERLINK \\l "top"', "the rates"),
        (r"PAGE", "the rates"),
        (
            r'HYPERLINK {\field{\*\fldinst REF x}{\fldrslt "https://tolls.example.org/a"}}',
            LINKED,
        ),
    ],
)
def test_a_link_keeps_its_address(tmp_path: Path, code: str, text: str) -> None:
    field = rf"{{\field{{\*\fldinst{{{code}}}}}{{\fldrslt{{\ul the }}rates}}}}"
    assert read(tmp_path, rf"See {field}.\par End") == f"See {text}.\n\nEnd"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (r"{FORMCHECKBOX}{\*\formfield{\fftype1\ffres1\ffdefres0{\*\ffname Box}}}", "☒"),
        (r"{FORMCHECKBOX}{\*\formfield{\fftype1\ffres25\ffdefres1}}", "☒"),
        (r"{FORMCHECKBOX}{\*\formfield{\fftype1\ffres0\ffdefres1}}", "☐"),
        (r"{FORMDROPDOWN}{\*\formfield{\fftype2\ffres1{\*\ffl oak}{\*\ffl elm}}}", "elm"),
        (r"{FORMDROPDOWN}{\*\formfield{\fftype2\ffres7{\*\ffl oak}}}", ""),
        (r'SYMBOL 254 \\f "Wingdings" \\s 10', "☑"),
    ],
)
def test_fields_without_a_result_show_their_state(tmp_path: Path, form: str, shown: str) -> None:
    assert read(tmp_path, rf"State:{{\field{{\*\fldinst {form}}}{{\fldrslt}}}};") == f"State:{shown};"


def test_a_wide_cell_leaves_the_values_after_it_below_their_names(tmp_path: Path) -> None:
    body = (
        row("Port", "Berth", "Tons", edges="1 2 3")
        + row("Sum", "70", edges="2 3")
        + row("Total", "", "71", edges="h1 H2 3")
        + row("late", "72", edges="2 3", more=r"\trleft1440")
    )
    assert read(tmp_path, body).splitlines() == ["Port | Berth | Tons", "Sum |  | 70", "Total |  | 71", " | late | 72"]


def test_a_cell_across_rows_is_repeated_in_each_of_them(tmp_path: Path) -> None:
    body = (
        row("Port", "Berth", edges="1 2", more=r"\trhdr")
        + row("Hull", "1", edges="v1 2")
        + row("", "2", edges="V1 2")
        + row("", "3", edges="V1 2")
        + row("Goole", "4", edges="1 2")
    )
    page = read_page(tmp_path, body + r"\pard After")
    assert page.text == "Port | Berth\nHull | 1\nHull | 2\nHull | 3\nGoole | 4\n\nAfter"
    assert [page.text[mark.start :].split("\n")[0] for mark in page.marks] == ["Hull | 1"]


def test_rows_without_widths_have_their_cells_in_order(tmp_path: Path) -> None:
    assert read(tmp_path, row("a", "b", edges="1") + row("c", "d", "e")) == "a | b\nc | d | e"


def test_a_table_in_a_cell_stays_within_its_row(tmp_path: Path) -> None:
    end = r"{\*\nesttableprops\trowd\cellx720\cellx1440\nestrow}{\nonesttables\par}"
    inner = "".join(
        rf"\pard\intbl\itap2 {name}\nestcell {count}\nestcell{end}" for name, count in (("bow", 2), ("stern", 3))
    )
    outer = rf"\pard\intbl Ouse\cell Lines:\par {inner}\pard\intbl\cell{{\trowd\cellx1440\cellx2880\row}}"
    body = row("Ship", "Crew", edges="1 2") + outer + row("Trent", "none", edges="1 2")
    assert read(tmp_path, body).splitlines() == ["Ship | Crew", "Ouse | Lines: bow, 2; stern, 3", "Trent | none"]


def test_tables_in_a_cell_keep_their_place_in_it(tmp_path: Path) -> None:
    end = r"{\*\nesttableprops\trowd\cellx720\nestrow}{\nonesttables\par}"
    inner = rf"\pard\intbl\itap3 deep\nestcell{end}\pard\intbl\itap2 low\nestcell{end}"
    assert read(tmp_path, rf"\pard\intbl a\cell\pard\intbl before\par {inner}\pard\intbl after\cell\row") == (
        "a | before deep low after"
    )
    assert read(tmp_path, rf"{row('a', 'b')}\pard\intbl\itap2 left\nestcell{end}\pard open") == "a | b\n\nleft\n\nopen"


def test_scripts_that_change_a_value_are_marked(tmp_path: Path) -> None:
    assert read(tmp_path, r"10{\super 6} m\super 2\nosupersub  H{\sub 2}O\super\super0 x") == "10^6 m^2 H2Ox"


def test_notes_are_numbered_and_follow_their_paragraph_or_table(tmp_path: Path) -> None:
    def note(text: str) -> str:
        return rf"{{\super\chftn}}{{\footnote\pard\plain{{\super\chftn}} {text}}}"

    paragraph = rf"Locks{note('First.')} and weirs{note('Second.')}\par "
    table = row(f"a{note('Third.')}", "b", edges="1 2") + r"\pard "
    assert read(tmp_path, f"{paragraph}{table}End") == (
        "Locks[1] and weirs[2]\n\n[1] First.\n\n[2] Second.\n\na[3] | b\n\n[3] Third.\n\nEnd"
    )


def test_comments_text_boxes_and_alternative_texts_follow_their_paragraph(tmp_path: Path) -> None:
    comment = r"{\*\atnid A}{\*\atnauthor Ada}\chatn{\*\annotation{\*\atnref 1}\pard\plain Check this.}"
    named = r"{\sp{\sn shapeType}{\sv 1}}{\sp{\sn wzDescription}{\sv A lock}}"
    box = rf"{{\shp{{\*\shpinst{named}{{\shptxt\pard Boxed\par}}}}{{\shprslt Boxed}}}}"
    picture = r"{\*\shppict{\pict{\*\picprop{\sp{\sn wzDescription}{\sv A weir}}}\pngblip 8950}}"
    assert read(tmp_path, rf"Text{comment}{box}{picture} here.\par End") == (
        "Text here.\n\nComment by Ada: Check this.\n\nA lock\n\nBoxed\n\nA weir\n\nEnd"
    )


def test_headers_come_first_and_footers_last_each_once(tmp_path: Path) -> None:
    margins = r"{\header Head\par}{\headerf Head\par}{\footer Foot\par}"
    assert read(tmp_path, rf"{margins}One\par\sect{margins}Two\par") == "Head\n\nOne\n\nTwo\n\nFoot"


def test_fonts_of_signs_show_their_signs(tmp_path: Path) -> None:
    fonts = r"{\fonttbl{\f0 Arial;}{\f1\fcharset2 Wingdings;}{\f2\fcharset2 Symbol{\*\falt x};}}"
    assert read(tmp_path, rf"{fonts}a{{\f1 \'fe\u-3842 ?}}{{\f2 b\'b3}}\f0 b") == "a☑☑β≥b"


def test_text_before_hidden_text_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, r"{shown\v hidden}{\v\*\bkmkstart x}{\deleted gone} too") == "shown too"


def test_paragraphs_of_outline_levels_are_headings(tmp_path: Path) -> None:
    page = read_page(tmp_path, r"\pard\outlinelevel0 Part\par\pard\outlinelevel9 Text\par\pard\outlinelevel1 Chapter")
    assert [(mark.level, page.text[mark.start :].split("\n")[0]) for mark in page.marks] == [
        (1, "Part"),
        (2, "Chapter"),
    ]


def test_an_equation_beside_a_number_is_not_read_as_one(tmp_path: Path) -> None:
    assert read(tmp_path, r"Take 2{\field{\*\fldinst EQ \\f(1,2)}{\fldrslt}} cups") == "Take 2 1/2 cups"


def test_an_entry_of_a_list_outside_a_form_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, r"a{\*\ffl x{\field{\*\ffl y}z}}b") == "ab"


@pytest.mark.parametrize(
    "body",
    [
        row("a", "b", edges="1 2"),
        r"\trowd\cellx{n}\cellx9999999\pard\intbl a\cell b\cell\row",
        r"{\field{\*\fldinst HYPERLINK x}{\fldrslt y}}",
        r"{\footnote x}",
        r"\pard\intbl\itap9 x\nestcell\nestrow",
        r"\cell",
    ],
)
def test_a_file_of_any_form_is_read_in_linear_time(tmp_path: Path, body: str) -> None:
    def write(number: int) -> Path:
        path = tmp_path / "a.rtf"
        text = "".join(body.replace("{n}", str(at)) for at in range(number))
        path.write_text("{\\rtf1 x" + text + "}" * (2 + text.count("{") - text.count("}")))
        return path

    check_linear(write, RTF, 2_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "group", [r"{\info{\title %s}}", r"{\field{\*\ffl %s}}", r"{\shp{\sp{\sn wzDescription}{\sv %s}}}"]
)
def test_a_text_of_any_length_outside_the_body_is_read_in_linear_time(tmp_path: Path, group: str) -> None:
    def write(number: int) -> Path:
        path = tmp_path / "a.rtf"
        path.write_text("{\\rtf1 x" + group.replace("%s", r"\u65 ?" * number) + "}")
        return path

    check_linear(write, RTF, 20_000)
