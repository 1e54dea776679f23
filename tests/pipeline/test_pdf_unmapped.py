"""Glyphs that a PDF maps to no character, or to characters that mean nothing outside of its font."""

from pathlib import Path

import pytest

from app.domain.errors import NoExtractableTextError
from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line, draw_stream
from tests.pipeline.pdf_files import FIRST_FREE, build_pdf, draw_mapped

LINE = "The ferry leaves after the second bell"


def read(folder: Path, *drawn: str, codes: dict[int, int]) -> str:
    path = folder / "unmapped.pdf"
    path.write_bytes(build_pdf("".join(drawn), codes=codes))
    return parse(path, PDF).pages[0].text


@pytest.mark.parametrize("character", [0x0000, 0xFFFE])
def test_a_glyph_without_a_character_is_no_hyphen(tmp_path: Path, character: int) -> None:
    codes = {200: character}
    drawn = draw_mapped(72, 700, LINE, codes).replace(f"{_code(codes, 'f'):02X}", "C8")
    assert read(tmp_path, drawn, codes=codes) == LINE.replace("f", "")


def test_a_hyphen_at_the_end_of_a_line_is_still_one(tmp_path: Path) -> None:
    drawn = draw_line(72, 700, "The ferry leaves after the har-") + draw_line(
        72, 688, "bour bell, as every harbour does"
    )
    assert read(tmp_path, drawn, codes={}) == "The ferry leaves after the harbour bell, as every harbour does"


def make_private(text: str, *, base: int = 0xE100) -> tuple[str, dict[int, int]]:
    """A line whose glyphs are mapped to private characters, and the codes."""
    codes: dict[int, int] = {}
    drawn = draw_mapped(72, 700, text, codes)
    return drawn, {code: base + index if base else 0xFFFD for index, code in enumerate(codes)}


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("base", [0xE100, 0xF020, 0xF0000, 0], ids=["private", "symbols", "plane 15", "U+FFFD"])
def test_private_characters_alone_are_no_text(tmp_path: Path, base: int, fallback: bool) -> None:
    drawn, codes = make_private(LINE, base=base)
    path = tmp_path / "private.pdf"
    path.write_bytes(build_pdf(drawn + draw_line(500, 40, "7"), codes=codes))
    with pytest.raises(NoExtractableTextError, match="fonts do not say"):
        parse(path, PDF, fallback=fallback)


def test_a_few_symbols_among_words_leave_the_page_readable(tmp_path: Path) -> None:
    drawn, codes = make_private("o", base=0xF0B7)
    assert LINE in read(tmp_path, drawn, draw_line(72, 680, LINE), codes=codes)


def test_a_page_of_private_characters_beside_others_is_listed(tmp_path: Path) -> None:
    drawn, codes = make_private(LINE)
    second = FIRST_FREE + 1
    page = build_pdf(drawn, codes=codes, objects={FIRST_FREE: draw_stream(draw_line(72, 700, LINE)), second: ""})
    added = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
        b" /Resources << /Font << /F1 4 0 R >> >> /Contents 20 0 R >>"
    )
    page = page.replace(b"21 0 obj\n", b"21 0 obj\n" + added)
    path = tmp_path / "two.pdf"
    path.write_bytes(page.replace(b"/Kids [3 0 R] /Count 1", b"/Kids [3 0 R 21 0 R] /Count 2"))
    parsed = parse(path, PDF)
    assert [(found.number, found.text) for found in parsed.pages] == [(2, LINE)]
    assert parsed.metadata["unreadable_pages"] == [1]


def _code(codes: dict[int, int], character: str) -> int:
    return next(code for code, mapped in codes.items() if mapped == ord(character))
