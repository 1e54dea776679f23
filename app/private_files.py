"""Files and folders that only their owner can read, whatever the umask of the process is."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

_FOLDER, _FILE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> None:
    """Make a folder, and its missing parents, for the owner only. An existing folder keeps its permissions."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=_FOLDER, exist_ok=True)


def append_private(path: Path) -> BinaryIO:
    """Open a file, made for the owner only if it is missing, to append bytes without a buffer."""
    return open(path, "ab", buffering=0, opener=_open)


def write_private(path: Path, text: str) -> None:
    """Replace a file's text. The file is for the owner only, also where it existed with other permissions."""
    with open(path, "w", encoding="utf-8", opener=_open) as file:
        os.fchmod(file.fileno(), _FILE)
        file.write(text)


def find_open(folder: Path) -> list[Path]:
    """The files and folders directly in a folder that other users can reach and have any permission on."""
    if not folder.is_dir() or not _is_open(folder):
        return []
    return sorted(path for path in folder.iterdir() if not path.is_symlink() and _is_open(path))


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE)
