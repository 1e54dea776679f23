"""One way to OpenAI, or to a server that speaks its protocol, for those adapters that ask it."""

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
_TALKATIVE = ("openai", "httpx2", "httpcore2")


class OpenAIClient:
    """Asks one provider; never tries again by itself, which is the ledger's business.

    The vendor's client is made at its first use on each event loop: connections belong to one loop of one process.

    Args:
        provider: The provider's name, for what goes wrong.
        api_key: None for a server that asks for none.
        base_url: Where the server is; None for OpenAI itself.
        time_limit: Seconds until a whole answer has to be there.

    Raises:
        StartupError: when the key is missing or cannot be a key.
    """

    def __init__(self, provider: str, *, api_key: str | None, base_url: str | None, time_limit: float) -> None:
        for name in _TALKATIVE:  # they log every request, and at DEBUG what is in it
            logging.getLogger(name).setLevel(logging.WARNING)
        self._provider = provider
        self._key = _check_key(api_key, base_url)
        self._base_url = base_url or _OPENAI  # always given, or the client would look into the environment
        self._time_limit = time_limit
        self._made: tuple[asyncio.AbstractEventLoop, AsyncOpenAI] | None = None

    async def ask(self, send: Callable[[AsyncOpenAI], Awaitable[Any]]) -> bytes:
        """The body of the answer to one request.

        Args:
            send: Sends it, by a method ``with_raw_response`` of the client.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError
        """
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await send(self._choose_client())
        except TimeoutError:
            raise ProviderDownError(f"{self._provider} did not answer within {self._time_limit:g} s.") from None
        except OpenAIError as error:  # not chained: what it holds may hold the key
            raise translate(self._provider, error, secret=self._key or None) from None
        return bytes(answer.http_response.content)

    async def close(self) -> None:
        """Let go of this loop's connections."""
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
            # Its own would, when collected, close connections of a loop that has ended on the one that runs then.
            http_client=DefaultAsyncHttpxClient(timeout=timeout),
        )


def _check_key(api_key: str | None, base_url: str | None) -> str:
    key = (api_key or "").strip()
    if not key and not base_url:
        raise StartupError("OPENAI_API_KEY is not set; only a server named by OPENAI_BASE_URL may do without.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise StartupError("OPENAI_API_KEY holds characters that no key has.")
    return key
