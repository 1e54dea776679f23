"""Changes the embedding model or the vector store while the installation runs."""

import asyncio
from typing import Any

from app.cli.local.session import Session, run
from app.cli.output import CommandError, print_json, print_table, say
from app.domain.counting import count_of
from app.domain.vectors import IndexState
from app.services.indexing.vector_indexes import GateRequest, IndexStatus

_POLL_SECONDS = 1.0
_TOLERANCE = 0.01
_STOPPED = "The task that evaluates the new index has ended without a result: retry it, or use `--abandon`"


def make_gate(questions: int | None, refuse_worse: float | None) -> GateRequest | None:
    """The condition of the new index; None without a question set."""
    return None if questions is None else GateRequest(questions, _TOLERANCE if refuse_worse is None else refuse_worse)


def change_index(*, status: bool, abandon: bool, wait: bool, gate: GateRequest | None, as_json: bool) -> None:
    """Begin, show or abandon the index of the settings' model and store.

    Args:
        status: Only show the indexes.
        abandon: Discard the index that is being built.
        wait: Wait until the new index is active.
        gate: The condition under which it becomes active.
        as_json: Print JSON.
    """

    async def work(session: Session) -> list[IndexStatus]:
        indexes = session.services.indexing.vector_indexes
        if abandon:
            await indexes.abandon()
            await session.record("reembed --abandon")
        elif not status:
            await session.services.indexing.reembedding.check(indexes.requested)
            begun = await indexes.begin(gate)
            await session.record("reembed", f"vector_index:{begun.index.id}")
            say(f"Building an index with {begun.index.embedding} in {begun.index.store}.")
            if wait:
                await _wait(session, begun.index.id)
        return await indexes.list_indexes()

    entries = run(work, any_index=True)
    listed = [_describe(entry) for entry in entries]
    if as_json:
        print_json(
            {"indexes": [{**one, "gate": _describe_gate(entry)} for one, entry in zip(listed, entries, strict=True)]}
        )
        return
    print_table(list(listed[0]) if listed else [], [list(entry.values()) for entry in listed])
    for entry in entries:
        if described := _describe_gate(entry):
            say(f"Index {entry.index.id}: {' '.join(filter(None, [described['state'], described['reason']]))}")


async def _wait(session: Session, index_id: int) -> None:
    """Wait until an index is active, and print its progress once a second if it changed.

    Raises:
        CommandError: when it is refused, or no decision can be expected.
    """
    printed = ""
    while True:
        entry = next(
            (e for e in await session.services.indexing.vector_indexes.list_indexes() if e.index.id == index_id), None
        )
        if entry and entry.gate and entry.gate.accepted is False:
            raise CommandError(f"Refused. {entry.gate.reason}")
        if entry is None or entry.index.state is not IndexState.BUILDING:
            return
        if entry.gate and entry.stopped:
            raise CommandError(f"{_STOPPED} ({entry.gate.task_id}).")
        more = "" if entry.planned else " or more"
        failed = f", {entry.failed} failed for good (see `dead-letters list`)" if entry.failed else ""
        line = f"{count_of(entry.complete, 'document')} done, {entry.lacking}{more} to go{failed}"
        if entry.gate and entry.gate.task_id:
            line = f"{line}; the new index is being evaluated"
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


def _describe_gate(entry: IndexStatus) -> dict[str, Any] | None:
    """The condition of an index and its state; None for an index without one."""
    gate = entry.gate
    if gate is None:
        return None
    waiting = f"{_STOPPED}." if entry.stopped else "waits to be evaluated"
    states = {True: "accepted.", False: "refused.", None: waiting if entry.index.state is IndexState.BUILDING else ""}
    return {
        "question_set": gate.question_set_id,
        "tolerance": gate.tolerance,
        "task_id": str(gate.task_id) if gate.task_id else None,
        "state": states[gate.accepted],
        "reason": gate.reason,
    }
