"""Ends a child process when its parent dies, however the parent dies. Imports nothing but the standard library."""

import ctypes
import os
import sys
from signal import Signals

_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # looked up here: not between fork and exec


def die_with_parent(death_signal: Signals, parent: int) -> None:
    """Have the kernel send this process a signal when the thread that forked it ends. Does nothing except on Linux.

    Ends the process at once if the parent has died already. Safe to call between fork and exec.

    Args:
        death_signal: The signal to send.
        parent: The parent's process id.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            os._exit(1)
