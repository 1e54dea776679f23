"""Temporary folders of killed processes are removed; those that a process uses stay."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from app.temporary_folders import TemporaryFolder, remove_abandoned_folders

_PROGRAM = """
import sys, time
from app.temporary_folders import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "page").write_bytes(b"content")
print(folder.path, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def make_old(folder: Path) -> None:
    """Let a folder be as old as one that is used for an hour."""
    os.utime(folder, (time.time() - 3600,) * 2)


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_running_one_stays(parent: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(parent)}
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            folder = Path(process.stdout.readline().strip())
            make_old(folder)
            assert remove_abandoned_folders() == 0
            assert (folder / "page").exists()
        finally:
            process.send_signal(signal.SIGKILL)
    assert remove_abandoned_folders() == 1
    assert not folder.exists()


def test_the_folders_of_this_process_stay_until_it_removes_them(parent: Path) -> None:
    with TemporaryFolder() as folder:
        make_old(folder)
        assert remove_abandoned_folders() == 0
        assert folder.is_dir()
    assert list(parent.iterdir()) == []


def test_a_folder_that_was_just_made_and_is_not_locked_yet_stays(parent: Path) -> None:
    (parent / "sluice-locked-abcdefgh").mkdir()
    assert remove_abandoned_folders() == 0


def test_folders_and_links_of_other_programs_stay(parent: Path) -> None:
    target = parent / "other"
    target.mkdir()
    make_old(target)
    (parent / "sluice-locked-link").symlink_to(target)
    os.utime(parent / "sluice-locked-link", (0, 0), follow_symlinks=False)
    assert remove_abandoned_folders() == 0
    assert target.is_dir()


def test_a_forked_child_removes_no_folder_of_its_parent() -> None:
    with TemporaryFolder() as folder:
        make_old(folder)
        if (pid := os.fork()) == 0:
            os._exit(remove_abandoned_folders())
        assert os.waitpid(pid, 0)[1] == 0
        assert folder.is_dir()


def test_removing_twice_does_nothing_the_second_time() -> None:
    made = TemporaryFolder()
    made.remove()
    made.path.mkdir()
    made.remove()
    assert made.path.is_dir()
