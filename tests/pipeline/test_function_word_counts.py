"""The counts of function words, by which the language of a text is guessed."""

from fractions import Fraction

import pytest

from app.pipeline.words.function_words import LANGUAGES_OF, count_function_words
from app.pipeline.words.languages import guess_languages, list_other_characters


def test_a_word_of_several_languages_counts_for_a_part_in_each() -> None:
    words = [*LANGUAGES_OF]
    expected = dict[str, Fraction]()
    for word in words:
        for language in LANGUAGES_OF[word]:
            expected[language] = expected.get(language, Fraction()) + Fraction(1, len(LANGUAGES_OF[word]))
    found = count_function_words(words)
    assert {language: pytest.approx(float(count)) for language, count in expected.items()} == found


def test_a_word_counts_once_however_often_a_text_has_it() -> None:
    assert count_function_words(["und"] * 5) == count_function_words(["und"])


def test_texts_without_function_words_have_no_counts() -> None:
    assert count_function_words(["alder", "gate"]) == {}
    assert guess_languages(["alder"], "alder") == ["english"]


@pytest.mark.parametrize("text", ["", "plain", "Müller ß ц", "half \ud83d of a pair", "漢字 and 🙂"])
def test_the_characters_beyond_ascii_are_those_of_the_text(text: str) -> None:
    assert list_other_characters(text) == {character for character in text if ord(character) > 127}
