"""Vectors in Pinecone: one of its indexes holds a namespace for each agent and each of Sluice's vector indexes."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from app.adapters.pinecone.connection import IndexMissingError, NamespaceMissingError, PineconeConnection
from app.adapters.pinecone.description import check_description, check_stats, describe_needed, get_host
from app.adapters.pinecone.freshness import Backoff, remove_edition, shows_batch
from app.adapters.pinecone.namespace import PineconeNamespace
from app.adapters.pinecone.records import (
    DOCUMENT,
    EDITION,
    ZERO,
    Filter,
    make_records,
    measure_cosine,
    name_edition,
    name_vector,
    read_matches,
    read_vector,
    split_batch,
)
from app.domain.errors import (
    ProviderCredentialsError,
    ProviderRequestError,
    StartupError,
    VectorLengthError,
)
from app.domain.vectors import Match, Vector, VectorBatch, VectorIndex, VectorKey

_CONDITION_VALUES = 5_000
"""Values in one condition; Pinecone accepts 10,000."""
_REQUESTS_AT_ONCE = 4
"""Parts of one query that are sent at the same time."""
_PAGE = 100
_DROPPED_AT_ONCE = 20
_REMEMBERED = 10_000
Item = TypeVar("Item")


class PineconeStore:
    """A vector store in Pinecone.

    It connects at the first request, and each event loop has its own connections, so a store may be made before a fork.

    Args:
        api_key: The API key.
        index_name: The name of Pinecone's index, which must exist.
        host: The host of that index; None to request it from Pinecone.
        time_limit: Seconds for a request.
        patience: Seconds until queries must reflect a write or a deletion.
        first_pause: Seconds before the second check; each further pause is twice as long, up to a second.

    Raises:
        StartupError: the key is malformed.
    """

    name = "pinecone"
    transactional = False
    search = None

    def __init__(
        self,
        *,
        api_key: str,
        index_name: str,
        host: str | None,
        time_limit: float,
        patience: float = 60.0,
        first_pause: float = 0.1,
    ) -> None:
        self._connection = PineconeConnection(api_key=api_key, time_limit=time_limit)
        self._index_name, self._host = index_name, host
        self._first_pause, self._patience = first_pause, patience
        self._hosts: dict[str, str] = {}  # by the name of the index, as requested from Pinecone
        self._written: OrderedDict[tuple[PineconeNamespace, VectorKey], int] = OrderedDict()  # the position in the log

    async def check(self, index: VectorIndex) -> None:
        """Check that Pinecone's index exists and is for such vectors."""
        name, host = self._find_index(index)
        needed = index.embedding.dimensions
        try:
            if host is None:
                description = await self._connection.describe(name)
                check_description(description)
                host = self._hosts[name] = get_host(description)
            stats = await self._connection.call(host, lambda client: client.describe_index_stats())
        except IndexMissingError as error:
            advice = f"create {describe_needed(needed)}. {error.detail}"
            raise StartupError(f"Pinecone has no index {name!r} (PINECONE_INDEX): {advice}") from None
        except ProviderCredentialsError as error:
            raise StartupError(f"Pinecone rejects PINECONE_API_KEY: {error.detail}") from None
        except ProviderRequestError as error:
            raise StartupError(f"Pinecone's index {name!r} (PINECONE_HOST) cannot be used: {error.detail}") from None
        check_stats(name, stats, needed)

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Pieces of at most a thousand vectors and two megabytes of JSON."""
        return split_batch(batch)

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:  # noqa: ARG002 - a parameter of the port
        """Write one piece. Queries find it some time after this returns."""
        lengths = sorted({len(vector) for vector in batch.vectors.values()})
        if not lengths:
            return
        expected = index.embedding.dimensions or lengths[0]
        if lengths != [expected]:
            raise VectorLengthError(f"The index holds vectors of {expected} dimensions; these have {lengths}.")
        namespace = await self._locate(index, batch.agent_id)
        written = await namespace.upsert(make_records(batch))
        if written is not None:
            self._written[namespace, batch.keys[0]] = written
            while len(self._written) > _REMEMBERED:
                self._written.popitem(last=False)

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Query until Pinecone has read its log up to the batch; if it states no position, until it finds the batch."""
        if not batch.vectors:
            return
        namespace = await self._locate(index, batch.agent_id)
        places = [(namespace, key) for key in batch.keys if (namespace, key) in self._written]
        target = max((self._written[place] for place in places), default=None)
        backoff = self._make_backoff(f"Pinecone still does not find all vectors of document {batch.document_id}.")
        while not await shows_batch(namespace, batch, target):
            await backoff.pause()
        for place in places:
            self._written.pop(place, None)

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
        if not any(vector):
            return []
        excluded = [name_edition(*edition) for edition in dict.fromkeys(without)]
        conditions: list[Filter] = [{ZERO: {"$eq": False}}]
        conditions += [{EDITION: {"$nin": group}} for group in _group(excluded, _CONDITION_VALUES)]
        choices = [conditions]
        if document_ids is not None:
            groups = _group(list(dict.fromkeys(document_ids)), _CONDITION_VALUES)
            choices = [[*conditions, {DOCUMENT: {"$in": group}}] for group in groups]
        namespace = await self._locate(index, agent_id)
        found: list[Match] = []
        for some in _group(choices, _REQUESTS_AT_ONCE):
            searches = (namespace.search(vector, {"$and": chosen}, limit) for chosen in some)
            for answer in await asyncio.gather(*searches):
                found += read_matches(answer)
        return sorted(found, key=lambda match: match.similarity, reverse=True)[:limit]

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """Fetch the vectors, a hundred for each request, and compute their cosines."""
        if not any(vector):
            return {}
        namespace = await self._locate(index, agent_id)
        names = {name_vector(key): key for key in keys}
        return {
            names[name]: 0.0 if (record.metadata or {}).get(ZERO) else measure_cosine(vector, record.values)
            for name, record in (await namespace.fetch(list(names))).items()
        }

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Delete by id, and wait until neither queries nor lists show the vectors."""
        namespace, length = await self._locate(index, agent_id), await self._find_length(index)
        backoff = self._make_backoff(f"Pinecone still finds deleted vectors of document {document_id}.")
        await remove_edition(namespace, name_edition(document_id, edition), length, backoff)

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """List the agents by namespace, a hundred for each request. Agents with only new vectors may be missing."""
        agents: list[int] = []
        token: str | None = None
        while True:
            page, token = await self._list_namespaces(index, token)
            agents += [agent_id for agent_id, count in page.items() if count]
            if token is None:
                return agents

    async def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """List the keys of an agent's vectors, a hundred for each request."""
        namespace = await self._locate(index, agent_id)
        token: str | None = None
        while True:
            names, token = await namespace.list(token=token)
            for key in map(read_vector, names):
                if key is not None:
                    yield key
            if token is None:
                return

    async def drop(self, index: VectorIndex) -> bool:
        """Delete some namespaces; returns whether none is listed any more."""
        host, token = await self._find_host(index), None
        while True:
            page, token = await self._list_namespaces(index, token)
            for agent_id in list(page)[:_DROPPED_AT_ONCE]:
                with suppress(NamespaceMissingError):
                    await PineconeNamespace(self._connection, host, _name_namespace(index, agent_id)).drop()
            if page or token is None:
                return not page

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._connection.close()

    def _make_backoff(self, outcome: str) -> Backoff:
        return Backoff(self._first_pause, self._patience, outcome)

    def _find_index(self, index: VectorIndex) -> tuple[str, str | None]:
        """The name of Pinecone's index, and its host if that is known without a request."""
        name = str(index.place.get("index") or self._index_name)
        return name, index.place.get("host") or (self._host if name == self._index_name else None)

    async def _find_host(self, index: VectorIndex) -> str:
        name, host = self._find_index(index)
        if host is None and name not in self._hosts:
            self._hosts[name] = get_host(await self._connection.describe(name))
        return host or self._hosts[name]

    async def _locate(self, index: VectorIndex, agent_id: int) -> PineconeNamespace:
        return PineconeNamespace(self._connection, await self._find_host(index), _name_namespace(index, agent_id))

    async def _find_length(self, index: VectorIndex) -> int:
        if index.embedding.dimensions is not None:
            return index.embedding.dimensions
        host = await self._find_host(index)
        return (await self._connection.call(host, lambda client: client.describe_index_stats())).dimension or 1

    async def _list_namespaces(self, index: VectorIndex, token: str | None) -> tuple[dict[int, int], str | None]:
        """A page of agents with the numbers of their vectors, and the token of the next page."""
        prefix = _name_namespace(index, "")
        answer = await self._connection.call(
            await self._find_host(index),
            lambda client: client.list_namespaces_paginated(prefix=prefix, limit=_PAGE, pagination_token=token),
        )
        agents = {
            int(rest): namespace.record_count
            for namespace in answer.namespaces
            if namespace.name.startswith(prefix) and (rest := namespace.name.removeprefix(prefix)).isdecimal()
        }
        return agents, answer.pagination.next if answer.pagination else None


def _name_namespace(index: VectorIndex, agent_id: int | str) -> str:
    return f"sluice-{index.id}-{agent_id}"


def _group(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
