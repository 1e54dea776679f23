"""What can be wrong with a service that others run, to order."""

from enum import StrEnum
from http import HTTPStatus


class Trouble(StrEnum):
    """``AWAY``: connections are refused. The others are answers to every request."""

    AWAY = "away"
    BROKEN = "broken"
    BUSY = "busy"
    LOCKED = "locked"

    @property
    def status(self) -> HTTPStatus:
        """What a service in that trouble answers."""
        return _STATUSES[self]


BUSY_SECONDS = 7
"""What ``Retry-After`` says in an answer that a service is busy."""

_STATUSES = {
    Trouble.BROKEN: HTTPStatus.INTERNAL_SERVER_ERROR,
    Trouble.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Trouble.LOCKED: HTTPStatus.UNAUTHORIZED,
}
