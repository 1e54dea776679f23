"""Identifiers. Agents and documents are integers from the database; tasks and workers are UUIDs made here."""

import os
import time
from typing import NewType
from uuid import UUID

TaskId = NewType("TaskId", UUID)
WorkerId = NewType("WorkerId", UUID)


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7): 48 bits of Unix milliseconds, 74 random bits.

    Ordered ids keep new rows at the right edge of the primary key's B-tree. Python has
    this from 3.14 and Postgres from 18; both older ones are supported, so it is made here.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def new_task_id() -> TaskId:
    """A fresh task id."""
    return TaskId(uuid7())


def new_worker_id() -> WorkerId:
    """A fresh worker id, one per worker process start."""
    return WorkerId(uuid7())
