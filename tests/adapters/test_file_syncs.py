"""A file is committed only when both its bytes and its name are on the disk, and not at all if either fails."""

import asyncio
import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from app.adapters.storage.files import FileStore
from app.domain.errors import StorageFullError
from tests.adapters.blobs import put, read
from tests.api.checks import list_files

KEY = "7f/heron"


async def test_a_commit_waits_for_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, began = threading.Event(), threading.Event()

    def sync(folder: Path) -> None:
        assert (folder / "heron").exists()
        began.set()
        assert synced.wait(30)

    monkeypatch.setattr("app.adapters.storage.files._sync_folder", sync)
    store = FileStore(tmp_path)
    (tmp_path / "7f").mkdir()
    committing = asyncio.create_task(put(store, KEY, b"The heron waits."))
    assert await asyncio.to_thread(began.wait, 30)
    assert not committing.done()
    synced.set()
    await committing
    assert await read(store, KEY) == b"The heron waits."


@pytest.mark.parametrize("failing", ["the file", "the folder", "both"])
async def test_a_failed_sync_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    sync = os.fsync
    store = FileStore(tmp_path)
    (tmp_path / "7f").mkdir()

    def fail(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if failing == "both" or is_folder == (failing == "the folder"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr("app.adapters.storage.files.os.fsync", fail)
    with pytest.raises(StorageFullError):
        await put(store, KEY, b"The heron waits.")
    assert list_files(tmp_path) == set()
