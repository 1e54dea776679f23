"""Failures that end an attempt from outside its code."""

from app.domain.errors.base import SluiceError


class TaskTimeLimitError(SluiceError):
    """The task exceeded its time limit."""

    code = "task_time_limit"


class TaskCrashedError(SluiceError):
    """The task's process died on every attempt."""

    code = "task_crashed"
