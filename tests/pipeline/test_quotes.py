"""An answer quotes the few pieces that answer the question, at most 350 characters."""

import pytest

from app.pipeline.answering.matching import QuestionWords
from app.pipeline.answering.quotes import Found, choose_quotes

FILLER = "The harbour is old and its walls are thick. Boats of all kinds lie there in winter."


def ask(question: str, *texts: str, context: str = "") -> list[str]:
    passages = [Found(text, context, score=1 / (1 + place)) for place, text in enumerate(texts)]
    quotes = choose_quotes(question, QuestionWords(question, {"": 100}), passages)
    for quote in quotes:
        assert passages[quote.passage].text[quote.start : quote.end] == quote.text
    return [quote.shown for quote in quotes]


def test_the_sentence_with_the_words_of_the_question_comes_first() -> None:
    text = f"{FILLER} The keeper of the Alder Gate is Ines Holm. {FILLER}"
    assert ask("Who is the keeper of the Alder Gate?", FILLER, text)[0] == "The keeper of the Alder Gate is Ines Holm."


def test_a_sentence_of_the_best_passage_is_preferred() -> None:
    good = "The Alder Gate was built in 1931 by the town. It opens at six."
    weak = "It opens at nine. The museum has a café."
    assert ask("When does the Alder Gate open?", good, weak)[0].startswith(("It opens at six", "The Alder Gate"))


def test_a_sentence_with_the_type_of_answer_is_preferred() -> None:
    text = "The gate was built by the town of Holm. The gate was built in 1931."
    assert ask("When was the gate built?", text)[0] == "The gate was built in 1931."
    assert ask("Who built the gate?", text)[0] == "The gate was built by the town of Holm."


def test_a_definition_is_preferred_where_one_is_asked_for() -> None:
    text = "Ships pass a sluice twice a day. A sluice is a channel with a gate. Every sluice of the town is painted."
    assert ask("What is a sluice?", text)[0] == "A sluice is a channel with a gate."


def test_quotes_are_at_most_350_characters_together() -> None:
    text = " ".join(
        f"The gate number {number} opens at {number} for ships with timber and coal." for number in range(40)
    )
    shown = ask("When does the gate open for ships?", text)
    assert len(shown) > 1
    assert sum(map(len, shown)) <= 350


def test_each_further_quote_adds_something() -> None:
    text = "The gate opens at six. The walls are thick and old. The gate closes at nine in the evening."
    assert "The walls are thick and old." not in ask("When does the gate open and close?", text)


def test_text_that_two_chunks_share_is_quoted_once() -> None:
    sentence = "The gate opens at six."
    assert ask("When does the gate open?", f"{sentence} {FILLER}", f"{sentence} It is old.").count(sentence) == 1


def test_a_title_that_repeats_the_question_is_not_the_answer() -> None:
    text = "Opening of the Alder Gate.\n\nThe Alder Gate opens at six in the morning."
    assert ask("opening of the Alder Gate", text)[0] == "The Alder Gate opens at six in the morning."


def test_a_row_is_shown_with_its_header_and_quoted_exactly() -> None:
    rows = "Port | Draught\nAlder Gate | 4.2 m\nBirch Gate | 3.1 m\nElm Gate | 2.0 m"
    assert ask("What is the draught at Birch Gate?", rows)[0] == "Port: Birch Gate, Draught: 3.1 m"


@pytest.mark.parametrize("text", ["", "?", "\n\n", "# Title", "a | b"])
def test_a_passage_without_anything_to_quote_gives_no_answer(text: str) -> None:
    assert ask("What is the draught?", text) == []


@pytest.mark.parametrize("mark", ["## ", ""])
def test_what_follows_the_same_question_or_heading_is_the_answer(mark: str) -> None:
    text = f"""{mark}How do I cancel a booking?

Write to the office before noon.

{mark}How do I change a booking?

Call the pilot. A booking that you cancel and change is charged."""
    assert ask("How can I cancel my booking?", text)[0] in {
        "Write to the office before noon.",
        "A booking that you cancel and change is charged.",
    }
    assert "Write to the office before noon." in ask("How can I cancel my booking?", text)


def test_similar_meaning_decides_between_equal_words() -> None:
    text = "The gate is green. The gate is shut."
    passages = [Found(text, score=1)]
    asked = QuestionWords("What colour is the gate?", {})

    def compare(_question: str, others: list[str]) -> list[float]:
        return [float("green" in other) for other in others]

    [first, *_] = choose_quotes("What colour is the gate?", asked, passages, compare)  # type: ignore[arg-type]
    assert first.text == "The gate is green."
