"""A question is answered only from passages that are about it."""

import pytest

from app.pipeline.answering.evidence import LEAST, Evidence
from app.pipeline.answering.matching import QuestionWords
from app.pipeline.words.lexemes import lexemes

PASSAGES = [
    "The net weight of the crate is seven kilos.",
    "The inspection takes place on 9 May 2023 in the north hall.",
    "The bean stew contains no milk and no eggs.",
]


def measure(question: str, passages: list[str]) -> float:
    counts = {"": len(passages)}
    for passage in passages:
        for lexeme in lexemes(passage):
            counts[lexeme] = counts.get(lexeme, 0) + 1
    return Evidence(QuestionWords(question, counts)).measure(passages)


@pytest.mark.parametrize(
    "question",
    [
        "What is the weight of the crate?",
        "How heavy is the crate?",
        "When does the inspection take place?",
        "Where are inspections held?",
        "Does the stew contain milk?",
        "eggs",
        "WEIGHT?",
        "What is it that the crate has?",
    ],
)
def test_a_question_with_words_of_a_passage_is_answered(question: str) -> None:
    assert measure(question, PASSAGES) >= LEAST


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Portugal?",
        "Who won the tournament of 1998?",
        "How many planets does the sun have?",
        "Quelle est la capitale du Portugal ?",
        "Was ist die Hauptstadt von Portugal?",
        "¿Cuál es la capital de Portugal?",
        "Какая столица Португалии?",
        "ポルトガルの首都はどこですか",
        "Please give me a recipe for pancakes with maple syrup",
    ],
)
def test_a_question_on_something_else_is_not_answered(question: str) -> None:
    assert measure(question, PASSAGES) < LEAST


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("Wie schwer ist die Kiste?", "Die Kiste wiegt sieben Kilo."),
        ("¿Cuánto pesa la caja?", "La caja pesa siete kilos."),
        ("Quanto pesano le casse?", "La cassa pesa sette chili."),
        ("Сколько весит ящик?", "Ящики весят семь килограммов."),
        ("Kutunun ağırlığı nedir?", "Kutunun ağırlığı yedi kilodur."),  # noqa: RUF001
        ("Ποιο είναι το βάρος του κιβωτίου;", "Το κιβώτιο έχει βάρος επτά κιλά."),  # noqa: RUF001
        ("这个箱子有多重", "箱子的重量是七公斤"),
        ("箱の重さは", "この箱の重さは七キロです"),
        ("상자의 무게는", "상자 무게는 칠 킬로그램이다"),
    ],
)
def test_other_languages_and_forms_of_a_word_count(question: str, passage: str) -> None:
    assert measure(question, [passage]) >= LEAST


def test_a_question_of_function_words_alone_is_measured_by_them() -> None:
    assert measure("what is it", ["What it is: a crate."]) >= LEAST
    assert measure("what is it", ["A crate."]) < LEAST


NEIGHBOURS = [
    "The ferry to Lindholm leaves from the north pier at seven in the morning.",
    "The ferry to Aspen carries cars on weekdays and leaves from the south pier.",
    "The north pier has a café that opens when the first ferry arrives.",
    "Tickets for the ferry are sold on the pier and by the harbour office.",
    "The harbour office keeps the timetable of the ferry for the winter.",
]


@pytest.mark.parametrize(
    "question",
    [
        "When does the ferry to Lindholm leave?",
        "Does the ferry to Aspen carry cars?",
        "Who keeps the winter timetable?",
    ],
)
def test_a_question_is_answered_where_one_passage_stands_out(question: str) -> None:
    assert measure(question, NEIGHBOURS) >= LEAST


@pytest.mark.parametrize(
    "question",
    [
        "Who was the captain of the ferry Victoria in 1987?",
        "How many passengers of the ferry drowned near Korsholm in the storm?",
        "Which company built the engine of the first ferry in Gothenburg?",
    ],
)
def test_a_question_on_the_subject_of_the_passages_that_none_answers_is_refused(question: str) -> None:
    assert measure(question, NEIGHBOURS) < LEAST


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    counts = {"": 1000, "gate": 900, "draught": 3}
    common, rare = (
        Evidence(QuestionWords("gate draught", counts)).describe([text]) for text in ("the gate", "the draught")
    )
    assert common is not None
    assert rare is not None
    assert common.strength < rare.strength / 5


def test_words_of_several_passages_do_not_add_up() -> None:
    evidence = Evidence(QuestionWords("gate draught", {"": 2, "gate": 1, "draught": 1}))
    assert evidence.measure(["other", "gate draught"]) > evidence.measure(["gate", "draught"])


def test_words_near_each_other_and_in_order_weigh_more() -> None:
    evidence = Evidence(QuestionWords("maximum draught of ships", {"": 100}))
    apart = evidence.measure([f"maximum {'water ' * 80} ships {'and ' * 40} draught"])
    assert apart < evidence.measure([f"{'water ' * 80} the maximum draught of ships {'and ' * 40}"])


def test_a_name_that_the_passage_lacks_speaks_against_it() -> None:
    counts = {"": 100}
    with_name, without = (
        Evidence(QuestionWords(question, counts)).measure(["The council of the town met in spring and chose a mayor."])
        for question in (
            "Which mayor did the town council choose after heron?",
            "Which mayor did the town council choose after Heron?",
        )
    )
    assert without < with_name


def test_an_answer_in_several_versions_of_a_document_is_still_answered() -> None:
    text = "Holidays of {}. Employees may carry over five days of leave into the next year, until the end of March."
    versions = [text.format(year) for year in range(2020, 2025)]
    question = "How many days of unused leave may be carried over?"
    assert measure(question, versions) == pytest.approx(measure(question, versions[:1]), abs=0.05)


def test_few_words_in_common_need_some_meaning_in_common() -> None:
    counts = {"": 100, "queen": 1, "open": 1, "pier": 1}
    evidence = Evidence(QuestionWords("Which queen opened the pier?", counts))
    few = ["The pier is closed in winter.", "The ferry is late."]
    assert evidence.suffices(few, None)
    assert evidence.suffices(few, lambda _: 0.6)
    assert not evidence.suffices(few, lambda _: 0.1)
    assert Evidence(QuestionWords("E1045", {"": 100})).suffices(["The pump shows E1045."], lambda _: 0.0)


def test_meaning_is_compared_with_the_passage_that_has_most_of_the_question() -> None:
    counts = {"": 100, "queen": 1, "open": 1, "pier": 1}
    evidence = Evidence(QuestionWords("Which queen opened the pier?", counts))
    passages = ["The ferry is late.", "The pier was opened by a queen.", "The pier is closed in winter."]
    assert evidence.suffices(passages, [-1.0, 1.0, -1.0].__getitem__)
    assert not evidence.suffices(passages, [1.0, -1.0, 1.0].__getitem__)


def test_nothing_is_evidence_of_nothing() -> None:
    assert Evidence(QuestionWords("?!", {})).measure(["text"]) == 0
    assert Evidence(QuestionWords("gate", {})).measure([]) == 0


@pytest.mark.parametrize("code", ["F9", "E-1045", "f9"])
def test_a_question_on_a_code_that_no_passage_has_is_not_answered(code: str) -> None:
    passages = ["The ferry F1 departs at 06:15, and ferry F2 at 08:40.", *PASSAGES]
    assert measure("When does the ferry F2 depart?", passages) >= LEAST
    assert measure(f"When does the ferry {code} depart?", passages) < LEAST


def test_a_code_is_found_in_another_notation() -> None:
    assert (
        measure("What does E1045 mean?", ["The error E 1045 means that the password was refused.", *PASSAGES]) >= LEAST
    )
