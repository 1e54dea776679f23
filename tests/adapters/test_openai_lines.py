"""The lines of a stream, whatever the pieces in which they arrive."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from app.adapters.openai.client import _split_lines
from app.domain.errors import ProviderDownError
from tests.growth import check_linear


async def arrive(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(pieces: Iterable[bytes]) -> list[str]:
    return [line async for line in _split_lines(arrive(pieces))]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_lines_are_the_same_in_pieces_of_any_size(size: int) -> None:
    whole = "data: a\r\n\r\n\ndata: Zoë\nrest".encode()
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert await read(pieces) == ["data: a", "", "", "data: Zoë", "rest"]


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    check_linear(lambda count: asyncio.run(read([b"x" * 8] * count)), 100_000)


async def test_a_line_that_never_ends_is_not_collected() -> None:
    with pytest.raises(ProviderDownError):
        await read(b"x" * 65536 for _ in range(1_000))
