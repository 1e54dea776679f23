"""Waits until Pinecone's queries reflect a write.

Pinecone confirms a write before queries reflect it. Each namespace has a log. The answer to a write states its position
in the log, and the answer to a query states the position up to which the query has read.
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


class Backoff:
    """Pauses of increasing length, up to a time limit.

    Args:
        first: Seconds of the first pause. Each further pause is twice as long, up to a second.
        limit: Seconds for all pauses.
        outcome: The detail of the error after the time limit.
    """

    def __init__(self, first: float, limit: float, outcome: str) -> None:
        self._next, self._deadline, self._outcome = first, time.monotonic() + limit, outcome

    async def pause(self) -> None:
        """Sleep.

        Raises:
            ProviderDownError: the time limit would be exceeded.
        """
        if time.monotonic() + self._next > self._deadline:
            raise ProviderDownError(self._outcome)
        await asyncio.sleep(self._next)
        self._next = min(2 * self._next, _LONGEST_PAUSE)


async def shows_batch(namespace: PineconeNamespace, batch: VectorBatch, target: int | None) -> bool:
    """Whether queries find a batch.

    Args:
        namespace: The namespace of the batch.
        batch: The batch; not empty.
        target: The batch's position in the log. If it is None, or the answer states no position, each vector of the
            batch must be found.
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


async def remove_edition(namespace: PineconeNamespace, name: str, length: int, backoff: Backoff) -> None:
    """Delete all records of an edition, and return when neither queries nor lists show any.

    A deletion is sent even if no record is found: only after queries have read the log up to it is every earlier write
    certain to be visible.

    Args:
        namespace: The namespace of the edition.
        name: The name of the edition.
        length: The length of the index's vectors.
        backoff: The pauses between the checks.
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
        await backoff.pause()


def _shows_deletion(answer: QueryResponse, target: int | None) -> bool:
    """Whether a query has read the log up to the deletion; if it states no position, whether it found nothing."""
    read = _read_log(answer)
    return not answer.matches if read is None or target is None else read >= target


def _read_log(answer: QueryResponse) -> int | None:
    return answer.response_info.lsn_reconciled if answer.response_info else None
