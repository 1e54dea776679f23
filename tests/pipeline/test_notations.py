"""A telephone number, an account, a time or a measure is found in every notation, and emoji are words."""

from itertools import product

import pytest

from app.pipeline.words.grouped_numbers import join_groups
from app.pipeline.words.lexemes import lexemes
from app.pipeline.words.query import read_query
from tests.growth import check_linear
from tests.pipeline.test_queries import score

SAME = [
    ("+49301234567", "+49 30 1234567", "+49 (0)30/1234-567", "+49(0)301234567", "0049 30 1234567", "0049301234567"),
    ("030 1234567", "030/1234567", "(030) 1234-567", "0301234567"),
    ("555 123 4567", "(555) 123-4567", "555-123-4567", "5551234567"),
    ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89 3704 0044 0532 0130 00"),
    ("GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819", "GB29-NWBK-6016-1331-9268-19"),
    ("4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"),
    ("1234 5678 9012", "1234-5678-9012", "123456789012"),
    ("12345 67890", "12345-67890", "1234567890"),
    ("978-3-16-148410-0", "9783161484100", "978 3 16 148410 0"),
    ("2:30 pm", "14:30", "14.30 Uhr", "2:30pm", "2.30 p.m.", "14h30", "02:30 PM", "14.30 h"),
    ("2 pm", "14:00", "14 Uhr", "2PM", "14:00:00"),
    ("12 a.m.", "0:00", "00:00", "0 Uhr"),
    ("12.5 %", "12,5%", "12.5%", "12.5 percent", "12,50 Prozent"),
    ("5kg", "5 kg"),
    ("5l", "5 l"),
    ("2.5 l", "2,5l", "2.5l"),
    ("20 °C", "20°C"),
    ("10 000 km", "10,000km", "10000 km"),
    ("1st", "first"),
    ("3e", "troisième"),
    ("2º", "segundo"),
    ("🚀", "🚀"),
    ("👍🏽", "👍"),
    ("👩\u200d🚀", "👩🏽\u200d🚀"),
    ("✅", "✅\ufe0f"),
    ("🇩🇪", "🇩🇪"),
    ("❤️", "❤"),
    ("→", "→"),
]
PAIRS = [(query, document) for same in SAME for query, document in product(same, same)]


@pytest.mark.parametrize(("query", "document"), PAIRS)
def test_a_notation_finds_every_other_one(query: str, document: str) -> None:
    found = score(query, f"Reference {document} applies.")
    assert found >= 0.45
    assert found > score(query, "Paid 77.10 on 13.09.1999 to Bank 1234.") + 0.2


@pytest.mark.parametrize(
    ("query", "lexemes_of_former_release"),
    [
        ("+49 30 1234567", {"49", "30", "1234567"}),
        ("DE89 3704 0044 0532 0130 00", {"89", "3704", "0044", "0532", "0130", "00"}),
        ("978-3-16-148410-0", {"9783161484100"}),
        ("2:30 pm", {"230"}),
        ("14:30", {"1430"}),
        ("5 kg", {"5kg", "5", "kg"}),
    ],
)
def test_a_text_that_was_indexed_before_is_still_found(query: str, lexemes_of_former_release: set[str]) -> None:
    assert lexemes_of_former_release <= set(read_query(query).lexemes)


@pytest.mark.parametrize(
    "text",
    [
        "2018 2019 2020",
        "2019 - 2020",
        "100 200 300",
        "12 500",
        "2019 12 500 people",
        "10 20 30 40 50",
        "3 - 5 of 7",
        "on 5 2021",
        "0 0 0 1 2 0 0 5",
        "1.05 2000 3000",
        "(1200 3400)",
        "IN AB12 THEN 12",
        "1234567 rows of 7654321 cells",
        " ".join(map(str, range(1000, 1030))),
    ],
)
def test_a_row_of_numbers_is_not_one_number(text: str) -> None:
    assert "-" not in join_groups(text).replace(" - ", " ")


@pytest.mark.parametrize("text", ["25:00", "14:75", "2:3", "13 pm", "5 h", "500 Uhr"])
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert not [lexeme for lexeme in lexemes(text) if ":" in lexeme]


def test_the_years_of_a_range_count_in_full() -> None:
    weights = {word.lexemes[0]: word.weight for word in read_query("growth 2019-2020").words}
    assert weights["2019"] == weights["2020"] == 1


def test_a_measure_is_told_from_another_one_with_the_same_unit() -> None:
    assert score("5kg", "a parcel of 5 kg") > score("5kg", "a parcel of 7 kg")
    assert score("5 kg", "a parcel of 5kg") > score("5 kg", "a parcel of 7kg")


def test_a_letter_after_a_number_that_is_no_unit_stays_a_word() -> None:
    assert "5a" not in lexemes("5 a day")


@pytest.mark.parametrize("piece", ["49 30 ", "DE89 3704 ", "(0)", "0 ", "1111 1111 1111 ", "5 - ", "2:30 pm ", "🚀"])
def test_texts_of_numbers_take_linear_time(piece: str) -> None:
    check_linear(lambda size: lexemes(piece * size), 1_000)
    check_linear(lambda size: read_query(piece * size), 300)


def test_long_runs_of_digits_before_a_number_with_signs_take_linear_time() -> None:
    check_linear(lambda size: join_groups("1" * size + " " + "1" * size + ",1"), 150)
