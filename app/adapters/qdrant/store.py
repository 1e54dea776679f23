"""Vectors in Qdrant: one collection for each vector index, with the agents as its tenants."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from qdrant_client import AsyncQdrantClient, models

from app.adapters.qdrant.connection import CollectionMissingError, QdrantConnection
from app.adapters.qdrant.points import (
    AGENT,
    DOCUMENT,
    EDITION,
    FIELDS,
    GRAPHS,
    group,
    is_any,
    is_of,
    make_points,
    name_edition,
    name_point,
    read_point,
)
from app.domain.counting import count_of
from app.domain.errors import (
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    StartupError,
    VectorLengthError,
)
from app.domain.vectors import Match, Vector, VectorBatch, VectorIndex, VectorKey

_PIECE_POINTS = 1_000
_PIECE_BYTES = 4 * 1024 * 1024
"""The size of the numbers in one request: 40 ms of work for this process. By default, servers accept 32 MB."""
_NUMBER_BYTES = 24
"""The longest form of a number as JSON, with its separator."""
_CONDITION_VALUES = 5_000
"""Documents or points in the filter of one request."""
_REQUESTS_AT_ONCE = 4
"""Parts of one query that are sent at the same time."""
_PAGE = 2_000
# A filter that leaves few vectors disconnects the graph. ACORN also follows the excluded vectors.
_ACORN = models.SearchParams(acorn=models.AcornSearchParams(enable=True))
_EXACT = models.SearchParams(exact=True)


class QdrantStore:
    """A vector store in Qdrant.

    It connects at the first request, and each event loop has its own connections, so a store may be made before a fork.

    Args:
        url: The address of Qdrant's REST API; the default port is 6333.
        api_key: The API key; None for a server without authentication.
        collection: The prefix of the names of collections; the id of the index follows.
        time_limit: Seconds for a request.
    """

    name = "qdrant"
    transactional = False
    search = None

    def __init__(self, *, url: str, api_key: str | None, collection: str, time_limit: float) -> None:
        self._connection = QdrantConnection(url=url, api_key=api_key, time_limit=time_limit)
        self._collection = collection
        self._lengths: dict[str, int] = {}  # of the vectors, by the names of collections that exist

    async def check(self, index: VectorIndex) -> None:
        """Check that the collection, if it exists, is for such vectors."""
        name = self._locate(index)
        try:
            found = await self._describe(name)
            if found is not None:
                length = _read_length(found)
                _check_length(length, index.embedding.dimensions or length)
        except ProviderCredentialsError as error:
            raise StartupError(f"Qdrant rejects QDRANT_API_KEY: {error.detail}") from None
        except (ProviderRequestError, VectorLengthError) as error:
            raise StartupError(f"Qdrant's collection {name!r} cannot be used: {error.detail}") from None
        except ValueError as error:
            raise StartupError(f"QDRANT_URL: {error}.") from None

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Pieces of at most a thousand vectors and four megabytes of JSON."""
        longest = max(map(len, batch.vectors.values()), default=0)
        count = max(1, min(_PIECE_POINTS, _PIECE_BYTES // (_NUMBER_BYTES * max(1, longest))))
        return [
            VectorBatch(batch.agent_id, batch.document_id, batch.edition, dict(piece))
            for piece in group(list(batch.vectors.items()), count)
        ]

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:  # noqa: ARG002 - a parameter of the port
        """Write one piece. When this returns, it is on the server's disk and queries find it."""
        lengths = sorted({len(vector) for vector in batch.vectors.values()})
        if not lengths:
            return
        for length in lengths:
            _check_length(index.embedding.dimensions or lengths[0], length)
        name, points = self._locate(index), make_points(batch)
        try:
            await self._write(name, lengths[0], points)
        except CollectionMissingError:  # it was removed after it was last seen
            self._lengths.pop(name, None)
            await self._write(name, lengths[0], points)

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Do nothing: queries find a vector as soon as it is written."""

    async def query(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None = None,
        without: Sequence[tuple[int, int]] = (),
    ) -> list[Match]:
        """Find an agent's nearest vectors. If very many documents are named, several requests are sent."""
        alternatives: list[list[models.Condition]] = [[is_of(agent_id)]]
        if document_ids is not None:
            distinct = list(dict.fromkeys(document_ids))
            alternatives = [[is_of(agent_id), is_any(DOCUMENT, ids)] for ids in group(distinct, _CONDITION_VALUES)]
        excluded: list[models.Condition] | None = None
        if without:
            excluded = [is_any(EDITION, [name_edition(*edition) for edition in without])]
        how = _ACORN if without or document_ids is not None else None
        filters = [models.Filter(must=conditions, must_not=excluded) for conditions in alternatives]
        found: list[Match] = []
        for some in group(filters, _REQUESTS_AT_ONCE):
            answers = await asyncio.gather(*(self._search(index, vector, one, limit, how) for one in some))
            found += chain.from_iterable(answers)
        return sorted(found, key=lambda match: match.similarity, reverse=True)[:limit]

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """Compute the cosines of these vectors, by an exact search among them."""
        found: list[Match] = []
        for some in group(list(dict.fromkeys(keys)), _CONDITION_VALUES):
            named = models.HasIdCondition(has_id=[name_point(key) for key in some])
            chosen = models.Filter(must=[is_of(agent_id), named])
            found += await self._search(index, vector, chosen, len(some), _EXACT)
        return {match.key: match.similarity for match in found}

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Delete by filter, and check by a count that no vector is left."""
        name = self._locate(index)
        chosen = models.Filter(must=[is_of(agent_id), is_any(EDITION, [name_edition(document_id, edition)])])
        with suppress(CollectionMissingError):
            selector = models.FilterSelector(filter=chosen)
            await self._connection.call(lambda client: client.delete(name, selector, wait=True))
            left = await self._connection.call(lambda client: client.count(name, chosen, exact=True))
            if left.count:
                raise ProviderDownError(f"Qdrant still holds {count_of(left.count, 'vector')} after their deletion.")

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """List the agents by a scan of the points. Each request excludes the agents that were found before."""
        agents: set[str] = set()
        following: Any = None
        while True:
            unknown = models.Filter(must_not=[is_any(AGENT, sorted(agents))]) if agents else None
            points, following = await self._scroll(index, unknown, following, [AGENT])
            agents.update(str((point.payload or {})[AGENT]) for point in points)
            if following is None:
                return sorted(map(int, agents))

    async def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """List the keys of an agent's vectors, a page for each request."""
        own, following = models.Filter(must=[is_of(agent_id)]), None
        while True:
            points, following = await self._scroll(index, own, following, [])
            for point in points:
                yield read_point(point.id)
            if following is None:
                return

    async def drop(self, index: VectorIndex) -> bool:
        """Delete the collection."""
        name = self._locate(index)
        self._lengths.pop(name, None)
        with suppress(CollectionMissingError):
            await self._connection.call(lambda client: client.delete_collection(name))
        return True

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._connection.close()

    def _locate(self, index: VectorIndex) -> str:
        # An index stays in the collection in which it was made, even if the settings have changed.
        prefix = index.place.get("prefix") or self._collection
        return str(index.place.get("collection") or f"{prefix}-{index.id}")

    async def _describe(self, name: str) -> models.CollectionInfo | None:
        try:
            return await self._connection.call(lambda client: client.get_collection(name))
        except CollectionMissingError:
            return None

    async def _write(self, name: str, length: int, points: models.Batch) -> None:
        if name not in self._lengths:
            self._lengths[name] = await self._prepare(name, length)
        _check_length(self._lengths[name], length)
        await self._connection.call(lambda client: client.upsert(name, points, wait=True))

    async def _prepare(self, name: str, length: int) -> int:
        """Create the collection and its indexes if they are missing; returns the length of its vectors."""
        found = await self._describe(name)
        if found is None:
            await self._create(name, length)
            found = await self._describe(name)
        if found is None:
            raise CollectionMissingError(f"The collection {name!r} was removed right after its creation.")
        for field in FIELDS.keys() - found.payload_schema.keys():

            async def make_index(client: AsyncQdrantClient, field: str = field) -> None:
                await client.create_payload_index(name, field, FIELDS[field], wait=True)

            await self._connection.call(make_index)
        return _read_length(found)

    async def _create(self, name: str, length: int) -> None:
        layout = models.VectorParams(size=length, distance=models.Distance.COSINE)
        try:
            await self._connection.call(lambda client: client.create_collection(name, layout, hnsw_config=GRAPHS))
        except ProviderRequestError:
            if await self._describe(name) is None:
                raise  # otherwise, another process has created it

    async def _search(
        self,
        index: VectorIndex,
        vector: Vector,
        chosen: models.Filter,
        limit: int,
        how: models.SearchParams | None,
    ) -> list[Match]:
        name, numbers = self._locate(index), list(vector)
        try:
            answer = await self._connection.call(
                lambda client: client.query_points(
                    name, numbers, query_filter=chosen, search_params=how, limit=limit, with_payload=False
                )
            )
        except CollectionMissingError:
            return []
        return [Match(read_point(point.id), point.score) for point in answer.points]

    async def _scroll(
        self, index: VectorIndex, chosen: models.Filter | None, offset: Any, fields: list[str]
    ) -> tuple[list[models.Record], Any]:
        """A page of points with these fields, and the offset of the next page, or None after the last one."""
        name = self._locate(index)
        try:
            return await self._connection.call(
                lambda client: client.scroll(name, chosen, _PAGE, offset=offset, with_payload=fields or False)
            )
        except CollectionMissingError:
            return [], None


def _check_length(expected: int, length: int) -> None:
    if length != expected:
        raise VectorLengthError(f"The index holds vectors of {expected} dimensions; these have {length}.")


def _read_length(found: models.CollectionInfo) -> int:
    layout = found.config.params.vectors
    if not isinstance(layout, models.VectorParams) or layout.distance != models.Distance.COSINE:
        raise ProviderRequestError("Sluice did not create it: its vectors are named, or not compared by cosine.")
    return layout.size
