"""Schedules: when the next task of each is due. The state of Celery Beat is here, and not in a file of one host."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_PREFIX = "schedule:"

_READ_CLOCK = text("SELECT clock_timestamp()")


async def read_clock(connection: AsyncConnection) -> datetime:
    """The database's time, which every process of the installation shares."""
    now: datetime = (await connection.execute(_READ_CLOCK)).scalar_one()
    return now


_ADD = text("INSERT INTO chores (name, due_at) VALUES (:chore, :first) ON CONFLICT (name) DO NOTHING")
_LOCK = text("SELECT due_at FROM chores WHERE name = :chore FOR UPDATE")


async def lock_schedule(connection: AsyncConnection, schedule: str, first: datetime) -> datetime:
    """Lock a schedule until the transaction ends, and return when its next task is due.

    Of several processes, the later ones wait here and then find the task of this time submitted.

    Args:
        connection: The transaction.
        schedule: The schedule's name.
        first: When the first task is due, if the schedule is new.
    """
    name = _PREFIX + schedule
    await connection.execute(_ADD, {"chore": name, "first": first})
    due: datetime = (await connection.execute(_LOCK, {"chore": name})).scalar_one()
    return due


_SET_DUE = text("UPDATE chores SET due_at = :due WHERE name = :chore")


async def set_due(connection: AsyncConnection, schedule: str, due: datetime) -> None:
    """Record when the next task of a schedule is due."""
    await connection.execute(_SET_DUE, {"chore": _PREFIX + schedule, "due": due})
