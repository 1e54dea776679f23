"""List markers of Word documents are those that Word shows."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.media import DOCX
from app.pipeline.parse import parse
from tests.pipeline.documents import W, make_docx, paragraph


def level(depth: int, form: str = "decimal", text: str = "", start: int = 1, more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text or f"%{depth + 1}."}"/></w:lvl>'
    )


def abstract(*levels: str, key: int = 7) -> str:
    return f'<w:abstractNum w:abstractNumId="{key}">{"".join(levels)}</w:abstractNum>'


def number(key: int, more: str = "", of: int = 7) -> str:
    return f'<w:num w:numId="{key}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'


def override(depth: int, content: str) -> str:
    return f'<w:lvlOverride w:ilvl="{depth}">{content}</w:lvlOverride>'


def start_at(value: int) -> str:
    return f'<w:startOverride w:val="{value}"/>'


def item(text: str, key: int = 1, depth: int = 0) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{key}"/></w:numPr>')


def read(folder: Path, body: Sequence[str], *definitions: str, styles: str = "") -> list[str]:
    parts = {"numbering": f'<w:numbering xmlns:w="{W}">{"".join(definitions)}</w:numbering>'}
    parts |= {"styles": f'<w:styles xmlns:w="{W}">{styles}</w:styles>'} if styles else {}
    return parse(make_docx(folder / "a.docx", "".join(body), parts), DOCX).pages[0].text.splitlines()


def test_a_list_that_starts_again_begins_with_its_own_number(tmp_path: Path) -> None:
    lists = (number(1), number(2, override(0, start_at(1))), number(3, override(0, start_at(5))))
    body = [item("a"), item("b"), item("c", 2), item("d", 2), item("e", 3), item("f", 3)]
    assert read(tmp_path, body, abstract(level(0)), *lists) == ["1. a", "2. b", "1. c", "2. d", "5. e", "6. f"]


def test_lists_of_one_definition_continue_each_other(tmp_path: Path) -> None:
    body = [item("a"), paragraph("between"), item("b", 2)]
    assert read(tmp_path, body, abstract(level(0)), number(1), number(2)) == ["1. a", "", "between", "", "2. b"]


def test_a_list_may_change_the_form_of_a_level(tmp_path: Path) -> None:
    changed = number(2, override(0, level(0, "upperLetter", "(%1)")))
    assert read(tmp_path, [item("a"), item("b", 2)], abstract(level(0)), number(1), changed) == ["1. a", "(B) b"]


def test_levels_start_again_as_their_definition_says(tmp_path: Path) -> None:
    levels = (level(0), level(1, text="%2)", more='<w:lvlRestart w:val="0"/>'), level(2, text="%3-"))
    body = [item("a"), item("b", depth=1), item("c", depth=2), item("d"), item("e", depth=1), item("f", depth=2)]
    assert read(tmp_path, body, abstract(*levels), number(1)) == ["1. a", "1) b", "1- c", "2. d", "2) e", "1- f"]


def test_legal_levels_have_digits_only_and_a_marker_may_have_no_space(tmp_path: Path) -> None:
    levels = (
        level(0, "upperRoman", "Article %1.", more='<w:suff w:val="space"/>'),
        level(1, text="§ %1.%2", more="<w:isLgl/>"),
        level(2, "lowerLetter", "%3)", more='<w:suff w:val="nothing"/>'),
    )
    body = [item("a"), item("b"), item("c", depth=1), item("d", depth=2)]
    assert read(tmp_path, body, abstract(*levels), number(1)) == ["Article I. a", "Article II. b", "§ 2.1 c", "a)d"]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("decimalZero", "09"),
        ("ordinal", "9th"),
        ("cardinalText", "Nine"),
        ("ordinalText", "Ninth"),
        ("upperRoman", "IX"),
        ("lowerLetter", "i"),
        ("decimalEnclosedCircle", "⑨"),
        ("chicago", "***"),
        ("numberInDash", "- 9 -"),
        ("chineseCounting", "九"),
        ("russianUpper", "И"),
        ("unheard", "9"),
    ],
)
def test_numbers_have_the_form_of_their_level(tmp_path: Path, form: str, shown: str) -> None:
    assert read(tmp_path, [item("x")], abstract(level(0, form, "%1", start=9)), number(1)) == [f"{shown} x"]


def test_custom_forms_pad_numbers_with_zeros(tmp_path: Path) -> None:
    form = (
        '<mc:AlternateContent xmlns:mc="m"><mc:Choice><w:numFmt w:val="custom" w:format="001, 002, 003, ..."/>'
        '</mc:Choice><mc:Fallback><w:numFmt w:val="decimal"/></mc:Fallback></mc:AlternateContent>'
    )
    padded = f'<w:lvl w:ilvl="0">{form}<w:lvlText w:val="No. %1"/></w:lvl>'
    assert read(tmp_path, [item("x")], abstract(padded), number(1)) == ["No. 001 x"]


def test_bullets_are_dashes_and_levels_without_a_form_have_no_marker(tmp_path: Path) -> None:
    levels = (level(0, "bullet", "\uf0b7"), level(1, "none", "%2"))
    assert read(tmp_path, [item("a"), item("b", depth=1)], abstract(*levels), number(1)) == ["- a", "", "b"]


def test_styles_number_their_paragraphs_and_those_based_on_them(tmp_path: Path) -> None:
    levels = (level(0, text="%1", more='<w:pStyle w:val="H1"/>'), level(1, text="%1.%2", more='<w:pStyle w:val="H2"/>'))
    numbered = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = (
        f'<w:style w:styleId="H1">{numbered}</w:style><w:style w:styleId="H2">{numbered}</w:style>'
        '<w:style w:styleId="Own"><w:basedOn w:val="H1"/></w:style>'
    )
    body = [paragraph(text, f'<w:pStyle w:val="{style}"/>') for text, style in (("a", "H1"), ("b", "H2"), ("c", "Own"))]
    body.append(paragraph("d", '<w:pStyle w:val="H1"/><w:numPr><w:numId w:val="0"/></w:numPr>'))
    lines = read(tmp_path, body, abstract(*levels), number(1), styles=styles)
    assert lines == ["1 a", "1.1 b", "2 c", "", "d"]


def test_a_definition_may_be_that_of_a_numbering_style(tmp_path: Path) -> None:
    linked = '<w:abstractNum w:abstractNumId="8"><w:numStyleLink w:val="Steps"/></w:abstractNum>'
    styles = '<w:style w:styleId="Steps"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    lists = (number(1), number(2, of=8))
    assert read(tmp_path, [item("x", 2)], abstract(level(0, text="Step %1:")), linked, *lists, styles=styles) == [
        "Step 1: x"
    ]


def test_an_empty_paragraph_of_a_list_has_a_number(tmp_path: Path) -> None:
    body = [item("a"), item(""), item("c")]
    assert read(tmp_path, body, abstract(level(0)), number(1)) == ["1. a", "3. c"]
