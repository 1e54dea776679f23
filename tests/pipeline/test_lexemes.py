# ruff: noqa: RUF001 (letters of other scripts)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.words.languages import list_stems
from app.pipeline.words.lexemes import MAX_POSITION, MAX_POSITIONS, lexemes
from app.pipeline.words.query import read_query
from tests.growth import check_linear


def finds(question: str, document: str) -> bool:
    """Whether the document has a lexeme of every word of the question."""
    indexed = lexemes(document)
    return all(not indexed.keys().isdisjoint(read_query(word).lexemes) for word in question.split())


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
        ("HTTP429", "the server answers HTTP 429"),
        ("HTTP 429", "the server answers HTTP429."),
        ("http-429", "HTTP429"),
        ("1045", "error E1045:"),
        ("E1045", "error E-1045"),
        ("10 kg", "a load of 10kg"),
        ("10kg", "a load of 10 kg"),
        ("server", "raises HTTPServerError"),
        ("HTTPServerError", "http_server_error"),
        ("A-17/4", "section A 17/4 of the plan"),
        ("A 17/4", "section A-17/4"),
        ("ZX-9001", "part ZX\u20119001"),
        ("zx 9001", "part ZX9001"),
        ("ZX9001", "part ZX-9001, blue"),
        ("Node.js", "written for NodeJS"),
        ("nodejs", "Node.js 20"),
        ("C", "written in C#"),
        ("net", "the .NET runtime"),
    ],
)
def test_a_question_finds_the_word_in_its_other_forms(question: str, document: str) -> None:
    assert finds(question, document)


@pytest.mark.parametrize(("question", "document"), [("豹子", "黑豹队"), ("international", "the intern is here")])
def test_other_words_are_not_found(question: str, document: str) -> None:
    assert not finds(question, document)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("c#", "It is written in C#."),
        ("c#", "C#/.NET and (C#), C#-Code"),
        ("c#", "a book on C♯"),
        ("c#", "escaped as Markdown: C\\#"),
        ("c#", "使用C#开发"),
        ("c#", "Ｃ＃"),
        ("c++", "C++, C++17"),
        ("c++", "the C++/CLI compiler"),
        ("c++", "a C++-Compiler"),
        ("c++", "Objective-C++"),
        ("c++", "Ｃ＋＋"),
        ("g++", "compiled by g++-12"),
        ("f#", "F#'s types"),
        (".net", "the .NET runtime"),
        (".net", "(.NET)"),
        (".net", ".NET-Core, C#/.NET"),
        ("disney+", "on Disney+"),
        ("a+++", "label A+++"),
    ],
)
def test_a_name_with_signs_is_a_word_of_its_own_and_still_found_without_them(name: str, document: str) -> None:
    indexed = lexemes(document)
    assert name in indexed
    assert name.strip(".+#") in indexed
    assert name in read_query(name.upper()).lexemes


@pytest.mark.parametrize("document", ["Vitamin C", "C. elegans", "plan C, then D", "end.Net", "a.net.b", "+C", "# C"])
def test_signs_belong_to_a_name_only_where_they_touch_it(document: str) -> None:
    assert lexemes(document).keys().isdisjoint({"c#", "c++", "c+", "c.", ".net"})


def test_a_question_has_the_words_of_an_index_made_before_signs_and_digits_were_parted() -> None:
    assert {"c", "net", "http429", "10kg"} <= set(read_query("C# .NET HTTP429 10kg").lexemes)


def test_places_count_words_and_a_compound_stands_where_its_last_part_does() -> None:
    assert lexemes("one max_size two") == {"one": [1], "max": [2], "size": [3], "maxsiz": [3], "two": [4]}


def test_nothing_is_found_in_nothing() -> None:
    assert lexemes(" .,;! \n") == {}
    assert read_query("?!").lexemes == []


@given(st.text(max_size=400) | st.text("ab-_.'aß漢字カ한\u0301", max_size=400))
def test_lexemes_keep_to_the_limits_of_a_tsvector(text: str) -> None:
    for lexeme, places in lexemes(text).items():
        assert 0 < len(lexeme.encode()) < 2046
        assert "\0" not in lexeme
        assert 0 < len(places) <= MAX_POSITIONS
        assert all(former < place for former, place in pairwise(places))


@pytest.mark.parametrize("text", ["100 200 " * 2000, "100,200," * 2000 + "1", "1" * 5000 + ".5", "7" * 5000])
def test_rows_of_numbers_and_long_ones_give_no_word_that_postgres_refuses(text: str) -> None:
    assert all(len(lexeme.encode()) < 2046 for lexeme in lexemes(text))


def test_a_long_text_stays_within_the_limits_of_a_tsvector() -> None:
    found = lexemes("again " * 300 + " ".join(f"word{n}" for n in range(20_000)) + " last" + "x" * 9000)
    assert len(found["again"]) == MAX_POSITIONS
    assert found["word19999"] == [MAX_POSITION]
    assert max(map(len, found)) == 255


@pytest.mark.parametrize("piece", ["aB1", "a+", "+", "#", "a.b", ".a", "1a", "a11", "ABc", "\\"])
def test_a_long_run_without_a_space_takes_linear_time(piece: str) -> None:
    check_linear(lambda size: lexemes(piece * size), 5_000)


@pytest.mark.parametrize("word", ["όταν", "είτε", "έως", "ίδια"])
def test_a_word_of_which_a_stemmer_leaves_nothing_stays_as_it_is(word: str) -> None:
    assert "" not in lexemes(f"Η πύλη είναι κλειστή {word} βρέχει, και ο φύλακας γράφει στο βιβλίο του.")
    assert "" not in list_stems(word)
