"""Words with accents are stemmed with them and without, so that their forms find each other however they are typed."""

# ruff: noqa: RUF001 (letters that look like others)

import pytest

from app.pipeline.words.lexemes import MAX_POSITIONS, lexemes
from app.pipeline.words.occurrences import Terms
from app.pipeline.words.query import read_query
from tests.growth import check_linear


def finds(query: str, document: str) -> bool:
    indexed = lexemes(document)
    return all(indexed.keys() & set(word.lexemes) for word in read_query(query).words)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("¿cómo se puede volver?", "La gente que volvió y los que en el año 1900 están con su familia."),
        ("¿quién volvió?", "Los que quieren volver a la ciudad."),
        ("¿dónde vivían?", "Es la casa en la que quieren vivir los colonos."),
        ("ne zaman ve hangi yılında", "Bu yıl çok önemli olan bir kitap ve savaş için."),
        ("ne zaman ve hangi yıl", "Bu savaşın yılında çok önemli olan bir kitap için."),
        ("savaşı ne zaman", "Bu savaş için çok önemli olan bir kitap."),
        ("missä kylässä he ovat", "Tämä kylä on pieni ja se oli myös vanha."),
    ],
)
def test_a_form_with_accents_finds_another_form_of_its_word(query: str, document: str) -> None:
    assert finds(query, document)


@pytest.mark.parametrize("query", ["¿quién volvió?", "quien volvio", "QUIÉN VOLVIÓ", "quie\u0301n volvio\u0301"])
@pytest.mark.parametrize("document", ["La gente que volvió en el año.", "La gente que volvio en el ano."])
def test_accents_may_be_left_out_on_either_side(query: str, document: str) -> None:
    assert finds(query, document)


def test_chunks_of_former_releases_have_only_the_stem_without_accents_and_are_found() -> None:
    assert "volvi" in read_query("¿quién volvió?").words[0].lexemes


def test_a_capital_i_with_a_point_belongs_to_its_word() -> None:
    assert finds("hangi imparatorluk için", "Bu İmparatorluğu çok önemli olan bir savaş için.")


def test_both_stems_have_the_place_of_the_word() -> None:
    indexed = lexemes("La gente que volvió y volver en el año.")
    assert indexed["volvi"] == [4]
    assert indexed["volv"] == [4, 6]


def test_tones_are_no_accents() -> None:
    assert "ha noi" not in lexemes("Hà Nội là thủ đô của Việt Nam")
    assert lexemes("Hà Nội là thủ đô")["nội"] == [2]


def test_a_form_with_accents_is_highlighted() -> None:
    text = "La gente que volvió y los que en el año 1900 están con su familia."
    assert [text[found.start : found.end] for found in Terms("¿cómo se puede volver?").find(text)] == ["volvió"]


def test_a_word_that_is_repeated_very_often_keeps_the_limit_of_places() -> None:
    assert len(lexemes("volvió a la " * 400)["volv"]) == MAX_POSITIONS


@pytest.mark.parametrize("unit", ["volvió ", "volvió", "é", "e\u0301", "año-", "é, "])
def test_the_time_grows_with_the_length_of_the_text(unit: str) -> None:
    check_linear(lambda size: lexemes(unit * size), 20_000)
