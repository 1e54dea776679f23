"""Requests to OpenAI, or to a server that uses its protocol, through OpenAI's client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from httpx2 import HTTPError
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError, Timeout

from app.adapters.openai.errors import translate
from app.domain.errors import ProviderDownError, StartupError

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "none"
_CONNECT_SECONDS = 10.0
_LONGEST_LINE = 4 * 1024 * 1024
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

    async def read_lines(
        self,
        send: Callable[[AsyncOpenAI], AbstractAsyncContextManager[Any]],
        on_line: Callable[[str], Awaitable[bool | None]],
    ) -> None:
        """Send one request and pass the lines of its answer on as they arrive.

        Args:
            send: Sends the request, by a method ``with_streaming_response`` of the client.
            on_line: Receives a line; returns whether it is a part of the answer, and None if it is the last one. The
                time limit is for the time until the next part: a server may keep a connection open with lines that
                are none.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError
            Exception: any error of ``on_line``.
        """
        clock = asyncio.get_running_loop().time
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._time_limit):
                    answer = await stack.enter_async_context(send(self._choose_client()))
                lines, deadline = _split_lines(answer.iter_bytes()), clock() + self._time_limit
                while (line := await self._read_line(lines, deadline)) is not None:
                    is_part = await on_line(line)
                    if is_part is None:
                        return
                    if is_part:
                        deadline = clock() + self._time_limit
        except TimeoutError:
            raise ProviderDownError(f"{self._provider} sent nothing for {self._time_limit:g} s.") from None
        except OpenAIError as error:  # not chained, because it may contain the key
            raise translate(self._provider, error, secret=self._key or None) from None

    async def _read_line(self, lines: AsyncIterator[str], deadline: float) -> str | None:
        """The next line; None at the end."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(lines, None)
        except HTTPError as error:
            name = type(error).__name__
            raise ProviderDownError(f"{self._provider} broke off in the middle of an answer ({name}).") from None

    @property
    def secret(self) -> str | None:
        """The API key, for its removal from messages."""
        return self._key or None

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


async def _split_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The lines of a text that arrives in pieces. A line that is too long is not collected.

    Raises:
        ProviderDownError
    """
    rest = bytearray()
    async for piece in pieces:
        first, *others = piece.split(b"\n")
        rest += first
        for other in others:
            yield rest.decode("utf-8", "replace").rstrip("\r")
            rest = bytearray(other)
        if len(rest) > _LONGEST_LINE:
            raise ProviderDownError("The answer contains a line that is too long.")
    yield rest.decode("utf-8", "replace")


def _check_key(api_key: str | None, base_url: str | None) -> str:
    key = (api_key or "").strip()
    if not key and not base_url:
        raise StartupError("OPENAI_API_KEY is not set. Only a server named by OPENAI_BASE_URL may need no key.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise StartupError("OPENAI_API_KEY contains characters that no API key has.")
    return key
