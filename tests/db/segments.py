"""An agent with word segments, for tests of the database."""

import random

from app.db.search.word_segments import maintain_word_segments
from tests.db.library import Library

_VOCABULARY = [f"word{number}" for number in range(80)]
_SHARES = [1 / (number + 1) for number in range(80)]


def make_texts(seed: int, count: int) -> list[str]:
    source = random.Random(seed)  # noqa: S311 - makes texts
    return [" ".join(source.choices(_VOCABULARY, _SHARES, k=source.randint(3, 60))) for _ in range(count)]


async def segment(library: Library, *, swept: float = 3600) -> int:
    """Build the segments of every agent."""
    return await maintain_word_segments(library.database, large=1, swept=swept)


async def add_corpus(library: Library, *, seed: int = 1) -> int:
    agent_id = await library.add_agent()
    for number in range(6):
        await library.add_document(agent_id, *make_texts(seed * 100 + number, 20), metadata=f'{{"n": {number}}}')
    return agent_id
