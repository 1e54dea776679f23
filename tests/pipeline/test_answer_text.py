"""The text of an answer: its visible part, its sentences while they arrive, and its numbers."""

from collections.abc import Sequence

import pytest

from app.pipeline.answering.numbers import list_numbers, list_values
from app.pipeline.answering.segments import Segments, split_segments
from app.pipeline.answering.visible import VisibleText
from tests.growth import check_linear

ANSWERS = (
    "It shuts at dusk. [1] Herons nest [2]. Boats.",
    "- a [1]\n- b [2]\n\n1911 was [1].",
    "闸门在黄昏时关闭[2]。白鹭等候晚班船[1][2]。",
    "It shuts.[1][2]\nNext one [3,\n1]. [1]\n[2] is. A. [1]  \n",
    "It shuts at dusk.[1] The boat waits.[2][3] It sinks.¹ The end.[1]",
    "One sentence without an end",
)


def show(pieces: Sequence[str]) -> str:
    """What is visible of a text that arrives in these pieces."""
    visible, shown = VisibleText(), ""
    for piece in pieces:
        restarts = visible.restarts
        text = visible.feed(piece)
        shown = text if visible.restarts > restarts else shown + text
    return shown + visible.end()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a<think>x</think>b", "ab"),
        ("a<THINK>x</THINK>b", "ab"),
        ("<reasoning>x</reasoning>b", "b"),
        ("a [THINK]x[/THINK] b", "a  b"),
        ("<think>never closed", ""),
        ("only closed</think>b [1].", "b [1]."),
        ("<|channel|>analysis<|message|>x<|end|><|channel|>final<|message|>b", "b"),
        ("1 < 2 and <b>bold</b> <thin", "1 < 2 and <b>bold</b> <thin"),
    ],
)
def test_blocks_of_reasoning_are_hidden_however_the_text_is_cut(written: str, shown: str) -> None:
    for size in (1, 2, 3, 7, 100):
        assert show([written[at : at + size] for at in range(0, len(written), size)]) == shown


@pytest.mark.parametrize("answer", ANSWERS)
def test_sentences_that_arrive_in_pieces_are_those_of_the_whole_answer(answer: str) -> None:
    for size in (1, 3, 10, 100):
        segments = Segments()
        found = [part for at in range(0, len(answer), size) for part in segments.feed(answer[at : at + size])]
        assert found + segments.end() == split_segments(answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_sentences_are_the_whole_answer(answer: str) -> None:
    assert "".join(split_segments(answer)).rstrip() == answer.rstrip()


def test_marks_behind_a_sentence_belong_to_it_and_those_of_a_new_line_to_that_line() -> None:
    assert split_segments("It shuts. [1] It opens.\n[2] It sinks.") == [
        "It shuts. [1]",
        " It opens.",
        "\n[2] It sinks.",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12,500", "12.500,00"),
        ("2.4", "2,4"),
        ("2400", "2,400"),
        ("07", "7"),
        ("1,234,567.5", "1234567.5"),
        ("4", "four"),
    ],
)
def test_numbers_compare_in_any_notation(one: str, other: str) -> None:
    [number] = list_numbers(f"It is {one} metres.")
    assert number & list_values(f"It takes {other} metres.")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("7.30 Uhr", "07:30"),
        ("7:30", "7.30 Uhr"),
        ("9 p.m.", "21:00"),
        ("21:00", "9 PM"),
        ("12 a.m.", "0:00"),
        ("7:30", "7:30 p.m."),
        ("9 p.m.", "9 to 11 p.m."),
        ("7h30", "07:30"),
    ],
)
def test_times_compare_in_any_notation(said: str, written: str) -> None:
    values = list_values(f"It opens at {written}.")
    assert all(number & values for number in list_numbers(f"It opens at {said}."))


@pytest.mark.parametrize(
    ("said", "written"), [("9 pm", "9 a.m."), ("7:30 am", "7:30 p.m."), ("7:30", "8:30"), ("7:30 p.m.", "07:30")]
)
def test_other_times_are_other_numbers(said: str, written: str) -> None:
    values = list_values(f"It opens at {written}.")
    assert not all(number & values for number in list_numbers(f"It opens at {said}."))


def test_marks_right_behind_a_sentence_end_it() -> None:
    assert split_segments("It shuts.[1] It opens.[2][3] Rain fell, e.g.[1] in May.¹ The end.") == [
        "It shuts.[1]",
        " It opens.[2][3]",
        " Rain fell, e.g.[1] in May.¹",
        " The end.",
    ]


def test_the_number_of_a_list_item_is_no_number() -> None:
    assert list_numbers("2. It was built in 1911.") == [frozenset({"1911"})]


def test_hostile_text_takes_linear_time() -> None:
    def arrive(text: str) -> None:
        segments, visible = Segments(), VisibleText()
        for at in range(0, len(text), 5):
            segments.feed(visible.feed(text[at : at + 5]))
        segments.end()

    for piece in ("a", "a. ", "[1] ", "<think>", "</think>", "<", "[", "\n", "1,"):
        check_linear(lambda size, piece=piece: arrive(piece * (size // len(piece))), 500)  # type: ignore[misc]


@pytest.mark.parametrize("filler", [" ", ".", "\u00b9", "[1]"])
def test_a_long_run_behind_a_mark_takes_linear_time(filler: str) -> None:
    check_linear(lambda size: split_segments(f"It shuts at dusk.[1]{filler * size}1"), 2_000)
