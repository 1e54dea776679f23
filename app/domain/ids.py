"""Identifiers. Agents and documents have integers from the database; tasks and workers have UUIDs from here."""

import os
import time
from typing import NewType
from uuid import UUID

TaskId = NewType("TaskId", UUID)
WorkerId = NewType("WorkerId", UUID)


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7): 48 bits of Unix milliseconds, 74 random bits.

    Ordered ids keep new rows at the right edge of the primary key's B-tree. Python has a generator from version 3.14
    and Postgres from 18; older versions of both are supported, hence this one.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def new_task_id() -> TaskId:
    """Create a task id."""
    return TaskId(uuid7())


def new_worker_id() -> WorkerId:
    """Create a worker id: one per start of a worker process."""
    return WorkerId(uuid7())
