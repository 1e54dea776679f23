"""Temporary folders that can be removed after the process that made them was killed.

Each is locked by its process for as long as it exists. The operating system releases the lock when the process dies, so
another process recognises an abandoned folder without knowing the process.
"""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from app.host_locks import lock_folder, unlock

_PREFIX = "sluice-locked-"
# A folder without a lock may be in use for a moment: its process locks it right after it has made it.
_UNLOCKED_SECONDS = 60.0


class TemporaryFolder:
    """A temporary folder, removed by ``remove`` or at the end of a ``with`` block, which gives its path."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = lock_folder(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder with all that is in it, and release its lock. Does nothing the second time."""
        lock, self._lock = self._lock, None
        if lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            unlock(lock)


def remove_abandoned_folders() -> int:
    """Remove the folders of processes of this user and host that have died; returns how many."""
    before, removed = time.time() - _UNLOCKED_SECONDS, 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # its process has removed it, or another user owns it
            if folder.lstat().st_mtime < before and (lock := lock_folder(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                unlock(lock)
                removed += 1
    return removed
