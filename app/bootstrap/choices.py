"""Checks at start: whether the chosen models and stores are configured and usable."""

import asyncio

import structlog

from app.bootstrap.models import WORDLLAMA, Embedders, choose_chat, choose_reranker, describe_embedding
from app.bootstrap.prices import choose_prices
from app.bootstrap.services import Services
from app.bootstrap.stores import make_store
from app.domain.errors import ProviderBusyError, ProviderDownError
from app.settings import Settings

_STORE_SECONDS = 10.0

log = structlog.get_logger()


def check_choices(settings: Settings) -> None:
    """Check that models and vector store have their keys, addresses and packages, and that the prices are valid.

    Calls no provider.

    Raises:
        StartupError: names the first setting for which something is missing.
    """
    spec = describe_embedding(settings)
    if spec.model != WORDLLAMA:  # which is always installed; making it would load it
        Embedders(settings)(spec)
    if settings.vector_store != "pgvector":
        make_store(settings, settings.vector_store)
    choose_chat(settings)
    choose_reranker(settings)
    choose_prices(settings)


async def check_store(services: Services) -> None:
    """Try the vector store at start. If it is unavailable, a warning is logged: it may be available later.

    Raises:
        StartupError: when it refuses access, or lacks the index.
    """
    index = await services.indexing.vectors.get_active()
    if not services.indexing.vector_indexes.requested.matches(index):
        return  # another index is replacing it, and these settings need not reach its store
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            await services.indexing.vectors.check(index)
    except (ProviderBusyError, ProviderDownError) as error:
        log.warning("vector_store_unavailable", store=index.store, detail=error.detail)
    except TimeoutError:
        log.warning("vector_store_unavailable", store=index.store, detail=f"no answer within {_STORE_SECONDS:g} s")
