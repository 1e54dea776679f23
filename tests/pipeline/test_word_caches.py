"""Words that are kept because texts repeat them are the words that a text has without anything kept."""

from collections.abc import Iterator

import pytest
import Stemmer

from app.pipeline.words import languages
from app.pipeline.words import lexemes as module
from app.pipeline.words.folding import fold
from app.pipeline.words.languages import stem_words
from app.pipeline.words.lexemes import TOKEN, find_tokens, is_plain, lexemes, split_parts, split_words
from tests.pipeline.languages import TEXTS


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    """Keep no words from other tests, nor for them."""
    module._known.clear()
    languages._stems.clear()
    yield
    module._known.clear()
    languages._stems.clear()


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_same_lexemes_whatever_was_read_before(text: str) -> None:
    first = list(lexemes(text).items())
    for other in TEXTS:
        lexemes(other)
    assert list(lexemes(text).items()) == first


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("singles", [True, False])
def test_the_words_of_each_token_are_those_of_the_token_alone(text: str, singles: bool) -> None:
    for token in find_tokens(fold(text)):
        for _ in range(2):
            words, _ = split_words(token, singles=singles)
            if is_plain(token, token.lower()):
                assert words == [token.lower()]
            else:
                parts = [part.word for part in split_parts(token, singles=singles)]
                assert words[: len(parts)] == parts


@pytest.mark.parametrize("text", [text for text in map(fold, TEXTS) if text.isascii()])
def test_an_ascii_text_has_the_tokens_that_the_pattern_for_all_scripts_finds(text: str) -> None:
    assert module._ASCII_TOKEN.findall(text) == TOKEN.findall(text)
    odd = "".join(text[place] + "'@:/+&.-_#\\ %$"[place % 14] for place in range(len(text)))
    assert module._ASCII_TOKEN.findall(odd) == TOKEN.findall(odd)


@pytest.mark.parametrize("language", sorted(Stemmer.algorithms()))
def test_stems_are_those_of_the_stemmer_and_numbers_stay(language: str) -> None:
    words = [word for text in TEXTS for word in split_words(text, singles=True)[0]] + ["0", "007", "1234567", "9" * 50]
    stems = Stemmer.Stemmer(language).stemWords(words)
    expected = [stem or word for stem, word in zip(stems, words, strict=True)]
    assert stem_words(words, [language]) == expected
    assert stem_words(words, [language]) == expected


def test_the_words_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TOKENS", 10)
    monkeypatch.setattr(languages, "_MOST_WORDS", 10)
    text = " ".join(f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst")
    assert len(lexemes(text)) == 100
    assert len(module._known) <= 10
    assert all(len(stems) <= 10 for stems in languages._stems.values())
    lexemes("123456 " * 3 + "7777777")
    assert not any(token.isdecimal() for token in module._known), "texts have too many numbers to keep them"


def test_long_tokens_and_words_are_not_kept_whose_parts_would_fill_the_memory() -> None:
    compound, word = "-".join(["lock", "keeper"] * 500), "lockkeeper" * 20
    assert {"lock", "keeper"} <= lexemes(f"{compound} {word} barges").keys()
    assert set(module._known) == {"barges"}
    assert all(len(kept) <= 40 for stems in languages._stems.values() for kept in stems)
