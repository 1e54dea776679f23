from app.pipeline.text import clean, clean_line
from tests.deadlines import within


def test_what_cannot_be_seen_is_gone_and_what_can_be_seen_stays() -> None:
    assert clean("a\x00b\x1fc\u00add\u200be\ufefff\ud800g\x9fh") == "abcdefgh"


def test_line_ends_and_spaces_become_plain() -> None:
    assert clean("a\r\nb\rc\u2028d\u00a0e  \nf\t\n") == "a\nb\nc\nd e\nf"


def test_text_is_composed() -> None:
    assert clean("Ko\u0308nnen") == "Können"


def test_joiners_that_words_are_spelt_with_stay() -> None:
    assert clean("\u0645\u06cc\u200c\u062e\u0648\u0645") == "\u0645\u06cc\u200c\u062e\u0648\u0645"


def test_two_blank_lines_stay_of_many() -> None:
    assert clean("a" + "\n" * 9 + "b") == "a\n\n\nb"


def test_a_title_is_one_line_of_bounded_length() -> None:
    assert clean_line(" A\n title\x00 ", limit=4) == "A ti"


def test_hostile_runs_take_no_longer_than_text_of_their_length() -> None:
    hostile = ["a" + "\u0315\u0300" * 250_000, " " * 500_000 + "x", "\n" * 500_000, "\u00a0" * 500_000 + "é"]
    with within(5):
        for text in hostile:
            clean(text)


def test_a_character_is_cleaned_alike_in_ascii_and_in_other_text() -> None:
    for code in (*range(0x80), 0x2028):
        text = f"a{chr(code)}b{chr(code)}"
        assert clean(f"{text}ü") == clean(f"{text}u").removesuffix("u") + "ü"
