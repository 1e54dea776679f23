"""Sends signed webhooks through the client that connects only to allowed addresses."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from app.adapters.web.client import WebClient, WebResponse
from app.adapters.webhooks.signatures import sign
from app.domain.errors import (
    InvalidUrlError,
    PageUnreachableError,
    ResponseTooLargeError,
    SluiceError,
    UnsupportedCodingError,
    UrlNotAllowedError,
)
from app.domain.webhooks import Answer, describe_status

_MOST_BYTES = 64 * 1024
_EXCERPT_CHARACTERS = 1024
_NOT_SENT = (InvalidUrlError, UrlNotAllowedError)
_REASON_CHARACTERS = 300
_BODY_SECONDS = 1.0


class HttpWebhookSender:
    """Sends webhooks over HTTP. The client's time limit covers a whole attempt."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    async def send(self, url: str, message_id: str, body: str, secrets: Sequence[str]) -> Answer:
        """Send a message; see the port."""
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            **sign(message_id, body, secrets, datetime.now(UTC)),
        }
        try:
            return await self._post(url, body, headers)
        except _NOT_SENT as error:
            return Answer(None, f"Sluice does not send to this URL. {_name_reason(error)}")
        except SluiceError as error:
            return Answer(None, f"The receiver did not answer. {_name_reason(error)}"[:_REASON_CHARACTERS])

    async def _post(self, url: str, body: str, headers: Mapping[str, str]) -> Answer:
        async with self._client.post(url, body.encode(), headers) as response:
            excerpt = await _read_excerpt(response)
            return Answer(response.status, describe_status(response.status), excerpt, response.retry_after)


async def _read_excerpt(response: WebResponse) -> str:
    """The beginning of the body, for people. A bad or slow body is no failure: the status counts."""
    read = b""
    with suppress(ResponseTooLargeError, UnsupportedCodingError, PageUnreachableError, TimeoutError):
        async with asyncio.timeout(_BODY_SECONDS), aclosing(response.read(_MOST_BYTES)) as pieces:
            async for piece in pieces:
                read += piece[: _EXCERPT_CHARACTERS * 4 - len(read)]
    return read.decode("utf-8", "replace").replace("\x00", "")[:_EXCERPT_CHARACTERS]


def _name_reason(error: SluiceError) -> str:
    """The part of an error's message that is about the connection."""
    return error.detail or type(error).title()
