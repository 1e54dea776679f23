"""Embedding: makes vectors with a local model, or with a provider that is paid once per text.

A provider's answer is stored, and its usage counted, before the next request is sent. So an attempt that is deferred or
dies finds on its return every vector that was paid for. Two tasks that need the same text send one request: the first
claims the text, the other waits for its vector.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID, uuid4

from app.db.engine import Database
from app.db.providers.usage import count_usage
from app.db.vectors.embedded_texts import claim_texts, find_vectors, release_claims, renew_claims, save_vectors
from app.domain.errors import DatabaseUnavailableError, ProviderBusyError
from app.domain.ports import Embedder
from app.domain.usage import UsageKind
from app.domain.vectors import Account, EmbeddingResult, TextBatch, Vector
from app.services.providers.calls import ProviderCalls
from app.services.providers.renewal import renewing

_LOOKUP_BATCH = 500
_CLAIM_SECONDS = 15.0
_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.25

OnDone = Callable[[int], Awaitable[None]]
"""Receives the number of texts done so far."""


class Embedding:
    """Makes vectors of texts.

    Args:
        database: Holds the vectors that were paid for, and the claims on texts.
        providers: Calls the provider.
        claim_seconds: After how many seconds another process may claim a text, if the process that claimed it has died.
        wait_seconds: How long a task waits here for texts that other tasks have claimed.
    """

    def __init__(
        self,
        database: Database,
        providers: ProviderCalls,
        *,
        claim_seconds: float = _CLAIM_SECONDS,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self._database = database
        self._providers = providers
        self._claim_seconds = claim_seconds
        self._wait_seconds = wait_seconds

    async def embed(self, embedder: Embedder, texts: Sequence[str], account: Account, on_done: OnDone) -> list[Vector]:
        """Embed texts; returns one vector per text, in order.

        Args:
            embedder: The model.
            texts: The texts.
            account: The tenant that usage is charged to.
            on_done: Receives the number of texts done so far.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError: vectors received before
                the error are kept.
        """
        if embedder.provider is None:
            return await _compute(embedder, texts, on_done)
        request = _Request(embedder, embedder.provider, account, texts)
        await self._look_up(request)
        await on_done(request.done)
        deadline = time.monotonic() + self._wait_seconds
        while request.missing:
            before = request.done
            await self._request_missing(request, on_done)
            if request.missing:
                await self._look_up(request)
            if request.done > before:
                await on_done(request.done)
                deadline = time.monotonic() + self._wait_seconds
            elif time.monotonic() > deadline:
                detail = f"Waiting for provider {request.provider}: another task is embedding the same texts."
                raise ProviderBusyError(detail, retry_after=self._claim_seconds * random.uniform(1, 1.5))  # noqa: S311 - spreads load
            elif request.missing:
                await asyncio.sleep(_POLL_SECONDS)
        return request.list_vectors()

    async def embed_query(self, embedder: Embedder, text: str, account: Account) -> Vector:
        """Embed a query. Does not wait for another task's request for the same text, since a user is waiting.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        if embedder.provider is None:
            return (await embedder.embed([text])).vectors[0]
        request = _Request(embedder, embedder.provider, account, [text])
        await self._look_up(request)
        if request.missing:
            tokens = sum(batch.tokens for batch in embedder.batches([text]))
            await self._call(request, request.missing, tokens)
        return request.list_vectors()[0]

    async def _look_up(self, request: "_Request") -> None:
        """Read which vectors were paid for by now, and which texts other tasks have claimed."""
        missing = request.missing
        request.claimed.clear()
        for start in range(0, len(missing), _LOOKUP_BATCH):
            async with self._database.statement() as connection:
                found = await find_vectors(connection, request.model, missing[start : start + _LOOKUP_BATCH])
            request.vectors |= found.vectors
            request.claimed |= found.held

    async def _request_missing(self, request: "_Request", on_done: OnDone) -> None:
        """Request the missing vectors, except those of texts that other tasks have claimed."""
        free = [hash_ for hash_ in request.missing if hash_ not in request.claimed]
        for batch in await request.split(free):
            hashes = free[batch.start : batch.end]
            async with self._claim(request, hashes) as mine:
                if not mine:
                    continue
                # Texts that other tasks have claimed are left out, so the request has fewer tokens.
                tokens = batch.tokens if len(mine) == len(hashes) else await request.count_tokens(mine)
                await self._call(request, mine, tokens)
            await on_done(request.done)

    @asynccontextmanager
    async def _claim(self, request: "_Request", hashes: Sequence[bytes]) -> AsyncIterator[list[bytes]]:
        """Claim texts for the block; yields those that no other task has claimed."""
        model, holder = request.model, request.holder
        claimed = set(hashes)  # all of them, if the statement's outcome is unknown
        try:
            async with self._database.statement() as connection:
                claimed = await claim_texts(connection, model, hashes, holder, self._claim_seconds)
            if mine := [hash_ for hash_ in hashes if hash_ in claimed]:
                async with renewing(partial(self._renew, request, mine), self._claim_seconds / 3):
                    yield mine
            else:
                yield mine
        finally:
            if unanswered := claimed - request.vectors.keys():
                with suppress(DatabaseUnavailableError):  # then the claims expire
                    async with self._database.statement() as connection:
                        await release_claims(connection, model, list(unanswered), holder)

    async def _renew(self, request: "_Request", hashes: Sequence[bytes]) -> None:
        async with self._database.statement() as connection:
            await renew_claims(connection, request.model, hashes, request.holder, self._claim_seconds)

    async def _call(self, request: "_Request", hashes: Sequence[bytes], tokens: int) -> None:
        """Send one request to the provider, whose answer is stored and counted at once."""
        await self._providers.call(request.provider, partial(self._send, request, hashes), tokens=tokens)

    async def _send(self, request: "_Request", hashes: Sequence[bytes]) -> None:
        """Send the request. Its answer is stored even if the task is cancelled in the meantime."""
        result = await request.embed(hashes)
        saving = asyncio.create_task(self._save(request, hashes, result))
        try:
            await asyncio.shield(saving)
        except asyncio.CancelledError:
            await asyncio.wait({saving})
            raise

    async def _save(self, request: "_Request", hashes: Sequence[bytes], result: EmbeddingResult) -> None:
        vectors = dict(zip(hashes, result.vectors, strict=True))
        async with self._database.transaction() as connection:
            await save_vectors(connection, request.model, vectors)
            await count_usage(
                connection,
                request.account,
                UsageKind.EMBEDDING,
                request.provider,
                request.model,
                input_tokens=result.tokens,
            )
        request.vectors |= vectors


class _Request:
    """Texts to embed, by their hashes: the vectors received so far, and the texts that other tasks have claimed."""

    def __init__(self, embedder: Embedder, provider: str, account: Account, texts: Sequence[str]) -> None:
        self.provider = provider
        self.account = account
        self.model = embedder.model
        self.holder: UUID = uuid4()
        self.vectors: dict[bytes, Vector] = {}
        self.claimed: set[bytes] = set()
        self._embedder = embedder
        self._hashes = [_hash(text) for text in texts]
        self._texts = dict(zip(self._hashes, texts, strict=True))

    @property
    def missing(self) -> list[bytes]:
        """The hashes of texts without a vector, each once, in the order of the texts."""
        return [hash_ for hash_ in self._texts if hash_ not in self.vectors]

    @property
    def done(self) -> int:
        """The number of texts that have a vector."""
        return sum(hash_ in self.vectors for hash_ in self._hashes)

    def list_vectors(self) -> list[Vector]:
        """One vector per text, in order."""
        return [self.vectors[hash_] for hash_ in self._hashes]

    async def split(self, hashes: Sequence[bytes]) -> list[TextBatch]:
        """Split texts into batches of one request each."""
        if not hashes:
            return []
        # In a thread: counting the tokens of a whole document takes long.
        return await asyncio.to_thread(self._embedder.batches, self._list_texts(hashes))

    async def count_tokens(self, hashes: Sequence[bytes]) -> int:
        """The number of tokens of texts."""
        return sum(batch.tokens for batch in await self.split(hashes))

    async def embed(self, hashes: Sequence[bytes]) -> EmbeddingResult:
        """Request the vectors of texts."""
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
    # A query may contain half of a surrogate pair, which JSON can express and UTF-8 cannot.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
