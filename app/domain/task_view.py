"""The public fields of tasks and dead letters, for the API and the command line alike."""

from dataclasses import asdict
from typing import Any

from app.domain.organization_tasks import name_agent
from app.domain.states import State
from app.domain.tasks import Counts, Task

TOTAL = 100


def describe(task: Task, position: int | None = None, counts: Counts | None = None) -> dict[str, Any]:
    """The public fields of a task.

    ``position`` is its place among the waiting tasks of its agent. ``counts`` are the states of its children, if any.
    """
    return {
        "task_id": str(task.id),
        "task_name": task.name,
        "queue": task.queue,
        "state": task.state.public,
        "status": task.status,
        "current": task.current,
        "total": TOTAL,
        "stage": task.stage,
        "agent_id": name_agent(task.name, task.agent_id),
        "document_id": task.document_id,
        "chunk_count": task.chunk_count,
        "parent_id": str(task.parent_id) if task.parent_id else None,
        "counts": asdict(counts) if counts else None,
        "attempt": task.attempt,
        "crashes": task.crashes,
        "position": position,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "next_attempt_at": task.available_at if task.state is State.RETRY else None,
        "stages": _time_stages(task),
        "result": task.result,
        "error": dict(task.error) if task.error else None,
        "metadata": dict(task.metadata),
        "version": task.version,
    }


def describe_dead_letter(task: Task) -> dict[str, Any]:
    """The public fields of a dead letter, with the history of its attempts."""
    error = dict(task.error) if task.error else None
    return {
        "task_id": str(task.id),
        "task_name": task.name,
        "queue": task.queue,
        "agent_id": name_agent(task.name, task.agent_id),
        "document_id": task.document_id,
        "arguments": dict(task.arguments),
        "metadata": dict(task.metadata),
        "error": error,
        "traceback": error.get("traceback") if error else None,
        "attempts": task.attempt,
        "crashes": task.crashes,
        "history": [dict(entry) for entry in task.history],
        "created_at": task.created_at,
        "dead_lettered_at": task.dead_lettered_at,
        "announced_at": task.announced_at,
    }


def _time_stages(task: Task) -> list[dict[str, Any]]:
    """Milliseconds in the queue, then in each stage; the last stage is included once the task has ended."""
    if task.started_at is None:
        return []
    waited = max(0.0, (task.started_at - max(task.created_at, task.available_at)).total_seconds())
    entered = [stage["at"] for stage in task.stages]
    ends = [*entered[1:], int(task.completed_at.timestamp() * 1000) if task.completed_at else None]
    timed = [
        {"name": stage["name"], "ms": max(0, int(end - start))}
        for stage, start, end in zip(task.stages, entered, ends, strict=False)
        if end is not None
    ]
    return [{"name": "queue", "ms": round(waited * 1000)}, *timed]
