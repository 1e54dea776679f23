"""Questions on subjects that the documents do not treat are refused; those on their own subject are answered."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.domain.ports import Embedder
from app.pipeline.words.lexemes import lexemes
from app.services.answers.extractive import Extraction
from tests.services.answering import ACCOUNT, make_hits

PARCELS = """
Parcels to the island of Norderhav are carried by the morning boat. A parcel may weigh at most 31 kilograms,
and its longest side may measure 1.2 metres. Heavier goods travel as freight.

The capital letter on the label names the zone: A is the town, B the peninsula and C the outer islands. Labels
without a letter are returned to the depot.

The depot opens at seven and closes at nineteen o'clock. On public holidays parcels are neither collected nor
delivered. The driver leaves a card when the door stays closed.

Damaged parcels are reported within eight days. The claim needs photographs of the outer packing, of the
contents and of the label. The company pays at most 500 crowns for a parcel without insurance.

Live animals, weapons and liquids above five litres are excluded. Batteries travel only inside the device that
they belong to.
""".strip().split("\n\n")


class Counts:
    """Counts the words of the parcels' documents."""

    async def count_words(self, *_: Any) -> dict[str, int]:
        """As ``Search`` does."""
        counts = {"": len(PARCELS)}
        for text in PARCELS:
            for lexeme in lexemes(text):
                counts[lexeme] = counts.get(lexeme, 0) + 1
        return counts


async def is_answered(question: str) -> bool:
    model = cast("Embedder", WordLlamaEmbedder())
    extraction = Extraction(cast("Any", SimpleNamespace(count_words=Counts().count_words)), lambda: model)
    return bool((await extraction.answer(ACCOUNT, question, make_hits(PARCELS)))["answered"])


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Mongolia?",
        "Which company made the first pocket calculator?",
        "Who wrote the letter that opens the novel Pamela?",
        "How many islands belong to Indonesia?",
        "At what temperature does lithium melt?",
        "When did the last public hanging take place in England?",
        "Which animal carries the bacterium of the plague?",
        "What was the zone of occupation of France in Berlin?",
        "Who invented the battery?",
        "Which driver won the race of Le Mans in 1955?",
        "Was ist die Hauptstadt der Mongolei?",
        "¿Quién pintó las meninas?",
    ],
)
async def test_a_question_on_another_subject_is_refused(question: str) -> None:
    assert not await is_answered(question)


@pytest.mark.parametrize(
    "question",
    [
        "How much may a parcel weigh?",
        "When does the depot open?",
        "How long may the longest side of a parcel be?",
        "Within how many days are damaged parcels reported?",
        "What does the company pay for a parcel without insurance?",
        "Which letter on the label names the outer islands?",
        "Are live animals excluded?",
    ],
)
async def test_a_question_on_the_subject_is_answered(question: str) -> None:
    assert await is_answered(question)
