"""A query is read as the words that carry its subject, in every form that the index may have."""

# ruff: noqa: RUF001 (letters of other scripts)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.words.lexemes import lexemes
from app.pipeline.words.query import read_query
from tests.growth import check_linear


def asks(query: str) -> list[str]:
    """The first form of each word."""
    return [word.lexemes[0] for word in read_query(query).words]


def score(query: str, document: str) -> float:
    """The part of the query's words that the document has, by weight."""
    indexed, words = lexemes(document), read_query(query).words
    found = sum(
        max(
            (weight for form, weight in zip(word.lexemes, word.list_weights(), strict=True) if form in indexed),
            default=0,
        )
        for word in words
    )
    return found / sum(word.weight for word in words)


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("How many gates does the canal have?", ["gate", "canal"]),
        ("¿Cuántas esclusas tiene el canal?", ["esclus", "canal"]),
        ("Wie viele Schleusen hat der Kanal?", ["schleus", "kanal"]),
        ("Combien d'écluses le canal a-t-il ?", ["eclus", "canal"]),
        ("Quante chiuse ha il canale?", ["chius", "canal"]),
        ("Hoeveel sluizen heeft het kanaal?", ["sluis", "kanaal"]),
        ("Hur många slussar har kanalen?", ["sluss", "kanal"]),
        ("Hvor mange sluser har kanalen?", ["slus", "kanal"]),
        ("Ile śluz ma ten kanał i gdzie on jest?", ["sluz", "kanal"]),
        ("Câte ecluze sunt pe canalul acesta?", ["ecluz", "canal", "acest"]),
        ("Сколько шлюзов у канала?", ["шлюз", "кана"]),
        ("Πόσες πύλες έχει το κανάλι;", ["πυλ", "καναλ"]),
        ("Kanalda kaç kapı var ve bu kapı nerede?", ["kanal", "kapi"]),
        ("كم عدد البوابات في القناة؟", ["عدد", "بواب", "قنا"]),
        ("नहर में कितने गेट हैं?", ["नहर", "गेट"]),
        ("Kênh này có bao nhiêu cửa?", ["kênh", "cửa"]),
    ],
)
def test_function_and_question_words_of_the_querys_language_are_left_out(query: str, subject: list[str]) -> None:
    read = read_query(query)
    assert set(subject) <= set(read.lexemes)
    assert len(read.words) == len(subject)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("to be or not to be", {"to", "be", "or", "not"}),
        ("the who", {"the", "who"}),
        ("sin city", {"sin"}),
        ("die casting", {"die"}),
        ("how to die with dignity", {"die"}),
        ("Haus am See", {"see"}),
        ("men fashion", {"men"}),
        ("may 2021", {"may"}),
    ],
)
def test_words_that_carry_the_subject_stay(query: str, kept: set[str]) -> None:
    assert kept <= set(read_query(query).lexemes)


def test_a_function_word_of_the_querys_own_language_is_left_out_even_where_another_language_has_it_as_a_noun() -> None:
    assert "die" not in read_query("wo ist die Schleuse").lexemes
    assert "but" not in read_query("none but the keeper of the gate").lexemes


@pytest.mark.parametrize("query", ["3.3.2021", "03/03/2021", "2021-03-03", "3.3.2021 report"])
def test_a_date_in_another_notation_counts_more_than_the_numbers_in_it(query: str) -> None:
    table = "Fees: 3.1 m, 3.3 m and 3 m, or 03 and 33."
    assert score(query, "Paid on 3 March 2021.") > 2 * score(query, table)


def test_a_word_that_is_asked_twice_weighs_more() -> None:
    weights = {word.lexemes[0]: word.weight for word in read_query("gate keepers: which gate has a keeper").words}
    assert weights["gate"] == 2


def test_the_letters_of_a_code_weigh_less_than_its_number() -> None:
    weights = {word.lexemes[0]: word.weight for word in read_query("growth in FY2022, ISO9001 and Internet2").words}
    assert weights["fy"] == weights["iso"] < weights["2022"] / 2
    assert weights["growth"] == weights["2022"] == 1


def test_a_clear_language_narrows_the_stems_and_an_unclear_one_does_not() -> None:
    clear = next(word for word in read_query("what are the openings of the gate").words if "open" in word.lexemes)
    unclear = read_query("openings").words[0]
    assert len(clear.lexemes) <= 2
    assert len(unclear.lexemes) > len(clear.lexemes)
    assert {"open", "openings"} <= set(unclear.lexemes)


@pytest.mark.parametrize("query", ["e.g. gates", "i.e. gates", "the library's gates", "I don't see gates", "l'eau"])
def test_abbreviations_and_contractions_leave_no_fragments(query: str) -> None:
    assert set(asks(query)) <= {"gate", "librari", "eau", "see"}


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("7 April 2021", "opened on 2021-04-07"),
        ("2021-04-07", "It opened on April 7, 2021."),
        ("07.04.2021", "eröffnet am 7. April 2021"),
        ("2021-04-07", "el 7 de abril de 2021"),
        ("7 апреля 2021", "2021-04-07"),
        ("7. huhtikuuta 2021", "07.04.2021"),
        ("4/7/2021", "on April 7th, 2021"),
        ("4/7/2021", "on 4 July 2021"),
        ("12,500", "a sum of 12500"),
        ("12500", "ein Betrag von 12.500,00"),
        ("12.500,00", "a sum of 12,500"),
        ("12500", "une somme de 12 500"),
        ("12500", "une somme de 12\u202f500"),
        ("12500", "ein Betrag von 12'500"),
        ("12,500", "a sum of 12500.00"),
        ("1,500,000", "about 1.5 million people"),
        ("1.5 million", "1,500,000 people"),
        ("3,50", "costs 3.5"),
        ("12 euro", "costs € 12"),
        ("€ 12", "costs 12 euros"),
        ("5 percent", "grows by 5 %"),
        ("5%", "wächst um 5 Prozent"),
        ("429", "خطأ ٤٢٩"),
        ("429", "त्रुटि ४२९"),
        ("429", "code ４２９"),
    ],
)
def test_dates_and_numbers_are_found_in_another_notation(query: str, document: str) -> None:
    words = read_query(query).words
    most = max(words, key=lambda word: sum(map(str.isdecimal, word.lexemes[0])))
    assert not lexemes(document).keys().isdisjoint(most.lexemes)
    assert score(query, document) > score(query, "13.09.1999: 77 or 1234") + 0.2


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("Müller", "Herr Mueller"),
        ("Mueller", "Herr Müller"),
        ("Muller", "Herr Müller"),
        ("Århus", "the port of Aarhus"),
        ("Aarhus", "the port of Århus"),
        ("Sørensen", "Frau Soerensen"),
        ("Soerensen", "Frau Sørensen"),
        ("Straße", "STRASSE"),
        ("Işık", "IŞIK ve ışık"),
        ("ș", "Ş"),
        ("λόγος", "ΛΟΓΟΣ"),
        ("كتاب", "كِتَابٌ"),
        ("كتاب", "كـــتاب"),
        ("کتابی", "كتابي"),
        ("שלום", "שָׁלוֹם"),
        ("workbench", "work\u00adbench"),
        ("workbench", "work\u200bbench"),
        ("office", "oﬃce"),
        ("da nang", "Đà Nẵng"),
        ("Đà Nẵng", "da nang"),
        ("O'Brien", "Mr OBrien"),
        ("O'Brien", "Mr O’Brien"),
        ("l'eau", "L’eau est froide"),
        ("E-1045", "error E1045"),
        ("E 1045", "error E-1045"),
        ("v2.3.1", "release v2.3.1"),
        ("mary.poppins@example.org", "write to mary.poppins@example.org"),
        ("AT&T", "the AT&T network"),
        ("R&D", "costs of R&D"),
        ("C#", "written in C#"),
    ],
)
def test_a_word_is_found_in_another_spelling(query: str, document: str) -> None:
    assert score(query, document) > 0.3


def test_tones_tell_words_apart_but_are_not_required() -> None:
    exact, other = "con mạ chạy", "con má chạy"
    assert score("mạ", exact) == 1
    assert 0 < score("mạ", other) < 1
    assert score("ma", exact) == 1


def test_an_exact_spelling_scores_above_another_one() -> None:
    assert score("Müller", "Müller") > score("Müller", "Mueller") > 0


@given(st.text(max_size=300) | st.text("ab7-._'\"’é漢ạ/ 0", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_as_words_with_a_weight_for_each_form(text: str) -> None:
    read = read_query(text)
    for word in read.words:
        assert word.lexemes
        assert all(word.lexemes)
        assert len(word.list_weights()) == len(word.lexemes) == len(set(word.lexemes))
    assert all(phrase.words for phrase in read.phrases)


@pytest.mark.parametrize("piece", ["7 April 2021 ", "1.5 million ", "12 500 ", "12.500.", "ab-", "ạ ", '"a" '])
def test_a_long_query_takes_linear_time(piece: str) -> None:
    check_linear(lambda size: read_query(piece * size), 1_000)
