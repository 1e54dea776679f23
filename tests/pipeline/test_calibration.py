"""The balance of words and meaning follows how well a model finds the texts themselves."""

import random
from itertools import pairwise

import numpy as np
import pytest

from app.pipeline.ranking.calibration import LEAST, Cloze, calibrate, choose_balance, make_clozes
from app.pipeline.ranking.fusion import EVEN, Balance

SUBJECTS = 120
LENGTH = 64


def make_texts() -> list[str]:
    """Texts, each on a subject with words of its own among common ones."""
    chosen = random.Random(1)  # noqa: S311 - not for secrets
    common = [f"common{number}" for number in range(40)]
    texts = []
    for subject in range(SUBJECTS):
        own = [f"subject{subject}x{number}" for number in range(6)]
        sentences = (
            " ".join(["The", *chosen.sample(own, 1), *chosen.sample(common, 6)]).capitalize() + "." for _ in range(6)
        )
        texts.append(" ".join(sentences))
    return texts


CLOZES = make_clozes(make_texts())


def make_vectors(noise: float, spread: float) -> tuple[list[list[float]], list[list[float]]]:
    """Vectors of sentences and rests: a direction of the subject, noise, and one that all texts share."""
    numbers = np.random.default_rng(1)
    subjects = numbers.normal(size=(len(CLOZES), LENGTH))
    made = []
    for _ in range(2):
        vectors = subjects + noise * numbers.normal(size=subjects.shape)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.hstack([vectors * spread**0.5, np.full((len(vectors), 1), (1 - spread) ** 0.5)])
        made.append(vectors.tolist())
    return made[0], made[1]


def balance_of(noise: float, spread: float = 1.0) -> Balance:
    return calibrate(CLOZES, *make_vectors(noise, spread))


def test_a_model_that_finds_its_sentences_counts_more_than_one_that_does_not() -> None:
    good, bad = balance_of(0.2), balance_of(20.0)
    assert good.words < bad.words - 0.2
    assert good.doubt > bad.doubt == 0


def test_the_weight_of_a_cosine_does_not_depend_on_the_scale_of_the_model() -> None:
    wide, narrow = balance_of(0.2, spread=1.0), balance_of(0.2, spread=0.1)
    assert wide.doubt == narrow.doubt
    ratio = ((1 - narrow.words) / narrow.words) / ((1 - wide.words) / wide.words)
    assert ratio == pytest.approx(10, rel=0.05)


def test_the_balance_changes_steadily_with_the_strength_of_the_model() -> None:
    weights = [choose_balance(strength / 20, 0.08).words for strength in range(30)]
    assert weights == sorted(weights, reverse=True)
    assert max(before - after for before, after in pairwise(weights)) < 0.08


def test_a_model_whose_cosines_are_all_equal_or_zero_does_not_fail() -> None:
    equal = [[1.0, 0.0]] * len(CLOZES)
    zeros = [[0.0, 0.0]] * len(CLOZES)
    for vectors in (equal, zeros):
        balance = calibrate(CLOZES, vectors, vectors)
        assert 0 < balance.words < 1
        assert balance.doubt == 0


def test_few_texts_give_the_even_balance() -> None:
    few = CLOZES[: LEAST - 1]
    vectors = [[1.0, 0.0]] * len(few)
    assert calibrate(few, vectors, vectors) == EVEN


def test_texts_without_words_give_the_even_balance() -> None:
    clozes = [Cloze("…", "—")] * LEAST
    assert calibrate(clozes, np.eye(LEAST).tolist(), np.eye(LEAST).tolist()) == EVEN


@pytest.mark.parametrize(
    "text",
    [
        "The lock was closed in March. It opens again in May, after the repair of the gate. Boats wait below the weir.",
        "闸门在三月关闭。修理之后它将在五月重新开放。船只在堰下等候直到水位再次上升为止。" * 3,
        "ประตูน้ำปิดในเดือนมีนาคม เปิดอีกครั้งในเดือนพฤษภาคม หลังจากซ่อมแซม เรือรออยู่ใต้ฝาย" * 2,
        "أغلق القفل في مارس. يفتح مرة أخرى في مايو بعد إصلاح البوابة. تنتظر القوارب أسفل السد الكبير في النهر.",
        "name | weight\n" + "barge | 12 t\n" * 12,
    ],
)
def test_a_sentence_is_taken_out_of_a_text_in_any_script(text: str) -> None:
    [cloze] = make_clozes([text])
    assert len(cloze.sentence) >= 20
    assert cloze.sentence in text
    assert len(cloze.sentence) + len(cloze.rest) == pytest.approx(len(text), abs=3)


def test_short_texts_and_a_single_long_word_have_no_sentence_to_take_out() -> None:
    assert make_clozes(["", "A short line.", "x" * 5000]) == []
