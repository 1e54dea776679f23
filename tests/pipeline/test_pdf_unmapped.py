"""Glyphs that a PDF maps to no character, or to characters that mean nothing outside of its font."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import build_pdf, draw_mapped

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


def _code(codes: dict[int, int], character: str) -> int:
    return next(code for code, mapped in codes.items() if mapped == ord(character))
