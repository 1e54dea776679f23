"""Requests to OpenAI, or to a server that uses its protocol, through OpenAI's client."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError, Timeout

from app.adapters.openai.errors import translate
from app.domain.errors import ProviderDownError, StartupError

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "none"
_CONNECT_SECONDS = 10.0
_VERBOSE_LOGGERS = ("openai", "httpx2", "httpcore2")


class OpenAIClient:
    """Sends requests to one provider. It does not retry: the ledger retries the task.

    OpenAI's client is made at its first use on each event loop, because its connections belong to one loop.

    Args:
        provider: The name of the provider, for error messages.
        api_key: The API key; None for a server without authentication.
        base_url: The address of the server; None for OpenAI.
        time_limit: Seconds until the whole answer must have arrived.

    Raises:
        StartupError: the key is missing or malformed.
    """

    def __init__(self, provider: str, *, api_key: str | None, base_url: str | None, time_limit: float) -> None:
        for name in _VERBOSE_LOGGERS:  # they log every request, and its content at DEBUG
            logging.getLogger(name).setLevel(logging.WARNING)
        self._provider = provider
        self._key = _check_key(api_key, base_url)
        # Always set, because the client would otherwise read it from the environment.
        self._base_url = base_url or _OPENAI
        self._time_limit = time_limit
        self._made: tuple[asyncio.AbstractEventLoop, AsyncOpenAI] | None = None

    async def call(self, send: Callable[[AsyncOpenAI], Awaitable[Any]]) -> bytes:
        """Send one request; returns the body of the answer.

        Args:
            send: Sends the request, by a method ``with_raw_response`` of the client.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError
        """
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await send(self._choose_client())
        except TimeoutError:
            raise ProviderDownError(f"{self._provider} did not answer within {self._time_limit:g} s.") from None
        except OpenAIError as error:  # not chained, because it may contain the key
            raise translate(self._provider, error, secret=self._key or None) from None
        return bytes(answer.http_response.content)

    async def close(self) -> None:
        """Close the connections of this event loop."""
        made, self._made = self._made, None
        if made and made[0] is asyncio.get_running_loop():
            await made[1].close()

    def _choose_client(self) -> AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._made is None or self._made[0] is not loop:
            self._made = loop, self._make_client()
        return self._made[1]

    def _make_client(self) -> AsyncOpenAI:
        timeout = Timeout(self._time_limit, connect=min(_CONNECT_SECONDS, self._time_limit))
        return AsyncOpenAI(
            api_key=self._key or _NO_KEY,
            base_url=self._base_url,
            timeout=timeout,
            max_retries=0,
            # The default client, when garbage-collected, would close connections of an ended loop on the running one.
            http_client=DefaultAsyncHttpxClient(timeout=timeout),
        )


def _check_key(api_key: str | None, base_url: str | None) -> str:
    key = (api_key or "").strip()
    if not key and not base_url:
        raise StartupError("OPENAI_API_KEY is not set. Only a server named by OPENAI_BASE_URL may need no key.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise StartupError("OPENAI_API_KEY contains characters that no API key has.")
    return key
