"""Question sets are read up to their largest number of questions."""

from collections.abc import Iterator

import pytest

from app.domain.errors import InvalidQuestionsError
from app.domain.questions import MOST_QUESTIONS, read_lines, read_list


@pytest.mark.parametrize("value", [1, {}, {"question": "Why?", "documents": ["a.txt"]}])
def test_reading_ends_with_the_first_question_that_is_one_too_many(value: object) -> None:
    read: list[int] = []

    def list_values() -> Iterator[object]:
        for number in range(1_000_000):
            read.append(number)
            yield value

    with pytest.raises(InvalidQuestionsError):
        read_list(list_values())
    assert len(read) == MOST_QUESTIONS + 1


def test_of_a_million_lines_that_are_wrong_the_first_ones_are_parsed() -> None:
    with pytest.raises(InvalidQuestionsError, match=r"line 1: Is not valid JSON.*There are 4,981 more errors\.$"):
        read_lines("x\n" * 1_000_000)
