# ruff: noqa: RUF001 (letters of other scripts)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.lexemes import MAX_POSITION, MAX_POSITIONS, lexemes, query_lexemes


def finds(question: str, document: str) -> bool:
    """Whether the document has a lexeme of every word of the question."""
    indexed = lexemes(document)
    return all(not indexed.keys().isdisjoint(query_lexemes(word)) for word in question.split())


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("max_in_flight", "Set max_in_flight to 4."),
        ("maxInFlight", "Set max_in_flight to 4."),
        ("flight", "Set maxInFlight to 4."),
        ("ISO-9001", "certified to ISO 9001"),
        ("iso9001", "certified to ISO-9001:2015"),
        ("document_tasks", "app.tasks.document_tasks.process_document"),
        ("12000", "a sum of 12,000 euros"),
        ("3.14", "about 3.14 or so"),
        ("Cafe Angstrom", "CAFÉ ÅNGSTRÖM"),
        ("naïve", "a nai\u0308ve plan"),
        ("straße", "STRASSE"),
        ("flying", "The plane flies over the sea and the fly flew"),
        ("Häuser", "In der Stadt ist das Haus mit dem Garten und die Hausers"),
        ("canciones", "la canción de los niños que cantan en la plaza"),
        ("книгами", "на столе лежит книга и не одна"),
        ("黑豹队", "卡罗莱纳黑豹队的防守"),
        ("猫", "我的猫咪在睡觉"),
        ("データベース", "分散データベースの設計"),
        ("서울", "서울에서 만나요"),
        ("हिन्दी", "यह हिन्दी है"),
        ("ＡＢＣ", "abc"),
    ],
)
def test_a_question_finds_the_word_in_its_other_forms(question: str, document: str) -> None:
    assert finds(question, document)


@pytest.mark.parametrize(("question", "document"), [("豹子", "黑豹队"), ("international", "the intern is here")])
def test_other_words_are_not_found(question: str, document: str) -> None:
    assert not finds(question, document)


def test_places_count_words_and_a_compound_stands_where_its_last_part_does() -> None:
    assert lexemes("one max_size two") == {"one": [1], "max": [2], "size": [3], "maxsiz": [3], "two": [4]}


def test_nothing_is_found_in_nothing() -> None:
    assert lexemes(" .,;! \n") == {}
    assert query_lexemes("?!") == []


@given(st.text(max_size=400) | st.text("ab-_.'aß漢字カ한\u0301", max_size=400))
def test_lexemes_keep_to_the_limits_of_a_tsvector(text: str) -> None:
    for lexeme, places in lexemes(text).items():
        assert 0 < len(lexeme.encode()) < 2046
        assert "\0" not in lexeme
        assert 0 < len(places) <= MAX_POSITIONS
        assert all(former < place for former, place in pairwise(places))


def test_a_long_text_stays_within_the_limits_of_a_tsvector() -> None:
    found = lexemes("again " * 300 + " ".join(f"word{n}" for n in range(20_000)) + " last" + "x" * 9000)
    assert len(found["again"]) == MAX_POSITIONS
    assert found["word19999"] == [MAX_POSITION]
    assert max(map(len, found)) == 255
