"""Lines of Hebrew and Arabic that hold codes, numbers, brackets and words of other scripts; vertical Japanese."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import build_pdf, draw_mapped

FILLER = "תירבע הרוש"
"""A line from left to right, as it stands on the page."""


def read(folder: Path, *drawn: str, codes: dict[int, int]) -> list[str]:
    path = folder / "direction.pdf"
    path.write_bytes(build_pdf("".join(drawn), codes=codes))
    return parse(path, PDF).pages[0].text.split("\n")


@pytest.mark.parametrize(
    ("displayed", "logical"),
    [
        ("םולש AB-17 רפסמ", "מספר AB-17 שלום"),
        ("םולש 12/05/2024 ךיראת", "תאריך 12/05/2024 שלום"),
        ("םולש 1,234.56 םוכס", "סכום 1,234.56 שלום"),
        ("םולש 15% החנה", "הנחה 15% שלום"),
        ("םולש $15 ריחמ", "מחיר $15 שלום"),
        ("םולש 3-ב", "ב-3 שלום"),
        ("םולש https://example.org/a7 ואר", "ראו https://example.org/a7 שלום"),
        ("םולש Windows 11 Pro תכרעמ", "מערכת Windows 11 Pro שלום"),
        ("םולש (AB-17) רפסמ", "מספר (AB-17) שלום"),
        ("םולש (17) רפסמ", "מספר (17) שלום"),
        ("םולש 10-12 תועש", "שעות 10-12 שלום"),
        ("םולש +972-3-555 ןופלט", "טלפון +972-3-555 שלום"),
        ("תולעמ -5 תרוטרפמט", "טמפרטורת -5 מעלות"),
        ("תנכות C++ תפש", "שפת C++ תוכנת"),
        ("תנכות ++C תפש", "שפת C++ תוכנת"),
        ("םולש help@example.org לא", "אל help@example.org שלום"),
        ("םולש 14:30 העשב", "בשעה 14:30 שלום"),
        ("7 ,5 ,3 םירפסמ", "מספרים 3, 5, 7"),
        ("ﺎﺒﺣﺮﻣ AB-17 ﻢﻗﺭ", "رقم AB-17 مرحبا"),
        ("ابحرم ٢٠٢٤ ماع", "عام ٢٠٢٤ مرحبا"),
    ],
)
@pytest.mark.parametrize("pieces", [False, True], ids=["in one piece", "word by word from the right"])
def test_codes_in_a_line_from_right_to_left_keep_their_order(
    tmp_path: Path, displayed: str, logical: str, pieces: bool
) -> None:
    codes: dict[int, int] = {}
    drawn = draw_mapped(72, 700, displayed, codes)
    if pieces:
        words, place = [], 72
        for word in displayed.split(" "):
            words.append(draw_mapped(place, 700, word, codes))
            place += 5 * (len(word) + 1)
        drawn = "".join(reversed(words))
    lines = read(tmp_path, draw_mapped(72, 720, FILLER * 3, codes), drawn, codes=codes)
    assert lines[-1] == logical


def test_a_page_in_another_script_keeps_a_hebrew_word_where_it_stands(tmp_path: Path) -> None:
    codes: dict[int, int] = {}
    english = draw_line(72, 720, "The harbour office keeps a register of ships, which is called")
    lines = read(tmp_path, english, draw_mapped(72, 700, "AB-17 םולש", codes), codes=codes)
    assert lines[1] == "AB-17 שלום"


LINES = ["港の事務所は船の名を帳簿に書く", "冬が来ると運河は凍ってしまう", "春には舟がまた水門を通る"]


def draw_vertical(lines: list[str], order: list[int], codes: dict[int, int], top: float = 700) -> str:
    """Vertical lines, sign by sign, from right to left by their places in ``lines``, drawn in this order."""
    drawn = [
        "".join(draw_mapped(400 - 30 * number, top - 12 * row, sign, codes) for row, sign in enumerate(line))
        for number, line in enumerate(lines)
    ]
    return "".join(drawn[number] for number in order)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_vertical_lines_are_read_from_right_to_left(tmp_path: Path, order: list[int]) -> None:
    codes: dict[int, int] = {}
    found = read(tmp_path, draw_vertical(LINES, order, codes), codes=codes)
    assert "".join(found) == "".join(LINES)


def test_vertical_lines_stay_whole_below_a_horizontal_title(tmp_path: Path) -> None:
    codes: dict[int, int] = {}
    title = draw_mapped(200, 760, "港の案内", codes)
    drawn = draw_vertical(LINES, [2, 1, 0], codes)
    assert read(tmp_path, title, drawn, draw_line(300, 40, "12"), codes=codes) == ["港の案内", *LINES, "12"]


def test_tiers_of_vertical_lines_are_read_from_the_top(tmp_path: Path) -> None:
    codes: dict[int, int] = {}
    lower = draw_vertical(["下の段はここから始まる", "次の行は左にある"], [1, 0], codes, top=450)
    found = read(tmp_path, lower, draw_vertical(LINES, [2, 1, 0], codes), codes=codes)
    assert "".join(found) == "".join([*LINES, "下の段はここから始まる", "次の行は左にある"])


def test_a_number_across_a_vertical_line_stays_in_it(tmp_path: Path) -> None:
    codes: dict[int, int] = {}
    line = [
        draw_vertical(["平成"], [0], codes),
        draw_mapped(398, 676, "12", codes),
        draw_vertical(["年に会議を開いた"], [0], codes, top=664),
    ]
    found = read(tmp_path, draw_vertical(["", *LINES], [1], codes), *line, codes=codes)
    assert "".join(found) == "平成12年に会議を開いた" + LINES[0]
