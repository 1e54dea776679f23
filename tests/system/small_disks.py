"""A small disk for tests: a file system of four megabytes in memory, or else a limit for the files of a process."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import list_family

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A folder that holds less than six megabytes; ``mounted`` where it is a file system, which can be filled."""

    folder: Path
    mounted: bool

    def limit(self, pid: int) -> None:
        """Limit a process and its children, where the folder is on a large file system."""
        if not self.mounted:
            for process in list_family(pid):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4 * MEGABYTE, 4 * MEGABYTE))

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Fill the file system to its last byte; skips the test where there is none."""
        if not self.mounted:
            pytest.skip("only a mounted file system can be filled, and this user may not mount one")
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def make_small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small file system on a new folder, if this user may."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield SmallDisk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
