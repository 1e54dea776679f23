"""Requests to Pinecone through its client, and the translation of its errors."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

from pinecone import AsyncPinecone, RetryConfig
from pinecone._internal.constants import DATA_PLANE_API_VERSION
from pinecone._internal.http_client import AsyncHTTPClient
from pinecone.async_client.async_index import AsyncIndex
from pinecone.errors import ApiError, PineconeError, PineconeTypeError, PineconeValueError
from pinecone.models.indexes.index import IndexModel
from pinecone.models.response_info import ResponseInfo

from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
    StartupError,
    VectorLengthError,
)

_ONCE = RetryConfig(max_retries=0)
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
_USED_UP = re.compile(r"current month|upgrade your plan", re.IGNORECASE)
"""A monthly limit of the plan, which arrives with 429 although waiting does not help."""
_OTHER_LENGTH = "does not match the dimension of the index"
_LONGEST_WAIT = 86_400.0
_LONGEST_REASON = 300
Result = TypeVar("Result")


class NamespaceMissingError(ProviderRequestError):
    """Pinecone's index has no such namespace."""


class IndexMissingError(ProviderCredentialsError):
    """Pinecone has no such index."""


class PineconeIndex(AsyncIndex):
    """Pinecone's client of one index, without retries, and with access to the response headers of a deletion."""

    def __init__(self, *, host: str, api_key: str, time_limit: float) -> None:
        super().__init__(host=host, api_key=api_key, timeout=time_limit)
        self._config = replace(self._config, retry_config=_ONCE)
        self._http = AsyncHTTPClient(self._config, DATA_PLANE_API_VERSION)

    async def remove(self, ids: Sequence[str], namespace: str) -> ResponseInfo:
        """Delete by id; returns the headers of the response."""
        answer = await self._http.post("/vectors/delete", json={"ids": list(ids), "namespace": namespace})
        return ResponseInfo(raw_headers=dict(answer.headers))


@dataclass
class _Clients:
    """The clients of one event loop."""

    control: AsyncPinecone | None = None
    indexes: dict[str, PineconeIndex] = field(default_factory=dict)


class PineconeConnection:
    """Clients for each event loop, made at the first request, because connections belong to one loop.

    Args:
        api_key: The API key.
        time_limit: Seconds for a request.

    Raises:
        StartupError: the key is malformed.
    """

    def __init__(self, *, api_key: str, time_limit: float) -> None:
        logging.getLogger("pinecone").setLevel(logging.WARNING)  # it logs every request
        if not re.fullmatch(r"[!-~]+", api_key):
            raise StartupError("PINECONE_API_KEY contains characters that no API key has.")
        self._api_key = api_key
        self._time_limit = time_limit
        self._clients: dict[asyncio.AbstractEventLoop, _Clients] = {}

    async def call(self, host: str, request: Callable[[PineconeIndex], Awaitable[Result]]) -> Result:
        """Send one request to the index at a host.

        Raises:
            NamespaceMissingError: the request concerns a namespace that does not exist.
            ProviderBusyError: Pinecone limits requests.
            ProviderDownError: Pinecone cannot be reached, fails, or takes too long.
            ProviderCredentialsError: Pinecone rejects the key or the account.
            ProviderRequestError: Pinecone rejects the request, or the host is malformed.
            VectorLengthError: the vectors differ in length from those of the index.
        """
        with self._translated_errors():
            indexes = self._get_clients().indexes
            if host not in indexes:
                indexes[host] = PineconeIndex(host=host, api_key=self._api_key, time_limit=self._time_limit)
            async with asyncio.timeout(self._time_limit):
                return await request(indexes[host])

    async def describe(self, name: str) -> IndexModel:
        """Get the description of an index from the control plane.

        Raises:
            IndexMissingError: there is no such index. Otherwise as ``call``.
        """
        with self._translated_errors():
            clients = self._get_clients()
            if clients.control is None:
                clients.control = AsyncPinecone(api_key=self._api_key, timeout=self._time_limit, retry_config=_ONCE)
            async with asyncio.timeout(self._time_limit):
                return await clients.control.indexes.describe(name)

    async def close(self) -> None:
        """Close the connections of this event loop."""
        clients = self._clients.pop(asyncio.get_running_loop(), _Clients())
        for client in [*clients.indexes.values(), clients.control]:
            if client is not None:
                await client.close()

    def _get_clients(self) -> _Clients:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            # Clients of ended loops are dropped: they cannot even be closed any more.
            self._clients = {other: clients for other, clients in self._clients.items() if not other.is_closed()}
            self._clients[loop] = _Clients()
        return self._clients[loop]

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate errors of the client. They are not chained, because they may contain the key."""
        try:
            yield
        except ApiError as error:
            raise _translate(error, self._api_key) from None
        except (PineconeValueError, PineconeTypeError) as error:
            raise ProviderRequestError(
                f"Pinecone's client rejects the request: {_shorten(str(error), self._api_key)}"
            ) from None
        except PineconeError as error:
            raise ProviderDownError(f"The request to Pinecone failed with {_name_cause(error)}.") from None
        except TimeoutError:
            raise ProviderDownError("Pinecone took too long to answer.") from None


def _translate(error: ApiError, secret: str) -> SluiceError:
    status, reason = error.status_code, _shorten(error.message, secret)
    request = f" (request {error.request_id[:100]})" if error.request_id else ""
    detail = f"Pinecone answered {status}" + (f": {reason}" if reason else ".") + request
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        used_up = _USED_UP.search(reason)
        return (
            ProviderCredentialsError(detail)
            if used_up
            else ProviderBusyError(detail, retry_after=_read_retry_after(error))
        )
    if status in _REFUSED:
        return ProviderCredentialsError(detail)
    if status == HTTPStatus.NOT_FOUND:
        return _translate_missing(detail, reason)
    if _OTHER_LENGTH in reason:
        return VectorLengthError(detail)
    rejected = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if rejected and status != HTTPStatus.REQUEST_TIMEOUT:
        return ProviderRequestError(detail)
    return ProviderDownError(detail)


def _translate_missing(detail: str, reason: str) -> SluiceError:
    if "namespace" in reason.lower():
        return NamespaceMissingError(detail)
    return IndexMissingError(detail)


def _read_retry_after(error: ApiError) -> float | None:
    seconds: float | None = getattr(error, "retry_after", None)
    return None if seconds is None else min(seconds, _LONGEST_WAIT)


def _shorten(text: str, secret: str) -> str:
    """The message on one line, shortened and without the key; empty for an HTML page."""
    line = " ".join(text.replace(secret, "***").split())
    if line.startswith("<"):
        return ""
    return line[: _LONGEST_REASON - 1] + "…" if len(line) > _LONGEST_REASON else line


def _name_cause(error: BaseException) -> str:
    """The class of the innermost exception, which names what went wrong on the connection."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__
