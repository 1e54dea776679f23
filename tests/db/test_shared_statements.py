"""Statements that concurrent callers share."""

import asyncio
from collections.abc import Sequence

from app.db.shared_statements import SharedStatement


async def test_a_value_that_arrives_when_every_statement_has_just_ended_starts_another() -> None:
    ended = asyncio.Event()

    async def run(values: Sequence[int]) -> Sequence[int]:
        await ended.wait()
        return values

    shared = SharedStatement(run)
    first = [asyncio.create_task(shared.fetch(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.append(asyncio.create_task(shared.fetch(2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ended.set()
    late = asyncio.create_task(shared.fetch(3))  # runs after both statements, and before any callback of theirs
    async with asyncio.timeout(10):
        assert await late == 3
        assert await asyncio.gather(*first) == [1, 2]
