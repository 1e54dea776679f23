"""Rerankers behind a ``/rerank`` route, as Cohere, Jina, Text Embeddings Inference, vLLM and others have it.

With a model's name, requests have ``model`` and ``documents``, as Cohere and Jina want them. Without one, they have
``texts``, as Text Embeddings Inference does, which serves one model. Answers are a list of results, or an object with
``results``; each result has the ``index`` of its text and a ``score`` or ``relevance_score``.
"""

import asyncio
import json
import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from app.domain.counting import count_of, read_count
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
    StartupError,
)
from app.domain.vectors import Relevance

_TEXTS_WITH_MODEL = 100
_TEXTS = 32
"""The largest request that Text Embeddings Inference accepts by default."""
_IDLE_SECONDS = 3
"""How long an idle connection is kept. Servers keep theirs longer, so they close none that is about to be used."""
# Wrong key, account or address. A redirect is not followed: it would send the key to another host.
_REFUSED = {*range(300, 400), 401, 402, 403, 404, 405}
_ROUTE = "/rerank"


class RerankServer:
    """A reranker across the network.

    The body of an error is not read: servers repeat the request in it, and so the texts of documents.

    Args:
        url: The address of the route. ``/rerank`` is appended if it does not end so.
        api_key: The API key; None for a server without authentication.
        model: The name of the model; None for a server of one model.
        time_limit: Seconds until the whole answer must have arrived.

    Raises:
        StartupError: the key is malformed.
    """

    provider = "rerank"

    def __init__(self, *, url: str, api_key: str | None, model: str | None, time_limit: float) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request with its address
        self._url = _complete(url)
        self._headers = _make_headers(api_key)
        self._model = model
        self._time_limit = time_limit
        self._made: tuple[asyncio.AbstractEventLoop, httpx.AsyncClient] | None = None

    @property
    def model(self) -> str:
        """The name of the model, or that of the provider where the server has only one."""
        return self._model or self.provider

    @property
    def batch_size(self) -> int:
        """The largest number of texts in one request."""
        return _TEXTS_WITH_MODEL if self._model else _TEXTS

    async def score(self, query: str, texts: Sequence[str]) -> Relevance:
        """Score the texts by one request."""
        body: dict[str, Any] = {"query": query}
        if self._model:
            body |= {"model": self._model, "documents": list(texts)}
        else:
            body |= {"texts": list(texts), "truncate": True}
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await self._choose_client().post(self._url, json=body, headers=self._headers)
        except TimeoutError:
            raise ProviderDownError(f"The reranker did not answer within {self._time_limit:g} s.") from None
        except httpx.HTTPError as error:  # not chained, because it contains the address and the key
            raise ProviderDownError(f"The reranker cannot be reached ({type(error).__name__}).") from None
        if answer.status_code != HTTPStatus.OK:
            raise _translate(answer)
        return _read(answer.content, len(texts))

    async def close(self) -> None:
        """Close the connections of this event loop."""
        made, self._made = self._made, None
        if made and made[0] is asyncio.get_running_loop():
            await made[1].aclose()

    def _choose_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._made is None or self._made[0] is not loop:
            limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
            self._made = loop, httpx.AsyncClient(timeout=self._time_limit, limits=limits)
        return self._made[1]


def _complete(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_ROUTE) else path + _ROUTE))


def _make_headers(api_key: str | None) -> dict[str, str]:
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise StartupError("RERANK_API_KEY contains characters that no API key has.")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _translate(answer: httpx.Response) -> SluiceError:
    status = answer.status_code
    detail = f"The reranker answered {status}."
    if status in _REFUSED:
        return ProviderCredentialsError(f"{detail} Check RERANK_URL, RERANK_API_KEY and RERANK_MODEL.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderBusyError(detail, retry_after=_read_seconds(answer.headers.get("retry-after")))
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProviderDownError(detail, retry_after=_read_seconds(answer.headers.get("retry-after")))
    return ProviderRequestError(detail)


def _read_seconds(value: str | None) -> float | None:
    return float(value[:4]) if value and value.isascii() and value.isdigit() else None


def _read(body: bytes, count: int) -> Relevance:
    """The scores in the order of the texts.

    Raises:
        ProviderDownError: the answer has another form, or not one finite score for each text.
    """
    try:
        answer = json.loads(body)
        rows = answer["results"] if isinstance(answer, Mapping) else answer
        scores = {int(row["index"]): float(row.get("relevance_score", row.get("score"))) for row in rows}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ProviderDownError("The reranker's answer cannot be read.") from None
    if scores.keys() != set(range(count)) or len(rows) != count or not all(map(math.isfinite, scores.values())):
        raise ProviderDownError(f"The reranker's answer has no score for each of {count_of(count, 'text')}.")
    return Relevance([scores[index] for index in range(count)], _read_usage(answer))


def _read_usage(answer: Any) -> int:
    """The number of tokens that the server counted; 0 if it does not state it."""
    usage = answer.get("usage") if isinstance(answer, Mapping) else None
    return read_count(usage.get("total_tokens")) if isinstance(usage, Mapping) else 0
