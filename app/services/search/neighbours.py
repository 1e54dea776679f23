"""Neighbours: the chunks before and after a hit, so that a reader sees what surrounds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.engine import Database
from app.db.search.neighbours import list_neighbours
from app.db.search.ranking import Hit
from app.domain.records import StoredChunk
from app.pipeline.chunking.joining import Piece, join_chunks

MAX_NEIGHBOURS = 5
MAX_CHARACTERS = 1_000_000
"""The text of all neighbours in one response. Chunks of the default size stay below it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The chunks around a hit, in the order of the text, and the text of all of them without repeated parts."""

    before: Sequence[StoredChunk]
    after: Sequence[StoredChunk]
    text: str


class Neighbours:
    """Finds the neighbours of hits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, hits: Sequence[Hit], count: int) -> list[Surroundings]:
        """Up to ``count`` neighbours on each side of each hit.

        When the neighbours have too many characters in all, the last hits get fewer.
        """
        async with self._database.statement() as connection:
            found = await list_neighbours(connection, [hit.key for hit in hits], count)
        left = MAX_CHARACTERS
        surroundings = []
        for hit in hits:
            nearest = _choose_nearest(hit, found.get(hit.key, []), left)
            left -= sum(len(chunk.text) for chunk in nearest)
            surroundings.append(_arrange(hit, nearest))
        return surroundings


def _choose_nearest(hit: Hit, chunks: Sequence[StoredChunk], characters: int) -> list[StoredChunk]:
    """The nearest of the chunks that have at most so many characters together: no chunk between them is left out."""
    chosen = []
    for chunk in sorted(chunks, key=lambda chunk: abs(chunk.ordinal - hit.ordinal)):
        characters -= len(chunk.text)
        if characters < 0:
            break
        chosen.append(chunk)
    return chosen


def _arrange(hit: Hit, chunks: Sequence[StoredChunk]) -> Surroundings:
    ordered = sorted(chunks, key=lambda chunk: chunk.ordinal)
    before = [chunk for chunk in ordered if chunk.ordinal < hit.ordinal]
    after = [chunk for chunk in ordered if chunk.ordinal > hit.ordinal]
    pieces: list[Piece] = [*before, hit, *after]
    return Surroundings(before, after, join_chunks(pieces, pieces[0].start))
