from dataclasses import dataclass
from functools import partial

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.builders.search import SearchServices
from app.bootstrap.models import WORDLLAMA, describe_embedding
from app.domain.vectors import EmbeddingSpec
from app.services.answers.answers import Answers
from app.services.answers.extractive import Extraction
from app.services.answers.generation import ChatLimits, Generation
from app.services.answers.streams import AnswerStreams
from app.services.search.search import Search
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class AnswerServices:
    """``app.services.answers``. ``generation`` is None without a language model."""

    answers: Answers
    streams: AnswerStreams
    generation: Generation | None


def build_answers(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    providers: ProviderServices,
    intake: IntakeServices,
    search: SearchServices,
) -> AnswerServices:
    """Build answers to questions."""
    generation = _build_generation(settings, adapters, providers)
    answers = Answers(
        adapters.database,
        queue.admission,
        intake.backpressure,
        search.search,
        _build_extraction(adapters, search.search),
        generation,
    )
    return AnswerServices(answers, AnswerStreams(adapters.database), generation)


def _build_generation(settings: Settings, adapters: Adapters, providers: ProviderServices) -> Generation | None:
    """Answers by a language model. A local embedding model helps to check them; a paid one would cost too much."""
    if adapters.chat is None:
        return None
    embedding = describe_embedding(settings)
    return Generation(
        adapters.database,
        providers.calls,
        adapters.chat,
        ChatLimits(
            settings.openai_chat_context_tokens, settings.openai_chat_passages_share, settings.openai_chat_max_tokens
        ),
        adapters.embedders(embedding) if embedding.provider == "local" else None,
    )


def _build_extraction(adapters: Adapters, search: Search) -> Extraction:
    """Answers from quotes. The default model compares sentences, whatever model the settings have.

    It is in every installation, takes milliseconds, and the bounds of evidence and quotes were measured with it.
    """
    return Extraction(search, partial(adapters.embedders, EmbeddingSpec("local", WORDLLAMA)))
