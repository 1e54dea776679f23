"""The operator's request to stop."""

import signal
from types import FrameType


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM was received."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def listen_for_stop() -> None:
    """Raise ``Stopped`` on SIGINT and SIGTERM."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
