"""An answer quotes the few pieces that answer the question, at most 350 characters."""

import pytest

from app.pipeline.answering.matching import QuestionWords
from app.pipeline.answering.pieces import list_pieces
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


TOWNS = "Town | Inhabitants | Mayor\nEkby | 19437 | Karin Strand\nTorby | 31631 | Nils Holm\nAlmby | 1204 | Olof Berg"


def test_rows_about_something_else_are_not_added() -> None:
    assert ask("How many inhabitants does Ekby have?", TOWNS) == ["Town: Ekby, Inhabitants: 19437, Mayor: Karin Strand"]
    assert len(ask("Which mayors do the towns have?", TOWNS)) == 3
    assert len(ask("Who are the mayors of Ekby and Almby?", TOWNS)) == 2


def test_entries_about_something_else_are_not_added() -> None:
    text = "The warranty covers:\n\n- the motor, for 3 years\n- the casing, for 10 years\n- the seals, for 6 months"
    assert ask("How long does the warranty cover the casing?", text) == [
        "The warranty covers: - the casing, for 10 years"
    ]
    assert len(ask("What does the warranty cover?", text)) == 3


def test_nothing_is_added_to_a_sentence_that_has_every_word_and_the_type_of_answer() -> None:
    text = "The roof was replaced on 7 April 2021. The hall opens at 07:30. Visitors report to gate 4."
    assert ask("When was the roof replaced?", text) == ["The roof was replaced on 7 April 2021."]


def test_a_heading_without_a_mark_is_no_part_of_a_quote() -> None:
    text = (
        "The Alder Gate\nThe maximum draught at the Alder Gate is 1.42 metres, the least on the line. "
        "Draught is measured at the deepest point of the hull."
    )
    assert ask("What is the maximum draught at the Alder Gate?", text) == [
        "The maximum draught at the Alder Gate is 1.42 metres, the least on the line."
    ]
    wrapped = "The gate was built by the town of\nHolm, which lies on the river."
    assert ask("Who built the gate?", wrapped)[0] == " ".join(wrapped.split())


def test_the_number_of_an_entry_belongs_to_the_entry() -> None:
    text = "To start the pump:\n\n1. Open valve A.\n2. Close valve B. Wait.\n3. Press the green button."
    assert [piece.shown for piece in list_pieces(text)][1:] == [
        "To start the pump: 1. Open valve A.",
        "To start the pump: 2. Close valve B. Wait.",
        "To start the pump: 3. Press the green button.",
    ]


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
