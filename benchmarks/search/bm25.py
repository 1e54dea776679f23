"""The library bm25s on a labelled set, with and without a stemmer: the better one is the peer of Sluice's search."""

import importlib
from collections.abc import Sequence
from typing import Any

import Stemmer

from benchmarks.search.labelled_sets import LabelledSet

_STEMMERS = {
    "ar": "arabic",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "tr": "turkish",
}
_library: Any = importlib.import_module("bm25s")  # without types
_STOP_WORDS = {"de", "en", "es", "fr", "it", "nl", "pt", "ru"}  # languages for which the library has function words


def rank(labelled: LabelledSet, top: int, *, stemmed: bool) -> list[list[str]] | None:
    """The ids of the best passages for each question; None where there is no stemmer of the language."""
    if stemmed and labelled.language not in _STEMMERS:
        return None
    stemmer = Stemmer.Stemmer(_STEMMERS[labelled.language]) if stemmed else None
    stop_words = labelled.language if labelled.language in _STOP_WORDS else []

    def tokenize(texts: Sequence[str]) -> Any:
        return _library.tokenize(list(texts), stopwords=stop_words, stemmer=stemmer, show_progress=False)

    ids = list(labelled.passages)
    index = _library.BM25()
    index.index(tokenize(list(labelled.passages.values())), show_progress=False)
    questions = tokenize([question.text for question in labelled.questions])
    found, _ = index.retrieve(questions, k=min(top, len(ids)), show_progress=False)
    return [[ids[number] for number in row] for row in found]
