"""The data folder, held by one process at a time, and the short-lived folder of the sockets."""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.domain.errors import StartupError
from app.embedded.binaries import is_open_to_all

# A socket's whole path may have 103 bytes on macOS and 107 on Linux; our part of it takes 45.
_MAX_BASE = 55

_locks: set[int] = set()


def _close_locks() -> None:
    for lock in _locks:
        os.close(lock)
    _locks.clear()


# A process forked from ours must not keep the folder from the next start after we were killed.
os.register_at_fork(after_in_child=_close_locks)


@contextmanager
def hold_data_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` where it is missing and keep every other process from using it.

    The lock ends with the process, however that ends; only what it says of its holder stays in the file.

    Raises:
        StartupError: another process holds the folder; names it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "engines.lock", os.O_RDWR | os.O_CREAT, 0o600)
    _locks.add(lock)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 1000, 0).decode(errors="replace").strip() or "another process"
            raise StartupError(f"The data folder {folder} is in use by {holder}.") from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, _describe_ourselves().encode(errors="replace"), 0)
        yield
    finally:
        if lock in _locks:
            _locks.remove(lock)
            os.close(lock)


@contextmanager
def open_run_folder(data_dir: Path) -> Iterator[Path]:
    """A fresh folder with a short path for sockets, removed at the end.

    Its name follows from the data folder, so addresses stay the same from one start to the next, and what a killed
    process left behind is found and removed.
    """
    where = data_dir.stat()
    key = f"{os.geteuid()}:{where.st_dev}:{where.st_ino}".encode()
    path = _find_base() / f"sluice-{hashlib.blake2s(key, digest_size=6).hexdigest()}"
    if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
        shutil.rmtree(path)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:  # someone else's
        path = Path(tempfile.mkdtemp(prefix="sluice-", dir=path.parent))
    if os.geteuid() == 0:
        path.chmod(0o711)  # Postgres, which is not root, passes through; each engine's own folder below is closed
    handle, maker = os.open(path, os.O_RDONLY), os.getpid()
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # systemd-tmpfiles leaves locked folders alone
        yield path
    finally:
        os.close(handle)
        if os.getpid() == maker:
            shutil.rmtree(path, ignore_errors=True)  # what stays is removed by the next start


def _describe_ourselves() -> str:
    since = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    return f"process {os.getpid()} ({shlex.join(sys.orig_argv)[:300]}) since {since}"


def _find_base() -> Path:
    for name in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - only a folder of our own inside it is used
        # Plain characters need no quoting in any of the URL dialects.
        plain = re.fullmatch(rf"[A-Za-z0-9_./-]{{1,{_MAX_BASE}}}", name)
        if plain and (os.geteuid() != 0 or is_open_to_all(Path(name))):
            return Path(name)
    raise StartupError("No temporary folder with a short path was found for the engines' sockets.")
