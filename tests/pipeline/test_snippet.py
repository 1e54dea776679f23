"""A snippet shows the part of a text that matches the query, unchanged, with the ranges that match."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.words.languages import list_other_characters
from app.pipeline.words.lexemes import split_words
from app.pipeline.words.occurrences import analyse, split_token
from app.pipeline.words.places import continues, fold_with_places
from app.pipeline.words.snippet import MAX_CHARACTERS, Snippet, make_snippets
from tests.growth import check_linear

FILLER = "The boats wait in the basin until the water is level with the canal. " * 12
TEXTS = st.one_of(
    st.text(max_size=600),
    st.text(
        alphabet="ab cÉe\u0301\u0308ßŒﬁ①½ｶﾞ한\u1112\u1161\u11ab水門東京 .-'\n\u200d👩🏽‍🔬ো\u09c7\u09be", max_size=600
    ),
    st.text(alphabet="ab éس\u0633\u064b\u0650\u0640\ufeff\u00ad™.", max_size=600),
)


def snip(query: str, text: str) -> Snippet:
    [snippet] = make_snippets(query, [text])
    return snippet


def highlighted(snippet: Snippet) -> list[str]:
    return [snippet.text[start:end] for start, end in snippet.highlights]


def test_the_window_with_the_most_different_words_is_shown() -> None:
    text = f"{FILLER}The draught is small. {FILLER}At the Alder Gate the maximum draught is 2.4 metres. {FILLER}"
    snippet = snip("what is the maximum draught at the Alder Gate", text)
    assert snippet.text.startswith("At the Alder Gate the maximum draught is 2.4 metres.")
    assert highlighted(snippet) == ["Alder", "Gate", "maximum", "draught"]
    assert 200 <= len(snippet.text) <= MAX_CHARACTERS
    assert snippet.text in text


def test_a_text_without_a_word_of_the_query_is_shown_from_its_beginning() -> None:
    snippet = snip("otters", FILLER)
    assert FILLER.startswith(snippet.text)
    assert 200 <= len(snippet.text) <= MAX_CHARACTERS
    assert snippet.highlights == []


def test_a_short_text_is_its_own_snippet() -> None:
    assert snip("gate", "  The Alder Gate.\n") == Snippet("The Alder Gate.", [(10, 14)])


def test_function_words_count_only_in_a_query_of_nothing_else() -> None:
    assert highlighted(snip("the gate", "The gate is the end.")) == ["gate"]
    assert highlighted(snip("who is the", "The gate is the end.")) == ["The", "is", "the"]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("opening gates", "The gate opens.", ["gate", "opens"]),
        ("C#", "Written in C#, with no vitamins.", ["C#"]),
        ("c++ compilers", "A C++-compiler of 1998.", ["C++", "compiler"]),
        (".NET", "Runs on .NET and in a nest.", [".NET"]),
        ("HTTP 429", "It answers HTTP429.", ["HTTP429"]),
        ("ZX-9001", "Part ZX\u20119001 is blue.", ["ZX\u20119001"]),
        ("cafe", "Le café de la gare.", ["café"]),
        ("café", unicodedata.normalize("NFD", "Le café de la gare."), [unicodedata.normalize("NFD", "café")]),
        ("cafe", "Ｃａｆé am Kanal", ["Ｃａｆé"]),
        ("Strasse", "Die Straße am Kanal.", ["Straße"]),
        ("oeuvre", "L'œuvre complète.", ["œuvre"]),
        ("Schleusen", "Die Schleuse ist offen.", ["Schleuse"]),
        ("шлюз", "У шлюза стоит цапля.", ["шлюза"]),  # noqa: RUF001
        ("ISO-9001", "Certified by ISO 9001:2015.", ["ISO", "9001"]),
        ("iso9001", "Certified by ISO-9001.", ["ISO-9001"]),
        ("flight", "Set maxInFlight to 3.", ["Flight"]),
        ("水門", "東京都の水門は毎朝開く。", ["水門"]),
        ("東京都", "水門は東京都にある。", ["東京都"]),
        ("한강", unicodedata.normalize("NFD", "서울의 한강 수문"), [unicodedata.normalize("NFD", "한강")]),
        ("गेट", "नहर का गेट बंद है", ["गेट"]),
        ("بوابة", "بوابة القناة", ["بوابة"]),
        ("heron", "A 👩🏽‍🔬 saw the heron 🦢.", ["heron"]),
    ],
)
def test_words_are_found_as_the_index_finds_them(query: str, text: str, expected: list[str]) -> None:
    assert highlighted(snip(query, text)) == expected


def test_a_word_is_never_cut_unless_it_is_longer_than_the_snippet() -> None:
    text = "x" * 37 + " " + " ".join(f"word{number}" for number in range(200))
    snippet = snip("word77", text)
    assert set(snippet.text.split()) <= set(text.split())
    assert "word77" in highlighted(snippet)
    long = snip("needle", "a" * 500 + " needle " + "b" * 500)
    assert highlighted(long) == ["needle"]
    assert len(snip("a", "é" * 2000).text) <= MAX_CHARACTERS


@given(query=st.one_of(st.text(max_size=40), st.just("ab 水門 café")), text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_snippet_is_an_unchanged_part_with_ranges_in_order(query: str, text: str) -> None:
    snippet = snip(query, text)
    assert snippet.text in text
    assert len(snippet.text) <= MAX_CHARACTERS
    last = -1
    for start, end in snippet.highlights:
        assert last < start < end <= len(snippet.text)
        last = end
    if (place := text.find(snippet.text)) > 0 and text.count(snippet.text) == 1 and snippet.text:
        assert not continues(text[place]) or text[place - 1].isspace()


@given(text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_places_of_folded_characters_cover_the_text_in_order(text: str) -> None:
    folded, starts, ends = fold_with_places(text, list_other_characters(text))
    assert len(folded) == len(starts) == len(ends)
    assert list(starts) == sorted(starts)
    assert list(ends) == sorted(ends)
    assert all(start < end <= len(text) for start, end in zip(starts, ends, strict=True))


def test_a_highlight_has_the_vowel_marks_of_its_word() -> None:
    snippet = snip("كتاب", "هذا كِتَابٌ جديد")
    assert highlighted(snippet) == ["كِتَابٌ"]


@given(
    piece=st.from_regex(r"""[(\["']{0,2}[A-Za-zé]{1,12}[.,;:!?)\]"'#+%-]{0,3}""", fullmatch=True),
    language=st.sampled_from(["english", "german", "french"]),
)
@settings(max_examples=300, deadline=None)
def test_a_word_between_punctuation_marks_is_the_word_that_the_index_has(piece: str, language: str) -> None:
    folded, _, _ = fold_with_places(piece, list_other_characters(piece))
    analysed = analyse((language,), folded)
    assert [word for _, _, word, _, _ in analysed] == split_words(piece, singles=True)[0]
    assert all(folded[start:end].lower().startswith(word[:1]) for start, end, word, _, _ in analysed)


@given(token=st.from_regex(r"[A-Za-z0-9éß]{1,9}([-.'/:@+&_][A-Za-z0-9É]{1,9}){0,4}|[水門東京ก-ฮ]{1,9}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_a_token_has_the_words_that_the_index_has(token: str) -> None:
    folded, _, _ = fold_with_places(token, list_other_characters(token))
    assert [word.word for word in split_token(folded)] == split_words(token, singles=True)[0]


def test_the_time_is_linear_in_the_occurrences() -> None:
    check_linear(lambda number: make_snippets("gate lock", ["gate lock " * number]), 2_000)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("Müller", "Herr Mueller und Frau Müller", ["Mueller", "Müller"]),
        ("2021-04-07", "It opened on 7 April 2021 at noon.", ["7 April 2021"]),
        ("7 April 2021", "Opened 2021-04-07, closed 1999.", ["2021-04-07"]),
        ("12,500", "A sum of 12.500,00 Euro.", ["12.500,00"]),
        ("2021-04-07", "Se abrió el 7 de abril de 2021.", ["7 de abril de 2021"]),
    ],
)
def test_a_word_is_highlighted_in_another_spelling_and_notation(query: str, text: str, expected: list[str]) -> None:
    assert highlighted(snip(query, text)) == expected
