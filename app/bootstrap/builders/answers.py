from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.services.answers.answers import Answers
from app.services.answers.search import Search


@dataclass(frozen=True, slots=True)
class AnswerServices:
    """``app.services.answers``."""

    answers: Answers
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
    answers = Answers(database, queue.admission, intake.backpressure, search, providers.calls, adapters.chat)
    return AnswerServices(answers=answers, search=search)
