"""Whether Pinecone's queries have caught up with what was written.

Pinecone takes a write before queries see it. Each write has a place in its namespace's log, which the answer tells,
and a query's answer tells how far in the log it has read.
"""

import asyncio
import time

from pinecone.models.vectors.responses import QueryResponse

from app.adapters.pinecone.connection import NamespaceMissingError
from app.adapters.pinecone.namespace import MOST_MATCHES, PineconeNamespace
from app.adapters.pinecone.records import EDITION, ORDINAL, make_probe, name_edition, read_ids, read_vector
from app.domain.errors import ProviderDownError
from app.domain.vectors import VectorBatch

_LONGEST_PAUSE = 1.0


class Patience:
    """Longer and longer pauses, until there is no time left.

    Args:
        first: Seconds of the first one.
        limit: Seconds for all.
        outcome: What is wrong when they did not do.
    """

    def __init__(self, first: float, limit: float, outcome: str) -> None:
        self._next, self._deadline, self._outcome = first, time.monotonic() + limit, outcome

    async def pause(self) -> None:
        """Wait a little, or raise ``ProviderDownError``."""
        if time.monotonic() + self._next > self._deadline:
            raise ProviderDownError(self._outcome)
        await asyncio.sleep(self._next)
        self._next = min(2 * self._next, _LONGEST_PAUSE)


async def shows_batch(namespace: PineconeNamespace, batch: VectorBatch, target: int | None) -> bool:
    """Whether queries see a batch.

    Args:
        namespace: Where it was written.
        batch: It; not empty.
        target: Its place in the log. None, or an answer without one: it is seen when all of it is found.
    """
    probe = make_probe(len(next(iter(batch.vectors.values()))))
    if target is not None:
        read = _read_log(await namespace.search(probe, None, 1))
        if read is not None:
            return read >= target
    ordinals = sorted(batch.vectors)
    for start in range(0, len(ordinals), MOST_MATCHES):
        group = ordinals[start : start + MOST_MATCHES]
        edition = {EDITION: {"$eq": name_edition(batch.document_id, batch.edition)}}
        chosen = {"$and": [edition, {ORDINAL: {"$gte": group[0]}}, {ORDINAL: {"$lte": group[-1]}}]}
        keys = map(read_vector, read_ids(await namespace.search(probe, chosen, MOST_MATCHES)))
        if not {key.ordinal for key in keys if key}.issuperset(group):
            return False
    return True


async def remove_edition(namespace: PineconeNamespace, name: str, length: int, patience: Patience) -> None:
    """Delete all records of an edition, and return when neither queries nor lists show any.

    Something is deleted even where nothing is seen: only once the log is read behind that, all that was written
    before is sure to be seen.

    Args:
        namespace: Where they are.
        name: The edition's.
        length: Of the index's vectors.
        patience: For queries and lists to catch up.
    """
    probe, chosen = make_probe(length), {EDITION: {"$eq": name}}
    left = read_ids(await namespace.search(probe, chosen, MOST_MATCHES)) or [f"{name}#0"]
    removed: set[str] = set()
    target: int | None = None
    while True:
        if left:
            try:
                target = await namespace.remove(left)
            except NamespaceMissingError:
                return
            removed.update(left)
        answer, left = await namespace.search(probe, chosen, MOST_MATCHES), []
        if _shows_deletion(answer, target):
            listed = (await namespace.list(f"{name}#"))[0]
            left = read_ids(answer) or [record for record in listed if record not in removed]
            if not listed and not left:
                return
        await patience.pause()


def _shows_deletion(answer: QueryResponse, target: int | None) -> bool:
    """Whether a query for what was deleted saw the log that far; where it does not tell, whether it found nothing."""
    read = _read_log(answer)
    return not answer.matches if read is None or target is None else read >= target


def _read_log(answer: QueryResponse) -> int | None:
    return answer.response_info.lsn_reconciled if answer.response_info else None
