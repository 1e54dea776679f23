"""The data folder, which one process at a time may use, and the temporary folder of the sockets."""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.domain.errors import StartupError
from app.embedded.binaries import is_open_to_all

# The path of a socket may have 103 bytes on macOS and 107 on Linux. Folder and file names below the base take 45.
_MAX_BASE = 55

ADDRESSES = "engines.json"
"""The file with the addresses of the servers that run on a data folder."""

_LOCK = "engines.lock"
# Longer than another process takes to check whether the folder is locked.
_LOCK_SECONDS = 0.5
_locks: set[int] = set()


def _close_locks() -> None:
    for lock in _locks:
        os.close(lock)
    _locks.clear()


# A forked child must not keep the folder locked after this process was killed.
os.register_at_fork(after_in_child=_close_locks)


@contextmanager
def lock_data_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` if it is missing, and keep every other process from using it.

    The lock ends with the process, however it ends. The description of its holder stays in the file.

    Raises:
        StartupError: another process uses the folder; names the process.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    _locks.add(lock)
    try:
        _lock(lock, folder)
        os.ftruncate(lock, 0)
        os.pwrite(lock, _describe_process().encode(errors="replace"), 0)
        (folder / ADDRESSES).unlink(missing_ok=True)  # of the servers that ran before
        yield
    finally:
        if lock in _locks:
            _locks.remove(lock)
            os.close(lock)


def is_data_folder_locked(folder: Path) -> bool:
    """Whether a process runs servers on the folder."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _lock(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                holder = os.pread(lock, 1000, 0).decode(errors="replace").strip() or "another process"
                raise StartupError(f"The data folder {folder} is in use by {holder}.") from error
            time.sleep(0.01)
        else:
            return


@contextmanager
def open_run_folder(data_dir: Path) -> Iterator[Path]:
    """Make an empty folder with a short path for sockets, and remove it at the end.

    The name is derived from the data folder. So the addresses are the same after each start, and a folder that a killed
    process left behind is found and removed.
    """
    where = data_dir.stat()
    key = f"{os.geteuid()}:{where.st_dev}:{where.st_ino}".encode()
    path = _find_base() / f"sluice-{hashlib.blake2s(key, digest_size=6).hexdigest()}"
    if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
        shutil.rmtree(path)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:  # it belongs to another user
        path = Path(tempfile.mkdtemp(prefix="sluice-run-", dir=path.parent))
    if os.geteuid() == 0:
        path.chmod(0o711)  # Postgres, which does not run as root, must reach its own, private folder below
    handle, maker = os.open(path, os.O_RDONLY), os.getpid()
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # systemd-tmpfiles leaves locked folders alone
        yield path
    finally:
        os.close(handle)
        if os.getpid() == maker:
            shutil.rmtree(path, ignore_errors=True)  # the next start removes what is left


def _describe_process() -> str:
    since = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    return f"process {os.getpid()} ({shlex.join(sys.orig_argv)[:300]}) since {since}"


def _find_base() -> Path:
    for name in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - only a private folder inside it is used
        # These characters need no quoting in any of the URL forms.
        plain = re.fullmatch(rf"[A-Za-z0-9_./-]{{1,{_MAX_BASE}}}", name)
        if plain and (os.geteuid() != 0 or is_open_to_all(Path(name))):
            return Path(name)
    raise StartupError("There is no temporary folder with a path short enough for the servers' sockets; set TMPDIR.")
