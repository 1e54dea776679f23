"""The score of a chunk is shared by its words and its meaning as the balance says."""

import pytest

from app.pipeline.ranking.fusion import EVEN, MEANING_ALONE, WORDS_ALONE, Balance, Candidate, average, fuse

BY_WORDS = Candidate(words=8.0, share=0.25, meaning=0.1)
BY_MEANING = Candidate(words=2.0, share=0.1, meaning=0.9)
WITHOUT_VECTOR = Candidate(words=4.0, share=0.2, meaning=None)
ALL = [BY_WORDS, BY_MEANING, WITHOUT_VECTOR]


def scores(balance: Balance) -> list[float]:
    return [one.score for one in fuse(ALL, balance)]


def test_words_alone_give_the_best_match_one_and_the_others_their_part_of_it() -> None:
    assert scores(WORDS_ALONE) == [1.0, 0.25, 0.5]


def test_meaning_alone_gives_the_cosine() -> None:
    assert scores(MEANING_ALONE) == [0.1, 0.9, 0.0]


def test_without_doubt_the_best_match_by_words_gets_the_whole_weight_of_the_words() -> None:
    words, meaning = 0.5, 0.05
    first = fuse(ALL, EVEN)[0]
    assert (first.words, first.meaning) == pytest.approx((words, meaning))


def test_with_doubt_words_count_less_where_the_best_match_has_few_of_the_query() -> None:
    few = fuse(ALL, Balance(0.5, doubt=1.0))
    assert [one.words for one in few] == pytest.approx([0.125, 0.03125, 0.0625])
    assert max(range(3), key=lambda number: few[number].score) == 1


def test_doubt_changes_nothing_where_the_best_match_has_all_words_of_the_query() -> None:
    complete = [Candidate(8.0, 1.0, 0.1), Candidate(2.0, 0.4, 0.9)]
    assert fuse(complete, Balance(0.5, doubt=1.0)) == fuse(complete, Balance(0.5))


@pytest.mark.parametrize("words", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("doubt", [0.0, 0.5, 1.0])
def test_a_score_is_at_most_one_and_is_the_sum_of_its_parts(words: float, doubt: float) -> None:
    for one in fuse([*ALL, Candidate(9.0, 1.0, 1.0)], Balance(words, doubt)):
        assert 0 <= one.score <= 1
        assert one.score == one.words + one.meaning


def test_candidates_without_words_are_ranked_by_meaning() -> None:
    assert [one.score for one in fuse([Candidate(0.0, 0.0, 0.8), Candidate(0.0, 0.0, None)], EVEN)] == [0.4, 0.0]
    assert fuse([], EVEN) == []


def test_a_search_over_several_agents_uses_the_mean_of_their_balances() -> None:
    mean = average([Balance(0.2, 1.0), Balance(0.6, 0.0)])
    assert (mean.words, mean.doubt) == pytest.approx((0.4, 0.5))
    assert average([]) == EVEN
