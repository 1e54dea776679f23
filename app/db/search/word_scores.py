"""The scores of a segment's chunks by the words of a query, as ``app.db.search.ranking`` computes them in SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.db.search.ranking import WordScore
from app.db.search.word_segments import KEY, Keys
from app.domain.vectors import VectorKey

Numbers = NDArray[Any]

_REST = np.pi**2 / 6 - np.concatenate([[0], np.cumsum(1 / np.arange(1, 256) ** 2)])
_FREQUENCY = np.where(np.arange(256) > 0, (2 - _REST) / (2 + _REST), 0).astype(np.float32)
"""The share of its weight that a word adds, by the number of its occurrences: ``_FREQUENCY`` of ``ranking``."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a word of the query that some of the agent's chunks have.

    ``word`` is the word's number. Only a form that ``chooses`` finds chunks; the others rank them.
    """

    lexeme: str
    word: int
    weight: float
    chooses: bool


class Chunks:
    """The keys and lengths of a segment's chunks, in the order of the keys."""

    def __init__(self, keys: Keys, lengths: Numbers) -> None:
        self.keys = keys
        self.factors = (1 / np.log2(2 + lengths / 100)).astype(np.float32)
        self._bytes = keys.view("S16")  # sorts as the keys do, in less time
        self._documents, self._numbers = np.unique(keys["document_id"].astype(np.int64), return_inverse=True)

    def find(self, sought: Keys) -> tuple[Numbers, Numbers]:
        """The places of those of the keys that are here, and their places among the given ones."""
        asked = sought.view("S16")
        places = np.searchsorted(self._bytes, asked).clip(max=len(self.keys) - 1)
        found = np.flatnonzero(self._bytes[places] == asked)
        return places[found], found

    def are_of(self, document_ids: Sequence[int]) -> Numbers:
        """Whether each chunk belongs to one of these documents."""
        return np.isin(self._documents, np.asarray(document_ids, np.int64))[self._numbers]


class ScoredChunks:
    """The chunks of a segment with their scores."""

    def __init__(self, chunks: Chunks, postings: Mapping[str, tuple[Numbers, Numbers]], forms: Iterable[Form]) -> None:
        """Score the chunks.

        Args:
            chunks: The chunks.
            postings: By lexeme, the places of the chunks that have it, and how often each has it.
            forms: The forms of the words, those of a word one after the other.
        """
        self._chunks = chunks
        self._scores = np.zeros(len(chunks.keys), np.float32)
        self._rarities = np.zeros(len(chunks.keys), np.float32)
        self._is_candidate = np.zeros(len(chunks.keys), np.bool_)
        for _, given in groupby(forms, key=lambda form: form.word):
            known = [(form, *postings[form.lexeme]) for form in given if form.lexeme in postings]
            if len(known) == 1:
                self._add_form(*known[0])
            elif known:
                self._add_word(known)
            for form, places, _ in known:
                if form.chooses:
                    self._is_candidate[places] = True
        self._scores *= chunks.factors

    def _add_form(self, form: Form, places: Numbers, counts: Numbers) -> None:
        self._scores[places] += (form.weight * _FREQUENCY)[counts]
        self._rarities[places] += np.float32(form.weight)

    def _add_word(self, forms: Sequence[tuple[Form, Numbers, Numbers]]) -> None:
        """Add a word with several forms: a chunk counts the one that scores best."""
        best, rarity = np.zeros((2, len(self._scores)), np.float32)
        for form, places, counts in forms:
            best[places] = np.maximum(best[places], (form.weight * _FREQUENCY)[counts])
            rarity[places] = np.maximum(rarity[places], np.float32(form.weight))
        self._scores += best
        self._rarities += rarity

    def keep(self, document_ids: Sequence[int]) -> None:
        """Propose only chunks of these documents."""
        self._is_candidate &= self._chunks.are_of(document_ids)

    def list_best(self, count: int) -> tuple[Keys, Numbers]:
        """The keys and scores of the ``count`` best candidates and of those that score the same, in no order."""
        places = np.flatnonzero(self._is_candidate)
        scores = self._scores[places]
        if len(places) > count:
            lowest = np.partition(scores, -count)[-count]
            chosen = scores >= lowest
            places, scores = places[chosen], scores[chosen]
        return self._chunks.keys[places], scores

    def read(self, sought: Keys) -> tuple[Numbers, Numbers, Numbers]:
        """The scores and rarities of those of the keys that are here, and their places among the given ones."""
        places, found = self._chunks.find(sought)
        return self._scores[places], self._rarities[places], found


class WordMatches:
    """How an agent's chunks match the words of a query."""

    def __init__(self, segments: Sequence[ScoredChunks], total: float) -> None:
        """Join the segments.

        Args:
            segments: All segments of the agent.
            total: The rarity of a chunk with all words.
        """
        self._segments = segments
        self._total = total or 1.0

    def list_best(self, count: int) -> list[VectorKey]:
        """The chunks that match best, the best first. Some may be of documents that search does not find."""
        found = [segment.list_best(count) for segment in self._segments]
        if not found:
            return []
        keys = np.concatenate([keys for keys, _ in found], dtype=KEY)
        scores = np.concatenate([scores for _, scores in found])
        order = np.lexsort((keys.view("S16"), -scores))[:count]
        return [VectorKey(*key) for key in keys[order].tolist()]

    def score(self, keys: Collection[VectorKey]) -> dict[VectorKey, WordScore]:
        """The score of each chunk: 0 for those without a word of the query."""
        sought = np.array([(key.document_id, key.edition, key.ordinal) for key in keys], KEY)
        scores, rarities = np.zeros((2, len(sought)), np.float32)
        for segment in self._segments:
            some_scores, some_rarities, found = segment.read(sought)
            scores[found], rarities[found] = some_scores, some_rarities
        shares = (rarities / self._total).tolist()
        return {key: WordScore(*values) for key, *values in zip(keys, scores.tolist(), shares, strict=True)}
