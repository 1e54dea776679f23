"""Failures of a remote service, for tests to choose."""

from enum import StrEnum
from http import HTTPStatus


class Trouble(StrEnum):
    """``AWAY``: connections are refused. The others: every request is answered with that status."""

    AWAY = "away"
    BROKEN = "broken"
    BUSY = "busy"
    LOCKED = "locked"

    @property
    def status(self) -> HTTPStatus:
        """The status of the answers."""
        return _STATUSES[self]


BUSY_SECONDS = 7
"""The value of ``Retry-After`` in the answers of a busy service."""

_STATUSES = {
    Trouble.BROKEN: HTTPStatus.INTERNAL_SERVER_ERROR,
    Trouble.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Trouble.LOCKED: HTTPStatus.UNAUTHORIZED,
}
