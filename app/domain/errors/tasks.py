"""What ends an attempt from outside."""

from app.domain.errors.base import SluiceError


class TaskTimeLimitError(SluiceError):
    """The task ran past its time limit."""

    code = "task_time_limit"


class TaskCrashedError(SluiceError):
    """The task's process died each time it was tried."""

    code = "task_crashed"
