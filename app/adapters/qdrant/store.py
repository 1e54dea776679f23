"""Vectors in Qdrant: a collection an index, and in it all agents as tenants."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
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
"""Of the numbers in one request: 40 ms of work for this process. Servers take 32 MB unless told otherwise."""
_NUMBER_BYTES = 24
"""A number as JSON, at its longest, with what stands between two."""
_NAMED_AT_ONCE = 5_000
"""Documents or points that one request names."""
_PAGE = 2_000
# A graph falls apart where a filter leaves few of its vectors. ACORN also goes by way of those that are left out.
_AROUND = models.SearchParams(acorn=models.AcornSearchParams(enable=True))
_EXACT = models.SearchParams(exact=True)


class QdrantStore:
    """A vector store in Qdrant.

    Nothing is connected before the first request, and each event loop has connections of its own, so that a store
    may be made before a fork.

    Args:
        url: Where Qdrant's REST interface is; port 6333 unless it names another.
        api_key: None where Qdrant asks for none.
        collection: What the names of collections begin with; the number of the index follows.
        time_limit: Seconds for a request.
    """

    name = "qdrant"
    transactional = False

    def __init__(self, *, url: str, api_key: str | None, collection: str, time_limit: float) -> None:
        self._connection = QdrantConnection(url=url, api_key=api_key, time_limit=time_limit)
        self._collection = collection
        self._lengths: dict[str, int] = {}  # of the vectors in the collections that were seen ready

    async def check(self, index: VectorIndex) -> None:
        """Ask for the collection. It need not be there; if it is, it must be one for such vectors."""
        name = self._locate(index)
        try:
            found = await self._describe(name)
            if found is not None:
                length = _read_length(found)
                _check_length(length, index.embedding.dimensions or length)
        except ProviderCredentialsError as error:
            raise StartupError(f"Qdrant refuses QDRANT_API_KEY: {error.detail}") from None
        except (ProviderRequestError, VectorLengthError) as error:
            raise StartupError(f"The collection {name!r} of Qdrant cannot be used: {error.detail}") from None
        except ValueError as error:
            raise StartupError(f"QDRANT_URL: {error}.") from None

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Pieces of a thousand vectors or four megabytes of JSON at most."""
        longest = max(map(len, batch.vectors.values()), default=0)
        count = max(1, min(_PIECE_POINTS, _PIECE_BYTES // (_NUMBER_BYTES * max(1, longest))))
        return [
            VectorBatch(batch.agent_id, batch.document_id, batch.edition, dict(piece))
            for piece in group(list(batch.vectors.items()), count)
        ]

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:  # noqa: ARG002 - of the port
        """Write one piece. When this returns it is on the server's disk, and found."""
        lengths = sorted({len(vector) for vector in batch.vectors.values()})
        if not lengths:
            return
        for length in lengths:
            _check_length(index.embedding.dimensions or lengths[0], length)
        name, points = self._locate(index), make_points(batch)
        try:
            await self._write(name, lengths[0], points)
        except CollectionMissingError:  # it was removed since it was seen
            self._lengths.pop(name, None)
            await self._write(name, lengths[0], points)

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Return: what has been written is found."""

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
        """An agent's nearest vectors; where very many documents are named, by several requests."""
        wanted: list[list[models.Condition]] = [[is_of(agent_id)]]
        if document_ids is not None:
            distinct = list(dict.fromkeys(document_ids))
            wanted = [[is_of(agent_id), is_any(DOCUMENT, ids)] for ids in group(distinct, _NAMED_AT_ONCE)]
        unwanted: list[models.Condition] | None = None
        if without:
            unwanted = [is_any(EDITION, [name_edition(*edition) for edition in without])]
        how = _AROUND if without or document_ids is not None else None
        found: list[Match] = []
        for conditions in wanted:
            found += await self._search(index, vector, models.Filter(must=conditions, must_not=unwanted), limit, how)
        return sorted(found, key=lambda match: match.similarity, reverse=True)[:limit]

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """The cosines of the named vectors, by a search among them alone."""
        found: list[Match] = []
        for some in group(list(dict.fromkeys(keys)), _NAMED_AT_ONCE):
            named = models.HasIdCondition(has_id=[name_point(key) for key in some])
            chosen = models.Filter(must=[is_of(agent_id), named])
            found += await self._search(index, vector, chosen, len(some), _EXACT)
        return {match.key: match.similarity for match in found}

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Delete by filter, and count what is left."""
        name = self._locate(index)
        chosen = models.Filter(must=[is_of(agent_id), is_any(EDITION, [name_edition(document_id, edition)])])
        with suppress(CollectionMissingError):
            selector = models.FilterSelector(filter=chosen)
            await self._connection.ask(lambda client: client.delete(name, selector, wait=True))
            left = await self._connection.ask(lambda client: client.count(name, chosen, exact=True))
            if left.count:
                raise ProviderDownError(f"Qdrant still has {left.count} vectors that it was told to delete.")

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """In one pass over the points, each request passing over those of agents that are known by then."""
        agents: set[str] = set()
        following: Any = None
        while True:
            unknown = models.Filter(must_not=[is_any(AGENT, sorted(agents))]) if agents else None
            points, following = await self._scroll(index, unknown, following, [AGENT])
            agents.update(str((point.payload or {})[AGENT]) for point in points)
            if following is None:
                return sorted(map(int, agents))

    async def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """The keys of all vectors of an agent, a page a request."""
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
            await self._connection.ask(lambda client: client.delete_collection(name))
        return True

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._connection.close()

    def _locate(self, index: VectorIndex) -> str:
        # An index stays where it was made, whatever the settings say by now.
        prefix = index.place.get("prefix") or self._collection
        return str(index.place.get("collection") or f"{prefix}-{index.id}")

    async def _describe(self, name: str) -> models.CollectionInfo | None:
        try:
            return await self._connection.ask(lambda client: client.get_collection(name))
        except CollectionMissingError:
            return None

    async def _write(self, name: str, length: int, points: models.Batch) -> None:
        if name not in self._lengths:
            self._lengths[name] = await self._prepare(name, length)
        _check_length(self._lengths[name], length)
        await self._connection.ask(lambda client: client.upsert(name, points, wait=True))

    async def _prepare(self, name: str, length: int) -> int:
        """Make the collection and its indexes unless they are there; returns how long its vectors are."""
        found = await self._describe(name)
        if found is None:
            await self._create(name, length)
            found = await self._describe(name)
        if found is None:
            raise CollectionMissingError(f"The collection {name!r} was removed while it was made.")
        for field in FIELDS.keys() - found.payload_schema.keys():

            async def make_index(client: AsyncQdrantClient, field: str = field) -> None:
                await client.create_payload_index(name, field, FIELDS[field], wait=True)

            await self._connection.ask(make_index)
        return _read_length(found)

    async def _create(self, name: str, length: int) -> None:
        layout = models.VectorParams(size=length, distance=models.Distance.COSINE)
        try:
            await self._connection.ask(lambda client: client.create_collection(name, layout, hnsw_config=GRAPHS))
        except ProviderRequestError:
            if await self._describe(name) is None:
                raise  # and otherwise somebody else was faster

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
            answer = await self._connection.ask(
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
        """A page of points with these fields, and where the next begins; None: this is the last."""
        name = self._locate(index)
        try:
            return await self._connection.ask(
                lambda client: client.scroll(name, chosen, _PAGE, offset=offset, with_payload=fields or False)
            )
        except CollectionMissingError:
            return [], None


def _check_length(expected: int, length: int) -> None:
    if length != expected:
        raise VectorLengthError(f"The index holds vectors of {expected} numbers, and these have {length}.")


def _read_length(found: models.CollectionInfo) -> int:
    layout = found.config.params.vectors
    if not isinstance(layout, models.VectorParams) or layout.distance != models.Distance.COSINE:
        raise ProviderRequestError("It was not made by Sluice: its vectors are named, or not compared by cosine.")
    return layout.size
