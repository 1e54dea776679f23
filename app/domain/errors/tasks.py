"""Failures that end an attempt from outside its code."""

from app.domain.errors.base import SluiceError


class TaskTimeLimitError(SluiceError):
    """The task exceeded its time limit."""

    code = "task_time_limit"


class ParserKilledError(SluiceError):
    """The system ended the program that was reading the file, probably because memory ran out."""

    code = "parse_killed"
    retryable = True


class TaskCrashedError(SluiceError):
    """The task's process died on every attempt."""

    code = "task_crashed"
