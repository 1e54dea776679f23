"""Follow-up questions are completed by the subject of the question before, by a rule."""

# ruff: noqa: RUF001 (punctuation of other scripts)

import pytest

from app.pipeline.answering.follow_up import Turn, read_rewriting, rewrite_by_rule
from tests.growth import check_linear

GATE = "What is the maximum draught at the Alder Gate?"


@pytest.mark.parametrize(
    ("former", "question", "rewritten"),
    [
        (GATE, "And when does it open?", "And when does it open? (Alder Gate)"),
        ("How long is the quay of the old harbour?", "Who built it?", "Who built it? (long quay old harbour)"),
        ("What was the revenue of Acme Corp in 2021?", "And in 2022?", "And in 2022? (revenue Acme Corp)"),
        (
            "Wie tief ist die Schleuse am Erlentor?",
            "Und wann schließt sie?",
            "Und wann schließt sie? (Schleuse Erlentor)",
        ),
        ("What is the fee at Karsund?", "And at Ostby?", "And at Ostby? (fee)"),
        ("Wer leitet den Einkauf?", "Und der Verkauf?", "Und der Verkauf? (leitet)"),
        ("What does E1045 mean?", "Why?", "Why? (E1045)"),
        ("赤杨闸是什么时候建的？", "它什么时候关闭？", "它什么时候关闭？ (赤杨闸是什么时候建的？)"),
    ],
)
def test_a_question_with_a_pronoun_or_few_words_gets_the_subject(former: str, question: str, rewritten: str) -> None:
    assert rewrite_by_rule(question, [Turn("user", former), Turn("assistant", "Two.")]) == rewritten


@pytest.mark.parametrize(
    "question",
    [
        "How many barges pass the old lock each year?",
        "Wer war Bürgermeister von Bremen im Jahr 1911?",
        "What is the capital of Mongolia?",
        "What is the fee at Ostby?",
    ],
)
def test_a_question_that_is_complete_stays_as_it_is(question: str) -> None:
    assert rewrite_by_rule(question, [Turn("user", GATE)]) == question


def test_the_subject_is_kept_over_several_questions() -> None:
    turns = [Turn("user", GATE), Turn("user", "When was it built?")]
    assert "Alder Gate" in rewrite_by_rule("And its height?", turns)


def test_a_first_question_stays_as_it_is() -> None:
    assert rewrite_by_rule("When?", []) == "When?"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("When does the Alder Gate open?", "When does the Alder Gate open?"),
        ("Question: When does the gate open?", "When does the gate open?"),
        ("Sure!\n\n**When does the gate open?**", "When does the gate open?"),
        ("I am sorry.", None),
        ("", None),
        ("word " * 500, None),
    ],
)
def test_what_a_model_has_written_is_used_only_if_it_is_a_question(written: str, read: str | None) -> None:
    assert read_rewriting(written, "And when does it open?") == read


@pytest.mark.parametrize("word", ["w{number}x{turn}", "Quay{number}x{turn}", "berth-{number}-{turn}"])
def test_a_long_conversation_takes_linear_time_and_adds_no_more_than_some_lines(word: str) -> None:
    def rewrite(turns: int) -> str:
        said = (" ".join(word.format(number=n, turn=turn) for n in range(900))[:8000] for turn in range(turns))
        return rewrite_by_rule("And when does it open?", [Turn("user", f"And it {words}") for words in said])

    check_linear(rewrite, 5)
    assert len(rewrite(20)) < 1500
