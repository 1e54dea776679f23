"""The pairs of neighbouring words of a query, and what a text gets that has them."""

import pytest

from app.pipeline.ranking.fusion import Fused, reward_neighbours
from app.pipeline.words.neighbours import read_pairs
from tests.growth import check_linear


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("where is the alder gate?", ["('alder') <1> ('gate' | 'alderg' | 'aldergate')"]),
        ("is the gate of the alder?", ["('gate') <3> ('alder')"]),
        ("gate", []),
        ("", []),
    ],
)
def test_words_are_paired_as_far_apart_as_in_the_query(query: str, pairs: list[str]) -> None:
    assert [pair.write_tsquery() for pair in read_pairs(query)] == pairs


def test_a_compound_has_no_pair_with_its_whole() -> None:
    assert [pair.write_tsquery() for pair in read_pairs("who was Ban Ki-Moon?")][1] == "('ki') <1> ('moon')"


def test_a_long_query_has_a_limited_number_of_pairs() -> None:
    assert len(read_pairs(" ".join(f"alder{number}x" for number in range(500)))) <= 16
    check_linear(lambda size: read_pairs("alder gate " * size), 500)


def test_a_text_with_all_pairs_gets_more_and_no_score_exceeds_one() -> None:
    fused = {"apart": Fused(0.5, 0.5), "together": Fused(0.45, 0.5), "not loaded": Fused(0.1, 0.1)}
    rewarded = reward_neighbours(fused, {"apart": 0.0, "together": 1.0})
    assert rewarded.keys() == {"apart", "together"}
    assert rewarded["together"].score > rewarded["apart"].score
    assert reward_neighbours({"best": Fused(0.5, 0.5)}, {"best": 1.0})["best"].score == pytest.approx(1.0)


def test_texts_without_pairs_keep_their_order() -> None:
    fused = {"first": Fused(0.5, 0.2), "second": Fused(0.4, 0.2)}
    rewarded = reward_neighbours(fused, dict.fromkeys(fused, 0.0))
    assert rewarded["first"].score > rewarded["second"].score
