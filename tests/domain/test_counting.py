"""Numbers with their nouns."""

import pytest

from app.domain.counting import count_of


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "chunk", "0 chunks"), (1, "chunk", "1 chunk"), (2, "chunk", "2 chunks"), (3, "entry", "3 entries")],
)
def test_a_noun_has_the_number_of_its_count(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text
