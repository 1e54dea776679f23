"""Calibration: measures how well a model finds an agent's own texts, from the texts alone, with no labelled questions.

A sentence is taken out of each of a hundred chunks. The rest of its chunk is the right answer to it, and the rests of
the other chunks are wrong ones (the inverse cloze task, Lee et al. 2019). The model and the words each rank all rests
for each sentence. Their mean reciprocal ranks say how far the model can be trusted with these texts: a model that does
not know their language, or that reads only the beginning of long ones, finds few of its sentences. The spread of its
cosines gives their unit, which differs between models by a factor of ten. docs/adr/0002-hybrid-ranking.md has the
measurements.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.vectors import Vector
from app.pipeline.chunking.chunk import find_sentences
from app.pipeline.ranking.fusion import EVEN, Balance
from app.pipeline.words.lexemes import lexemes
from app.pipeline.words.query import read_query

SAMPLE = 128
"""The number of chunks that are measured; twice as many give the same balance within some per cent."""
LEAST = 48
"""The least number of usable chunks; with fewer, chance decides."""

_SHORTEST, _LONGEST = 25, 200  # characters of a sentence
_FIRST_UNSPACED = "\u0e00"

# The strength of a model is its mean reciprocal rank divided by that of the words. Up to _WEAK, its weight is the
# least, and from _STRONG the greatest. Between both, a match of few words counts less and less.
_WEAK, _STRONG = 0.6, 1.1
_LEAST_WEIGHT, _GREATEST_WEIGHT = 0.02, 0.15
"""Of one standard deviation of the cosines, where the best match by words counts 1."""
_GREATEST_DOUBT = 0.6
_MOST_SCALE = 20.0  # of a cosine

Matrix = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Cloze:
    """A sentence of a text, and the text without it."""

    sentence: str
    rest: str


def make_clozes(texts: Sequence[str]) -> list[Cloze]:
    """A sentence of each text that is long enough. The same texts always give the same sentences."""
    made = (_make_cloze(text, number) for number, text in enumerate(texts))
    return [cloze for cloze in made if cloze is not None]


def _make_cloze(text: str, number: int) -> Cloze | None:
    """A sentence of the text, at a place that differs from text to text; None where the text is too short."""
    if len(text) < 4 * _SHORTEST:
        return None
    longest = min(_LONGEST, len(text) // 2)
    spans = [(start, end) for start, end in find_sentences(text) if _SHORTEST <= end - start <= longest]
    start, end = spans[number * 7 % len(spans)] if spans else _choose_window(text, number)
    sentence, rest = text[start:end].strip(), f"{text[:start]} {text[end:]}".strip()
    return Cloze(sentence, rest) if sentence and rest else None


def _choose_window(text: str, number: int) -> tuple[int, int]:
    """A part of a text that has no sentence marks, from word to word where the script has spaces."""
    length = min(_LONGEST, max(_SHORTEST, len(text) // 6))
    start = number * 7919 % (len(text) - length)
    end = start + length
    while start and _is_within_word(text, start):
        start -= 1
    while end < len(text) and _is_within_word(text, end):
        end += 1
    return start, end


def _is_within_word(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    return before.isalnum() and after.isalnum() and max(before, after) < _FIRST_UNSPACED


def calibrate(clozes: Sequence[Cloze], sentences: Sequence[Vector], rests: Sequence[Vector]) -> Balance:
    """The balance for a model and texts like these.

    Takes some tenths of a second of CPU.

    Args:
        clozes: Those of the sample.
        sentences: The unit vectors of the clozes' sentences.
        rests: The unit vectors of the clozes' rests.
    """
    if len(clozes) < LEAST:
        return EVEN
    cosines = np.asarray(sentences, dtype=np.float32) @ np.asarray(rests, dtype=np.float32).T
    by_words = _rank_right(_score_words(clozes))
    if by_words == 0:
        return EVEN
    return choose_balance(_rank_right(cosines) / by_words, _measure_spread(cosines))


def choose_balance(strength: float, spread: float) -> Balance:
    """The balance for a model.

    Args:
        strength: The model's mean reciprocal rank, divided by that of the words.
        spread: The standard deviation of its cosines between unrelated texts.
    """
    trust = min(1.0, max(0.0, (strength - _WEAK) / (_STRONG - _WEAK)))
    weight = _LEAST_WEIGHT * (_GREATEST_WEIGHT / _LEAST_WEIGHT) ** trust
    scale = min(_MOST_SCALE, weight / max(spread, 1e-6))
    return Balance(words=1 / (1 + scale), doubt=_GREATEST_DOUBT * trust)


def _rank_right(scores: Matrix) -> float:
    """The mean reciprocal rank of the right answers, which are on the diagonal; equal scores count as better."""
    right = scores.diagonal()[:, None]
    ranks = (scores >= right).sum(axis=1)
    return float(np.where(scores.diagonal() == 0, 0, 1 / ranks).mean())


def _measure_spread(cosines: Matrix) -> float:
    """The standard deviation within a row of the cosines with wrong answers."""
    wrong = cosines[~np.eye(len(cosines), dtype=bool)].reshape(len(cosines), -1)
    return float(np.sqrt(wrong.var(axis=1).mean()))


def _score_words(clozes: Sequence[Cloze]) -> Matrix:
    """The score by words of each sentence (row) with each rest (column), as search scores them."""
    impacts: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for column, cloze in enumerate(clozes):
        for lexeme, impact in _weigh(cloze.rest).items():
            impacts[lexeme][column] = impact
    scores = np.zeros((len(clozes), len(clozes)))
    for row, cloze in enumerate(clozes):
        for word in read_query(cloze.sentence).words:
            best: dict[int, float] = {}
            for lexeme, factor in zip(word.lexemes, word.list_weights(), strict=True):
                found = impacts.get(lexeme, {})
                rarity = factor * log(1 + (len(clozes) - len(found) + 0.5) / (len(found) + 0.5))
                for column, impact in found.items():
                    best[column] = max(best.get(column, 0.0), rarity * impact)
            for column, score in best.items():
                scores[row, column] += score
    return scores


def _weigh(text: str) -> dict[str, float]:
    """The weight of each lexeme of a text: it saturates with each occurrence, and falls with the text's length."""
    places = lexemes(text)
    length = sum(map(len, places.values()))
    return {lexeme: len(found) / (len(found) + 1) / log2(2 + length / 100) for lexeme, found in places.items()}
