"""Labelled sets for search: passages, questions, and the passages that are relevant to each question.

A file ``*.json.gz`` of a folder is one set: ``{"lang": …, "passages": {id: text}, "queries": [{"id": …, "text": …}],
"relevant": {query id: [passage id]}}``. A file ``*.json`` has one set for each language: ``{language: {"docs": {id:
text}, "queries": [{"text": …, "rel": [id]}]}}``.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the ids of the passages that are relevant to it."""

    text: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set of one language, given by its two letters."""

    name: str
    language: str
    passages: Mapping[str, str]
    questions: Sequence[Question]


def read_sets(folder: Path) -> list[LabelledSet]:
    """All sets of a folder, by name. Questions without a relevant passage are left out."""
    found = [_read_one(path) for path in folder.glob("*.json.gz")]
    for path in folder.glob("*.json"):
        found += _read_languages(path)
    return sorted(found, key=lambda one: one.name)


def _read_one(path: Path) -> LabelledSet:
    content = json.loads(gzip.decompress(path.read_bytes()))
    relevant = content["relevant"]
    questions = [Question(query["text"], frozenset(relevant.get(query["id"], ()))) for query in content["queries"]]
    return _make_set(path.name.removesuffix(".json.gz"), content["lang"], content["passages"], questions)


def _read_languages(path: Path) -> list[LabelledSet]:
    return [
        _make_set(
            f"{path.stem}_{language}",
            language,
            part["docs"],
            [Question(query["text"], frozenset(query["rel"])) for query in part["queries"]],
        )
        for language, part in json.loads(path.read_text("utf-8")).items()
    ]


def _make_set(name: str, language: str, passages: Mapping[str, str], questions: Sequence[Question]) -> LabelledSet:
    return LabelledSet(name, language, passages, [question for question in questions if question.relevant])
