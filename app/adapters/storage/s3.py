"""Stores blobs as objects below one prefix of an S3 bucket, through Amazon's client in threads."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from app.adapters.storage.spool import Spool, SpoolWriter, check_key
from app.domain.errors import (
    FileMissingError,
    StartupError,
    StorageFullError,
    StorageUnavailableError,
    translated_disk_errors,
)
from app.domain.ports import StoredFile

_PIECE = 1024 * 1024
_PART = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_REQUESTS = 16
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 30, 3
_ABANDONED = timedelta(days=1)
_REFUSALS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "access is denied",
    HTTPStatus.NOT_FOUND: "the bucket does not exist",
}
_VERBOSE_LOGGERS = ("boto3", "botocore", "s3transfer", "urllib3")
Result = TypeVar("Result")


def _read_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _describe(error: BaseException) -> str:
    """Describe an error without the service's message, which may hold names of accounts and keys."""
    if isinstance(error, ClientError):
        return f"{error.operation_name} failed with {error.response.get('Error', {}).get('Code')}."
    return f"The request failed with {type(error).__name__}."


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        # The error of a failed upload is wrapped; its context is the original one.
        cause = error.__context__ if isinstance(error, Boto3Error) and error.__context__ else error
        if isinstance(cause, ClientError):
            if cause.response.get("Error", {}).get("Code") == "NoSuchKey":
                raise FileMissingError from None
            if _read_status(cause) == HTTPStatus.INSUFFICIENT_STORAGE:
                raise StorageFullError(_describe(cause)) from None
        raise StorageUnavailableError(_describe(cause)) from None


def _call(function: Callable[..., Result], *arguments: Any) -> Result:
    with _translated_errors():
        return function(*arguments)


class S3Writer(SpoolWriter):
    """Writes a blob to a local file, which ``commit`` uploads."""

    def __init__(self, temporary: Path, upload: Callable[[Callable[[], None], Path], Awaitable[None]]) -> None:
        super().__init__(temporary)
        self._upload = upload

    async def commit(self) -> None:
        """Write the remaining bytes and upload the file. The blob is durable once the bucket has confirmed it."""
        await self._upload(self._flush, self._temporary)
        self._committed = True


class S3Store:
    """A blob store in a bucket of Amazon S3 or a compatible service.

    The store has its own threads, so that a slow bucket does not delay other work in threads. The client is made at the
    first request: never before a fork, and not in processes that store nothing.

    Args:
        bucket: The name of the bucket. Amazon's client finds credentials and region as in every program.
        prefix: The prefix of every key, without slashes at its ends; empty for none.
        spool: A local folder for blobs while they are written.
        endpoint_url: The address of the service; None for Amazon's.
        encryption: ``AES256`` or ``aws:kms``; None for the default of the bucket.
    """

    is_local = False

    def __init__(
        self, *, bucket: str, prefix: str, spool: Path, endpoint_url: str | None, encryption: str | None
    ) -> None:
        for name in _VERBOSE_LOGGERS:  # at DEBUG they log request headers, which hold session tokens
            logging.getLogger(name).setLevel(logging.WARNING)
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._spool = Spool(spool)
        self._endpoint_url = endpoint_url
        self._extra = {"ServerSideEncryption": encryption} if encryption else {}
        self._threads = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="s3")
        self._lock = threading.Lock()
        self._made: Any = None

    async def create(self, key: str) -> S3Writer:
        """Begin a new blob."""
        name = self._name(key)
        return S3Writer(self._spool.name_file(), partial(self._run, self._upload, name))

    async def open(self, key: str) -> AsyncGenerator[bytes, None]:
        """Read the blob, a megabyte at a time."""
        body = await self._run(self._get, self._name(key))
        try:
            while piece := await self._run(body.read, _PIECE):
                yield piece
        finally:
            self._threads.submit(body.close)  # in a thread, because closing waits for a read that was cancelled

    async def fetch(self, key: str, folder: Path) -> Path:
        """Copy the blob into ``folder``; returns the path of the copy."""
        path = folder / key.replace("/", "_")
        async with aclosing(self.open(key)) as pieces:
            first = await anext(pieces, b"")
            with translated_disk_errors(), path.open("wb") as file:
                await asyncio.to_thread(file.write, first)
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
        return path

    async def delete(self, key: str) -> None:
        """Remove the blob. Does nothing if there is none."""
        name = self._name(key)
        with suppress(FileMissingError):  # for a missing object, not all services answer with success, as Amazon does
            await self._run(lambda: self._client().delete_object(Bucket=self._bucket, Key=name))

    async def list(self, after: str | None, limit: int) -> Sequence[StoredFile]:
        """List objects below the prefix in the order of keys, with one request for every thousand."""
        return await self._run(self._list, after, limit)

    async def sweep(self) -> None:
        """Remove local files and multipart uploads that were abandoned more than a day ago."""
        await asyncio.to_thread(self._spool.sweep)
        await self._run(self._abort_abandoned)

    async def check(self) -> None:
        """Check that the bucket can be used. The thread for it ends with the event loop: a program may fork afterwards.

        Raises:
            StartupError: it cannot be used.
            StorageUnavailableError: it cannot be reached now.
        """
        await asyncio.to_thread(_call, self._head)

    async def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        run = copy_context().run  # so that log lines of Amazon's client carry the id of the task or request
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, _call, function, *arguments)

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = boto3.session.Session().client(
                    "s3", endpoint_url=self._endpoint_url, config=_configure(compatible=self._endpoint_url is not None)
                )
            return self._made

    def _upload(self, name: str, complete: Callable[[], None], path: Path) -> None:
        complete()
        transfer = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_PARTS_AT_ONCE)
        self._client().upload_file(str(path), self._bucket, name, ExtraArgs=self._extra, Config=transfer)
        path.unlink(missing_ok=True)

    def _get(self, name: str) -> Any:
        return self._client().get_object(Bucket=self._bucket, Key=name)["Body"]

    def _list(self, after: str | None, limit: int) -> Sequence[StoredFile]:
        start = {"StartAfter": self._prefix + after} if after else {}
        paging = {"MaxItems": limit, "PageSize": min(limit, 1000)}
        pages = self._client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self._bucket, Prefix=self._prefix, PaginationConfig=paging, **start)
        return [
            StoredFile(blob["Key"].removeprefix(self._prefix), blob["LastModified"])
            for page in found
            for blob in page.get("Contents", [])
        ]

    def _abort_abandoned(self) -> None:
        """Abort multipart uploads that are more than a day old, including those of other programs below the prefix."""
        client, before = self._client(), datetime.now(UTC) - _ABANDONED
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for upload in (upload for page in pages for upload in page.get("Uploads", [])):
            if upload["Initiated"] < before:
                try:
                    client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                except client.exceptions.NoSuchUpload:
                    continue  # another sweep has aborted it

    def _head(self) -> None:
        try:
            self._client().head_bucket(Bucket=self._bucket)
        except ClientError as error:
            status = _read_status(error)
            refused = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
            if not refused or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}:
                raise
            reason = _REFUSALS.get(status, f"the service answered {status}")
            raise StartupError(f"Cannot use the bucket {self._bucket!r} of STORAGE_URL: {reason}.") from None
        except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
            reason = f"{type(error).__name__}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
            raise StartupError(f"There are no credentials for STORAGE_URL: {reason}.") from None
        except ValueError as error:
            raise StartupError(f"S3_ENDPOINT_URL: {error}.") from None


def _configure(*, compatible: bool) -> Config:
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
        "max_pool_connections": _REQUESTS * _PARTS_AT_ONCE,
        "tcp_keepalive": True,
    }
    if compatible:
        # Compatible services have one host name for all buckets, and not all support Amazon's newer checksums.
        options |= {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    return Config(**options)
