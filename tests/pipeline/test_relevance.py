"""Which results are those that a question expects."""

from app.pipeline.ranking.relevance import Expected, contains, fold, judge

QUOTE = "the heron waits at the old weir until the boat has passed"


def test_without_quotes_each_document_counts_once_at_its_best_passage() -> None:
    passages = [(1, "a"), (2, "b"), (1, "c"), (3, "d")]
    judged = judge(passages, Expected([{3}, {2}, {9}], []))
    assert (judged.gains, judged.relevant, judged.flags) == ([0, 1, 1], 3, [False, True, False, True])


def test_a_file_name_of_several_documents_is_found_by_any_of_them_once() -> None:
    judged = judge([(2, "a"), (1, "b")], Expected([{1, 2}], []))
    assert (judged.gains, judged.relevant) == ([1, 0], 1)


def test_with_quotes_each_passage_counts_by_the_quotes_that_none_before_it_has() -> None:
    passages = [(1, "Nothing."), (1, "One\n TWO three"), (2, "two three"), (2, "four")]
    judged = judge(passages, Expected([], ["one two", "two  THREE", "four"]))
    assert (judged.gains, judged.relevant, judged.flags) == ([0, 2, 0, 1], 3, [False, True, True, True])


def test_a_quote_in_another_document_than_the_expected_ones_does_not_count() -> None:
    judged = judge([(2, "one"), (1, "one")], Expected([{1}], ["one"]))
    assert (judged.gains, judged.flags) == ([0, 1], [False, True])


def test_a_passage_that_begins_or_ends_within_a_quote_has_it_if_it_has_half_of_it() -> None:
    text = f"Every day {QUOTE}, says the keeper."
    start, end = text.index(QUOTE), text.index(QUOTE) + len(QUOTE)
    assert contains(fold(text[: end - 20]), fold(QUOTE))
    assert contains(fold(text[start + 20 :]), fold(QUOTE))
    assert contains(fold(text[start + 5 : end - 5]), fold(QUOTE))
    assert not contains(fold(text[: start + 20]), fold(QUOTE))
    assert not contains("", fold(QUOTE))
    assert not contains(fold("the heron"), fold(QUOTE))
