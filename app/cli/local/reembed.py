"""Changes the embedding model or the vector store while the installation runs."""

import asyncio
from typing import Any

from app.cli.local.session import Session, run
from app.cli.output import print_json, print_table, say
from app.domain.counting import count_of
from app.domain.vectors import IndexState
from app.services.indexing.vector_indexes import IndexStatus

_POLL_SECONDS = 1.0


def change_index(*, status: bool, abandon: bool, wait: bool, as_json: bool) -> None:
    """Begin, show or abandon the index of the settings' model and store.

    Args:
        status: Only show the indexes.
        abandon: Discard the index that is being built.
        wait: Wait until the new index is active.
        as_json: Print JSON.
    """

    async def work(session: Session) -> list[IndexStatus]:
        indexes = session.services.indexing.vector_indexes
        if abandon:
            await indexes.abandon()
        elif not status:
            await session.services.indexing.reembedding.check(indexes.requested)
            begun = await indexes.begin()
            say(f"Building an index with {begun.index.embedding} in {begun.index.store}.")
            if wait:
                await _wait(session, begun.index.id)
        return await indexes.list_indexes()

    listed = [_describe(entry) for entry in run(work, any_index=True)]
    if as_json:
        print_json({"indexes": listed})
    else:
        print_table(list(listed[0]) if listed else [], [list(entry.values()) for entry in listed])


async def _wait(session: Session, index_id: int) -> None:
    """Wait until an index is active, and print its progress once a second if it changed."""
    printed = ""
    while True:
        entry = next(
            (e for e in await session.services.indexing.vector_indexes.list_indexes() if e.index.id == index_id), None
        )
        if entry is None or entry.index.state is not IndexState.BUILDING:
            return
        more = "" if entry.planned else " or more"
        failed = f", {entry.failed} failed for good (see `dead-letters list`)" if entry.failed else ""
        line = f"{count_of(entry.complete, 'document')} done, {entry.lacking}{more} to go{failed}"
        if line != printed:
            say(line)
            printed = line
        await asyncio.sleep(_POLL_SECONDS)


def _describe(entry: IndexStatus) -> dict[str, Any]:
    spec = entry.index.embedding
    return {
        "id": entry.index.id,
        "state": entry.index.state.value,
        "store": entry.index.store,
        "provider": spec.provider,
        "model": spec.model,
        "dimensions": spec.dimensions,
        "documents": entry.complete,
        "lacking": entry.lacking,
        "failed": entry.failed,
    }
