"""The S3 store, beyond the contract of every blob store: its requests, and the messages about failures."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from structlog.testing import capture_logs

from app.adapters.storage import s3 as s3_storage
from app.adapters.storage.s3 import S3Store
from app.bootstrap import check_storage, choose_blobs
from app.domain.errors import FileMissingError, SluiceError, StartupError, StorageFullError, StorageUnavailableError
from app.settings import load_settings
from tests.adapters.blobs import put, read
from tests.adapters.s3_servers import BUCKET, CREDENTIALS, SECRET, run_answering, run_s3

KEY = "7f/0192f3a47f"
MEGABYTE = 1024 * 1024
# The server states for every upload that it began in 2010.
_SERVERS_AGE = datetime.now(UTC) - datetime(2010, 11, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with run_s3() as service:
        yield service.url


@pytest.fixture
def client(s3_url: str) -> Any:
    return boto3.session.Session().client("s3", endpoint_url=s3_url)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def make_store(
    url: str, spool: Path, *, bucket: str = BUCKET, prefix: str = "p", encryption: str | None = None
) -> S3Store:
    return S3Store(bucket=bucket, prefix=prefix, spool=spool, endpoint_url=url, encryption=encryption)


@pytest.mark.parametrize(("prefix", "name"), [("team/sluice", f"team/sluice/{KEY}"), ("", KEY)])
async def test_the_prefix_is_part_of_every_key(
    s3_url: str, client: Any, tmp_path: Path, prefix: str, name: str
) -> None:
    await put(make_store(s3_url, tmp_path, prefix=prefix), KEY, b"heron")
    assert client.get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"heron"
    with pytest.raises(FileMissingError):
        await read(make_store(s3_url, tmp_path, prefix="other"), KEY)


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms"])
@pytest.mark.parametrize("size", [5, 9 * MEGABYTE], ids=["in one request", "in parts"])
async def test_files_are_encrypted_as_the_setting_says(
    s3_url: str, client: Any, tmp_path: Path, encryption: str, size: int
) -> None:
    await put(make_store(s3_url, tmp_path, encryption=encryption), KEY, b"a" * size)
    assert client.head_object(Bucket=BUCKET, Key=f"p/{KEY}")["ServerSideEncryption"] == encryption


async def test_a_large_file_travels_in_parts(s3_url: str, client: Any, tmp_path: Path) -> None:
    await put(make_store(s3_url, tmp_path), KEY, b"a" * 20 * MEGABYTE)
    assert client.head_object(Bucket=BUCKET, Key=f"p/{KEY}")["ETag"].endswith('-3"'), "20 MB are three parts of 8"


@pytest.mark.parametrize(
    ("patience", "left"), [(_SERVERS_AGE / 2, {"elsewhere/a"}), (_SERVERS_AGE * 2, {"elsewhere/a", "swept/a"})]
)
async def test_a_sweep_aborts_uploads_below_the_prefix_that_are_old(
    s3_url: str, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: timedelta, left: set[str]
) -> None:
    monkeypatch.setattr(s3_storage, "_ABANDONED", patience)
    for name in ("swept/a", "elsewhere/a"):
        client.create_multipart_upload(Bucket=BUCKET, Key=name)
    await make_store(s3_url, tmp_path, prefix="swept").sweep()
    found = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert {upload["Key"] for upload in found} == left
    for upload in found:
        client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


async def _try_all(store: S3Store, folder: Path) -> list[SluiceError]:
    """The errors of every method that sends a request."""
    writer = await store.create(KEY)
    await writer.write(b"heron")
    await writer.seal()
    attempts = [writer.commit(), read(store, KEY), store.fetch(KEY, folder), store.delete(KEY), store.sweep()]
    raised = await asyncio.gather(*attempts, return_exceptions=True)
    await writer.abort()
    assert all(isinstance(error, SluiceError) for error in raised), raised
    return [error for error in raised if isinstance(error, SluiceError)]


def _check_away(errors: list[SluiceError], detail: str) -> None:
    assert {(error.code, error.status, error.retryable) for error in errors} == {("storage_away", 503, True)}
    assert all(detail in error.message for error in errors), [error.message for error in errors]


@pytest.mark.usefixtures("credentials")
async def test_a_service_that_is_away_can_be_tried_again(tmp_path: Path) -> None:
    with socket.socket() as silent:  # bound, but not listening
        silent.bind(("127.0.0.1", 0))
        store = make_store(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "spool")
        _check_away(await _try_all(store, tmp_path), "EndpointConnectionError")
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalError"), (503, "SlowDown"), (429, "TooManyRequests"), (403, "AccessDenied"), (404, "NoSuchBucket")],
)
async def test_a_service_that_takes_no_request_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr(s3_storage, "_ATTEMPTS", 1)
    body = f"<Error><Code>{code}</Code><Message>Later.</Message></Error>".encode()
    with run_answering(status, body) as url:
        _check_away(await _try_all(make_store(url, tmp_path / "spool"), tmp_path), f"failed with {code}")


@pytest.mark.usefixtures("credentials")
async def test_a_service_whose_disk_is_full_is_no_service_that_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_storage, "_ATTEMPTS", 1)
    body = b"<Error><Code>XMinioStorageFull</Code></Error>"
    with run_answering(507, body) as url, pytest.raises(StorageFullError):
        await put(make_store(url, tmp_path / "spool"), KEY, b"heron")
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.usefixtures("credentials")
async def test_removing_what_is_not_there_succeeds_also_where_the_service_says_so(tmp_path: Path) -> None:
    with run_answering(404, b"<Error><Code>NoSuchKey</Code></Error>") as url:
        await make_store(url, tmp_path).delete(KEY)


@pytest.mark.usefixtures("credentials")
async def test_an_answer_that_breaks_off_is_no_shorter_file(tmp_path: Path) -> None:
    with run_answering(200, b"half of", promised=4000) as url, pytest.raises(StorageUnavailableError):
        await read(make_store(url, tmp_path), KEY)


async def test_a_bucket_that_is_not_there_stops_the_start(s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(
        StartupError, match=r"Cannot use the bucket 'nobodys' of STORAGE_URL: the bucket does not exist\."
    ):
        await check_storage(make_store(s3_url, tmp_path, bucket="nobodys"))


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(("status", "reason"), [(403, "access is denied"), (400, "the service answered 400")])
async def test_a_bucket_that_refuses_stops_the_start(tmp_path: Path, status: int, reason: str) -> None:
    with run_answering(status) as url, pytest.raises(StartupError, match=reason):
        await check_storage(make_store(url, tmp_path))


async def test_the_want_of_credentials_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StartupError, match="There are no credentials for STORAGE_URL: NoCredentialsError"):
        await check_storage(make_store("http://127.0.0.1:9", tmp_path))


@pytest.mark.usefixtures("credentials")
async def test_a_service_that_is_away_does_not_stop_the_start(tmp_path: Path) -> None:
    with run_answering(503) as url, capture_logs() as lines:
        await check_storage(make_store(url, tmp_path))
    assert [line["event"] for line in lines] == ["storage_unavailable"]


def test_a_check_leaves_no_thread_behind_that_a_fork_would_lose(s3_url: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    # As in a program before it forks: the event loop ends after the check, and its threads with it.
    asyncio.run(check_storage(make_store(s3_url, tmp_path)))
    left = {thread for thread in threading.enumerate() if "process_request" not in thread.name}
    assert left <= before, "but for those of the server"


async def test_no_credential_is_logged_however_much_is(
    s3_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = make_store(s3_url, tmp_path)
    await put(store, KEY, b"heron")
    await read(store, KEY)
    assert SECRET not in caplog.text
    assert CREDENTIALS["AWS_ACCESS_KEY_ID"] not in caplog.text
    assert "Authorization" not in caplog.text


async def test_the_settings_choose_the_store(s3_url: str, client: Any, tmp_path: Path) -> None:
    settings = load_settings(
        data_dir=tmp_path,
        storage_url=f"s3://{BUCKET}/from/settings/",
        s3_endpoint_url=s3_url,
        s3_server_side_encryption="aws:kms",
    )
    store = choose_blobs(settings)
    assert isinstance(store, S3Store)
    await put(store, KEY, b"heron")
    assert client.head_object(Bucket=BUCKET, Key=f"from/settings/{KEY}")["ServerSideEncryption"] == "aws:kms"
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///p", "s3://b", "s3://bucket/a//b", "s3://bucket/../a", "s3://bucket?a=b"]
)
def test_a_bucket_or_prefix_that_makes_no_keys_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="STORAGE_URL"):
        load_settings(storage_url=url)


def test_a_password_in_a_refused_setting_is_not_shown() -> None:
    with pytest.raises(StartupError) as refused:
        load_settings(storage_url=f"s3://{CREDENTIALS['AWS_ACCESS_KEY_ID']}:{SECRET}@{BUCKET}/p")
    assert SECRET not in refused.value.message
    assert "STORAGE_URL" in refused.value.message
