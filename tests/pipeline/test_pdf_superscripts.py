"""An exponent is written with ``^``, because its place alone says that it is no digit of the number before it."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.pdf_files import build_pdf


def draw_raised(before: str, raised: str, after: str = "", *, rise: float = 4, size: float = 6) -> str:
    return f"BT /F1 9 Tf 72 700 Td ({before}) Tj {rise} Ts /F1 {size} Tf ({raised}) Tj 0 Ts /F1 9 Tf ({after}) Tj ET\n"


def read(folder: Path, content: str) -> str:
    path = folder / "raised.pdf"
    path.write_bytes(build_pdf(content))
    return " ".join(parse(path, PDF).pages[0].text.split())


@pytest.mark.parametrize(
    ("before", "raised", "after", "expected"),
    [
        ("It weighs 3 x 10", "6", " kg", "It weighs 3 x 10^6 kg"),
        ("It weighs 10", "-12", " kg", "It weighs 10^-12 kg"),
        ("A berth of 40 m", "2", " or more", "A berth of 40 m^2 or more"),
        ("A volume of 7 cm", "3", "", "A volume of 7 cm^3"),
        ("f(x) = x", "2", " + 1", "f(x) = x^2 + 1"),
    ],
)
def test_an_exponent_is_marked(tmp_path: Path, before: str, raised: str, after: str, expected: str) -> None:
    assert read(tmp_path, draw_raised(before, raised, after)) == expected


@pytest.mark.parametrize(
    ("before", "raised", "after", "rise", "expected"),
    [
        ("A berth of 40 m", "2", " or more", 4, "A berth of 40 m^2 or more"),
        ("He counts barges.", "7", " He writes", 5, "He counts barges.7 He writes"),
        ("He counts barges", "7", ", and writes", 5, "He counts barges7, and writes"),
        ("Fill the tank with CO", "2", " now", -3, "Fill the tank with CO2 now"),
    ],
)
def test_the_line_goes_on_beside_a_script(
    tmp_path: Path, before: str, raised: str, after: str, rise: float, expected: str
) -> None:
    path = tmp_path / "raised.pdf"
    path.write_bytes(build_pdf(draw_raised(before, raised, after, rise=rise)))
    assert parse(path, PDF).pages[0].text.split("\n") == [expected]


def test_lines_and_columns_of_other_sizes_stay_apart(tmp_path: Path) -> None:
    lines = "BT /F1 14 Tf 72 700 Td (A title) Tj /F1 8 Tf 0 -12 Td (under it) Tj /F1 14 Tf 90 12 Td (beside) Tj ET\n"
    path = tmp_path / "lines.pdf"
    path.write_bytes(build_pdf(lines))
    assert parse(path, PDF).pages[0].text.split("\n") == ["A title", "under it", "beside"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (draw_raised("It weighs 10", "6", " kg", rise=0, size=9), "It weighs 106 kg"),
        (draw_raised("Read form A", "4", " first", rise=0, size=9), "Read form A4 first"),
        (draw_raised("Fill the tank with CO", "2", " now", rise=-3), "Fill the tank with CO2 now"),
        (draw_raised("The keeper counts barges.", "7", " He writes"), "The keeper counts barges.7 He writes"),
    ],
    ids=["a number", "a name", "an index below the line", "the mark of a note"],
)
def test_digits_that_change_no_value_are_not_marked(tmp_path: Path, content: str, expected: str) -> None:
    assert read(tmp_path, content) == expected
