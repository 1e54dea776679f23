"""Texts and questions for the benchmark of search: sentences of real passages, recombined, or invented ones.

Either way few words are frequent and most are rare, as in any collection of texts.
"""

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

_CHARACTERS = 900  # of a chunk
_WORDS, _INVENTED = 60_000, 20_000  # different words and sentences, where texts are invented
_SYLLABLES = [first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in ("", "n", "r", "s")]
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences to make chunks from, and questions."""

    sentences: Sequence[str]
    questions: Sequence[str]

    def make_chunks(self, seed: int) -> Iterator[str]:
        """An endless sequence of chunks, the same for the same seed."""
        source = random.Random(seed)  # noqa: S311 - makes texts
        while True:
            chosen = list[str]()
            while sum(map(len, chosen)) < _CHARACTERS:
                chosen.append(source.choice(self.sentences))
            yield " ".join(chosen)


def make_texts(corpus: Path | None) -> Texts:
    """Read the texts of a folder with labelled retrieval sets, or invent some."""
    return _read_texts(corpus) if corpus is not None and corpus.is_dir() else _invent_texts()


def _read_texts(corpus: Path) -> Texts:
    sentences, questions = list[str](), list[str]()
    for path in sorted(corpus.glob("*.json.gz")):
        part: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        for passage in part["passages"].values():
            sentences += [sentence for sentence in _SENTENCE_END.split(passage) if len(sentence) > 20]
        questions += [query["text"] for query in part["queries"]]
    random.Random(0).shuffle(questions)  # noqa: S311 - makes texts
    return Texts(sentences, questions)


def _invent_texts() -> Texts:
    source = random.Random(0)  # noqa: S311 - makes texts
    words = ["".join(source.choices(_SYLLABLES, k=source.randint(1, 4))) for _ in range(_WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))

    def make_sentence(low: int, high: int) -> str:
        return " ".join(source.choices(words, cum_weights=weights, k=source.randint(low, high)))

    return Texts(
        [make_sentence(8, 25) + "." for _ in range(_INVENTED)], [make_sentence(4, 12) + "?" for _ in range(500)]
    )
