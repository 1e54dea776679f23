"""Builds the services of ``app.services.search``."""

from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.usage import UsageServices
from app.services.search.explanations import Explanations
from app.services.search.neighbours import Neighbours
from app.services.search.reranking import Reranking
from app.services.search.results import Results
from app.services.search.search import Search
from app.services.search.several_agents import SeveralAgents
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class SearchServices:
    """``app.services.search``."""

    search: Search
    results: Results


def build_search(
    settings: Settings,
    adapters: Adapters,
    providers: ProviderServices,
    indexing: IndexingServices,
    usage: UsageServices,
) -> SearchServices:
    """Build search, with a reranker if the settings name one."""
    database = adapters.database
    reranking = (
        Reranking(database, providers.calls, adapters.reranker, settings.rerank_candidates)
        if adapters.reranker
        else None
    )
    search = Search(database, indexing.chunks, indexing.vectors, reranking)
    agents, reranks = SeveralAgents(database, search), reranking is not None
    neighbours, explanations, count = Neighbours(database), Explanations(database), usage.searches.count
    return SearchServices(search, Results(agents, neighbours, explanations, reranks=reranks, count=count))
