"""A process that calls a provider, or embeds, and never receives an answer: a test kills it.

Arguments: what to do, the database, and the texts to embed. Prints ``asked`` once the request is sent.
"""

import asyncio
import sys
from collections.abc import Sequence

from app.db.engine import Database, create_engine
from app.domain.vectors import Account, EmbeddingResult
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from tests.services.outside import CLAIM_SECONDS, PACE, PROVIDER, NoLimits, PaidEmbedder


async def never_answer() -> None:
    """A request that hangs."""
    print("asked", flush=True)  # noqa: T201 - the test waits for it
    await asyncio.Event().wait()


class HangingEmbedder(PaidEmbedder):
    """An embedder whose requests hang."""

    async def embed(self, _texts: Sequence[str]) -> EmbeddingResult:
        """Never returns."""
        await never_answer()
        raise AssertionError


async def _ignore(_done: int) -> None:
    """Ignore progress."""


async def run(what: str, database_url: str, texts: Sequence[str]) -> None:
    """Run until killed."""
    database = Database(create_engine(database_url, pool_size=3))
    providers = ProviderCalls(database, NoLimits(), policy=PACE, probe_seconds=CLAIM_SECONDS)
    if what == "ask":
        await providers.call(PROVIDER, never_answer)
    else:
        embedding = Embedding(database, providers, claim_seconds=CLAIM_SECONDS)
        await embedding.embed(HangingEmbedder(), texts, Account(1, 1), _ignore)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3:]))
