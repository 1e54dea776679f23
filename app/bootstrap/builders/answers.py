from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.services.answers.answers import Answers
from app.services.answers.explanations import Explanations
from app.services.answers.extractive import Extraction
from app.services.answers.generation import Generation
from app.services.answers.neighbours import Neighbours
from app.services.answers.results import Results
from app.services.answers.search import Search
from app.services.answers.several_agents import SeveralAgents


@dataclass(frozen=True, slots=True)
class AnswerServices:
    """``app.services.answers``."""

    answers: Answers
    results: Results
    search: Search


def build_answers(
    adapters: Adapters,
    queue: QueueServices,
    providers: ProviderServices,
    indexing: IndexingServices,
    intake: IntakeServices,
) -> AnswerServices:
    """Build search, and answers to questions."""
    database = adapters.database
    search = Search(database, indexing.chunks, indexing.vectors)
    generation = Generation(database, providers.calls, adapters.chat) if adapters.chat else None
    answers = Answers(database, queue.admission, intake.backpressure, search, Extraction(search), generation)
    results = Results(SeveralAgents(database, search), Neighbours(database), Explanations(database))
    return AnswerServices(answers=answers, results=results, search=search)
