"""Requests to one namespace of Pinecone. A namespace that does not exist counts as empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pinecone.models.response_info import ResponseInfo
from pinecone.models.vectors.responses import FetchResponse, QueryResponse
from pinecone.models.vectors.vector import Vector as Record

from app.adapters.pinecone.connection import NamespaceMissingError, PineconeConnection, PineconeIndex
from app.adapters.pinecone.records import Filter

MOST_MATCHES = 10_000
_DELETED_AT_ONCE = 1_000
_FETCHED_AT_ONCE = 100
"""The URL contains their ids, and the answer all their numbers."""
_PAGE = 100


@dataclass(frozen=True)
class PineconeNamespace:
    """One namespace. Pinecone creates it with its first vector."""

    connection: PineconeConnection
    host: str
    name: str

    async def upsert(self, records: list[dict[str, Any]]) -> int | None:
        """Write records; returns the position in the namespace's log, if Pinecone states it."""
        answer = await self.connection.call(
            self.host, lambda client: client.upsert(vectors=records, namespace=self.name)
        )
        return answer.response_info.lsn_committed if answer.response_info else None

    async def search(self, vector: Sequence[float], chosen: Filter | None, limit: int) -> QueryResponse:
        """Find the nearest records. The answer omits their numbers."""
        try:
            return await self.connection.call(
                self.host,
                lambda client: client.query(
                    top_k=min(limit, MOST_MATCHES), vector=list(vector), filter=chosen, namespace=self.name
                ),
            )
        except NamespaceMissingError:
            return QueryResponse()

    async def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        """Read records by id, a hundred for each request. Missing records are omitted."""
        found: dict[str, Record] = {}
        try:
            for start in range(0, len(ids), _FETCHED_AT_ONCE):
                group = ids[start : start + _FETCHED_AT_ONCE]
                fetch = partial(_fetch, ids=group, namespace=self.name)
                found |= (await self.connection.call(self.host, fetch)).vectors
        except NamespaceMissingError:
            return {}
        return found

    async def remove(self, ids: Sequence[str]) -> int | None:
        """Delete by id, a thousand for each request; returns the last position in the log, if Pinecone states it.

        Raises:
            NamespaceMissingError: the namespace does not exist.
        """
        answer = ResponseInfo()
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            group = ids[start : start + _DELETED_AT_ONCE]
            answer = await self.connection.call(self.host, partial(_remove, ids=group, namespace=self.name))
        return answer.lsn_committed

    async def list(self, prefix: str | None = None, token: str | None = None) -> tuple[list[str], str | None]:
        """List a page of ids; returns it with the token of the next page, or None after the last one."""
        try:
            answer = await self.connection.call(
                self.host,
                lambda client: client.list_paginated(
                    prefix=prefix, limit=_PAGE, pagination_token=token, namespace=self.name
                ),
            )
        except NamespaceMissingError:
            return [], None
        return [item.id for item in answer.vectors if item.id], answer.pagination.next if answer.pagination else None

    async def drop(self) -> None:
        """Delete the namespace.

        Raises:
            NamespaceMissingError: the namespace does not exist.
        """
        await self.connection.call(self.host, lambda client: client.delete_namespace(name=self.name))


async def _fetch(client: PineconeIndex, ids: Sequence[str], namespace: str) -> FetchResponse:
    return await client.fetch(ids=ids, namespace=namespace)


async def _remove(client: PineconeIndex, ids: Sequence[str], namespace: str) -> ResponseInfo:
    return await client.remove(ids, namespace)
