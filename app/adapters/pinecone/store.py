"""Vectors in Pinecone: in one of its indexes a namespace for each agent of each of Sluice's."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from app.adapters.pinecone.connection import IndexMissingError, NamespaceMissingError, PineconeConnection
from app.adapters.pinecone.description import check_description, check_stats, describe_needed, get_host
from app.adapters.pinecone.freshness import Patience, remove_edition, shows_batch
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

_NAMED_AT_ONCE = 5_000
"""Values of one condition, of which Pinecone takes 10,000."""
_PAGE = 100
_DROPPED_AT_ONCE = 20
_REMEMBERED = 10_000
Item = TypeVar("Item")


class PineconeStore:
    """A vector store in Pinecone.

    Nothing is connected before the first request, and each event loop has connections of its own, so that a store
    may be made before a fork.

    Args:
        api_key: Pinecone's.
        index_name: Of Pinecone's index, which is not made here.
        host: Where that index is; None: Pinecone is asked.
        time_limit: Seconds for a request.
        patience: Seconds until queries must have seen what was written or deleted.
        first_pause: Seconds after which they are tried again; each further pause is twice as long, up to a second.

    Raises:
        StartupError: when the key cannot be one.
    """

    name = "pinecone"
    transactional = False

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
        self._hosts: dict[str, str] = {}  # by the name of the index, where Pinecone was asked
        self._written: OrderedDict[tuple[PineconeNamespace, VectorKey], int] = OrderedDict()  # where in its log

    async def check(self, index: VectorIndex) -> None:
        """Ask what Pinecone's index is like, which must be there and for such vectors."""
        name, host = self._find_index(index)
        needed = index.embedding.dimensions
        try:
            if host is None:
                description = await self._connection.describe(name)
                check_description(description)
                host = self._hosts[name] = get_host(description)
            stats = await self._connection.ask(host, lambda client: client.describe_index_stats())
        except IndexMissingError as error:
            told = f"make {describe_needed(needed)}. {error.detail}"
            raise StartupError(f"Pinecone has no index {name!r} (PINECONE_INDEX): {told}") from None
        except ProviderCredentialsError as error:
            raise StartupError(f"Pinecone refuses PINECONE_API_KEY: {error.detail}") from None
        except ProviderRequestError as error:
            raise StartupError(f"Pinecone's index {name!r} (PINECONE_HOST) cannot be asked: {error.detail}") from None
        check_stats(name, stats, needed)

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Pieces of a thousand vectors or two megabytes of JSON at most."""
        return split_batch(batch)

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:  # noqa: ARG002 - of the port
        """Write one piece. Queries see it some time after this returns."""
        lengths = sorted({len(vector) for vector in batch.vectors.values()})
        if not lengths:
            return
        expected = index.embedding.dimensions or lengths[0]
        if lengths != [expected]:
            raise VectorLengthError(f"The index holds vectors of {expected} numbers, and these have {lengths}.")
        namespace = await self._locate(index, batch.agent_id)
        written = await namespace.upsert(make_records(batch))
        if written is not None:
            self._written[namespace, batch.keys[0]] = written
            while len(self._written) > _REMEMBERED:
                self._written.popitem(last=False)

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Query until Pinecone has read its log so far, or where it tells of none, until all of the batch is found."""
        if not batch.vectors:
            return
        namespace = await self._locate(index, batch.agent_id)
        places = [(namespace, key) for key in batch.keys if (namespace, key) in self._written]
        target = max((self._written[place] for place in places), default=None)
        patience = self._begin(f"Pinecone does not show all vectors of document {batch.document_id} that it took.")
        while not await shows_batch(namespace, batch, target):
            await patience.pause()
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
        """An agent's nearest vectors; where very many documents are named, by several requests."""
        if not any(vector):
            return []
        unwanted = [name_edition(*edition) for edition in dict.fromkeys(without)]
        conditions: list[Filter] = [{ZERO: {"$eq": False}}]
        conditions += [{EDITION: {"$nin": group}} for group in _group(unwanted, _NAMED_AT_ONCE)]
        choices = [conditions]
        if document_ids is not None:
            groups = _group(list(dict.fromkeys(document_ids)), _NAMED_AT_ONCE)
            choices = [[*conditions, {DOCUMENT: {"$in": group}}] for group in groups]
        namespace = await self._locate(index, agent_id)
        found: list[Match] = []
        for chosen in choices:
            found += read_matches(await namespace.search(vector, {"$and": chosen}, limit))
        return sorted(found, key=lambda match: match.similarity, reverse=True)[:limit]

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """The cosines of the named vectors, which are fetched, a hundred a request."""
        if not any(vector):
            return {}
        namespace = await self._locate(index, agent_id)
        names = {name_vector(key): key for key in keys}
        return {
            names[name]: 0.0 if (record.metadata or {}).get(ZERO) else measure_cosine(vector, record.values)
            for name, record in (await namespace.fetch(list(names))).items()
        }

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Delete by id, and look until neither queries nor lists show any more."""
        namespace, length = await self._locate(index, agent_id), await self._find_length(index)
        patience = self._begin(f"Pinecone still shows vectors of document {document_id} that it was told to delete.")
        await remove_edition(namespace, name_edition(document_id, edition), length, patience)

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """By their namespaces, a hundred a request; one with no vectors but some just written may be missing."""
        agents: list[int] = []
        token: str | None = None
        while True:
            page, token = await self._list_namespaces(index, token)
            agents += [agent_id for agent_id, count in page.items() if count]
            if token is None:
                return agents

    async def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """The keys of all vectors of an agent, a hundred a request."""
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
        """Delete some namespaces; all are gone when none is listed any more."""
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

    def _begin(self, outcome: str) -> Patience:
        return Patience(self._first_pause, self._patience, outcome)

    def _find_index(self, index: VectorIndex) -> tuple[str, str | None]:
        """The name of Pinecone's index, and where it is if that is known without asking."""
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
        return (await self._connection.ask(host, lambda client: client.describe_index_stats())).dimension or 1

    async def _list_namespaces(self, index: VectorIndex, token: str | None) -> tuple[dict[int, int], str | None]:
        """A page of agents, each with the number of its vectors, and what to ask for the next one with."""
        prefix = _name_namespace(index, "")
        answer = await self._connection.ask(
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
