"""Requests to Qdrant through its own client, and what its answers mean."""

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
"""How long an unused connection is kept: less than servers keep theirs, so that none is used while it is closed."""
_REASON_CHARACTERS = 300
Result = TypeVar("Result")


class CollectionMissingError(ProviderRequestError):
    """Qdrant has no such collection."""


class QdrantConnection:
    """A client for each event loop, made at its first request.

    Args:
        url: Where the REST interface is; port 6333 unless it names another.
        api_key: None where none is asked for.
        time_limit: Seconds for a request.
    """

    def __init__(self, *, url: str, api_key: str | None, time_limit: float) -> None:
        self._url = url
        self._api_key = api_key
        self._time_limit = time_limit
        self._clients: dict[asyncio.AbstractEventLoop, AsyncQdrantClient] = {}

    async def ask(self, request: Callable[[AsyncQdrantClient], Awaitable[Result]]) -> Result:
        """Make one request.

        Raises:
            CollectionMissingError: when that is what it was about.
            ProviderBusyError: when Qdrant takes no more requests for now.
            ProviderDownError: when it cannot be reached, fails, or takes too long.
            ProviderCredentialsError: when it refuses the key.
            ProviderRequestError: when it rejects the request.
            ValueError: when the URL is none.
        """
        client = self._get_client()
        with _failures_named():
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
            # A client of a loop that has ended can be of no more use, not even to close it.
            self._clients = {other: client for other, client in self._clients.items() if not other.is_closed()}
            self._clients[loop] = self._make_client()
        return self._clients[loop]

    def _make_client(self) -> AsyncQdrantClient:
        return AsyncQdrantClient(
            url=self._url,
            # As a header: the client prints a warning for every key that it is told of and sends without TLS.
            headers={"api-key": self._api_key} if self._api_key else None,
            timeout=math.ceil(self._time_limit),
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            check_compatibility=False,  # a thread and a request for each client, to print a warning
        )


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except UnexpectedResponse as error:
        raise _translate(error) from None
    except ResourceExhaustedResponse as error:
        raise ProviderBusyError(retry_after=float(error.retry_after_s)) from None
    except QdrantException:  # what the client makes of a Retry-After that is no number
        raise ProviderBusyError from None
    except ResponseHandlingException as error:
        raise ProviderDownError(f"The request to Qdrant failed with {type(error.source).__name__}.") from None
    except (ValueError, AssertionError):  # its client takes it for granted that an answer is Qdrant's
        raise ProviderDownError("Qdrant answered in a form that cannot be read.") from None
    except TimeoutError:
        raise ProviderDownError("Qdrant took too long to answer.") from None


def _translate(error: UnexpectedResponse) -> SluiceError:
    status, reason = error.status_code or 0, _read_reason(error)
    told = f"Qdrant answered with {status}" + (f": {reason}" if reason else ".")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderBusyError(told)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ProviderCredentialsError(told)
    if status == HTTPStatus.NOT_FOUND:
        # Without a reason it is not Qdrant that answers, but something on the way to it.
        return CollectionMissingError(told) if reason else ProviderDownError(told)
    rejected = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if rejected and status != HTTPStatus.REQUEST_TIMEOUT:
        return ProviderRequestError(told)
    return ProviderDownError(told)


def _read_reason(error: UnexpectedResponse) -> str:
    """What Qdrant says in its own form of an error; empty when the answer has another."""
    try:
        return str(json.loads(error.content)["status"]["error"])[:_REASON_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return ""
