"""Requests to Qdrant through its client, and the translation of its errors."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
)

_IDLE_SECONDS = 3
"""How long an idle connection is kept. Servers keep theirs longer, so they close none that is about to be used."""
_REASON_CHARACTERS = 300
Result = TypeVar("Result")


class CollectionMissingError(ProviderRequestError):
    """Qdrant has no such collection."""


class QdrantConnection:
    """A client for each event loop, made at its first request.

    Args:
        url: The address of the REST API; the default port is 6333.
        api_key: The API key; None for a server without authentication.
        time_limit: Seconds for a request.
    """

    def __init__(self, *, url: str, api_key: str | None, time_limit: float) -> None:
        self._url = url
        self._api_key = api_key
        self._time_limit = time_limit
        self._clients: dict[asyncio.AbstractEventLoop, AsyncQdrantClient] = {}

    async def call(self, request: Callable[[AsyncQdrantClient], Awaitable[Result]]) -> Result:
        """Send one request.

        Raises:
            CollectionMissingError: the request concerns a collection that does not exist.
            ProviderBusyError: Qdrant limits requests.
            ProviderDownError: Qdrant cannot be reached, fails, or takes too long.
            ProviderCredentialsError: Qdrant rejects the key.
            ProviderRequestError: Qdrant rejects the request.
            ValueError: the URL is malformed.
        """
        client = self._get_client()
        with _translated_errors():
            async with asyncio.timeout(self._time_limit):
                return await request(client)

    async def close(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _get_client(self) -> AsyncQdrantClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            # Clients of ended loops are dropped: they cannot even be closed any more.
            self._clients = {other: client for other, client in self._clients.items() if not other.is_closed()}
            self._clients[loop] = self._make_client()
        return self._clients[loop]

    def _make_client(self) -> AsyncQdrantClient:
        return AsyncQdrantClient(
            url=self._url,
            # A header, because the client prints a warning about every key argument that it sends without TLS.
            headers={"api-key": self._api_key} if self._api_key else None,
            timeout=math.ceil(self._time_limit),
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            check_compatibility=False,  # it would take a thread and a request, only to print a warning
        )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except UnexpectedResponse as error:
        raise _translate(error) from None
    except ResourceExhaustedResponse as error:
        raise ProviderBusyError(retry_after=float(error.retry_after_s)) from None
    except QdrantException:  # the client raises this for a Retry-After that is not a number
        raise ProviderBusyError from None
    except ResponseHandlingException as error:
        raise ProviderDownError(f"The request to Qdrant failed with {type(error.source).__name__}.") from None
    except (ValueError, AssertionError):  # the client does not validate answers
        raise ProviderDownError("The answer of Qdrant cannot be read.") from None
    except TimeoutError:
        raise ProviderDownError("Qdrant took too long to answer.") from None


def _translate(error: UnexpectedResponse) -> SluiceError:
    status, reason = error.status_code or 0, _read_reason(error)
    detail = f"Qdrant answered {status}" + (f": {reason}" if reason else ".")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderBusyError(detail)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ProviderCredentialsError(detail)
    if status == HTTPStatus.NOT_FOUND:
        # An answer without a reason does not come from Qdrant, but from a proxy in front of it.
        return CollectionMissingError(detail) if reason else ProviderDownError(detail)
    rejected = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if rejected and status != HTTPStatus.REQUEST_TIMEOUT:
        return ProviderRequestError(detail)
    return ProviderDownError(detail)


def _read_reason(error: UnexpectedResponse) -> str:
    """The message of an error in Qdrant's format; empty for an answer in another format."""
    try:
        return str(json.loads(error.content)["status"]["error"])[:_REASON_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return ""
