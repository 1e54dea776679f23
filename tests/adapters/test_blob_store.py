"""The contract of every blob store."""

import asyncio
import hashlib
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from app.adapters.storage.files import FileStore
from app.adapters.storage.s3 import S3Store
from app.domain.errors import FileMissingError, StorageFullError
from app.domain.ports import BlobStore
from tests.adapters.blobs import put, read
from tests.adapters.s3_servers import BUCKET, run_s3

KEY = "7f/0192f3a47f"
MEGABYTE = 1024 * 1024


@dataclass
class Place:
    """A store under test, with access to its storage."""

    store: BlobStore
    spool: Path
    list_keys: Callable[[], set[str]]  # the keys of blobs in the file system or the bucket


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with run_s3() as service:
        yield service.url


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        root = tmp_path / "blobs"
        spool = root / ".incoming"
        return Place(
            FileStore(root),
            spool,
            lambda: {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.parent != spool},
        )
    url = request.getfixturevalue("s3_url")
    prefix = f"of/{tmp_path.name}"
    client = boto3.session.Session().client("s3", endpoint_url=url)

    def list_keys() -> set[str]:
        objects = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix + "/").get("Contents", [])
        return {found["Key"].removeprefix(prefix + "/") for found in objects}

    spool = tmp_path / "spool"
    return Place(
        S3Store(bucket=BUCKET, prefix=prefix, spool=spool, endpoint_url=url, encryption=None), spool, list_keys
    )


async def test_what_was_written_is_read_back_also_after_a_late_abort(place: Place) -> None:
    await put(place.store, KEY, b"The heron ", b"waits.")  # which ends with an abort
    assert await read(place.store, KEY) == b"The heron waits."
    assert place.list_keys() == {KEY}
    assert list(place.spool.iterdir()) == []


async def test_an_empty_blob_is_a_blob(place: Place) -> None:
    await put(place.store, KEY)
    assert await read(place.store, KEY) == b""


async def test_a_sealed_blob_is_a_local_file_and_nothing_is_visible_before_the_commit(place: Place) -> None:
    writer = await place.store.create(KEY)
    await writer.write(b"a" * 3 * MEGABYTE)
    await writer.write(b"b")
    assert (await writer.seal()).read_bytes() == b"a" * 3 * MEGABYTE + b"b"
    assert (await writer.seal()).stat().st_size == 3 * MEGABYTE + 1, "sealing twice changes nothing"
    assert place.list_keys() == set()
    with pytest.raises(FileMissingError):
        await read(place.store, KEY)
    await writer.commit()
    assert place.list_keys() == {KEY}


@pytest.mark.parametrize("size", [0, 7, MEGABYTE, 2 * MEGABYTE + 7])
async def test_a_blob_may_be_committed_without_being_sealed(place: Place, size: int) -> None:
    writer = await place.store.create(KEY)
    await writer.write(b"a" * size)
    await writer.commit()
    await writer.abort()
    assert await read(place.store, KEY) == b"a" * size
    assert list(place.spool.iterdir()) == []


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_aborted_blob_leaves_nothing(place: Place, sealed: bool) -> None:
    writer = await place.store.create(KEY)
    await writer.write(b"a" * 2 * MEGABYTE)
    if sealed:
        await writer.seal()
    await writer.abort()
    await writer.abort()
    assert place.list_keys() == set()
    assert list(place.spool.iterdir()) == []


async def test_a_blob_written_again_replaces_the_former_whole(place: Place) -> None:
    await put(place.store, KEY, b"former, and longer")
    writer = await place.store.create(KEY)
    await writer.write(b"latter")
    await writer.seal()
    assert await read(place.store, KEY) == b"former, and longer"
    await writer.commit()
    assert await read(place.store, KEY) == b"latter"


async def test_an_aborted_rewrite_leaves_the_former(place: Place) -> None:
    await put(place.store, KEY, b"former")
    writer = await place.store.create(KEY)
    await writer.write(b"latter")
    await writer.seal()
    await writer.abort()
    assert await read(place.store, KEY) == b"former"


async def test_concurrent_writers_do_not_mix(place: Place) -> None:
    texts = [bytes([97 + number]) * (MEGABYTE + number) for number in range(12)]
    await asyncio.gather(*(put(place.store, f"k/{number}", text) for number, text in enumerate(texts)))
    assert await asyncio.gather(*(read(place.store, f"k/{number}") for number in range(12))) == texts


async def test_of_writers_under_one_key_the_last_to_commit_wins_whole(place: Place) -> None:
    first, last = await place.store.create(KEY), await place.store.create(KEY)
    for _ in range(3):
        await asyncio.gather(first.write(b"a" * MEGABYTE), last.write(b"b" * MEGABYTE))
    await asyncio.gather(first.seal(), last.seal())
    await first.commit()
    await last.commit()
    assert await read(place.store, KEY) == b"b" * 3 * MEGABYTE


async def test_a_large_blob_comes_back_in_pieces_byte_for_byte(place: Place, tmp_path: Path) -> None:
    content = os.urandom(20 * MEGABYTE + 7)
    await put(place.store, KEY, *(content[start : start + 65_536] for start in range(0, len(content), 65_536)))
    pieces = [piece async for piece in place.store.open(KEY)]
    assert max(map(len, pieces)) <= MEGABYTE
    assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(content).digest()
    assert (await place.store.fetch(KEY, tmp_path)).read_bytes() == content


async def test_a_reading_may_be_given_up(place: Place) -> None:
    await put(place.store, KEY, b"a" * 5 * MEGABYTE)
    for _ in range(40):  # more than there are threads or connections
        pieces = place.store.open(KEY)
        assert await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]  # a generator in every store
    assert len(await read(place.store, KEY)) == 5 * MEGABYTE


async def test_two_blobs_are_fetched_into_one_folder(place: Place, tmp_path: Path) -> None:
    await put(place.store, "a/same", b"first")
    await put(place.store, "b/same", b"second")
    first, second = [await place.store.fetch(key, tmp_path) for key in ("a/same", "b/same")]
    assert (first.read_bytes(), second.read_bytes()) == (b"first", b"second")


async def test_a_missing_blob_is_named_so(place: Place, tmp_path: Path) -> None:
    (folder := tmp_path / "into").mkdir()
    with pytest.raises(FileMissingError):
        await read(place.store, KEY)
    with pytest.raises(FileMissingError):
        await place.store.fetch(KEY, folder)
    assert list(folder.iterdir()) == []


async def test_deleting_works_once_and_twice(place: Place) -> None:
    await put(place.store, KEY, b"gone")
    await put(place.store, "7f/other", b"stays")
    await place.store.delete(KEY)
    await place.store.delete(KEY)
    with pytest.raises(FileMissingError):
        await read(place.store, KEY)
    assert place.list_keys() == {"7f/other"}


@pytest.mark.parametrize(
    "key",
    [
        *("", ".", "..", "/", "/etc/passwd", "../outside", "a/../b", "a/./b", "a//b", "a/", ".incoming/x", "a/.b"),
        *("a b", "a\0b", "a\nb", "a\n", "ä", "a\\b", "a?b", "a#b", "a%2e", "~/a", "a:b", "a" * 201, "a/" * 8 + "a"),
    ],
)
async def test_a_key_that_stores_could_read_differently_is_refused(place: Place, tmp_path: Path, key: str) -> None:
    with pytest.raises(FileMissingError):
        await place.store.create(key)
    with pytest.raises(FileMissingError):
        await read(place.store, key)
    with pytest.raises(FileMissingError):
        await place.store.fetch(key, tmp_path)
    with pytest.raises(FileMissingError):
        await place.store.delete(key)


async def test_the_keys_that_sluice_makes_are_taken(place: Place) -> None:
    keys = {"7f/0192f3a47f3c7b1e8a55", "7f/0192f3a47f3c7b1e8a55-9999", "doctor/0192", "a/b.c_d-e"}
    for key in keys:
        await put(place.store, key, key.encode())
        assert await read(place.store, key) == key.encode()
    assert place.list_keys() == keys


async def test_a_sweep_removes_what_is_a_day_old_and_no_blob(place: Place) -> None:
    await put(place.store, KEY, b"stays")
    old, young = [await place.store.create(key) for key in ("a/old", "a/young")]
    for writer in (old, young):
        await writer.write(b"on its way")
    left, busy = await old.seal(), await young.seal()
    day_old = time.time() - 24 * 3600 - 60
    os.utime(left, (day_old, day_old))
    await place.store.sweep()
    assert (left.exists(), busy.exists()) == (False, True)
    assert await read(place.store, KEY) == b"stays"
    await young.commit()
    assert place.list_keys() == {KEY, "a/young"}


async def test_a_full_disk_is_named_so_and_leaves_nothing(place: Place) -> None:
    writer = await place.store.create(KEY)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, limits[1]))
    try:
        with pytest.raises(StorageFullError):
            await writer.write(b"a" * 2 * MEGABYTE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await writer.abort()
    assert place.list_keys() == set()
    assert list(place.spool.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_only_the_owner_can_read_files_and_folders_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    root = tmp_path / "made" / "here"
    former = os.umask(umask)
    try:
        store = FileStore(root)
        writer = await store.create(KEY)
        await writer.write(b"on its way")
        await writer.seal()
        await put(store, "8a/stored", b"stored")
    finally:
        os.umask(former)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


async def test_a_store_that_works_says_so_and_is_left_as_it_was(place: Place) -> None:
    await place.store.check()
    assert place.list_keys() == set()
    assert list(place.spool.iterdir()) == []


def test_a_store_serves_one_event_loop_after_another(place: Place) -> None:
    # A new event loop each time is what this test is about.
    asyncio.run(put(place.store, KEY, b"heron"))
    assert asyncio.run(read(place.store, KEY)) == b"heron"
