"""Every blob store lists its blobs in parts, so that upkeep can compare any number of them with the rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.adapters.storage.files import FileStore
from app.adapters.storage.s3 import S3Store
from app.domain.ports import BlobStore
from tests.adapters.blobs import put
from tests.adapters.s3_servers import BUCKET, run_s3

KEYS = {"0a/1", "0a/1-page-1", "0a/2", "0b-c/1", "0b/1/2/3", "0b/2", "doctor"}


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with run_s3() as service:
        yield service.url


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "file":
        return FileStore(tmp_path)
    url, prefix = request.getfixturevalue("s3_url"), f"of/{tmp_path.name}"
    return S3Store(bucket=BUCKET, prefix=prefix, spool=tmp_path, endpoint_url=url, encryption=None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_parts_contain_every_blob_once(store: BlobStore, limit: int) -> None:
    for key in KEYS:
        await put(store, key, b"content")
    writer = await store.create("0c/unfinished")
    await writer.write(b"content")
    await writer.seal()
    found, after = [], None
    while files := await store.list(after, limit):
        assert len(files) <= limit
        found += [file.key for file in files]
        after = files[-1].key
    await writer.abort()
    assert sorted(found) == sorted(KEYS)


async def test_a_blob_says_when_it_was_written(store: BlobStore) -> None:
    await put(store, "0a/1", b"content")
    [file] = await store.list(None, 10)
    assert abs(file.written_at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_a_part_may_begin_after_a_blob_that_is_gone(store: BlobStore) -> None:
    for key in ("0a/1", "0a/2", "0b/1"):
        await put(store, key, b"content")
    await store.delete("0a/2")
    assert [file.key for file in await store.list("0a/2", 10)] == ["0b/1"]
