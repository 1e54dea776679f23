"""Locks that the processes of a host share: on numbered files in the folder for temporary files, or on a folder.

The operating system releases a lock when the process that holds it dies, however it dies. A child that is forked while
a lock is held does not hold it.
"""

import fcntl
import os
import tempfile
from pathlib import Path

_held: set[int] = set()


def _close_held() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_held)


def get_lock_folder(name: str) -> Path:
    """The folder of the locks of this name, one for each user of the host."""
    return Path(tempfile.gettempdir()) / f"sluice-{name}-{os.geteuid()}"


def lock_first(folder: Path, count: int) -> tuple[int, int] | None:
    """Lock the first of ``count`` locks that is free.

    Returns its number, from 0, and the descriptor for ``unlock``; None if all are locked.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(count):
        descriptor = _lock(os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        if descriptor is not None:
            return number, descriptor
    return None


def lock_folder(folder: Path) -> int | None:
    """Lock a folder itself. Returns the descriptor for ``unlock``; None if it is locked."""
    return _lock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))


def _lock(descriptor: int) -> int | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    _held.add(descriptor)
    return descriptor


def unlock(descriptor: int) -> None:
    """Release a lock. Does nothing in a forked child, which does not hold it."""
    if descriptor in _held:
        _held.remove(descriptor)
        os.close(descriptor)
