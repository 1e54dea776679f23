# ruff: noqa: RUF001 - letters of many scripts are the point
"""Snippets highlight the words of a query in every script, and where a text has them in another form or notation."""

import pytest

from app.pipeline.words.snippet import make_snippets

FORMS = [
    ("heron gates", "The herons wait. The gate opens at nine.", ["herons", "gate"]),
    ("Müller", "Herr Mueller kam am Montag.", ["Mueller"]),
    ("Mueller", "Herr Müller kam am Montag.", ["Müller"]),
    ("2021-03-03", "Signed on 3 March 2021 by both.", ["3 March 2021"]),
    ("3 March 2021", "Signed on 2021-03-03 by both.", ["2021-03-03"]),
    ("07.04.2021", "The date is April 7, 2021.", ["April 7, 2021"]),
    ("12,500", "The sum is 12500 euros.", ["12500"]),
    ("12.500,00", "The sum is 12,500.00 euros.", ["12,500.00"]),
    ("HTTP429", "The server answers HTTP 429 then.", ["HTTP", "429"]),
    (".NET", "We use .NET here.", [".NET"]),
    ("maximaler Tiefgang", "Der maximale Tiefgang beträgt 2,4 Meter.", ["maximale", "Tiefgang"]),
    ("Straße", "Die Strasse ist lang.", ["Strasse"]),
    ("bibliothèque", "Les bibliothèques de la ville.", ["bibliothèques"]),
    ("cafe\u0301", "Das Café ist zu.", ["Café"]),
    ("café", "Das Cafe\u0301 ist zu.", ["Cafe\u0301"]),
    ("１２３", "The number 123 is here.", ["123"]),
    ("الكتاب", "قرأت كتاباً جديداً", ["كتاباً"]),
    ("βιβλιοθήκη", "Οι βιβλιοθήκες της πόλης", ["βιβλιοθήκες"]),
    ("библиотека", "Книги в библиотеках города", ["библиотеках"]),
    ("İstanbul", "istanbul'da yaşıyor", ["istanbul"]),
    ("पुस्तकालय", "शहर के पुस्तकालयों में", ["पुस्तकालयों"]),
    ("thư viện", "Các thư viện trong thành phố", ["thư", "viện"]),
    ("图书馆", "城市的图书馆很大。", ["图书馆"]),
    ("図書館", "この図書館は大きい", ["図書館"]),
    ("도서관", "도시의 도서관은 크다", ["도서관"]),
    ("heron", "🦢🏽 the 👩‍🚀 heron", ["heron"]),
]


@pytest.mark.parametrize(("query", "text", "expected"), FORMS)
@pytest.mark.parametrize("around", ["", "🙂 " * 200], ids=["alone", "in a long text"])
def test_words_are_highlighted_where_the_text_has_them(query: str, text: str, expected: list[str], around: str) -> None:
    whole = f"{around}{text} {around}".strip()
    (snippet,) = make_snippets(query, [whole])
    assert snippet.text in whole
    assert [snippet.text[start:end] for start, end in snippet.highlights] == expected


@pytest.mark.parametrize("text", ["A text that is only near in meaning. " * 20, "短い文です。" * 80, "", "   "])
def test_a_text_without_any_word_of_the_query_is_shown_from_its_start(text: str) -> None:
    (snippet,) = make_snippets("heron", [text])
    assert (snippet.highlights, text.strip().startswith(snippet.text)) == ([], True)
    assert len(snippet.text) <= 300
