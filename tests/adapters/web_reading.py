"""Makes and runs the web readers under test."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from app.adapters.web.client import WebClient
from app.adapters.web.connection import Resolve, resolve
from app.adapters.web.reader import WebReader
from app.domain.addresses import Address, AllowedHosts
from app.domain.errors import SluiceError
from app.domain.web import FetchedPage
from tests.deadlines import within

MAX_BYTES = 1024 * 1024


class Names:
    """A resolver that returns the answers of a name in turn and repeats the last; ``asked`` holds the requests."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> Sequence[Address]:
        self.asked.append(host)
        turns = self._answers[host]
        return [ip_address(address) for address in (turns.pop(0) if len(turns) > 1 else turns[0])]


def make_client(allowed: str = "127.0.0.1", *, time_limit: float = 20.0, names: Resolve = resolve) -> WebClient:
    return WebClient(user_agent="Sluice", time_limit=time_limit, allowed=AllowedHosts.parse(allowed), resolve=names)


async def read(url: str, folder: Path, client: WebClient | None = None, max_bytes: int = MAX_BYTES) -> FetchedPage:
    """Read one page."""
    return await WebReader(client or make_client(), max_bytes=max_bytes).read(url, folder)


async def fail(url: str, folder: Path, client: WebClient | None = None, *, seconds: float = 5.0) -> SluiceError:
    """Read one page, which must fail in time; returns the error."""
    with within(seconds), pytest.raises(SluiceError) as caught:
        await read(url, folder, client)
    return caught.value
