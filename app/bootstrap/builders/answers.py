from dataclasses import dataclass
from functools import partial

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.builders.specs import build_spec_generation, build_specs
from app.bootstrap.models import WORDLLAMA, describe_embedding
from app.domain.vectors import EmbeddingSpec
from app.services.answers.answers import Answers
from app.services.answers.evaluation_runs import EvaluationRuns
from app.services.answers.evaluations import Evaluations
from app.services.answers.explanations import Explanations
from app.services.answers.extractive import Extraction
from app.services.answers.generation import ChatLimits, Generation
from app.services.answers.index_decisions import IndexDecisions
from app.services.answers.neighbours import Neighbours
from app.services.answers.question_sets import QuestionSets
from app.services.answers.reranking import Reranking
from app.services.answers.results import Results
from app.services.answers.search import Search
from app.services.answers.several_agents import SeveralAgents
from app.services.answers.spec_generation import SpecGeneration
from app.services.answers.specs import Specs
from app.services.answers.streams import AnswerStreams
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class AnswerServices:
    """``app.services.answers``."""

    answers: Answers
    results: Results
    evaluation_runs: EvaluationRuns
    evaluations: Evaluations
    index_decisions: IndexDecisions
    question_sets: QuestionSets
    search: Search
    streams: AnswerStreams
    specs: Specs
    spec_generation: SpecGeneration


def build_answers(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    providers: ProviderServices,
    indexing: IndexingServices,
    intake: IntakeServices,
) -> AnswerServices:
    """Build search, answers to questions, and evaluations of both."""
    database = adapters.database
    reranking = (
        Reranking(database, providers.calls, adapters.reranker, settings.rerank_candidates)
        if adapters.reranker
        else None
    )
    search = Search(database, indexing.chunks, indexing.vectors, reranking)
    generation = _build_generation(settings, adapters, providers)
    answers = Answers(
        database,
        queue.admission,
        intake.backpressure,
        search,
        _build_extraction(settings, adapters, search),
        generation,
    )
    agents, reranks = SeveralAgents(database, search), reranking is not None
    results = Results(agents, Neighbours(database), Explanations(database), reranks=reranks)
    runs = EvaluationRuns(database, search, answers, indexing.vectors)
    return AnswerServices(
        answers=answers,
        evaluation_runs=runs,
        evaluations=Evaluations(database, queue.admission, intake.backpressure, indexing.vectors),
        index_decisions=IndexDecisions(database, runs, indexing.vectors),
        question_sets=QuestionSets(database),
        results=results,
        search=search,
        streams=AnswerStreams(database),
        specs=build_specs(settings, adapters, queue, intake),
        spec_generation=build_spec_generation(settings, adapters, queue, indexing, intake, generation),
    )


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


def _build_extraction(settings: Settings, adapters: Adapters, search: Search) -> Extraction:
    """Answers from quotes. The default model compares sentences; others are paid for, or slow."""
    embedding = describe_embedding(settings)
    is_fast = embedding == EmbeddingSpec("local", WORDLLAMA)
    return Extraction(search, partial(adapters.embedders, embedding) if is_fast else None)
