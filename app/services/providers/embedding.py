"""Embedding: vectors by a model that computes here, or by a provider that is paid for each text once.

A provider's answer is kept, and counted for the bill, before the next request is made. So an attempt that is put off,
or dies, finds what it paid for when it comes back; and a text that two tasks want at once is asked for by one of them.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID, uuid4

from app.db.embedded_texts import claim_texts, find_vectors, release_claims, renew_claims, save_vectors
from app.db.engine import Database
from app.db.provider_usage import count_usage
from app.domain.errors import DatabaseUnavailableError, ProviderBusyError
from app.domain.ports import Embedder
from app.domain.vectors import Account, EmbeddingResult, TextBatch, Vector
from app.services.providers.calls import ProviderCalls
from app.services.providers.renewal import renewing

_LOOKED_UP_AT_ONCE = 500
_HOLD_SECONDS = 15.0
_OTHERS_SECONDS = 30.0
_LOOK_SECONDS = 0.25

OnDone = Callable[[int], Awaitable[None]]


class Embedding:
    """Makes vectors of texts.

    Args:
        database: Where those that were paid for are kept.
        providers: How a provider is asked.
        claim_seconds: How long nobody else asks for a text that a process asks for, once nothing is heard of it.
        wait_seconds: How long a task waits in place for what others ask for.
    """

    def __init__(
        self,
        database: Database,
        providers: ProviderCalls,
        *,
        claim_seconds: float = _HOLD_SECONDS,
        wait_seconds: float = _OTHERS_SECONDS,
    ) -> None:
        self._database = database
        self._providers = providers
        self._claim_seconds = claim_seconds
        self._wait_seconds = wait_seconds

    async def embed(self, embedder: Embedder, texts: Sequence[str], account: Account, on_done: OnDone) -> list[Vector]:
        """One vector a text, in order.

        Args:
            embedder: The model.
            texts: Of which.
            account: Whose work it is.
            on_done: Told how many texts are done, again and again.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError: what was answered
                before is kept.
        """
        if embedder.provider is None:
            return await _compute(embedder, texts, on_done)
        purchase = _Purchase(embedder, embedder.provider, account, texts)
        await self._look_up(purchase)
        await on_done(purchase.done)
        deadline = time.monotonic() + self._wait_seconds
        while purchase.missing:
            before = purchase.done
            await self._buy(purchase, on_done)
            if purchase.missing:
                await self._look_up(purchase)
            if purchase.done > before:
                await on_done(purchase.done)
                deadline = time.monotonic() + self._wait_seconds
            elif time.monotonic() > deadline:
                detail = f"Waiting for provider {purchase.provider}: another task has asked for the same texts."
                raise ProviderBusyError(detail, retry_after=self._claim_seconds * random.uniform(1, 1.5))  # noqa: S311 - spreads load
            elif purchase.missing:
                await asyncio.sleep(_LOOK_SECONDS)
        return purchase.list_vectors()

    async def embed_query(self, embedder: Embedder, text: str, account: Account) -> Vector:
        """The vector of a question. Somebody waits for it, so nobody else's request for the same text is waited for.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        if embedder.provider is None:
            return (await embedder.embed([text])).vectors[0]
        purchase = _Purchase(embedder, embedder.provider, account, [text])
        await self._look_up(purchase)
        if purchase.missing:
            tokens = sum(batch.tokens for batch in embedder.batches([text]))
            await self._ask(purchase, purchase.missing, tokens)
        return purchase.list_vectors()[0]

    async def _look_up(self, purchase: "_Purchase") -> None:
        """Find what was paid for before, or by others meanwhile, and what others ask for now."""
        missing = purchase.missing
        purchase.held.clear()
        for start in range(0, len(missing), _LOOKED_UP_AT_ONCE):
            async with self._database.statement() as connection:
                found = await find_vectors(connection, purchase.model, missing[start : start + _LOOKED_UP_AT_ONCE])
            purchase.vectors |= found.vectors
            purchase.held |= found.held

    async def _buy(self, purchase: "_Purchase", on_done: OnDone) -> None:
        """Ask for what is missing, but for what others ask for."""
        free = [hash_ for hash_ in purchase.missing if hash_ not in purchase.held]
        for batch in await purchase.share(free):
            wanted = free[batch.start : batch.end]
            async with self._held(purchase, wanted) as mine:
                if not mine:
                    continue
                # What others ask for makes the request smaller, and what room it takes.
                tokens = batch.tokens if len(mine) == len(wanted) else await purchase.measure(mine)
                await self._ask(purchase, mine, tokens)
            await on_done(purchase.done)

    @asynccontextmanager
    async def _held(self, purchase: "_Purchase", hashes: Sequence[bytes]) -> AsyncIterator[list[bytes]]:
        """Within the block, be the one that asks for those texts that are yielded."""
        model, holder = purchase.model, purchase.holder
        held = set(hashes)  # as may be, where it is not known how that ended
        try:
            async with self._database.statement() as connection:
                held = await claim_texts(connection, model, hashes, holder, self._claim_seconds)
            if mine := [hash_ for hash_ in hashes if hash_ in held]:
                async with renewing(partial(self._renew, purchase, mine), self._claim_seconds / 3):
                    yield mine
            else:
                yield mine
        finally:
            if lost := held - purchase.vectors.keys():
                with suppress(DatabaseUnavailableError):  # then the hold runs out
                    async with self._database.statement() as connection:
                        await release_claims(connection, model, list(lost), holder)

    async def _renew(self, purchase: "_Purchase", hashes: Sequence[bytes]) -> None:
        async with self._database.statement() as connection:
            await renew_claims(connection, purchase.model, hashes, purchase.holder, self._claim_seconds)

    async def _ask(self, purchase: "_Purchase", hashes: Sequence[bytes], tokens: int) -> None:
        """One request, kept and counted as soon as it is answered."""
        await self._providers.call(purchase.provider, partial(self._pay, purchase, hashes), tokens=tokens)

    async def _pay(self, purchase: "_Purchase", hashes: Sequence[bytes]) -> None:
        """Ask; what was answered is kept though the task is cancelled meanwhile."""
        embedded = await purchase.request(hashes)
        keeping = asyncio.create_task(self._keep(purchase, hashes, embedded))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait({keeping})
            raise

    async def _keep(self, purchase: "_Purchase", hashes: Sequence[bytes], embedded: EmbeddingResult) -> None:
        vectors = dict(zip(hashes, embedded.vectors, strict=True))
        async with self._database.transaction() as connection:
            await save_vectors(connection, purchase.model, vectors)
            await count_usage(
                connection, purchase.account, purchase.provider, purchase.model, input_tokens=embedded.tokens
            )
        purchase.vectors |= vectors


class _Purchase:
    """The texts that are wanted of a provider, by their hashes; the vectors that are there; those others ask for."""

    def __init__(self, embedder: Embedder, provider: str, account: Account, texts: Sequence[str]) -> None:
        self.provider = provider
        self.account = account
        self.model = embedder.model
        self.holder: UUID = uuid4()
        self.vectors: dict[bytes, Vector] = {}
        self.held: set[bytes] = set()
        self._embedder = embedder
        self._hashes = [_hash(text) for text in texts]
        self._texts = dict(zip(self._hashes, texts, strict=True))

    @property
    def missing(self) -> list[bytes]:
        """The texts whose vectors are not there yet, each once, in the order of the texts."""
        return [hash_ for hash_ in self._texts if hash_ not in self.vectors]

    @property
    def done(self) -> int:
        """How many of the texts have their vectors."""
        return sum(hash_ in self.vectors for hash_ in self._hashes)

    def list_vectors(self) -> list[Vector]:
        """One a text, in order."""
        return [self.vectors[hash_] for hash_ in self._hashes]

    async def share(self, hashes: Sequence[bytes]) -> list[TextBatch]:
        """How to share texts among requests."""
        if not hashes:
            return []
        # Tokens of whole documents are counted off the event loop.
        return await asyncio.to_thread(self._embedder.batches, self._list_texts(hashes))

    async def measure(self, hashes: Sequence[bytes]) -> int:
        """The tokens of texts."""
        return sum(batch.tokens for batch in await self.share(hashes))

    async def request(self, hashes: Sequence[bytes]) -> EmbeddingResult:
        """Ask for the vectors of texts."""
        return await self._embedder.embed(self._list_texts(hashes))

    def _list_texts(self, hashes: Sequence[bytes]) -> list[str]:
        return [self._texts[hash_] for hash_ in hashes]


async def _compute(embedder: Embedder, texts: Sequence[str], on_done: OnDone) -> list[Vector]:
    vectors: list[Vector] = []
    for batch in embedder.batches(texts):
        vectors += (await embedder.embed(texts[batch.start : batch.end])).vectors
        await on_done(len(vectors))
    return vectors


def _hash(text: str) -> bytes:
    # A question may hold half a surrogate pair, which JSON can spell and UTF-8 cannot.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
