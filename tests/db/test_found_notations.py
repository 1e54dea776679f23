"""Numbers in other notations and emoji are found by a search, with word segments and without."""

import pytest

from tests.db.library import Library
from tests.db.segments import segment

TEXTS = [
    "Call +49 (0)30/1234-567.",
    "The shop opens at 2:30 pm.",
    "Account DE89 3704 0044 0532 0130 00.",
    "Launched 🚀 today.",
]


@pytest.mark.parametrize("has_segments", [False, True])
async def test_a_notation_finds_the_text_with_another_one(library: Library, has_segments: bool) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, *TEXTS)
    if has_segments:
        await segment(library)
    for query, found in [("+49301234567", 0), ("14.30 Uhr", 1), ("DE89370400440532013000", 2), ("🚀", 3)]:
        hits = await library.find(agent_id, query, mode="text")
        assert hits[0].text == TEXTS[found]
