"""Failures of a request that exceeds a limit."""

from collections.abc import Mapping
from typing import Any

from app.domain.errors.base import SluiceError


class RateLimitedError(SluiceError):
    """There are too many requests. Try again after the time in `Retry-After`."""

    code = "rate_limited"
    status = 429
    retryable = True


class QuotaExceededError(SluiceError):
    """A quota is used up.

    ``quota`` says which one, and when it resets.
    """

    code = "quota_exceeded"
    status = 402

    def __init__(self, detail: str | None = None, *, quota: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self._quota = quota

    @property
    def members(self) -> Mapping[str, Any]:
        """The limit, what is used, and when it resets."""
        return {"quota": self._quota} if self._quota else {}


class BudgetExceededError(QuotaExceededError):
    """The budget of the month is used up."""

    code = "budget_exceeded"
