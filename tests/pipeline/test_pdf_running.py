from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.pdf.running import drop_running_lines
from tests.growth import check_linear
from tests.pipeline.documents import make_lined_pdf

WORDS = ("one", "two", "three", "four", "five", "six", "seven")
STORIES = [f"Story {word} begins by the water and goes on.\nIt ends with {word} barges." for word in WORDS]


def drop(*texts: str) -> list[str]:
    return drop_running_lines(list(enumerate(texts, 1)))


def test_page_numbers_go_whatever_they_count_from() -> None:
    texts = [f"{story}\n{number}" for number, story in enumerate(STORIES, 40)]
    assert drop(*texts) == STORIES


def test_a_book_may_number_its_pages_anew() -> None:
    stories = [*STORIES, *STORIES]
    numbers = [*range(3, 10), *range(1, 8)]
    assert drop(*(f"- {number} -\n{story}" for number, story in zip(numbers, stories, strict=True))) == stories


def test_a_header_stays_once() -> None:
    first, *others = drop(*(f"The Canal Company\n{story}\nPage {n} of 7" for n, story in enumerate(STORIES, 1)))
    assert first == f"The Canal Company\n{STORIES[0]}\nPage 1 of 7"
    assert others == STORIES[1:]


def test_headers_of_left_and_right_pages_go() -> None:
    titles = ["The Canal Company", "Annual Report"] * 4
    found = drop(*(f"{title}\n{story}" for title, story in zip(titles, STORIES, strict=False)))
    assert found[2:] == STORIES[2:]


@pytest.mark.parametrize(
    "line",
    [
        "Total: {odd} pounds",  # numbers that do not follow the pages
        "Lesson {number}",  # a title whose number may follow the pages
        "This is what page {number} says about the canal.",  # a sentence
    ],
)
def test_what_a_page_says_itself_stays(line: str) -> None:
    texts = [f"{line.format(number=n, odd=n * n * 37)}\n{story}" for n, story in enumerate(STORIES, 1)]
    assert drop(*texts) == texts


def test_a_repeated_line_amid_the_text_stays() -> None:
    texts = [f"{story}\na\nb\nc\nThe same line.\nd\ne\nf\n{story}" for story in STORIES]
    assert drop(*texts) == texts


def test_pages_that_are_all_alike_stay() -> None:
    texts = ["The same short notice"] * 9
    assert drop(*texts) == texts


def test_a_short_document_stays_as_it_is() -> None:
    texts = [f"The Canal Company\n{story}" for story in STORIES[:4]]
    assert drop(*texts) == texts


def test_many_pages_of_any_text_take_linear_time() -> None:
    check_linear(lambda size: drop(*(("1\n" * 2_000) for _ in range(size))), 50)


def test_a_pdf_is_read_without_them(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(
        make_lined_pdf(*(["The Canal Company", *story.split("\n"), str(n)] for n, story in enumerate(STORIES, 1)))
    )
    assert [page.text for page in parse(path, PDF).pages][1:] == STORIES[1:]
