"""Whether what the settings choose can be had, seen before anything starts."""

import asyncio

import structlog

from app.bootstrap.models import WORDLLAMA, Embedders, choose_chat, describe_embedding
from app.bootstrap.services import Services
from app.bootstrap.stores import make_store
from app.domain.errors import ProviderBusyError, ProviderDownError
from app.settings import Settings

_STORE_SECONDS = 10.0

log = structlog.get_logger()


def check_choices(settings: Settings) -> None:
    """See that the chosen models and the store of vectors have their keys, addresses and packages. Asks nobody.

    Raises:
        StartupError: names the first that something is missing for.
    """
    spec = describe_embedding(settings)
    if spec.model != WORDLLAMA:  # which is always there, and would be loaded
        Embedders(settings)(spec)
    if settings.vector_store != "pgvector":
        make_store(settings, settings.vector_store)
    choose_chat(settings)


async def check_store(services: Services) -> None:
    """Try the store of vectors at start. One that is away may come back, and until then is only told of.

    Raises:
        StartupError: when it refuses, or holds no such vectors.
    """
    index = await services.indexing.vectors.get_active()
    if not services.indexing.vector_indexes.requested.matches(index):
        return  # it goes out of use, and these settings need not reach it
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            await services.indexing.vectors.check(index)
    except (ProviderBusyError, ProviderDownError) as error:
        log.warning("vector_store_away", store=index.store, detail=error.detail)
    except TimeoutError:
        log.warning("vector_store_away", store=index.store, detail=f"no answer within {_STORE_SECONDS:g} s")
