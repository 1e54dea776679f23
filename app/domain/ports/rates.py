"""The port that counts requests of clients."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class CountedRequest(Protocol):
    """What is used of each limit after a request."""

    @property
    def wait(self) -> float:
        """0 if the request was counted; otherwise the seconds until there is capacity."""

    @property
    def used(self) -> Sequence[int]:
        """What is used of each limit."""

    @property
    def resets(self) -> Sequence[float]:
        """The seconds until the oldest use of each limit leaves the window."""


class RequestCounter(Protocol):
    """Counts requests in sliding windows, over all processes."""

    async def count(self, name: str, limits: Mapping[str, int]) -> CountedRequest:
        """Count a request against several limits: it is counted by each of them, or by none if one is reached.

        Raises:
            ProviderBusyError: the counts are unavailable.
        """
