"""Failures: which end an attempt has that raised an error."""

import traceback
from dataclasses import dataclass

from app.domain.errors import SluiceError, name_disk_error
from app.domain.tasks import Failure

_TRACEBACK_CHARACTERS = 10_000
_SUMMARY_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a retryable failure is tried again, and how many seconds an attempt may take."""

    max_retries: int
    backoff: float
    backoff_max: float
    time_limit: float


def describe_failure(error: Exception) -> tuple[Failure, float | None]:
    """What the ledger stores of an error, and after how many seconds the error asks to be tried again."""
    error = name_disk_error(error)
    stack = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
    if isinstance(error, SluiceError):
        return Failure(error.code, error.message, error.retryable, stack), error.retry_after
    return Failure(SluiceError.code, _summarise(error), retryable=True, traceback=stack), None


def _summarise(error: Exception) -> str:
    """The first line of an unexpected error. Its traceback is stored as well."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:_SUMMARY_CHARACTERS]
