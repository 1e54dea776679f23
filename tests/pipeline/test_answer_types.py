"""What kind of answer a question asks for."""

import pytest

from app.pipeline.answering.answer_types import AnswerType, asks_definition, find_answer_type, has_answer


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When does the gate open?", AnswerType.NUMBER),
        ("How many ships pass?", AnswerType.NUMBER),
        ("Who opens the gate?", AnswerType.NAME),
        ("Where is the gate?", AnswerType.NAME),
        ("What is a gate?", None),
        ("¿Cuándo abre la puerta?", AnswerType.NUMBER),
        ("¿Quién abre la puerta?", AnswerType.NAME),
        ("Wie viele Schiffe fahren?", AnswerType.NUMBER),
        ("Wer öffnet das Tor?", AnswerType.NAME),
        ("Combien de bateaux passent ?", AnswerType.NUMBER),
        ("Chi apre la porta?", AnswerType.NAME),
        ("Quantas portas existem?", AnswerType.NUMBER),
        ("Hoeveel schepen varen er?", AnswerType.NUMBER),
        ("Когда открываются ворота?", AnswerType.NUMBER),
        ("Câte porți sunt?", AnswerType.NUMBER),
        ("Kapıyı kim açar?", AnswerType.NAME),  # noqa: RUF001
        ("Πότε ανοίγει η πύλη;", AnswerType.NUMBER),
        ("Có bao nhiêu cổng?", AnswerType.NUMBER),
        ("门什么时候开？", AnswerType.NUMBER),  # noqa: RUF001
        ("谁开门？", AnswerType.NAME),  # noqa: RUF001
        ("متى تفتح البوابة؟", AnswerType.NUMBER),
        ("द्वार कब खुलता है?", AnswerType.NUMBER),
    ],
)
def test_the_words_of_a_question_suggest_the_type_of_its_answer(question: str, kind: AnswerType | None) -> None:
    assert find_answer_type(question) is kind


@pytest.mark.parametrize(
    ("kind", "question", "text", "has"),
    [
        (AnswerType.NUMBER, "When was gate 7 built?", "Gate 7 was built in 1931.", True),
        (AnswerType.NUMBER, "When was gate 7 built?", "Gate 7 was built of oak.", False),
        (AnswerType.NUMBER, "How many gates are there?", "There are three gates.", True),
        (AnswerType.NUMBER, "有多少门", "有三个门", True),
        (AnswerType.NAME, "Who built the Alder Gate?", "The Alder Gate was built by Ines Holm.", True),
        (AnswerType.NAME, "Who built the Alder Gate?", "The Alder Gate was built of oak.", False),
        (AnswerType.NAME, "谁建了门", "门是王建的", True),
    ],
)
def test_a_text_has_an_answer_that_the_question_lacks(kind: AnswerType, question: str, text: str, *, has: bool) -> None:
    assert has_answer(kind, question, text) is has


@pytest.mark.parametrize(
    "question",
    ["What is a lock?", "Who was Ines Holm?", "¿Qué es una esclusa?", "Was ist ein Schloss?", "Что такое шлюз?"],
)
def test_a_question_for_a_definition_is_recognised(question: str) -> None:
    assert asks_definition(question)
    assert not asks_definition("Where is the lock?")
